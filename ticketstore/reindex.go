package ticketstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// references gives every record that is referred to an entry, and takes away
// those that nothing refers to; their octets stay in the segments.
func (r *repair) references() error {
	used := map[string]bool{}
	uses := func(id RecordID, what string) {
		key := string(key64(uint64(id)))
		if id == 0 || used[key] {
			return
		}
		used[key] = true
		if _, there := r.table(bRecords)[key]; there {
			return
		}
		r.lostf("%s: its octets", what)
		r.set(bRecords, []byte(key), givenUp.encode(), fromOthers)
	}
	var errs []error
	for id, actions := range r.actions {
		for _, a := range actions {
			uses(a.Record, "a mail of ticket "+id.String())
		}
	}
	for _, f := range r.table(bItems) {
		it, err := decode[OutboxItem](f.value, nil)
		errs = append(errs, err)
		uses(it.Body, "the text of a mail sent from ticket "+it.Ticket.String())
	}
	for _, f := range r.table(bHeld) {
		h, err := decode[HeldMail](f.value, nil)
		errs = append(errs, err)
		uses(h.Record, "a held mail")
	}
	for key := range maps.Clone(r.table(bRecords)) {
		if !used[key] {
			delete(r.table(bRecords), key)
		}
	}
	return errors.Join(errs...)
}

// indexes makes the tables that follow from others again.
func (r *repair) indexes() error {
	for _, name := range derived {
		delete(r.tables, string(name))
	}
	for key, f := range r.table(bContacts) {
		p, err := decode[Contact](f.value, nil)
		if err != nil {
			return err
		}
		for _, a := range p.Addresses {
			r.add(string(bPeople), a.Key(), []byte(key), fromStore)
		}
		if p.Kind == KindAgent {
			r.add(string(bAgents), key, nil, fromStore)
		}
	}
	for _, f := range r.table(bItems) {
		it, err := decode[OutboxItem](f.value, nil)
		if err != nil {
			return err
		}
		r.add(string(bItemsOf), string(key64x2(uint64(it.Ticket), uint64(it.ID))), nil, fromStore)
		if it.State.Due() {
			r.add(string(bDue), string(dueKey(it.Next, it.ID)), nil, fromStore)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.tickets)) {
		if t := r.tickets[id]; t.Mailbox != "" {
			r.add(string(bMailboxes), t.Mailbox, key64(uint64(id)), fromStore)
		}
	}
	if r.damaged[string(bSeen)] || r.rolled {
		r.report.Notes = append(r.report.Notes, "which mails were seen is not known for certain: one that comes again may be filed twice")
	}
	if r.damaged[string(bMessages)] || r.damaged[string(bActions)] || r.rolled {
		r.messageIDs()
	}
	return nil
}

// messageIDs adds the Message-IDs of mails that are filed to their index.
func (r *repair) messageIDs() {
	for _, actions := range r.actions {
		for _, a := range actions {
			if a.MessageID == "" || a.Direction != In {
				continue
			}
			path := partPath(bMessages, []byte(a.At.UTC().Format(monthFormat)))
			key, ref := string(messageKey(a.MessageID)), actionKey(a.Ticket, a.Seq)
			var refs []byte
			known := false
			if f, there := r.tables[path][key]; there {
				refs = slices.Clone(f.value)
				for old := range slices.Chunk(refs, refSize) {
					known = known || slices.Equal(old, ref)
				}
			}
			if !known && len(refs) < maxSameID*refSize {
				delete(r.tables[path], key)
				r.add(path, key, append(refs, ref...), fromStore)
			}
		}
	}
}

// write puts everything into a database that takes the place of the damaged
// one, which stays beside it until the store is compacted.
func (r *repair) write() error {
	path := filepath.Join(r.dir, dbName)
	f, err := newFresh(path)
	if err != nil {
		return err
	}
	for _, name := range undivided { // also one of which nothing is left
		if r.table(name) == nil {
			r.tables[string(name)] = map[string]found{}
		}
	}
	for _, p := range slices.Sorted(maps.Keys(r.tables)) {
		if err := r.writeTable(f, p); err != nil {
			return errors.Join(err, f.abandon())
		}
	}
	f.applied = r.applied
	if err := r.keep(path); err != nil {
		return errors.Join(err, f.abandon())
	}
	j, err := openJournal(r.dir) // made when it was lost
	if err != nil {
		return errors.Join(err, f.abandon())
	}
	return errors.Join(f.install(), j.close())
}

