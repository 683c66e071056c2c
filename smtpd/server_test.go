package smtpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"mxdesk/internal/desk"
)

func TestStopTellsIdleClientsAtOnce(t *testing.T) {
	cfg := testConfig(t)
	synctest.Test(t, func(t *testing.T) {
		d := openDoor(t, cfg)
		fresh, idle, half := d.dial(), d.dial(), d.dial()
		idle.cmd("EHLO client.example")
		half.send("EHLO cli")
		synctest.Wait()
		begin := time.Now()
		if err := d.srv.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("waited %v for idle clients", waited)
		}
		for name, c := range map[string]*client{"fresh": fresh, "idle": idle, "half": half} {
			said := c.replies()
			if !c.closed() || len(said) == 0 || !strings.HasPrefix(said[len(said)-1], "421 4.3.2") {
				t.Errorf("%s: closed %v, said %q", name, c.closed(), said)
			}
			c.close()
		}
		if err := <-d.done; err != nil {
			t.Error(err)
		}
	})
}

func TestStopLetsTransactionsFinish(t *testing.T) {
	cfg := testConfig(t)
	for name, content := range map[string][2]string{
		"DATA": {"DATA\r\nSubject: one\r\n", "\r\nbody\r\n.\r\n"},
		"BDAT": {"BDAT 4\r\nbody", "BDAT 2 LAST\r\n\r\n"},
		"RCPT": {"", "DATA\r\n.\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := openDoor(t, cfg)
				c := d.dial()
				c.send(opening + content[0])
				c.replies()
				stopped := make(chan error, 1)
				go func() { stopped <- d.srv.Shutdown(context.Background()) }()
				if said := c.replies(); len(said) > 0 || c.closed() {
					t.Errorf("in its transaction: said %q, closed %v", said, c.closed())
				}
				c.send(content[1])
				said := c.replies()
				want := []string{"250 2.0.0 accepted as [ID:0000001]", "421 4.3.2 the server stops, please try again later"}
				if diff := cmp.Diff(want, said[max(0, len(said)-2):]); diff != "" {
					t.Error(diff)
				}
				if err := <-stopped; err != nil || len(d.desk.taken()) != 1 {
					t.Errorf("Shutdown: %v, mails %d", err, len(d.desk.taken()))
				}
				c.close()
				<-d.done
			})
		})
	}
}

func TestStopCutsWhoDoesNotFinish(t *testing.T) {
	cfg := testConfig(t)
	synctest.Test(t, func(t *testing.T) {
		d := openDoor(t, cfg)
		deciding := make(chan struct{})
		d.desk.accept = func(ctx context.Context, _ desk.Inbound) {
			close(deciding)
			<-ctx.Done()
		}
		c, working := d.dial(), d.dial()
		c.send(opening + "DATA\r\nSubject: refuse\r\n")
		go working.send(opening + "DATA\r\nSubject: refuse\r\n.\r\n")
		<-deciding
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		begin := time.Now()
		if err := d.srv.Shutdown(ctx); err == nil {
			t.Error("Shutdown cut a client and says nothing")
		}
		if waited := time.Since(begin); waited != 30*time.Second {
			t.Errorf("waited %v", waited)
		}
		if !c.closed() || !working.closed() || len(d.desk.taken()) > 0 {
			t.Error("a client is still served")
		}
		c.close()
		working.close()
		<-d.done
	})
}

