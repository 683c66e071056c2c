package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mxdesk/internal/api"
)

// TestClockIsSetUnderWay sets the clock of a running server by a day and by more
// than a year, in both directions and back again: mail goes on, a mail that comes
// again is known, and what waits to leave leaves once.
func TestClockIsSetUnderWay(t *testing.T) {
	const day = 24 * 60 * 60
	for name, seconds := range map[string]int{"forward two days": 2 * day, "back a day": -day, "forward 400 days": 400 * day, "back 400 days": -400 * day} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setClock(t, seconds)
		})
	}
}

// clock is what the running server takes the time to be.
func (d *installation) clock() time.Time {
	d.t.Helper()
	conn, err := net.Dial("unix", filepath.Join(d.data, "control.sock"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "HEAD / HTTP/1.0\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		d.t.Fatal(err)
	}
	return at
}

// The clock finds a program that forgets which mails it has seen, and one that
// waits for whatever a wrong clock has put off.
func TestClockFindsFaults(t *testing.T) {
	findsFault(t, "TestClockIsSetUnderWay/back_a_day", "forgetful", "before: answered")
	findsFault(t, "TestClockIsSetUnderWay/forward_two_days", "trusted-clock", "waiting until all mail has left", "MXDESK_PATIENCE=5")
}

func setClock(t *testing.T, seconds int) {
	tool := buildInject(t)
	d := harness(t)
	outgoing := filepath.Join(d.data, "outgoing")
	if err := os.Mkdir(d.data, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, outgoing, "no folder: what is to leave has to wait")
	d.manage = func(serve *exec.Cmd) {
		serve.Args = append([]string{tool, "clock_gettime", "clock", fmt.Sprint(seconds), filepath.Join(t.TempDir(), "report")}, serve.Args...)
		serve.Path = tool
	}
	server := d.start()
	set := func(by int) {
		t.Helper()
		if err := server.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		want := time.Duration(by) * time.Second
		eventually(t, "the clock is set", func() bool {
			return (time.Until(d.clock()) - want).Abs() < time.Hour
		})
	}
	sent := map[string]string{}
	send := func(name string, known bool) {
		t.Helper()
		raw := fmt.Appendf(nil, "From: <ann@customer.example>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%[2]s@customer.example>\r\n\r\nx\r\n", desk, name)
		got := deliver(server.addr, "", "ann@customer.example", desk, raw)
		if got.code != 250 || known && got.String() != sent[name] {
			t.Errorf("%s: answered %q, before %q", name, got, sent[name])
		}
		sent[name] = got.String()
	}
	send("before", false)
	eventually(t, "a mail waits to leave", func() bool {
		for _, it := range ask[[]api.Item](d, d.api(), "/v1/outbox") {
			if it.State == "deferred" {
				return true
			}
		}
		return false
	})
	set(seconds)
	near := seconds < 7*24*60*60
	send("then", false)
	if near { // mails are known for seven days
		send("before", true)
		send("then", true)
	}
	created := d.ticket(2).Created.Sub(d.ticket(1).Created).Seconds()
	if diff := created - float64(seconds); diff < 0 || diff > patience.Seconds() {
		t.Errorf("the clock of the server went by %.0f s, want %d", created, seconds)
	}
	if near && seconds > 0 {
		// An attempt that ends behind the next change of the clock would be put off by
		// the right one, for minutes.
		eventually(t, "each mail was tried", func() bool {
			items := ask[[]api.Item](d, d.api(), "/v1/outbox")
			return !slices.ContainsFunc(items, func(it api.Item) bool { return it.State != "deferred" })
		})
	}
	if err := os.Remove(outgoing); err != nil {
		t.Fatal(err)
	}
	set(0) // it is right again
	send("after", false)
	if near {
		send("before", true)
	}
	if near && seconds > 0 { // what was put off while the clock was ahead is not to wait until then
		eventually(t, "all mail has left", func() bool {
			left := 0
			for _, it := range ask[[]api.Item](d, d.api(), "/v1/outbox") {
				if it.State == "delivered" {
					left++
				}
			}
			files, err := filepath.Glob(filepath.Join(outgoing, "*.eml"))
			return err == nil && left == 2*len(sent) && len(files) == left // to the user and to an agent
		})
	}
	server.stop(t)
	d.manage = nil
	server = d.start()
	send("after", true)
	wantSubjects(t, d, "before", "then", "after")
	d.check()
	server.stop(t)
}

// wantSubjects wants a ticket for each of these and no other, acknowledged once.
func wantSubjects(t *testing.T, d *installation, want ...string) {
	t.Helper()
	var got []string
	acks := map[string]int{}
	for _, line := range read[[]api.Ticket](d, "ticket", "list") {
		got = append(got, line.Subject)
	}
	for _, it := range read[[]api.Item](d, "outbox", "list") {
		if it.Template == "acknowledgement" {
			acks[it.Ticket.String()]++
		}
	}
	if len(got) != len(want) || len(acks) != len(want) {
		t.Errorf("tickets %q with acknowledgements %v, want %q", got, acks, want)
	}
	for _, subject := range want {
		if !strings.Contains(strings.Join(got, " "), subject) {
			t.Errorf("no ticket %q", subject)
		}
	}
	for id, n := range acks {
		if n != 1 {
			t.Errorf("ticket %s was acknowledged %d times", id, n)
		}
	}
}
