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

// Smarthost delivers every mail through one server. It holds no connection
// between mails and may be used from several goroutines at once.
type Smarthost struct {
	Addr  string // host:port
	Hello string // our name in EHLO; "localhost" when empty
	TLS   Mode   // StartTLS when empty
	// RootCAs may vouch for the server; nil means the machine's. The
	// certificate must carry the host of Addr.
	RootCAs  *x509.CertPool
	Username string // empty: no AUTH
	// Password is asked for at each delivery, so that it can change in its file.
	Password func() (string, error)
	Timeouts Timeouts
}

// Timeouts bounds the steps of a delivery. Zero fields take the default.
type Timeouts struct {
	Connect time.Duration // to connect and for the TLS handshake: 30 s
	Command time.Duration // for one command and its whole reply: 5 min (RFC 5321 §4.5.3.2)
	Block   time.Duration // to send 32 KiB of the mail: 3 min
	End     time.Duration // for the final reply: 10 min
	Total   time.Duration // for the whole delivery: 30 min
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
	}
}

// Deliver hands a mail over. A nil error means that the server answered the end
// of the data with 250 and has the mail now. Any other error is an [*Error].
// When ctx ends, so does the connection; a mail whose final reply was still
// awaited may then have been taken all the same.
func (s *Smarthost) Deliver(ctx context.Context, m Mail) (Result, error) {
	t := s.Timeouts.withDefaults()
	ctx, cancel := context.WithTimeoutCause(ctx, t.Total, fmt.Errorf("delivery over %s", t.Total))
	defer cancel()
	d := &dialogue{Smarthost: s, ctx: ctx, timeouts: t, phase: PhaseConnect}
	defer d.close()
	text, err := d.run(m)
	if err != nil {
		return Result{}, err
	}
	return Result{Host: s.Addr, Reply: text}, nil
}

// connect dials and, in mode Implicit, begins TLS.
func (d *dialogue) connect() error {
	dialer := net.Dialer{Timeout: d.timeouts.Connect}
	conn, err := dialer.DialContext(d.ctx, "tcp", d.Addr)
	if err != nil {
		return d.broken(err)
	}
	// The context of a delivery always ends, and with it this.
	context.AfterFunc(d.ctx, func() { conn.Close() })
	d.use(conn)
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

// close says QUIT when the dialogue ended in order, and closes the connection.
func (d *dialogue) close() {
	if d.conn == nil {
		return
	}
	if d.orderly && d.ctx.Err() == nil {
		// The mail is delivered or refused already: how the server takes its
		// leave changes nothing.
		d.deadline(min(quitTimeout, d.timeouts.Command))
		if _, err := d.conn.Write([]byte("QUIT\r\n")); err == nil {
			_, _ = readReply(d.in)
		}
	}
	d.conn.Close()
}

const quitTimeout = 5 * time.Second
