package message

import (
	"strings"

	"mxdesk/internal/address"
)

// forwardPrefixes begin the subject of a mail that is passed on by hand.
var forwardPrefixes = []string{"fwd:", "fw:", "wg:", "tr:", "rv:", "i:", "enc:", "vb:", "vs:", "vl:", "pd:", "doorst:", "fs:", "пересл:", "转发:", "转发："}

// isForward reports the subject of a forwarded mail. A reply to one ("Re:
// Fwd:") is none.
func isForward(subject string) bool {
	s := strings.ToLower(strings.TrimSpace(subject))
	for strings.HasPrefix(s, "[") { // a list's or our own tag
		_, rest, ok := strings.Cut(s, "]")
		if !ok {
			return false
		}
		s = strings.TrimSpace(rest)
	}
	s = strings.Replace(s, " :", ":", 1)
	for _, p := range forwardPrefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// forwarded reads the header block at or right below a line.
func (s *splitter) forwarded(at int) *Forwarded {
	for at < len(s.lines) && (strings.Trim(s.lines[at], "> \t") == "" || isSeparator(s.lines[at], originalWords)) {
		at++
	}
	f := &Forwarded{}
	for i := at; i < len(s.lines) && i < at+14; i++ {
		l, value := labelOf(s.lines[i])
		if l == 0 && strings.Trim(s.lines[i], "> \t") == "" {
			break
		}
		switch {
		case l == labelFrom && f.From.Address.IsZero():
			f.From = forwardedFrom(s.folded(i, value))
		case l == labelDate && f.Date == "":
			f.Date = squeeze(value)
		case l == labelSubject && f.Subject == "":
			f.Subject = squeeze(s.folded(i, value))
		}
	}
	if f.From.Address.IsZero() && f.Subject == "" {
		return nil
	}
	return f
}

// folded adds the next line to a value when it is no label: long ones are
// broken.
func (s *splitter) folded(i int, value string) string {
	if i+1 < len(s.lines) {
		if next := strings.TrimSpace(unquote(s.lines[i+1])); next != "" {
			if l, _ := labelOf(next); l == 0 && !strings.Contains(next, ":") {
				return value + " " + next
			}
		}
	}
	return value
}

// forwardedFrom reads an author as mail programs show it: "Name <address>",
// "Name [mailto:address]", "address<mailto:address>", "Name (address)".
func forwardedFrom(v string) address.Mailbox {
	if list := address.ParseList(v, decodeWords); len(list) > 0 && !list[0].Address.IsZero() {
		return list[0]
	}
	a := addressIn(strings.ReplaceAll(v, "mailto:", " "))
	addr, err := address.Parse(a)
	if err != nil {
		return address.Mailbox{}
	}
	name, _, _ := strings.Cut(v, a)
	name = strings.Trim(strings.TrimSuffix(strings.TrimSpace(name), "mailto:"), " <>[]()\"'*")
	return address.Mailbox{Name: oneLine(name), Address: addr}
}
