package router

import (
	"errors"
	"slices"
	"strings"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// sender is who a mail comes from, before any ticket is looked at.
type sender struct {
	from    address.Mailbox
	contact *ticketstore.Contact // nil: unknown
	auth    ticketstore.Auth
	class   message.Class
	reasons []string
	form    bool // a web form speaks for them
	unsure  bool // the From field does not name one author for certain
}

// sender finds out who sent a mail to the mailbox.
func (r *Rules) sender(in *Input, mailbox string, look Lookup) (*sender, error) {
	s := &sender{from: in.Message.From, auth: in.Verdict.Auth, unsure: in.Message.FromErr != nil && !in.Released}
	s.class, s.reasons = in.Message.Machine(in.Envelope.From.IsZero())
	if r.isLoop(in.Message) {
		s.class, s.reasons = message.Loop, append(s.reasons, "it is mail of our own that came back")
	}
	if m := r.Mailbox(mailbox); m != nil && s.auth == ticketstore.AuthAligned && len(in.Message.ReplyTo) == 1 &&
		slices.ContainsFunc(m.FormSenders, s.from.Address.Equal) {
		// The form is known, who filled it in is only claimed.
		s.from, s.auth, s.form = in.Message.ReplyTo[0], ticketstore.AuthNone, true
	}
	c, err := look.ContactByAddress(s.from.Address)
	switch {
	case err == nil:
		s.contact = &c
	case !errors.Is(err, ticketstore.ErrNotFound):
		return nil, err
	}
	return s, nil
}

// isLoop reports whether the mail is our own: its field carries our host name
// (another desk's is mail like any other), or it claims an address of ours.
func (r *Rules) isLoop(m *message.Message) bool {
	for _, f := range m.Fields {
		if strings.EqualFold(f.Name, message.LoopField) && strings.EqualFold(f.Value, r.Hostname) {
			return true
		}
	}
	return !m.From.Address.IsZero() && r.Ours(m.From.Address)
}

func (s *sender) machine() bool { return s.class != message.Human }
func (s *sender) bounce() bool  { return s.class == message.Bounce }

// role is what the sender is to a mailbox. Who fills in a form is never an
// agent, and an author who is not certain is nobody but a possible agent: two
// From fields must not pass for one that would have failed.
func (s *sender) role(m *Mailbox) Role {
	agent := m != nil && (slices.ContainsFunc(m.Agents, s.has) || s.contact.AgentOf(m.Key))
	switch {
	case s.form && (agent || s.contact != nil && s.contact.Kind == ticketstore.KindAgent):
		return RoleUnknown
	case agent:
		return RoleAgent
	case s.contact == nil || s.unsure:
		return RoleUnknown
	case s.contact.Kind == ticketstore.KindSupplier:
		return RoleSupplier
	}
	return RoleUser // an agent of other mailboxes too
}

// has reports whether a is one of the sender's addresses.
func (s *sender) has(a address.Address) bool {
	return !a.IsZero() && (a.Equal(s.from.Address) || s.contact.Has(a))
}

// in is who the sender is to a ticket.
func (s *sender) in(t *ticketstore.Ticket, m *Mailbox) Who {
	w := Who{Kind: s.role(m), Name: s.name(), Address: s.from.Address, Token: TokenNone}
	if s.unsure && w.Kind != RoleAgent {
		return w
	}
	party := s.has(t.Requester.Address) || slices.ContainsFunc(t.Followers, func(f address.Mailbox) bool { return s.has(f.Address) })
	if w.Kind != RoleAgent && s.has(t.Supplier) && !party {
		w.Kind = RoleSupplier
	}
	if w.Kind == RoleSupplier && party && !s.has(t.Supplier) {
		w.Kind = RoleUser // a supplier who is the customer of this ticket
	}
	switch w.Kind {
	case RoleSupplier:
		w.Belongs = s.has(t.Supplier)
	case RoleAgent:
		w.Belongs = s.has(t.Assignee) || party
	default:
		w.Belongs = party
	}
	return w
}

// name is the display name the desk knows, else the mail's own.
func (s *sender) name() string {
	if s.contact != nil && s.contact.Name != "" {
		return s.contact.Name
	}
	if s.from.Name != "" {
		return s.from.Name
	}
	if s.from.Address.IsZero() {
		return "(unreadable sender)"
	}
	return s.from.Address.String()
}

// token says what a candidate's signature proves of this sender. One that was
// issued to an agent is nothing in the hands of somebody who is none.
func (s *sender) token(w *weighed) Token {
	switch {
	case w.claim == nil || w.by == ByBounce:
		return TokenNone
	case w.forged:
		return TokenInvalid
	case w.claim.Agent && w.who.Kind != RoleAgent:
		return TokenOther
	case w.claim.IssuedTo(s.from.Address), s.contact != nil && slices.ContainsFunc(s.contact.Addresses, w.claim.IssuedTo):
		return TokenOwn
	}
	return TokenOther
}
