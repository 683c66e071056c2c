package message

import (
	"cmp"
	"strings"
)

// sectionParser splits the text of a header section into fields.
type sectionParser struct {
	text string
	at   int // how much of text is done
	top  bool
	cut  bool
	sec  section
	// most bounds the fields; 0 means maxFields.
	most int
}

// parse reads fields until the blank line, the end, or a line that begins the
// body because nothing behind it is a header any more.
func (p *sectionParser) parse() {
	p.skipStart()
	for p.at < len(p.text) {
		line, next := cutLine(p.text, p.at)
		if line == "" {
			p.at = next
			return
		}
		if len(p.sec.fields) >= cmp.Or(p.most, maxFields) {
			p.cut = true
			return
		}
		colon := strings.IndexByte(line, ':')
		if colon > 0 && fieldName(line[:colon]) {
			p.field(colon, next)
			continue
		}
		if !p.top && len(p.sec.fields) == 0 || !p.moreFields(next) {
			p.note("the blank line between header and body is missing")
			return
		}
		p.sec.ambiguous = errNotField
		p.note("the header holds a line that is no field")
		p.stray(line, next)
	}
}

// skipStart passes over blank lines and a "From " line of an mbox file.
func (p *sectionParser) skipStart() {
	if !p.top {
		return
	}
	for p.at < len(p.text) && (p.text[p.at] == '\r' || p.text[p.at] == '\n') {
		p.at++
	}
	if strings.HasPrefix(p.text[p.at:], bom) {
		p.at += len(bom)
	}
	rest := strings.TrimPrefix(p.text[p.at:], ">")
	if strings.HasPrefix(rest, "From ") && !strings.HasPrefix(strings.TrimLeft(rest[5:], " \t"), ":") {
		_, p.at = cutLine(p.text, p.at)
		return
	}
	if p.at > 0 && p.at < len(p.text) {
		if !p.moreFields(p.at) {
			p.at = 0 // no header at all: everything is body
			_, p.at = cutLine(p.text, p.at)
			p.text = p.text[:p.at]
			return
		}
		p.sec.ambiguous = errBlankStart
		p.note("the mail begins with a blank line")
	}
}

// field takes the field that begins here and ends where no continuation
// follows (RFC 5322 §2.2.3).
func (p *sectionParser) field(colon, next int) {
	start := p.at
	for next < len(p.text) && (p.text[next] == ' ' || p.text[next] == '\t') {
		line, after := cutLine(p.text, next)
		if strings.Trim(line, " \t") == "" && !p.moreFields(after) && !continues(p.text, after) {
			break // a blank line made of white space ends the header
		}
		next = after
	}
	raw := trimEnd(p.text[start:next])
	if len(raw) > maxField {
		raw, p.sec.cut = raw[:maxField], true
		p.note("a header field is too long and was cut")
	}
	f := Field{Name: raw[:colon], Raw: raw, Value: strings.TrimLeft(unfold(raw[colon+1:]), " \t")}
	if f.Name != strings.TrimSpace(f.Name) || visible(f.Name) != f.Name {
		p.note("the header holds a field with a malformed name")
	}
	if loneCR(raw) {
		p.sec.ambiguous = errLoneCR
	}
	p.sec.fields = append(p.sec.fields, f)
	p.at = next
}

// loneCR reports a CR within a line, where some readers end it.
func loneCR(s string) bool {
	for {
		i := strings.IndexByte(s, '\r')
		if i < 0 || i+1 == len(s) {
			return false
		}
		if s = s[i+1:]; s[0] != '\n' && s[0] != '\r' {
			return true
		}
	}
}

// stray takes a line that is no field although fields follow: the rest of a
// field that was folded without white space.
func (p *sectionParser) stray(line string, next int) {
	if n := len(p.sec.fields); n > 0 {
		f := &p.sec.fields[n-1]
		if len(f.Raw)+len(line) < maxField {
			f.Raw += "\r\n" + line
			f.Value += " " + strings.TrimLeft(line, " \t")
		} else {
			p.sec.cut = true
		}
	}
	p.at = next
}

func (p *sectionParser) note(text string) { p.sec.problems = addProblem(p.sec.problems, text) }

// moreFields reports whether one of the next lines is a clean field, before
// any blank line.
func (p *sectionParser) moreFields(at int) bool {
	for range 3 {
		if at >= len(p.text) {
			return false
		}
		line, next := cutLine(p.text, at)
		if line == "" {
			return false
		}
		i := strings.IndexByte(line, ':')
		if name := strings.TrimRight(line[:max(i, 0)], " \t"); len(name) > 1 && visible(name) == name &&
			(i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\t') {
			return true
		}
		at = next
	}
	return false
}

func continues(text string, at int) bool {
	return at < len(text) && (text[at] == ' ' || text[at] == '\t')
}

// fieldName reports whether what stands before a colon can be meant as the
// name of a field. White space around it is let through, to be recognised as
// malformed; white space within it is not a name.
func fieldName(s string) bool {
	s = strings.Trim(s, " \t\x00\v\f\r")
	if s == "" || len(s) > 200 {
		return false
	}
	return !strings.ContainsAny(s, " \t")
}

// cutLine returns the line at an offset without its end, and the next offset.
func cutLine(s string, at int) (line string, next int) {
	i := strings.IndexByte(s[at:], '\n')
	if i < 0 {
		return strings.TrimRight(s[at:], "\r"), len(s)
	}
	return strings.TrimRight(s[at:at+i], "\r"), at + i + 1
}

func trimEnd(s string) string {
	if t, ok := strings.CutSuffix(s, "\n"); ok {
		return strings.TrimSuffix(t, "\r")
	}
	return s
}

// unfold drops the line ends of a folded value and nothing else.
func unfold(s string) string {
	if strings.IndexByte(s, '\n') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for line := range strings.SplitSeq(s, "\n") {
		b.WriteString(strings.TrimRight(line, "\r"))
	}
	return b.String()
}
