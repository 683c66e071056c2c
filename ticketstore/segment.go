package ticketstore

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const segmentSuffix = ".seg"

// segments is the folder of segment files. Only the committer writes.
type segments struct {
	dir     string
	max     int64        // a segment over this size is followed by a new one
	mu      sync.RWMutex // of files: readers look up what the committer adds
	files   map[uint32]*os.File
	current uint32
	end     int64 // of the records written so far in the current segment
	kept    int64 // of those that count
	w       *bufio.Writer
	dirty   bool // something is not flushed
	group   run
	whole   bool // group holds all that was appended since beginRun
}

// run is octets of a segment.
type run struct {
	segment uint32
	offset  int64
	octets  []byte
}

// openSegments opens the folder and cuts a torn record off the tail. from says
// up to where the database refers to records: nothing before it is read.
func openSegments(dir string, max int64, from place) (*segments, error) {
	s := &segments{dir: dir, max: max, files: map[uint32]*os.File{}}
	nums, err := segmentNumbers(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, n := range nums {
		f, err := os.OpenFile(s.path(n), os.O_RDWR, 0)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.files[n], s.current = f, n
	}
	if _, err := s.file(from.segment); err != nil && from.segment != 0 {
		return nil, errors.Join(fmt.Errorf("%w: %w, where the newest mails are; put it back, restore a backup, or run \"mxdesk store repair\"", ErrDamaged, err), s.close())
	}
	if len(nums) == 0 {
		return s, s.start(1)
	}
	if err := s.cutTail(from); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func segmentNumbers(dir string) ([]uint32, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var nums []uint32
	for _, e := range entries {
		if n, err := segmentNumber(e.Name()); err == nil {
			nums = append(nums, n)
		}
	}
	slices.Sort(nums)
	return nums, nil
}

// segmentNumber reads the name of a segment's file.
func segmentNumber(file string) (uint32, error) {
	name, ok := strings.CutSuffix(file, segmentSuffix)
	n, err := strconv.ParseUint(name, 10, 32)
	if !ok || err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not the name of a segment", file)
	}
	return uint32(n), nil
}

func (s *segments) path(n uint32) string { return segmentPath(s.dir, n) }

func segmentPath(dir string, n uint32) string {
	return filepath.Join(dir, fmt.Sprintf("%06d%s", n, segmentSuffix))
}

// segmentWriter copies records into segments that are new in their folder.
type segmentWriter struct {
	dir string
	max int64
	out *os.File
	at  place // number and end of the segment being written, or of the last one
}

func (w *segmentWriter) begin() (err error) {
	w.at = place{segment: w.at.segment + 1}
	w.out, err = os.OpenFile(segmentPath(w.dir, w.at.segment), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return err
}

// end puts the segment on disk; its folder's entry is not.
func (w *segmentWriter) end() error {
	if w.out == nil {
		return nil
	}
	err := errors.Join(w.out.Sync(), w.out.Close())
	w.out = nil
	return err
}

// finish ends the last segment and begins an empty one: in the segment that is
// appended to, the newest record must be the last that is referred to.
func (w *segmentWriter) finish() error {
	return errors.Join(w.end(), w.begin(), w.end(), syncDir(w.dir))
}

// copy copies a whole record and returns where it then lies. through may wrap
// the writer, to count.
func (w *segmentWriter) copy(from io.ReaderAt, p place, through func(io.Writer) io.Writer) (place, error) {
	if w.out == nil || w.at.offset >= w.max {
		if err := errors.Join(w.end(), w.begin()); err != nil {
			return place{}, err
		}
	}
	to := p
	to.segment, to.offset = w.at.segment, w.at.offset
	dst := through(&offsetWriter{w.out, to.offset})
	if _, err := io.Copy(dst, io.NewSectionReader(from, p.offset, p.end()-p.offset)); err != nil {
		return place{}, err
	}
	w.at.offset = to.end()
	return to, nil
}

// start begins a new segment. An empty one may be there: of a try that failed.
func (s *segments) start(n uint32) error {
	f, err := os.OpenFile(s.path(n), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err == nil && st.Size() > 0 {
		err = fmt.Errorf("segment %s is there already, and nothing refers to it", s.path(n))
	}
	if err == nil {
		err = syncDir(s.dir)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.mu.Lock()
	s.files[n] = f
	s.mu.Unlock()
	s.current, s.end, s.kept, s.w = n, 0, 0, nil
	return nil
}

// file returns an open segment.
func (s *segments) file(n uint32) (*os.File, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if f := s.files[n]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("segment %s is missing", s.path(n))
}

// cutTail walks the records behind the last one referred to and truncates the
// current segment where the first torn one begins. Whole records without a
// reference stay. When that last one is not where it should be nothing is cut: the
// file may be another one than the database means.
func (s *segments) cutTail(from place) error {
	f := s.files[s.current]
	st, err := f.Stat()
	if err != nil {
		return err
	}
	var off int64
	if from.segment == s.current {
		off = from.end()
		h, _, err := readHead(f, from.offset, st.Size())
		if off <= st.Size() && (err != nil || h.body != from.body || h.digestStart() != from.digest) {
			off = st.Size() // where records begin and end is not known
		}
	}
	for off < st.Size() {
		h, _, err := readHead(f, off, st.Size())
		if err != nil {
			break
		}
		p := place{offset: off, meta: h.meta, body: h.body}
		crc, err := bodyCRC(io.NewSectionReader(f, p.bodyOffset(), p.body))
		if err != nil || crc != h.bodyCRC {
			break
		}
		off = p.end()
	}
	if off > st.Size() {
		return fmt.Errorf("segment %s is shorter than the database says: %d of %d octets", s.path(s.current), st.Size(), off)
	}
	if off < st.Size() && !keptTail {
		if err := f.Truncate(off); err != nil {
			return err
		}
		if err := flush(f); err != nil {
			return err
		}
	}
	s.end, s.kept = off, off
	return nil
}

// offsetWriter appends to a segment.
type offsetWriter struct {
	f   *os.File
	off int64
}

func (w *offsetWriter) Write(b []byte) (int, error) {
	n, err := w.f.WriteAt(b, w.off)
	w.off += int64(n)
	return n, err
}

// append writes a record into the buffer and returns where it will lie. It is
// on disk only after sync.
func (s *segments) append(r Record, crc uint32) (place, error) {
	meta := encode(&r.Meta)
	if s.end >= s.max {
		if err := errors.Join(s.write(), s.sync()); err != nil {
			return place{}, err
		}
		s.whole = false
		if err := s.start(s.current + 1); err != nil {
			return place{}, err
		}
	}
	if s.w == nil {
		s.w = bufio.NewWriterSize(&offsetWriter{s.files[s.current], s.end}, 128<<10)
	}
	p := place{segment: s.current, offset: s.end, meta: uint32(len(meta)), body: r.Content.Size()}
	h := head{kind: r.Kind, id: r.ID, body: p.body, bodyCRC: crc, digest: r.Digest}
	p.digest = h.digestStart()
	s.dirty = true
	w := io.Writer(s.w)
	if s.whole = s.whole && int64(len(s.group.octets))+p.end()-p.offset <= embedOctets; s.whole {
		w = io.MultiWriter(s.w, &s.group)
	}
	for range timesWritten {
		if _, err := w.Write(encodeHead(h, meta)); err != nil {
			return place{}, err
		}
		if err := WriteContent(w, r.Content, 0, p.body); err != nil {
			return place{}, err
		}
		s.end += p.end() - p.offset
	}
	return p, nil
}

// Write adds to a run.
func (r *run) Write(p []byte) (int, error) {
	r.octets = append(r.octets, p...)
	return len(p), nil
}

// beginRun begins to note what is appended.
func (s *segments) beginRun() {
	s.group, s.whole = run{s.current, s.end, s.group.octets[:0]}, true
}

// run returns what was appended since beginRun; not whole when it is too much.
func (s *segments) run() (r run, whole bool) { return s.group, s.whole }

// write puts everything appended into the file; a crash of the process does not
// harm it from then on.
func (s *segments) write() error {
	if s.w == nil {
		return nil
	}
	return s.w.Flush()
}

// sync puts everything written on disk.
func (s *segments) sync() error {
	if !s.dirty {
		return nil
	}
	if err := flush(s.files[s.current]); err != nil {
		return unflushed{fmt.Errorf("flushing a segment: %w", err)}
	}
	s.dirty = false
	return nil
}

// keep makes what was written count.
func (s *segments) keep() { s.kept = s.end }

// rewind forgets what was appended and does not count.
func (s *segments) rewind() error {
	if s.w == nil || s.end == s.kept {
		return nil
	}
	s.w, s.end = nil, s.kept
	return s.files[s.current].Truncate(s.kept)
}

// open returns the octets of a record whose checksums are right.
func (s *segments) open(id RecordID, p place) (Content, error) {
	if p.gone() {
		return nil, fmt.Errorf("record %d: %w", id, ErrGone)
	}
	f, err := s.file(p.segment)
	if err != nil {
		return nil, fmt.Errorf("%w: record %d in segment %d: %w", ErrDamaged, id, p.segment, err)
	}
	c, err := p.open(f, id)
	if err != nil {
		return nil, fmt.Errorf("%w: record %d in segment %d: %w", ErrDamaged, id, p.segment, err)
	}
	return c, nil
}

// verify reads a record back and compares it with its checksums.
func (s *segments) verify(id RecordID, p place) error {
	f, err := s.file(p.segment)
	if err == nil {
		_, err = p.open(f, id)
	}
	return err
}

func (s *segments) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	clear(s.files)
	return errors.Join(errs...)
}
