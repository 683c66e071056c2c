package smtpd

import (
	"errors"
	"strings"

	"mxdesk/internal/address"
)

// errPath reports a MAIL or RCPT argument that is no path at all.
var errPath = errors.New("not a path")

// path is the argument of MAIL or RCPT (RFC 5321 §4.1.2).
type path struct {
	mailbox string // as written, without brackets and source route
	params  string // what follows, with its leading blank
}

// parsePath reads "FROM:<mailbox> params" or "TO:<mailbox> params". The
// brackets may be missing, as many scripts forget them.
func parsePath(arg, keyword string) (path, error) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return path{}, errPath
	}
	rest := strings.TrimLeft(arg[len(keyword):], " ")
	inner, bracketed := strings.CutPrefix(rest, "<")
	end := mailboxEnd(inner, bracketed)
	if end < 0 {
		return path{}, errPath
	}
	p := path{mailbox: inner[:end], params: inner[end:]}
	if bracketed {
		p.params = p.params[1:]
	}
	if p.params != "" && p.params[0] != ' ' {
		return path{}, errPath
	}
	if strings.HasPrefix(p.mailbox, "@") { // RFC 5321 §4.1.1.3: ignored
		_, after, ok := strings.Cut(p.mailbox, ":")
		if !ok || after == "" {
			return path{}, errPath
		}
		p.mailbox = after
	}
	if p.mailbox == "" && !bracketed {
		return path{}, errPath
	}
	return p, nil
}

// mailboxEnd finds the ">" or blank behind the mailbox; quoted strings may
// hold both. It returns -1 when there is none.
func mailboxEnd(s string, bracketed bool) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case bracketed && c == '>', !bracketed && c == ' ':
			return i
		case c == ' ', c == '<', c == '>':
			return -1
		}
	}
	if bracketed || quoted {
		return -1
	}
	return len(s)
}

// parseMailbox reads the mailbox of a path. It is as strict as RFC 5321 about
// what could be read in two ways, and lets pass the dots in odd places that
// some providers give out.
func parseMailbox(s string) (address.Address, error) {
	if strings.HasPrefix(s, `"`) {
		return address.Parse(s)
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || strings.ContainsAny(local, "()<>[]:;\\,\" ") || strings.Contains(domain, "@") {
		return address.Address{}, address.ErrSyntax
	}
	return address.New(local, domain)
}
