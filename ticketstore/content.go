package ticketstore

import (
	"io"
	"sync"
)

// Octets is Content in memory.
type Octets []byte

// ReadAt is part of Content.
func (o Octets) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(o)) {
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

// InMemory returns the octets themselves, for WriteContent.
func (o Octets) InMemory() []byte { return o }

// copyBuffers are those of WriteContent that are not in use.
var copyBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// WriteContent writes the octets of c from one place to another, all of them or
// an error. Of Content that has a method InMemory() []byte, which returns nil when
// they do not lie in one run of memory, nothing is copied.
func WriteContent(w io.Writer, c Content, from, to int64) error {
	if m, ok := c.(interface{ InMemory() []byte }); ok {
		if b := m.InMemory(); b != nil && 0 <= from && from <= to && to <= int64(len(b)) {
			_, err := w.Write(b[from:to])
			return err
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
