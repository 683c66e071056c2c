package message

import (
	"bytes"
	"io"
)

// A mail that is in memory is read where it is. Its octets are not ours: nothing
// may write to them, nor keep them when the reading is over.

// inMemory returns the octets from one place to another of a mail that has a
// method InMemory() []byte, which returns nil when they do not lie in one run of
// memory; else nil.
func inMemory(src io.ReaderAt, from, to int64) []byte {
	if m, ok := src.(interface{ InMemory() []byte }); ok {
		if b := m.InMemory(); b != nil && 0 <= from && from <= to && to <= int64(len(b)) {
			return b[from:to:to]
		}
	}
	return nil
}

// rangeReader reads the octets from one place to another. For a mail in memory it
// is a [bytes.Buffer], whose Next gives them without a copy.
func rangeReader(src io.ReaderAt, from, to int64) io.Reader {
	if b := inMemory(src, from, to); b != nil {
		return bytes.NewBuffer(b)
	}
	return io.NewSectionReader(src, from, max(to-from, 0))
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
