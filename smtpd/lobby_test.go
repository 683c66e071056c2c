package smtpd

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// parkedClient speaks over a real socket, and lets the server park it before
// every command.
type parkedClient struct {
	t    *testing.T
	srv  *Server
	conn net.Conn
	r    *bufio.Reader
}

// parkedDoor is a server on a real socket that parks at once.
func parkedDoor(t *testing.T, w way, cfg Config) (*parkedClient, *fakeDesk) {
	d := &fakeDesk{}
	srv := New(d, fakeAuth{}, cfg)
	srv.parkAfter = time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.serve(l, w) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		if err := srv.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &parkedClient{t, srv, conn, bufio.NewReader(conn)}, d
}

// park waits until the connection is in the lobby.
func (c *parkedClient) park() {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); c.srv.parked.Load() == 0; {
		if time.Now().After(end) {
			c.t.Fatal("never parked")
		}
		time.Sleep(time.Millisecond) // until it is seen: there is no sign to wait for
	}
}

// say sends one line from the lobby and returns the reply's lines.
func (c *parkedClient) say(line string) string {
	c.t.Helper()
	c.park()
	return c.answer(line + "\r\n")
}

func (c *parkedClient) answer(octets string) string {
	c.t.Helper()
	if octets != "" {
		if _, err := c.conn.Write([]byte(octets)); err != nil {
			c.t.Fatal(err)
		}
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(time.Minute)) // no measure of speed: a reply that is missing
	var said strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("behind %q: %q, %v", octets, said.String(), err)
		}
		said.WriteString(line)
		if len(line) > 3 && line[3] == ' ' {
			return said.String()
		}
	}
}

// A client that is parked before every command has the same conversation as one
// that never is: whatever go-smtp forgot is told it again.
func TestParkedConversation(t *testing.T) {
	for _, w := range []way{{}, {lmtp: true}} {
		t.Run(fmt.Sprintf("lmtp=%v", w.lmtp), func(t *testing.T) {
			cfg := testConfig(t)
			cfg.TLS = testTLS(t)
			c, d := parkedDoor(t, w, cfg)
			hello := map[bool]string{false: "EHLO client.example", true: "LHLO client.example"}[w.lmtp]
			expectReply(t, c.answer(""), "220 mx.desk.example")
			expectReply(t, c.say("MAIL FROM:<ann@client.example>"), "503 5.5.1")
			expectReply(t, c.say(hello), "250-mx.desk.example")
			expectReply(t, c.say("STARTTLS"), "220 2.0.0")
			secure := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
			c.conn, c.r = secure, bufio.NewReader(secure)
			if err := secure.Handshake(); err != nil {
				t.Fatal(err)
			}
			expectReply(t, c.say("MAIL FROM:<ann@client.example>"), "503 5.5.1")
			expectReply(t, c.say(hello), "250-mx.desk.example")
			expectReply(t, c.say("MAIL FROM:<ann@client.example> BODY=8BITMIME SMTPUTF8 SIZE=100"), "250 2.1.0")
			expectReply(t, c.say("MAIL FROM:<ann@client.example>"), "503 5.5.1")
			expectReply(t, c.say("RCPT TO:<support@desk.example>"), "250 2.1.5")
			expectReply(t, c.say("RCPT TO:<nobody@desk.example>"), "550 5.1.1")
			expectReply(t, c.say("RCPT TO:<b\u00fcro@desk.example>"), "250 2.1.5")
			c.park()
			_, _ = c.conn.Write([]byte("DA")) // a command in two parts
			c.park()
			expectReply(t, c.answer("TA\r\n"), "354")
			expectReply(t, c.answer("Subject: x\r\n\r\nbody\r\n.\r\n"), "250 2.0.0 accepted")
			if w.lmtp {
				expectReply(t, c.answer(""), "250 2.0.0 accepted")
			}
			expectReply(t, c.say("DATA"), "503 5.5.1")
			expectReply(t, c.say("MAIL FROM:<>"), "250 2.1.0")
			expectReply(t, c.say("RSET"), "250 2.0.0")
			expectReply(t, c.say("RCPT TO:<support@desk.example>"), "503 5.5.1")
			expectReply(t, c.say("QUIT"), "221")
			mails := d.taken()
			if len(mails) != 1 {
				t.Fatalf("%d mails were taken", len(mails))
			}
			env := mails[0].in.Envelope
			if len(env.Recipients) != 2 || env.From.String() != "ann@client.example" || env.Helo != "client.example" || !strings.HasPrefix(env.Protocol, "UTF8") {
				t.Errorf("the envelope is %+v", env)
			}
		})
	}
}

// Errors count in the lobby too, and a parked client is told when the server
// stops.
func TestParkedClientsAreBoundedAndTold(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxErrors = 3
	c, _ := parkedDoor(t, way{}, cfg)
	c.answer("")
	for range 2 {
		expectReply(t, c.say("XYZZY"), "500 5.5.1")
	}
	expectReply(t, c.say("XYZZY"), "500 5.5.1")
	expectReply(t, c.answer(""), "421 4.7.0 too many errors")

	c, _ = parkedDoor(t, way{}, testConfig(t))
	c.answer("")
	c.park()
	stopped := make(chan error, 1)
	go func() { stopped <- c.srv.Shutdown(context.Background()) }()
	expectReply(t, c.answer(""), "421 4.3.2 the server stops")
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// A parked client that says nothing is told so when its time is over.
func TestParkedClientsTimeOut(t *testing.T) {
	cfg := testConfig(t)
	cfg.Idle = 50 * time.Millisecond
	c, _ := parkedDoor(t, way{}, cfg)
	c.answer("")
	expectReply(t, c.answer(""), "421 4.4.2 nothing heard")
}
