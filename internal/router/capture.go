package router

import (
	"maps"
	"slices"
	"strings"

	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// Bounds of what one mail can put into fields.
const (
	maxFieldValue = 1000 // octets
	maxFields     = 50
)

// Captured is what the capture rules took from a mail.
type Captured struct {
	Fields   map[string]string
	Type     string
	Priority string
	Trace    []string
}

// Apply runs the capture rules over a mail that was sent to the mailbox. It
// looks at nothing but the mail and may be called before any transaction.
func (r *Rules) Apply(m *message.Message, mailbox string, env *ticketstore.Envelope) Captured {
	c := Captured{Fields: map[string]string{}}
	for i := range r.Capture {
		rule := &r.Capture[i]
		if !rule.meets(m, mailbox, env) {
			continue
		}
		c.Trace = append(c.Trace, "rule "+rule.Name+" applied")
		rule.take(m, &c)
		if rule.Stop {
			c.Trace = append(c.Trace, "rule "+rule.Name+" ended the rules")
			break
		}
	}
	return c
}

func (rule *CaptureRule) meets(m *message.Message, mailbox string, env *ticketstore.Envelope) bool {
	if rule.Mailbox != "" && rule.Mailbox != mailbox {
		return false
	}
	if rule.From != nil && !rule.From.MatchString(m.From.Address.String()) ||
		rule.Subject != nil && !rule.Subject.MatchString(m.Subject) ||
		rule.Body != nil && !rule.Body.MatchString(m.Text) {
		return false
	}
	if rule.To == nil {
		return true
	}
	for _, a := range env.Recipients {
		if rule.To.MatchString(a.String()) {
			return true
		}
	}
	return false
}

func (rule *CaptureRule) take(m *message.Message, c *Captured) {
	if rule.Type != "" {
		c.Type = rule.Type
	}
	if rule.Priority != "" {
		c.Priority = rule.Priority
	}
	for _, f := range rule.Fields {
		text := m.Text
		if f.InSubject {
			text = m.Subject
		}
		if v, ok := f.find(text); ok {
			c.set(f.Field, v)
		} else {
			c.Trace = append(c.Trace, "rule "+rule.Name+": "+f.Field+" not found")
		}
	}
	for _, k := range slices.Sorted(maps.Keys(rule.Set)) {
		c.set(k, rule.Set[k])
	}
}

func (c *Captured) set(field, value string) {
	if _, known := c.Fields[field]; !known && len(c.Fields) >= maxFields {
		return
	}
	if len(value) > maxFieldValue {
		value = strings.ToValidUTF8(value[:maxFieldValue], "")
	}
	c.Fields[field] = value
}

// find returns the field's value: what the expression's first group matched,
// or what stands between the marks, without blanks around it.
func (f *CaptureField) find(text string) (string, bool) {
	if f.Regex != nil {
		m := f.Regex.FindStringSubmatch(text)
		if m == nil {
			return "", false
		}
		return strings.TrimSpace(m[min(1, len(m)-1)]), true
	}
	_, rest, ok := strings.Cut(text, f.Start)
	if !ok {
		return "", false
	}
	end := f.End
	if end == "" {
		end = "\n"
	}
	value, _, ok := strings.Cut(rest, end)
	if !ok && f.End != "" {
		return "", false
	}
	return strings.TrimSpace(value), true
}
