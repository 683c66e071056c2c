package mailauth

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// hop is the client that a Received field names.
type hop struct {
	ip       netip.Addr
	helo     string // as it was written, unchecked
	loggedIn bool   // the client is a user of the server, which says so (RFC 3848)
}

// Why a Received field gives no hop.
var (
	errHandover  = errors.New("the field only says that the mail was handed on within one site")
	errNoClient  = errors.New("its Received field names no client")
	errLongHop   = fmt.Errorf("its Received field is longer than %d octets", maxReceived)
	errUncertain = errors.New("its Received field cannot be read for certain")
)

const maxReceived = 4096

// readReceived reads the client out of the value of a Received field (RFC 5321
// §4.4). RFC 5321 leaves open where the address stands, so the forms are those
// that mail servers write:
//
//	from HELO (NAME [IP])               Postfix, Sendmail, OpenSMTPD, Gmail, mxdesk
//	from HELO ([IP])                    the same, when the address has no name
//	from HELO (IP)                      Exchange, Microsoft 365, qmail
//	from NAME ([IP]:PORT helo=HELO)     Exim
//	from [IP] (helo=HELO)               Exim, when the address has no name
//	from NAME (HELO HELO) (IDENT@IP)    qmail
//
// A field that offers a second address, or that is in any other form, gives an
// error: the client chose a part of what stands there.
func readReceived(value string) (hop, error) {
	if len(value) > maxReceived {
		return hop{}, errLongHop
	}
	if isHandover(value) {
		return hop{}, errHandover
	}
	word, comments, rest, err := fromPart(value)
	if err != nil {
		return hop{}, err
	}
	h, used, ok := readClient(word, comments)
	if !ok || strings.ContainsFunc(h.helo, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return hop{}, errUncertain
	}
	for _, c := range comments[used:] {
		if holdsAddress(c) {
			return hop{}, errUncertain
		}
	}
	h.loggedIn = isLogin(protocol(rest))
	return h, nil
}

// isHandover recognises the fields with which qmail and Gmail note a step
// between their own processes and machines; the client stands in a later one.
func isHandover(value string) bool {
	value = strings.TrimSpace(value)
	if strings.HasPrefix(value, "(qmail ") {
		comment, rest, ok := cutComment(value)
		return ok && strings.HasSuffix(comment, " invoked from network") && strings.HasPrefix(strings.TrimSpace(rest), ";")
	}
	f := strings.Fields(value)
	return len(f) > 5 && f[0] == "by" && strings.HasSuffix(f[1], ".google.com") && f[2] == "with" && f[3] == "SMTP" && f[4] == "id"
}

// fromPart splits what stands between "from" and "by": one word, then
// comments. rest begins behind "by".
func fromPart(value string) (word string, comments []string, rest string, err error) {
	s := strings.TrimLeft(value, " \t\r\n")
	first, s := cutWord(s)
	if !strings.EqualFold(first, "from") {
		return "", nil, "", errNoClient
	}
	if word, s = cutWord(strings.TrimLeft(s, " \t\r\n")); word == "" || strings.HasPrefix(s, "(") {
		return "", nil, "", errUncertain
	}
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if strings.HasPrefix(s, "(") {
			comment, after, ok := cutComment(s)
			if !ok {
				return "", nil, "", errUncertain
			}
			comments, s = append(comments, comment), after
			continue
		}
		next, after := cutWord(s)
		if !strings.EqualFold(next, "by") {
			return "", nil, "", errUncertain
		}
		return word, comments, after, nil
	}
}

// protocol is the word behind "with", when that stands where it belongs:
// behind the server's name and its comments.
func protocol(s string) string {
	_, s = cutWord(strings.TrimLeft(s, " \t\r\n"))
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		_, after, ok := cutComment(s)
		if !strings.HasPrefix(s, "(") || !ok {
			break
		}
		s = after
	}
	with, s := cutWord(s)
	if !strings.EqualFold(with, "with") {
		return ""
	}
	word, _ := cutWord(strings.TrimLeft(s, " \t\r\n"))
	return word
}

// isLogin reports whether a protocol is one with a login (RFC 3848, RFC 6531
// §3.7.3).
func isLogin(protocol string) bool {
	switch strings.ToUpper(protocol) {
	case "ESMTPA", "ESMTPSA", "LMTPA", "LMTPSA", "UTF8SMTPA", "UTF8SMTPSA", "UTF8LMTPA", "UTF8LMTPSA":
		return true
	}
	return false
}

