package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

// SaveContact adds a contact, or changes the one that has any of its
// addresses: kind, name, organisation and mailboxes are set where given, and
// the addresses are added to those it has.
func (d *Desk) SaveContact(ctx context.Context, c ticketstore.Contact) (ticketstore.Contact, error) {
	if err := d.checkContact(&c); err != nil {
		return c, err
	}
	err := d.update(ctx, time.Now(), func(w *work) error {
		old, err := w.owner(c.Addresses)
		if errors.Is(err, ticketstore.ErrNotFound) {
			c.ID = w.next.Contact
			if c.Kind == "" {
				c.Kind = ticketstore.KindUser
			}
			c.Name = nameOf(c.Name, c.Addresses[0])
			w.change.Contacts = append(w.change.Contacts, c)
			return nil
		}
		if err != nil {
			return err
		}
		c = merged(old, c)
		w.change.Contacts = append(w.change.Contacts, c)
		return nil
	})
	return c, err
}

func (d *Desk) checkContact(c *ticketstore.Contact) error {
	if len(c.Addresses) == 0 {
		return fmt.Errorf("%w: a contact needs an address", ErrInvalid)
	}
	for _, a := range c.Addresses {
		if d.rules.Ours(a) {
			return fmt.Errorf("%w: %s is an address of the desk itself", ErrInvalid, a)
		}
	}
	for _, key := range c.Mailboxes {
		if d.rules.Mailbox(key) == nil {
			return d.noMailbox(key)
		}
	}
	c.Name = oneLine(c.Name)
	return nil
}

// owner finds the one contact that has any of the addresses.
func (w *work) owner(list []address.Address) (owner ticketstore.Contact, err error) {
	for _, a := range list {
		c, err := w.view.ContactByAddress(a)
		if errors.Is(err, ticketstore.ErrNotFound) {
			continue
		}
		if err != nil {
			return owner, err
		}
		if owner.ID != 0 && owner.ID != c.ID {
			return owner, fmt.Errorf("%w: the addresses belong to two contacts, %s and %s; remove one first", ErrInvalid, owner.Name, c.Name)
		}
		owner = c
	}
	if owner.ID == 0 {
		return owner, ticketstore.ErrNotFound
	}
	return owner, nil
}

func merged(old, c ticketstore.Contact) ticketstore.Contact {
	old.Name, old.Organisation = or(c.Name, old.Name), or(c.Organisation, old.Organisation)
	if c.Kind != "" {
		old.Kind = c.Kind
	}
	if len(c.Mailboxes) > 0 {
		old.Mailboxes = c.Mailboxes
	}
	for _, a := range c.Addresses {
		if !slices.ContainsFunc(old.Addresses, a.Equal) {
			old.Addresses = append(old.Addresses, a)
		}
	}
	return old
}

// RemoveContact forgets a person. Tickets keep the addresses they have.
func (d *Desk) RemoveContact(ctx context.Context, a address.Address) (c ticketstore.Contact, err error) {
	err = d.update(ctx, time.Now(), func(w *work) error {
		if c, err = w.view.ContactByAddress(a); err != nil {
			return err
		}
		w.change.Forget = append(w.change.Forget, c.ID)
		return nil
	})
	return c, err
}

// RetryItem puts an outgoing item that has not been delivered back in the
// queue, due at once.
func (d *Desk) RetryItem(ctx context.Context, id ticketstore.ItemID) error {
	return d.update(ctx, time.Now(), func(w *work) error {
		it, err := w.view.Item(id)
		if err != nil {
			return err
		}
		switch it.State {
		case ticketstore.ItemDelivered:
			return fmt.Errorf("%w: item %d was delivered", ErrInvalid, id)
		case ticketstore.ItemSending:
			return fmt.Errorf("%w: item %d is being sent", ErrInvalid, id)
		}
		if it.Header == "" {
			return fmt.Errorf("%w: item %d was erased", ErrInvalid, id)
		}
		it.State, it.Next, it.Created = ticketstore.ItemQueued, w.now, w.now
		w.change.Items = append(w.change.Items, it)
		return nil
	})
}
