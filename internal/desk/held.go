package desk

import (
	"context"
	"fmt"
	"time"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

// Held reads a held mail and its octets.
func (d *Desk) Held(ctx context.Context, id ticketstore.HeldID) (h ticketstore.HeldMail, raw ticketstore.Content, err error) {
	err = d.store.View(ctx, func(v ticketstore.View) error {
		if h, err = v.Held(id); err != nil {
			return err
		}
		raw, err = v.Content(h.Record)
		return err
	})
	return h, raw, err
}

// Release files a held mail as if its sender had been authenticated: a person
// vouches for it. in is the held mail, read anew.
func (d *Desk) Release(ctx context.Context, id ticketstore.HeldID, by address.Address, in Inbound) (Receipt, error) {
	in.Now = time.Now()
	m, err := d.prepare(&in)
	if err != nil {
		return Receipt{}, err
	}
	var rcpt Receipt
	err = m.decided(ctx, d.cfg.Files, func() error {
		return d.update(ctx, in.Now, func(w *work) error {
			h, actor, err := w.undecided(id, by)
			if err != nil {
				return err
			}
			m.released = &h
			if rcpt, err = w.accept(m); err != nil {
				return err
			}
			h.State, h.Released, h.By = "released", rcpt.Ticket, actor.Name
			w.change.Held = append(w.change.Held, h)
			return nil
		})
	})
	return rcpt, err
}

// Drop decides that a held mail is not to be filed. It stays in the store until it
// is erased.
func (d *Desk) Drop(ctx context.Context, id ticketstore.HeldID, by address.Address) error {
	return d.update(ctx, time.Now(), func(w *work) error {
		h, actor, err := w.undecided(id, by)
		if err != nil {
			return err
		}
		h.State, h.By = "dropped", actor.Name
		w.change.Held = append(w.change.Held, h)
		return nil
	})
}

// undecided reads a mail that is still held, and who decides on it.
func (w *work) undecided(id ticketstore.HeldID, by address.Address) (ticketstore.HeldMail, ticketstore.Actor, error) {
	h, err := w.view.Held(id)
	if err != nil {
		return h, ticketstore.Actor{}, err
	}
	if h.State != "held" {
		return h, ticketstore.Actor{}, fmt.Errorf("%w: mail %d was already %s by %s", ErrInvalid, id, h.State, h.By)
	}
	actor, err := w.d.actor(w.view, by, h.Mailbox)
	return h, actor, err
}
