package desk

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/internal/router"
	"mxdesk/internal/tag"
	"mxdesk/templates"
	"mxdesk/ticketstore"
)

// seenFor is how long a mail that comes again is recognised.
const seenFor = 7 * 24 * time.Hour

// Accept decides on a mail and commits what follows from it: ticket, action,
// raw mail, and every mail that goes out because of it. When it returns a
// Receipt, all of that is on disk. A *Refusal is for the sender; any other
// error is our own trouble and the mail was not taken.
func (d *Desk) Accept(ctx context.Context, in Inbound) (Receipt, error) {
	m, err := d.prepare(&in)
	if err != nil {
		return Receipt{}, err
	}
	var rcpt Receipt
	err = m.decided(ctx, d.cfg.Files, func() error {
		return d.update(ctx, in.Now, func(w *work) error {
			rcpt, err = w.accept(m)
			return err
		})
	})
	return rcpt, err
}

// Inspect says what Accept would do, and changes nothing.
func (d *Desk) Inspect(ctx context.Context, in Inbound) (Outcome, error) {
	m, err := d.prepare(&in)
	if err != nil {
		return Outcome{}, err
	}
	var out Outcome
	err = m.decided(ctx, d.cfg.Files, func() error {
		return d.store.View(ctx, func(v ticketstore.View) error {
			w := &work{d: d, view: v, now: in.Now, next: v.Next(), change: ticketstore.Change{At: in.Now}}
			out.Receipt, err = w.accept(m)
			var no *Refusal
			if errors.As(err, &no) {
				out.Refusal, err = no, nil
			}
			out.Decision, out.Change = m.decision, w.change
			return err
		})
	})
	return out, err
}

// Outcome is what would become of a mail.
type Outcome struct {
	Decision router.Decision
	Receipt  Receipt
	Refusal  *Refusal
	Change   ticketstore.Change
}

// mail is an Inbound with everything computed that needs no transaction.
type mail struct {
	*Inbound
	key      ticketstore.MailKey
	digest   [32]byte
	captured router.Captured
	files    []File // ready to be sent on; nil until filed
	fileErr  error
	filed    bool                  // its files were read
	released *ticketstore.HeldMail // when a person released it
	decision router.Decision
}

// prepare does what is slow: hashes, capture rules. It does not look into the
// store, which has a cost for everybody.
func (d *Desk) prepare(in *Inbound) (*mail, error) {
	m := &mail{Inbound: in}
	var err error
	if m.key, m.digest, err = hashes(in); err != nil {
		return nil, fmt.Errorf("reading the mail: %w", err)
	}
	primary, _ := d.rules.Primary(&in.Envelope)
	m.captured = d.rules.Apply(in.Message, primary, &in.Envelope)
	return m, nil
}

// hashes reads the mail once: for the key under which it is recognised when it
// comes again (return path, the fields that people see or answer to, the body; all
// octets where not every field was read, so that two mails are never taken for
// one), and for the digest of the record, which covers that key and the header.
func hashes(in *Inbound) (key ticketstore.MailKey, digest [32]byte, err error) {
	ident, record := sha256.New(), sha256.New()
	fmt.Fprintf(ident, "%s\n", in.Envelope.From.Key())
	for _, f := range in.Message.Fields {
		switch strings.ToLower(f.Name) {
		case "message-id", "from", "reply-to", "to", "cc", "subject", "date":
			fmt.Fprintf(ident, "%s:%q\n", strings.ToLower(f.Name), f.Value)
		}
	}
	end := min(in.Message.End, in.Content.Size())
	if in.Message.Cut {
		end = 0
	}
	err = ticketstore.WriteContent(ident, in.Content, end, in.Content.Size())
	ident.Sum(key[:0])
	record.Write(key[:])
	if err == nil {
		err = ticketstore.WriteContent(record, in.Content, 0, end)
	}
	record.Sum(digest[:0])
	return key, digest, err
}

