package ticketstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"mxdesk/internal/address"
)

// view reads one transaction.
type view struct {
	tx       *bolt.Tx
	segments *segments
	// items are those that a transaction that writes has read or put. Each is
	// asked for twice or more: by who changes it, and to take it off the lists.
	items map[ItemID]OutboxItem
}

func (v *view) table(name []byte) table { return tableOf(v.tx, name) }

func (v *view) get(name []byte, id uint64) ([]byte, error) { return v.table(name).get(key64(id)) }

func (v *view) Ticket(id TicketID) (Ticket, error) {
	t, err := decode[Ticket](v.get(bTickets, uint64(id)))
	return t, named(err, "ticket %s", id)
}

// named says what a value is when it cannot be had.
func named(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

func (v *view) Tickets(f TicketFilter) iter.Seq2[Ticket, error] {
	return func(yield func(Ticket, error) bool) {
		var before []byte
		if f.Before != 0 {
			before = key64(uint64(f.Before))
		}
		for t, err := range values[Ticket](v.table(bTickets), before) {
			if err == nil && !f.lets(&t) {
				continue
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

func (f *TicketFilter) lets(t *Ticket) bool {
	return (len(f.Status) == 0 || slices.Contains(f.Status, t.Status)) &&
		(f.Mailbox == "" || f.Mailbox == t.Mailbox || slices.Contains(t.Linked, f.Mailbox)) &&
		(f.Type == "" || f.Type == t.Type) &&
		(f.Requester.IsZero() || f.Requester.Equal(t.Requester.Address)) &&
		(f.Assignee.IsZero() || f.Assignee.Equal(t.Assignee))
}

func (v *view) Action(id TicketID, seq uint32) (Action, error) {
	a, err := decode[Action](v.table(bActions).get(actionKey(id, seq)))
	return a, named(err, "action %d of ticket %s", seq, id)
}

// prefixed yields the entries under an eight-octet prefix.
func prefixed(t table, prefix uint64) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for e := range t.from(key64(prefix)) {
			if len(e.key) < 8 || binary.BigEndian.Uint64(e.key) != prefix || !yield(e) {
				return
			}
		}
	}
}

func (v *view) Actions(id TicketID) iter.Seq2[Action, error] {
	return func(yield func(Action, error) bool) {
		for e := range prefixed(v.table(bActions), uint64(id)) {
			if !yield(decode[Action](e.value, e.err)) {
				return
			}
		}
	}
}

func (v *view) TicketsByMessageID(id string) ([]TicketID, error) {
	key := messageKey(id)
	var list []TicketID
	months := v.table(bMessages)
	for m := range months.parts() {
		refs, err := months.part(m).get(key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return list, err
		}
		for ref := range slices.Chunk(refs, refSize) {
			if t := TicketID(binary.BigEndian.Uint64(ref)); !slices.Contains(list, t) {
				list = append(list, t)
			}
		}
	}
	return list, nil
}

func (v *view) Seen(key MailKey) (Seen, error) {
	days := v.table(bSeen)
	c := days.bucket.Cursor()
	for d, _ := c.Last(); d != nil; d, _ = c.Prev() {
		s, err := decode[Seen](days.part(d).get(key[:]))
		if !errors.Is(err, ErrNotFound) {
			s.Key = key
			return s, err
		}
	}
	return Seen{}, ErrNotFound
}

func (v *view) Contact(id ContactID) (Contact, error) {
	c, err := decode[Contact](v.get(bContacts, uint64(id)))
	return c, named(err, "contact %d", id)
}

func (v *view) ContactByAddress(a address.Address) (Contact, error) {
	id, err := v.table(bPeople).get([]byte(a.Key()))
	if a.IsZero() {
		err = ErrNotFound
	}
	if err != nil {
		return Contact{}, fmt.Errorf("contact with address %s: %w", a, err)
	}
	return v.Contact(ContactID(binary.BigEndian.Uint64(id)))
}

func (v *view) Contacts() iter.Seq2[Contact, error] {
	return values[Contact](v.table(bContacts), nil)
}

func (v *view) Agents() iter.Seq2[Contact, error] {
	return func(yield func(Contact, error) bool) {
		for e := range v.table(bAgents).from(nil) {
			if e.err != nil {
				if !yield(Contact{}, e.err) {
					return
				}
				continue
			}
			if !yield(v.Contact(ContactID(binary.BigEndian.Uint64(e.key)))) {
				return
			}
		}
	}
}

func (v *view) Item(id ItemID) (OutboxItem, error) {
	if it, ok := v.items[id]; ok {
		return it, nil
	}
	it, err := decode[OutboxItem](v.get(bItems, uint64(id)))
	if err == nil && v.items != nil {
		v.items[id] = it
	}
	return it, named(err, "outgoing item %d", id)
}

func (v *view) Items() iter.Seq2[OutboxItem, error] {
	return values[OutboxItem](v.table(bItems), nil)
}

func (v *view) ItemsOf(id TicketID) iter.Seq2[OutboxItem, error] {
	return v.itemsAt(prefixed(v.table(bItemsOf), uint64(id)))
}

func (v *view) LastItemsOf(id TicketID) iter.Seq2[OutboxItem, error] {
	return v.itemsAt(func(yield func(entry) bool) {
		for e := range v.table(bItemsOf).before(key64x2(uint64(id), math.MaxUint64)) {
			if len(e.key) != 16 || binary.BigEndian.Uint64(e.key) != uint64(id) || !yield(e) {
				return
			}
		}
	})
}

// itemsAt yields the items that entries point to.
func (v *view) itemsAt(entries iter.Seq[entry]) iter.Seq2[OutboxItem, error] {
	return func(yield func(OutboxItem, error) bool) {
		for e := range entries {
			it, err := OutboxItem{}, e.err
			if err == nil {
				it, err = v.Item(ItemID(binary.BigEndian.Uint64(e.key[8:])))
			}
			if !yield(it, err) {
				return
			}
		}
	}
}

// farAhead is longer than any next attempt is put off. What lies beyond was put
// off by a clock that was ahead of this one.
const farAhead = 24 * time.Hour

func (v *view) DueItems(now time.Time, limit int, skip func(ItemID) bool) ([]OutboxItem, error) {
	var items []OutboxItem
	var damage error
	take := func(e entry) {
		id := ItemID(binary.BigEndian.Uint64(e.key[8:]))
		if skip != nil && skip(id) {
			return
		}
		it, err := OutboxItem{}, e.err
		if err == nil {
			it, err = v.Item(id)
		}
		if err != nil { // the others are not to wait for it
			damage = err
			return
		}
		items = append(items, it)
	}
	t := v.table(bDue)
	for e := range t.from(nil) {
		if len(items) == limit || len(e.key) != 16 || binary.BigEndian.Uint64(e.key) > uint64(now.UnixNano()) {
			break
		}
		take(e)
	}
	if trustedClock {
		return items, damage
	}
	// Forward, too: where a transaction has emptied every page, bbolt looks for the
	// last entry for ever.
	for e := range t.from(key64x2(uint64(now.Add(farAhead).UnixNano()), 0)) {
		if len(items) == limit || len(e.key) != 16 {
			break
		}
		take(e)
	}
	if len(items) > 0 {
		return items, nil
	}
	return nil, damage
}

func (v *view) NextDue() (time.Time, bool) {
	k, _ := v.table(bDue).bucket.Cursor().First()
	if len(k) != 16 {
		return time.Time{}, false
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(k))), true
}

func (v *view) Held(id HeldID) (HeldMail, error) {
	h, err := decode[HeldMail](v.get(bHeld, uint64(id)))
	return h, named(err, "held mail %d", id)
}

func (v *view) HeldMails() iter.Seq2[HeldMail, error] {
	return values[HeldMail](v.table(bHeld), nil)
}

func (v *view) place(id RecordID) (place, error) {
	raw, err := v.get(bRecords, uint64(id))
	if err != nil {
		return place{}, fmt.Errorf("record %d: %w", id, err)
	}
	return decodePlace(raw)
}

func (v *view) Content(id RecordID) (Content, error) {
	p, err := v.place(id)
	if err != nil {
		return nil, err
	}
	return v.segments.open(id, p)
}

func (v *view) Mailboxes() iter.Seq2[string, TicketID] {
	return func(yield func(string, TicketID) bool) {
		for e := range v.table(bMailboxes).from(nil) {
			var first TicketID
			if e.err == nil && len(e.value) == 8 {
				first = TicketID(binary.BigEndian.Uint64(e.value))
			}
			if !yield(string(e.key), first) {
				return
			}
		}
	}
}

func (v *view) AutoMails(to address.Address, at time.Time) int {
	n, err := v.table(bAutoMail).part([]byte(at.UTC().Format(dayFormat))).get([]byte(to.Key()))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return math.MaxInt32 // rather none than too many
	}
	return int(count(n))
}

func (v *view) Next() NextIDs {
	seq := func(b []byte) uint64 { return v.tx.Bucket(b).Sequence() + 1 }
	return NextIDs{
		Ticket:  TicketID(seq(bTickets)),
		Contact: ContactID(seq(bContacts)),
		Item:    ItemID(seq(bItems)),
		Held:    HeldID(seq(bHeld)),
		Record:  RecordID(seq(bRecords)),
	}
}
