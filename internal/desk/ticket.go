package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

// NewTicket is a ticket that an agent opens by hand.
type NewTicket struct {
	As        address.Address
	Mailbox   string
	Requester address.Mailbox
	Subject   string
	Text      string
	Type      string // empty: the mailbox's
	Priority  string // empty: the mailbox's
}

// Open opens a ticket by hand. Nothing is sent.
func (d *Desk) Open(ctx context.Context, n NewTicket) (ticketstore.TicketID, error) {
	box := d.rules.Mailbox(n.Mailbox)
	if n.Mailbox == "" && len(d.rules.Mailboxes) == 1 {
		box = &d.rules.Mailboxes[0]
	}
	switch {
	case box == nil:
		return 0, d.noMailbox(n.Mailbox)
	case strings.TrimSpace(n.Subject) == "":
		return 0, fmt.Errorf("%w: the ticket has no subject", ErrInvalid)
	case n.Requester.Address.IsZero():
		return 0, fmt.Errorf("%w: the ticket has no requester", ErrInvalid)
	case d.rules.Ours(n.Requester.Address):
		return 0, fmt.Errorf("%w: the requester is an address of the desk itself", ErrInvalid)
	case n.Priority != "" && !slices.Contains(ticketstore.Priorities, n.Priority):
		return 0, fmt.Errorf("%w: %q is not a priority: use %s", ErrInvalid, n.Priority, strings.Join(ticketstore.Priorities, ", "))
	}
	var id ticketstore.TicketID
	err := d.update(ctx, time.Now(), func(w *work) error {
		actor, err := d.actor(w.view, n.As, box.Key)
		if err != nil {
			return err
		}
		if n.Requester.Name == "" {
			n.Requester.Name = nameOf(w.contactName(n.Requester.Address), n.Requester.Address)
		}
		t := ticketstore.Ticket{
			ID: w.next.Ticket, Type: or(n.Type, box.Type), Mailbox: box.Key, Subject: oneLine(n.Subject), Status: ticketstore.StatusNew,
			Priority: or(n.Priority, box.Priority), Requester: n.Requester, Created: w.now,
		}
		w.touch(&t)
		w.act(&t, ticketstore.Action{
			Direction: ticketstore.Internal, Outcome: ticketstore.OutcomeCreated, Actor: actor, Visibility: ticketstore.Public,
			Subject: t.Subject, Text: n.Text, Fresh: n.Text,
		})
		w.save(&t)
		id = t.ID
		return nil
	})
	return id, err
}

// KnowsMailbox is an error when the desk has no mailbox of that key.
func (d *Desk) KnowsMailbox(key string) error {
	if d.rules.Mailbox(key) == nil {
		return d.noMailbox(key)
	}
	return nil
}

func (d *Desk) noMailbox(key string) error {
	var keys []string
	for _, m := range d.rules.Mailboxes {
		keys = append(keys, m.Key)
	}
	return fmt.Errorf("%w: there is no mailbox %q; there are %s", ErrInvalid, key, strings.Join(keys, ", "))
}

// change runs fn on a ticket and records what it did as one internal action;
// fn returns the action's outcome and text.
func (d *Desk) change(ctx context.Context, id ticketstore.TicketID, as address.Address, fn func(*work, *ticketstore.Ticket) (ticketstore.Outcome, string, error)) error {
	return d.update(ctx, time.Now(), func(w *work) error {
		t, err := w.view.Ticket(id)
		if err != nil {
			return err
		}
		if t.MergedInto != 0 {
			return mergedError(&t)
		}
		actor, err := d.actor(w.view, as, t.Mailbox)
		if err != nil {
			return err
		}
		outcome, text, err := fn(w, &t)
		if err != nil {
			return err
		}
		w.touch(&t)
		w.act(&t, ticketstore.Action{
			Direction: ticketstore.Internal, Outcome: outcome, Actor: actor, Visibility: ticketstore.InternalOnly, Text: text, Fresh: text,
		})
		w.save(&t)
		return nil
	})
}

// mergedError sends who works on a merged ticket to the one that goes on.
func mergedError(t *ticketstore.Ticket) error {
	return fmt.Errorf("%w: ticket %s was merged into %s; go on there", ErrInvalid, t.ID, t.MergedInto)
}

// Note adds an internal note, which never leaves the desk.
func (d *Desk) Note(ctx context.Context, id ticketstore.TicketID, as address.Address, text string) error {
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("%w: the note has no text", ErrInvalid)
	}
	return d.change(ctx, id, as, func(*work, *ticketstore.Ticket) (ticketstore.Outcome, string, error) {
		return ticketstore.OutcomeNote, text, nil
	})
}

// SetStatus changes a ticket's status.
func (d *Desk) SetStatus(ctx context.Context, id ticketstore.TicketID, as address.Address, s ticketstore.Status) error {
	return d.change(ctx, id, as, func(w *work, t *ticketstore.Ticket) (ticketstore.Outcome, string, error) {
		text := fmt.Sprintf("%s → %s", t.Status, s)
		w.setStatus(t, s)
		return ticketstore.OutcomeStatus, text, nil
	})
}