func cutWord(s string) (word, rest string) {
	i := strings.IndexAny(s, " \t\r\n();\"\\<>")
	if i < 0 {
		i = len(s)
	}
	return s[:i], s[i:]
}

// cutComment takes a comment off the start of s, which may hold others (RFC
// 5322 §3.2.2), and returns what is between its parentheses.
func cutComment(s string) (text, rest string, ok bool) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[1:i], s[i+1:], true
			}
		}
	}
	return "", "", false
}

// readClient tries the forms. used is how many comments it has read.
func readClient(word string, comments []string) (h hop, used int, ok bool) {
	if len(comments) == 0 {
		return hop{}, 0, false // "from [IP]" may be what the client called itself
	}
	first := strings.Fields(comments[0])
	if helo, named := assignments(first); named {
		ip, ok := bracketed(word)
		return hop{ip: ip, helo: helo}, 1, ok && helo != ""
	}
	if len(first) > 0 && (first[0] == "HELO" || first[0] == "EHLO" || first[0] == "LHLO") {
		if len(first) != 2 || len(comments) < 2 {
			return hop{}, 0, false
		}
		ip, ok := bare(comments[1])
		return hop{ip: ip, helo: first[1]}, 2, ok
	}
	if len(first) == 1 {
		if ip, ok := bare(first[0]); ok {
			return hop{ip: ip, helo: word}, 1, true
		}
	}
	h, ok = readAddress(first)
	if h.helo == "" {
		h.helo = word
	}
	return h, 1, ok
}

// readAddress reads the comment with the address in brackets: perhaps a name
// before it; perhaps Exim's assignments, Sendmail's doubt or CommuniGate's
// certainty behind it.
func readAddress(fields []string) (hop, bool) {
	if len(fields) > 1 && !strings.ContainsAny(fields[0], "[]()=") {
		fields = fields[1:]
	}
	if len(fields) == 0 {
		return hop{}, false
	}
	ip, ok := bracketed(fields[0])
	if !ok {
		return hop{}, false
	}
	rest := fields[1:]
	if words := strings.Join(rest, " "); words == "(may be forged)" || words == "verified" {
		rest = nil
	}
	helo, named := assignments(rest)
	return hop{ip: ip, helo: helo}, named || len(rest) == 0
}

// assignments reads Exim's list of helo=, port= and ident=.
func assignments(fields []string) (helo string, ok bool) {
	for _, f := range fields {
		name, value, found := strings.Cut(f, "=")
		switch {
		case !found || name != "helo" && name != "port" && name != "ident" || name == "helo" && helo != "":
			return "", false
		case name == "helo":
			helo = value
		}
	}
	return helo, len(fields) > 0
}

// bracketed reads [IP], [IPv6:IP], and either with a port behind it.
func bracketed(s string) (netip.Addr, bool) {
	s, ok := strings.CutPrefix(s, "[")
	if !ok {
		return netip.Addr{}, false
	}
	s, port, ok := strings.Cut(s, "]")
	if !ok || port != "" && (port[0] != ':' || strings.Trim(port[1:], "0123456789") != "") {
		return netip.Addr{}, false
	}
	if len(s) > 5 && strings.EqualFold(s[:5], "IPv6:") {
		s = s[5:]
	}
	return plainIP(s)
}

// bare reads IP, with qmail's "IDENT@" before it.
func bare(s string) (netip.Addr, bool) {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = s[i+1:]
	}
	return plainIP(s)
}

// plainIP reads an address. Exchange writes the zone of a link-local one; it
// says nothing to us.
func plainIP(s string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.IsUnspecified() {
		return netip.Addr{}, false
	}
	return ip.Unmap().WithZone(""), true
}

// holdsAddress reports whether an IP address stands anywhere in a comment.
func holdsAddress(comment string) bool {
	for s := range strings.FieldsFuncSeq(comment, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' || r == '.' || r == ':')
	}) {
		if _, err := netip.ParseAddr(strings.Trim(s, ".")); err == nil && strings.ContainsAny(s, ".:") {
			return true
		}
	}
	return false
}
