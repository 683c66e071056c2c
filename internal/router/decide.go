package router

import (
	"slices"
	"strings"
	"time"

	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// Input is one mail, read and checked.
type Input struct {
	Message  *message.Message
	Envelope *ticketstore.Envelope
	Verdict  *ticketstore.Verdict
	Captured Captured
	Now      time.Time
	// Released is set when a person has looked at a held mail and vouches for
	// its sender.
	Released bool
}

// Primary is the mailbox that a mail is for: that of its first recipient who is
// ours. Linked are the others.
func (r *Rules) Primary(env *ticketstore.Envelope) (primary string, linked []string) {
	for _, rc := range r.resolveAll(env) {
		if primary == "" {
			primary = rc.Mailbox
		} else if rc.Mailbox != primary && !slices.Contains(linked, rc.Mailbox) {
			linked = append(linked, rc.Mailbox)
		}
	}
	return primary, linked
}

func (r *Rules) resolveAll(env *ticketstore.Envelope) (list []Recipient) {
	for _, a := range env.Recipients {
		if rc, ok := r.Resolve(a); ok {
			list = append(list, rc)
		}
	}
	return list
}

// Decide says what becomes of a mail. Its only errors are those of look.
func (r *Rules) Decide(in Input, look Lookup) (Decision, error) {
	rcpts := r.resolveAll(in.Envelope)
	if len(rcpts) == 0 {
		return refuse(550, [3]int{5, 1, 1}, "no such address here"), nil
	}
	d := Decision{Captured: in.Captured, Trace: slices.Clone(in.Captured.Trace)}
	d.Mailbox, d.Linked = r.Primary(in.Envelope)
	s, err := r.sender(&in, d.Mailbox, look)
	if err != nil {
		return Decision{}, err
	}
	if in.Released {
		s.auth = ticketstore.AuthAligned
		d.tracef("a person released it: the sender counts as authenticated")
	}
	if s.unsure {
		d.tracef("the author is not certain (%v): counts as nobody the desk knows", in.Message.FromErr)
	}
	if s.form {
		d.tracef("sent by a web form: counts as from its Reply-To, unauthenticated")
	}
	d.Class, d.Reasons = s.class, s.reasons
	list, err := r.candidates(&in, s, rcpts, look)
	if err != nil {
		return Decision{}, err
	}
	best, rejected, err := r.choose(list, s, look)
	if err != nil {
		return Decision{}, err
	}
	d.Match = ticketstore.Match{By: ByNone, Reason: "nothing in the mail points to a ticket", Rejected: rejected}
	if best == nil {
		d.Who = s.in(&ticketstore.Ticket{}, r.Mailbox(d.Mailbox))
		if len(list) > 0 {
			d.Match.Reason = "what the mail points to does not exist"
			d.Who.Token = forgedToken(list)
		}
		r.open(&d, &in, s)
		return d, nil
	}
	r.settle(&d, &in, s, best)
	return d, nil
}

func forgedToken(list []candidate) Token {
	if slices.ContainsFunc(list, func(c candidate) bool { return c.forged }) {
		return TokenInvalid
	}
	return TokenNone
}

// settle applies what the sender may do to the ticket that the mail points to.
func (r *Rules) settle(d *Decision, in *Input, s *sender, best *weighed) {
	d.Who = best.who
	d.tracef("%s", best.because)
	d.tracef("so the sender may: %s", best.may)
	switch best.may {
	case MayAct, MayFile:
		if r.tooOld(d, in, s, best) {
			r.open(d, in, s)
			return
		}
		d.Match.By, d.Match.Reason = best.by, best.what
		d.Ticket, d.Mailbox = best.ticket, best.ticket.Mailbox
		d.Quiet = s.auth == ticketstore.AuthFail
		r.file(d, s, best)
	case MayOpen:
		d.Match.Reason = "the sender is no party of the ticket it points to"
		d.Candidate = best.ticket.ID
		d.Who.Belongs = false
		r.open(d, in, s)
	case MayHold, MayNot:
		if r.outsider(d, in, s, best) {
			return
		}
		if best.may == MayNot {
			r.putOff(d)
			return
		}
		d.Ticket = best.ticket
		d.Match.Reason = "it points to ticket " + best.ticket.ID.String() + ", which its sender may not use"
		d.hold("it points to ticket " + best.ticket.ID.String() + " and " + whyNotSure(s.auth, d.Who.Kind))
	}
}

// outsider gives somebody who is no party of the ticket the reply that a number
// which does not exist would get, where holding the mail or putting it off
// would tell the two apart. False when they are alike.
func (r *Rules) outsider(d *Decision, in *Input, s *sender, best *weighed) bool {
	if best.who.Belongs || best.who.Token == TokenOwn {
		return false
	}
	other := *d
	other.Trace = slices.Clone(d.Trace)
	other.Match.Reason = "the sender is no party of the ticket it points to"
	other.Candidate = best.ticket.ID
	r.open(&other, in, s)
	alike := other.Refusal == nil && other.Quiet
	if best.may == MayNot {
		alike = other.Refusal != nil && other.Refusal.Code == 451
	}
	if !alike {
		*d = other
	}
	return !alike
}

// tooOld applies the closed-ticket policy: an answer to a ticket closed for
// long opens a new one that records it.
func (r *Rules) tooOld(d *Decision, in *Input, s *sender, best *weighed) bool {
	m := r.Mailbox(best.ticket.Mailbox)
	if m == nil || m.ClosedAfter <= 0 || s.machine() || best.may == MayAct || best.ticket.Status != ticketstore.StatusClosed ||
		in.Now.Sub(best.ticket.Closed) <= m.ClosedAfter {
		return false
	}
	d.Candidate = best.ticket.ID
	d.Match.Reason = "the ticket it points to has been closed for too long"
	d.Match.Rejected = append(d.Match.Rejected, ticketstore.Rejected{By: best.by, Ticket: best.ticket.ID, Reason: "closed for longer than the mailbox allows"})
	return true
}

func whyNotSure(auth ticketstore.Auth, role Role) string {
	switch {
	case auth == ticketstore.AuthFail:
		return "failed authentication"
	case role == RoleAgent:
		return "claims an agent's address without proof"
	}
	return "claims the supplier's address without proof"
}

func (r *Rules) putOff(d *Decision) {
	trace := d.Trace
	*d = refuse(451, [3]int{4, 7, 0}, "DNS could not tell who sent this; please try again later")
	d.Trace = trace
}

// file adds the mail to a ticket as what the sender is there.
func (r *Rules) file(d *Decision, s *sender, best *weighed) {
	d.Outcome, d.Status = OutcomeUpdate, best.ticket.Status
	switch {
	case s.machine():
		r.fileMachine(d, s, best)
	case best.may == MayAct && !best.asCustomer():
		d.Action, d.ActorKind, d.Visibility = ticketstore.OutcomeAgentUpdate, ticketstore.ActorAgent, ticketstore.InternalOnly
		d.Acts = &Acts{}
		if best.claim != nil && best.who.Token == TokenOwn {
			d.Acts.Audience = best.claim.Audience
		}
	case best.who.Kind == RoleSupplier:
		d.Action, d.ActorKind, d.Visibility = ticketstore.OutcomeSupplierUpdate, ticketstore.ActorSupplier, ticketstore.SupplierOnly
		d.Notify = true
		if d.Status == ticketstore.StatusOnHold {
			d.Status = ticketstore.StatusOpen
		}
	default:
		d.Action, d.ActorKind, d.Visibility = ticketstore.OutcomeUserUpdate, ticketstore.ActorUser, ticketstore.Public
		d.Notify = true
		switch d.Status {
		case ticketstore.StatusWaiting, ticketstore.StatusSolved, ticketstore.StatusClosed:
			d.Status = ticketstore.StatusOpen
			d.tracef("a user's update opens the ticket again")
		}
	}
}

// asCustomer reports whether an agent answers a mail that they got as the
// ticket's requester or follower: then they do not speak for the desk.
func (w *weighed) asCustomer() bool {
	return w.claim != nil && w.who.Token == TokenOwn && !w.claim.Agent && w.claim.Audience == ticketstore.AudienceUser
}

// fileMachine is the machine gate: such mail is kept for the agents to read and
// does nothing else, whoever sent it.
func (r *Rules) fileMachine(d *Decision, s *sender, best *weighed) {
	d.Action, d.ActorKind, d.Visibility = machineOutcome(s.class), actorKind(best.who.Kind), ticketstore.InternalOnly
	if s.bounce() {
		d.ActorKind = ticketstore.ActorMachine
		if best.claim != nil && (best.by == ByBounce || best.by == ByMessageID) {
			d.Bounced = best.claim.Item
		}
	}
	d.tracef("machine mail (%s): filed, answered by nothing, changes nothing", s.class)
}

func machineOutcome(c message.Class) ticketstore.Outcome {
	switch c {
	case message.Bounce:
		return ticketstore.OutcomeFailed
	case message.AutoReply:
		return ticketstore.OutcomeAutoReply
	}
	return ticketstore.OutcomeMachine
}

func actorKind(role Role) ticketstore.ActorKind {
	switch role {
	case RoleAgent:
		return ticketstore.ActorAgent
	case RoleSupplier:
		return ticketstore.ActorSupplier
	case RoleUser:
		return ticketstore.ActorUser
	}
	return ticketstore.ActorUnknown
}

// open makes a new ticket of the mail, if the sender and the mailbox let it.
func (r *Rules) open(d *Decision, in *Input, s *sender) {
	m := r.Mailbox(d.Mailbox)
	d.Who.Kind = s.role(m)
	may := Admit(s.auth, d.Who.Kind, m.Failed, in.Verdict.DMARC.Policy)
	switch {
	case may == MayNot:
		r.putOff(d)
		return
	case may == MayHold && s.auth == ticketstore.AuthFail:
		d.hold("it failed authentication: " + in.Verdict.Reason)
		return
	case may == MayHold:
		d.hold("it claims an agent's address without proof")
		return
	}
	d.Outcome, d.Status = OutcomeNew, ticketstore.StatusNew
	d.Action, d.Visibility = ticketstore.OutcomeOpened, ticketstore.Public
	d.Quiet = s.auth == ticketstore.AuthFail
	d.Marks = marks(in, s)
	if d.Who.Kind == RoleUnknown && !r.openUnknown(d, in, s, m) {
		return
	}
	d.ActorKind = actorKind(d.Who.Kind)
	if d.Contact {
		d.ActorKind = ticketstore.ActorUser
	}
	d.Notify = !s.machine()
	d.Unanswered = unanswered(in, s, m)
	d.Acknowledge = d.Unanswered == ""
}

// openUnknown applies the mailbox's policy for unknown senders; false when no
// ticket is to be opened.
func (r *Rules) openUnknown(d *Decision, in *Input, s *sender, m *Mailbox) bool {
	switch {
	case in.Released || m.Unknown == "create":
		d.Contact = !s.machine() && !s.form && !s.unsure && s.auth != ticketstore.AuthFail && !s.from.Address.IsZero()
	case m.Unknown == "refuse" && !s.machine():
		trace := d.Trace
		*d = refuse(550, [3]int{5, 7, 1}, "this address takes mail from known senders only; please ask its owner to add you")
		d.Trace = trace
		return false
	case m.Unknown == "hold" && !s.machine():
		d.hold("the sender is unknown")
		return false
	default:
		d.Marks = append(d.Marks, "unknown sender")
	}
	return true
}

func marks(in *Input, s *sender) (list []string) {
	switch s.auth {
	case ticketstore.AuthFail:
		list = append(list, "failed authentication")
	case ticketstore.AuthNone, ticketstore.AuthTempError:
		list = append(list, "unverified sender")
	}
	if in.Message.Unreadable {
		list = append(list, "unreadable mail")
	}
	return list
}

// unanswered says why a new ticket is not acknowledged; empty when it is.
func unanswered(in *Input, s *sender, m *Mailbox) string {
	switch {
	case s.machine():
		return "machine mail is never answered"
	case s.from.Address.IsZero():
		return "the sender's address cannot be read"
	case s.unsure:
		return "the sender's address is not certain"
	case s.auth == ticketstore.AuthFail:
		return "the sender failed authentication"
	case m.Acknowledge == "never":
		return "the mailbox acknowledges nothing"
	case m.Acknowledge == "authenticated" && s.auth != ticketstore.AuthAligned:
		return "the sender is not authenticated"
	case wantsNoAnswer(in.Message):
		return "the mail asks for no automatic answer"
	}
	return ""
}

// wantsNoAnswer reads X-Auto-Response-Suppress, with which Exchange asks for
// silence without being a machine itself.
func wantsNoAnswer(m *message.Message) bool {
	for _, f := range m.Fields {
		if !strings.EqualFold(f.Name, "X-Auto-Response-Suppress") {
			continue
		}
		for word := range strings.SplitSeq(f.Value, ",") {
			switch strings.ToLower(strings.TrimSpace(word)) {
			case "all", "autoreply", "oof":
				return true
			}
		}
	}
	return false
}

func refuse(code int, enhanced [3]int, text string) Decision {
	return Decision{
		Outcome: OutcomeRefused,
		Match:   ticketstore.Match{By: ByNone, Rejected: []ticketstore.Rejected{}},
		Refusal: &Refusal{Code: code, Enhanced: enhanced, Text: text},
	}
}

func (d *Decision) hold(reason string) {
	d.Outcome, d.HoldReason, d.Quiet = OutcomeHeld, reason, true
	d.Acknowledge, d.Unanswered, d.Notify, d.Acts = false, "held mail is not answered", false, nil
	d.tracef("held: %s", reason)
}