func TestStopWithoutAndTwice(t *testing.T) {
	s := New(&fakeDesk{}, fakeAuth{}, testConfig(t))
	for range 2 {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Serve(newPipes()); err != nil {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}

func TestConnectionsAreBoundedInAllAndPerClient(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxConnections, cfg.MaxPerIP = 4, 2
	synctest.Test(t, func(t *testing.T) {
		d := openDoor(t, cfg)
		defer d.shut()
		from := func(addr, want string) *client {
			c := d.dialFrom(addr)
			if said := c.replies(); len(said) != 1 || !strings.HasPrefix(said[0], want) {
				t.Errorf("%s: said %q, want %s", addr, said, want)
			}
			if refused := strings.HasPrefix(want, "421"); refused != c.closed() {
				t.Errorf("%s: closed %v", addr, c.closed())
			}
			return c
		}
		first := from("[2001:db8::1]:1", "220")
		second := from("[2001:db8::ffff:2]:1", "220")
		third := from("[2001:db8::3]:1", "421 4.7.0 too many connections from your address")
		other := from("192.0.2.1:1", "220")
		otherNet := from("[2001:db8:0:1::1]:1", "220")
		full := from("192.0.2.2:1", "421 4.7.0 too many connections,")
		first.close()
		synctest.Wait()
		again := from("[2001:db8::3]:1", "220")
		for _, c := range []*client{second, third, other, otherNet, full, again} {
			c.close()
		}
		synctest.Wait()
		if len(d.srv.conns) != 0 || len(d.srv.sources) != 0 {
			t.Errorf("left on the books: %v %v", d.srv.conns, d.srv.sources)
		}
	})
}

func TestLimitsHaveDefaults(t *testing.T) {
	c := Config{MaxRecipients: 5, TLS: &tls.Config{MinVersion: tls.VersionTLS10}}.withDefaults()
	if c.MaxRecipients != 100 || c.MaxConnections <= 0 || c.MaxPerIP <= 0 || c.MaxErrors <= 0 || c.MaxMessage <= 0 ||
		c.MemorySpool <= 0 || c.Idle <= 0 || c.Session <= 0 || c.Data <= 0 || c.Hostname == "" || c.AuthservID == "" {
		t.Errorf("unbounded: %+v", c)
	}
	if c.TLS.MinVersion != tls.VersionTLS12 {
		t.Errorf("TLS from %x", c.TLS.MinVersion)
	}
}

func TestErrorsAreSlowedDown(t *testing.T) {
	cfg := testConfig(t)
	synctest.Test(t, func(t *testing.T) {
		d := openDoor(t, cfg)
		defer d.shut()
		c := d.dial()
		defer c.close()
		begin := time.Now()
		for range 10 + 1 {
			c.cmd("XYZZY")
		}
		if d := time.Since(begin); d != 0 {
			t.Errorf("the first errors took %v", d)
		}
		c.cmd("XYZZY")
		if d := time.Since(begin); d != slowDown {
			t.Errorf("one more took %v", d)
		}
	})
}

// What is shared between the goroutine of a BDAT and the dialogue: a mail is
// committed in the transaction that it began in or not at all. The race
// detector is the judge of the rest.
func TestBdatRunsBesideTheDialogue(t *testing.T) {
	d, l := &fakeDesk{}, newPipes()
	cfg := testConfig(t)
	cfg.MailsPerMinute = -1 // this runs in real time
	s := New(d, fakeAuth{}, cfg)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	const env = "MAIL FROM:<a%d@client.example>\r\nRCPT TO:<u%d@desk.example>\r\n"
	var text strings.Builder
	text.WriteString("EHLO client.example\r\n")
	n := 0
	for i := range 60 {
		for _, end := range []string{"BDAT 0\r\nRSET\r\n", "BDAT 3\r\nabcRSET\r\n", "BDAT 0\r\nEHLO client.example\r\n", "BDAT 1\r\nxBDAT 1\r\nyRSET\r\n", fmt.Sprintf("BDAT 2 LAST\r\n%02d", i)} {
			fmt.Fprintf(&text, env, n, n)
			text.WriteString(end)
			n++
		}
		if i%10 == 9 { // pay for the idle commands
			fmt.Fprintf(&text, env+"DATA\r\n%02d\r\n.\r\n", n, n, i)
			n++
		}
	}
	c := l.dial("192.0.2.1:1")
	go func() { _, _ = io.WriteString(c, text.String()+"QUIT\r\n") }()
	_, _ = io.Copy(io.Discard, c) // to the end of the connection
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	_ = c.Close()
	mails := d.taken()
	if len(mails) == 0 {
		t.Fatal("nothing was taken")
	}
	for _, m := range mails {
		from, to := m.in.Envelope.From.Local(), m.in.Envelope.Recipients
		if len(m.content) < 2 || len(to) != 1 || to[0].Local()[1:] != from[1:] {
			t.Errorf("from %s to %v: %q", from, to, m.content)
		}
	}
}

func TestLargeContentLeavesNoFile(t *testing.T) {
	cfg := testConfig(t)
	cfg.MemorySpool = 1000
	synctest.Test(t, func(t *testing.T) {
		d := openDoor(t, cfg)
		defer d.shut()
		names := func() (list []string) {
			entries, err := os.ReadDir(cfg.SpoolDir)
			if err != nil {
				t.Error(err)
			}
			for _, e := range entries {
				list = append(list, e.Name())
			}
			return list
		}
		d.desk.accept = func(_ context.Context, in desk.Inbound) {
			if l := names(); len(l) > 0 {
				t.Errorf("files with a name: %v", l)
			}
			if f := in.Content.(*spool).file; f == nil {
				t.Error("large content in memory")
			} else if st, err := f.Stat(); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("spool file: %v %v", st.Mode(), err)
			}
		}
		c := d.dial()
		defer c.close()
		body := strings.Repeat("0123456789 0123456789\r\n", 5000)
		c.send(opening + "DATA\r\n" + body + ".\r\n")
		c.replies()
		if m := d.desk.taken(); len(m) != 1 || m[0].content != body {
			t.Errorf("%d mails, or other octets", len(m))
		}
	})
}

func TestSpoolTroubleIsTemporary(t *testing.T) {
	cfg := testConfig(t)
	cfg.MemorySpool, cfg.SpoolDir = 10, cfg.SpoolDir+"/missing"
	synctest.Test(t, func(t *testing.T) {
		mails, said := play(t, cfg, opening+"DATA\r\n"+strings.Repeat("line\r\n", 1000)+".\r\nQUIT\r\n")
		if n := len(said); len(mails) != 0 || n < 2 || !strings.HasPrefix(said[n-2], "451 4.3.0") || !strings.HasPrefix(said[n-1], "221") {
			t.Errorf("accepted %q, said %q", mails, said)
		}
	})
}

// What a client says stands in fields only; what it must not know, and the
// content of mails, nowhere in its replies or in the log.
func TestLogHasIDsAndNoRemoteTextInMessages(t *testing.T) {
	var out bytes.Buffer
	cfg := testConfig(t)
	cfg.Log = zerolog.New(zerolog.SyncWriter(&out)).Level(zerolog.DebugLevel)
	synctest.Test(t, func(t *testing.T) {
		_, said := play(t, cfg, opening+"RCPT TO:<nobody@desk.example>\r\nRCPT TO:<broken@desk.example>\r\nDATA\r\nSubject: ok\r\n\r\npassword\r\n.\r\n",
			"MAIL FROM:<ann@client.example>\r\nRCPT TO:<support@desk.example>\r\nDATA\r\nSubject: trouble\r\n.\r\n",
			"BDAT evil\r\n")
		if all := strings.Join(said, "\n"); strings.Contains(all, "secret") {
			t.Errorf("told the client: %s", all)
		}
	})
	events := map[string]int{}
	known := strings.Join(Events(), " ")
	for line := range strings.Lines(out.String()) {
		var e struct{ Event, Message, Conn, Tx, Error string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Conn == "" || !strings.Contains(known, e.Event) {
			t.Errorf("no connection or event: %s", line)
		}
		if strings.Contains(line, "password") || strings.ContainsAny(e.Message, "@<>:%") || strings.Contains(e.Message, "evil") {
			t.Errorf("remote text: %s", line)
		}
		if (e.Event == EventAccepted || e.Event == EventRecipient) && len(e.Tx) != 13 {
			t.Errorf("no transaction: %s", line)
		}
		events[e.Event]++
	}
	want := map[string]int{EventConnected: 1, EventAhead: 1, EventRecipient: 1, EventTrouble: 2, EventAccepted: 1, EventHostile: 1, EventDisconnected: 1}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}
}

func TestEventsAreListedInTheDocs(t *testing.T) {
	b, err := os.ReadFile("../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for line := range strings.Lines(string(b)) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "`"); ok && strings.HasPrefix(line, "| `smtp-") {
			documented = append(documented, name)
		}
	}
	if diff := cmp.Diff(Events(), documented); diff != "" {
		t.Errorf("smtpd.Events and docs/events.md differ (-code +docs):\n%s", diff)
	}
}

