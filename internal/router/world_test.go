package router

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/internal/tag"
	"mxdesk/internal/token"
	"mxdesk/ticketstore"
)

// The people of the world the tests play in.
const (
	ann  = "ann@user.example"     // a user, also ann@home.example
	bob  = "bob@user.example"     // a user
	fay  = "fay@user.example"     // nobody the desk knows; follows ticket 1
	eve  = "eve@stranger.example" // nobody
	gus  = "gus@staff.example"    // agent of support, also gus@private.example
	sam  = "sam@staff.example"    // agent of sales, by its configuration alone
	sue  = "sue@supplier.example" // a supplier
	joe  = "joe@adhoc.example"    // nobody; supplier of ticket 9
	form = "form@web.example"     // a web form of support
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func addr(s string) address.Address {
	a, err := address.Parse(s)
	if err != nil {
		panic(err)
	}
	return a
}

func box(s string) address.Mailbox { return address.Mailbox{Address: addr(s)} }

// world is a store and the rules of a desk with two mailboxes.
type world struct {
	*Rules
	tickets  map[ticketstore.TicketID]ticketstore.Ticket
	messages map[string]ticketstore.TicketID
	contacts []ticketstore.Contact
	err      error // of every lookup
}

func (w *world) Ticket(id ticketstore.TicketID) (ticketstore.Ticket, error) {
	if t, ok := w.tickets[id]; ok {
		return t, nil
	}
	return ticketstore.Ticket{}, fmt.Errorf("ticket %s: %w", id, ticketstore.ErrNotFound)
}

func (w *world) TicketsByMessageID(id string) ([]ticketstore.TicketID, error) {
	if t, ok := w.messages[id]; ok && w.err == nil {
		return []ticketstore.TicketID{t}, nil
	}
	return nil, w.err
}

func (w *world) ContactByAddress(a address.Address) (ticketstore.Contact, error) {
	for _, c := range w.contacts {
		if c.Has(a) {
			return c, nil
		}
	}
	return ticketstore.Contact{}, ticketstore.ErrNotFound
}

var keys = token.New()

func newWorld() *world {
	w := &world{
		Rules: &Rules{Hostname: "desk.example", Keys: keys, Mailboxes: []Mailbox{
			{
				Key: "sales", Addresses: []address.Address{addr("sales@desk.example")}, Agents: []address.Address{addr(sam)},
				Tag: tag.Pair{Start: "{Sale-", End: "}"}, Type: "opportunity", Acknowledge: "authenticated", Unknown: "create",
			},
			{
				Key: "support", Addresses: []address.Address{addr("support@desk.example"), addr("help@other.example")},
				Tag: tag.Pair{Start: "[ID:", End: "]"}, Retired: []tag.Pair{{Start: "[Case:", End: "]"}}, Type: "incident",
				Acknowledge: "authenticated", Unknown: "create", FormSenders: []address.Address{addr(form)},
			},
		}},
		tickets: map[ticketstore.TicketID]ticketstore.Ticket{},
		messages: map[string]ticketstore.TicketID{
			"first@user.example": 1, "second@user.example": 2, "ours-before@old.example": 1,
		},
		contacts: []ticketstore.Contact{
			{ID: 1, Kind: ticketstore.KindUser, Name: "Ann", Addresses: []address.Address{addr(ann), addr("ann@home.example")}},
			{ID: 2, Kind: ticketstore.KindUser, Name: "Bob", Addresses: []address.Address{addr(bob)}},
			{ID: 3, Kind: ticketstore.KindAgent, Name: "Gus", Addresses: []address.Address{addr(gus), addr("gus@private.example")}, Mailboxes: []string{"support"}},
			{ID: 4, Kind: ticketstore.KindSupplier, Name: "Sue", Addresses: []address.Address{addr(sue)}},
		},
	}
	for _, t := range []ticketstore.Ticket{
		{ID: 1, Requester: box(ann), Followers: []address.Mailbox{box(fay)}, Supplier: addr(sue), Assignee: addr(gus)},
		{ID: 2, Requester: box(bob), Status: ticketstore.StatusWaiting},
		{ID: 3, Requester: box(bob), Mailbox: "sales"},
		{ID: 4, Requester: box(bob), MergedInto: 5},
		{ID: 5, Requester: box(bob), MergedInto: 1},
		{ID: 6, MergedInto: 7},
		{ID: 7, MergedInto: 6},
		{ID: 8, Requester: box(ann), Status: ticketstore.StatusClosed, Closed: now.Add(-10 * 24 * time.Hour)},
		{ID: 9, Requester: box(eve), Supplier: addr(joe)},
		{ID: 10, Requester: box(sue)},
	} {
		if t.Mailbox == "" {
			t.Mailbox = "support"
		}
		if t.Status == "" {
			t.Status = ticketstore.StatusOpen
		}
		w.tickets[t.ID] = t
	}
	return w
}

// set changes a ticket.
func (w *world) set(id ticketstore.TicketID, change func(*ticketstore.Ticket)) {
	t := w.tickets[id]
	change(&t)
	w.tickets[id] = t
}

// mail is an authenticated mail from a person to support; changes follow.
func mail(from, subject string, change ...func(*Input)) Input {
	in := Input{
		Message: &message.Message{Header: message.Header{From: box(from), Subject: subject}, Class: message.Human},
		Envelope: &ticketstore.Envelope{
			From: addr(from), Recipients: []address.Address{addr("support@desk.example")},
		},
		Verdict: &ticketstore.Verdict{Auth: ticketstore.AuthAligned, Reason: "the reason"},
		Now:     now,
	}
	for _, c := range change {
		c(&in)
	}
	return in
}

func auth(a ticketstore.Auth) func(*Input) { return func(in *Input) { in.Verdict.Auth = a } }

func class(c message.Class) func(*Input) { return func(in *Input) { in.Message.Class = c } }

func to(list ...string) func(*Input) {
	return func(in *Input) {
		in.Envelope.Recipients = nil
		for _, a := range list {
			in.Envelope.Recipients = append(in.Envelope.Recipients, addr(a))
		}
	}
}

func refs(ids ...string) func(*Input) {
	return func(in *Input) { in.Message.InReplyTo = append(in.Message.InReplyTo, ids...) }
}

func field(name, value string) func(*Input) {
	return func(in *Input) {
		in.Message.Fields = append(in.Message.Fields, message.Field{Name: name, Value: value})
	}
}

func nullSender(in *Input) { in.Envelope.From = address.Address{} }

// claimOf is a token's claim for a person as a party of a ticket.
func claimOf(ticket ticketstore.TicketID, person string, aud ticketstore.Audience, agent bool) token.Claim {
	return token.Claim{Ticket: ticket, Item: 77, Person: token.PersonOf(addr(person)), Audience: aud, Agent: agent}
}

// replyTo is the signed reply address that a user was given.
func replyTo(ticket ticketstore.TicketID, person string) string {
	return "support+" + keys.Reply(claimOf(ticket, person, ticketstore.AudienceUser, false)) + "@desk.example"
}

func messageID(c token.Claim) string { return keys.Message(c) + "@desk.example" }

func bouncePath(ticket ticketstore.TicketID) string {
	return "support+" + keys.Bounce(token.Claim{Ticket: ticket, Item: 77}) + "@desk.example"
}

// forge changes the last character of a token's signature.
func forge(s string) string {
	left, domain, _ := strings.Cut(s, "@")
	b := []byte(left)
	if i := len(b) - 2; b[i] == 'a' {
		b[i] = 'b'
	} else {
		b[i] = 'a'
	}
	return string(b) + "@" + domain
}

func decide(t testing.TB, w *world, in Input) Decision {
	t.Helper()
	d, err := w.Decide(in, w)
	if err != nil {
		t.Fatal(err)
	}
	if d.Outcome == "" || d.Match.Rejected == nil {
		t.Fatalf("an incomplete decision: %+v", d)
	}
	return d
}

// short is a decision in one line: what happens, to which ticket, by which sign.
func short(d Decision) string {
	s := d.Outcome
	if d.Ticket.ID != 0 {
		s += fmt.Sprintf(" %d", d.Ticket.ID)
	}
	if d.Refusal != nil {
		s += fmt.Sprintf(" %d", d.Refusal.Code)
	}
	if d.Candidate != 0 {
		s += fmt.Sprintf(" candidate %d", d.Candidate)
	}
	if d.Match.By != ByNone {
		s += " by " + d.Match.By
	}
	return s
}

// smtpReply is what the sender's server is told, with the ticket's number left out.
func smtpReply(d Decision) string {
	switch {
	case d.Refusal != nil:
		return fmt.Sprintf("%d %d %s", d.Refusal.Code, d.Refusal.Enhanced, d.Refusal.Text)
	case d.Quiet:
		return "250 accepted"
	}
	return "250 accepted as [tag]"
}
