package smtpd

import (
	"net/netip"
	"strings"

	"mxdesk/internal/address"
)

// xclientOffer is the line that offers XCLIENT, with the attributes that are
// understood. The command is Postfix's: a relay in front says with it who the
// client really is.
const xclientOffer = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"

// xclient is what a relay says about its client.
type xclient struct {
	addr    bool       // ADDR was given
	ip      netip.Addr // invalid: the relay does not know
	helo    string     // checked; empty: not known
	hasHelo bool
}

// parseXClient reads the attributes of XCLIENT. Of them ADDR and HELO count; the
// others are checked for form only.
func parseXClient(arg string) (x xclient, ok bool) {
	if arg == "" {
		return xclient{}, false
	}
	for attr := range strings.FieldsSeq(arg) {
		key, value, valued := strings.Cut(attr, "=")
		value, plain := fromXtext(value)
		if !valued || !plain {
			return xclient{}, false
		}
		unknown := strings.EqualFold(value, "[UNAVAILABLE]") || strings.EqualFold(value, "[TEMPUNAVAIL]")
		switch strings.ToUpper(key) {
		case "ADDR":
			x.addr, ok = true, true
			if !unknown {
				x.ip, ok = xclientAddr(value)
			}
		case "HELO":
			x.hasHelo, ok = true, true
			if d, err := address.ParseDomain(value); err == nil && !unknown {
				x.helo = string(d)
			}
		case "NAME", "PORT", "PROTO", "LOGIN", "DESTADDR", "DESTPORT":
			ok = true
		default:
			ok = false
		}
		if !ok {
			return xclient{}, false
		}
	}
	return x, true
}

// xclientAddr reads an address: IPv6 ones have "IPV6:" in front.
func xclientAddr(s string) (netip.Addr, bool) {
	if len(s) > 5 && strings.EqualFold(s[:5], "IPV6:") {
		s = s[5:]
	}
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" {
		return netip.Addr{}, false
	}
	return ip.Unmap(), true
}

// fromXtext decodes xtext (RFC 3461 §4). ok is false when it is none.
func fromXtext(s string) (text string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '+' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		hi, lo := strings.IndexByte("0123456789ABCDEF", s[i+1]), strings.IndexByte("0123456789ABCDEF", s[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		b.WriteByte(byte(hi<<4 | lo))
		i += 2
	}
	return b.String(), true
}
