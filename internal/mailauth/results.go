package mailauth

import (
	"strings"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

const (
	resultsName = "Authentication-Results"
	maxValue    = 255 // octets of one value that we write
)

// ResultsField is our Authentication-Results field (RFC 8601 §2.2) for a mail,
// folded, with its CRLF. Whatever came from outside is clipped and quoted: it
// can neither end the field nor add a result to it.
func ResultsField(authservID string, in Input, v ticketstore.Verdict) string {
	var b strings.Builder
	if d, err := address.ParseDomain(authservID); err == nil {
		authservID = string(d) // A-labels: the field is ASCII
	}
	id := quoteValue(authservID)
	if strings.Contains(authservID, "@") { // lets a value stand as it is, but no name
		id = quoteAlways(authservID)
	}
	b.WriteString(resultsName + ": " + id)
	result := func(method, result, reason string, properties ...string) {
		b.WriteString(";\r\n\t" + method + "=" + word(result))
		if reason != "" {
			b.WriteString("\r\n\t reason=" + quoteAlways(reason))
		}
		for i := 0; i+1 < len(properties); i += 2 {
			if properties[i+1] != "" {
				b.WriteString("\r\n\t " + properties[i] + "=" + quoteValue(properties[i+1]))
			}
		}
	}
	if in.MailFrom.IsZero() {
		helo := v.SPF.Domain // behind a relay not what was said to us
		if helo == "" {
			helo = in.Helo
		}
		result("spf", v.SPF.Result, v.SPF.Reason, "smtp.helo", helo)
	} else {
		result("spf", v.SPF.Result, v.SPF.Reason, "smtp.mailfrom", in.MailFrom.String())
	}
	for _, d := range v.DKIM {
		result("dkim", d.Result, d.Reason, "header.d", d.Domain, "header.s", d.Selector)
	}
	if len(v.DKIM) == 0 {
		result("dkim", resultNone, "")
	}
	result("dmarc", v.DMARC.Result, v.DMARC.Reason,
		"header.from", v.DMARC.Domain, "polrec.p", v.DMARC.Policy, "polrec.domain", v.DMARC.Record)
	if v.ARC.Reason != "" { // there is a chain
		result("arc", v.ARC.Result, v.ARC.Reason)
	}
	b.WriteString("\r\n")
	return b.String()
}

// word is a result: letters only, and "none" when there is none.
func word(s string) string {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return resultNone
		}
	}
	if s == "" {
		return resultNone
	}
	return s
}

// quoteValue writes a value as it stands when RFC 8601 §2.2 lets it, else as a
// quoted-string.
func quoteValue(s string) string {
	at := 0
	for i := range len(s) {
		if s[i] == '@' {
			at++
		} else if !isToken(s[i]) {
			return quoteAlways(s)
		}
	}
	if s == "" || at > 1 || s[len(s)-1] == '@' || len(s) > maxValue {
		return quoteAlways(s)
	}
	return s
}

// isToken follows RFC 2045 §5.1.
func isToken(c byte) bool {
	return c > ' ' && c < 0x7f && strings.IndexByte(`()<>@,;:\"/[]?=`, c) < 0
}

// quoteAlways writes a quoted-string of printable ASCII on one line.
func quoteAlways(s string) string {
	if len(s) > maxValue {
		s = s[:maxValue]
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			b.WriteByte('?')
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// distrusted returns the Authentication-Results fields whose name cannot be
// read, or is found false by the function, which gets a field's index and its
// name in canonical form.
func distrusted(h *message.Header, isFalse func(i int, id string) bool) []message.Field {
	var list []message.Field
	for i := range h.Fields {
		f := &h.Fields[i]
		if !isResults(f.Name) {
			continue
		}
		if id, ok := readID(f.Value); !ok || isFalse(i, canonicalID(id)) {
			list = append(list, *f)
		}
	}
	return list
}

// isResults compares a field's name as a lax reader might.
func isResults(name string) bool {
	name = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return -1
		}
		return r
	}, name)
	return strings.EqualFold(name, resultsName)
}

// canonicalID is the form in which ids are compared: A-labels, lower case.
func canonicalID(id string) string {
	id = strings.TrimRight(id, ".")
	if d, err := address.ParseDomain(id); err == nil {
		return string(d)
	}
	return strings.ToLower(id)
}

// readID reads the authserv-id that a field begins with: an id, perhaps a
// version, then a semicolon or the end, with comments and white space between.
// ok is false for anything else.
func readID(value string) (id string, ok bool) {
	s, ok := skipComments(value)
	if !ok {
		return "", false
	}
	if strings.HasPrefix(s, `"`) {
		id, s, ok = cutQuoted(s)
	} else {
		id, s = cutToken(s)
	}
	if !ok || id == "" {
		return "", false
	}
	for range 2 { // behind the id, then behind the version
		if s, ok = skipComments(s); !ok {
			return "", false
		}
		if s == "" || s[0] == ';' {
			return id, true
		}
		s = strings.TrimLeft(s, "0123456789")
	}
	return "", false
}

// cutToken takes a token, in which octets beyond ASCII may stand (RFC 6532).
func cutToken(s string) (token, rest string) {
	n := 0
	for n < len(s) && (isToken(s[n]) || s[n] >= 0x80) {
		n++
	}
	return s[:n], s[n:]
}

func cutQuoted(s string) (text, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return strings.TrimSpace(b.String()), s[i+1:], true
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

// skipComments passes over white space and nested comments (RFC 5322 §3.2.2).
// ok is false when a comment does not end.
func skipComments(s string) (rest string, ok bool) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '(':
			depth++
		case depth > 0 && c == ')':
			depth--
		case depth > 0 && c == '\\':
			i++
		case depth > 0 || c == ' ' || c == '\t' || c == '\r' || c == '\n':
		default:
			return s[i:], true
		}
	}
	return "", depth == 0
}
