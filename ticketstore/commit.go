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

	bolt "go.etcd.io/bbolt"
)

// Bounds of one group: how many waiting changes share a commit, and how many
// octets of records.
const (
	groupChanges = 256
	groupOctets  = 64 << 20
)

// request is one Update on its way through the committer.
type request struct {
	ctx     context.Context
	fn      func(View) (Change, error)
	err     error
	applied bool
	answer  chan error
}

// Update implements Store.
func (db *DB) Update(ctx context.Context, fn func(View) (Change, error)) error {
	r := &request{ctx: ctx, fn: fn, answer: make(chan error, 1)}
	select {
	case db.requests <- r:
	case <-db.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.answer:
		return err
	case <-db.done:
		select { // answered in the very last group
		case err := <-r.answer:
			return err
		default:
			return ErrClosed
		}
	}
}

// commitLoop is the one goroutine that writes. It takes whatever waits, and
// never waits for more: a lone change commits at once, a crowd shares a flush.
func (db *DB) commitLoop() {
	defer close(db.done)
	debug.SetPanicOnFault(true) // see guard
	for {
		select {
		case r := <-db.requests:
			db.commit(r)
		case <-db.stop:
			for { // changes handed in before the stop
				select {
				case r := <-db.requests:
					db.commit(r)
				default:
					return
				}
			}
		}
	}
}

// commit applies first and what waits behind it in one transaction, and
// answers each when all is on disk.
func (db *DB) commit(first *request) {
	if err := db.failed.Load(); err != nil {
		first.answer <- *err
		return
	}
	tx, err := db.bolt.Begin(true)
	if err != nil {
		first.answer <- fmt.Errorf("beginning a transaction: %w", err)
		return
	}
	group, due, err := db.applyGroup(tx, first)
	write := err == nil && anyApplied(group)
	if earlyAnswer {
		group = answer(group, err)
		time.Sleep(earlyBy)
	}
	if write {
		err = db.finish(tx)
	} else {
		err = errors.Join(err, tx.Rollback(), db.undoSegments())
	}
	if due && err == nil {
		select {
		case db.wake <- struct{}{}:
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

// applyGroup runs first and the changes that wait. An error is the group's:
// nothing of it may be committed.
func (db *DB) applyGroup(tx *bolt.Tx, first *request) (group []*request, due bool, err error) {
	a := applier{tx: tx, segments: db.segments, view: &view{tx: tx, segments: db.segments, items: map[ItemID]OutboxItem{}}, sums: newSums(tx), room: db.room()}
	for _, name := range inSequence {
		tx.Bucket(name).FillPercent = sequenceFill
	}
	for r := first; r != nil; r = db.next(len(group), a.octets) {
		group = append(group, r)
		var change Change
		if change, r.err = decide(r, a.view); r.err != nil || change.isEmpty() {
			continue
		}
		if r.err = guard(func() error { return a.check(&change) }); r.err != nil {
			continue
		}
		if err := guard(func() error { return a.apply(&change) }); err != nil {
			return group, false, fmt.Errorf("writing: %w", err)
		}
		r.applied = true
	}
	return group, a.due, guard(a.sums.write)
}

// next takes a waiting request, nil when there is none or the group is full.
func (db *DB) next(n int, octets int64) *request {
	if n >= groupChanges || octets >= groupOctets {
		return nil
	}
	select {
	case r := <-db.requests:
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

// finish makes a transaction durable: segments first, because the database
// refers to them.
func (db *DB) finish(tx *bolt.Tx) error {
	if err := db.segments.sync(); err != nil {
		err = errors.Join(err, tx.Rollback())
		if errors.Is(err, errSync) {
			return db.fail(err)
		}
		return errors.Join(fmt.Errorf("writing a segment: %w", err), db.undoSegments())
	}
	if err := guard(tx.Commit); err != nil {
		_ = guard(tx.Rollback) // over already, unless the commit panicked
		return db.fail(fmt.Errorf("committing: %w", err))
	}
	return nil
}

// undoSegments cuts off what a failed group appended.
func (db *DB) undoSegments() error {
	if err := db.segments.rewind(); err != nil {
		return db.fail(fmt.Errorf("cutting a segment: %w", err))
	}
	return nil
}

// room is the free disk above the reserve, negative when that is touched. A
// disk that cannot be asked counts as empty: writing will tell.
func (db *DB) room() int64 {
	free, err := FreeDisk(db.dir)
	if db.opt.MinFree < 0 || err != nil {
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
