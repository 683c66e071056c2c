package router

import (
	"errors"
	"fmt"
	"slices"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/internal/tag"
	"mxdesk/internal/token"
	"mxdesk/ticketstore"
)

// maxReferences bounds the Message-IDs of one mail that are looked up.
const maxReferences = 30

// candidate is a ticket that something in the mail points to.
type candidate struct {
	by     string
	what   string // in words
	id     ticketstore.TicketID
	claim  *token.Claim
	forged bool
	ours   bool // the mail is our own, under the Message-ID we gave it
}

// candidates lists what a mail points to, the strongest sign first: our signed
// addresses, our signed Message-IDs, the subject's tags, foreign Message-IDs.
func (r *Rules) candidates(in *Input, s *sender, rcpts []Recipient, look Lookup) ([]candidate, error) {
	list, ids := signed(rcpts), references(in.Message)
	if s.class == message.Loop {
		if c, err := r.Keys.ParseMessage(in.Message.MessageID); err == nil {
			list = append(list, candidate{by: ByMessageID, what: "our own mail that came back", id: c.Ticket, claim: &c, ours: true})
		}
	}
	for _, id := range ids {
		if c, err := r.Keys.ParseMessage(id); err == nil {
			list = append(list, candidate{by: ByMessageID, what: "our Message-ID in its references", id: c.Ticket, claim: &c})
		} else if !token.IsForm(err) && r.isOurs(id) {
			list = append(list, candidate{by: ByMessageID, what: "a Message-ID in our form with a false signature", id: c.Ticket, claim: &c, forged: true})
		}
	}
	if len(rcpts) > 0 {
		list = append(list, r.tags(in.Message.Subject, rcpts[0].Mailbox)...)
	}
	for _, id := range ids {
		tickets, err := look.TicketsByMessageID(id)
		if err != nil {
			return nil, err
		}
		for _, t := range tickets {
			list = append(list, candidate{by: ByStored, what: "answers a mail of this ticket", id: t})
		}
	}
	return list, nil
}

func signed(rcpts []Recipient) (list []candidate) {
	for _, rc := range rcpts {
		if rc.Bounce != nil {
			list = append(list, candidate{by: ByBounce, what: "came to our signed return path", id: rc.Bounce.Ticket, claim: rc.Bounce})
		}
	}
	for _, rc := range rcpts {
		if rc.Reply != nil {
			what := "came to a signed reply address"
			if rc.Forged {
				what = "came to a reply address with a false signature"
			}
			list = append(list, candidate{by: ByReply, what: what, id: rc.Reply.Ticket, claim: rc.Reply, forged: rc.Forged})
		}
	}
	return list
}

// isOurs reports whether a Message-ID has a domain that ours end in.
func (r *Rules) isOurs(id string) bool {
	a, err := address.ParseUnquoted(id)
	return err == nil && slices.ContainsFunc(r.Mailboxes, func(m Mailbox) bool { return m.hasDomain(a.Domain()) })
}

// references lists the Message-IDs a mail answers, nearest first, and that of
// the mail that a bounce is about.
func references(m *message.Message) []string {
	var ids []string
	if m.Bounce != nil && m.Bounce.MessageID != "" {
		ids = append(ids, m.Bounce.MessageID)
	}
	ids = append(ids, m.InReplyTo...)
	for _, id := range slices.Backward(m.References) {
		ids = append(ids, id)
	}
	var unique []string
	for _, id := range ids {
		if len(unique) < maxReferences && !slices.Contains(unique, id) {
			unique = append(unique, id)
		}
	}
	return unique
}

// tags lists the subject's tags: those of the mailbox's current pair from left
// to right, then other mailboxes' current pairs, then retired ones in the same
// order.
func (r *Rules) tags(subject, mailbox string) (list []candidate) {
	var seen []tag.Pair
	add := func(by string, pairs ...tag.Pair) {
		for _, p := range pairs {
			if slices.ContainsFunc(seen, p.Same) {
				continue
			}
			seen = append(seen, p)
			for _, f := range p.Find(subject) {
				list = append(list, candidate{by: by, what: "tag " + subject[f.At:f.End] + " in the subject", id: ticketstore.TicketID(f.ID)})
			}
		}
	}
	own := r.Mailbox(mailbox)
	if own != nil {
		add(ByTag, own.Tag)
	}
	for _, m := range r.Mailboxes {
		add(ByTag, m.Tag)
	}
	if own != nil {
		add(ByRetiredTag, own.Retired...)
	}
	for _, m := range r.Mailboxes {
		add(ByRetiredTag, m.Retired...)
	}
	return list
}

