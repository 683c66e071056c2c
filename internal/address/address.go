// Package address holds mail addresses and domains as types, and the one
// parser that makes them: for the envelope, for header fields and for the
// configuration. A value of these types is always valid; nothing outside this
// package builds one from a string.
//
// Two addresses are the same person's mailbox when their [Address.Key] is
// equal: local parts are compared without regard to case, as every mail system
// in use does, although RFC 5321 §2.4 would allow otherwise.
package address

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Limits of RFC 5321 §4.5.3.1, in octets.
const (
	MaxLocal  = 64
	MaxDomain = 255
)

// The ways an address can be wrong. Errors of this package wrap one of them.
var (
	ErrSyntax = errors.New("not a mail address")
	ErrDomain = errors.New("not a domain name")
	ErrLength = errors.New("address too long")
)

// Domain is a domain name in lower-case A-labels (RFC 5890) without a trailing
// dot, or an address literal in brackets (RFC 5321 §4.1.3).
type Domain string

// ParseDomain reads a domain name in ASCII or Unicode, or an address literal.
func ParseDomain(s string) (Domain, error) {
	if strings.HasPrefix(s, "[") {
		return parseLiteral(s)
	}
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > MaxDomain || !utf8.ValidString(s) {
		return "", fmt.Errorf("%w: %q", ErrDomain, clip(s))
	}
	if !isASCII(s) {
		a, err := idna.Lookup.ToASCII(s)
		if err != nil {
			return "", fmt.Errorf("%w: %q", ErrDomain, clip(s))
		}
		s = a
	}
	s = lowerASCII(s)
	for label := range strings.SplitSeq(s, ".") {
		if !validLabel(label) {
			return "", fmt.Errorf("%w: %q", ErrDomain, clip(s))
		}
	}
	if len(s) > MaxDomain {
		return "", fmt.Errorf("%w: %q", ErrDomain, clip(s))
	}
	return Domain(s), nil
}

func validLabel(l string) bool {
	if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for i := range len(l) {
		c := l[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func parseLiteral(s string) (Domain, error) {
	inner, ok := strings.CutSuffix(strings.TrimPrefix(s, "["), "]")
	if !ok {
		return "", fmt.Errorf("%w: %q", ErrDomain, clip(s))
	}
	v6 := len(inner) > 5 && strings.EqualFold(inner[:5], "IPv6:")
	if v6 {
		inner = inner[5:]
	}
	ip, err := netip.ParseAddr(inner)
	if err != nil || ip.Zone() != "" || ip.Is6() != v6 {
		return "", fmt.Errorf("%w: %q", ErrDomain, clip(s))
	}
	if v6 {
		return Domain("[IPv6:" + ip.String() + "]"), nil
	}
	return Domain("[" + ip.String() + "]"), nil
}

// IsLiteral reports whether the domain is an address literal.
func (d Domain) IsLiteral() bool { return strings.HasPrefix(string(d), "[") }

// Address is one mailbox address: a local part and a domain. The zero value is
// no address; as an envelope sender it is the null reverse-path (RFC 5321
// §4.5.5).
type Address struct {
	local  string
	domain Domain
}

// Parse reads an addr-spec as a person or a configuration writes it:
// local@domain, the local part quoted where it must be, nothing around it.
func Parse(s string) (Address, error) {
	p := parser{s: s}
	local, domain, err := p.addrSpec()
	if err == nil && !p.done() {
		err = ErrSyntax
	}
	if err != nil {
		return Address{}, fmt.Errorf("%q: %w", clip(s), err)
	}
	return New(local, domain)
}

// New builds an address from a local part without quotes and a domain.
func New(local, domain string) (Address, error) {
	if local == "" || !utf8.ValidString(local) {
		return Address{}, fmt.Errorf("%q: %w", clip(local+"@"+domain), ErrSyntax)
	}
	for _, r := range local {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return Address{}, fmt.Errorf("%q: %w: control character", clip(local+"@"+domain), ErrSyntax)
		}
	}
	if len(local) > MaxLocal {
		return Address{}, fmt.Errorf("%q: %w: local part over %d octets", clip(local+"@"+domain), ErrLength, MaxLocal)
	}
	d, err := ParseDomain(domain)
	if err != nil {
		return Address{}, err
	}
	return Address{local, d}, nil
}

// ParseUnquoted reads an envelope address whose local part has already lost
// its quotes: everything before the last "@" is the local part.
func ParseUnquoted(s string) (Address, error) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return Address{}, fmt.Errorf("%q: %w: no domain", clip(s), ErrSyntax)
	}
	return New(s[:at], s[at+1:])
}

