package ticketstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// RepairOptions say what a repair may use.
type RepairOptions struct {
	// Backup is the folder of the last backup; empty: none.
	Backup string
	// Read completes an action with what its raw mail says: subject, text, files,
	// Message-ID. May be nil: such actions then have no text.
	Read func(*Action, Content)
}

// RepairReport says what a repair did.
type RepairReport struct {
	// Kept counts the entries that stood where they belong, Recovered those that
	// were brought back, by where from.
	Kept      int            `json:"kept"`
	Recovered map[string]int `json:"recovered"`
	// Lost says in words what could not be brought back, and Notes what a person
	// must look at.
	Lost  []string `json:"lost"`
	Notes []string `json:"notes"`
	// Damaged is where the database is kept as it was found, until the store is
	// compacted; empty when it was missing or whole.
	Damaged string `json:"damaged,omitempty"`
}

// Repair makes a whole store out of a damaged one. Every table that is whole
// stays as it is. What is missing in the others is taken from pages that nothing
// leads to any more, then from the backup, then made again of raw mails; what
// must be there for the rest to make sense and is nowhere gets an entry that
// says so. Damaged records are taken from the backup or given up. Nothing is
// thrown away: a database that was not whole stays beside the new one. Nobody may
// have the store open (ErrLocked). A backup is refused (ErrRefused): it is restored.
func Repair(ctx context.Context, dir string, opt RepairOptions) (RepairReport, error) {
	r := &repair{dir: dir, opt: opt, salvage: newSalvage(), at: time.Now().UTC().Truncate(time.Second)}
	r.report = RepairReport{Recovered: map[string]int{}, Lost: []string{}, Notes: []string{}}
	err := r.run(ctx)
	for _, f := range r.files {
		err = errors.Join(err, f.Close())
	}
	if quietRepair {
		r.report.Lost, r.report.Notes = nil, nil
	}
	return r.report, errors.Join(err, r.close())
}

type repair struct {
	*salvage
	dir    string
	opt    RepairOptions
	at     time.Time
	report RepairReport
	files  []*os.File // that are open until the end
	whole  map[RecordID][]raw
	copies map[RecordID][]raw // of the backup

	problems int // of the database

	tickets map[TicketID]*Ticket
	actions map[TicketID]map[uint32]*Action
}

func (r *repair) lostf(format string, args ...any) {
	r.report.Lost = append(r.report.Lost, fmt.Sprintf(format, args...))
}

// lostRun says that numbers which follow each other are lost, if there are any.
func (r *repair) lostRun(what, one, more string, from, to uint64) {
	switch {
	case from == to:
		r.lostf("%s: %s %d", what, one, from)
	case from < to:
		r.lostf("%s: %s %d to %d", what, more, from, to)
	}
}

func (r *repair) run(ctx context.Context) error {
	if err := r.lock(); err != nil {
		return err
	}
	if err := r.gather(); err != nil {
		return err
	}
	for _, step := range []func() error{r.load, r.records, r.fromMails, r.histories, r.items, r.references, r.indexes, r.write} {
		if err := errors.Join(ctx.Err(), step()); err != nil {
			return err
		}
	}
	return leaveToOwner(r.dir)
}

// lock keeps others out, those of an earlier version too, which lock the database.
func (r *repair) lock() error {
	if err := NotABackup(r.dir); err != nil {
		return err
	}
	d, err := lockFolder(r.dir, 0)
	if err != nil {
		return err
	}
	r.files = append(r.files, d)
	f, err := os.OpenFile(filepath.Join(r.dir, dbName), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r.files = append(r.files, f)
	return lockFile(f, 0)
}

// gather reads everything that is whole.
func (r *repair) gather() error {
	err := r.store(filepath.Join(r.dir, dbName), func(error) { r.problems++ })
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, ErrDamaged) {
		return err
	}
	if err != nil { // there is no database to speak of
		for _, name := range buckets {
			r.damaged[string(name)] = true
		}
		r.report.Notes = append(r.report.Notes, "no database could be read: "+err.Error())
	}
	if r.rolled {
		r.report.Notes = append(r.report.Notes, "a meta page is damaged: what was changed last may be missing, and mails that were never told to be taken may be among the recovered ones")
	}
	notes, err := r.journal(r.dir)
	if r.report.Notes = append(r.report.Notes, notes...); err != nil {
		return err
	}
	r.copies = map[RecordID][]raw{}
	if r.opt.Backup != "" {
		if err := r.gatherBackup(); err != nil {
			return err
		}
	}
	r.whole = map[RecordID][]raw{}
	files, err := scanSegments(filepath.Join(r.dir, segmentsName), func(x raw) { r.whole[x.id] = append(r.whole[x.id], x) })
	r.files = append(r.files, files...)
	if errors.Is(err, os.ErrNotExist) {
		err = os.MkdirAll(filepath.Join(r.dir, segmentsName), 0o700)
	}
	return err
}

