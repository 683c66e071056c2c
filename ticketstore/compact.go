package ticketstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// CompactReport says what a compaction saved, in octets.
type CompactReport struct {
	DatabaseBefore int64 `json:"database_before"`
	DatabaseAfter  int64 `json:"database_after"`
	SegmentsBefore int64 `json:"segments_before"`
	SegmentsAfter  int64 `json:"segments_after"`
	// Removed are the names of the databases that repairs had kept.
	Removed []string `json:"removed"`
}

// Compact writes the database anew, and every segment that holds records which
// nothing refers to: erased ones, and those of mails that were never told to be
// on disk. It removes the databases that repairs have kept. Afterwards none of
// those octets are in the store's files. Nobody may have the store open
// (ErrLocked), and it must be whole (ErrDamaged).
//
// A cut at any moment leaves a whole store, the old or the new. What a cut has
// left behind, the next compaction removes.
func Compact(ctx context.Context, dir string, opt Options, progress func(Progress)) (CompactReport, error) {
	opt.MinFree = -1
	db, err := Open(dir, opt)
	if err != nil {
		return CompactReport{}, err
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	c := compaction{db: db, progress: progress, moved: map[RecordID]place{}, live: map[uint32][]located{}}
	r, err := c.run(ctx)
	return r, errors.Join(err, db.Close())
}

type compaction struct {
	db       *DB
	progress func(Progress)
	live     map[uint32][]located // what is referred to, by segment
	dirty    []uint32             // segments with something else in them
	octets   int64                // to be copied out of those
	out      segmentWriter
	moved    map[RecordID]place
}

type located struct {
	id RecordID
	place
}

func (c *compaction) run(ctx context.Context) (r CompactReport, err error) {
	r.Removed = []string{}
	found, err := c.db.Check(ctx)
	if err != nil {
		return r, err
	}
	if len(found.Problems) > 0 {
		return r, fmt.Errorf("%w: %s; nothing was changed", ErrDamaged, found.Problems[0])
	}
	if r.DatabaseBefore, r.SegmentsBefore, err = c.sizes(); err != nil {
		return r, err
	}
	if err := c.plan(); err != nil {
		return r, err
	}
	if err := c.copySegments(ctx); err != nil {
		return r, fmt.Errorf("writing segments: %w", err)
	}
	if err := c.database(); err != nil {
		return r, fmt.Errorf("writing the database: %w", err)
	}
	if err := c.removeOld(); err != nil {
		return r, err
	}
	if r.Removed, err = c.removeKept(); err != nil {
		return r, err
	}
	r.DatabaseAfter, r.SegmentsAfter, err = c.sizes()
	return r, err
}

// sizes are those of the files, without what they have grown ahead.
func (c *compaction) sizes() (database, segments int64, err error) {
	st, err := os.Stat(filepath.Join(c.db.dir, dbName))
	if err != nil {
		return 0, 0, err
	}
	nums, err := segmentNumbers(c.db.segments.dir)
	for _, n := range nums {
		info, serr := os.Stat(c.db.segments.path(n))
		if serr != nil {
			return 0, 0, serr
		}
		segments += info.Size()
	}
	return st.Size(), segments, err
}

// plan finds what is referred to, and the segments that hold anything else.
func (c *compaction) plan() error {
	err := c.db.snapshot(context.Background(), func(tx *bolt.Tx) error {
		for e := range tableOf(tx, bRecords).from(nil) {
			p, err := place{}, e.err
			if err == nil {
				p, err = decodePlace(e.value)
			}
			if err != nil {
				return err
			}
			if !p.gone() {
				c.live[p.segment] = append(c.live[p.segment], located{RecordID(binary.BigEndian.Uint64(e.key)), p})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	nums, err := segmentNumbers(c.db.segments.dir)
	if err != nil {
		return err
	}
	for _, n := range nums {
		st, err := os.Stat(c.db.segments.path(n))
		if err != nil {
			return err
		}
		var used int64
		for _, l := range c.live[n] {
			used += l.end() - l.offset
		}
		if used < st.Size() {
			c.dirty = append(c.dirty, n)
			c.octets += used
		}
	}
	c.out = segmentWriter{dir: c.db.segments.dir, max: c.db.opt.SegmentSize, at: place{segment: c.db.segments.current}}
	return nil
}

// copySegments writes what is referred to in dirty segments into new ones.
func (c *compaction) copySegments(ctx context.Context) error {
	m := &meter{ctx: ctx, step: "segments", total: c.octets, sum: noSum{}, progress: c.progress}
	for _, n := range c.dirty {
		list := c.live[n]
		slices.SortFunc(list, func(x, y located) int { return int(x.offset - y.offset) })
		for _, l := range list {
			if err := c.copyRecord(l, m); err != nil {
				return err
			}
		}
	}
	if len(c.dirty) == 0 {
		return nil
	}
	return c.out.finish()
}

func (c *compaction) copyRecord(l located, m *meter) error {
	from, err := c.db.segments.file(l.segment)
	if err != nil {
		return err
	}
	c.moved[l.id], err = c.out.copy(from, l.place, func(w io.Writer) io.Writer {
		m.w = w
		return m
	})
	return err
}

// database writes the database anew, with the new places.
func (c *compaction) database() error {
	c.progress(Progress{Step: "database", Total: 1})
	err := rewrite(c.db.dir, c.db.bolt, func(name, key, sealed []byte) ([]byte, error) {
		if string(name) != string(bRecords) {
			return sealed, nil
		}
		if to, ok := c.moved[RecordID(binary.BigEndian.Uint64(key))]; ok {
			return seal(string(bRecords), key, to.encode()), nil
		}
		return sealed, nil
	})
	if err == nil {
		c.progress(Progress{"database", 1, 1})
	}
	return err
}

func (c *compaction) removeOld() error {
	for _, n := range c.dirty {
		if err := os.Remove(c.db.segments.path(n)); err != nil {
			return err
		}
		c.progress(Progress{"removing", 1, 1})
	}
	return syncDir(c.db.segments.dir)
}

// removeKept removes the databases that repairs have kept, and names them.
func (c *compaction) removeKept() ([]string, error) {
	names := []string{}
	entries, err := os.ReadDir(c.db.dir)
	if err != nil {
		return names, err
	}
	for _, e := range entries {
		if !isKept(e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(c.db.dir, e.Name())); err != nil {
			return names, err
		}
		names = append(names, e.Name())
	}
	return names, syncDir(c.db.dir)
}

// noSum is for a meter whose octets need no hash.
type noSum struct{}

func (noSum) Write(p []byte) (int, error) { return len(p), nil }
func (noSum) Sum(b []byte) []byte         { return b }
func (noSum) Reset()                      {}
func (noSum) Size() int                   { return 0 }
func (noSum) BlockSize() int              { return 1 }
