package ticketstore

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// How long things are remembered.
const (
	seenDays     = 8 // whole days, so that 7 × 24 hours are always covered
	autoMailDays = 2
)

const (
	dayFormat   = "20060102"
	monthFormat = "200601"
)

// applier writes changes into a transaction, those of one group after the other
// until a checkpoint.
type applier struct {
	*writer
	segments *segments
	view     *view
	octets   int64              // of records, written by the transaction
	before   int64              // of those, by earlier groups
	room     int64              // octets of disk that the transaction may use
	due      bool               // the group left items due
	places   map[RecordID]place // of the group's records
	coder    coder
}

func newApplier(tx *bolt.Tx, s *segments) *applier {
	return &applier{
		writer: newWriter(tx), segments: s, places: map[RecordID]place{},
		view: &view{tx: tx, segments: s, items: map[ItemID]OutboxItem{}},
	}
}

// begin readies the transaction for one more group. room is how much disk is
// free above the reserve.
func (a *applier) begin(room int64) {
	a.room, a.before, a.due, a.notes = room, a.octets, false, a.notes[:0]
	if cap(a.notes) > notesKept {
		a.notes = nil
	}
	clear(a.places)
	a.segments.beginRun()
}

// notesKept is how large a buffer of notes may be to be used again.
const notesKept = 1 << 20

// grown is how many octets of records the group has written.
func (a *applier) grown() int64 { return a.octets - a.before }

// growth is how many octets of disk an octet of a record may take: its own, and
// that of the text, which stands twice in an action.
const growth = 3

// roomFor is an error when the records of a change do not fit on the disk, behind
// those of the group that are on their way.
func (a *applier) roomFor(c *Change) error {
	need := a.octets
	for _, r := range c.Records {
		need += r.Content.Size()
	}
	if len(c.Records) == 0 || need <= a.room/growth {
		return nil
	}
	return fmt.Errorf("%w: %d MiB more must be free in the file system of %s", ErrFull, (need*growth-a.room)>>20+1, filepath.Dir(a.segments.dir))
}

// check refuses a change that does not fit the store. It writes nothing, so
// that one bad change leaves its neighbours in the group alone.
func (a *applier) check(c *Change) error {
	if err := a.roomFor(c); err != nil {
		return err
	}
	next := a.view.Next()
	seqs := map[TicketID]uint32{}
	for _, t := range c.Tickets {
		if err := a.checkTicket(t, &next); err != nil {
			return err
		}
		seqs[t.ID] = t.LastSeq
	}
	for _, act := range c.Actions {
		last, ok := seqs[act.Ticket]
		if !ok || act.Seq == 0 || act.Seq > last || a.view.table(bActions).has(actionKey(act.Ticket, act.Seq)) {
			return fmt.Errorf("%w: action %s/%d does not follow its ticket", ErrConflict, act.Ticket, act.Seq)
		}
	}
	for _, r := range c.Records {
		if r.ID != next.Record {
			return fmt.Errorf("%w: record %d is not the next", ErrConflict, r.ID)
		}
		next.Record++
	}
	return errors.Join(a.checkItems(c.Items, next.Item), a.checkContacts(c, next.Contact), a.checkHeld(c.Held, next.Held))
}

func (a *applier) checkTicket(t Ticket, next *NextIDs) error {
	old, err := a.view.Ticket(t.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		if t.ID != next.Ticket || t.Version != 1 {
			return fmt.Errorf("%w: ticket %s is not the next", ErrConflict, t.ID)
		}
		next.Ticket++
		return nil
	case err != nil:
		return err
	case t.Version != old.Version+1:
		return fmt.Errorf("%w: ticket %s is at version %d", ErrConflict, t.ID, old.Version)
	}
	return nil
}

func (a *applier) checkItems(items []OutboxItem, next ItemID) error {
	for _, it := range items {
		if it.ID > next || it.ID == 0 {
			return fmt.Errorf("%w: item %d is not the next", ErrConflict, it.ID)
		}
		if it.ID == next {
			next++
		}
	}
	return nil
}

