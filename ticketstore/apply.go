package ticketstore

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
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

// applier writes changes into a transaction.
type applier struct {
	tx       *bolt.Tx
	segments *segments
	view     *view
	sums     *sums
	room     int64 // octets of disk that the group may use
	due      bool
	octets   int64 // of records, written by the group
}

// growth is how many octets of disk an octet of a record may take: its own, and
// that of the text, which stands twice in an action.
const growth = 3

// hasRoom reports whether the records of a change fit on the disk, behind those
// of the group that are on their way.
func (a *applier) hasRoom(c *Change) bool {
	need := a.octets
	for _, r := range c.Records {
		need += r.Content.Size()
	}
	return need <= a.room/growth
}

// check refuses a change that does not fit the store. It writes nothing, so
// that one bad change leaves its neighbours in the group alone.
func (a *applier) check(c *Change) error {
	if len(c.Records) > 0 && !a.hasRoom(c) {
		return ErrFull
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

// put writes a value as JSON.
func (a *applier) put(name, key []byte, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return a.putRaw(name, key, b)
}

func (a *applier) putRaw(name, key, value []byte) error {
	return a.sums.put(string(name), a.view.table(name), key, value)
}

func (a *applier) remove(name, key []byte) error {
	return a.sums.remove(string(name), a.view.table(name), key)
}

// grow raises a bucket's sequence to at least n.
func (a *applier) grow(bucket []byte, n uint64) error {
	b := a.tx.Bucket(bucket)
	if b.Sequence() >= n {
		return nil
	}
	return b.SetSequence(n)
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
		if err := a.putRaw(bRecords, key64(uint64(r.ID)), p.encode()); err != nil {
			return err
		}
		if err := a.grow(bRecords, uint64(r.ID)); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) putTickets(c *Change) error {
	for _, t := range c.Tickets {
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
		if err := a.put(bActions, actionKey(act.Ticket, act.Seq), stored(act)); err != nil {
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

// period is the part of a table for a day or a month, made when missing.
type period struct {
	table
	path string
	sums *sums
}

func (p period) put(key, value []byte) error { return p.sums.put(p.path, p.table, key, value) }

func partPath(name, part []byte) string { return string(name) + "/" + string(part) }

func (a *applier) period(name []byte, at time.Time, format string) (period, error) {
	part := []byte(at.UTC().Format(format))
	b, err := a.tx.Bucket(name).CreateBucketIfNotExists(part)
	return period{table{b, string(name)}, partPath(name, part), a.sums}, err
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
		if err := errors.Join(a.sums.forget(partPath(name, day)), b.DeleteBucket(day)); err != nil {
			return err
		}
	}
}

func (a *applier) putMessages(c *Change) error {
	if len(c.MessageIDs) == 0 {
		return nil
	}
	month, err := a.period(bMessages, c.At, monthFormat)
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
		if err := month.put(key, append(slices.Clone(refs), actionKey(m.Ticket, m.Action)...)); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) putSeen(c *Change) error {
	if forgetfulSeen {
		return nil
	}
	for _, s := range c.Seen {
		day, err := a.period(bSeen, s.At, dayFormat)
		if err != nil {
			return err
		}
		v, err := json.Marshal(s)
		if err != nil {
			return err
		}
		if err := day.put(s.Key[:], v); err != nil {
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
	for _, p := range c.Contacts {
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
	for _, it := range c.Items {
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
		a.view.items[it.ID] = it
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
	for _, h := range c.Held {
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
	day, err := a.period(bAutoMail, c.At, dayFormat)
	if err != nil {
		return err
	}
	for _, to := range c.AutoMails {
		old, err := day.get([]byte(to.Key()))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err := day.put([]byte(to.Key()), binary.BigEndian.AppendUint32(nil, count(old)+1)); err != nil {
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
