package desk

import (
	"context"
	"fmt"
	"time"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

// Erase takes everything that was said out of a ticket: raw mails, texts,
// subjects, files, captured fields, mail that was sent or waits to be. The
// ticket, its people and times stay. Its octets stay in the files until they are
// compacted.
func (d *Desk) Erase(ctx context.Context, id ticketstore.TicketID, as address.Address) error {
	var released []ticketstore.HeldID
	err := d.store.View(ctx, func(v ticketstore.View) error {
		for h, err := range v.HeldMails() {
			if err != nil {
				return err
			}
			if h.Released == id {
				released = append(released, h.ID)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking for held mails: %w", err)
	}
	return d.update(ctx, time.Now(), func(w *work) error {
		t, err := w.view.Ticket(id)
		if err != nil {
			return err
		}
		actor, err := d.actor(w.view, as, t.Mailbox)
		if err != nil {
			return err
		}
		for _, id := range released {
			h, err := w.view.Held(id)
			if err != nil {
				return err
			}
			h.Erase()
			w.change.Held = append(w.change.Held, h)
		}
		w.change.Erase = append(w.change.Erase, id)
		w.touch(&t)
		t.Erase()
		w.act(&t, ticketstore.Action{
			Direction: ticketstore.Internal, Outcome: ticketstore.OutcomeErased, Actor: actor, Visibility: ticketstore.InternalOnly,
			Text: "All that was said here was erased.", Fresh: "All that was said here was erased.",
		})
		w.save(&t)
		return nil
	})
}

// EraseHeld takes out what a held mail says, for good, and so drops it. Its
// sender and times stay. One that was released is erased with its ticket.
func (d *Desk) EraseHeld(ctx context.Context, id ticketstore.HeldID, by address.Address) error {
	return d.update(ctx, time.Now(), func(w *work) error {
		h, err := w.view.Held(id)
		if err != nil {
			return err
		}
		if h.State == "released" {
			return fmt.Errorf("%w: mail %d was released to ticket %s: erase that", ErrInvalid, id, h.Released)
		}
		actor, err := d.actor(w.view, by, h.Mailbox)
		if err != nil {
			return err
		}
		h.Erase()
		h.State, h.By = ticketstore.HeldErased, actor.Name
		w.change.Held = append(w.change.Held, h)
		w.change.EraseHeld = append(w.change.EraseHeld, id)
		return nil
	})
}
