package ticketstore

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"mxdesk/internal/address"
)

// view reads one transaction.
type view struct {
	tx       *bolt.Tx
	segments *segments
}

func (v *view) get(bucket []byte, id uint64) []byte { return v.tx.Bucket(bucket).Get(key64(id)) }

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

// backward yields the values of a bucket from the last key to the first, those
// before a key where one is given.
func backward[T any](b *bolt.Bucket, before []byte) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		c := b.Cursor()
		k, raw := c.Last()
		if before != nil {
			if k, _ = c.Seek(before); k == nil {
				k, raw = c.Last()
			} else {
				k, raw = c.Prev()
			}
		}
		for ; k != nil; k, raw = c.Prev() {
			if !yield(decode[T](raw)) {
				return
			}
		}
	}
}

func (v *view) Tickets(f TicketFilter) iter.Seq2[Ticket, error] {
	return func(yield func(Ticket, error) bool) {
		var before []byte
		if f.Before != 0 {
			before = key64(uint64(f.Before))
		}
		for t, err := range backward[Ticket](v.tx.Bucket(bTickets), before) {
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
	a, err := decode[Action](v.tx.Bucket(bActions).Get(actionKey(id, seq)))
	return a, named(err, "action %d of ticket %s", seq, id)
}

// prefixed yields key and value of what stands under an eight-octet prefix.
func prefixed(b *bolt.Bucket, prefix uint64) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		c := b.Cursor()
		for k, val := c.Seek(key64(prefix)); k != nil && binary.BigEndian.Uint64(k) == prefix; k, val = c.Next() {
			if !yield(k, val) {
				return
			}
		}
	}
}

func (v *view) Actions(id TicketID) iter.Seq2[Action, error] {
	return func(yield func(Action, error) bool) {
		for _, raw := range prefixed(v.tx.Bucket(bActions), uint64(id)) {
			if !yield(decode[Action](raw)) {
				return
			}
		}
	}
}

func (v *view) TicketsByMessageID(id string) ([]TicketID, error) {
	key := messageKey(id)
	var list []TicketID
	months := v.tx.Bucket(bMessages)
	c := months.Cursor()
	for m, _ := c.First(); m != nil; m, _ = c.Next() {
		for ref := range slices.Chunk(months.Bucket(m).Get(key), refSize) {
			if t := TicketID(binary.BigEndian.Uint64(ref)); !slices.Contains(list, t) {
				list = append(list, t)
			}
		}
	}
	return list, nil
}

func (v *view) Seen(key MailKey) (Seen, error) {
	days := v.tx.Bucket(bSeen)
	c := days.Cursor()
	for d, _ := c.Last(); d != nil; d, _ = c.Prev() {
		if raw := days.Bucket(d).Get(key[:]); raw != nil {
			s, err := decode[Seen](raw)
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
	id := v.tx.Bucket(bPeople).Get([]byte(a.Key()))
	if a.IsZero() || len(id) != 8 {
		return Contact{}, fmt.Errorf("contact with address %s: %w", a, ErrNotFound)
	}
	return v.Contact(ContactID(binary.BigEndian.Uint64(id)))
}

func (v *view) Contacts() iter.Seq2[Contact, error] {
	return backward[Contact](v.tx.Bucket(bContacts), nil)
}

func (v *view) Agents() iter.Seq2[Contact, error] {
	return func(yield func(Contact, error) bool) {
		c := v.tx.Bucket(bAgents).Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			if !yield(v.Contact(ContactID(binary.BigEndian.Uint64(k)))) {
				return
			}
		}
	}
}

func (v *view) Item(id ItemID) (OutboxItem, error) {
	it, err := decode[OutboxItem](v.get(bItems, uint64(id)))
	return it, named(err, "outgoing item %d", id)
}

func (v *view) Items() iter.Seq2[OutboxItem, error] {
	return backward[OutboxItem](v.tx.Bucket(bItems), nil)
}

func (v *view) ItemsOf(id TicketID) iter.Seq2[OutboxItem, error] {
	return func(yield func(OutboxItem, error) bool) {
		for k := range prefixed(v.tx.Bucket(bItemsOf), uint64(id)) {
			if !yield(v.Item(ItemID(binary.BigEndian.Uint64(k[8:])))) {
				return
			}
		}
	}
}

func (v *view) DueItems(now time.Time, limit int) ([]OutboxItem, error) {
	var items []OutboxItem
	c := v.tx.Bucket(bDue).Cursor()
	for k, _ := c.First(); k != nil && len(items) < limit; k, _ = c.Next() {
		if binary.BigEndian.Uint64(k) > uint64(now.UnixNano()) {
			break
		}
		it, err := v.Item(ItemID(binary.BigEndian.Uint64(k[8:])))
		if err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	return items, nil
}

func (v *view) NextDue() (time.Time, bool) {
	k, _ := v.tx.Bucket(bDue).Cursor().First()
	if k == nil {
		return time.Time{}, false
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(k))), true
}

func (v *view) Held(id HeldID) (HeldMail, error) {
	h, err := decode[HeldMail](v.get(bHeld, uint64(id)))
	return h, named(err, "held mail %d", id)
}

func (v *view) HeldMails() iter.Seq2[HeldMail, error] {
	return backward[HeldMail](v.tx.Bucket(bHeld), nil)
}

func (v *view) place(id RecordID) (place, error) {
	raw := v.get(bRecords, uint64(id))
	if raw == nil {
		return place{}, fmt.Errorf("record %d: %w", id, ErrNotFound)
	}
	return decodePlace(raw)
}

func (v *view) Content(id RecordID) (Content, error) {
	p, err := v.place(id)
	if err != nil {
		return nil, err
	}
	if err := v.segments.verify(id, p); err != nil {
		return nil, fmt.Errorf("%w: record %d in segment %d: %w", ErrDamaged, id, p.segment, err)
	}
	return v.segments.content(p)
}

func (v *view) Mailboxes() iter.Seq2[string, TicketID] {
	return func(yield func(string, TicketID) bool) {
		c := v.tx.Bucket(bMailboxes).Cursor()
		for k, first := c.First(); k != nil; k, first = c.Next() {
			if !yield(string(k), TicketID(binary.BigEndian.Uint64(first))) {
				return
			}
		}
	}
}

func (v *view) AutoMails(to address.Address, at time.Time) int {
	day := v.tx.Bucket(bAutoMail).Bucket([]byte(at.UTC().Format(dayFormat)))
	if day == nil {
		return 0
	}
	return int(count(day.Get([]byte(to.Key()))))
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
