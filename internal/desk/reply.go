package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/internal/router"
	"mxdesk/templates"
	"mxdesk/ticketstore"
)

// Reply is an agent's answer.
type Reply struct {
	Ticket ticketstore.TicketID
	As     address.Address // zero: the desk itself
	Text   string
	// Status to set; empty means waiting after an answer to the user and on-hold
	// after one to the supplier.
	Status     ticketstore.Status
	Cc         []address.Mailbox
	Files      []File
	Template   string // empty: the usual one
	ToSupplier bool
	// Supplier sets the ticket's supplier first.
	Supplier address.Address
}

// Sent says what a Reply became.
type Sent struct {
	Ticket ticketstore.TicketID
	Action uint32
	Items  []ticketstore.ItemID
}

// Reply answers the user, or asks the supplier, by the mailbox's template.
func (d *Desk) Reply(ctx context.Context, r Reply) (Sent, error) {
	if strings.TrimSpace(r.Text) == "" && len(r.Files) == 0 {
		return Sent{}, fmt.Errorf("%w: the answer has no text", ErrInvalid)
	}
	fit := []string{templates.AgentReply, templates.Acknowledgement}
	if r.ToSupplier {
		fit = []string{templates.SupplierRequest}
	}
	if r.Template != "" && !slices.Contains(fit, r.Template) {
		return Sent{}, fmt.Errorf("%w: template %q does not fit: use %s", ErrInvalid, r.Template, strings.Join(fit, " or "))
	}
	if !r.ToSupplier && !r.Supplier.IsZero() {
		return Sent{}, fmt.Errorf("%w: a supplier is named, but the answer is for the user", ErrInvalid)
	}
	var sent Sent
	err := d.update(ctx, time.Now(), func(w *work) error {
		t, err := w.view.Ticket(r.Ticket)
		if err != nil {
			return err
		}
		if t.MergedInto != 0 {
			return mergedError(&t)
		}
		actor, err := d.actor(w.view, r.As, t.Mailbox)
		if err != nil {
			return err
		}
		w.touch(&t)
		if !r.Supplier.IsZero() {
			if err := w.setSupplier(&t, r.Supplier); err != nil {
				return err
			}
		}
		if err := w.mayFollow(&t, r.Cc); err != nil {
			return err
		}
		w.follow(&t, r.Cc)
		audience := ticketstore.AudienceUser
		if r.ToSupplier {
			audience = ticketstore.AudienceSupplier
		}
		a := w.act(&t, ticketstore.Action{Direction: ticketstore.Out, Actor: actor, Text: r.Text, Fresh: r.Text, Subject: t.Subject})
		for _, f := range r.Files {
			a.Attachments = append(a.Attachments, f.Attachment)
		}
		if err := w.answer(&t, a, audience, r.Template, r.Files); err != nil {
			return err
		}
		if r.Status != "" {
			w.setStatus(&t, r.Status)
		}
		w.save(&t)
		sent = Sent{Ticket: t.ID, Action: a.Seq}
		for _, it := range w.change.Items {
			sent.Items = append(sent.Items, it.ID)
		}
		return nil
	})
	return sent, err
}

