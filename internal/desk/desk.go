// Package desk holds the use cases of the help desk: take a mail, answer,
// note, assign, merge, release. Each is one transaction on the store: it looks
// at a consistent view, asks the router what may be done, renders what must be
// sent, and hands the store one Change with all of it. What leaves is in that
// same Change, frozen; the outbox only carries it.
package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mxdesk/internal/address"
	"mxdesk/internal/router"
	"mxdesk/internal/token"
	"mxdesk/templates"
	"mxdesk/ticketstore"
)

// The mistakes of a caller, besides those of ticketstore.
var (
	// ErrInvalid: the request cannot be carried out as it stands; the text says
	// why.
	ErrInvalid = errors.New("invalid request")
)

// Mailbox is how a mailbox writes.
type Mailbox struct {
	Key       string
	From      address.Mailbox
	Signature string
	Templates *templates.Set
}

// Config is what a desk needs besides its store.
type Config struct {
	Hostname  string
	Rules     *router.Rules
	Mailboxes []Mailbox // one for each of Rules
	// AutoMailPerDay bounds acknowledgements to one address on one day.
	AutoMailPerDay int
	// Files is for the files of agents' mails that are sent on, from when they are
	// read until the mail is filed. nil: no bound.
	Files *Room
}

// Desk carries out the use cases.
type Desk struct {
	store ticketstore.Store
	cfg   Config
	rules *router.Rules
	keys  *token.Keyring
	boxes map[string]*Mailbox
}

// New makes a desk.
func New(store ticketstore.Store, cfg Config) *Desk {
	d := &Desk{store: store, cfg: cfg, rules: cfg.Rules, keys: cfg.Rules.Keys, boxes: map[string]*Mailbox{}}
	for i := range cfg.Mailboxes {
		d.boxes[cfg.Mailboxes[i].Key] = &cfg.Mailboxes[i]
	}
	return d
}

// Store is the store the desk works on.
func (d *Desk) Store() ticketstore.Store { return d.store }

// Tag is a ticket's tag as its mailbox writes it.
func (d *Desk) Tag(t *ticketstore.Ticket) string {
	m := d.rules.Mailbox(t.Mailbox)
	if m == nil {
		return t.ID.String()
	}
	return m.Tag.Format(uint64(t.ID))
}

// Recipient says whether mail to an address is ours to take. It implements the
// door's check at RCPT; size is what the sender announced, 0 for nothing.
func (d *Desk) Recipient(_ context.Context, a address.Address, size int64) error {
	if rc, ok := d.rules.Resolve(a); ok {
		m := d.rules.Mailbox(rc.Mailbox)
		if m.Closed && rc.Reply == nil && rc.Bounce == nil && d.rules.Ours(a) {
			return &Refusal{550, [3]int{5, 7, 1}, "this mailbox is closed and takes no new mail"}
		}
		return tooLargeFor(m, size)
	}
	if d.rules.Ours(a) {
		return &Refusal{550, [3]int{5, 1, 1}, "this return path was not made by us"}
	}
	if d.knowsDomain(a.Domain()) {
		return &Refusal{550, [3]int{5, 1, 1}, "no such address here"}
	}
	return &Refusal{550, [3]int{5, 7, 1}, "relaying denied: that domain is not ours"}
}

// MaxMessage is the size of the largest mail that any mailbox takes, in octets; 0
// when one has no bound of its own.
func (d *Desk) MaxMessage() (largest int64) {
	for _, m := range d.rules.Mailboxes {
		if m.MaxMessage == 0 {
			return 0
		}
		largest = max(largest, m.MaxMessage)
	}
	return largest
}

// tooLargeFor refuses a mail that is larger than a mailbox takes, or returns nil.
func tooLargeFor(m *router.Mailbox, size int64) error {
	if m.MaxMessage > 0 && size > m.MaxMessage {
		return &Refusal{552, [3]int{5, 3, 4}, fmt.Sprintf("the mail is larger than the %d octets that this mailbox takes", m.MaxMessage)}
	}
	return nil
}