// IsZero reports whether a is no address (the null reverse-path).
func (a Address) IsZero() bool { return a.local == "" }

// Local is the local part, without quotes, in the case it was given.
func (a Address) Local() string { return a.local }

// Domain is the domain.
func (a Address) Domain() Domain { return a.domain }

// Key is the form in which addresses are compared and indexed.
func (a Address) Key() string {
	if a.IsZero() {
		return ""
	}
	return strings.Map(lowerRune, a.local) + "@" + string(a.domain)
}

// lowerRune lowers a letter, but never makes an ASCII letter of another one:
// the Kelvin sign is not a k, and who owns it in an address is somebody else.
func lowerRune(r rune) rune {
	if l := unicode.ToLower(r); r < utf8.RuneSelf || l >= utf8.RuneSelf {
		return l
	}
	return r
}

// Equal reports whether both name the same mailbox.
func (a Address) Equal(b Address) bool {
	return a.domain == b.domain && (a.local == b.local || strings.Map(lowerRune, a.local) == strings.Map(lowerRune, b.local))
}

// IsASCII reports whether the address needs no SMTPUTF8 (RFC 6531).
func (a Address) IsASCII() bool { return isASCII(a.local) }

// WithDetail returns the address with "+detail" in its local part; an existing
// detail is replaced. It fails when the local part becomes too long.
func (a Address) WithDetail(detail string) (Address, error) {
	base, _, _ := strings.Cut(a.local, "+")
	return New(base+"+"+detail, string(a.domain))
}

// Detail splits "+detail" off the local part. detail is empty when there is
// none.
func (a Address) Detail() (base Address, detail string) {
	i := strings.IndexByte(a.local, '+')
	if i <= 0 {
		return a, ""
	}
	return Address{a.local[:i], a.domain}, a.local[i+1:]
}

// String is the addr-spec, quoted where RFC 5322 §3.4.1 demands it.
func (a Address) String() string {
	if a.IsZero() {
		return ""
	}
	return quoteLocal(a.local) + "@" + string(a.domain)
}

// MarshalText writes the addr-spec; the zero address is the empty string.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *Address) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*a = Address{}
		return nil
	}
	v, err := Parse(string(b))
	if err != nil {
		return err
	}
	*a = v
	return nil
}

// Mailbox is an address with a display name (RFC 5322 §3.4), the name decoded.
type Mailbox struct {
	Name    string  `json:"name"`
	Address Address `json:"address"`
}

// String writes the mailbox as a header field does. A name that is not ASCII
// stays as it is: encoding it is the writer's part.
func (m Mailbox) String() string {
	if m.Name == "" {
		return m.Address.String()
	}
	return quotePhrase(m.Name) + " <" + m.Address.String() + ">"
}

// MarshalJSON keeps the two fields always present.
func (m Mailbox) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name    string `json:"name"`
		Address string `json:"address"`
	}{m.Name, m.Address.String()})
}

func quoteLocal(s string) string {
	if isDotAtom(s) {
		return s
	}
	return quote(s)
}

func quotePhrase(s string) string {
	for i := range len(s) {
		if c := s[i]; c < 0x80 && c != ' ' && !isAtext(c) {
			return quote(s)
		}
	}
	return s
}

func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func isDotAtom(s string) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	for i := range len(s) {
		if s[i] != '.' && !isAtext(s[i]) {
			return false
		}
	}
	return true
}

// isAtext follows RFC 5322 §3.2.3, with UTF-8 as RFC 6532 §3.2 adds it.
func isAtext(c byte) bool {
	return c >= 0x80 || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// lowerASCII lowers A–Z only: Unicode case rules do not belong in host names.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// clip keeps what is quoted in an error short.
func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}
