package ticketstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

// A backup is a folder with a copy of the database, of the files beside it, of
// every segment, and a manifest that says which octets belong to it. Segments
// only grow, so the next backup into the same folder adds what is new. The
// manifest is replaced last: a backup that breaks off leaves the one before, and
// the next removes what it has left.
const manifestName = "manifest.json"

// markFormat is that of the time in the names of a backup's files.
const markFormat = "20060102T150405.000000000"

// manifestVersion is that of a backup's layout.
const manifestVersion = 1

// Manifest lists what a backup holds.
type Manifest struct {
	Version  int               `json:"version"`
	Schema   uint32            `json:"schema"` // of the database
	Created  time.Time         `json:"created"`
	Tickets  TicketID          `json:"tickets"` // the last number given out; 0: not known
	Files    []ManifestFile    `json:"files"`
	Segments []ManifestSegment `json:"segments"`
}

// ManifestFile is a file that is copied whole with each backup.
type ManifestFile struct {
	Name   string `json:"name"` // in the data folder
	File   string `json:"file"` // in the backup
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// ManifestSegment is a segment, in the pieces that the backups added to it.
type ManifestSegment struct {
	Name   string  `json:"name"`
	File   string  `json:"file"`
	Pieces []Piece `json:"pieces"`
}

// Piece is a run of octets; it begins where the one before ends.
type Piece struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (s *ManifestSegment) size() (n int64) {
	for _, p := range s.Pieces {
		n += p.Size
	}
	return n
}

// Progress is how far a step of something long is, in octets.
type Progress struct {
	Step  string `json:"step"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

// BackupReport says what a backup did.
type BackupReport struct {
	Database int64 `json:"database"` // octets
	Segments int64 `json:"segments"` // octets, in the backup
	Copied   int64 `json:"copied"`   // of those, new in this one
	// Problems are damaged records; they are in the backup as they are.
	Problems []string `json:"problems"`
}

// Backup copies the store into the folder dir, made when missing, while it is
// at work: a snapshot of the database, then the segments up to what it refers
// to. Changes go on; the snapshot keeps pages from being used again, so the
// file grows the longer a copy takes. A damaged database is refused with
// ErrDamaged, and one that has given out fewer tickets than that of the backup which
// is there with ErrRefused; that backup stays. progress may be nil.
func (db *DB) Backup(ctx context.Context, dir string, progress func(Progress)) (BackupReport, error) {
	b := &backup{dir: dir, live: db, progress: progress, report: BackupReport{Problems: []string{}}}
	if progress == nil {
		b.progress = func(Progress) {}
	}
	release, err := b.prepare()
	if err != nil {
		return b.report, err
	}
	err = db.snapshot(ctx, func(tx *bolt.Tx) error { return b.database(ctx, tx) })
	for _, step := range []func(context.Context) error{b.beside, b.segments} {
		if err == nil {
			err = step(ctx)
		}
	}
	if err != nil { // the disk may be full of it
		return b.report, errors.Join(err, b.sweep(&b.old), release())
	}
	return b.report, errors.Join(b.finish(), release())
}

// backup is one that is being made.
type backup struct {
	dir      string
	live     *DB
	progress func(Progress)
	old      Manifest // of the backup before, zero when there is none
	now      Manifest
	mark     string           // in the names of this backup's files
	ends     map[uint32]int64 // of what the snapshot refers to, by segment
	report   BackupReport
}

// prepare makes the folder, keeps others from writing to it, reads the manifest
// that is there and removes what does not belong to that backup.
func (b *backup) prepare() (release func() error, err error) {
	same, err := sameFolder(b.dir, b.live.dir)
	if err != nil {
		return nil, err
	}
	if same {
		return nil, fmt.Errorf("%w: %s is the data folder; name another", ErrRefused, b.dir)
	}
	if isDataFolder(b.dir) {
		return nil, fmt.Errorf("%w: %s is the data folder of another desk; name another", ErrRefused, b.dir)
	}
	if err := os.MkdirAll(filepath.Join(b.dir, segmentsName), 0o700); err != nil {
		return nil, err
	}
	lock, err := lockFolder(b.dir, 0)
	if errors.Is(err, ErrLocked) {
		return nil, fmt.Errorf("%w: another backup into %s is under way", ErrRefused, b.dir)
	}
	if err != nil {
		return nil, err
	}
	b.old, err = readManifest(b.dir)
	if errors.Is(err, os.ErrNotExist) {
		err = b.nothingElse()
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	at := time.Now().UTC()
	b.mark = at.Format(markFormat)
	b.now = Manifest{Version: manifestVersion, Schema: schema, Created: at}
	if err := errors.Join(syncDir(b.dir), b.sweep(&b.old)); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock.Close, nil
}

// nothingElse refuses a folder without a manifest that holds mails: they are what
// is left of a desk, unless a copy of a database says that a backup broke off.
func (b *backup) nothingElse() error {
	nums, err := segmentNumbers(filepath.Join(b.dir, segmentsName))
	if err != nil || len(nums) == 0 {
		return err
	}
	entries, err := os.ReadDir(b.dir)
	if err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return filepath.Ext(e.Name()) == filepath.Ext(dbName) && b.ours(e.Name()) }) {
		return err
	}
	return fmt.Errorf("%w: %s holds segments of mails and no backup: they may be what is left of a desk; name another folder", ErrRefused, b.dir)
}

// isDataFolder reports whether a desk's files are in a folder; a backup's have
// other names.
func isDataFolder(dir string) bool {
	return slices.ContainsFunc([]string{dbName, journalName, partialName}, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
}

// NotABackup refuses a folder that holds a backup, and says how to restore it
// (ErrRefused): no store is to be made of it where it lies.
func NotABackup(dir string) error {
	if isDataFolder(dir) {
		return nil
	}
	for _, name := range []string{manifestName, segmentsName} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return nil
		}
	}
	return fmt.Errorf("%w: %s holds a backup and is no data folder; restore it to an empty one: \"mxdesk --data DIR store restore --from %s\"", ErrRefused, dir, dir)
}

func sameFolder(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	y, yerr := os.Stat(b)
	if err = errors.Join(err, yerr); err != nil {
		return false, err
	}
	return os.SameFile(x, y), nil
}

func readManifest(dir string) (m Manifest, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("%w: %s: %w", ErrDamaged, filepath.Join(dir, manifestName), err)
	}
	if m.Version != manifestVersion {
		return m, fmt.Errorf("%w: backup of version %d", ErrSchema, m.Version)
	}
	for _, s := range m.Segments {
		if !filepath.IsLocal(s.File) || !filepath.IsLocal(s.Name) {
			return m, fmt.Errorf("%w: %s names %q", ErrDamaged, manifestName, s.File)
		}
	}
	for _, f := range m.Files {
		if !filepath.IsLocal(f.File) || !filepath.IsLocal(f.Name) {
			return m, fmt.Errorf("%w: %s names %q", ErrDamaged, manifestName, f.File)
		}
	}
	return m, nil
}

// database copies the snapshot of a transaction, once it is known to be whole.
func (b *backup) database(ctx context.Context, tx *bolt.Tx) error {
	var r Report
	c := checker{Report: &r, view: &view{tx: tx, segments: b.live.segments}}
	if err := errors.Join(c.tables(ctx), b.findEnds(tx)); err != nil {
		return err
	}
	b.now.Tickets = TicketID(tx.Bucket(bTickets).Sequence())
	if b.now.Tickets < b.old.Tickets {
		return fmt.Errorf("%w: %s holds the backup of a desk with ticket %s, and this one has given out no more than %s: is it the right one? name another folder, or remove that one",
			ErrRefused, b.dir, b.old.Tickets, b.now.Tickets)
	}
	if len(r.Problems) > 0 {
		return fmt.Errorf("%w: %s; nothing was copied, \"mxdesk store check\" says more", ErrDamaged, r.Problems[0])
	}
	file := copyName(dbName, b.mark)
	f, err := create600(filepath.Join(b.dir, file))
	if err != nil {
		return err
	}
	w := &meter{ctx: ctx, w: f, sum: sha256.New(), step: "database", total: tx.Size(), progress: b.progress}
	_, err = tx.WriteTo(w)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	b.report.Database = w.done
	b.now.Files = append(b.now.Files, ManifestFile{Name: dbName, File: file, Size: w.done, SHA256: w.hex()})
	return checkPages(filepath.Join(b.dir, file))
}

// findEnds notes up to where the snapshot refers to each segment.
func (b *backup) findEnds(tx *bolt.Tx) error {
	b.ends = map[uint32]int64{}
	for e := range tableOf(tx, bRecords).from(nil) {
		if e.err != nil {
			return e.err
		}
		p, err := decodePlace(e.value)
		if err != nil {
			return err
		}
		if !p.gone() {
			b.ends[p.segment] = max(b.ends[p.segment], p.end())
		}
	}
	return nil
}

// beside copies the small files that belong to the desk.
func (b *backup) beside(context.Context) error {
	for _, name := range b.live.opt.Beside {
		raw, err := os.ReadFile(filepath.Join(b.live.dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		file := copyName(name, b.mark)
		if err := writeSynced(filepath.Join(b.dir, file), raw); err != nil {
			return fmt.Errorf("copying %s: %w", name, err)
		}
		sum := sha256.Sum256(raw)
		b.now.Files = append(b.now.Files, ManifestFile{Name: name, File: file, Size: int64(len(raw)), SHA256: hex.EncodeToString(sum[:])})
	}
	return nil
}

// segments adds what is new in each segment.
func (b *backup) segments(ctx context.Context) error {
	m := &meter{ctx: ctx, step: "segments", progress: b.progress}
	var plans []ManifestSegment
	for n, end := range b.ends {
		s := b.kept(n, end)
		plans = append(plans, s)
		m.total += end - s.size()
		b.report.Segments += end
	}
	slices.SortFunc(plans, func(x, y ManifestSegment) int { return strings.Compare(x.Name, y.Name) })
	for _, s := range plans {
		n, err := segmentNumber(filepath.Base(s.Name))
		if err == nil {
			err = b.segment(n, &s, b.ends[n], m)
		}
		if err != nil {
			return fmt.Errorf("copying segment %s: %w", s.Name, err)
		}
		b.now.Segments = append(b.now.Segments, s)
	}
	b.report.Copied = m.done
	return nil
}

// kept is the segment as the backup before has it, if what it ends with is what
// stands there now; else an empty one.
func (b *backup) kept(n uint32, end int64) ManifestSegment {
	name := filepath.Join(segmentsName, filepath.Base(b.live.segments.path(n)))
	i := slices.IndexFunc(b.old.Segments, func(s ManifestSegment) bool { return s.Name == name })
	if i >= 0 {
		s := b.old.Segments[i]
		if s.size() <= end && b.sameTail(n, &s) {
			s.Pieces = slices.Clone(s.Pieces)
			return s
		}
		return ManifestSegment{Name: name, File: copyName(name, b.mark)}
	}
	return ManifestSegment{Name: name, File: name}
}

// sameTail compares the end of a copied segment with the same place of the live
// one. A desk that was restored from an older backup went its own way since.
func (b *backup) sameTail(n uint32, s *ManifestSegment) bool {
	size := s.size()
	from := max(0, size-64<<10)
	live, err := b.live.segments.file(n)
	if err != nil {
		return false
	}
	old, err := os.Open(filepath.Join(b.dir, s.File))
	if err != nil {
		return false
	}
	defer old.Close()
	x, y := make([]byte, size-from), make([]byte, size-from)
	_, xerr := live.ReadAt(x, from)
	_, yerr := old.ReadAt(y, from)
	return errors.Join(xerr, yerr) == nil && slices.Equal(x, y)
}

func (b *backup) segment(n uint32, s *ManifestSegment, end int64, m *meter) error {
	from := s.size()
	if from == end {
		return nil
	}
	live, err := b.live.segments.file(n)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(b.dir, s.File), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	m.w, m.sum = &offsetWriter{f, from}, sha256.New()
	if _, err := io.Copy(m, io.NewSectionReader(live, from, end-from)); err != nil {
		return err
	}
	s.Pieces = append(s.Pieces, Piece{Size: end - from, SHA256: m.hex()})
	b.verify(f, n, from, end)
	return f.Sync()
}

// verify looks at the records that were copied.
func (b *backup) verify(f io.ReaderAt, n uint32, from, end int64) {
	for at := from; at < end; {
		h, _, err := readHead(f, at, end)
		if err != nil {
			b.report.Problems = append(b.report.Problems, fmt.Sprintf("segment %d: a record at %d is damaged; those behind it were not looked at", n, at))
			return
		}
		p := place{offset: at, meta: h.meta, body: h.body}
		if crc, err := bodyCRC(io.NewSectionReader(f, p.bodyOffset(), p.body)); err != nil || crc != h.bodyCRC {
			b.report.Problems = append(b.report.Problems, fmt.Sprintf("segment %d: record %d is damaged", n, h.id))
		}
		at = p.end()
	}
}

// finish writes the manifest and removes what only older backups used.
func (b *backup) finish() error {
	raw, err := json.MarshalIndent(b.now, "", "  ")
	if err != nil {
		return err
	}
	tmp, path := filepath.Join(b.dir, manifestName+freshSuffix), filepath.Join(b.dir, manifestName)
	if err := errors.Join(syncDir(filepath.Join(b.dir, segmentsName)), syncDir(b.dir), writeSynced(tmp, append(raw, '\n'))); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	if err := errors.Join(syncDir(b.dir), syncDir(filepath.Dir(b.dir))); err != nil {
		return err
	}
	return b.sweep(&b.now)
}

// meter passes octets on, adds them to a hash and tells how far it is.
type meter struct {
	ctx      context.Context
	w        io.Writer
	sum      hash.Hash
	step     string
	done     int64
	total    int64
	told     int64
	progress func(Progress)
}

// tellEach is how many octets lie between two reports of progress.
const tellEach = 4 << 20

func (m *meter) Write(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.w.Write(p)
	m.sum.Write(p[:n])
	m.done += int64(n)
	if m.done == m.total || m.done-m.told >= tellEach {
		m.told = m.done
		m.progress(Progress{m.step, m.done, m.total})
	}
	return n, err
}

func (m *meter) hex() string { return hex.EncodeToString(m.sum.Sum(nil)) }

func create600(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
}

// writeSynced writes a file and puts it on disk; its folder's entry is not.
func writeSynced(path string, octets []byte) error {
	f, err := create600(path)
	if err != nil {
		return err
	}
	_, err = f.Write(octets)
	return errors.Join(err, f.Sync(), f.Close())
}