// keep gives the database as it was found a second name, unless all of it is in
// the new one.
func (r *repair) keep(path string) error {
	if r.problems == 0 && !r.rolled && len(r.damaged)+len(r.report.Recovered)+len(r.report.Lost)+len(r.report.Notes) == 0 {
		return nil
	}
	base := path + damagedInfix + r.at.Format(damagedFormat)
	name := base
	for n := 2; ; n++ {
		err := os.Link(path, name)
		switch {
		case err == nil:
			r.report.Damaged = name
			return nil
		case errors.Is(err, os.ErrNotExist):
			return nil
		case !errors.Is(err, os.ErrExist):
			return err
		}
		name = fmt.Sprintf("%s-%d", base, n) // not the first repair of this second
	}
}

// The names of databases that a repair has kept: that of the database, this, the
// time, and a number where there was one of that time.
const (
	damagedInfix  = ".damaged-"
	damagedFormat = "20060102T150405"
)

// isKept reports whether a repair gives such a name.
func isKept(name string) bool {
	at, ok := strings.CutPrefix(name, dbName+damagedInfix)
	at, n, more := strings.Cut(at, "-")
	_, err := time.Parse(damagedFormat, at)
	if more && err == nil {
		_, err = strconv.ParseUint(n, 10, 32)
	}
	return ok && err == nil
}

// derived are the tables that follow from others.
var derived = [][]byte{bPeople, bAgents, bItemsOf, bDue}

// account says what is in a table from elsewhere, and what is missing: its
// numbers were given out without a gap, and its sum says how many there were.
func (r *repair) account(path string, keys []string, last uint64) {
	from := map[source]int{}
	for _, e := range r.tables[path] {
		from[e.from]++
	}
	for _, src := range []source{fromPages, fromBackup, fromSegments} {
		if n := from[src]; n > 0 {
			r.report.Notes = append(r.report.Notes, fmt.Sprintf("%s: %d entries are from %s; what was changed since is lost", path, n, src))
		}
	}
	numbered := path == string(bTickets) || path == string(bItems) || path == string(bHeld)
	if numbered {
		before := uint64(0)
		for _, k := range keys {
			n := binary.BigEndian.Uint64([]byte(k))
			r.lostNumbers(path, before, n-1)
			before = n
		}
		r.lostNumbers(path, before, last)
	}
	if want, ok := r.sums[path]; ok && !numbered && uint64(len(r.tables[path])) < want.Entries && path != string(bRecords) {
		r.lostf("%s: %d of %d entries", path, want.Entries-uint64(len(r.tables[path])), want.Entries)
	}
}

// lostNumbers says that the numbers behind one up to another are lost, unless a
// restore has left out as many.
func (r *repair) lostNumbers(path string, before, to uint64) {
	last := before
	for last < to { // once more for each restore
		last += leftOut(last)
	}
	if last != to {
		r.lostRun(path, "number", "numbers", before+1, to)
	}
}

func (r *repair) writeTable(f *fresh, path string) error {
	var names [][]byte
	for name := range strings.SplitSeq(path, "/") {
		names = append(names, []byte(name))
	}
	keys := slices.Sorted(maps.Keys(r.tables[path]))
	for _, k := range keys {
		e := r.tables[path][k]
		if e.from == fromStore {
			r.report.Kept++
		} else {
			r.report.Recovered[string(e.from)]++
		}
		if err := f.put(names, []byte(k), seal(string(names[0]), []byte(k), e.value)); err != nil {
			return err
		}
	}
	last := uint64(0)
	if len(keys) > 0 && slices.Contains([]string{string(bTickets), string(bContacts), string(bItems), string(bHeld), string(bRecords)}, path) {
		last = binary.BigEndian.Uint64([]byte(keys[len(keys)-1]))
	}
	if path == string(bRecords) {
		for _, id := range slices.Sorted(maps.Keys(r.whole)) { // a number that was used is not used again
			if !far(uint64(id), last, farRecord) {
				last = max(last, uint64(id))
			}
		}
	}
	// The sum is sealed; without it, a number that makes no sense is damage.
	if s, ok := r.sums[path]; ok {
		last = max(last, s.Sequence)
	} else if n := r.sequences[path]; n < last+1<<20 {
		last = max(last, n)
	}
	if !slices.ContainsFunc(derived, func(name []byte) bool { return string(name) == path }) {
		r.account(path, keys, last)
	}
	return f.sequence(names, last)
}