// fits refuses a mail that is larger than one of its recipients' mailboxes
// takes, when the sender announced no size or a wrong one.
func (d *Desk) fits(in *Inbound) error {
	for _, a := range in.Envelope.Recipients {
		if rc, ok := d.rules.Resolve(a); ok {
			if err := tooLargeFor(d.rules.Mailbox(rc.Mailbox), in.Content.Size()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Desk) knowsDomain(dom address.Domain) bool {
	for _, m := range d.rules.Mailboxes {
		for _, a := range m.Addresses {
			if a.Domain() == dom {
				return true
			}
		}
	}
	return false
}

// actor resolves the agent that a request is made as; the zero address is the
// desk itself.
func (d *Desk) actor(v ticketstore.View, as address.Address, mailbox string) (ticketstore.Actor, error) {
	if as.IsZero() {
		return ticketstore.Actor{Kind: ticketstore.ActorDesk, Name: d.boxName(mailbox)}, nil
	}
	c, err := v.ContactByAddress(as)
	switch {
	case err == nil && c.AgentOf(mailbox):
		return ticketstore.Actor{Kind: ticketstore.ActorAgent, Name: nameOf(c.Name, as), Address: as}, nil
	case err != nil && !errors.Is(err, ticketstore.ErrNotFound):
		return ticketstore.Actor{}, err
	}
	if m := d.rules.Mailbox(mailbox); m != nil {
		for _, a := range m.Agents {
			if a.Equal(as) {
				return ticketstore.Actor{Kind: ticketstore.ActorAgent, Name: nameOf(c.Name, as), Address: as}, nil
			}
		}
	}
	return ticketstore.Actor{}, fmt.Errorf("%w: %s is not an agent of mailbox %s; add one with: mxdesk contact add %s --kind agent", ErrInvalid, as, mailbox, as)
}

func (d *Desk) boxName(key string) string {
	if b := d.boxes[key]; b != nil && b.From.Name != "" {
		return b.From.Name
	}
	return key
}

// nameOf is a name to show; without one, what stands before the "@".
func nameOf(name string, a address.Address) string {
	if name != "" {
		return name
	}
	return a.Local()
}

// work is one transaction being put together on a view.
type work struct {
	d      *Desk
	view   ticketstore.View
	now    time.Time
	next   ticketstore.NextIDs
	change ticketstore.Change
	read   map[past]*ticketstore.Action // of tickets' history
}

// past is an action that the store holds already.
type past struct {
	ticket ticketstore.TicketID
	seq    uint32
}

// update runs fn as one transaction.
func (d *Desk) update(ctx context.Context, now time.Time, fn func(*work) error) error {
	return d.store.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
		w := &work{d: d, view: v, now: now, next: v.Next(), change: ticketstore.Change{At: now}}
		err := fn(w)
		return w.change, err
	})
}

// touch readies a ticket for one more version in this change.
func (w *work) touch(t *ticketstore.Ticket) {
	t.Version++
	t.Updated = w.now
}

// act gives an action the ticket's next sequence number and adds it.
func (w *work) act(t *ticketstore.Ticket, a ticketstore.Action) *ticketstore.Action {
	t.LastSeq++
	a.Ticket, a.Seq, a.At = t.ID, t.LastSeq, w.now
	if a.Attachments == nil {
		a.Attachments = []ticketstore.Attachment{}
	}
	w.change.Actions = append(w.change.Actions, a)
	return &w.change.Actions[len(w.change.Actions)-1]
}

// setStatus changes a ticket's status and keeps its closing time right.
func (w *work) setStatus(t *ticketstore.Ticket, s ticketstore.Status) {
	if s == ticketstore.StatusClosed && t.Status != s {
		t.Closed = w.now
	}
	if s != ticketstore.StatusClosed {
		t.Closed = time.Time{}
	}
	t.Status = s
}

// save adds the ticket, as it now stands, to the change.
func (w *work) save(t *ticketstore.Ticket) { w.change.Tickets = append(w.change.Tickets, *t) }

// mailboxOf is how the ticket's mailbox writes.
func (w *work) mailboxOf(t *ticketstore.Ticket) (*Mailbox, error) {
	if b := w.d.boxes[t.Mailbox]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("%w: mailbox %s of ticket %s is no longer in the configuration", ErrInvalid, t.Mailbox, t.ID)
}

// agents lists where news of a ticket go: its assignee, or all agents of its
// mailbox, but not to who caused them.
func (w *work) agents(t *ticketstore.Ticket, not address.Address) ([]address.Mailbox, error) {
	if !t.Assignee.IsZero() {
		c, err := w.view.ContactByAddress(t.Assignee)
		if err != nil && !errors.Is(err, ticketstore.ErrNotFound) {
			return nil, err
		}
		if t.Assignee.Equal(not) || c.Has(not) {
			return nil, nil
		}
		return []address.Mailbox{{Address: t.Assignee}}, nil
	}
	var list []address.Mailbox
	add := func(m address.Mailbox) {
		if !m.Address.Equal(not) && !w.d.rules.Ours(m.Address) && !contains(list, m.Address) {
			list = append(list, m)
		}
	}
	for c, err := range w.view.Agents() {
		if err != nil {
			return nil, err
		}
		if c.AgentOf(t.Mailbox) && len(c.Addresses) > 0 && !c.Has(not) {
			add(address.Mailbox{Name: c.Name, Address: c.Addresses[0]})
		}
	}
	if m := w.d.rules.Mailbox(t.Mailbox); m != nil {
		for _, a := range m.Agents {
			c, err := w.view.ContactByAddress(a)
			if err == nil && (c.Has(not) || contains(list, c.Addresses[0])) {
				continue
			}
			add(address.Mailbox{Name: c.Name, Address: a})
		}
	}
	return list, nil
}

func contains(list []address.Mailbox, a address.Address) bool {
	for _, m := range list {
		if m.Address.Equal(a) {
			return true
		}
	}
	return false
}

// follow adds people to a ticket who are to get what its user gets. Addresses
// of the desk, agents, the requester and the supplier are none of them.
func (w *work) follow(t *ticketstore.Ticket, people []address.Mailbox) {
	const most = 50
	for _, p := range people {
		if len(t.Followers) >= most || p.Address.IsZero() || w.d.rules.Ours(p.Address) || contains(t.Followers, p.Address) ||
			p.Address.Equal(t.Requester.Address) || p.Address.Equal(t.Supplier) || w.isAgent(t, p.Address) {
			continue
		}
		p.Name = shortName(p.Name)
		t.Followers = append(t.Followers, p)
	}
}

// link adds mailboxes to a ticket that it does not have.
func link(t *ticketstore.Ticket, keys []string) {
	for _, key := range keys {
		if key != t.Mailbox && !slices.Contains(t.Linked, key) {
			t.Linked = append(t.Linked, key)
		}
	}
}

func (w *work) isAgent(t *ticketstore.Ticket, a address.Address) bool {
	_, err := w.d.actor(w.view, a, t.Mailbox)
	return err == nil
}

// oneLine makes each run of white space one blank and cuts it at the ends.
func oneLine(s string) string {
	if plain(s) && !strings.Contains(s, "  ") && strings.Trim(s, " ") == s {
		return s
	}
	return strings.Join(strings.Fields(s), " ")
}
