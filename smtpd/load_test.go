package smtpd

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mxdesk/internal/desk"
)

// The fuller the house, the shorter its patience; nothing is ever looser than
// configured.
func TestLevelsTightenBounds(t *testing.T) {
	c := Config{}.withDefaults()
	last := c.boundsAt(calm)
	if last.idle != c.Idle || last.session != c.Session || last.maxErrors != c.MaxErrors {
		t.Errorf("calm is not as configured: %+v", last)
	}
	for _, l := range []level{busy, crowded} {
		b := c.boundsAt(l)
		if b.idle >= last.idle || b.session >= last.session || b.maxErrors >= last.maxErrors || b.window > last.window {
			t.Errorf("%v is not tighter: %+v after %+v", l, b, last)
		}
		last = b
	}
	strict := Config{Idle: time.Second, Session: time.Second, MaxErrors: 1}.withDefaults()
	for _, l := range []level{busy, crowded} {
		if b := strict.boundsAt(l); b.idle != time.Second || b.session != time.Second || b.maxErrors != 1 {
			t.Errorf("%v is looser than configured: %+v", l, b)
		}
	}
}

// A level counts at once for clients that are silent already, and goes back
// when the house has emptied.
func TestLevelReachesSilentClients(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxConnections, cfg.MaxPerIP, cfg.MaxPerNetwork = 10, 100, -1
	synctest.Test(t, func(t *testing.T) {
		d, events := guarded(t, cfg)
		defer d.shut()
		var clients []*client
		for range 7 {
			clients = append(clients, d.dial())
		}
		synctest.Wait()
		if got := level(d.srv.load.at.Load()); got != busy {
			t.Errorf("with 7 of 10 the level is %v", got)
		}
		time.Sleep(30 * time.Second)
		clients = append(clients, d.dial())
		synctest.Wait()
		if got := level(d.srv.load.at.Load()); got != calm {
			t.Errorf("the level is %v, and silent clients were not sent away", got)
		}
		for _, c := range clients[:7] {
			if !c.closed() {
				t.Error("a client that was silent for 30 s is still there in a crowded house")
			}
			said := c.replies()
			expectReply(t, said[len(said)-1], "421 4.4.2 nothing heard for 10s")
		}
		if clients[7].closed() {
			t.Error("the newcomer was sent away")
		}
		if n := events(EventLoad); n != 4 { // busy, crowded, busy, calm
			t.Errorf("%d changes of the level were logged", n)
		}
		for _, c := range clients {
			c.close()
		}
	})
}

// A full house sends away who has been silent longest and has no transaction
// open; when there is nobody, the newcomer.
func TestFullHouseSendsTheSilentAway(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxConnections, cfg.MaxPerIP, cfg.MaxPerNetwork = 3, 100, -1
	synctest.Test(t, func(t *testing.T) {
		d, events := guarded(t, cfg)
		defer d.shut()
		first := d.dial()
		time.Sleep(time.Second)
		second := d.dial()
		second.cmd("EHLO client.example")
		expectReply(t, second.cmd("MAIL FROM:<ann@client.example>"), "250")
		third := d.dial()
		early := d.dial()
		expectReply(t, fmt.Sprint(early.replies()), "[421 4.7.0 too many connections,")
		time.Sleep(2 * time.Second)
		fourth := d.dial()
		expectReply(t, fmt.Sprint(fourth.replies()), "[220")
		if !first.closed() || second.closed() || third.closed() {
			t.Errorf("sent away: first %v, second %v, third %v", first.closed(), second.closed(), third.closed())
		}
		said := first.replies()
		expectReply(t, said[len(said)-1], "421 4.7.0 too many connections, and no mail came from you")
		if n := events(EventEvicted); n != 1 {
			t.Errorf("%d events", n)
		}
		for _, c := range []*client{first, second, third, early, fourth} {
			c.close()
		}
		synctest.Wait()
		if len(d.srv.conns) != 0 || d.srv.evicting != 0 || len(d.srv.sources) != 0 {
			t.Errorf("left on the books: %d connections, %d on their way out, %v", len(d.srv.conns), d.srv.evicting, d.srv.sources)
		}
	})
}

