package smtpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

const (
	// maxCommand is the longest command line in octets, line end included: eight
	// times what RFC 5321 §4.5.3.1.4 asks for.
	maxCommand = 4 << 10
	// slowDown is the wait before each command of a client that got much wrong.
	slowDown = 500 * time.Millisecond
	// tlsHandshake bounds a handshake.
	tlsHandshake = time.Minute
	// lastWord bounds how long a client that has to go may take to read why.
	lastWord = 5 * time.Second
)

// conn is one client's connection: what outlives the change to TLS.
type conn struct {
	srv   *Server
	id    string
	way   way
	relay *Relay // on the other side, nil for anybody else
	peer  string // its address or "unix", empty for anybody else
	raw   net.Conn
	sock  syscall.RawConn // below raw, nil when there is none
	start time.Time

	// Used by the goroutine that serves the connection only.
	ip        netip.Addr // of the client; invalid when it is not known
	log       zerolog.Logger
	rw        net.Conn // raw, or TLS over it
	in        input
	tls       string  // version and cipher suite
	relayHelo string  // what a relay says that its client said
	first     bool    // nothing was read yet
	errors    int     // replies that refused for good
	idle      int     // commands in a row that led nowhere
	noData    bool    // the last command was DATA, and it was refused
	told      [2]bool // MAIL and RCPT were put off for their rate, and that is in the log

	placed netip.Addr // guarded by srv.mu: the address it is counted by
	counts bool       // guarded by srv.mu: it is

	mu     sync.Mutex // guards the rest, and the read deadline
	heard  time.Time  // when the client last said something
	paid   time.Time  // until when it has paid for its place; see load.go
	again  bool       // a transaction was begun since its last mail
	until  time.Time  // when the content under way must be complete; zero: none is
	due    due        // what the deadline of reads stands for
	phase  phase
	last   *farewell // it has to end
	closed bool
}

func newConn(srv *Server, raw net.Conn, w way) *conn {
	now := time.Now()
	c := &conn{srv: srv, id: newID(now), way: w, ip: clientIP(raw), raw: raw, sock: socket(raw), rw: raw, start: now, heard: now, paid: now, first: true}
	c.in = input{src: raw, sock: c.sock}
	peer := peerName(raw, c.ip)
	if c.relay = srv.cfg.relayAt(c.ip, peer); c.relay != nil {
		c.peer = peer
	}
	c.note()
	return c
}

// note begins a log of the client that is known now.
func (c *conn) note() {
	log := c.srv.cfg.Log.With().Str("conn", c.id).Str("ip", c.client())
	if c.peer != "" {
		log = log.Str("relay", c.peer)
	}
	c.log = log.Logger()
}

// speaksFor makes ip the client's address, on a relay's word. When that does not
// know, nobody does: its own address would say nothing about the sender.
func (c *conn) speaksFor(ip netip.Addr) {
	c.ip = ip
	if !ip.IsValid() {
		c.peer = ""
	}
	c.told = [2]bool{}
	c.note()
}

// bounded reports whether the bounds on what one address may do are for this
// client. A relay of ours, or any program on this machine, brings the mail of
// all the world from one address.
func (c *conn) bounded() bool {
	return c.ip.IsValid() && !c.ip.IsLoopback() && (c.relay == nil || c.ip.String() != c.peer)
}

// client is the client's IP address, or empty.
func (c *conn) client() string {
	if !c.ip.IsValid() {
		return ""
	}
	return c.ip.String()
}

// await sets the deadline of the next read: silence, and the end of the mail
// and of the session, whichever is first.
func (c *conn) await(mailEnd time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = mailEnd
	return c.raw.SetReadDeadline(c.deadline())
}

// deadline is when the next read must be over. It is called with mu held.
func (c *conn) deadline() time.Time {
	if c.going() {
		return time.Unix(1, 0)
	}
	b := c.srv.bounds()
	at := c.heard.Add(b.idle)
	c.due = due{EventTimeout, "nothing heard for", b.idle}
	if end := c.start.Add(b.session); end.Before(at) {
		at, c.due = end, due{EventSessionTime, "the session took longer than", b.session}
	}
	if !c.until.IsZero() && c.until.Before(at) {
		at, c.due = c.until, due{EventDataTime, "the mail took longer than", c.srv.cfg.Data}
	}
	return at
}

// due is a limit on time: the event and the words for going beyond it.
type due struct {
	event, words string
	limit        time.Duration
}

// overdue says which limit on time the last read ran into.
func (c *conn) overdue() (event, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.due.event, c.due.words + " " + c.due.limit.String()
}