// answer sends an action of the desk's to an audience and sets the status that
// follows from it.
func (w *work) answer(t *ticketstore.Ticket, a *ticketstore.Action, audience ticketstore.Audience, template string, files []File) error {
	o := outgoing{audience: audience, files: files, data: templates.Data{
		Author: templates.Person{Name: a.Actor.Name}, Kind: string(a.Actor.Kind), Text: a.Fresh,
	}}
	for _, f := range files {
		o.data.Attachments = append(o.data.Attachments, f.Name)
	}
	switch audience {
	case ticketstore.AudienceSupplier:
		if t.Supplier.IsZero() {
			return fmt.Errorf("%w: ticket %s has no supplier; set one with: mxdesk ticket set %d --supplier ADDRESS", ErrInvalid, t.ID, uint64(t.ID))
		}
		a.Outcome, a.Visibility = ticketstore.OutcomeSupplierAsked, ticketstore.SupplierOnly
		o.template, o.to = templates.SupplierRequest, []address.Mailbox{{Name: w.contactName(t.Supplier), Address: t.Supplier}}
		if t.Status == ticketstore.StatusNew || t.Status == ticketstore.StatusOpen {
			w.setStatus(t, ticketstore.StatusOnHold)
		}
	default:
		if t.Requester.Address.IsZero() {
			return fmt.Errorf("%w: the address of ticket %s's requester is not known", ErrInvalid, t.ID)
		}
		a.Outcome, a.Visibility = ticketstore.OutcomeAgentUpdate, ticketstore.Public
		o.template, o.cc = templates.AgentReply, true
		o.to = append([]address.Mailbox{t.Requester}, t.Followers...)
		if t.Status == ticketstore.StatusNew || t.Status == ticketstore.StatusOpen {
			w.setStatus(t, ticketstore.StatusWaiting)
		}
	}
	if template != "" {
		o.template = template
	}
	if a.Actor.Kind == ticketstore.ActorDesk {
		o.data.Author.Name = "" // the desk signs by its own name anyway
	}
	w.quote(&o.data, t, a.Seq, func(x *ticketstore.Action) bool {
		return x.Visibility == a.Visibility && (audience != ticketstore.AudienceSupplier || x.Actor.Address.Equal(t.Supplier))
	})
	return w.send(t, a, o)
}

// setSupplier makes somebody the ticket's supplier. A party of the user's branch
// cannot be one: the two must not read each other's.
func (w *work) setSupplier(t *ticketstore.Ticket, a address.Address) error {
	switch {
	case w.d.rules.Ours(a):
		return fmt.Errorf("%w: %s is an address of the desk itself and cannot be the supplier", ErrInvalid, a)
	case w.isAgent(t, a):
		return fmt.Errorf("%w: %s is an agent and cannot be the supplier", ErrInvalid, a)
	case a.Equal(t.Requester.Address):
		return fmt.Errorf("%w: %s is the ticket's requester and cannot be its supplier", ErrInvalid, a)
	case contains(t.Followers, a):
		return fmt.Errorf("%w: %s follows the ticket and gets what its user gets; take that back first with: mxdesk ticket set %d --unfollow %s", ErrInvalid, a, uint64(t.ID), a)
	}
	t.Supplier = a
	return nil
}

// mayFollow refuses people who cannot be followers of a ticket, so that nobody
// believes they were told.
func (w *work) mayFollow(t *ticketstore.Ticket, people []address.Mailbox) error {
	for _, p := range people {
		switch {
		case w.d.rules.Ours(p.Address):
			return fmt.Errorf("%w: %s is an address of the desk itself and cannot follow a ticket", ErrInvalid, p.Address)
		case w.isAgent(t, p.Address):
			return fmt.Errorf("%w: %s is an agent: assign the ticket to them or write a note", ErrInvalid, p.Address)
		case p.Address.Equal(t.Supplier):
			return fmt.Errorf("%w: %s is the ticket's supplier and must not get what its user gets", ErrInvalid, p.Address)
		}
	}
	return nil
}

func (w *work) contactName(a address.Address) string {
	if c, err := w.view.ContactByAddress(a); err == nil {
		return c.Name
	}
	return ""
}

// unsendable says why an agent's mail cannot be sent on as it is; empty when it
// can. What the agent wrote must be told apart from what the desk wrote to the
// agent, which may hold internal things.
func unsendable(m *mail) string {
	text := agentText(m.Message)
	switch {
	case m.Message.Unreadable:
		return "the agent's mail cannot be read"
	case m.fileErr != nil:
		return "an attachment of the agent's mail cannot be read: " + m.fileErr.Error()
	case !m.Message.HasMarker && m.Message.Inline:
		return "the agent's own words stand between quoted lines and cannot be told apart from them"
	case !m.Message.HasMarker && m.Message.PassedOn:
		return "the agent passes on somebody else's mail, and what of it is for whom cannot be told"
	case message.LooksQuoted(text) || strings.Contains(text, "##-"):
		return "the agent's mail quotes others in a way that cannot be told apart from the agent's own words"
	case text == "" && len(m.files) == 0:
		return "the agent's mail has no text of its own"
	}
	return ""
}

