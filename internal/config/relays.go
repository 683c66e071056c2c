package config

import (
	"net/netip"
	"strings"
)

// unixPeer stands among the networks of a relay for a Unix socket.
const unixPeer = "unix"

func (c *Config) completeRelays(p *problems) {
	seen := map[netip.Prefix]bool{}
	for i := range c.Relay {
		r, path := &c.Relay[i], entry("trusted_relay", i)
		if len(r.Networks) == 0 {
			p.add(path+".networks", "missing: where does the relay connect from?")
		}
		for j, s := range r.Networks {
			at := entry(path+".networks", j)
			if s == unixPeer {
				r.unix = true
				continue
			}
			n, ok := parseNetwork(s)
			switch {
			case !ok:
				p.add(at, "%q is neither an IP address, nor a network such as \"192.0.2.0/24\", nor \"unix\"", clip(s))
			case n.Bits() == 0:
				p.add(at, "%q is every address there is: anybody could say who sent a mail", s)
			case seen[n]:
				p.add(at, "%q stands here twice", s)
			}
			seen[n] = true
			r.networks = append(r.networks, n)
		}
		if r.unix && r.Proxy && len(r.networks) == 0 {
			p.add(path+".proxy", "a relay on a Unix socket has no address to speak for; use LMTP or XCLIENT")
		}
		if r.AuthservID == "" {
			continue
		}
		if r.Proxy {
			p.add(path+".authserv_id", "a proxy adds no fields: what stands in a mail with this name is the sender's own")
		}
		if r.AuthservID = hostname(p, path+".authserv_id", r.AuthservID); r.AuthservID == c.AuthservID {
			p.add(path+".authserv_id", "is our own name: a field with it is never believed; give the relay another one, or set authserv_id")
		}
	}
}

// parseNetwork reads an address or a network in CIDR form.
func parseNetwork(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			return netip.Prefix{}, false
		}
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), true
	}
	n, err := netip.ParsePrefix(s)
	return n.Masked(), err == nil && !n.Addr().Is4In6()
}