// weighed is a candidate with what the sender may do there.
type weighed struct {
	candidate
	ticket  ticketstore.Ticket
	who     Who
	may     May
	because string
}

// weigh looks a candidate's ticket up, follows merges and asks Trust. ok is
// false when there is no such ticket.
func (r *Rules) weigh(c candidate, s *sender, look Lookup) (weighed, bool, error) {
	w := weighed{candidate: c}
	t, err := Followed(c.id, look)
	if errors.Is(err, ticketstore.ErrNotFound) {
		return w, false, nil
	}
	if err != nil {
		return w, false, err
	}
	w.ticket = t
	w.who = s.in(&t, r.Mailbox(t.Mailbox))
	w.who.Token = s.token(&w)
	if w.answersSupplierMail() && w.who.Kind != RoleAgent {
		w.who.Kind, w.who.Belongs = RoleSupplier, s.has(t.Supplier)
	}
	w.may = Trust(s.auth, w.who.Token, w.who.Kind, w.who.Belongs)
	if c.by == ByBounce && s.machine() {
		w.may = MayFile // only the mail system that we wrote to knows this address
	}
	if c.ours || c.by == ByMessageID && !c.forged && s.bounce() {
		w.may = MayFile // a failure report quotes our own Message-ID, a loop has it
	}
	w.because = fmt.Sprintf("%s: %s is %s here, %s, token %s, authentication %s", c.what, orUnknown(s.from.Address),
		w.who.Kind, party(w.who.Belongs), w.who.Token, s.auth)
	return w, true, nil
}

// answersSupplierMail reports whether the mail answers one that went to its
// sender as the ticket's supplier. It then belongs to that branch, even when the
// ticket has another supplier by now: the user must never read it.
func (w *weighed) answersSupplierMail() bool {
	return w.who.Token == TokenOwn && w.claim.Audience == ticketstore.AudienceSupplier && !w.claim.Agent
}

// Followed reads a ticket and goes where it was merged into.
func Followed(id ticketstore.TicketID, look Lookup) (ticketstore.Ticket, error) {
	var seen []ticketstore.TicketID
	for !slices.Contains(seen, id) {
		t, err := look.Ticket(id)
		if err != nil || t.MergedInto == 0 {
			return t, err
		}
		seen, id = append(seen, id), t.MergedInto
	}
	return ticketstore.Ticket{}, fmt.Errorf("ticket %s: merged in a circle", id)
}

func party(belongs bool) string {
	if belongs {
		return "a party of the ticket"
	}
	return "no party of the ticket"
}

func orUnknown(a address.Address) string {
	if a.IsZero() {
		return "an unreadable sender"
	}
	return a.String()
}

// choose picks the first candidate whose ticket the sender may use. When there
// is none, the first with a ticket says what happens. All others are recorded.
func (r *Rules) choose(list []candidate, s *sender, look Lookup) (best *weighed, rejected []ticketstore.Rejected, err error) {
	rejected = []ticketstore.Rejected{}
	var first *weighed
	reject := func(w *weighed, reason string) {
		rejected = append(rejected, ticketstore.Rejected{By: w.by, Ticket: w.id, Reason: reason})
	}
	for _, c := range list {
		w, ok, err := r.weigh(c, s, look)
		switch {
		case err != nil:
			return nil, nil, err
		case !ok:
			reject(&w, c.what+": there is no such ticket")
		case c.forged && w.may != MayAct && !w.who.Belongs:
			reject(&w, c.what+": its signature is not ours")
			first = cmpOr(first, &w)
		case best != nil && best.ticket.ID == w.ticket.ID:
		case best != nil:
			reject(&w, "another sign was stronger: "+w.because)
		case w.may == MayAct || w.may == MayFile:
			best = &w
		default:
			reject(&w, w.because)
			first = cmpOr(first, &w)
		}
	}
	if best == nil {
		best = first
	}
	return best, rejected, nil
}

func cmpOr(a, b *weighed) *weighed {
	if a != nil {
		return a
	}
	return b
}
