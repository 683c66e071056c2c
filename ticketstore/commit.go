package ticketstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"
)

// Bounds of one group: how many waiting changes share a flush, how many octets
// of records, and of notes.
const (
	groupChanges = 256
	groupOctets  = 64 << 20
	groupNotes   = 4 << 20
)

// A checkpoint writes the database when so many octets of notes stand in the
// journal, or the oldest of them is so old: a reader may ask for it earlier.
const (
	checkpointOctets = 2 << 20
	checkpointAge    = 250 * time.Millisecond
)

// embedOctets is up to how many octets of records a group puts into the journal,
// to save the flush of their segment. They are in the segment, too.
const embedOctets = 64 << 10

// request is one Update on its way through the committer, or, without fn, a wish
// for a checkpoint.
type request struct {
	ctx     context.Context
	fn      func(View) (Change, error)
	err     error
	applied bool
	answer  chan error
}

// Update implements Store.
func (db *DB) Update(ctx context.Context, fn func(View) (Change, error)) error {
	return db.submit(&request{ctx: ctx, fn: fn, answer: make(chan error, 1)})
}

// settle returns when the database holds every change that was answered before.
func (db *DB) settle(ctx context.Context) error {
	if !db.unsettled.Load() && !earlyAnswer || noSettle {
		return nil
	}
	return db.submit(&request{ctx: ctx, answer: make(chan error, 1)})
}

// submit has a request carried out. Whoever comes while nobody writes does so on
// the spot, for all that wait by then; nobody ever waits for more: a lone change
// is flushed at once, a crowd shares a flush.
func (db *DB) submit(r *request) error {
	select {
	case c := <-db.turn:
		db.takeTurn(c, r)
		return <-r.answer
	default:
	}
	select {
	case db.requests <- r:
	case <-db.stop:
		return ErrClosed
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	for {
		select {
		case err := <-r.answer:
			return err
		case c := <-db.turn: // who wrote has gone, perhaps without this one
			db.takeTurn(c, c.next(0, nil))
		case <-db.done:
			select { // answered in the very last group
			case err := <-r.answer:
				return err
			default:
				return ErrClosed
			}
		}
	}
}

// takeTurn writes, before the caller hears of its own change.
func (db *DB) takeTurn(c *committer, first *request) {
	if earlyAnswer {
		go db.write(c, first)
		return
	}
	db.write(c, first)
}

// write is one's turn: first, unless it is nil, and what waits behind it.
func (db *DB) write(c *committer, first *request) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // see guard
	over := false
	defer func() {
		if !over { // a panic: the store must not be used any more, so nobody may recover
			said := fmt.Sprintf("writing to the store broke off: %v\n%s", recover(), debug.Stack())
			go func() { panic(said) }()
			select {}
		}
	}()
	if first != nil {
		c.group(first)
	}
	over = true
	db.pass(c)
}

// pass ends one's turn. A checkpoint that is due comes before the next one's; who
// wrote does not wait for it.
func (db *DB) pass(c *committer) {
	if len(c.wished) == 0 && c.journal.end < checkpointOctets {
		db.turn <- c
		return
	}
	go func() {
		answer(c.wished, c.checkpoint())
		c.wished = nil
		db.turn <- c
	}()
}

// overdue ends a transaction that is old.
func (db *DB) overdue() {
	select {
	case c := <-db.turn:
		_ = c.checkpoint() // whoever comes next is told
		db.turn <- c
	case <-db.stop:
	}
}

// finish writes what was handed in before the stop, and ends all writing.
func (db *DB) finish() {
	close(db.stop)
	c := <-db.turn
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // see guard
	for r := c.next(0, nil); r != nil; r = c.next(0, nil) {
		c.group(r)
	}
	c.end()
	close(db.done)
}

// committer is the state of whoever writes: one at a time, whose turn it is.
type committer struct {
	*DB
	// open is the transaction of the database that all groups since the last
	// checkpoint went into; nil when there was none.
	open   *applier
	old    *time.Timer // runs out when the open transaction is to be ended
	wished []*request  // wait for a checkpoint
}

// end writes what is left, unless what is on disk is unknown. A journal that
// nothing is left of must not keep texts that are erased later.
func (c *committer) end() {
	c.old.Stop()
	err := c.checkpoint()
	answer(c.wished, err)
	if err == nil {
		_ = c.journal.clear()
	}
	if c.open != nil {
		_ = c.open.tx.Rollback()
	}
}

