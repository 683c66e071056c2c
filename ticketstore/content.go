package ticketstore

import (
	"io"
	"sync"
)

// Octets is Content in memory.
type Octets []byte

// ReadAt is part of Content.
func (o Octets) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > int64(len(o)) {
		return 0, io.EOF
	}
	n := copy(p, o[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Size is part of Content.
func (o Octets) Size() int64 { return int64(len(o)) }

// Held returns the octets from a place on, for WriteContent.
func (o Octets) Held(from int64) []byte {
	if from < 0 || from > int64(len(o)) {
		return nil
	}
	return o[from:]
}

// copyBuffers are those of WriteContent that are not in use.
var copyBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// WriteContent writes the octets of c from one place to another, all of them or
// an error. Of Content that has a method Held(from int64) []byte, which returns the
// octets from a place on that lie in one run of memory, these are not copied.
func WriteContent(w io.Writer, c Content, from, to int64) error {
	if m, ok := c.(interface{ Held(from int64) []byte }); ok {
		for from < to {
			b := m.Held(from)
			if len(b) == 0 {
				break
			}
			b = b[:min(int64(len(b)), to-from)]
			if _, err := w.Write(b); err != nil {
				return err
			}
			from += int64(len(b))
		}
		if from == to {
			return nil
		}
	}
	buf, _ := copyBuffers.Get().(*[64 << 10]byte)
	defer copyBuffers.Put(buf)
	n, err := io.CopyBuffer(onlyWriter{w}, io.NewSectionReader(c, from, to-from), buf[:])
	if err == nil && n != to-from {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// onlyWriter hides a ReadFrom, which would use a buffer of its own.
type onlyWriter struct{ io.Writer }
