package main

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"mxdesk/internal/api"
	"mxdesk/ticketstore"
)

const killClients = 64

// load is all mail that was ever sent to a desk.
type load struct {
	t      *testing.T
	desk   *installation
	corpus [][]byte // real mails that are still to be sent, each once

	mu    sync.Mutex
	mails []*loadMail
	// over: answers that come from now on do not count. With a power cut a
	// server goes on for a moment that never was.
	over atomic.Bool
}

// loadMail is a mail that was made up, or one of the corpus: that has no subject.
type loadMail struct {
	round, client int
	from, subject string
	update        ticketstore.TicketID // the ticket its subject names; 0 for a new one
	raw           []byte
	told          bool // answered with 250
	refused       bool // for a reason of its own
}

// String names a mail.
func (m *loadMail) String() string {
	if m.subject != "" {
		return m.subject
	}
	return fmt.Sprintf("the mail of the corpus that begins with %.60q", m.raw)
}

// round runs the clients of a round and ends it in the midst of them, behind so
// many answers: by a kill or otherwise.
func (l *load) round(round int, server *process, answers int, end func()) {
	var answered atomic.Int64
	enough := make(chan struct{})
	l.over.Store(false)
	var clients sync.WaitGroup
	for client := range killClients {
		clients.Go(func() {
			l.client(round, client, server.addr, func() {
				if answered.Add(1) == int64(answers)+1 {
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
// ticket, the others are updates of it and new tickets in turn. One client in
// eight sends real mails, as long as there are any.
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
		m := l.next(round, client, n, mine)
		got := w.send(m.from, desk, m.raw)
		if got.code == 0 || got.code/100 == 4 || l.over.Load() {
			return
		}
		id, ok := m.judge(got)
		if !ok {
			l.t.Errorf("%s: %s", m, got)
			return
		}
		if mine == 0 && m.subject != "" {
			mine = id
		}
		answered()
	}
}

// next makes the n-th mail of a client and notes it.
func (l *load) next(round, client, n int, mine ticketstore.TicketID) *loadMail {
	m := &loadMail{round: round, client: client, from: fmt.Sprintf("user%d-%d@load.example", round, client)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mails = append(l.mails, m)
	if client%8 == 7 && len(l.corpus) > 0 {
		m.raw, l.corpus = l.corpus[0], l.corpus[1:]
		return m
	}
	m.subject = fmt.Sprintf("Load %d-%d-%d", round, client, n)
	tag := ""
	if n%2 == 1 && mine != 0 {
		m.update, tag = mine, " [ID:"+mine.String()+"]"
	}
	text := strings.Repeat("The quick brown fox jumps over the lazy dog.\r\n", 1+n%8*n%8*20)
	m.raw = fmt.Appendf(nil, "From: <%s>\r\nTo: <%s>\r\nSubject: %s%s\r\nMessage-ID: <%d.%d.%d@load.example>\r\n\r\n%s",
		m.from, desk, m.subject, tag, round, client, n, text)
	return m
}

// judge notes a mail's answer, and reports whether it is one that may be.
func (m *loadMail) judge(got reply) (id ticketstore.TicketID, ok bool) {
	_, err := fmt.Sscanf(got.String(), "250 2.0.0 accepted as [ID:%d]", &id)
	switch {
	case m.subject == "" && refusals[got.words()] != "":
		m.refused = true
	case m.subject == "" && got.code == 250:
		m.told = true
	case err == nil && (m.update == 0 || id == m.update):
		m.told = true
	default:
		return 0, false
	}
	return id, true
}

// sendAgain does what the senders' servers do with mails that were not answered.
func (l *load) sendAgain(addr string) (again, known int) {
	l.t.Helper()
	before := l.count(false)
	todo := make(chan *loadMail)
	var senders sync.WaitGroup
	for range 16 {
		senders.Go(func() {
			for m := range todo {
				got := deliver(addr, "", m.from, desk, m.raw)
				if _, ok := m.judge(got); !ok {
					l.t.Errorf("%s, sent again: %s", m, got)
				}
			}
		})
	}
	for _, m := range l.mails {
		if m.told || m.refused {
			continue
		}
		again++
		if before[m.subject] > 0 {
			known++
		}
		todo <- m
	}
	close(todo)
	senders.Wait()
	return again, known
}

// count is how often each mail that was made up is in the store: new tickets by
// their subject, updates, of this round or all, by that of the action.
func (l *load) count(all bool) map[string]int {
	l.t.Helper()
	c, n, there := l.desk.api(), map[string]int{}, map[ticketstore.TicketID]bool{}
	for _, t := range ask[[]api.Ticket](l.desk, c, "/v1/tickets") {
		there[t.ID] = true
		if strings.HasPrefix(t.Subject, "Load ") {
			n[t.Subject]++
		}
	}
	seen := map[ticketstore.TicketID]bool{}
	last := l.last()
	for _, m := range l.mails {
		if m.update == 0 || seen[m.update] || m.round != last && !all {
			continue
		}
		seen[m.update] = true
		if !there[m.update] {
			continue // lost, as its own mail will show
		}
		for _, a := range ask[api.Ticket](l.desk, c, "/v1/tickets/%d", m.update).Actions[1:] {
			subject, _, _ := strings.Cut(a.Subject, " [")
			n[subject]++
		}
	}
	return n
}

// real is how many mails of the corpus were sent.
func (l *load) real() (n int) {
	for _, m := range l.mails {
		if m.subject == "" {
			n++
		}
	}
	return n
}

// last is the round of the newest mail.
func (l *load) last() int {
	if len(l.mails) == 0 {
		return 0
	}
	return l.mails[len(l.mails)-1].round
}

// wantOnce wants every new ticket of all rounds, and every update of the last
// one, in the store once, and nothing else. With all it wants that of every
// update and every real mail, too, and one acknowledgement of each ticket.
func (l *load) wantOnce(all bool) {
	l.t.Helper()
	got := l.count(all)
	last := l.last()
	for _, m := range l.mails {
		if m.subject == "" || m.update != 0 && m.round != last && !all {
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
	if all {
		l.wantReal()
		l.wantAcknowledged()
	}
}

// wantReal wants every real mail in the store once, octet for octet, and no
// other beside those that were made up.
func (l *load) wantReal() {
	l.t.Helper()
	c := l.desk.api()
	var list []filed
	for _, t := range ask[[]api.Ticket](l.desk, c, "/v1/tickets") {
		if !strings.HasPrefix(t.Subject, "Load ") {
			list = append(list, l.desk.filed(c, t.ID)...)
		}
	}
	got := sums(list, l.desk.heldRaw(c))
	for _, m := range l.mails {
		if m.subject != "" || m.refused {
			continue
		}
		sum := sha256.Sum256(m.raw)
		if got[sum] != 1 {
			l.t.Errorf("%s is %d times in the store", m, got[sum])
		}
		delete(got, sum)
	}
	for _, f := range list {
		if got[sha256.Sum256(f.raw)] != 0 {
			l.t.Errorf("nobody sent the mail in the store that begins with %.60q", f.raw)
		}
	}
}

// wantAcknowledged wants one acknowledgement for each ticket; what came as a
// real mail may be from a machine, which gets none.
func (l *load) wantAcknowledged() {
	l.t.Helper()
	acks := map[ticketstore.TicketID]int{}
	c := l.desk.api()
	for _, it := range ask[[]api.Item](l.desk, c, "/v1/outbox") {
		if it.Template == "acknowledgement" {
			acks[it.Ticket]++
		}
	}
	for _, t := range ask[[]api.Ticket](l.desk, c, "/v1/tickets") {
		n := acks[t.ID]
		if n > 1 || n == 0 && strings.HasPrefix(t.Subject, "Load ") {
			l.t.Errorf("ticket %s was acknowledged %d times", t.ID, n)
		}
		delete(acks, t.ID)
	}
	if len(acks) > 0 {
		l.t.Errorf("acknowledgements of tickets that are not there: %v", acks)
	}
}