// accept puts the transaction of a mail together.
func (w *work) accept(m *mail) (Receipt, error) {
	if m.released == nil {
		rcpt, done, err := w.again(m)
		if done || err != nil {
			return rcpt, err
		}
	}
	if m.released == nil {
		if err := w.d.fits(m.Inbound); err != nil {
			m.decision = router.Decision{Outcome: router.OutcomeRefused}
			return Receipt{}, err
		}
	}
	dec, err := w.d.rules.Decide(router.Input{
		Message: m.Message, Envelope: &m.Envelope, Verdict: &m.Verdict,
		Captured: m.captured, Now: w.now, Released: m.released != nil,
	}, w.view)
	if err != nil {
		return Receipt{}, err
	}
	m.decision = dec
	if r := dec.Refusal; r != nil {
		return Receipt{}, &Refusal{Code: r.Code, Enhanced: r.Enhanced, Text: r.Text}
	}
	if dec.Acts != nil && !m.filed && len(m.Message.Attachments) > 0 {
		return Receipt{}, errFiles
	}
	if dec.Acts != nil && m.released == nil {
		// What is held is released to the ticket, not to the customer: see relay.
		if why := unsendable(m); why != "" {
			dec.Outcome, dec.HoldReason, dec.Quiet = router.OutcomeHeld, why, true
			m.decision = dec
		}
	}
	switch dec.Outcome {
	case router.OutcomeHeld:
		return w.hold(m, &dec)
	case router.OutcomeNew:
		return w.open(m, &dec)
	}
	return w.file(m, &dec)
}

// again answers a mail that was taken before: the same answer, and nothing
// changed, unless it now came to another mailbox of ours.
func (w *work) again(m *mail) (Receipt, bool, error) {
	seen, err := w.view.Seen(m.key)
	if errors.Is(err, ticketstore.ErrNotFound) || err == nil && w.now.Sub(seen.At) > seenFor {
		return Receipt{}, false, nil
	}
	if err != nil {
		return Receipt{}, false, err
	}
	rcpt := Receipt{Outcome: router.OutcomeDuplicate, Ticket: seen.Ticket, Tag: seen.Told}
	if m.Verdict.Auth == ticketstore.AuthFail {
		rcpt.Tag = "" // whoever sent it before, or vouched for it, is not this sender
	}
	m.decision = router.Decision{
		Outcome: rcpt.Outcome, Captured: m.captured, Who: router.Who{Kind: router.RoleUnknown, Name: m.Message.From.Name, Address: m.Message.From.Address, Token: router.TokenNone},
		Match: ticketstore.Match{By: router.ByNone, Reason: "this mail was taken before, at " + seen.At.Format(time.RFC3339), Rejected: []ticketstore.Rejected{}},
	}
	m.decision.Mailbox, _ = w.d.rules.Primary(&m.Envelope)
	var fresh []string
	primary, linked := w.d.rules.Primary(&m.Envelope)
	for _, key := range append([]string{primary}, linked...) {
		if !slices.Contains(seen.Mailboxes, key) {
			fresh = append(fresh, key)
		}
	}
	if len(fresh) == 0 || seen.Ticket == 0 {
		return rcpt, true, nil
	}
	t, err := router.Followed(seen.Ticket, w.view)
	if err != nil {
		return Receipt{}, false, err
	}
	w.touch(&t)
	link(&t, fresh)
	w.act(&t, ticketstore.Action{
		Direction: ticketstore.Internal, Outcome: ticketstore.OutcomeChanged, Visibility: ticketstore.InternalOnly,
		Actor: ticketstore.Actor{Kind: ticketstore.ActorDesk, Name: w.d.boxName(t.Mailbox)},
		Text:  "The same mail was also sent to " + strings.Join(fresh, ", ") + ".",
	})
	w.save(&t)
	seen.Mailboxes = append(seen.Mailboxes, fresh...)
	w.change.Seen = append(w.change.Seen, seen)
	return rcpt, true, nil
}

