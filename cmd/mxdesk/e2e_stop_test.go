package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"mxdesk/internal/api"
)

// stopping is a desk with clients in every phase, when it is told to stop.
type stopping struct {
	*installation
	*process
	fresh, idle, half *wire // nothing said, greeted, in the middle of a command
	named             *wire // its transaction has a recipient
	within            *wire // in the middle of its content
}

func startStopping(t *testing.T) *stopping {
	t.Helper()
	d := install(t, fmt.Sprintf(plainDesk, "127.0.0.1:0"))
	s := &stopping{installation: d, process: d.start()}
	if got := deliver(s.addr, "", "ann@client.example", "support@desk.example", []byte("Subject: before\r\n\r\nx\r\n")); got.code != 250 {
		t.Fatal(got)
	}
	var err error
	if s.fresh, err = connect(s.addr, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.fresh.close)
	s.idle, s.half = mustConnect(t, s.addr, ""), mustConnect(t, s.addr, "")
	s.half.put(t, "MAIL FR")
	s.named, s.within = mustConnect(t, s.addr, ""), mustConnect(t, s.addr, "")
	for _, w := range []*wire{s.named, s.within} {
		w.want(t, 250, "MAIL FROM:<ann@client.example>")
		w.want(t, 250, "RCPT TO:<support@desk.example>")
	}
	s.within.want(t, 354, "DATA")
	s.within.put(t, "Subject: within\r\n\r\nThe first half")
	s.terminate(t)
	for name, w := range map[string]*wire{"fresh": s.fresh, "idle": s.idle, "half": s.half} {
		if got := w.answer(); got.code != 421 {
			t.Errorf("%s is told %s", name, got)
		}
		w.wantClosed(t, name)
	}
	if conn, err := net.Dial("tcp", s.addr); err == nil {
		conn.Close()
		t.Error("a stopping server still takes connections")
	}
	return s
}

// put sends octets that get no answer.
func (w *wire) put(t *testing.T, s string) {
	t.Helper()
	if _, err := io.WriteString(w.conn, s); err != nil {
		t.Fatal(err)
	}
}

// wantClosed wants the server to have nothing more to say.
func (w *wire) wantClosed(t *testing.T, name string) {
	t.Helper()
	if got := w.answer(); got.code != 0 {
		t.Errorf("%s is told more: %s", name, got)
	}
}

// subjects are those of all tickets, in their order.
func (d *installation) subjects() string {
	d.t.Helper()
	var list []string
	for _, ticket := range read[[]api.Ticket](d, "ticket", "list") {
		list = append(list, ticket.Subject)
	}
	return strings.Join(list, ", ")
}

// TestStopHasTwoPhases: who is idle is told to come again at once, who is in a
// transaction finishes it, and what was told 250 is there afterwards.
func TestStopHasTwoPhases(t *testing.T) {
	s := startStopping(t)
	s.within.put(t, " and the second.\r\n.\r\n")
	if got := s.within.answer(); got.code != 250 {
		t.Errorf("in the middle of the content: %s", got)
	}
	s.named.want(t, 354, "DATA")
	s.named.put(t, "Subject: named\r\n\r\nx\r\n.\r\n")
	if got := s.named.answer(); got.code != 250 {
		t.Errorf("in a transaction: %s", got)
	}
	for name, w := range map[string]*wire{"within": s.within, "named": s.named} {
		if got := w.answer(); got.code != 421 {
			t.Errorf("%s is told %s behind its 250", name, got)
		}
	}
	s.wait(t)
	if s.code() != 0 {
		t.Errorf("serve ended with code %d", s.code())
	}
	s.check()
	for _, subject := range []string{"before", "within", "named"} {
		if got := s.subjects(); !strings.Contains(got, subject) {
			t.Errorf("%q was told 250; there are %s", subject, got)
		}
	}
}

// TestSecondStopCuts: who asks twice does not want to wait. Transactions are
// cut, and what was told 250 before is there afterwards.
func TestSecondStopCuts(t *testing.T) {
	s := startStopping(t)
	s.terminate(t)
	s.within.wantClosed(t, "within")
	s.named.wantClosed(t, "named")
	s.wait(t)
	if s.code() != exitFailed || !strings.Contains(s.stderr(), "a stop was asked for twice") {
		t.Errorf("serve ended with code %d:\n%s", s.code(), tail(s.stderr(), 5))
	}
	s.check()
	if got := s.subjects(); got != "before" {
		t.Errorf("there are %s", got)
	}
}