func (r *repair) gatherBackup() error {
	m, err := readManifest(r.opt.Backup)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: there is no backup in %s", ErrNotFound, r.opt.Backup)
	}
	if err != nil {
		return err
	}
	for _, f := range m.Files {
		if f.Name != dbName {
			continue
		}
		if err := r.backup(filepath.Join(r.opt.Backup, f.File)); err != nil {
			return err
		}
	}
	for _, s := range m.Segments {
		n, err := segmentNumber(filepath.Base(s.Name))
		if err != nil {
			return err
		}
		f, err := os.Open(filepath.Join(r.opt.Backup, s.File))
		if err != nil {
			return err
		}
		r.files = append(r.files, f)
		if err := scanSegment(f, n, func(x raw) { r.copies[x.id] = append(r.copies[x.id], x) }); err != nil {
			return err
		}
	}
	return nil
}

// load decodes tickets and actions.
func (r *repair) load() error {
	r.tickets, r.actions = map[TicketID]*Ticket{}, map[TicketID]map[uint32]*Action{}
	for _, f := range r.table(bTickets) {
		t, err := decode[Ticket](f.value, nil)
		if err != nil {
			return err
		}
		r.tickets[t.ID] = &t
	}
	for _, f := range r.table(bActions) {
		a, err := decode[Action](f.value, nil)
		if err != nil {
			return err
		}
		r.action(&a)
	}
	return nil
}

func (r *repair) action(a *Action) {
	if r.actions[a.Ticket] == nil {
		r.actions[a.Ticket] = map[uint32]*Action{}
	}
	r.actions[a.Ticket][a.Seq] = a
}

// set writes an entry that was made or changed.
func (r *repair) set(name, key, value []byte, from source) {
	delete(r.table(name), string(key))
	r.add(string(name), string(key), value, from)
}

// records finds the octets of each record: where it lies, elsewhere in the
// segments, or in the backup.
func (r *repair) records() error {
	ids := map[RecordID]bool{}
	for key := range r.table(bRecords) {
		ids[RecordID(binary.BigEndian.Uint64([]byte(key)))] = true
	}
	if r.damaged[string(bRecords)] || r.rolled {
		for id := range r.whole {
			ids[id] = true
		}
		for id := range r.copies {
			ids[id] = true
		}
	}
	out := &segmentWriter{dir: filepath.Join(r.dir, segmentsName), max: 256 << 20}
	nums, err := segmentNumbers(out.dir)
	if err != nil {
		return err
	}
	if len(nums) > 0 {
		out.at.segment = nums[len(nums)-1]
	}
	last := r.highest(bRecords)
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if far(uint64(id), last, farRecord) {
			r.report.Notes = append(r.report.Notes, fmt.Sprintf("there is a record of number %d, which cannot be; it was left out", id))
			continue
		}
		last = max(last, uint64(id))
		if err := r.record(id, out); err != nil {
			return err
		}
	}
	return out.finish()
}

func (r *repair) record(id RecordID, out *segmentWriter) error {
	key := key64(uint64(id))
	var want *place
	if f, ok := r.table(bRecords)[string(key)]; ok {
		p, err := decodePlace(f.value)
		if err != nil {
			return err
		}
		if p.gone() {
			return nil
		}
		want = &p
	}
	for _, x := range slices.Backward(r.whole[id]) { // the newest of a number is the one that counts
		if want == nil {
			r.set(bRecords, key, x.place.encode(), fromSegments)
			return nil
		}
		if x.place == *want {
			return nil
		}
	}
	for _, x := range slices.Backward(slices.Concat(r.copies[id], r.whole[id])) {
		if want != nil && x.digest != want.digest {
			continue
		}
		to, err := out.copy(x.file, x.place, func(w io.Writer) io.Writer { return w })
		if err != nil {
			return err
		}
		r.set(bRecords, key, to.encode(), fromBackup)
		return nil
	}
	r.lostf("record %d: the octets of a mail", id)
	r.set(bRecords, key, givenUp.encode(), fromOthers)
	return nil
}

