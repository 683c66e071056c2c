package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mxdesk/internal/api"
	"mxdesk/ticketstore"
)

const (
	killClients = 64
	killsEach   = 10 // in one installation; then a new one, so that accounting stays quick
)

const loadConfig = `hostname = "mx.desk.example"
log_level = "warn"
[smtp]
listen = ["127.0.0.1:0"]
trust_loopback = true
[limits]
memory_spool = "16KiB"
automatic_mail_per_day = 10000
min_free_disk = "8MiB"
[dns]
servers = []
[mailbox.support]
addresses = ["support@desk.example"]
agents = ["bob@staff.example"]
`

// harness makes a desk for tests of durability.
func harness(t *testing.T) *installation {
	t.Helper()
	dir := t.TempDir()
	return &installation{
		t: t, bin: build(t, false), data: filepath.Join(dir, "data"),
		config: write(t, filepath.Join(dir, "mxdesk.toml"), loadConfig),
	}
}

// TestKillLoop kills the server under load, again and again. What must hold
// after each restart:
//
//   - every mail that was answered with 250 is in the store, once;
//   - a mail whose answer was cut off may be there or not; sent again, it is
//     there once;
//   - the store is sound;
//   - each ticket was acknowledged once;
//   - the server listened within a second, as a median.
func TestKillLoop(t *testing.T) {
	var ready []time.Duration
	mails, again := 0, repeats{}
	for left := envNumber(t, "MXDESK_KILL_ROUNDS", 4); left > 0; left -= killsEach {
		d := harness(t)
		l := &load{t: t, desk: d}
		server := d.start()
		for round := range min(left, killsEach) {
			l.round(round, server, server.kill)
			server = d.start()
			ready = append(ready, server.took)
			report := d.check()
			r := l.sendAgain(server.addr)
			l.wantOnce(round)
			again.sent, again.known = again.sent+r.sent, again.known+r.known
			t.Logf("round %d: %d mails in all, %d sent again, %d of them were in the store; %d tickets, %d actions, %d records without reference; ready after %v",
				round, len(l.mails), r.sent, r.known, report.Tickets, report.Actions, report.Unreferenced, server.took)
		}
		server.stop(t)
		d.check()
		l.wantAcknowledged()
		mails += len(l.mails)
	}
	slices.Sort(ready)
	median := ready[len(ready)/2]
	t.Logf("%d kills, %d mails from %d senders, %d sent again and %d of them known; 0 lost, 0 twice; ready after %v as a median, %v at most",
		len(ready), mails, killClients, again.sent, again.known, median, ready[len(ready)-1])
	if median > time.Second {
		t.Errorf("a restart takes %v", median)
	}
}

// The loop finds a program that answers too early, one that forgets which mails
// it has seen, and one that does not read its journal when it starts.
func TestKillLoopFindsFaults(t *testing.T) {
	findsFault(t, "TestKillLoop", "early-answer", "is 0 times in the store")
	findsFault(t, "TestKillLoop", "forgetful", "is 2 times in the store")
	findsFault(t, "TestKillLoop", "no-catch-up", "is 0 times in the store")
}

// load is all mail that was ever sent to the desk.
type load struct {
	t    *testing.T
	desk *installation

	mu    sync.Mutex
	mails []*loadMail
	// over: answers that come from now on do not count. With a power cut a
	// server goes on for a moment that never was.
	over atomic.Bool
}

type loadMail struct {
	round, client int
	from, subject string
	update        ticketstore.TicketID // the ticket its subject names; 0 for a new one
	raw           []byte
	told          bool // answered with 250
}

// round runs the clients of a round and ends it in the midst of them, by a kill
// or otherwise. How many mails may be answered before is different in each
// round, and the same in each run.
func (l *load) round(round int, server *process, end func()) {
	limit := int64(rand.New(rand.NewPCG(1, uint64(round))).IntN(400))
	var answered atomic.Int64
	enough := make(chan struct{})
	l.over.Store(false)
	var clients sync.WaitGroup
	for client := range killClients {
		clients.Go(func() {
			l.client(round, client, server.addr, func() {
				if answered.Add(1) == limit+1 {
					close(enough)
				}
			})
		})
	}
	ended := make(chan struct{})
	go func() {
		clients.Wait()
		close(ended)
	}()
	select {
	case <-enough:
	case <-ended: // all were put off
	case <-server.exited:
		l.t.Errorf("the server ended by itself:\n%s", tail(server.stderr(), 20))
	}
	end()
	<-ended
}