// In a full house nobody holds a place with patience alone: not with a transaction
// that is kept open, not with content that drips just fast enough. Who sends a mail
// at a fair pace, or waits for our decision, stays.
func TestFullHouseSendsThePatientAway(t *testing.T) {
	slowly := func(octets int) func(c *client) {
		return func(c *client) {
			expectReply(t, c.cmd("RCPT TO:<support@desk.example>"), "250")
			expectReply(t, c.cmd("DATA"), "354")
			for range 40 {
				c.send(strings.Repeat("x", octets-2) + "\r\n")
				time.Sleep(time.Second)
			}
		}
	}
	for _, tt := range []struct {
		name string
		do   func(c *client) // takes 40 seconds
		said string          // empty: stays
	}{
		{"a transaction and blank commands", func(c *client) {
			for range 5 {
				time.Sleep(8 * time.Second)
				c.cmd("NOOP")
			}
		}, "421 4.7.0 too many connections, and no mail came from you"},
		{"one transaction after the other", func(c *client) {
			for range 5 {
				time.Sleep(8 * time.Second)
				c.cmd("RSET")
				c.cmd("MAIL FROM:<ann@client.example>")
			}
		}, "421 4.7.0 too many connections, and no mail came from you"},
		{"content that drips", slowly(150), "421 4.7.0 too many connections, and no mail came from you"},
		{"chunks that drip", func(c *client) {
			expectReply(t, c.cmd("RCPT TO:<support@desk.example>"), "250")
			for range 5 {
				c.send("BDAT 1\r\nx")
				time.Sleep(8 * time.Second)
			}
		}, "421 4.7.0 too many connections, and no mail came from you"},
		{"content at a fair pace", slowly(1100), ""},
		{"mail after mail", func(c *client) {
			for range 20 {
				c.cmd("RCPT TO:<support@desk.example>")
				c.cmd("DATA")
				expectReply(t, c.cmd("x\r\n."), "250 2.0.0 accepted")
				time.Sleep(2 * time.Second)
				c.cmd("MAIL FROM:<ann@client.example>")
			}
		}, ""},
		{"a decision that takes its time", func(c *client) {
			c.cmd("RCPT TO:<support@desk.example>")
			c.cmd("DATA")
			c.cmd("Subject: long\r\n\r\n.")
			time.Sleep(40 * time.Second)
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig(t)
			cfg.MaxConnections, cfg.MaxPerIP, cfg.MaxPerNetwork = 1, 100, -1
			synctest.Test(t, func(t *testing.T) {
				d := openDoor(t, cfg)
				defer d.shut()
				d.desk.accept = func(_ context.Context, in desk.Inbound) {
					if in.Message.Subject == "long" {
						time.Sleep(time.Minute)
					}
				}
				c := d.dial()
				defer c.close()
				c.cmd("EHLO client.example")
				expectReply(t, c.cmd("MAIL FROM:<ann@client.example>"), "250")
				early := d.dial()
				expectReply(t, fmt.Sprint(early.replies()), "[421 4.7.0 too many connections, please")
				early.close()
				tt.do(c)
				c.replies()
				late := d.dial()
				defer late.close()
				said, end := fmt.Sprint(late.replies()), strings.Join(c.replies(), "|")
				if tt.said == "" {
					expectReply(t, said, "[421 4.7.0 too many connections, please")
					if c.closed() {
						t.Errorf("sent away with %q", end)
					}
					return
				}
				expectReply(t, said, "[220")
				expectReply(t, end, tt.said)
				if !c.closed() || len(d.desk.taken()) != 0 {
					t.Errorf("still there, or %d mails", len(d.desk.taken()))
				}
			})
		})
	}
}

// Who comes from a network that has few places here gets one of a network that
// has many, so that a few networks never keep all of them, however fast they
// come back.
func TestFullHouseIsSharedByNetworks(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxConnections, cfg.MaxPerIP, cfg.MaxPerNetwork = 20, 100, -1
	synctest.Test(t, func(t *testing.T) {
		d := openDoor(t, cfg)
		defer d.shut()
		var crowd []*client
		join := func(from string) string {
			c := d.dialFrom(from)
			crowd = append(crowd, c)
			said := strings.Join(c.replies(), "|")
			c.cmd("EHLO client.example")
			c.cmd("MAIL FROM:<ann@client.example>")
			return said
		}
		for i := range 20 {
			expectReply(t, join(fmt.Sprintf("192.0.%d.%d:1", 2+i%4, i)), "220") // four networks, five each
		}
		expectReply(t, join("198.51.100.7:1"), "421 4.7.0 too many connections, please") // all of them came just now
		time.Sleep(3 * time.Second)
		expectReply(t, join("192.0.2.99:1"), "421 4.7.0 too many connections, please")
		expectReply(t, join("198.51.100.7:1"), "220")
		expectReply(t, join("198.51.100.8:1"), "220")
		expectReply(t, join("198.51.100.9:1"), "421 4.7.0 too many connections, please") // no great difference any more
		expectReply(t, join("203.0.113.9:1"), "220")
		for _, c := range crowd {
			c.close()
		}
	})
}