// metaOf is what the record of a mail says of its action.
func metaOf(t *ticketstore.Ticket, a *ticketstore.Action) ticketstore.MailMeta {
	return ticketstore.MailMeta{
		Ticket: t.ID, Action: a.Seq, Mailbox: t.Mailbox, Outcome: a.Outcome, Actor: a.Actor, Visibility: a.Visibility,
	}
}

// record stores the raw mail.
func (w *work) record(m *mail, meta ticketstore.MailMeta) ticketstore.RecordID {
	if m.released != nil {
		return m.released.Record // stored when it was held
	}
	meta.Envelope, meta.Verdict = m.Envelope, m.Verdict
	id := w.next.Record
	w.next.Record++
	w.change.Records = append(w.change.Records, ticketstore.Record{
		ID: id, Kind: ticketstore.RecordMail, Meta: meta, Content: m.Content, Digest: m.digest,
	})
	return id
}

// remember keeps the mail's key, so that it is recognised when it comes again.
func (w *work) remember(m *mail, dec *router.Decision, s ticketstore.Seen) {
	s.Key, s.At, s.Outcome = m.key, w.now, dec.Outcome
	s.Mailboxes = append([]string{}, dec.Linked...)
	primary, _ := w.d.rules.Primary(&m.Envelope)
	s.Mailboxes = append(s.Mailboxes, primary)
	w.change.Seen = append(w.change.Seen, s)
}

func (w *work) hold(m *mail, dec *router.Decision) (Receipt, error) {
	h := ticketstore.HeldMail{
		ID: w.next.Held, At: w.now, Envelope: m.Envelope, Verdict: m.Verdict, Mailbox: dec.Mailbox,
		From: m.Message.From, Subject: m.Message.Subject, Ticket: dec.Ticket.ID, Reason: dec.HoldReason,
		State: "held", Match: dec.Match, Captured: dec.Captured.Fields,
	}
	w.next.Held++
	h.Record = w.record(m, ticketstore.MailMeta{Held: h.ID, Mailbox: h.Mailbox})
	w.change.Held = append(w.change.Held, h)
	w.remember(m, dec, ticketstore.Seen{Held: h.ID})
	return Receipt{Outcome: router.OutcomeHeld}, nil
}

// open makes a ticket of the mail.
func (w *work) open(m *mail, dec *router.Decision) (Receipt, error) {
	box := w.d.rules.Mailbox(dec.Mailbox)
	t := ticketstore.Ticket{
		ID: w.next.Ticket, Type: or(dec.Captured.Type, box.Type), Mailbox: dec.Mailbox, Linked: dec.Linked,
		Subject: tag.Strip(oneLine(m.Message.Subject), w.d.rules.Pairs()), Status: dec.Status,
		Priority: or(dec.Captured.Priority, box.Priority), Requester: address.Mailbox{Name: shortName(dec.Who.Name), Address: dec.Who.Address},
		Fields: dec.Captured.Fields, Marks: dec.Marks, Candidate: dec.Candidate, Created: w.now,
	}
	w.next.Ticket++
	if dec.Contact {
		w.addUser(dec.Who)
	}
	w.touch(&t)
	a := w.act(&t, w.action(m, dec))
	a.Record = w.record(m, metaOf(&t, a))
	w.followers(&t, m, dec)
	if err := w.acknowledge(&t, a, m, dec); err != nil {
		return Receipt{}, err
	}
	return w.finish(&t, a, m, dec)
}

// file adds the mail to its ticket.
func (w *work) file(m *mail, dec *router.Decision) (Receipt, error) {
	t := dec.Ticket
	w.touch(&t)
	link(&t, append([]string{m.primary(w.d.rules)}, dec.Linked...))
	w.setStatus(&t, dec.Status)
	if dec.Class == message.Human {
		setFields(&t, dec.Captured.Fields)
	}
	a := w.act(&t, w.action(m, dec))
	a.Record = w.record(m, metaOf(&t, a))
	w.followers(&t, m, dec)
	if err := w.bounced(a, m, dec); err != nil {
		return Receipt{}, err
	}
	if dec.Acts != nil {
		if err := w.relay(&t, a, m, dec); err != nil {
			return Receipt{}, err
		}
	}
	return w.finish(&t, a, m, dec)
}