// client sends mail in one session until the server is gone: the first opens a
// ticket, the others are updates of it and new tickets in turn.
func (l *load) client(round, client int, addr string, answered func()) {
	w, err := connect(addr, fmt.Sprintf("127.0.1.%d", client+1))
	if err != nil {
		return
	}
	defer w.close()
	if w.say("EHLO client.example").code != 250 {
		return
	}
	var mine ticketstore.TicketID
	for n := 0; ; n++ {
		m := &loadMail{round: round, client: client, from: fmt.Sprintf("user%d-%d@load.example", round, client)}
		m.subject = fmt.Sprintf("Load %d-%d-%d", round, client, n)
		tag := ""
		if n%2 == 1 {
			m.update, tag = mine, " [ID:"+mine.String()+"]"
		}
		text := strings.Repeat("The quick brown fox jumps over the lazy dog.\r\n", 1+n%8*n%8*20)
		m.raw = fmt.Appendf(nil, "From: <%s>\r\nTo: <%s>\r\nSubject: %s%s\r\nMessage-ID: <%d.%d.%d@load.example>\r\n\r\n%s",
			m.from, desk, m.subject, tag, round, client, n, text)
		l.mu.Lock()
		l.mails = append(l.mails, m)
		l.mu.Unlock()
		got := w.send(m.from, desk, m.raw)
		if got.code == 0 || got.code/100 == 4 || l.over.Load() {
			return
		}
		var id ticketstore.TicketID
		if _, err := fmt.Sscanf(got.String(), "250 2.0.0 accepted as [ID:%d]", &id); err != nil || m.update != 0 && id != m.update {
			l.t.Errorf("%s: %s", m.subject, got)
			return
		}
		if n == 0 {
			mine = id
		}
		m.told = true
		answered()
	}
}

// repeats counts mails that were sent again.
type repeats struct{ sent, known int }

// sendAgain does what a sender's server does with a mail that was not answered.
func (l *load) sendAgain(addr string) (r repeats) {
	l.t.Helper()
	before := l.count()
	for _, m := range l.mails {
		if m.told {
			continue
		}
		if got := deliver(addr, "", m.from, desk, m.raw); got.code != 250 {
			l.t.Fatalf("%s, sent again: %s", m.subject, got)
		}
		m.told = true
		r.sent++
		if before[m.subject] > 0 {
			r.known++
		}
	}
	return r
}

// count is how often each mail is in the store: new tickets by their subject,
// updates by that of the action.
func (l *load) count() map[string]int {
	l.t.Helper()
	n := map[string]int{}
	for _, t := range read[[]api.Ticket](l.desk, "ticket", "list") {
		n[t.Subject]++
	}
	desk, err := api.Dial(l.t.Context(), l.desk.data)
	if err != nil {
		l.t.Fatal(err)
	}
	seen := map[ticketstore.TicketID]bool{}
	last := l.mails[len(l.mails)-1].round
	for _, m := range l.mails {
		if m.update == 0 || seen[m.update] || m.round != last {
			continue
		}
		seen[m.update] = true
		var t api.Ticket
		if err := desk.Get(l.t.Context(), "/v1/tickets/"+m.update.String(), nil, &t); err != nil {
			l.t.Fatal(err)
		}
		for _, a := range t.Actions[1:] {
			subject, _, _ := strings.Cut(a.Subject, " [")
			n[subject]++
		}
	}
	return n
}

// wantOnce wants every new ticket of all rounds, and every update of this one,
// in the store once, and nothing else.
func (l *load) wantOnce(round int) {
	l.t.Helper()
	got := l.count()
	for _, m := range l.mails {
		if m.update != 0 && m.round != round {
			continue
		}
		if n := got[m.subject]; n != 1 {
			l.t.Errorf("%s is %d times in the store", m.subject, n)
		}
		delete(got, m.subject)
	}
	for subject, n := range got {
		l.t.Errorf("%q is %d times in the store, and nobody sent it", subject, n)
	}
	if l.t.Failed() {
		l.t.FailNow()
	}
}

// wantAcknowledged wants one acknowledgement for each ticket.
func (l *load) wantAcknowledged() {
	l.t.Helper()
	acks := map[ticketstore.TicketID]int{}
	for _, it := range read[[]api.Item](l.desk, "outbox", "list") {
		if it.Template == "acknowledgement" {
			acks[it.Ticket]++
		}
	}
	tickets := read[[]api.Ticket](l.desk, "ticket", "list")
	for _, t := range tickets {
		if acks[t.ID] != 1 {
			l.t.Errorf("ticket %s was acknowledged %d times", t.ID, acks[t.ID])
		}
	}
	if len(acks) != len(tickets) {
		l.t.Errorf("%d tickets were acknowledged, there are %d", len(acks), len(tickets))
	}
}
