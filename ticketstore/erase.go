package ticketstore

import "errors"

// erase takes what was said out of the tickets of a change, and raw mails out of
// its held mails. It comes before the actions that the change adds.
func (a *applier) erase(c *Change) error {
	for _, id := range c.EraseHeld {
		h, err := a.view.Held(id)
		if err == nil {
			err = a.eraseRecord(h.Record)
		}
		if err != nil {
			return err
		}
	}
	for _, id := range c.Erase {
		var actions []Action
		for e := range prefixed(a.view.table(bActions), uint64(id)) {
			act, err := decode[Action](e.value, e.err)
			if err != nil {
				return err
			}
			actions = append(actions, act.erased()) // whole, they could be of any size
		}
		for i := range actions {
			if err := a.eraseAction(&actions[i]); err != nil {
				return err
			}
		}
		var items []OutboxItem
		for it, err := range a.view.ItemsOf(id) {
			if err != nil {
				return err
			}
			items = append(items, it)
		}
		if err := a.eraseItems(items); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) eraseAction(left *Action) error {
	if err := a.eraseRecord(left.Record); err != nil {
		return err
	}
	return a.put(bActions, actionKey(left.Ticket, left.Seq), left)
}

// erased is what stays of an action when what it said is erased.
func (a *Action) erased() Action {
	return Action{
		Ticket: a.Ticket, Seq: a.Seq, At: a.At, Direction: a.Direction, Outcome: a.Outcome, Actor: a.Actor,
		Visibility: a.Visibility, Record: a.Record, Machine: a.Machine, Unreadable: a.Unreadable, Attachments: []Attachment{},
	}
}

func (a *applier) eraseItems(items []OutboxItem) error {
	for i := range items {
		it := &items[i]
		if err := a.eraseRecord(it.Body); err != nil {
			return err
		}
		it.erase()
	}
	return a.putItems(&Change{Items: items})
}

// erasedText stands where a text was.
const erasedText = "(erased)"

// Erase takes out what a ticket says by itself; its actions are erased by
// [Change.Erase].
func (t *Ticket) Erase() {
	t.Subject, t.SupplierRef, t.Fields, t.Marks = erasedText, "", nil, nil
}

// Erase takes out what a held mail says. Its sender and times stay, and so does
// its record, which goes with a ticket or by [Change.EraseHeld].
func (h *HeldMail) Erase() {
	h.Subject, h.Reason, h.Captured, h.Match = erasedText, erasedText, nil, Match{By: h.Match.By}
	h.Envelope.Trace, h.Envelope.Distrusted = "", nil
}

// erase takes out what an outgoing mail says; it is not sent any more.
func (it *OutboxItem) erase() {
	it.Header = ""
	for n := range it.Attempts {
		it.Attempts[n].Reply = ""
	}
	if it.State.Due() || it.State == ItemHeld {
		it.State, it.Note = ItemCancelled, "erased"
	}
}

// eraseRecord forgets where a record lies. Nothing can read it from then on;
// Compact takes it out of its segment.
func (a *applier) eraseRecord(id RecordID) error {
	if id == 0 || keptErased {
		return nil
	}
	if _, err := a.view.place(id); errors.Is(err, ErrNotFound) {
		return nil
	} else if err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	return a.putPlace(id, place{})
}