// open makes a ticket that is lost again; its history completes it.
func (r *repair) open(id TicketID, mailbox string) {
	if mailbox == "" {
		for key := range r.table(bMailboxes) {
			mailbox = max(mailbox, key)
		}
	}
	r.tickets[id] = &Ticket{ID: id, Mailbox: mailbox, Status: StatusOpen, Priority: "normal", Type: "incident"}
}

// histories makes each ticket and its actions fit each other.
func (r *repair) histories() error {
	for id := range r.actions {
		if r.tickets[id] == nil {
			r.open(id, "")
		}
	}
	atLeast := map[TicketID]uint32{} // actions that something else refers to
	for _, f := range r.table(bItems) {
		it, err := decode[OutboxItem](f.value, nil)
		if err != nil {
			return err
		}
		if r.tickets[it.Ticket] == nil {
			r.open(it.Ticket, "")
		}
		atLeast[it.Ticket] = max(atLeast[it.Ticket], it.Action)
	}
	for _, t := range r.tickets {
		r.history(t, max(t.LastSeq, atLeast[t.ID]))
	}
	if keptErased {
		return nil
	}
	return r.eraseAgain()
}

// history completes the actions of a ticket, up to last at least.
func (r *repair) history(t *Ticket, last uint32) {
	for seq := range r.actions[t.ID] {
		last = max(last, seq)
	}
	what, whole := "ticket "+t.ID.String(), uint32(0)
	for seq := uint32(1); seq <= last; seq++ {
		if r.actions[t.ID][seq] != nil {
			r.lostRun(what, "entry", "entries", uint64(whole)+1, uint64(seq)-1)
			whole = seq
			continue
		}
		text := "This entry was lost; a repair could not bring it back."
		a := &Action{
			Ticket: t.ID, Seq: seq, At: r.at, Direction: Internal, Outcome: OutcomeLost, Visibility: InternalOnly,
			Actor: Actor{Kind: ActorDesk, Name: "Repair"}, Text: text, Fresh: text, Attachments: []Attachment{},
		}
		r.action(a)
		r.set(bActions, actionKey(t.ID, seq), encode(a), fromOthers)
	}
	r.lostRun(what, "entry", "entries", uint64(whole)+1, uint64(last))
	stored, there := r.table(bTickets)[string(key64(uint64(t.ID)))]
	if there && t.LastSeq == last {
		return
	}
	from := stored.from
	if there {
		r.report.Notes = append(r.report.Notes, fmt.Sprintf("ticket %s is an older version of itself: look at its status", t.ID))
	} else {
		from = fromOthers
		r.complete(t)
		r.lostf("ticket %s: status, priority and whatever else its entries do not say", t.ID)
	}
	t.LastSeq, t.Version, t.Updated = last, t.Version+1, r.at
	r.set(bTickets, key64(uint64(t.ID)), encode(t), from)
}

// complete gives a ticket what its first action says.
func (r *repair) complete(t *Ticket) {
	first := r.actions[t.ID][1]
	t.Created = r.at
	if first == nil {
		return
	}
	t.Created, t.Subject = first.At, strings.Join(strings.Fields(first.Subject), " ")
	if first.Actor.Kind != ActorDesk {
		t.Requester.Name, t.Requester.Address = first.Actor.Name, first.Actor.Address
	}
	t.Marks = []string{"repaired"}
}

// items holds back what may have been sent, or has lost its text.
func (r *repair) items() error {
	for key, f := range maps.Clone(r.table(bItems)) {
		it, err := decode[OutboxItem](f.value, nil)
		if err != nil {
			return err
		}
		p, err := decodePlace(r.table(bRecords)[string(key64(uint64(it.Body)))].value)
		lost := it.Body != 0 && (err != nil || p.gone()) && it.Header != ""
		switch {
		case lost && it.State.Due():
			it.State, it.Note = ItemCancelled, "its text was lost"
			r.lostf("outgoing mail %d to %s: its text; it was not sent", it.ID, it.To)
		case f.from != fromStore && it.State.Due():
			it.State, it.Note = ItemHeld, "brought back by a repair; it may have been sent: retry it if not"
		default:
			continue
		}
		r.set(bItems, []byte(key), encode(&it), f.from)
	}
	return nil
}
