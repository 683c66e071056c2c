package router

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/internal/token"
	"mxdesk/ticketstore"
)

// outsiderMail is one mail by somebody who points to a ticket in one of many
// ways, and the facts that decide whether they are an outsider.
type outsiderMail struct {
	in       Input
	ticket   ticketstore.TicketID
	who      string // whose claim the mail rests on
	auth     ticketstore.Auth
	ownToken bool
	form     bool
}

func drawMail(t *rapid.T, w *world) outsiderMail {
	people := []string{ann, bob, fay, eve, gus, sam, sue, joe, form, "gus@private.example", "ann@home.example"}
	m := outsiderMail{
		who:    rapid.SampledFrom(people).Draw(t, "from"),
		auth:   rapid.SampledFrom(ticketstore.Auths).Draw(t, "auth"),
		ticket: rapid.SampledFrom([]ticketstore.TicketID{1, 2, 3, 8, 9, 10}).Draw(t, "ticket"),
	}
	m.in = mail(m.who, "Re: hello", auth(m.auth))
	m.in.Message.Class = rapid.SampledFrom(append([]message.Class{message.Human, message.Human, message.Human}, machines...)).Draw(t, "class")
	m.in.Verdict.DMARC.Policy = rapid.SampledFrom([]string{"", "none", "quarantine", "reject"}).Draw(t, "domain asks")
	if m.who == form && rapid.Bool().Draw(t, "filled in") {
		typed := rapid.SampledFrom(people).Draw(t, "reply-to")
		m.in.Message.ReplyTo = []address.Mailbox{box(typed)}
	}
	if rapid.Bool().Draw(t, "to sales first") {
		m.in.Envelope.Recipients = []address.Address{addr("sales@desk.example"), addr("support@desk.example")}
	}
	if m.auth == ticketstore.AuthNone && rapid.Bool().Draw(t, "unsure") {
		m.in.Message.FromErr = errors.New("two authors")
	}
	if p, _ := w.Primary(m.in.Envelope); p == "support" && m.who == form && m.auth == ticketstore.AuthAligned && len(m.in.Message.ReplyTo) == 1 {
		m.who, m.auth, m.form = m.in.Message.ReplyTo[0].Address.String(), ticketstore.AuthNone, true
	}
	for range rapid.IntRange(1, 3).Draw(t, "signs") {
		m.point(t, w)
	}
	return m
}

// point adds one sign to the mail.
func (m *outsiderMail) point(t *rapid.T, w *world) {
	issued := rapid.SampledFrom([]string{ann, bob, gus, sue, eve}).Draw(t, "issued to")
	claim := claimOf(m.ticket, issued, rapid.SampledFrom([]ticketstore.Audience{ticketstore.AudienceUser, ticketstore.AudienceSupplier}).Draw(t, "audience"), rapid.Bool().Draw(t, "for an agent"))
	reply := "support+" + keys.Reply(claim) + "@desk.example"
	rcpt := func(a string) { m.in.Envelope.Recipients = append(m.in.Envelope.Recipients, addr(a)) }
	own := w.same(issued, m.who)
	switch rapid.SampledFrom([]string{"tag", "sales tag", "retired", "stored", "reply", "forged reply", "id", "forged id"}).Draw(t, "sign") {
	case "tag":
		m.in.Message.Subject += fmt.Sprintf(" [ID:%d]", m.ticket)
	case "sales tag":
		m.in.Message.Subject += fmt.Sprintf(" {Sale-%d}", m.ticket)
	case "retired":
		m.in.Message.Subject += fmt.Sprintf(" [Case:%07d]", m.ticket)
	case "stored":
		m.in.Message.References = append(m.in.Message.References, fmt.Sprintf("%d@stored.example", m.ticket))
	case "reply":
		rcpt(reply)
		m.ownToken = m.ownToken || own
	case "forged reply":
		rcpt(forge(reply))
	case "id":
		m.in.Message.References = append(m.in.Message.References, messageID(claim))
		// A delivery failure that quotes our own signed Message-ID is as good.
		m.ownToken = m.ownToken || own || m.in.Message.Class == message.Bounce
	case "forged id":
		m.in.Message.References = append(m.in.Message.References, forge(messageID(claim)))
	}
}

