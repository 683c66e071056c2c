package smtpd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// proxyHeader bounds the time for the header of the PROXY protocol, which a
// relay sends with its first packet.
const proxyHeader = 10 * time.Second

// admit starts a connection, or turns it away with a word.
func (s *Server) admit(raw net.Conn, w way) {
	c := newConn(s, raw, w)
	if event, why := s.enter(c); why != "" {
		s.serves.Go(func() { c.turnAway(event, why) })
		return
	}
	if !w.tls && !c.proxied() {
		s.welcome(c)
		return
	}
	s.serves.Go(func() {
		if err := c.proxy(); err != nil {
			if reason(err) != "closed" && !errors.Is(err, syscall.ECONNRESET) { // else a health check, which sends nothing
				c.log.Info().Str("event", EventHostile).Str("reason", "PROXY header").Str("error", err.Error()).Msg("connection ended")
			}
			_ = c.close()
			return
		}
		s.welcome(c)
	})
}

// welcome hands a connection whose client is known to the dialogue.
func (s *Server) welcome(c *conn) {
	if event, why := s.place(c); why != "" {
		s.serves.Go(func() { c.turnAway(event, why) })
		return
	}
	c.log.Debug().Str("event", EventConnected).Msg("connection opened")
	server := s.plain
	if c.way.tls {
		if !c.secure() {
			_ = c.close()
			return
		}
		server = s.secure
	}
	if !server.hand(&stage{conn: c}) {
		_ = c.close()
	}
}

// turnAway ends a connection that is one too many. There is no word for a client
// that expects TLS: it would read it as broken TLS.
func (c *conn) turnAway(event, why string) {
	c.log.WithLevel(levelOf(event)).Str("event", event).Str("reason", why).Msg("connection turned away")
	if !c.way.tls {
		_ = c.raw.SetDeadline(time.Now().Add(min(lastWord, c.srv.cfg.Idle)))
		_, _ = fmt.Fprintf(c.raw, "421 4.7.0 %s, please try again later\r\n", why)
	}
	_ = c.close()
}

func (c *conn) proxied() bool { return c.relay != nil && c.relay.Proxy }

// proxy reads the header in which a relay says for whom it connects.
func (c *conn) proxy() error {
	if !c.proxied() {
		return nil
	}
	if err := c.raw.SetReadDeadline(time.Now().Add(min(proxyHeader, c.srv.cfg.Idle))); err != nil {
		return err
	}
	ip, err := readProxy(c.raw)
	if err != nil {
		return err
	}
	c.speaksFor(ip)
	return nil
}

// enter puts a connection on the books unless that is one too many; it then says
// why, and which event that is. A full house sends somebody away who has been
// silent for long.
func (s *Server) enter(c *conn) (event, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return EventStopped, "the server stops"
	case len(s.conns)-s.evicting >= s.cfg.MaxConnections && !s.evict(c):
		return EventTooMany, "too many connections"
	}
	s.conns[c] = struct{}{}
	s.weigh()
	return "", ""
}

// place counts a connection by its client's address, also when a relay names
// another client than before. It says why that is one too many.
func (s *Server) place(c *conn) (event, why string) {
	ip, bounded := c.ip, c.bounded()
	src, wide := source(ip), network(ip)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.displace(c)
	switch {
	case !ip.IsValid() || c.relay != nil && !bounded:
		return "", ""
	case s.sources[src] >= s.cfg.MaxPerIP:
		return EventTooMany, "too many connections from your address"
	case s.cfg.MaxPerNetwork > 0 && bounded && s.networks[wide] >= s.cfg.MaxPerNetwork:
		return EventNetwork, "too many connections from your network"
	}
	s.sources[src]++
	s.networks[wide]++
	c.placed, c.counts = ip, true
	return "", ""
}

// displace is called with mu held.
func (s *Server) displace(c *conn) {
	if !c.counts {
		return
	}
	c.counts = false
	leave(s.sources, source(c.placed))
	leave(s.networks, network(c.placed))
}

// forget takes a closed connection off the books.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.displace(c)
	if _, ok := s.conns[c]; ok && c.evicted() {
		s.evicting--
	}
	delete(s.conns, c)
	s.weigh()
	s.checkDrained()
}

// leave takes one away from a count, which keeps no zeros.
func leave(counts map[netip.Prefix]int, p netip.Prefix) {
	if counts[p]--; counts[p] <= 0 {
		delete(counts, p)
	}
}

// clientIP is the address of the other side, invalid when it has none.
func clientIP(raw net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(raw.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// source is what connections are counted by: an IPv6 client has a whole /64.
func source(ip netip.Addr) netip.Prefix {
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // the zero prefix for no address
	return p
}