// BenchmarkSession sends mails of 2 KiB over one loopback connection to a desk
// that only remembers.
func BenchmarkSession(b *testing.B) {
	for _, size := range []int{2 << 10, 64 << 10, 2 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) { benchmarkSession(b, size) })
	}
}

func benchmarkSession(b *testing.B, size int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := New(&forgetful{}, fakeAuth{}, testConfig(b))
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	mail := "MAIL FROM:<a@b.example>\r\nRCPT TO:<support@desk.example>\r\nDATA\r\nSubject: x\r\n\r\n" +
		strings.Repeat(strings.Repeat("x", 74)+"\r\n", size/76) + ".\r\n"
	replies := make([]byte, 4096)
	until := func(code string) {
		for got := ""; !strings.Contains(got, code); {
			n, err := c.Read(replies)
			if err != nil {
				b.Fatal(err, got)
			}
			got += string(replies[:n])
		}
	}
	_, _ = io.WriteString(c, "EHLO x\r\n")
	until("250 LIMITS")
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = io.WriteString(c, mail)
		until("accepted")
	}
	_ = c.Close()
	_ = s.Shutdown(context.Background())
	<-served
}

// forgetful is a desk that takes everything and keeps nothing.
type forgetful struct{ fakeDesk }

func (*forgetful) Accept(context.Context, desk.Inbound) (desk.Receipt, error) {
	return desk.Receipt{Outcome: "new"}, nil
}