// same reports whether two addresses are one person's.
func (w *world) same(a, b string) bool {
	if addr(a).Equal(addr(b)) {
		return true
	}
	for _, c := range w.contacts {
		if c.Has(addr(a)) && c.Has(addr(b)) {
			return true
		}
	}
	return false
}

// outsider restates, from the design, who gets into no ticket.
func (m *outsiderMail) outsider(w *world) bool {
	tk := w.tickets[m.ticket]
	party := w.has(tk.Requester.Address, m.who) || w.has(tk.Supplier, m.who) || w.has(tk.Assignee, m.who)
	for _, f := range tk.Followers {
		party = party || w.has(f.Address, m.who)
	}
	agent := tk.Mailbox == "support" && w.same(m.who, gus) || tk.Mailbox == "sales" && m.who == sam
	return !party && !m.ownToken && !(agent && !m.form && m.auth == ticketstore.AuthAligned)
}

func (w *world) has(a address.Address, who string) bool {
	return !a.IsZero() && w.same(a.String(), who)
}

// TestOutsiders: somebody who is no party of a ticket, holds no token of their
// own and is no aligned agent never gets into it, and is told the same as for a
// number that does not exist.
func TestOutsiders(t *testing.T) {
	outsiders, insiders := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		for id := range w.tickets {
			w.messages[fmt.Sprintf("%d@stored.example", id)] = id
		}
		for i := range w.Mailboxes {
			m := &w.Mailboxes[i]
			m.Unknown = rapid.SampledFrom([]string{"create", "triage", "hold", "refuse"}).Draw(t, "unknown")
			m.Failed = rapid.SampledFrom([]string{"", "hold", "ticket"}).Draw(t, "failed")
			m.Acknowledge = rapid.SampledFrom([]string{"authenticated", "not-failed", "never"}).Draw(t, "acknowledge")
		}
		m := drawMail(t, w)
		there, err := w.Decide(m.in, w)
		if err != nil {
			t.Fatal(err)
		}
		if !m.outsider(w) {
			insiders++
			return
		}
		outsiders++
		delete(w.tickets, m.ticket)
		delete(w.messages, fmt.Sprintf("%d@stored.example", m.ticket))
		gone, err := w.Decide(m.in, w)
		if err != nil {
			t.Fatal(err)
		}
		if there.Outcome == OutcomeUpdate || there.Acts != nil {
			t.Fatalf("an outsider gets in: %s\ntrace %q", short(there), there.Trace)
		}
		if a, b := smtpReply(there), smtpReply(gone); a != b || there.Acknowledge != gone.Acknowledge {
			t.Fatalf("the sender can tell that the ticket exists: %q (%s, acknowledged %v), else %q (%s, acknowledged %v)\ntrace %q",
				a, short(there), there.Acknowledge, b, short(gone), gone.Acknowledge, there.Trace)
		}
	})
	if outsiders == 0 || insiders == 0 {
		t.Errorf("%d outsiders and %d insiders were drawn", outsiders, insiders)
	}
}

func BenchmarkDecide(b *testing.B) {
	w := newWorld()
	for name, in := range map[string]Input{
		"new":       mail(eve, "Printer on fire"),
		"tag":       mail(ann, "Re: Printer on fire [ID:0000001]"),
		"reply":     mail(ann, "Re: Printer on fire [ID:0000001]", to(replyTo(1, ann)), refs(messageID(claimOf(1, ann, ticketstore.AudienceUser, false)))),
		"outsider":  mail(eve, "Re: Printer on fire [ID:0000001]", auth(ticketstore.AuthFail)),
		"many refs": mail(ann, "Re: Printer on fire", refs(manyIDs(1000)...)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Decide(in, w); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func manyIDs(n int) (list []string) {
	for i := range n {
		list = append(list, keys.Message(token.Claim{Ticket: ticketstore.TicketID(1000 + i), Audience: ticketstore.AudienceUser})+"@desk.example")
	}
	return list
}
