package remote

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"
)

// Mode says how a connection is protected.
type Mode string

// The modes, in the words of the configuration.
const (
	// StartTLS connects in plain text and goes on only after STARTTLS (RFC
	// 3207): a server that does not offer it gets no mail.
	StartTLS Mode = "starttls"
	// Implicit starts with TLS, as on port 465 (RFC 8314 §3.3).
	Implicit Mode = "implicit"
	// Plain uses no TLS. For a server on the same machine or wire.
	Plain Mode = "none"
)

// ParseMode reads a mode.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case StartTLS, Implicit, Plain:
		return m, nil
	}
	return "", fmt.Errorf("%q is not a TLS mode: use starttls, implicit or none", s)
}

// Smarthost delivers every mail through one server. Mails that follow each
// other closely go over one connection. It may be used from several goroutines
// at once, and must be closed after use.
type Smarthost struct {
	Addr  string // host:port
	Hello string // our name in EHLO; "localhost" when empty
	TLS   Mode   // StartTLS when empty
	// RootCAs may vouch for the server; nil means the machine's. The
	// certificate must carry the host of Addr.
	RootCAs  *x509.CertPool
	Username string // empty: no AUTH
	// Password is asked for at each connection, so that it can change in its file.
	Password func() (string, error)
	Timeouts Timeouts
	// Keep is how many connections are kept between mails, for Timeouts.Idle.
	// Default 10; negative: none. One takes some 60 KiB, with TLS 100.
	Keep int
	// PerConnection is how many mails go over one connection, counting those that
	// are refused. Default 100.
	PerConnection int

	pool pool
}

// Timeouts bounds the steps of a delivery. Zero fields take the default.
type Timeouts struct {
	Connect time.Duration // to connect and for the TLS handshake: 30 s
	Command time.Duration // for one command and its whole reply: 5 min (RFC 5321 §4.5.3.2)
	Block   time.Duration // to send 32 KiB of the mail: 3 min
	End     time.Duration // for the final reply: 10 min
	Total   time.Duration // for the whole delivery: 30 min
	Idle    time.Duration // that a connection is kept without a mail: 5 s
}

func (t Timeouts) withDefaults() Timeouts {
	or := func(v, d time.Duration) time.Duration {
		if v > 0 {
			return v
		}
		return d
	}
	return Timeouts{
		Connect: or(t.Connect, 30*time.Second),
		Command: or(t.Command, 5*time.Minute),
		Block:   or(t.Block, 3*time.Minute),
		End:     or(t.End, 10*time.Minute),
		Total:   or(t.Total, 30*time.Minute),
		Idle:    or(t.Idle, 5*time.Second),
	}
}

// Deliver hands a mail over. A nil error means that the server answered the end
// of the data with 250 and has the mail now. Any other error is an [*Error].
// When ctx ends, so does the connection; a mail whose final reply was still
// awaited may then have been taken all the same.
func (s *Smarthost) Deliver(ctx context.Context, m Mail) (Result, error) {
	t := s.Timeouts.withDefaults()
	ctx, cancel := context.WithTimeoutCause(ctx, t.Total, overdue(t.Total))
	defer cancel()
	d, err := s.offer(ctx, t, m)
	var text string
	if err == nil {
		text, err = d.data(m)
	}
	s.putBack(d)
	if err != nil {
		return Result{}, err
	}
	return Result{Host: s.Addr, Reply: text}, nil
}

// overdue is why a delivery that takes longer than that ends.
type overdue time.Duration

func (o overdue) Error() string { return "delivery over " + time.Duration(o).String() }

// offer finds a connection and says the envelope of a mail over it. Servers end
// connections as they please, and one that was kept may be dead without our
// knowing: then the mail, of which no octet is out, begins again with a new one.
func (s *Smarthost) offer(ctx context.Context, t Timeouts, m Mail) (*dialogue, error) {
	if d := s.take(); d != nil {
		d.attach(ctx)
		err := d.envelope(m)
		if !d.gone || ctx.Err() != nil {
			return d, err
		}
		d.close()
	}
	d := &dialogue{Smarthost: s, ctx: ctx, timeouts: t, phase: PhaseConnect}
	if err := d.open(); err != nil {
		return d, err
	}
	return d, d.envelope(m)
}

// connect dials and, in mode Implicit, begins TLS.
func (d *dialogue) connect() error {
	dialer := net.Dialer{Timeout: d.timeouts.Connect}
	conn, err := dialer.DialContext(d.ctx, "tcp", d.Addr)
	if err != nil {
		return d.broken(err)
	}
	d.raw = conn
	d.use(conn)
	d.attach(d.ctx)
	if d.TLS == Implicit {
		return d.handshake()
	}
	return nil
}

// use makes conn the connection of the dialogue.
func (d *dialogue) use(conn net.Conn) {
	d.conn = conn
	d.in = bufio.NewReaderSize(conn, maxReplyLine)
}

// attach makes the context of a mail that of the connection: it ends both.
func (d *dialogue) attach(ctx context.Context) {
	d.ctx = ctx
	d.detach = context.AfterFunc(ctx, func() { d.raw.Close() })
}

// handshake upgrades the connection to TLS.
func (d *dialogue) handshake() error {
	host, _, err := net.SplitHostPort(d.Addr)
	if err != nil {
		return d.broken(err)
	}
	conn := tls.Client(d.conn, &tls.Config{ServerName: host, RootCAs: d.RootCAs, MinVersion: tls.VersionTLS12})
	ctx, cancel := context.WithTimeout(d.ctx, d.timeouts.Connect)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return d.broken(err)
	}
	d.use(conn)
	d.secure = true
	return nil
}

// starttls does the dialogue of RFC 3207. What was known of the server before
// is forgotten (§4.2), and text that somebody slipped in behind the reply ends
// the delivery.
func (d *dialogue) starttls() error {
	d.phase = PhaseTLS
	if _, ok := d.extensions["STARTTLS"]; !ok {
		return d.broken(ErrNoTLS)
	}
	if _, err := d.command("STARTTLS", completed); err != nil {
		return err
	}
	if d.in.Buffered() > 0 {
		return d.broken(ErrPlainInTLS)
	}
	if err := d.handshake(); err != nil {
		return err
	}
	return d.hello()
}

// close says QUIT when the server waits for a command, and closes the
// connection.
func (d *dialogue) close() {
	if d.conn == nil {
		return
	}
	if d.orderly() && d.ctx.Err() == nil {
		// Every mail is delivered or refused already: how the server takes its
		// leave changes nothing.
		d.deadline(min(quitTimeout, d.timeouts.Command))
		if _, err := d.conn.Write([]byte("QUIT\r\n")); err == nil {
			_, _ = readReply(d.in)
		}
	}
	d.conn.Close()
}

const quitTimeout = 5 * time.Second
