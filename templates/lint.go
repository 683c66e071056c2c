package templates

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Problem is something wrong with a template file.
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line"` // from 1; 0 when it is about the whole file
	Text string `json:"text"`
	// Note marks what is worth a look and does no harm: Load accepts it.
	Note bool `json:"note"`
}

// Error is "file:line: text".
func (p Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ": " + p.Text
}

// Lint reports everything wrong with the templates that Load would read, notes
// included, ordered by file and line. An empty dir checks the built-in ones.
func Lint(dir, language string) []Problem {
	l, err := newLoader(dir, language)
	if err != nil {
		return []Problem{{File: dir, Text: err.Error()}}
	}
	primary, _, _ := strings.Cut(strings.ToLower(language), "-")
	if primary != l.language {
		l.problems = append(l.problems, Problem{
			File: dir, Note: true,
			Text: fmt.Sprintf("no built-in templates in %q: English is used where the folder has no file", language),
		})
	}
	l.load()
	l.unknownFiles()
	slices.SortStableFunc(l.problems, func(a, b Problem) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
	return slices.Compact(l.problems)
}

func (l *loader) problem(file string, line int, format string, args ...any) {
	l.problems = append(l.problems, Problem{File: file, Line: line, Text: fmt.Sprintf(format, args...)})
}

func (l *loader) note(file string, line int, format string, args ...any) {
	l.problems = append(l.problems, Problem{File: file, Line: line, Text: fmt.Sprintf(format, args...), Note: true})
}

// unknownFiles notes files that no event reads: a misspelt name would leave the
// built-in template in use without a word.
func (l *loader) unknownFiles() {
	var known []string
	for _, event := range Events() {
		known = append(known, event+".txt", event+".html")
	}
	for _, name := range l.names {
		if !slices.Contains(known, name) {
			l.note(filepath.Join(l.dir, name), 0, "no event reads this file; known are %s", strings.Join(known, ", "))
		}
	}
}

// located takes the line out of an error of a template's execution.
func located(src source, err error) (int, string) {
	m := executeError.FindStringSubmatch(err.Error())
	if m == nil {
		return src.line, err.Error()
	}
	n, _ := strconv.Atoi(m[1]) // digits only; a number too long is line 0
	return src.line + n - 1, m[2]
}

// Sample is data that uses every field, for trying out a template. The marker is
// the one that mails to agents carry.
func Sample() Data {
	return Data{
		Desk: "Example Support",
		Ticket: Ticket{
			ID: "0002139", Tag: "[ID:0002139]", Subject: "Printer on the second floor", Type: "incident",
			Status: "open", Priority: "normal", Fields: map[string]string{"serial": "X-1042"},
		},
		Requester:   Person{Name: "Ada Muster"},
		Author:      Person{Name: "Kim Beispiel"},
		Kind:        "Agent",
		Text:        "Please switch the printer off and on again.\n\nDoes it print then?",
		Quoted:      "The printer shows E42\nand beeps <three> times.",
		QuotedBy:    "Ada Muster",
		QuotedAt:    "2 March 2026, 09:14",
		Signature:   "Example Support\nMonday to Friday, 8 to 18",
		Marker:      "##- Please type your answer above this line -##",
		Attachments: []string{"manual.pdf", "photo.jpg"},
	}
}
