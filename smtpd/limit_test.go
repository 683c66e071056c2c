package smtpd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// guarded opens a door whose log can be asked for events.
func guarded(t *testing.T, cfg Config) (d *door, count func(event string) int) {
	var log bytes.Buffer
	cfg.Log = zerolog.New(zerolog.SyncWriter(&log))
	return openDoor(t, cfg), func(event string) int {
		synctest.Wait()
		n := 0
		for line := range strings.Lines(log.String()) {
			var entry struct{ Event string }
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatal(err)
			}
			if entry.Event == event {
				n++
			}
		}
		return n
	}
}

func expectReply(t *testing.T, got, want string) {
	t.Helper()
	if !strings.HasPrefix(got, want) {
		t.Errorf("said %q, want %s", got, want)
	}
}

func TestConnectionsAreBoundedPerNetwork(t *testing.T) {
	for _, tt := range []struct{ name, first, second, third, other, want string }{
		{"IPv4 /24", "192.0.2.1:1", "192.0.2.99:1", "192.0.2.255:1", "192.0.3.1:1", "421 4.7.0 too many connections from your network,"},
		{"IPv6 /48", "[2001:db8:1::1]:1", "[2001:db8:1:2::1]:1", "[2001:db8:1:ffff::1]:1", "[2001:db8:2::1]:1", "421 4.7.0 too many connections from your network,"},
		{"IPv4 in IPv6", "[::ffff:192.0.2.1]:1", "192.0.2.99:1", "[::ffff:192.0.2.3]:1", "[::ffff:192.0.3.1]:1", "421 4.7.0 too many connections from your network,"},
		{"loopback is free", "127.0.0.1:1", "127.0.0.2:1", "127.0.0.3:1", "[::1]:1", "220 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig(t)
			cfg.MaxPerNetwork = 2
			synctest.Test(t, func(t *testing.T) {
				d, events := guarded(t, cfg)
				defer d.shut()
				greet := func(addr, want string) *client {
					c := d.dialFrom(addr)
					expectReply(t, strings.Join(c.replies(), "|"), want)
					return c
				}
				first, second := greet(tt.first, "220 "), greet(tt.second, "220 ")
				third := greet(tt.third, tt.want)
				other := greet(tt.other, "220 ")
				refused := 1
				if tt.want == "220 " {
					refused = 0
				}
				if n := events(EventNetwork); n != refused {
					t.Errorf("%d events", n)
				}
				first.close()
				synctest.Wait()
				again := greet(tt.third, "220 ")
				for _, c := range []*client{second, third, other, again} {
					c.close()
				}
				synctest.Wait()
				if len(d.srv.networks) != 0 {
					t.Errorf("left on the books: %v", d.srv.networks)
				}
			})
		})
	}
}

func TestMailsAreBoundedPerMinute(t *testing.T) {
	cfg := testConfig(t)
	cfg.MailsPerMinute = 3
	const refused = "450 4.7.1 too many mails from your address"
	synctest.Test(t, func(t *testing.T) {
		d, events := guarded(t, cfg)
		defer d.shut()
		mail := func(c *client, want string) {
			t.Helper()
			expectReply(t, c.cmd("MAIL FROM:<ann@client.example>"), want)
			c.cmd("RSET")
		}
		hello := func(addr string) *client {
			c := d.dialFrom(addr)
			c.cmd("EHLO client.example")
			return c
		}
		c, same, other, local := hello("192.0.2.1:1"), hello("192.0.2.1:2"), hello("192.0.2.2:1"), hello("127.0.0.1:1")
		for range 3 {
			mail(c, "250 ")
		}
		mail(c, refused)
		mail(c, refused)
		mail(same, refused)
		mail(other, "250 ")
		for range 10 {
			mail(local, "250 ")
		}
		if n := events(EventMailRate); n != 2 {
			t.Errorf("%d events, want one for each connection", n)
		}
		time.Sleep(19 * time.Second)
		mail(c, refused)
		time.Sleep(time.Second) // a third of a minute: one mail
		mail(c, "250 ")
		mail(c, refused)
		time.Sleep(time.Minute)
		for range 3 {
			mail(c, "250 ")
		}
		mail(c, refused)
		for _, c := range []*client{c, same, other, local} {
			c.close()
		}
	})
}

