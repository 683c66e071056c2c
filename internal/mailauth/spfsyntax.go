package mailauth

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// spfDNS is what SPF evaluation asks. A record with a syntax error anywhere
// must not be evaluated at all (RFC 7208 §4.6), but the library goes from term
// to term and may come to a pass before the error; so it gets another record
// instead, which it finds broken at once. It serves one evaluation, which
// asks one thing after another.
type spfDNS struct {
	dns
	client  netip.Addr
	problem string // with the first record that was found broken
}

// LookupIPAddr asks for addresses of the client's family (RFC 7208 §5), so that
// trouble with those that nobody needs is none, and trouble with those that are
// needed is not hidden by the others. Only "exists" needs IPv4 addresses for a
// client with IPv6 (§5.7), and cannot be told apart here.
func (d *spfDNS) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	networks := []string{"ip4"}
	if d.client.Is6() {
		networks = append(networks, "ip6")
	}
	var list []net.IPAddr
	var none error
	for _, network := range networks {
		found, err := d.dns.LookupNetIP(ctx, network, fitting(host))
		if err != nil && !notFound(err) {
			return nil, err
		}
		if err != nil {
			none = err
		}
		for _, ip := range found {
			list = append(list, net.IPAddr{IP: ip.Unmap().AsSlice()})
		}
	}
	if len(list) == 0 {
		return nil, none
	}
	return list, nil
}

// LookupMX asks for mail exchangers.
func (d *spfDNS) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	return d.dns.LookupMX(ctx, fitting(name))
}

// fitting cuts labels off the front of a name until it has at most 253
// characters, as macros may make it longer (RFC 7208 §7.3).
func fitting(name string) string {
	for len(strings.TrimSuffix(name, ".")) > 253 {
		_, rest, ok := strings.Cut(name, ".")
		if !ok {
			return name
		}
		name = rest
	}
	return name
}

// LookupTXT answers with SPF records only.
func (d *spfDNS) LookupTXT(ctx context.Context, name string) ([]string, error) {
	all, err := d.dns.LookupTXT(ctx, fitting(name))
	var records []string
	for _, txt := range all {
		terms, ok := spfTerms(txt)
		if !ok {
			continue
		}
		if bad, ok := firstBadTerm(terms); ok {
			if d.problem == "" {
				d.problem = fmt.Sprintf("%.60q in the record of %s is no SPF", bad, strings.TrimSuffix(name, "."))
			}
			txt = "v=spf1 broken"
		}
		records = append(records, txt)
	}
	return records, err
}

// spfTerms splits a record at blanks; ok is false when it is no SPF record
// (RFC 7208 §4.5).
func spfTerms(txt string) (terms []string, ok bool) {
	version, rest, _ := strings.Cut(txt, " ")
	if !strings.EqualFold(version, "v=spf1") || len(version) != len("v=spf1") {
		return nil, false
	}
	for term := range strings.SplitSeq(rest, " ") {
		if term != "" {
			terms = append(terms, term)
		}
	}
	return terms, true
}

// firstBadTerm finds what is not in the grammar of RFC 7208 §12.
func firstBadTerm(terms []string) (string, bool) {
	seen := map[string]bool{}
	for _, term := range terms {
		name, value, modifier := strings.Cut(term, "=")
		if modifier && isModifierName(name) {
			name = strings.ToLower(name)
			known := name == "redirect" || name == "exp"
			if known && seen[name] || !isMacroString(value) || known && !isDomainSpec(value) {
				return term, true
			}
			seen[name] = true
			continue
		}
		if !isMechanism(strings.TrimLeft(term[:1], "+-?~") + term[1:]) {
			return term, true
		}
	}
	return "", false
}

func isModifierName(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && (i == 0 || strings.IndexByte("-_.", s[i]) < 0) {
			return false
		}
	}
	return s != "" && (s[0] < '0' || s[0] > '9')
}

func isMechanism(s string) bool {
	name, value, colon := s, "", false
	if i := strings.IndexAny(s, ":/"); i >= 0 {
		name, value, colon = s[:i], s[i:], s[i] == ':'
	}
	switch strings.ToLower(name) {
	case "all":
		return value == ""
	case "include", "exists":
		return colon && isDomainSpec(value[1:])
	case "ptr":
		return value == "" || colon && isDomainSpec(value[1:])
	case "ip4":
		return colon && isNetwork(value[1:], netip.Addr.Is4)
	case "ip6":
		return colon && isNetwork(value[1:], netip.Addr.Is6)
	case "a", "mx":
		domain, lengths := value, ""
		if i := strings.IndexByte(value, '/'); i >= 0 {
			domain, lengths = value[:i], value[i:]
		}
		return (domain == "" || isDomainSpec(domain[1:])) && isDualLength(lengths)
	}
	return false
}

func isNetwork(s string, family func(netip.Addr) bool) bool {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return err == nil && family(p.Addr())
	}
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Zone() == "" && family(ip)
}

// isDualLength reads "/24", "//64" or "/24//64".
func isDualLength(s string) bool {
	four, six, two := strings.Cut(s, "//")
	if two && !isLength(six, 128) {
		return false
	}
	return four == "" || four[0] == '/' && isLength(four[1:], 32)
}

func isLength(s string, most int) bool {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || len(s) > 3 {
			return false
		}
		n = 10*n + int(s[i]-'0')
	}
	return s != "" && n <= most && (s == "0" || s[0] != '0')
}

// isMacroString accepts visible ASCII, with "%" only as a part of a macro
// (RFC 7208 §7.1). What is in braces the library checks.
func isMacroString(s string) bool {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] <= ' ' || s[i] >= 0x7f:
			return false
		case s[i] != '%':
		case i+1 == len(s):
			return false
		case s[i+1] == '{':
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return false
			}
			i += end
		case strings.IndexByte("%_-", s[i+1]) >= 0:
			i++
		default:
			return false
		}
	}
	return true
}

// isDomainSpec accepts what ends in a macro, or in a label that could be a
// top-level domain.
func isDomainSpec(s string) bool {
	if s == "" || !isMacroString(s) {
		return false
	}
	if s[len(s)-1] == '}' {
		return strings.Contains(s, "%{")
	}
	s = strings.TrimSuffix(s, ".")
	dot := strings.LastIndexByte(s, '.')
	if dot < 0 {
		return false
	}
	label := s[dot+1:]
	for i := range len(label) {
		if !isAlphanumeric(label[i]) && label[i] != '-' {
			return false
		}
	}
	return label != "" && label[0] != '-' && label[len(label)-1] != '-' && strings.Trim(label, "0123456789") != ""
}