// Assign gives a ticket to an agent of its mailbox; the zero address takes it
// from whoever has it.
func (d *Desk) Assign(ctx context.Context, id ticketstore.TicketID, as, to address.Address) error {
	return d.change(ctx, id, as, func(w *work, t *ticketstore.Ticket) (ticketstore.Outcome, string, error) {
		t.Assignee = to
		if to.IsZero() {
			return ticketstore.OutcomeAssigned, "nobody", nil
		}
		agent, err := d.actor(w.view, to, t.Mailbox)
		return ticketstore.OutcomeAssigned, agent.Name, err
	})
}

// Set is a change of a ticket's properties; what is nil or empty stays.
type Set struct {
	Subject     string
	Type        string
	Priority    string
	Supplier    *address.Address
	SupplierRef *string
	Fields      map[string]string // an empty value removes the field
	Follow      []address.Mailbox
	Unfollow    []address.Address
}

// Change sets properties of a ticket.
func (d *Desk) Change(ctx context.Context, id ticketstore.TicketID, as address.Address, s Set) error {
	if s.Priority != "" && !slices.Contains(ticketstore.Priorities, s.Priority) {
		return fmt.Errorf("%w: %q is not a priority: use %s", ErrInvalid, s.Priority, strings.Join(ticketstore.Priorities, ", "))
	}
	return d.change(ctx, id, as, func(w *work, t *ticketstore.Ticket) (ticketstore.Outcome, string, error) {
		var said []string
		set := func(what string, field *string, value string) {
			if value != "" && value != *field {
				said = append(said, fmt.Sprintf("%s: %s → %s", what, or(*field, "none"), value))
				*field = value
			}
		}
		set("subject", &t.Subject, oneLine(s.Subject))
		set("type", &t.Type, s.Type)
		set("priority", &t.Priority, s.Priority)
		if s.SupplierRef != nil && *s.SupplierRef != t.SupplierRef {
			said = append(said, fmt.Sprintf("supplier's reference: %s → %s", or(t.SupplierRef, "none"), or(*s.SupplierRef, "none")))
			t.SupplierRef = *s.SupplierRef
		}
		if s.Supplier != nil {
			if s.Supplier.IsZero() {
				t.Supplier = address.Address{}
			} else if err := w.setSupplier(t, *s.Supplier); err != nil {
				return "", "", err
			}
			said = append(said, "supplier: "+or(t.Supplier.String(), "none"))
		}
		said = append(said, setFields(t, s.Fields)...)
		before := len(t.Followers)
		t.Followers = slices.DeleteFunc(t.Followers, func(f address.Mailbox) bool { return slices.ContainsFunc(s.Unfollow, f.Address.Equal) })
		if err := w.mayFollow(t, s.Follow); err != nil {
			return "", "", err
		}
		w.follow(t, s.Follow)
		if len(t.Followers) != before || len(s.Follow)+len(s.Unfollow) > 0 {
			said = append(said, fmt.Sprintf("followers: %d", len(t.Followers)))
		}
		if len(said) == 0 {
			return "", "", fmt.Errorf("%w: nothing to change: give --subject, --type, --priority, --supplier, --reference or --field another value than the ticket has, or --follow or --unfollow somebody", ErrInvalid)
		}
		return ticketstore.OutcomeChanged, strings.Join(said, "\n"), nil
	})
}

func setFields(t *ticketstore.Ticket, fields map[string]string) (said []string) {
	for k, v := range fields {
		said = append(said, fmt.Sprintf("%s: %s", k, or(v, "removed")))
		if v == "" {
			delete(t.Fields, k)
			continue
		}
		if t.Fields == nil {
			t.Fields = map[string]string{}
		}
		t.Fields[k] = v
	}
	slices.Sort(said)
	return said
}

// Merge closes a ticket into another: mail that points to it is filed there
// from now on, and its people follow.
func (d *Desk) Merge(ctx context.Context, id, into ticketstore.TicketID, as address.Address) error {
	return d.update(ctx, time.Now(), func(w *work) error {
		from, err := w.view.Ticket(id)
		if err != nil {
			return err
		}
		to, err := w.view.Ticket(into)
		if err != nil {
			return err
		}
		actor, err := d.actor(w.view, as, from.Mailbox)
		switch {
		case err != nil:
			return err
		case id == into:
			return fmt.Errorf("%w: a ticket cannot be merged into itself", ErrInvalid)
		case from.MergedInto != 0:
			return fmt.Errorf("%w: ticket %s was already merged into %s", ErrInvalid, id, from.MergedInto)
		case to.MergedInto != 0:
			return fmt.Errorf("%w: ticket %s was merged into %s; merge there", ErrInvalid, into, to.MergedInto)
		}
		note := ticketstore.Action{Direction: ticketstore.Internal, Outcome: ticketstore.OutcomeMerged, Actor: actor, Visibility: ticketstore.InternalOnly}
		w.touch(&from)
		from.MergedInto = into
		w.setStatus(&from, ticketstore.StatusClosed)
		note.Text = "Merged into " + into.String() + "."
		w.act(&from, note)
		w.touch(&to)
		w.follow(&to, append([]address.Mailbox{from.Requester}, from.Followers...))
		note.Text = "Ticket " + id.String() + " was merged into this one."
		w.act(&to, note)
		w.save(&from)
		w.save(&to)
		return nil
	})
}