func (a *applier) checkHeld(held []HeldMail, next HeldID) error {
	for _, h := range held {
		if h.ID > next || h.ID == 0 {
			return fmt.Errorf("%w: held mail %d is not the next", ErrConflict, h.ID)
		}
		if h.ID == next {
			next++
		}
	}
	return nil
}

func (a *applier) checkContacts(c *Change, next ContactID) error {
	for _, p := range c.Contacts {
		if p.ID > next || p.ID == 0 {
			return fmt.Errorf("%w: contact %d is not the next", ErrConflict, p.ID)
		}
		if p.ID == next {
			next++
		}
		for _, ad := range p.Addresses {
			owner, err := a.view.table(bPeople).get([]byte(ad.Key()))
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			if err == nil && binary.BigEndian.Uint64(owner) != uint64(p.ID) {
				return fmt.Errorf("%w: %s belongs to contact %d", ErrConflict, ad, binary.BigEndian.Uint64(owner))
			}
		}
	}
	return nil
}

// apply writes a checked change. Its errors are I/O errors or bugs, and spoil
// the whole group.
func (a *applier) apply(c *Change) error {
	steps := []func(*Change) error{
		a.erase, a.putRecords, a.putTickets, a.putMessages, a.putSeen,
		a.putContacts, a.putItems, a.putHeld, a.countAutoMail,
	}
	for _, step := range steps {
		if err := step(c); err != nil {
			return err
		}
	}
	return nil
}

// put writes a value.
func (a *applier) put(name, key []byte, v value) error { return a.putRaw(name, key, a.encode(v)) }

// encode returns the octets of a value, until the next one.
func (a *applier) encode(v value) []byte {
	v.fields(&a.coder)
	b := a.coder.octets
	if a.coder.octets = b[:0]; cap(b) > valueKept {
		a.coder.octets = nil
	}
	return b
}

// valueKept is how large a buffer for values may be to be used again.
const valueKept = 64 << 10

func (a *applier) putRaw(name, key, value []byte) error {
	return a.writer.put(string(name), key, value)
}

func (a *applier) remove(name, key []byte) error { return a.writer.remove(string(name), key) }

func (a *applier) grow(name []byte, n uint64) error { return a.writer.grow(string(name), n) }

// putPlace says where a record lies.
func (a *applier) putPlace(id RecordID, p place) error {
	a.places[id] = p
	return a.putRaw(bRecords, key64(uint64(id)), p.encode())
}

