package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a configuration, for a person to mend.
type Problem struct {
	File string
	// Line and Column count from 1; a column is a character. Both are 0 when the
	// problem has no place, such as something that is missing altogether.
	Line, Column int
	// Key is the key in dotted form, entries of arrays counted from 1:
	// "rule[2].capture[1].regex". Empty when the problem is not about a key.
	Key  string
	Text string
}

// String is the problem on one line: file, line, column, key, text.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	b.WriteString(": " + p.Text)
	return b.String()
}

// Error is everything that is wrong with a configuration, in the order of the
// file.
type Error struct{ Problems []Problem }

// Error has one line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// problems collects what is wrong while a configuration is read.
type problems struct {
	file   string
	places places
	list   []Problem
	// settled are keys that need no further complaint, about them or what is in
	// them: what stands there could not be read in the first place.
	settled map[string]bool
}

// settle ends the first pass: keys with a problem get no second one.
func (p *problems) settle() {
	p.settled = map[string]bool{}
	for _, one := range p.list {
		p.settled[one.Key] = true
	}
}

// add notes a problem of the key at path, or of the nearest table around it
// that stands in the file.
func (p *problems) add(path, format string, args ...any) {
	for up := path; up != ""; up = parent(up) {
		if p.settled[up] {
			return
		}
	}
	at := p.places.of(path)
	p.list = append(p.list, Problem{p.file, at.line, at.column, path, fmt.Sprintf(format, args...)})
}

// err is nil without problems.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Key, b.Key))
	})
	return &Error{p.list}
}
