package message

import (
	"io"
	"math"
)

// A mail that is in memory is read where it is. Its octets are not ours: nothing
// may write to them, nor keep them when the reading is over.

// held is a mail that is in memory, the whole of it, in one run of octets or in
// several.
type held interface {
	// Held returns the octets from a place on that lie in one run, nil when there
	// are none.
	Held(from int64) []byte
}

// inMemory returns the octets from one place to another of a mail that is held in
// memory, when they lie in one run; else nil.
func inMemory(src io.ReaderAt, from, to int64) []byte {
	if m, ok := src.(held); ok && 0 <= from && from <= to {
		if b := m.Held(from); to-from <= int64(len(b)) {
			return b[: to-from : to-from]
		}
	}
	return nil
}

// rangeReader reads the octets from one place to another. For a mail in memory it
// is a *runReader.
func rangeReader(src io.ReaderAt, from, to int64) io.Reader {
	if m, ok := src.(held); ok && 0 <= from && from < to && len(m.Held(from)) > 0 {
		return &runReader{m, from, to}
	}
	return io.NewSectionReader(src, from, max(to-from, 0))
}

// runReader reads octets where they are.
type runReader struct {
	src     held
	at, end int64
}

// next returns at least one octet and as many as wanted when they lie in one run,
// none at the end.
func (r *runReader) next(most int) []byte {
	b := r.src.Held(r.at)
	n := min(int64(len(b)), int64(most), r.end-r.at)
	r.at += n
	return b[:n:n]
}

// rest returns what is left, up to most octets, when that lies in one run; else nil.
func (r *runReader) rest(most int64) []byte {
	want := min(r.end-r.at, most)
	b := r.src.Held(r.at)
	if int64(len(b)) < want {
		return nil
	}
	r.at += want
	return b[:want:want]
}

// Read is part of io.Reader.
func (r *runReader) Read(p []byte) (int, error) {
	n := copy(p, r.next(len(p)))
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// WriteTo is part of io.WriterTo.
func (r *runReader) WriteTo(w io.Writer) (written int64, err error) {
	for err == nil {
		b := r.next(math.MaxInt)
		if len(b) == 0 {
			break
		}
		var n int
		n, err = w.Write(b)
		written += int64(n)
	}
	return written, err
}

// readRange returns the octets from one place to another, or those before an error.
func readRange(src io.ReaderAt, from, to int64) ([]byte, error) {
	if b := inMemory(src, from, to); b != nil {
		return b, nil
	}
	b := make([]byte, max(to-from, 0))
	n, err := src.ReadAt(b, from)
	return b[:n], err
}
