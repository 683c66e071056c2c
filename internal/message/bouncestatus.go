package message

import "strings"

// statusGroup is what one group of fields says of one recipient (RFC 3464
// §2.3).
type statusGroup struct {
	final, original, actual string
	local                   string // a final recipient without a domain
	BouncedRecipient
}

func (g *statusGroup) empty() bool {
	return g.final == "" && g.original == "" && g.actual == "" && g.local == ""
}

// deliveryStatus reads the groups of fields of a report (RFC 3464 §2.1): one
// on the message, then one for each recipient. Groups without a blank line
// between them, and with several, are read as well.
func (b *bounceReader) deliveryStatus(text string) {
	var g statusGroup
	for text != "" {
		p := sectionParser{text: text}
		p.parse()
		for i := range p.sec.fields {
			b.statusField(&g, &p.sec.fields[i])
		}
		if len(p.sec.fields) > 0 && (p.at >= len(text) || p.at > 0 && strings.HasSuffix(text[:p.at], "\n\n")) {
			b.flush(&g)
		}
		if p.at == 0 { // a line that is no field
			_, p.at = cutLine(text, 0)
		}
		text = text[p.at:]
	}
	b.flush(&g)
}

// statusField takes one field into the group; a field that begins the next
// recipient ends it.
func (b *bounceReader) statusField(g *statusGroup, f *Field) {
	switch {
	case f.is("reporting-mta"):
		if b.domain == "" {
			b.domain = strings.ToLower(untyped(f.Value))
		}
	case f.is("final-recipient"):
		if g.final != "" || g.local != "" {
			b.flush(g)
		}
		if g.final = cleanAddress(untyped(f.Value)); g.final == "" {
			g.local = untyped(f.Value)
		}
	case f.is("original-recipient"):
		if g.original != "" {
			b.flush(g)
		}
		g.original = originalAddress(f.Value)
	case f.is("x-actual-recipient"):
		g.actual = cleanAddress(untyped(f.Value))
	case f.is("action"):
		g.Action = actionOf(f.Value)
	case f.is("status"):
		g.Status, _ = findStatus(f.Value)
	case f.is("diagnostic-code"):
		if s := untyped(f.Value); s != "" {
			g.Reply = strings.TrimSpace(g.Reply + " " + s)
		}
	case f.is("x-supplementary-info") || f.is("x-notes") || f.is("x-failure-reason") || f.is("x-error"):
		if g.Reply == "" {
			g.Reply = untyped(f.Value)
		}
	case f.is("will-retry-until"):
		if g.Action == "" {
			g.Action = "delayed"
		}
	}
}

// flush keeps the group's recipient: the address that the sender wrote to when
// the report has it (RFC 3464 §2.3.1), else the one at the end of the way.
func (b *bounceReader) flush(g *statusGroup) {
	if g.empty() {
		if g.Action != "" || g.Status != "" { // the recipient's own field is missing
			g.final = b.onlyWritten()
		}
		if g.final == "" {
			*g = statusGroup{}
			return
		}
	}
	r := g.BouncedRecipient
	for _, a := range [...]string{g.original, g.final, g.actual, b.completed(g.local)} {
		if r.Address == "" {
			r.Address = a
		}
	}
	r.Reply = squeeze(r.Reply)
	b.report.add(r)
	*g = statusGroup{}
}

// onlyWritten is the one recipient of the mail that came back, or "".
func (b *bounceReader) onlyWritten() string {
	if list := b.originalRecipients(); len(list) == 1 {
		return list[0]
	}
	return ""
}

// completed makes an address of a bare local part with the domain of the
// system that reports it.
func (b *bounceReader) completed(local string) string {
	local, _, _ = strings.Cut(local, " ")
	if local == "" || strings.ContainsAny(local, "|/\\@=") || !strings.Contains(b.domain, ".") {
		return ""
	}
	return cleanAddress(local + "@" + b.domain)
}

// originalAddress reads Original-Recipient. Some systems leave its octets in
// the encoding of the command (RFC 3461 §4).
func originalAddress(v string) string {
	v = untyped(v)
	for _, x := range [...]struct{ code, char string }{{"+2B", "+"}, {"+3D", "="}, {"+40", "@"}} {
		v = strings.ReplaceAll(v, x.code, x.char)
	}
	return cleanAddress(v)
}

// actionOf is one of the five words of RFC 3464 §2.3.3, whatever a system made
// of it, or "".
func actionOf(v string) string {
	word := strings.Trim(keyword(untyped(v)), "\"'.<>[]")
	for _, a := range [...]struct{ start, action string }{
		{"fail", "failed"},
		{"bounce", "failed"},
		{"undeliver", "failed"},
		{"reject", "failed"},
		{"expire", "failed"},
		{"error", "failed"},
		{"delay", "delayed"},
		{"defer", "delayed"},
		{"deliver", "delivered"},
		{"relay", "relayed"},
		{"expand", "expanded"},
		{"transferred", "relayed"},
		{"success", "delivered"},
	} {
		if strings.HasPrefix(word, a.start) {
			return a.action
		}
	}
	return ""
}

// untyped drops the type before the semicolon.
func untyped(v string) string {
	if before, after, ok := strings.Cut(v, ";"); ok && !strings.ContainsAny(strings.TrimSpace(before), " @<") {
		v = after
	}
	return squeeze(toUTF8(v))
}

// squeeze makes one line of at most 1000 octets.
func squeeze(s string) string {
	const most = 1000
	s = oneLine(strings.Join(strings.Fields(s), " "))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// findStatus finds a status code (RFC 3463 §2) in a text, and where it ends.
func findStatus(s string) (status string, end int) {
	for i := 0; i+4 < len(s); i++ {
		if c := s[i]; c != '2' && c != '4' && c != '5' || s[i+1] != '.' || i > 0 && (isAlnum(s[i-1]) || s[i-1] == '.' || s[i-1] == '-' && i > 1 && isAlnum(s[i-2]) && !isDigit(s[i-2])) {
			continue
		}
		j := digits(s, i+2)
		if j == i+2 || j >= len(s) || s[j] != '.' {
			continue
		}
		k := digits(s, j+1)
		if k == j+1 || k < len(s) && (isDigit(s[k]) || s[k] == '.' && k+1 < len(s) && isDigit(s[k+1])) {
			continue // an IP address or a version has one more
		}
		return s[i:k], k
	}
	return "", 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// digits returns where up to three digits end.
func digits(s string, i int) int {
	for n := 0; n < 3 && i < len(s) && isDigit(s[i]); n++ {
		i++
	}
	return i
}
