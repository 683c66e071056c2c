package ticketstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// The journal makes a group of changes durable with one flush. The database
// needs two, one behind the other, and writes a page of 4 KiB for each entry; so
// it is written when a few hundred changes have come together (see checkpoint),
// and the journal holds what was answered since. It is a file of records:
//
//	magic      4  "MXJ1"
//	number     8  one more than the record before
//	body       4  its length
//	body crc   4  CRC-32C of the body
//	head crc   4  CRC-32C of everything before it
//	body          notes
//
// Numbers are big-endian. The database says up to which record it holds what
// stands here. Behind a checkpoint the first record is written over: to write to
// blocks that a file has already takes half the time of an append.
//
// A note is a change of a table, or octets of a segment that are not flushed
// there yet. Each says what is to be, not what is to be done: made twice, they
// come to the same.
const (
	journalName  = "desk.journal"
	journalMagic = "MXJ1"
	journalHead  = 4 + 8 + 4 + 4 + 4
	// journalKept is how long the file may stay, in octets, when a checkpoint
	// has emptied it.
	journalKept = 32 << 20
)

// appliedKey is the entry of the meta table with the number of the last record
// that the database holds.
var appliedKey = []byte("applied")

func putApplied(tx *bolt.Tx, n uint64) error {
	return tx.Bucket(bMeta).Put(appliedKey, seal(string(bMeta), appliedKey, key64(n)))
}

// appliedOf reads it; 0 in a database without any.
func appliedOf(tx *bolt.Tx) (uint64, error) {
	b, err := tableOf(tx, bMeta).get(appliedKey)
	switch {
	case errors.Is(err, ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case len(b) != 8:
		return 0, fmt.Errorf("%w: the number of the last journal record has %d octets", ErrDamaged, len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}

// journal is the file that is written to. Only the committer uses it.
type journal struct {
	f    *os.File
	next uint64 // number of the record that comes next
	end  int64
}

// openJournal opens the journal of a folder, made when missing.
func openJournal(dir string) (*journal, error) {
	f, err := os.OpenFile(filepath.Join(dir, journalName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syncDir(dir); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &journal{f: f}, nil
}

// write adds a record. It is on disk only after a flush.
func (j *journal) write(notes []byte) error {
	b := append(make([]byte, 0, journalHead), journalMagic...)
	b = binary.BigEndian.AppendUint64(b, j.next)
	b = binary.BigEndian.AppendUint32(b, uint32(len(notes)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(notes, castagnoli))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if _, err := j.f.WriteAt(notes, j.end+journalHead); err != nil {
		return err
	}
	_, err := j.f.WriteAt(b, j.end)
	return err
}

// spoil takes the record back that was just written and whose flush failed. What
// of it is on disk is unknown; a start without a crash does not find it.
func (j *journal) spoil() error {
	_, err := j.f.WriteAt(make([]byte, journalHead), j.end)
	return err
}

// keep makes the record just written count.
func (j *journal) keep(notes []byte) {
	j.next++
	j.end += journalHead + int64(len(notes))
}

// restart begins at the front again: the database holds everything.
func (j *journal) restart() error {
	if j.end > journalKept {
		return j.clear()
	}
	j.end = 0
	return nil
}

// clear takes everything out of the file.
func (j *journal) clear() error {
	j.end = 0
	return j.f.Truncate(0)
}

// close closes the file, once.
func (j *journal) close() error {
	if j.f == nil {
		return nil
	}
	err := j.f.Close()
	j.f = nil
	return err
}

// journalRecord is a record that was read.
type journalRecord struct {
	number  uint64
	notes   []byte
	damaged bool // there was a record of this number, and it is not what was written
}

// readJournal calls fn for each record, in order. The last one may be torn, and
// counts for nothing then: nobody was told of it.
func readJournal(r io.ReaderAt, fn func(journalRecord) error) error {
	var torn *journalRecord
	for off, last := int64(0), uint64(0); ; {
		var head [journalHead]byte
		if _, err := r.ReadAt(head[:], off); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		rec := journalRecord{number: binary.BigEndian.Uint64(head[4:])}
		crc := crc32.Checksum(head[:journalHead-4], castagnoli)
		if string(head[:4]) != journalMagic || crc != binary.BigEndian.Uint32(head[journalHead-4:]) || off > 0 && rec.number != last+1 {
			return nil
		}
		if torn != nil { // it was whole when this one was written
			if err := fn(*torn); err != nil {
				return err
			}
			torn = nil
		}
		size := int64(binary.BigEndian.Uint32(head[12:]))
		var body bytes.Buffer
		if _, err := io.Copy(&body, io.NewSectionReader(r, off+journalHead, size)); err != nil {
			return err
		}
		off, last, rec.notes = off+journalHead+size, rec.number, body.Bytes()
		if int64(len(rec.notes)) != size || crc32.Checksum(rec.notes, castagnoli) != binary.BigEndian.Uint32(head[16:]) {
			torn = &journalRecord{number: rec.number, damaged: true}
			continue
		}
		if err := fn(rec); err != nil {
			return err
		}
	}
}

// behind calls fn for the notes of each record behind the last one that a
// database holds, and returns the number of the last.
func (j *journal) behind(applied uint64, fn func(notes []byte) error) (last uint64, err error) {
	last = applied
	err = readJournal(j.f, func(rec journalRecord) error {
		switch {
		case rec.number <= applied:
			return nil
		case rec.number != last+1:
			return fmt.Errorf("%w: %s begins with record %d, and the database ends with %d: they do not belong together", ErrDamaged, journalName, rec.number, applied)
		case rec.damaged:
			return fmt.Errorf("%w: record %d of %s", ErrDamaged, rec.number, journalName)
		}
		last = rec.number
		return fn(rec.notes)
	})
	return last, err
}