func TestRecipientsAreBoundedPerMinute(t *testing.T) {
	cfg := testConfig(t)
	cfg.RecipientsPerMinute = 1 // becomes 100, as one mail may have
	synctest.Test(t, func(t *testing.T) {
		d, events := guarded(t, cfg)
		defer d.shut()
		c := d.dialFrom("192.0.2.1:1")
		defer c.close()
		c.cmd("EHLO client.example")
		c.cmd("MAIL FROM:<ann@client.example>")
		for i := range 100 { // twice the same is two questions
			expectReply(t, c.cmd(fmt.Sprintf("RCPT TO:<box+%d@desk.example>", i/2)), "250 ")
		}
		c.cmd("RSET")
		c.cmd("MAIL FROM:<ann@client.example>")
		const refused = "452 4.7.1 too many recipients from your address"
		expectReply(t, c.cmd("RCPT TO:<support@desk.example>"), refused)
		expectReply(t, c.cmd("RCPT TO:<nobody@desk.example>"), refused) // who guesses addresses learns nothing
		if n := events(EventRcptRate); n != 1 {
			t.Errorf("%d events", n)
		}
		time.Sleep(time.Second) // two recipients are free after 1.2 s
		expectReply(t, c.cmd("RCPT TO:<support@desk.example>"), "250 ")
		expectReply(t, c.cmd("RCPT TO:<sales@desk.example>"), refused)
		expectReply(t, c.cmd("DATA"), "354 ")
		expectReply(t, c.cmd("."), "250 ")
	})
}

// A client that hammers on while it is put off is bounded like any other that
// gets nowhere.
func TestClientThatIsPutOffMustNotHammer(t *testing.T) {
	cfg := testConfig(t)
	cfg.MailsPerMinute, cfg.MaxErrors = 1, 3
	synctest.Test(t, func(t *testing.T) {
		d, events := guarded(t, cfg)
		defer d.shut()
		c := d.dialFrom("192.0.2.1:1")
		defer c.close()
		c.send("EHLO client.example\r\n" + strings.Repeat("MAIL FROM:<>\r\nRSET\r\n", 60))
		said := c.replies()
		expectReply(t, said[len(said)-1], "421 4.7.0 too many errors")
		if n := events(EventMailRate); n != 1 {
			t.Errorf("%d events", n)
		}
	})
}

func TestContentMustComeFastEnough(t *testing.T) {
	line := strings.Repeat("x", 98) + "\r\n" // 100 octets
	for _, tt := range []struct {
		name, from, start string
		lines             int // before each pause
		pause             time.Duration
		slow              bool
	}{
		{"an octet now and then", "192.0.2.1:1", "DATA\r\nx", 0, 20 * time.Second, true},
		{"just too slow", "192.0.2.1:1", "DATA\r\n", 29, 30 * time.Second, true},
		{"just fast enough", "192.0.2.1:1", "DATA\r\n", 30, 29 * time.Second, false},
		{"in large pieces", "192.0.2.1:1", "DATA\r\n", 120, 119 * time.Second, false},
		{"chunk, too slow", "192.0.2.1:1", "BDAT 1000000 LAST\r\n", 29, 30 * time.Second, true},
		{"chunk, fast enough", "192.0.2.1:1", "BDAT 1000000\r\n", 30, 29 * time.Second, false},
		{"this machine may be slow", "127.0.0.1:1", "DATA\r\n", 1, 30 * time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig(t)
			synctest.Test(t, func(t *testing.T) {
				d, events := guarded(t, cfg)
				defer d.shut()
				c := d.dialFrom(tt.from)
				defer c.close()
				c.send("EHLO client.example\r\nMAIL FROM:<>\r\nRCPT TO:<support@desk.example>\r\n" + tt.start)
				c.replies()
				for began := time.Now(); time.Since(began) < 8*time.Minute && !c.closed(); {
					c.send(strings.Repeat(line, tt.lines) + "x")
					time.Sleep(tt.pause)
				}
				said := strings.Join(c.replies(), "|")
				if !tt.slow {
					if said != "" || c.closed() || events(EventSlow) != 0 {
						t.Errorf("said %q, closed %v", said, c.closed())
					}
					return
				}
				expectReply(t, said, "421 4.7.0 the content came slower than 100 octets a second, closing")
				if events(EventSlow) != 1 || events(EventAborted) > 1 || len(d.desk.taken()) != 0 {
					t.Errorf("%d events, %d mails", events(EventSlow), len(d.desk.taken()))
				}
			})
		})
	}
}

