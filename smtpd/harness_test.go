package smtpd

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"mxdesk/internal/address"
	"mxdesk/internal/desk"
	"mxdesk/internal/mailauth"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// taken is one mail that the fake desk accepted.
type taken struct {
	in      desk.Inbound
	content string
}

// fakeDesk knows every address at desk.example but those that say otherwise in
// their local part, and obeys the Subject.
type fakeDesk struct {
	mu     sync.Mutex
	mails  []taken
	accept func(context.Context, desk.Inbound) // called first when set
	limit  int64                               // of the largest mailbox
}

var errSecret = errors.New("secret: disk sda1 is on fire")

func (d *fakeDesk) MaxMessage() int64 { return d.limit }

func (d *fakeDesk) Recipient(_ context.Context, a address.Address, size int64) error {
	base, _ := a.Detail()
	switch {
	case a.Domain() != "desk.example":
		return &desk.Refusal{Code: 550, Enhanced: [3]int{5, 7, 1}, Text: "we do not relay"}
	case base.Local() == "nobody":
		return &desk.Refusal{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such mailbox: nobody\r\n250 fooled you"}
	case base.Local() == "slow":
		return &desk.Refusal{Code: 450, Enhanced: [3]int{4, 7, 1}, Text: "too much mail from you, please try again later"}
	case base.Local() == "small" && size > 1000:
		return &desk.Refusal{Code: 552, Enhanced: [3]int{5, 3, 4}, Text: "this mailbox takes 1000 octets at most"}
	case base.Local() == "broken":
		return errSecret
	}
	return nil
}

func (d *fakeDesk) Accept(ctx context.Context, in desk.Inbound) (desk.Receipt, error) {
	if d.accept != nil {
		d.accept(ctx, in)
	}
	b, err := io.ReadAll(io.NewSectionReader(in.Content, 0, in.Content.Size()))
	if err != nil {
		return desk.Receipt{}, err
	}
	switch in.Message.Subject {
	case "refuse":
		return desk.Receipt{}, &desk.Refusal{Code: 550, Enhanced: [3]int{5, 7, 1}, Text: "this ticket is closed"}
	case "trouble":
		return desk.Receipt{}, errSecret
	case "busy":
		return desk.Receipt{}, fmt.Errorf("%w: %w", desk.ErrBusy, context.DeadlineExceeded)
	case "panic":
		panic("boom")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mails = append(d.mails, taken{in, string(b)})
	return desk.Receipt{Outcome: "new", Ticket: 1, Tag: "[ID:0000001]"}, nil
}

func (d *fakeDesk) taken() []taken {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]taken(nil), d.mails...)
}

type fakeAuth struct{}

func (fakeAuth) Check(context.Context, mailauth.Input) ticketstore.Verdict {
	return ticketstore.Verdict{
		Auth: ticketstore.AuthNone, Reason: "not checked",
		SPF: ticketstore.SPFResult{Result: "none"}, DMARC: ticketstore.DMARCResult{Result: "none"}, ARC: ticketstore.ARCResult{Result: "none"},
	}
}

func (fakeAuth) Distrusted(in mailauth.Input) []message.Field {
	return mailauth.New(mailauth.Config{AuthservID: "mx.desk.example"}).Distrusted(in)
}

// pipes is a listener whose connections stay in the process, so that they live
// in a synctest bubble.
type pipes struct {
	ch   chan net.Conn
	done chan struct{}
	once sync.Once
}

func newPipes() *pipes { return &pipes{ch: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.ch:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return fakeAddr("192.0.2.25:25") }

type fakeAddr string

func (fakeAddr) Network() string  { return "tcp" }
func (a fakeAddr) String() string { return string(a) }

type addrConn struct {
	net.Conn
	remote fakeAddr
}

func (c addrConn) RemoteAddr() net.Addr { return c.remote }

func (p *pipes) dial(from string) net.Conn {
	client, server := net.Pipe()
	p.ch <- addrConn{server, fakeAddr(from)}
	return client
}

func testConfig(t testing.TB) Config {
	return Config{Hostname: "mx.desk.example", SpoolDir: t.TempDir(), Log: zerolog.Nop()}
}

// door is a running server in a synctest bubble.
type door struct {
	t    *testing.T
	srv  *Server
	desk *fakeDesk
	l    *pipes
	done chan error
}

func openDoor(t *testing.T, cfg Config) *door { return openDoorFor(t, cfg, way{}) }

func openDoorFor(t *testing.T, cfg Config, w way) *door {
	d := &door{t: t, desk: &fakeDesk{}, l: newPipes(), done: make(chan error, 1)}
	d.srv = New(d.desk, fakeAuth{}, cfg)
	go func() { d.done <- d.srv.serve(d.l, w) }()
	return d
}

// shut stops the server, cutting whoever is still there.
func (d *door) shut() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = d.srv.Shutdown(ctx)
	if err := <-d.done; err != nil {
		d.t.Errorf("Serve returned %v", err)
	}
}

// client is a scripted client. All that the server says is collected while the
// client goes on writing, as real clients do.
type client struct {
	t     *testing.T
	conn  net.Conn
	mu    sync.Mutex
	lines []string
	eof   bool
	wake  chan struct{} // closed when the reader ended
}

func (d *door) dial() *client { return d.dialFrom("198.51.100.7:4711") }

func (d *door) dialFrom(addr string) *client {
	c := &client{t: d.t, conn: d.l.dial(addr)}
	c.listen()
	return c
}

func (c *client) listen() {
	wake := make(chan struct{})
	c.wake = wake
	conn := c.conn
	go func() {
		defer close(wake)
		r := bufio.NewReader(conn)
		for {
			line, err := r.ReadString('\n')
			c.mu.Lock()
			if line != "" {
				c.lines = append(c.lines, strings.TrimSuffix(line, "\r\n"))
			}
			timeout := false
			if ne, ok := errors.AsType[net.Error](err); ok {
				timeout = ne.Timeout()
			}
			c.eof = err != nil && !timeout
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
}

// send writes octets; a server that closed meanwhile is no error here.
func (c *client) send(s string) { _, _ = io.WriteString(c.conn, s) }

// replies waits until the server has said what it has to say, and takes it.
func (c *client) replies() []string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lines
	c.lines = nil
	return l
}

// cmd sends one command and returns the code of the last line answered.
func (c *client) cmd(line string) string {
	c.send(line + "\r\n")
	l := c.replies()
	if len(l) == 0 {
		return ""
	}
	return l[len(l)-1]
}

func (c *client) closed() bool {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.eof
}

// startTLS changes the client to TLS; the server has said 220.
func (c *client) startTLS(cfg *tls.Config) error {
	_ = c.conn.SetReadDeadline(time.Unix(1, 0))
	<-c.wake
	_ = c.conn.SetReadDeadline(time.Time{})
	t := tls.Client(c.conn, cfg)
	if err := t.Handshake(); err != nil {
		return err
	}
	c.conn = t
	c.listen()
	return nil
}

func (c *client) close() {
	_ = c.conn.Close()
	<-c.wake
}

// testTLS makes a certificate for the door.
func testTLS(t testing.TB) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"mx.desk.example"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(100 * 365 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
