package ticketstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// openDatabase opens the bbolt file of a folder and its journal, whatever
// happened to them last. The database then holds all that the journal does.
func openDatabase(dir string) (*bolt.DB, *journal, error) {
	path := filepath.Join(dir, dbName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := create(dir, path); err != nil {
			return nil, nil, fmt.Errorf("creating the store: %w", err)
		}
	}
	b, err := openBolt(path)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the store in %s: %w", dir, err)
	}
	if b, err = renew(dir, b); err != nil {
		return nil, nil, fmt.Errorf("rewriting the store after a failure: %w", err)
	}
	if b, err = migrate(dir, b); err != nil {
		return nil, nil, fmt.Errorf("bringing the store to schema %d: %w", schema, err)
	}
	if err := journalIsThere(dir, b); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("opening the journal in %s: %w", dir, err), b.Close())
	}
	j, err := openJournal(dir)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("opening the journal in %s: %w", dir, err), b.Close())
	}
	err = guard(func() error { return catchUp(dir, b, j) })
	if _, serr := os.Stat(filepath.Join(dir, partialName)); err == nil && serr == nil {
		err = guard(func() error { return leaveOut(b) })
	}
	if err == nil {
		err = errors.Join(unmark(dir, suspectName), unmark(dir, partialName))
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("reading the journal in %s: %w", dir, err), j.close(), b.Close())
	}
	return b, j, nil
}

// journalIsThere refuses a database whose journal is missing: it may hold what was
// answered last. A database that never had one has none, nor has one that was just
// restored.
func journalIsThere(dir string, b *bolt.DB) error {
	_, err := os.Stat(filepath.Join(dir, journalName))
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, partialName)); err == nil {
		return nil
	}
	return b.View(func(tx *bolt.Tx) error {
		applied, err := appliedOf(tx)
		if err == nil && applied > 0 {
			err = fmt.Errorf("%w: %s is missing, and what was answered last may be in it; put it back, restore a backup, or run \"mxdesk store repair\"", ErrDamaged, journalName)
		}
		return err
	})
}

// catchUp brings the database up to what the journal says, and the segments.
func catchUp(dir string, b *bolt.DB, j *journal) error {
	tx, err := b.Begin(true)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // over already when it is committed
	applied, err := appliedOf(tx)
	if err != nil {
		return err
	}
	j.next = applied + 1
	if noCatchUp {
		return nil
	}
	w := newWriter(tx)
	runs := segmentRuns{dir: filepath.Join(dir, segmentsName), files: map[uint32]*os.File{}}
	last, err := j.behind(applied, func(notes []byte) error { return w.replay(notes, runs.put) })
	if err = errors.Join(err, runs.close()); err != nil || last == applied {
		return err
	}
	j.next = last + 1
	return w.commit(last)
}

// segmentRuns writes octets into segments that are not open otherwise.
type segmentRuns struct {
	dir   string
	files map[uint32]*os.File
}

func (s *segmentRuns) put(segment uint32, offset int64, octets []byte) error {
	f := s.files[segment]
	if f == nil {
		var err error
		if f, err = os.OpenFile(segmentPath(s.dir, segment), os.O_RDWR, 0); err != nil {
			return err
		}
		s.files[segment] = f
	}
	_, err := f.WriteAt(octets, offset)
	return err
}

// close puts the segments on disk.
func (s *segmentRuns) close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, flush(f), f.Close())
	}
	return errors.Join(errs...)
}

// minMap is how much of the address space the database is mapped to, at least.
// When it outgrows the mapping, changes wait until every reader of the moment
// is done, as a backup is after a while. Address space costs nothing.
const minMap = 1 << 30

// growStep is by how much the file grows, in octets.
const growStep = 4 << 20

// boltOptions keep the list of free pages in the file. To make one of the tree, as
// bbolt does where there is none, takes longer than to look at every page, which
// is done anyway (see checkPages). With a few commits a second, as checkpoints
// are, it costs nothing that shows; with one for each change the file would grow.
func boltOptions(size int64) *bolt.Options {
	return &bolt.Options{
		Timeout:         time.Second,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: int(max(minMap, 2*size)),
	}
}

// openBolt opens a bbolt file, made when there is none. One that is there is
// looked at first: bbolt would end the process over a page that is damaged.
func openBolt(path string) (*bolt.DB, error) {
	st, err := os.Stat(path)
	var size int64
	if err == nil {
		size = st.Size()
		if err := checkUnlessLocked(path); err != nil {
			return nil, err
		}
	}
	b, err := bolt.Open(path, 0o600, boltOptions(size))
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, err
	}
	b.AllocSize, b.NoSync = growStep, noFlush
	return b, nil
}

// checkUnlessLocked looks at the pages of a file, unless a process works on
// them, as one of an earlier version may, which does not lock the folder: that
// would show damage where there is none.
func checkUnlessLocked(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := lockFile(f, lockWait); err != nil {
		return err
	}
	return checkPages(path)
}

// create makes an empty store under another name first: a cut in the middle
// leaves nothing that looks like a store. Where records are and no database,
// that was lost: an empty one would hide it.
func create(dir, path string) error {
	if _, err := os.Stat(filepath.Join(dir, partialName)); err == nil {
		return fmt.Errorf("%w: a backup was restored to %s in part; restore it again", ErrDamaged, dir)
	}
	if nums, err := segmentNumbers(filepath.Join(dir, segmentsName)); err == nil && len(nums) > 0 {
		return fmt.Errorf("%w: %s is missing, but there are segments; restore a backup, or run \"mxdesk store repair\"", ErrDamaged, path)
	}
	f, err := newFresh(path)
	if err != nil {
		return err
	}
	return errors.Join(f.install(), syncDir(filepath.Dir(dir)))
}

// renew rewrites the file after an exit on a failed commit: the page cache may
// then hold what the disk does not, so every page is written and flushed anew.
func renew(dir string, b *bolt.DB) (*bolt.DB, error) {
	mark := filepath.Join(dir, suspectName)
	if _, err := os.Stat(mark); errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	n, err := schemaOf(b)
	switch {
	case err != nil:
		return nil, errors.Join(err, b.Close())
	case n < schema:
		return migrate(dir, b) // is a rewrite
	}
	if err := rewrite(dir, b, asItIs); err != nil {
		return nil, err
	}
	return openBolt(filepath.Join(dir, dbName))
}

// unmark removes a mark: of a failed commit, when everything is on disk, or of a
// restore that was cut behind its last file.
func unmark(dir, name string) error {
	err := os.Remove(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return errors.Join(err, syncDir(dir))
}
