package mailauth

import (
	"fmt"
	"net/netip"
	"strings"

	"mxdesk/internal/message"
)

// Relay is a mail server of the site that takes mail from the internet and
// hands it to us. Its word counts for what it saw: SPF is checked for the
// client that its Received field names, and its Authentication-Results fields
// are believed. Mail of users who log in to it (RFC 3848) begins at the relay:
// when SPF does not permit the user's own address, the relay's counts.
//
// A relay must write a Received field on top of each mail, as RFC 5321 §4.4
// demands; list no proxy here that writes none and leaves the client's address
// to be guessed from the sender's own words.
type Relay struct {
	// Networks are the addresses it connects from, and no others: not those of
	// the people whose mail it takes. A Received field that names one of them as
	// its client leads on to the one below it, so a chain of several relays is
	// followed to its start.
	Networks []netip.Prefix
	// Unix is set for a relay that connects to a Unix socket.
	Unix bool
	// AuthservID is the name in its Authentication-Results fields (RFC 8601
	// §2.5), in any case, as A-labels or not. Without one, or with our own,
	// nothing it says there is believed.
	AuthservID string
}

// RelayUnix is the Input.Relay of a peer at a Unix socket.
const RelayUnix = "unix"

// maxHops is how many Received fields are followed back.
const maxHops = 30

// route is how a mail came to us.
type route struct {
	// via are the relays it came over, the nearest one first. Empty: the client
	// spoke to us itself.
	via []*Relay
	// peer is what the nearest one is called in reasons.
	peer string
	// client is who handed the mail to the first of them; its address is not
	// valid when that is not known, and doubt then says why.
	client hop
	doubt  string
	// own is the address of the relay to which the client logged in; not valid
	// when that is not known.
	own netip.Addr
	// top is the index of the first header field that may be the sender's own.
	top int
}

// route finds out where a mail entered the site.
func (c *Checker) route(in Input) route {
	direct := route{client: hop{ip: in.ClientIP.Unmap(), helo: in.Helo}}
	peer, peerName := c.relay(in.Relay)
	if in.Relay != "" && peer == nil {
		return direct
	}
	if in.ClientIP.IsValid() {
		via := c.relayAt(in.ClientIP)
		if via == nil {
			// A listed peer told us the client's address. Such peers are proxies:
			// the top of the header is not theirs.
			return direct
		}
		peer, peerName = via, in.ClientIP.Unmap().String()
	}
	if peer == nil {
		return direct
	}
	r := route{via: []*Relay{peer}, peer: peerName}
	if r.own = in.ClientIP.Unmap(); !r.own.IsValid() {
		r.own, _ = netip.ParseAddr(in.Relay) // stays invalid for a socket
		r.own = r.own.Unmap()
	}
	c.follow(&r, in.Header)
	return r
}

// relay finds the peer that handed the mail over among the relays.
func (c *Checker) relay(peer string) (*Relay, string) {
	if peer == RelayUnix {
		for i := range c.conf.Relays {
			if c.conf.Relays[i].Unix {
				return &c.conf.Relays[i], "at the Unix socket"
			}
		}
		return nil, ""
	}
	ip, err := netip.ParseAddr(peer)
	if err != nil {
		return nil, ""
	}
	return c.relayAt(ip), ip.Unmap().String()
}

func (c *Checker) relayAt(ip netip.Addr) *Relay {
	ip = ip.Unmap().WithZone("")
	for i := range c.conf.Relays {
		for _, network := range c.conf.Relays[i].Networks {
			if network.Contains(ip) {
				return &c.conf.Relays[i]
			}
		}
	}
	return nil
}

// follow reads the Received fields from the top: each was written by a relay
// as long as the ones above it name relays as their clients.
func (c *Checker) follow(r *route, h *message.Header) {
	hops := 0
	for i := range h.Fields {
		if !strings.EqualFold(h.Fields[i].Name, "Received") {
			continue
		}
		if hops++; hops > maxHops {
			r.doubt = fmt.Sprintf("it went through more than %d relays", maxHops)
			return
		}
		r.top = i
		client, err := readReceived(h.Fields[i].Value)
		if err == errHandover {
			continue
		}
		if err != nil {
			r.doubt = err.Error()
			return
		}
		next := c.relayAt(client.ip)
		if next == nil {
			r.arrive(client)
			return
		}
		r.via, r.own = append(r.via, next), client.ip
	}
	if hops == 0 {
		r.doubt = "it wrote no Received field"
		return
	}
	r.doubt = "all its Received fields name relays of this site, so the mail seems to begin here"
}

// arrive ends the way back at a client that is no relay. An address that only
// means something inside a network has no SPF.
func (r *route) arrive(client hop) {
	r.client.loggedIn = client.loggedIn
	if client.ip.IsPrivate() || !client.ip.IsGlobalUnicast() {
		r.doubt = fmt.Sprintf("it took the mail from the local address %s, which is not listed among the relays", client.ip)
		return
	}
	r.client = client
}

// relayed reports whether the mail came over a relay.
func (r *route) relayed() bool { return len(r.via) > 0 }
