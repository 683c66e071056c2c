package templates

import (
	htmltemplate "html/template"
	"reflect"
	"strings"
	"text/template/parse"
)

// plan is a template that only shows texts, chooses by them with "if" and
// "with", and calls quote, lines and re: as every built-in acknowledgement does.
// It writes what the template would, without finding each field by its name and
// calling each function through reflection. Where it ends in an error, the
// template is executed all the same, and says what is wrong.
type plan []step

// step is a text, a value, or a choice by a value.
type step struct {
	text   string
	value  *value
	choice bool
	with   bool // the value is the dot of then
	then   plan
	orElse plan
}

// value is a text of the data.
type value struct {
	field  []int                        // of Data; nil: the dot
	call   func(string) (string, error) // nil: none
	escape bool                         // for HTML
}

// write appends to out what the plan makes of a Data. dot is the text of the
// "with" that the plan stands in.
func (p plan) write(out *limited, data reflect.Value, dot string) error {
	for i := range p {
		s := &p[i]
		text, err := s.text, error(nil)
		if s.value != nil {
			text, err = s.value.of(data, dot)
		}
		switch {
		case err != nil:
		case !s.choice:
			err = out.text(text)
		case text == "":
			err = s.orElse.write(out, data, dot)
		case s.with:
			err = s.then.write(out, data, text)
		default:
			err = s.then.write(out, data, dot)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *value) of(data reflect.Value, dot string) (s string, err error) {
	s = dot
	if v.field != nil {
		s = data.FieldByIndex(v.field).String()
	}
	if v.call != nil {
		s, err = v.call(s)
	}
	if v.escape {
		s = escaped.Replace(s)
	}
	return s, err
}

// htmlEscaper is the function that html/template puts behind a value between
// tags, and escaped what it does to a text.
const htmlEscaper = "_html_template_htmlescaper"

var escaped = strings.NewReplacer(
	"\x00", "\uFFFD", `"`, "&#34;", "&", "&amp;", "'", "&#39;", "+", "&#43;", "<", "&lt;", ">", "&gt;",
)

// planner makes a plan of a tree. It is lost at what a plan cannot do.
type planner struct {
	funcs map[string]any
	html  bool
	lost  bool
}

// planOf is the plan of a template, nil when there is none. A tree of HTML is
// the one that html/template has made safe.
func planOf(tree *parse.Tree, funcs map[string]any, html bool) plan {
	p := planner{funcs: funcs, html: html}
	made := p.list(tree.Root, false)
	if p.lost {
		return nil
	}
	return made
}

// list is the plan of a list; within says that its dot is a text, not the Data.
func (p *planner) list(l *parse.ListNode, within bool) (made plan) {
	if l == nil {
		return nil
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			made = append(made, step{text: string(n.Text)})
		case *parse.ActionNode:
			made = append(made, step{value: p.value(n.Pipe, p.html, within)})
		case *parse.IfNode:
			made = append(made, p.choice(&n.BranchNode, within, false))
		case *parse.WithNode:
			made = append(made, p.choice(&n.BranchNode, within, true))
		default:
			p.lost = true
		}
	}
	return made
}

func (p *planner) choice(n *parse.BranchNode, within, with bool) step {
	return step{
		choice: true, with: with, value: p.value(n.Pipe, false, within),
		then: p.list(n.List, within || with), orElse: p.list(n.ElseList, within),
	}
}

// value is a pipeline of one command: a text, or a function of one.
func (p *planner) value(n *parse.PipeNode, escape, within bool) *value {
	cmds := n.Cmds
	if last := len(cmds) - 1; escape && cmds[last].String() == htmlEscaper {
		cmds = cmds[:last]
	} else if escape {
		p.lost = true
	}
	if len(n.Decl) > 0 || len(cmds) != 1 {
		p.lost = true
		return nil
	}
	args := cmds[0].Args
	v := &value{field: p.field(args[len(args)-1], within), escape: escape}
	if len(args) == 1 {
		return v
	}
	switch f := p.funcs[args[0].String()].(type) {
	case func(string) string:
		v.call = func(s string) (string, error) { return f(s), nil }
	case func(string) (string, error):
		v.call = f
	case func(string) (htmltemplate.HTML, error):
		v.call = func(s string) (string, error) { h, err := f(s); return string(h), err }
		v.escape = false
		p.lost = p.lost || !escape // a dot does not know that it is HTML
	default:
		p.lost = true
	}
	p.lost = p.lost || len(args) > 2
	return v
}

// field finds a text among the fields of Data.
func (p *planner) field(n parse.Node, within bool) (index []int) {
	t := reflect.TypeFor[Data]()
	switch n := n.(type) {
	case *parse.DotNode:
		p.lost = p.lost || !within
		return nil
	case *parse.FieldNode:
		for _, name := range n.Ident {
			if t.Kind() != reflect.Struct {
				p.lost = true
				return nil
			}
			f, _ := t.FieldByName(name) // is there: see checker
			index, t = append(index, f.Index...), f.Type
		}
	}
	p.lost = p.lost || within || t.Kind() != reflect.String
	return index
}