func (a *applier) putRecords(c *Change) error {
	for _, r := range c.Records {
		crc, err := bodyCRC(r.Content)
		if err != nil {
			return err
		}
		p, err := a.segments.append(r, crc)
		if err != nil {
			return err
		}
		a.octets += p.end() - p.offset
		if err := a.putPlace(r.ID, p); err != nil {
			return err
		}
		if err := a.grow(bRecords, uint64(r.ID)); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) putTickets(c *Change) error {
	for i := range c.Tickets {
		t := &c.Tickets[i]
		if err := errors.Join(a.put(bTickets, key64(uint64(t.ID)), t), a.grow(bTickets, uint64(t.ID))); err != nil {
			return err
		}
		if t.Mailbox != "" && !a.view.table(bMailboxes).has([]byte(t.Mailbox)) {
			if err := a.putRaw(bMailboxes, []byte(t.Mailbox), key64(uint64(t.ID))); err != nil {
				return err
			}
		}
	}
	for i := range c.Actions {
		act := &c.Actions[i]
		if err := a.put(bActions, actionKey(act.Ticket, act.Seq), act); err != nil {
			return err
		}
	}
	return nil
}

// A Message-ID's entry is a run of references, ticket and action, oldest first.
const (
	refSize   = 12
	maxSameID = 8
)

func messageKey(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return sum[:16]
}

func partPath(name, part []byte) string { return string(name) + "/" + string(part) }

// period is the path of the part of a table for a day or a month.
func period(name []byte, at time.Time, format string) string {
	return partPath(name, []byte(at.UTC().Format(format)))
}

// expire drops the days before the last keep ones.
func (a *applier) expire(name []byte, at time.Time, keep int) error {
	b := a.tx.Bucket(name)
	oldest := at.UTC().AddDate(0, 0, -keep).Format(dayFormat)
	for {
		day, _ := b.Cursor().First()
		if day == nil || string(day) >= oldest {
			return nil
		}
		if err := a.drop(partPath(name, day)); err != nil {
			return err
		}
	}
}

func (a *applier) putMessages(c *Change) error {
	if len(c.MessageIDs) == 0 {
		return nil
	}
	path := period(bMessages, c.At, monthFormat)
	month, err := a.at(path)
	if err != nil {
		return err
	}
	for _, m := range c.MessageIDs {
		// A Message-ID is its sender's to choose, also that of somebody else's
		// mail: all tickets are kept, up to a bound, and trust decides.
		key := messageKey(m.MessageID)
		refs, err := month.get(key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if len(refs) >= maxSameID*refSize {
			continue
		}
		if err := a.writer.put(path, key, append(slices.Clone(refs), actionKey(m.Ticket, m.Action)...)); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) putSeen(c *Change) error {
	if forgetfulSeen {
		return nil
	}
	for i := range c.Seen {
		s := &c.Seen[i]
		if err := a.writer.put(period(bSeen, s.At, dayFormat), s.Key[:], a.encode(s)); err != nil {
			return err
		}
		if err := a.expire(bSeen, s.At, seenDays); err != nil {
			return err
		}
	}
	return nil
}

// unlist takes a contact out of the indexes.
func (a *applier) unlist(id ContactID) error {
	old, err := a.view.Contact(id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	for _, ad := range old.Addresses {
		err = errors.Join(err, a.remove(bPeople, []byte(ad.Key())))
	}
	return errors.Join(err, a.remove(bAgents, key64(uint64(id))))
}

func (a *applier) putContacts(c *Change) error {
	for _, id := range c.Forget {
		if err := errors.Join(a.unlist(id), a.remove(bContacts, key64(uint64(id)))); err != nil {
			return err
		}
	}
	for i := range c.Contacts {
		p := &c.Contacts[i]
		id := key64(uint64(p.ID))
		err := errors.Join(a.unlist(p.ID), a.put(bContacts, id, p), a.grow(bContacts, uint64(p.ID)))
		for _, ad := range p.Addresses {
			err = errors.Join(err, a.putRaw(bPeople, []byte(ad.Key()), id))
		}
		if p.Kind == KindAgent {
			err = errors.Join(err, a.putRaw(bAgents, id, nil))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) putItems(c *Change) error {
	for i := range c.Items {
		it := &c.Items[i]
		old, err := a.view.Item(it.ID)
		if err == nil && old.State.Due() {
			err = a.remove(bDue, dueKey(old.Next, it.ID))
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		err = errors.Join(
			a.put(bItems, key64(uint64(it.ID)), it), a.grow(bItems, uint64(it.ID)),
			a.putRaw(bItemsOf, key64x2(uint64(it.Ticket), uint64(it.ID)), nil))
		a.view.items[it.ID] = *it
		if it.State.Due() {
			a.due = true
			err = errors.Join(err, a.putRaw(bDue, dueKey(it.Next, it.ID), nil))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) putHeld(c *Change) error {
	for i := range c.Held {
		h := &c.Held[i]
		if err := errors.Join(a.put(bHeld, key64(uint64(h.ID)), h), a.grow(bHeld, uint64(h.ID))); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) countAutoMail(c *Change) error {
	if len(c.AutoMails) == 0 {
		return nil
	}
	path := period(bAutoMail, c.At, dayFormat)
	day, err := a.at(path)
	if err != nil {
		return err
	}
	for _, to := range c.AutoMails {
		old, err := day.get([]byte(to.Key()))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err := a.writer.put(path, []byte(to.Key()), binary.BigEndian.AppendUint32(nil, count(old)+1)); err != nil {
			return err
		}
	}
	return a.expire(bAutoMail, c.At, autoMailDays)
}

func count(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}