// Chunks may be far apart: what lies between them is the time of commands.
func TestPauseBetweenChunksIsNotSlow(t *testing.T) {
	cfg := testConfig(t)
	synctest.Test(t, func(t *testing.T) {
		d := openDoor(t, cfg)
		defer d.shut()
		c := d.dial()
		defer c.close()
		c.send("EHLO client.example\r\nMAIL FROM:<>\r\nRCPT TO:<support@desk.example>\r\nBDAT 3\r\nabc")
		c.replies()
		time.Sleep(4 * time.Minute)
		c.send("BDAT 3 LAST\r\ndef")
		expectReply(t, strings.Join(c.replies(), "|"), "250 ")
	})
}

// However many sources there are, a rate remembers no more than two
// generations, and forgets nobody within a minute while there is room.
func TestRatesAreBoundedInMemory(t *testing.T) {
	r := newRate(1)
	now := time.Unix(1_700_000_000, 0)
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	first := addr(0)
	if !r.allow(first, now) || r.allow(first, now.Add(59*time.Second)) {
		t.Fatal("one a minute is not one a minute")
	}
	for i := 1; i < maxSources; i++ {
		r.allow(addr(i), now)
	}
	r.allow(addr(maxSources), now)
	if r.allow(first, now) {
		t.Error("the first source is forgotten while there is room")
	}
	for i := range 5 * maxSources {
		r.allow(addr(i), now)
		if n := len(r.young) + len(r.old); n > 2*maxSources {
			t.Fatalf("%d sources are remembered", n)
		}
	}
	later := now.Add(time.Minute)
	r.allow(addr(1), later)
	r.allow(addr(1), later.Add(time.Minute))
	if n := len(r.young) + len(r.old); n > 2 {
		t.Errorf("%d sources are remembered after a minute of rest", n)
	}
}

// Who brings the mail of others is free of the bounds for one address.
func TestRelaysAndThisMachineAreNotBounded(t *testing.T) {
	relay := &Relay{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	for _, tt := range []struct {
		name, ip string
		relay    *Relay
		peer     string
		want     bool
	}{
		{"stranger", "198.51.100.7", nil, "", true},
		{"loopback", "127.0.0.1", nil, "", false},
		{"loopback of IPv6", "::1", nil, "", false},
		{"Unix socket", "", nil, "", false},
		{"relay", "192.0.2.25", relay, "192.0.2.25", false},
		{"relay for a client", "198.51.100.7", relay, "192.0.2.25", true},
		{"relay for somebody unknown", "", relay, "192.0.2.25", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ip, _ := netip.ParseAddr(tt.ip)
			if got := (&conn{ip: ip, relay: tt.relay, peer: tt.peer}).bounded(); got != tt.want {
				t.Errorf("bounded: %v", got)
			}
		})
	}
}

func TestRatesCountByAddressAndNetwork(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, tt := range []struct {
		name, first, second string
		want                bool // the second is another source
	}{
		{"IPv4", "192.0.2.1", "192.0.2.2", true},
		{"IPv6 in one /64", "2001:db8::1", "2001:db8::ffff:2", false},
		{"IPv6 in two", "2001:db8::1", "2001:db8:0:1::1", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRate(1)
			if !r.allow(netip.MustParseAddr(tt.first), now) || r.allow(netip.MustParseAddr(tt.second), now) != tt.want {
				t.Error("counted otherwise")
			}
		})
	}
	none := newRate(-1)
	for range 1000 {
		if !none.allow(netip.MustParseAddr("192.0.2.1"), now) {
			t.Fatal("no bound is a bound")
		}
	}
}

// A client that goes without a word is no trouble of ours.
func TestClientThatIsGoneIsNoTrouble(t *testing.T) {
	cfg := testConfig(t)
	synctest.Test(t, func(t *testing.T) {
		d, events := guarded(t, cfg)
		defer d.shut()
		for _, say := range []string{"XYZZY\r\n", "EHLO client.example\r\n", "BDAT 5\r\nab", "NOOP\r\nXYZZY\r\n"} {
			conn := d.l.dial("192.0.2.1:1")
			_, _ = conn.Read(make([]byte, 1000))
			_, _ = conn.Write([]byte(say))
			_ = conn.Close()
			synctest.Wait()
		}
		if n := events(EventTrouble); n != 0 {
			t.Errorf("%d events of trouble", n)
		}
	})
}