// hurry lets a bound that has changed count for a read under way.
func (c *conn) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.raw.SetReadDeadline(c.deadline()) // a dead connection wakes by itself
	_ = c.raw.SetWriteDeadline(c.writeDeadline())
}

// fill reads until more than n octets wait and returns them all.
func (c *conn) fill(n int, mailEnd time.Time) ([]byte, error) {
	for c.in.buffered() <= n {
		if err := c.await(mailEnd); err != nil {
			return nil, err
		}
		if err := c.in.more(); err != nil {
			return nil, err
		}
		c.hear()
	}
	return c.in.waiting(), nil
}

// hear begins the time of silence anew.
func (c *conn) hear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = time.Now()
}

// earn counts octets of content that came.
func (c *conn) earn(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paid = c.paid.Add(time.Duration(n) * (time.Second / evictRate))
	if c.paid.After(c.heard) {
		c.paid = c.heard
	}
}

// errLongLine and errForeign end a connection while a command line is read.
var (
	errLongLine = errors.New("command line too long")
	errForeign  = errors.New("the client speaks another protocol")
)

// readLine reads one command line, without its line end. A bare LF ends a line
// too: people type.
func (c *conn) readLine(mailEnd time.Time) ([]byte, error) {
	for n := 0; ; {
		b, err := c.fill(n, mailEnd)
		if err != nil {
			return nil, err
		}
		if c.first {
			if p := foreign(b); p != "" {
				c.log.Info().Str("event", EventHostile).Str("reason", p).Msg("closed at the first octets")
				return nil, errForeign
			}
		}
		end := bytes.IndexByte(b, '\n')
		if end >= maxCommand || end < 0 && len(b) >= maxCommand {
			return nil, errLongLine
		}
		if end >= 0 {
			line := bytes.Clone(bytes.TrimSuffix(b[:end], []byte("\r")))
			c.in.discard(end + 1)
			c.first = false
			return line, nil
		}
		n = len(b)
	}
}

// write sends whole reply lines. A client that does not read is borne for as
// long as a silent one.
func (c *conn) write(p []byte) error {
	if err := c.awaitRoom(); err != nil {
		return err
	}
	_, err := c.rw.Write(p)
	c.hear() // what we took to answer is no silence of the client's
	return err
}

// awaitRoom sets the deadline of the next write.
func (c *conn) awaitRoom() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.SetWriteDeadline(c.writeDeadline())
}

// writeDeadline is called with mu held.
func (c *conn) writeDeadline() time.Time {
	wait := c.srv.bounds().idle
	if c.going() {
		wait = min(wait, lastWord)
	}
	return time.Now().Add(wait)
}

// secure takes the connection into TLS, and reports whether it is.
func (c *conn) secure() bool {
	if err := c.upgrade(c.srv.base); err != nil {
		c.log.Info().Str("event", EventTLSFailed).Str("error", err.Error()).Msg("TLS handshake broke off")
		return false
	}
	c.log.Debug().Str("event", EventTLS).Str("tls", c.tls).Msg("TLS is active")
	return true
}

// unhurried takes away the deadlines, unless the server stops.
func (c *conn) unhurried() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.going() {
		return net.ErrClosed
	}
	return c.raw.SetDeadline(time.Time{})
}

// upgrade does the TLS handshake (RFC 3207 §4).
func (c *conn) upgrade(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, min(tlsHandshake, c.srv.bounds().idle))
	defer cancel()
	if err := c.unhurried(); err != nil {
		return err
	}
	t := tls.Server(c.raw, c.srv.cfg.TLS)
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	s := t.ConnectionState()
	c.tls = tls.VersionName(s.Version) + " " + tls.CipherSuiteName(s.CipherSuite)
	c.rw, c.in = t, input{src: t}
	return nil
}

// close ends the connection, once.
func (c *conn) close() error {
	c.mu.Lock()
	again := c.closed
	c.closed = true
	c.mu.Unlock()
	if again {
		return net.ErrClosed
	}
	leak(c)
	err := c.rw.Close()
	c.log.Debug().Str("event", EventDisconnected).Dur("after", time.Since(c.start)).Int("errors", c.errors).Msg("connection closed")
	c.srv.forget(c)
	return err
}

// cut closes the socket under whoever reads or writes it; the goroutine that
// serves the connection then ends by itself.
func (c *conn) cut() { _ = c.raw.Close() }

// reason says in a word why a read failed.
func reason(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		return "closed"
	}
	return "error"
}