func TestBudgetLeavesRoomForSmallMails(t *testing.T) {
	c := Config{}.withDefaults()
	b := newBudget(c.ContentMemory)
	large := c.memoryFor(25 << 20)
	n := 0
	for b.take(large, large) {
		n++
	}
	if n != 20 {
		t.Errorf("%d mails of 25 MiB fit, want 20", n)
	}
	if small := c.memoryFor(2 << 10); !b.has(small) || !b.take(small, small) {
		t.Error("a small mail finds no room beside them")
	}
	if b.has(large) {
		t.Error("one more large mail would fit, but did not")
	}
	b.give(large)
	if !b.take(large, large) {
		t.Error("what was given back is not there")
	}
	small := c.memoryFor(1 << 20)
	n = 0
	for b.take(small, small) {
		if n++; n > 1000 {
			t.Fatal("small mails are not bounded")
		}
	}
	if n != 7 { // of a sixth of 192 MiB, 4 MiB each, less what the first one took
		t.Errorf("%d mails of 1 MiB fit beside the large ones, want 7", n)
	}
}

// A handshake is no way to be silent for longer than others in a crowded house.
func TestHandshakeIsBorneAsSilenceIs(t *testing.T) {
	cfg := testConfig(t)
	cfg.TLS, cfg.MaxConnections = testTLS(t), 1
	for _, w := range []way{{}, {tls: true}} {
		synctest.Test(t, func(t *testing.T) {
			d := openDoorFor(t, cfg, w)
			defer d.shut()
			c := d.dial()
			defer c.close()
			if !w.tls {
				c.cmd("EHLO client.example")
				expectReply(t, c.cmd("STARTTLS"), "220")
			}
			time.Sleep(9 * time.Second)
			if c.closed() {
				t.Error("closed at once")
			}
			time.Sleep(2 * time.Second)
			if !c.closed() {
				t.Error("still there after 11 seconds")
			}
		})
	}
}

// Who does not read what it is told is no better than who says nothing: it is
// borne for less time in a crowded house, and sent away from a full one.
func TestClientThatDoesNotReadIsSentAway(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxConnections, cfg.MaxPerIP, cfg.MaxPerNetwork = 3, 100, -1
	open := func(d *door) {
		if n := len(d.srv.open()); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	}
	t.Run("from a full house", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d, events := guarded(t, cfg)
			defer d.shut()
			for range 3 {
				defer d.l.dial("198.51.100.7:4711").Close()
			}
			time.Sleep(3 * time.Second)
			honest := d.dial()
			expectReply(t, fmt.Sprint(honest.replies()), "[220")
			expectReply(t, honest.cmd("EHLO client.example"), "250")
			time.Sleep(6 * time.Second)
			if n := len(d.srv.open()); n != 3 || events(EventEvicted) != 1 {
				t.Errorf("%d connections, %d were sent away", n, events(EventEvicted))
			}
			honest.close()
			time.Sleep(5 * time.Second)
			open(d)
		})
	})
	t.Run("in a transaction", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := openDoor(t, cfg)
			defer d.shut()
			deaf := d.l.dial("198.51.100.7:4711")
			defer deaf.Close()
			c := &client{t: t, conn: deaf}
			buf := make([]byte, 1000)
			_, _ = deaf.Read(buf)
			c.send("EHLO client.example\r\n")
			_, _ = deaf.Read(buf)
			c.send("MAIL FROM:<ann@client.example>\r\n")
			synctest.Wait()
			for range 2 { // from now on the house is crowded
				defer d.dial().close()
			}
			time.Sleep(11 * time.Second)
			open(d)
		})
	})
}