// group applies first and what waits behind it, and answers each when all is in
// the journal. A flush that fails ends the store's life.
func (c *committer) group(first *request) {
	if err := c.failed.Load(); err != nil {
		first.answer <- *err
		return
	}
	group, err := c.apply(first)
	write := err == nil && anyApplied(group)
	if earlyAnswer && write {
		group = answer(group, nil)
		time.Sleep(earlyBy)
	}
	switch {
	case write:
		err = c.log()
	case err == nil:
		c.leave()
	}
	if errors.As(err, new(unflushed)) {
		err = c.fail(err)
	}
	if err != nil {
		err = errors.Join(err, c.undo())
	}
	if err == nil && write && c.open.due {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
	answer(group, err)
}

// answer tells each caller of a group what became of its change.
func answer(group []*request, err error) []*request {
	for _, r := range group {
		if r.err == nil {
			r.err = err
		}
		r.answer <- r.err
	}
	return nil
}

func anyApplied(group []*request) bool {
	for _, r := range group {
		if r.applied {
			return true
		}
	}
	return false
}

// apply runs first and the changes that wait. An error is the group's: nothing
// of it may stay.
func (c *committer) apply(first *request) (group []*request, err error) {
	var a *applier
	for r := first; r != nil; r = c.next(len(group), a) {
		if r.fn == nil {
			c.wished = append(c.wished, r)
			continue
		}
		group = append(group, r)
		if a == nil {
			if a, err = c.begin(); err != nil {
				return group, err
			}
		}
		var change Change
		if change, r.err = decide(r, a.view); r.err != nil || change.isEmpty() || stoodStill() {
			continue
		}
		if r.err = guard(func() error { return a.check(&change) }); r.err != nil {
			continue
		}
		if err := guard(func() error { return a.apply(&change) }); err != nil {
			return group, fmt.Errorf("writing: %w", err)
		}
		r.applied = true
	}
	return group, nil
}

// begin readies the open transaction for a group.
func (c *committer) begin() (*applier, error) {
	if c.open == nil {
		tx, err := c.bolt.Begin(true)
		if err != nil {
			return nil, fmt.Errorf("beginning a transaction: %w", err)
		}
		c.open = newApplier(tx, c.segments)
	}
	a := c.open
	a.begin(c.room())
	return a, nil
}

// next takes a waiting request, nil when there is none or the group is full.
func (c *committer) next(n int, a *applier) *request {
	if n >= groupChanges || a != nil && (a.grown() >= groupOctets || len(a.notes) >= groupNotes) {
		return nil
	}
	select {
	case r := <-c.requests:
		return r
	default:
		return nil
	}
}

// decide runs a caller's function. A panic in it is that caller's error alone.
func decide(r *request, v View) (change Change, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while deciding: %v\n%s", p, debug.Stack())
		}
	}()
	if err := r.ctx.Err(); err != nil {
		return Change{}, err
	}
	return r.fn(v)
}

// log makes a group durable: its records first, because the notes refer to them.
// Records that are few go into the journal themselves.
func (c *committer) log() error {
	if err := c.segments.write(); err != nil {
		return fmt.Errorf("writing a segment: %w", err)
	}
	notes := c.open.notes
	if r, whole := c.segments.run(); !whole {
		if err := c.segments.sync(); err != nil {
			return err
		}
	} else if len(r.octets) > 0 {
		notes = appendRun(notes, r.segment, r.offset, r.octets)
		c.open.notes = notes
	}
	if err := c.journal.write(notes); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	if err := flush(c.journal.f); err != nil && !deafFlush {
		return unflushed{errors.Join(fmt.Errorf("flushing the journal: %w", err), c.journal.spoil())}
	}
	if !c.unsettled.Swap(true) {
		c.old.Reset(checkpointAge)
	}
	c.journal.keep(notes)
	c.segments.keep()
	c.keepPlaces(c.open.places)
	return nil
}

// leave ends a transaction that nothing was written in.
func (c *committer) leave() {
	if c.open != nil && !c.unsettled.Load() {
		_ = c.open.tx.Rollback()
		c.open = nil
	}
}

// undo takes a group back: the transaction is begun anew, with what the journal
// holds since the last checkpoint.
func (c *committer) undo() error {
	if c.failed.Load() != nil {
		return nil // nothing is written any more
	}
	if err := c.segments.rewind(); err != nil {
		return c.fail(fmt.Errorf("cutting a segment: %w", err))
	}
	if c.open == nil {
		return nil
	}
	err := c.open.tx.Rollback()
	c.open = nil
	if err == nil && c.unsettled.Load() {
		err = c.again()
	}
	if err != nil {
		return c.fail(fmt.Errorf("taking changes back: %w", err))
	}
	return nil
}

// again makes the open transaction of what the journal holds.
func (c *committer) again() error {
	a, err := c.begin()
	if err != nil {
		return err
	}
	applied, err := appliedOf(a.tx)
	if err != nil {
		return err
	}
	last, err := c.journal.behind(applied, func(notes []byte) error {
		return guard(func() error { return a.replay(notes, inPlace) })
	})
	if err == nil && last != c.journal.next-1 {
		err = fmt.Errorf("%w: %s ends with record %d instead of %d", ErrDamaged, journalName, last, c.journal.next-1)
	}
	return err
}

// inPlace leaves a run of octets where it is.
func inPlace(uint32, int64, []byte) error { return nil }

// checkpoint brings the database up to what was answered, and begins the journal
// again. An error ends the store's life: what was answered is in the journal.
func (c *committer) checkpoint() error {
	if err := c.failed.Load(); err != nil {
		return *err
	}
	if !c.unsettled.Load() {
		return nil
	}
	if err := c.segments.sync(); err != nil {
		return c.fail(err)
	}
	tx := c.open.tx
	err := guard(func() error { return c.open.commit(c.journal.next - 1) })
	if err != nil {
		_ = guard(tx.Rollback) // over already, unless the commit panicked
		c.open = nil
		return c.fail(fmt.Errorf("committing: %w", err))
	}
	c.open = nil
	c.unsettled.Store(false)
	c.keepPlaces(nil)
	if err := c.journal.restart(); err != nil {
		return c.fail(fmt.Errorf("cutting the journal: %w", err))
	}
	return nil
}

// room is the free disk above the reserve, negative when that is touched. A
// disk that cannot be asked counts as empty: writing will tell.
func (db *DB) room() int64 {
	free, err := FreeDisk(db.dir)
	if db.opt.MinFree < 0 || noReserve || err != nil {
		return math.MaxInt64
	}
	return free - db.opt.MinFree
}

// Size is the number of octets that the store's files hold.
func (db *DB) Size() (int64, error) {
	var sum int64
	err := filepath.WalkDir(db.dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