func (m *mail) primary(r *router.Rules) string {
	key, _ := r.Primary(&m.Envelope)
	return key
}

// finish tells the agents, indexes the mail and writes the receipt.
func (w *work) finish(t *ticketstore.Ticket, a *ticketstore.Action, m *mail, dec *router.Decision) (Receipt, error) {
	if dec.Notify {
		if err := w.notify(t, a, m); err != nil {
			return Receipt{}, err
		}
	}
	w.save(t)
	if id := m.Message.MessageID; id != "" && !m.isOurs(w.d, id) {
		w.change.MessageIDs = append(w.change.MessageIDs, ticketstore.MessageRef{MessageID: id, Ticket: t.ID, Action: a.Seq})
	}
	rcpt := Receipt{Outcome: dec.Outcome, Ticket: t.ID}
	if !dec.Quiet {
		rcpt.Tag = w.d.Tag(t)
	}
	w.remember(m, dec, ticketstore.Seen{Ticket: t.ID, Told: rcpt.Tag})
	return rcpt, nil
}

// isOurs reports whether a Message-ID was made by this desk: those carry their
// ticket and need no index.
func (m *mail) isOurs(d *Desk, id string) bool {
	_, err := d.keys.ParseMessage(id)
	return err == nil
}

// action is the mail as an entry of the ticket.
func (w *work) action(m *mail, dec *router.Decision) ticketstore.Action {
	a := ticketstore.Action{
		Direction: ticketstore.In, Outcome: dec.Action, Visibility: dec.Visibility,
		Actor:   ticketstore.Actor{Kind: dec.ActorKind, Name: dec.Who.Name, Address: dec.Who.Address},
		Subject: m.Message.Subject, Text: m.Message.Text, Fresh: m.Message.Fresh,
		Envelope: &m.Envelope, MessageID: m.Message.MessageID, References: m.Message.References,
		Verdict: &m.Verdict, Unreadable: m.Message.Unreadable, Match: &dec.Match,
		Captured: dec.Captured.Fields, Trace: dec.Trace,
	}
	if dec.Class != message.Human {
		a.Machine = string(dec.Class)
	}
	for _, at := range m.Message.Attachments {
		a.Attachments = append(a.Attachments, ticketstore.Attachment(at))
	}
	return a
}

func (w *work) addUser(who router.Who) {
	w.change.Contacts = append(w.change.Contacts, ticketstore.Contact{
		ID: w.next.Contact, Kind: ticketstore.KindUser, Name: shortName(who.Name), Addresses: []address.Address{who.Address},
	})
	w.next.Contact++
}

// followers takes the people on Cc into the conversation, when the mail proves
// who sent it.
func (w *work) followers(t *ticketstore.Ticket, m *mail, dec *router.Decision) {
	proven := m.Verdict.Auth == ticketstore.AuthAligned || dec.Who.Token == router.TokenOwn || m.released != nil
	if !proven || dec.Class != message.Human || dec.Who.Kind == router.RoleSupplier || dec.Visibility == ticketstore.SupplierOnly ||
		dec.Acts != nil {
		return
	}
	w.follow(t, m.Message.Cc)
	w.follow(t, m.Message.To)
}

