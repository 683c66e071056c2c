package smtpd

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// openTLSDoor is openDoor for clients that speak TLS from the first octet.
func openTLSDoor(t *testing.T, cfg Config) *door {
	d := &door{t: t, srv: New(&fakeDesk{}, fakeAuth{}, cfg), l: newPipes(), done: make(chan error, 1)}
	d.desk = d.srv.desk.(*fakeDesk)
	go func() { d.done <- d.srv.ServeTLS(d.l) }()
	return d
}

// dialTLS connects as such a client.
func (d *door) dialTLS(from string) (*client, error) {
	conn := tls.Client(d.l.dial(from), &tls.Config{InsecureSkipVerify: true})
	if err := conn.Handshake(); err != nil {
		return nil, err
	}
	c := &client{t: d.t, conn: conn}
	c.listen()
	return c, nil
}

func TestImplicitTLS(t *testing.T) {
	cfg := testConfig(t)
	cfg.TLS = testTLS(t)
	synctest.Test(t, func(t *testing.T) {
		d := openTLSDoor(t, cfg)
		defer d.shut()
		c, err := d.dialTLS("198.51.100.7:4711")
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		if l := c.replies(); len(l) != 1 || !strings.HasPrefix(l[0], "220 mx.desk.example ") {
			t.Errorf("greeted with %q", l)
		}
		c.send("EHLO client.example\r\n")
		if l := strings.Join(c.replies(), "\n"); strings.Contains(l, "STARTTLS") || !strings.Contains(l, "PIPELINING") {
			t.Errorf("offers:\n%s", l)
		}
		if got := c.cmd("STARTTLS"); !strings.HasPrefix(got, "503 ") {
			t.Errorf("STARTTLS: %s", got)
		}
		c.send("MAIL FROM:<ann@client.example>\r\nRCPT TO:<support@desk.example>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n")
		c.replies()
		mails := d.desk.taken()
		if len(mails) != 1 {
			t.Fatalf("%d mails were taken", len(mails))
		}
		env := mails[0].in.Envelope
		if env.Protocol != "ESMTPS" || !strings.HasPrefix(env.TLS, "TLS 1.3 ") || env.ClientIP != "198.51.100.7" {
			t.Errorf("envelope: %+v", env)
		}
	})
}

// A connection counts from its first octet, not from the end of its handshake:
// who is silent, or speaks plain SMTP, holds its place and then loses it.
func TestImplicitTLSHandshakes(t *testing.T) {
	cfg := testConfig(t)
	cfg.TLS, cfg.MaxPerIP = testTLS(t), 1
	for name, test := range map[string]struct {
		say  string
		ends bool // at once
	}{
		"plain SMTP":      {"EHLO client.example\r\n", true},
		"HTTP":            {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
		"silence":         {"", false},
		"half a greeting": {"\x16\x03\x01", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := openTLSDoor(t, cfg)
				defer d.shut()
				raw := d.l.dial("198.51.100.7:1")
				defer raw.Close()
				began, end := time.Now(), make(chan time.Duration, 1)
				go func() {
					_, _ = io.Copy(io.Discard, raw)
					end <- time.Since(began)
				}()
				_, _ = io.WriteString(raw, test.say)
				synctest.Wait()
				if !test.ends {
					if _, err := d.dialTLS("198.51.100.7:2"); err == nil {
						t.Error("a second connection from the same address was served")
					}
				}
				want := tlsHandshake
				if test.ends {
					want = 0
				}
				if got := <-end; got != want {
					t.Errorf("cut after %v, want %v", got, want)
				}
				synctest.Wait()
				c, err := d.dialTLS("198.51.100.7:3")
				if err != nil {
					t.Fatal("the place was not given free:", err)
				}
				c.close()
			})
		})
	}
}

// A stopping server does not wait for somebody's handshake.
func TestStopDuringHandshake(t *testing.T) {
	cfg := testConfig(t)
	cfg.TLS = testTLS(t)
	synctest.Test(t, func(t *testing.T) {
		d := openTLSDoor(t, cfg)
		raw := d.l.dial("198.51.100.7:1")
		defer raw.Close()
		synctest.Wait()
		began := time.Now()
		if err := d.srv.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the stop took %v", took)
		}
		if err := <-d.done; err != nil {
			t.Error(err)
		}
	})
}

func TestImplicitTLSNeedsACertificate(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := New(&fakeDesk{}, fakeAuth{}, testConfig(t)).ServeTLS(l); err == nil {
		t.Error("served without a certificate")
	}
	if _, err := l.Accept(); err == nil {
		t.Error("the listener is open")
	}
}

// TestStartTLSIsOfferedWhenThereIsACertificate: one that comes while a client is
// connected is offered at its next EHLO.
func TestStartTLSIsOfferedWhenThereIsACertificate(t *testing.T) {
	cfg := testConfig(t)
	cfg.TLS = testTLS(t)
	there := false
	cfg.OfferTLS = func() bool { return there }
	synctest.Test(t, func(t *testing.T) {
		d := openDoor(t, cfg)
		defer d.shut()
		c := d.dial()
		defer c.close()
		c.replies()
		for _, there = range []bool{false, true, false} {
			c.send("EHLO client.example\r\n")
			if l := strings.Join(c.replies(), "\n"); strings.Contains(l, "250-STARTTLS") != there || !strings.Contains(l, "250-PIPELINING") {
				t.Errorf("there is a certificate: %v, offered:\n%s", there, l)
			}
			if there {
				continue
			}
			if got := c.cmd("STARTTLS"); !strings.HasPrefix(got, "502 ") {
				t.Errorf("STARTTLS without a certificate: %s", got)
			}
		}
	})
}
