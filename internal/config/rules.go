package config

import (
	"maps"
	"regexp"
	"slices"
)

const (
	// maxExpression bounds a regular expression, in octets.
	maxExpression = 2000
	// maxField bounds the name of a captured field, in octets.
	maxField = 64
)

func (c *Config) completeRules(p *problems) {
	names := map[string]bool{}
	for i := range c.Rule {
		r, path := &c.Rule[i], entry("rule", i)
		switch {
		case r.Name == "":
			p.add(path+".name", "missing: the trace of a mail names the rules that touched it")
		case names[r.Name]:
			p.add(path+".name", "another rule is called %q, too", clip(r.Name))
		}
		names[r.Name] = true
		if _, ok := c.Mailbox[r.Mailbox]; !ok && r.Mailbox != "" {
			p.add(path+".mailbox", "there is no mailbox %q%s", clip(r.Mailbox),
				didYouMean(r.Mailbox, slices.Sorted(maps.Keys(c.Mailbox))))
		}
		if len(r.Capture)+len(r.Fields) == 0 && r.Type == "" && r.Priority == "" && !r.Stop {
			p.add(path, "the rule does nothing: add a capture, set_type, set_priority, set_fields or stop")
		}
		r.conditions = Conditions{
			From:    compile(p, path+".from", r.From),
			To:      compile(p, path+".to", r.To),
			Subject: compile(p, path+".subject", r.Subject),
			Body:    compile(p, path+".body", r.Body),
		}
		for key := range r.Fields {
			if at := child(path+".set_fields", key); !isFieldName(key) {
				p.add(at, "a field's name is 1 to %d ASCII letters, digits, - and _", maxField)
			}
		}
		for j := range r.Capture {
			r.Capture[j].complete(p, entry(path+".capture", j))
		}
	}
}

// complete checks a capture: one field, found either by marks or by an
// expression.
func (c *Capture) complete(p *problems, path string) {
	switch {
	case c.Field == "":
		p.add(path+".field", "missing: where should the value go?")
	case !isFieldName(c.Field):
		p.add(path+".field", "a field's name is 1 to %d ASCII letters, digits, - and _", maxField)
	}
	switch {
	case c.Regex != "" && (c.Start != "" || c.End != ""):
		p.add(path+".regex", "use either regex or start and end")
	case c.Regex == "" && c.Start == "":
		p.add(path+".start", "missing: say by start or by regex what to look for")
	}
	c.expression = compile(p, path+".regex", c.Regex)
}

// compile returns nil for an empty expression and for one with a problem.
func compile(p *problems, path, expression string) *regexp.Regexp {
	if expression == "" {
		return nil
	}
	if len(expression) > maxExpression {
		p.add(path, "the expression has %d octets; at most %d are allowed", len(expression), maxExpression)
		return nil
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		p.add(path, "%s", err)
		return nil
	}
	return re
}

func isFieldName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxField
}
