package message

import (
	"io"
	"strings"
)

// maxReport bounds what is read of a delivery report and of the mail in it.
const maxReport = 256 << 10

// maxBounced bounds the recipients of one report.
const maxBounced = 200

// readBounce reads a delivery failure: a report after RFC 3464, or the words
// of mail systems that have their own form. It returns nil for other mail.
func readBounce(c Content, root *part, m *Message) *BounceReport {
	r := &BounceReport{}
	report := false
	root.each(func(p *part) {
		switch p.ctype.value {
		case "message/delivery-status", "message/global-delivery-status":
			report = true
			r.deliveryStatus(readPart(c, p))
		}
	})
	if root.ctype.value == "multipart/report" && strings.EqualFold(root.ctype.param("report-type"), "delivery-status") {
		report = true
	}
	if !report && !bounceInWords(m, root) {
		return nil
	}
	if len(r.Recipients) == 0 { // the report may stand in the text, its boundaries lost
		if at := strings.Index(strings.ToLower(m.Text), "final-recipient:"); at >= 0 {
			r.deliveryStatus(m.Text[at:])
		}
	}
	if len(r.Recipients) == 0 {
		r.words(m)
	}
	root.each(func(p *part) {
		switch p.ctype.value {
		case "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "message/rfc822-headers", "text/rfc822":
			if r.MessageID == "" && p != root {
				r.MessageID = messageIDIn(readPart(c, p))
			}
		}
	})
	if r.MessageID == "" {
		r.MessageID = messageIDIn(m.Text)
	}
	if len(r.Recipients) == 1 && r.Recipients[0].Reply == "" {
		r.Recipients[0].Reply = squeeze(m.Text[:min(len(m.Text), 2000)])
	}
	for i := range r.Recipients {
		r.Recipients[i].finish()
	}
	return r
}

// each calls f for a part and all below it.
func (p *part) each(f func(*part)) {
	f(p)
	for _, c := range p.children {
		c.each(f)
	}
}

// readPart returns the beginning of a part as text.
func readPart(c Content, p *part) string {
	b, err := io.ReadAll(io.LimitReader(p.reader(c), maxReport))
	if err != nil && len(b) == 0 {
		return ""
	}
	return cleanText(decodeCharset(b, p.ctype.param("charset")))
}

// messageIDIn finds the Message-ID field of a mail that is quoted whole or in
// part.
func messageIDIn(text string) string {
	const name = "message-id:"
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		t := strings.TrimLeft(line, "> \t")
		if len(t) >= len(name) && strings.EqualFold(t[:len(name)], name) {
			value := t[len(name):]
			if next, _, _ := strings.Cut(rest, "\n"); strings.TrimSpace(value) == "" {
				value = next // folded
			}
			if id := firstID(value); id != "" {
				return id
			}
		}
		text = rest
	}
	return ""
}

// deliveryStatus reads the groups of fields of a report (RFC 3464 §2.1): one
// on the message, then one for each recipient. Groups without a blank line
// between them, and with several, are read as well.
func (r *BounceReport) deliveryStatus(text string) {
	var cur BouncedRecipient
	original := ""
	flush := func() {
		if cur.Address == "" || strings.Contains(original, "@") {
			cur.Address = original // the one that the sender wrote to (RFC 3464 §2.3.1)
		}
		if cur.Address != "" && len(r.Recipients) < maxBounced {
			r.Recipients = append(r.Recipients, cur)
		}
		cur, original = BouncedRecipient{}, ""
	}
	for text != "" {
		p := sectionParser{text: text}
		p.parse()
		for _, f := range p.sec.fields {
			switch {
			case f.is("final-recipient"):
				if cur.Address != "" {
					flush()
				}
				cur.Address = typedAddress(f.Value)
			case f.is("original-recipient"):
				if original != "" {
					flush()
				}
				original = typedAddress(f.Value)
			case f.is("action"):
				cur.Action = keyword(f.Value)
			case f.is("status"):
				cur.Status, _ = findStatus(f.Value)
			case f.is("diagnostic-code"):
				cur.Reply = untyped(f.Value)
			case f.is("x-actual-recipient") && cur.Address == "" && original == "":
				original = typedAddress(f.Value)
			}
		}
		if len(p.sec.fields) > 0 && (p.at >= len(text) || p.at > 0 && strings.HasSuffix(text[:p.at], "\n\n")) {
			flush()
		}
		if p.at == 0 { // a line that is no field
			_, p.at = cutLine(text, 0)
		}
		text = text[p.at:]
	}
	flush()
}

// typedAddress reads "rfc822; user@example.org".
func typedAddress(v string) string {
	return strings.Trim(oneLine(toUTF8(untyped(v))), "<>\"' ")
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
		if c := s[i]; c != '2' && c != '4' && c != '5' || s[i+1] != '.' || i > 0 && (isDigit(s[i-1]) || s[i-1] == '.') {
			continue
		}
		j := digits(s, i+2)
		if j == i+2 || j >= len(s) || s[j] != '.' {
			continue
		}
		k := digits(s, j+1)
		if k == j+1 || k < len(s) && s[k] == '.' && k+1 < len(s) && isDigit(s[k+1]) {
			continue // an IP address has one more
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
