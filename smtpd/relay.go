package smtpd

import (
	"net"
	"net/netip"
	"slices"
)

// Relay is a mail server of ours that stands in front of the door and is
// believed about where a mail came from.
type Relay struct {
	// Networks are the addresses that it connects from.
	Networks []netip.Prefix
	// Unix means that it also connects by a Unix socket.
	Unix bool
	// Proxy expects the header of the PROXY protocol, version 1 or 2, in front of
	// everything else on its connections. A connection without one is cut.
	Proxy bool
	// XClient offers it the command XCLIENT.
	XClient bool
}

// unixPeer is the name of a peer that came by a Unix socket.
const unixPeer = "unix"

// has reports whether the relay connects from ip or, where that is invalid, by
// the kind of socket called peer.
func (r *Relay) has(ip netip.Addr, peer string) bool {
	if !ip.IsValid() {
		return r.Unix && peer == unixPeer
	}
	return slices.ContainsFunc(r.Networks, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// relayAt finds the relay on the other side of a connection, or nil.
func (c Config) relayAt(ip netip.Addr, peer string) *Relay {
	for i := range c.Relays {
		if c.Relays[i].has(ip, peer) {
			return &c.Relays[i]
		}
	}
	return nil
}

// peerName is the other side of a connection in a word: its address, "unix", or
// empty when the transport has neither.
func peerName(raw net.Conn, ip netip.Addr) string {
	if ip.IsValid() {
		return ip.String()
	}
	if _, ok := raw.RemoteAddr().(*net.UnixAddr); ok {
		return unixPeer
	}
	return ""
}
