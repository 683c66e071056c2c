package templates

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The reasons for which Render returns no mail at all. Both are mistakes of the
// caller; no value of the other fields makes Render fail.
var (
	ErrEvent = errors.New("no such template")
	ErrTag   = errors.New("not a ticket tag")
)

// Render makes the mail of an event. A template that fails or grows over 1 MiB
// is replaced by the built-in one, and a text too long for one mail is cut;
// Mail.Warnings then says so. The error is [ErrEvent] or [ErrTag].
func (s *Set) Render(event string, d Data) (Mail, error) {
	p, ok := s.pages[event]
	if !ok {
		return Mail{}, fmt.Errorf("%w: %q; there are %s", ErrEvent, event, strings.Join(Events(), ", "))
	}
	tag := d.Ticket.Tag
	if tag == "" || len(tag) > maxTag || oneLine(tag, maxTag) != tag {
		return Mail{}, fmt.Errorf("%w: %q", ErrTag, tag)
	}
	d, warnings := clean(event, d)
	m, err := p.use.render(&d)
	if err != nil {
		warnings = append(warnings, "the built-in template was used: "+err.Error())
		if m, err = p.builtin.render(&d); err != nil {
			return Mail{}, err
		}
	}
	m.Warnings = append(warnings, m.Warnings...)
	return m, nil
}

// render executes the page over cleaned data.
func (p *page) render(d *Data) (Mail, error) {
	subject, err := execute(p.subject, d, 64+len(d.Ticket.Tag)+len(d.Ticket.Subject))
	if err != nil {
		return Mail{}, err
	}
	room := 1<<10 + len(d.Text) + len(d.Quoted) + len(d.Signature)
	text, err := execute(p.text, d, room)
	if err != nil {
		return Mail{}, err
	}
	text, _ = manyLines(text, maxOutput)
	if d.Marker != "" && !strings.HasPrefix(text, d.Marker) {
		text = d.Marker + "\n\n" + text
	}
	if text != "" {
		text += "\n"
	}
	m := Mail{Subject: subjectLine(subject, d.Ticket.Tag), Text: text}
	m.HTML, err = p.renderHTML(d, text, room)
	if errors.Is(err, errOutputTooLong) || errors.Is(err, errValueTooLong) {
		m.Warnings, err = append(m.Warnings, "the HTML part was left out: over 1 MiB"), nil
	}
	return m, err
}

func (p *page) renderHTML(d *Data, text string, room int) (string, error) {
	if p.html == nil {
		doc := document(p.language, text)
		if len(doc) > maxOutput {
			return "", errOutputTooLong
		}
		return doc, nil
	}
	out, err := execute(p.html, d, room)
	if err != nil {
		return "", err
	}
	if !utf8.ValidString(out) {
		out = strings.ToValidUTF8(out, "\uFFFD")
	}
	out = strings.ReplaceAll(out, "\r\n", "\n")
	return withMarker(out, escapeLine(d.Marker)), nil
}

// withMarker puts the marker first in a document's body unless it already
// stands there, white space and tags aside.
func withMarker(doc, marker string) string {
	if marker == "" {
		return doc
	}
	at := bodyStart(doc)
	rest := doc[at:]
	for {
		rest = strings.TrimLeft(rest, " \t\n")
		if strings.HasPrefix(rest, marker) {
			return doc
		}
		_, after, ok := strings.Cut(rest, ">")
		if !ok || rest[0] != '<' {
			return doc[:at] + "<p>" + marker + "</p>\n" + doc[at:]
		}
		rest = after
	}
}

// bodyStart is the place right behind the body tag of a document, or 0.
func bodyStart(doc string) int {
	low := strings.ToLower(doc)
	i := strings.Index(low, "<body")
	if i < 0 || len(low) != len(doc) {
		return 0
	}
	end := strings.IndexByte(doc[i:], '>')
	if end < 0 {
		return 0
	}
	return i + end + 1
}

var errOutputTooLong = errors.New("output over 1 MiB")

// execute runs a template into memory, never over maxOutput, with room for so
// many octets from the beginning.
func execute(t interface {
	Execute(io.Writer, any) error
}, d *Data, room int,
) (string, error) {
	out := limited{left: maxOutput}
	out.Grow(room)
	if err := t.Execute(&out, d); err != nil {
		return "", err
	}
	return out.String(), nil
}

// limited is a string that refuses to grow over its bound.
type limited struct {
	strings.Builder
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, errOutputTooLong
	}
	l.left -= len(p)
	return l.Builder.Write(p)
}