// acknowledge tells the requester the ticket's number, once.
func (w *work) acknowledge(t *ticketstore.Ticket, a *ticketstore.Action, m *mail, dec *router.Decision) error {
	limit := w.d.cfg.AutoMailPerDay
	switch {
	case !dec.Acknowledge:
	case limit > 0 && w.view.AutoMails(dec.Who.Address, w.now) >= limit:
		dec.Unanswered = fmt.Sprintf("%d automatic mails went to this address today", limit)
	case w.d.rules.Ours(dec.Who.Address):
		dec.Unanswered = "the address is our own"
	default:
		t.Acknowledged = true
		w.change.AutoMails = append(w.change.AutoMails, dec.Who.Address)
		data := templates.Data{Author: templates.Person{Name: dec.Who.Name}, Kind: string(a.Actor.Kind), Unverified: m.Verdict.Auth != ticketstore.AuthAligned && m.released == nil}
		if !data.Unverified {
			data.Quoted = clip(a.Fresh, maxQuote)
		}
		return w.send(t, a, outgoing{
			template: templates.Acknowledgement, audience: ticketstore.AudienceUser, automatic: true,
			to: []address.Mailbox{t.Requester}, data: data,
		})
	}
	if dec.Unanswered != "" {
		a.Trace = append(a.Trace, "no acknowledgement: "+dec.Unanswered)
	}
	m.decision.Acknowledge, m.decision.Unanswered = dec.Acknowledge, dec.Unanswered
	return nil
}

// notify tells the agents what a user or a supplier wrote. Their answer goes
// to whom they were told about.
func (w *work) notify(t *ticketstore.Ticket, a *ticketstore.Action, m *mail) error {
	to, err := w.agents(t, a.Actor.Address)
	if err != nil {
		return err
	}
	audience := ticketstore.AudienceUser
	if a.Visibility == ticketstore.SupplierOnly {
		audience = ticketstore.AudienceSupplier
	}
	data := templates.Data{
		Author: templates.Person{Name: a.Actor.Name}, Kind: string(a.Actor.Kind), Text: clip(a.Fresh, maxNews), Marker: message.Marker,
		Unverified: m.Verdict.Auth != ticketstore.AuthAligned && m.released == nil,
	}
	for _, at := range a.Attachments {
		data.Attachments = append(data.Attachments, at.Name)
	}
	w.quote(&data, t, a.Seq, func(x *ticketstore.Action) bool { return x.Visibility == a.Visibility })
	return w.send(t, a, outgoing{
		template: templates.UserUpdate, audience: audience, agent: true, automatic: true, to: to, data: data,
	})
}

// bounced records on the item what the other side reported of it.
func (w *work) bounced(a *ticketstore.Action, m *mail, dec *router.Decision) error {
	if dec.Bounced == 0 || m.Message.Bounce == nil {
		return nil
	}
	it, err := w.view.Item(dec.Bounced)
	if errors.Is(err, ticketstore.ErrNotFound) || err == nil && !w.leads(it.Ticket, dec.Ticket.ID) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, r := range m.Message.Bounce.Recipients {
		if r.Action != "failed" {
			continue
		}
		words := strings.TrimSpace(r.Status + " " + r.Reply)
		if it.State == ticketstore.ItemBounced { // whoever knows its return path can report it for ever
			a.Trace = append(a.Trace, fmt.Sprintf("reports once more the failure of outgoing item %d to %s: %s", it.ID, it.To, words))
			return nil
		}
		a.Trace = append(a.Trace, fmt.Sprintf("reports the failure of outgoing item %d to %s", it.ID, it.To))
		it.State = ticketstore.ItemBounced
		it.Try(ticketstore.Attempt{At: w.now, Host: m.Envelope.Helo, Reply: words})
		w.change.Items = append(w.change.Items, it)
		return nil
	}
	a.Outcome = ticketstore.OutcomeMachine // a delay or a success, not a failure
	return nil
}

// leads reports whether a ticket is another one, or was merged into it.
func (w *work) leads(from, to ticketstore.TicketID) bool {
	for range 20 {
		if from == to {
			return true
		}
		t, err := w.view.Ticket(from)
		if err != nil || t.MergedInto == 0 {
			return false
		}
		from = t.MergedInto
	}
	return false
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
