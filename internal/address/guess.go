package address

import (
	"fmt"
	"strings"
)

// repair makes the best mailbox of an entry that err says is broken, for a
// person to see. The error that goes with it keeps it from deciding anything.
func (e *entry) repair(decode Decoder, err error) (Mailbox, error) {
	m := e.guess(decode)
	if !m.Address.IsZero() && err != ErrEncodedWord {
		err = ErrAmbiguous
	}
	return m, err
}

// guess knows the obsolete forms with comments and blanks inside an address (RFC 5322
// §4.4) and what programs write by mistake.
func (e *entry) guess(decode Decoder) Mailbox {
	if e.angles > 0 {
		if a, ok := loose(e.angle); ok {
			return Mailbox{Name: name(strings.Join(e.words, " "), decode), Address: a}
		}
		if e.angle != "" {
			return Mailbox{} // an address in the name is not what was meant
		}
	}
	joined := ""
	for i, w := range e.words {
		if i > 0 && !strings.HasSuffix(joined, ".") && !strings.HasSuffix(joined, "@") && w[:min(len(w), 1)] != "." && w[:min(len(w), 1)] != "@" {
			joined = ""
			break
		}
		joined += w
	}
	if a, ok := loose(joined); ok { // "ann@x . y"
		return Mailbox{Name: name(e.comment, decode), Address: a}
	}
	for i, w := range e.words { // an address somewhere among loose words
		shown, inner := w, ""
		if decode != nil && strings.Contains(w, "=?") {
			shown = decode(w)
		}
		if before, rest, ok := strings.Cut(shown, "<"); ok { // a whole mailbox in quotes or in an encoded word
			shown, _, _ = strings.Cut(rest, ">")
			inner = before
		}
		if a, ok := loose(shown); ok {
			words := append([]string{inner}, e.words[:i]...)
			return Mailbox{Name: name(strings.Join(append(words, e.words[i+1:]...), " "), decode), Address: a}
		}
	}
	if a, ok := loose(e.comment); ok && e.angles == 0 {
		return Mailbox{Name: name(strings.Join(e.words, " "), decode), Address: a}
	}
	return Mailbox{}
}

// bareList reads several addresses with only blanks between them, as people
// type them; nil when there is anything else.
func (e *entry) bareList() (list []Mailbox) {
	if e.angles > 0 || len(e.words) < 2 || e.comment != "" {
		return nil
	}
	for _, w := range e.words {
		a, err := Parse(w)
		if err != nil {
			return nil
		}
		list = append(list, Mailbox{Address: a})
	}
	return list
}

// maxLoose bounds what is looked at for an address, in octets.
const maxLoose = 1000

// loose reads an address with comments, blanks and marks around and inside.
func loose(s string) (Address, bool) {
	if len(s) > maxLoose || strings.IndexByte(s, '@') < 0 || strings.Contains(s, "=?") {
		return Address{}, false
	}
	s = strings.Join(strings.Fields(withoutComments(s)), "")
	s = strings.Trim(s, "<>[]()'\",;:")
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s = s[7:]
	}
	if a, err := Parse(s); err == nil {
		return a, true
	}
	local, domain, _ := strings.Cut(s, "@")
	if local == "" || strings.ContainsAny(s, "<>()\"=?:;,\\") || strings.Contains(domain, "@") || !strings.Contains(domain, ".") {
		return Address{}, false
	}
	a, err := New(local, strings.Trim(domain, ".")) // local parts such as "ann." and "a..b" exist
	return a, err == nil
}

func withoutComments(s string) string {
	if strings.IndexByte(s, '(') < 0 {
		return s
	}
	var b strings.Builder
	p := parser{s: s}
	for !p.done() {
		if p.peek() == '(' {
			p.comment()
			continue
		}
		b.WriteByte(p.peek())
		p.i++
	}
	return b.String()
}

// bare reads a mailbox without angle brackets.
func (e *entry) bare(decode Decoder) (Mailbox, error) {
	if len(e.words) > 1 || !e.at {
		return e.repair(decode, fmt.Errorf("%w: %q", ErrSyntax, clip(strings.Join(e.words, " "))))
	}
	if strings.Contains(e.words[0], "=?") {
		return e.repair(decode, ErrEncodedWord)
	}
	a, err := Parse(e.words[0])
	if err != nil {
		return e.repair(decode, err)
	}
	return Mailbox{Name: name(e.comment, decode), Address: a}, nil
}
