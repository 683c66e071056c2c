package ticketstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// partialName marks a folder whose restoring broke off: it may be restored
// into again, and is no store. It names the files that are restored, one a line.
const partialName = "restore.partial"

// A desk that is restored goes its own way from where the backup ends. What was
// given out after that is in people's mail: numbers of tickets, in subjects and in
// signed addresses, which must not come to mean another ticket. So it leaves
// numbers out, and writes to a segment of a number that the desk before did not
// reach, so that no backup takes the segments of the one for those of the other.
const segmentsLeftOut = 1000

// leftOut is how many numbers are left out behind the last.
func leftOut(last uint64) uint64 { return max(1000, last/10) }

// RestoreReport says what was restored.
type RestoreReport struct {
	Files  int      `json:"files"`
	Octets int64    `json:"octets"`
	Next   TicketID `json:"next_ticket"` // the number of the next one
}

// Restore copies the backup in the folder from into the folder dir, made when
// missing, which must be empty; what a restore that broke off has left there is
// removed. Every octet is compared with the manifest. The database comes last: a
// folder that was restored in part is refused when it is opened. progress may be
// nil.
func Restore(ctx context.Context, from, dir string, progress func(Progress)) (_ RestoreReport, err error) {
	m, err := readManifest(from)
	if errors.Is(err, os.ErrNotExist) {
		return RestoreReport{}, fmt.Errorf("%w: there is no backup in %s", ErrNotFound, from)
	}
	if err != nil {
		return RestoreReport{}, err
	}
	if m.Schema > schema {
		return RestoreReport{}, fmt.Errorf("%w: schema %d, this one reads %d", ErrSchema, m.Schema, schema)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return RestoreReport{}, err
	}
	lock, err := lockFolder(dir, 0)
	if err != nil {
		return RestoreReport{}, fmt.Errorf("%s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := claim(dir, &m); err != nil {
		return RestoreReport{}, err
	}
	r := restore{from: from, dir: dir, meter: meter{ctx: ctx, step: "restore", progress: progress}}
	if progress == nil {
		r.meter.progress = func(Progress) {}
	}
	if err := r.all(&m); err != nil {
		return r.report, err
	}
	b, j, err := openDatabase(dir) // which removes the mark
	if err != nil {
		return r.report, err
	}
	err = b.View(func(tx *bolt.Tx) error {
		r.report.Next = TicketID(tx.Bucket(bTickets).Sequence() + 1)
		return nil
	})
	var names []string
	for _, f := range m.Files {
		names = append(names, f.Name)
	}
	return r.report, errors.Join(err, j.close(), b.Close(), leaveToOwner(dir, names...))
}

// leaveOut is done to a database that was just restored.
func leaveOut(b *bolt.DB) error {
	if givenAgain {
		return nil
	}
	tx, err := b.Begin(true)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // over already when it is committed
	applied, err := appliedOf(tx)
	w := newWriter(tx)
	for _, name := range [][]byte{bTickets, bItems} {
		last := tx.Bucket(name).Sequence()
		err = errors.Join(err, w.grow(string(name), last+leftOut(last)))
	}
	if err != nil {
		return err
	}
	return w.commit(applied)
}

// claim marks an empty folder, or one whose restoring broke off, which is emptied.
func claim(dir string, m *Manifest) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name()] = true
	}
	delete(there, "lost+found") // of a file system that begins here
	switch {
	case there[dbName], there[journalName], len(there) > 0 && !there[partialName]:
		return fmt.Errorf("%w: %s is not empty; name an empty folder with --data", ErrRefused, dir)
	case there[partialName]:
		if err := clearPartial(dir); err != nil {
			return fmt.Errorf("removing what was restored before: %w", err)
		}
	}
	var names strings.Builder
	for _, f := range m.Files {
		fmt.Fprintln(&names, f.Name)
	}
	return errors.Join(os.MkdirAll(filepath.Join(dir, segmentsName), 0o700), writeSynced(filepath.Join(dir, partialName), []byte(names.String())), syncDir(dir))
}

// clearPartial removes what a restore that broke off has written: the files that
// its mark names, and segments.
func clearPartial(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, partialName))
	if err != nil {
		return err
	}
	names := append(strings.Split(string(raw), "\n"), dbName)
	entries, err := os.ReadDir(filepath.Join(dir, segmentsName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), freshSuffix)
		if _, err := segmentNumber(name); err == nil {
			names = append(names, filepath.Join(segmentsName, name))
		}
	}
	for _, name := range names {
		if !filepath.IsLocal(name) {
			continue
		}
		for _, path := range []string{filepath.Join(dir, name), filepath.Join(dir, name+freshSuffix)} {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	if len(entries) == 0 {
		return nil
	}
	return syncDir(filepath.Join(dir, segmentsName))
}

type restore struct {
	from, dir string
	meter     meter
	report    RestoreReport
}

func (r *restore) all(m *Manifest) error {
	for _, s := range m.Segments {
		r.meter.total += s.size()
	}
	for _, f := range m.Files {
		r.meter.total += f.Size
	}
	for _, s := range m.Segments {
		if err := r.file(s.File, s.Name, s.Pieces); err != nil {
			return err
		}
	}
	if err := r.beginSegment(m); err != nil {
		return err
	}
	for _, last := range []bool{false, true} {
		for _, f := range m.Files {
			if (f.Name == dbName) == last {
				if err := r.file(f.File, f.Name, []Piece{{Size: f.Size, SHA256: f.SHA256}}); err != nil {
					return err
				}
			}
		}
	}
	return errors.Join(syncDir(r.dir), syncDir(filepath.Dir(r.dir)))
}

// beginSegment makes the segment that is written to.
func (r *restore) beginSegment(m *Manifest) error {
	last := uint32(0)
	for _, s := range m.Segments {
		n, err := segmentNumber(filepath.Base(s.Name))
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrDamaged, manifestName, err)
		}
		last = max(last, n)
	}
	dir := filepath.Join(r.dir, segmentsName)
	if givenAgain {
		return syncDir(dir)
	}
	return errors.Join(writeSynced(segmentPath(dir, last+segmentsLeftOut), nil), syncDir(dir))
}

// file copies what the manifest says of a file, under another name until it is
// known to be right.
func (r *restore) file(from, name string, pieces []Piece) error {
	src, err := os.Open(filepath.Join(r.from, from))
	if err != nil {
		return err
	}
	defer src.Close()
	path := filepath.Join(r.dir, name)
	f, err := create600(path + freshSuffix)
	if err != nil {
		return err
	}
	defer f.Close()
	r.meter.w = f
	for i, p := range pieces {
		r.meter.sum = sha256.New()
		n, err := io.CopyN(&r.meter, src, p.Size)
		r.report.Octets += n
		if errors.Is(err, io.EOF) || err == nil && r.meter.hex() != p.SHA256 && !noSums {
			return fmt.Errorf("%w: piece %d of %s in the backup is not what was written", ErrDamaged, i+1, from)
		}
		if err != nil {
			return fmt.Errorf("restoring %s: %w", name, err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("restoring %s: %w", name, err)
	}
	r.report.Files++
	return os.Rename(path+freshSuffix, path)
}
