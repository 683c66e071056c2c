package ticketstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// The kinds of note. A path is that of a table, or of a part of one.
const (
	notePut    = 'p' // path, key, value: the entry
	noteRemove = 'r' // path, key: the entry is not there
	noteDrop   = 'd' // path: the part is not there
	noteGrow   = 'g' // table, number: the highest that was given out, at least
	noteRun    = 's' // segment and offset, octets: what stands there
)

// noteFields is how many fields a note of a kind has; 0 for no kind.
func noteFields(kind byte) int {
	switch kind {
	case notePut:
		return 3
	case noteRemove, noteGrow, noteRun:
		return 2
	case noteDrop:
		return 1
	}
	return 0
}

func appendNote(b []byte, kind byte, path string, fields ...[]byte) []byte {
	b = append(b, kind)
	b = append(binary.AppendUvarint(b, uint64(len(path))), path...)
	for _, f := range fields {
		b = append(binary.AppendUvarint(b, uint64(len(f))), f...)
	}
	return b
}

// note is a note that was read; its fields lie in what it was read from.
type note struct {
	kind   byte
	fields [3][]byte
}

var errNote = fmt.Errorf("%w: a note in %s makes no sense", ErrDamaged, journalName)

// eachNote calls fn for each note in the body of a record.
func eachNote(b []byte, fn func(note) error) error {
	for len(b) > 0 {
		n := note{kind: b[0]}
		fields := noteFields(n.kind)
		if fields == 0 {
			return errNote
		}
		b = b[1:]
		for i := range fields {
			size, used := binary.Uvarint(b)
			if used <= 0 || size > uint64(len(b)-used) {
				return errNote
			}
			n.fields[i], b = b[used:used+int(size)], b[used+int(size):]
		}
		if err := fn(n); err != nil {
			return err
		}
	}
	return nil
}

// number reads the second field of a noteGrow.
func (n *note) number() (uint64, error) {
	if len(n.fields[1]) != 8 {
		return 0, errNote
	}
	return binary.BigEndian.Uint64(n.fields[1]), nil
}

// run reads where the octets of a noteRun stand.
func (n *note) run() (segment uint32, offset int64, err error) {
	at := n.fields[0]
	if len(at) != 12 || binary.BigEndian.Uint64(at[4:]) > 1<<62 {
		return 0, 0, errNote
	}
	return binary.BigEndian.Uint32(at), int64(binary.BigEndian.Uint64(at[4:])), nil
}

func appendRun(b []byte, segment uint32, offset int64, octets []byte) []byte {
	at := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, segment), uint64(offset))
	return appendNote(b, noteRun, string(at), octets)
}

// writer changes the tables of a transaction, and notes what it does.
type writer struct {
	tx    *bolt.Tx
	sums  *sums
	open  map[string]table // by path
	notes []byte
}

func newWriter(tx *bolt.Tx) *writer {
	for name, fill := range fills {
		tx.Bucket([]byte(name)).FillPercent = fill
	}
	return &writer{tx: tx, sums: newSums(tx), open: map[string]table{}}
}

// at returns a table, or a part of one, made when missing.
func (w *writer) at(path string) (table, error) {
	if t, ok := w.open[path]; ok {
		return t, nil
	}
	name, part, divided := strings.Cut(path, "/")
	t := table{w.tx.Bucket([]byte(name)), name}
	if t.bucket == nil {
		return t, fmt.Errorf("%w: there is no table %q", ErrDamaged, name)
	}
	if divided {
		b, err := t.bucket.CreateBucketIfNotExists([]byte(part))
		if err != nil {
			return t, err
		}
		t.bucket = b
	}
	w.open[path] = t
	return t, nil
}

// put writes an entry.
func (w *writer) put(path string, key, value []byte) error {
	t, err := w.at(path)
	if err != nil {
		return err
	}
	w.notes = appendNote(w.notes, notePut, path, key, value)
	return w.sums.put(path, t, key, value)
}

// remove deletes an entry, if it is there.
func (w *writer) remove(path string, key []byte) error {
	t, err := w.at(path)
	if err != nil {
		return err
	}
	w.notes = appendNote(w.notes, noteRemove, path, key)
	return w.sums.remove(path, t, key)
}

// drop deletes a part of a table, if it is there.
func (w *writer) drop(path string) error {
	name, part, _ := strings.Cut(path, "/")
	b := w.tx.Bucket([]byte(name))
	if b == nil || b.Bucket([]byte(part)) == nil {
		return nil
	}
	w.notes = appendNote(w.notes, noteDrop, path)
	delete(w.open, path)
	return errors.Join(w.sums.forget(path), b.DeleteBucket([]byte(part)))
}

// grow raises the highest number that a table has given out to at least n.
func (w *writer) grow(name string, n uint64) error {
	t, err := w.at(name)
	if err != nil || t.bucket.Sequence() >= n {
		return err
	}
	if _, err := w.sums.at(name, t.bucket); err != nil { // where it is noted, too
		return err
	}
	w.notes = appendNote(w.notes, noteGrow, name, key64(n))
	return t.bucket.SetSequence(n)
}

// commit ends the transaction, which then holds the journal up to the record
// applied.
func (w *writer) commit(applied uint64) error {
	if err := errors.Join(w.sums.write(), putApplied(w.tx, applied)); err != nil {
		return err
	}
	return w.tx.Commit()
}

// replay does what the notes of a record say. Runs of segments go to run.
func (w *writer) replay(notes []byte, run func(segment uint32, offset int64, octets []byte) error) error {
	w.notes = w.notes[:0]
	return eachNote(notes, func(n note) error {
		path := string(n.fields[0])
		switch n.kind {
		case notePut:
			table, _, _ := strings.Cut(path, "/")
			return w.put(path, n.fields[1], current(table, n.fields[2])) // schema 2 had a journal at its end
		case noteRemove:
			return w.remove(path, n.fields[1])
		case noteDrop:
			return w.drop(path)
		case noteGrow:
			last, err := n.number()
			if err != nil {
				return err
			}
			return w.grow(path, last)
		default:
			segment, offset, err := n.run()
			if err != nil {
				return err
			}
			return run(segment, offset, n.fields[1])
		}
	})
}
