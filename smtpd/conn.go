package smtpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// maxCommand is the longest command line in octets, line end included: eight
	// times what RFC 5321 §4.5.3.1.4 asks for.
	maxCommand = 4 << 10
	// inputBuffer is what is read from a socket at once.
	inputBuffer = 16 << 10
	// freeErrors and freeIdle are what a client may get wrong, or ask without
	// use, before each further one is slowed down or counted.
	freeErrors = 10
	freeIdle   = 100
	// slowDown is the wait before each command behind freeErrors.
	slowDown = 500 * time.Millisecond
	// tlsHandshake bounds a handshake.
	tlsHandshake = time.Minute
)

// conn is one client's connection: what outlives the change to TLS.
type conn struct {
	srv   *Server
	id    string
	ip    netip.Addr // invalid when the transport has none
	log   zerolog.Logger
	raw   net.Conn
	start time.Time

	// Used by the goroutine that serves the connection only.
	rw     net.Conn // raw, or TLS over it
	in     *bufio.Reader
	tls    string  // version and cipher suite
	first  bool    // nothing was read yet
	errors int     // replies that refused for good
	idle   int     // commands in a row that led nowhere
	told   [2]bool // MAIL and RCPT were put off for their rate, and that is in the log

	mu     sync.Mutex // guards the rest, and the read deadline
	busy   bool       // a transaction is open
	stop   bool       // the server stops
	closed bool
}

func newConn(srv *Server, raw net.Conn, ip netip.Addr) *conn {
	now := time.Now()
	id := newID(now)
	c := &conn{srv: srv, id: id, ip: ip, raw: raw, rw: raw, start: now, first: true}
	c.in = bufio.NewReaderSize(raw, inputBuffer)
	c.log = srv.cfg.Log.With().Str("conn", id).Str("ip", c.client()).Logger()
	return c
}

// client is the client's IP address, or empty.
func (c *conn) client() string {
	if !c.ip.IsValid() {
		return ""
	}
	return c.ip.String()
}

// setBusy says whether a transaction is open, which a stopping server waits for.
func (c *conn) setBusy(busy bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = busy
}

// stopSoon tells the connection that the server stops. When no transaction is
// open it wakes at once to say good-bye.
func (c *conn) stopSoon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop = true
	if !c.busy {
		_ = c.raw.SetReadDeadline(time.Unix(1, 0)) // a dead connection wakes by itself
	}
}

// stopping reports whether the connection has to end now.
func (c *conn) stopping() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stop && !c.busy
}

// await sets the deadline of the next read: silence, and the end of the mail
// and of the session, whichever is first.
func (c *conn) await(mailEnd time.Time) error {
	at := time.Now().Add(c.srv.cfg.Idle)
	if end := c.start.Add(c.srv.cfg.Session); end.Before(at) {
		at = end
	}
	if !mailEnd.IsZero() && mailEnd.Before(at) {
		at = mailEnd
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop && !c.busy {
		at = time.Unix(1, 0)
	}
	return c.raw.SetReadDeadline(at)
}

// fill reads until more than n octets wait in the buffer and returns them all.
func (c *conn) fill(n int, mailEnd time.Time) ([]byte, error) {
	if c.in.Buffered() <= n {
		if err := c.await(mailEnd); err != nil {
			return nil, err
		}
		if _, err := c.in.Peek(n + 1); err != nil {
			return nil, err
		}
	}
	return c.in.Peek(c.in.Buffered())
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
			_, err := c.in.Discard(end + 1)
			c.first = false
			return line, err
		}
		n = len(b)
	}
}

// write sends whole reply lines within the idle time.
func (c *conn) write(p []byte) error {
	if err := c.rw.SetWriteDeadline(time.Now().Add(c.srv.cfg.Idle)); err != nil {
		return err
	}
	_, err := c.rw.Write(p)
	return err
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
	if c.stop && !c.busy {
		return net.ErrClosed
	}
	return c.raw.SetDeadline(time.Time{})
}

// upgrade does the TLS handshake (RFC 3207 §4).
func (c *conn) upgrade(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, min(tlsHandshake, c.srv.cfg.Idle))
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
	c.rw, c.in = t, bufio.NewReaderSize(t, inputBuffer)
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