// agentText is what of an agent's mail may leave: what stands above our marker,
// or without one what is not quoted, and never the agent's own signature.
func agentText(m *message.Message) string {
	text := m.Fresh
	if m.HasMarker {
		text, _, _, _ = message.ReadText(m.Above)
	}
	return strings.TrimSpace(text)
}

// relay sends an agent's mail on to the party that it answers.
func (w *work) relay(t *ticketstore.Ticket, a *ticketstore.Action, m *mail, dec *router.Decision) error {
	audience := dec.Acts.Audience
	if why := unsendable(m); why != "" { // else it would be held: a person has released it
		audience = ticketstore.AudienceAgent
		a.Trace = append(a.Trace, "released, but "+why+": answer with mxdesk ticket reply")
	}
	if audience == "" {
		audience = w.lastTold(t, dec.Who.Address)
		a.Trace = append(a.Trace, "the mail does not say whom it answers: taken from the last notification to this agent: "+or(string(audience), "none"))
	}
	t.Assignee = orAddress(t.Assignee, dec.Who.Address)
	if audience != ticketstore.AudienceUser && audience != ticketstore.AudienceSupplier {
		a.Outcome, a.Visibility = ticketstore.OutcomeNote, ticketstore.InternalOnly
		a.Trace = append(a.Trace, "no party to send it to: kept as an internal note")
		return nil
	}
	a.Fresh = w.withoutPrivate(agentText(m.Message), dec.Who.Address, t)
	if w.withoutPrivate(a.Actor.Name, dec.Who.Address, t) != a.Actor.Name {
		a.Actor.Name = dec.Who.Address.Local() // programs show the address of who has no name
	}
	if audience == ticketstore.AudienceUser {
		w.follow(t, m.Message.Cc)
	}
	if err := w.answer(t, a, audience, "", m.files); err != nil {
		return err
	}
	// It came in as the agent's mail and went out as the desk's.
	a.Outcome = ticketstore.OutcomeAgentUpdate
	return nil
}

// lastTold is the audience of the newest notification to an agent, "" when there
// is none.
func (w *work) lastTold(t *ticketstore.Ticket, agent address.Address) ticketstore.Audience {
	c, _ := w.view.ContactByAddress(agent)
	for it := range w.items(t) {
		if it.Template == templates.UserUpdate && (it.To.Equal(agent) || c.Has(it.To)) {
			return it.Audience
		}
	}
	return ""
}

// withoutPrivate puts the desk's address where the agent's own stands.
func (w *work) withoutPrivate(text string, agent address.Address, t *ticketstore.Ticket) string {
	private := []address.Address{agent}
	if c, err := w.view.ContactByAddress(agent); err == nil {
		private = append(private, c.Addresses...)
	}
	box, err := w.mailboxOf(t)
	if err != nil {
		return text
	}
	for _, a := range private {
		text = replaceFold(text, a.String(), box.From.Address.String())
	}
	return text
}

// replaceFold replaces an ASCII string without regard to case.
func replaceFold(s, old, with string) string {
	var b strings.Builder
	for {
		i := indexFold(s, old)
		if i < 0 {
			return b.String() + s
		}
		b.WriteString(s[:i] + with)
		s = s[i+len(old):]
	}
}

func indexFold(s, sub string) int {
	for i := 0; i+len(sub) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(sub)], sub) {
			return i
		}
	}
	return -1
}

func orAddress(a, b address.Address) address.Address {
	if a.IsZero() {
		return b
	}
	return a
}
