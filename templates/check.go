package templates

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"text/template/parse"
)

// source is one template text and where it stands in its file.
type source struct {
	file string
	line int // of the first line of text
	text string
}

// lineAt is the line in the file of an octet of the text.
func (s source) lineAt(pos parse.Pos) int {
	return s.line + strings.Count(s.text[:min(int(pos), len(s.text))], "\n")
}

// checker walks a parsed template and knows the type of the dot, so that a
// field that does not exist is found before a mail needs it.
type checker struct {
	source
	problems []Problem
	seen     map[string]bool // paths of the fields used, such as "Ticket.Tag"
	vars     map[string]kind
	inRange  bool
}

// kind is a type with the path of the field it came from. The zero kind is
// unknown: nothing is said about it.
type kind struct {
	t    reflect.Type
	path string
}

var parseError = regexp.MustCompile(`^template: .*?:(\d+)(?::\d+)?: (.*)`)

// parseSource reads a template with the allowed functions only.
func parseSource(src source, funcs map[string]any) (*parse.Tree, *checker) {
	c := &checker{source: src, seen: map[string]bool{}, vars: map[string]kind{"$": {t: reflect.TypeFor[Data]()}}}
	trees, err := parse.Parse(src.file, src.text, "", "", builtins(), funcs)
	if err != nil {
		line, text := src.line, err.Error()
		if m := parseError.FindStringSubmatch(text); m != nil {
			n, _ := strconv.Atoi(m[1]) // digits only; a number too long is line 0
			line, text = src.line+n-1, m[2]
		}
		c.problems = append(c.problems, Problem{File: src.file, Line: line, Text: text})
		return nil, c
	}
	for name, tree := range trees {
		if name != src.file {
			c.report(tree.Root.Pos, "define and block cannot be used here")
		}
	}
	tree := trees[src.file]
	c.list(tree.Root, c.vars["$"])
	return tree, c
}

func (c *checker) report(pos parse.Pos, format string, args ...any) {
	c.problems = append(c.problems, Problem{File: c.file, Line: c.lineAt(pos), Text: fmt.Sprintf(format, args...)})
}

func (c *checker) list(l *parse.ListNode, dot kind) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		c.node(n, dot)
	}
}

func (c *checker) node(n parse.Node, dot kind) {
	switch n := n.(type) {
	case *parse.ActionNode:
		c.pipe(n.Pipe, dot)
	case *parse.IfNode:
		c.pipe(n.Pipe, dot)
		c.list(n.List, dot)
		c.list(n.ElseList, dot)
	case *parse.WithNode:
		c.list(n.List, c.pipe(n.Pipe, dot))
		c.list(n.ElseList, dot)
	case *parse.RangeNode:
		c.rangeOver(n, dot)
	case *parse.TemplateNode:
		c.report(n.Pos, "template cannot be used here")
	}
}

// rangeOver allows a range over a list or a map of the data, not within another
// range: the work is then bounded by the data.
func (c *checker) rangeOver(n *parse.RangeNode, dot kind) {
	over := c.pipe(n.Pipe, dot)
	if over.t == nil || over.t.Kind() != reflect.Slice && over.t.Kind() != reflect.Map {
		c.report(n.Pos, "range can only go over .Attachments and .Ticket.Fields")
		return
	}
	if c.inRange {
		c.report(n.Pos, "a range cannot stand within another")
		return
	}
	elem := kind{t: over.t.Elem(), path: over.path}
	for i, v := range n.Pipe.Decl {
		if i == len(n.Pipe.Decl)-1 {
			c.set(v.Ident[0], elem)
		} else {
			c.set(v.Ident[0], kind{})
		}
	}
	c.inRange = true
	c.list(n.List, elem)
	c.inRange = false
	c.list(n.ElseList, dot)
}

// set gives a variable its type. One name with two types is not followed.
func (c *checker) set(name string, k kind) {
	if old, ok := c.vars[name]; ok && old.t != k.t {
		k = kind{}
	}
	c.vars[name] = k
}

func (c *checker) pipe(p *parse.PipeNode, dot kind) kind {
	var last kind
	for _, cmd := range p.Cmds {
		last = c.command(cmd, dot)
	}
	for _, v := range p.Decl {
		c.set(v.Ident[0], last)
	}
	return last
}

func (c *checker) command(cmd *parse.CommandNode, dot kind) kind {
	first := c.operand(cmd.Args[0], dot)
	for _, arg := range cmd.Args[1:] {
		c.operand(arg, dot)
	}
	return first
}

func (c *checker) operand(n parse.Node, dot kind) kind {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return c.fields(n.Pos, dot, n.Ident)
	case *parse.VariableNode:
		return c.fields(n.Pos, c.vars[n.Ident[0]], n.Ident[1:])
	case *parse.ChainNode:
		return c.fields(n.Pos, c.operand(n.Node, dot), n.Field)
	case *parse.PipeNode:
		return c.pipe(n, dot)
	}
	return kind{}
}

// fields follows a chain such as .Ticket.Subject and notes that it is used.
func (c *checker) fields(pos parse.Pos, k kind, names []string) kind {
	for _, name := range names {
		switch {
		case k.t == nil:
			return kind{}
		case k.t.Kind() == reflect.Map:
			k = kind{t: k.t.Elem()}
			continue
		case k.t.Kind() != reflect.Struct:
			c.report(pos, "unknown field .%s", name)
			return kind{}
		}
		f, ok := k.t.FieldByName(name)
		if !ok {
			c.report(pos, "unknown field .%s", name)
			return kind{}
		}
		path := f.Name
		if k.path != "" {
			path = k.path + "." + f.Name
		}
		k = kind{t: f.Type, path: path}
		c.seen[path] = true
	}
	return k
}
