package ticketstore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"iter"

	bolt "go.etcd.io/bbolt"
)

// bbolt's pages have no checksums: a bit that turns over in one is read as if it
// had been written. So each value is sealed, and each table has a sum.
//
// A sealed value is the value and, behind it, the CRC-32C of the table's name,
// the length of the key, the key and the value: what is read under a wrong key
// or in a wrong table is found out, too. The sum of a table counts its entries
// and adds up their seals. It finds what no seal can: an entry that is missing,
// or an old page in the place of a newer one.
const sealSize = 4

func sealOf(name string, key, value []byte) uint32 {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(key)))
	crc := crc32.Update(0, castagnoli, []byte(name))
	crc = crc32.Update(crc, castagnoli, n[:])
	return crc32.Update(crc32.Update(crc, castagnoli, key), castagnoli, value)
}

func seal(name string, key, value []byte) []byte {
	sealed := append(make([]byte, 0, len(value)+sealSize), value...)
	return binary.BigEndian.AppendUint32(sealed, sealOf(name, key, value))
}

// unseal returns the value of an entry, or ErrDamaged.
func unseal(name string, key, sealed []byte) ([]byte, error) {
	n := len(sealed) - sealSize
	if n < 0 || binary.BigEndian.Uint32(sealed[n:]) != sealOf(name, key, sealed[:n]) && !noSeal {
		return nil, fmt.Errorf("%w: entry %x of table %s", ErrDamaged, key, name)
	}
	return sealed[:n], nil
}

// table is a bucket of sealed values. The zero bucket is an empty table.
type table struct {
	bucket *bolt.Bucket
	name   string
}

// tableOf opens a table by its name.
func tableOf(tx *bolt.Tx, name []byte) table {
	return table{tx.Bucket(name), string(name)}
}

// part opens one of the tables, each for a month or a day, that a table is
// divided into. They share the name that values are sealed with.
func (t table) part(period []byte) table { return table{t.bucket.Bucket(period), t.name} }

// get returns a value, or ErrNotFound or ErrDamaged.
func (t table) get(key []byte) ([]byte, error) {
	if t.bucket == nil {
		return nil, ErrNotFound
	}
	sealed := t.bucket.Get(key)
	if sealed == nil {
		return nil, ErrNotFound
	}
	return unseal(t.name, key, sealed)
}

// has reports whether there is an entry, be it damaged.
func (t table) has(key []byte) bool { return t.bucket != nil && t.bucket.Get(key) != nil }

// entry is a key and its value, or what is wrong with it.
type entry struct {
	key, value []byte
	err        error
}

func (t table) entry(k, sealed []byte) entry {
	v, err := unseal(t.name, k, sealed)
	return entry{k, v, err}
}

// from yields the entries from a key on.
func (t table) from(key []byte) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		c := t.bucket.Cursor()
		for k, v := c.Seek(key); k != nil; k, v = c.Next() {
			if !yield(t.entry(k, v)) {
				return
			}
		}
	}
}

// before yields the entries before a key, the last one first; nil: all.
func (t table) before(key []byte) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		c := t.bucket.Cursor()
		if k, _ := c.First(); k == nil {
			return // where a transaction has emptied every page, bbolt looks for the last entry for ever
		}
		k, v := c.Last()
		if key != nil {
			if k, _ = c.Seek(key); k == nil {
				k, v = c.Last()
			} else {
				k, v = c.Prev()
			}
		}
		for ; k != nil; k, v = c.Prev() {
			if !yield(t.entry(k, v)) {
				return
			}
		}
	}
}

// parts yields the names of the tables that a table is divided into.
func (t table) parts() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		c := t.bucket.Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			if !yield(k) {
				return
			}
		}
	}
}

// values yields the decoded values of a table from the last one before key to
// the first; nil: all.
func values[T any, P pointerTo[T]](t table, before []byte) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for e := range t.before(before) {
			if !yield(decode[T, P](e.value, e.err)) {
				return
			}
		}
	}
}

// sum is what a table must come to.
type sum struct {
	Entries  uint64
	Seals    uint64 // all added up, modulo 2^64
	Sequence uint64 // the highest number given out
}

func (s *sum) add(sealed []byte) {
	s.Entries++
	s.Seals += uint64(binary.BigEndian.Uint32(sealed[len(sealed)-sealSize:]))
}

func (s *sum) remove(sealed []byte) {
	s.Entries--
	if len(sealed) >= sealSize { // shorter is damage, and so is the sum then
		s.Seals -= uint64(binary.BigEndian.Uint32(sealed[len(sealed)-sealSize:]))
	}
}

func (s sum) encode() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 24), s.Entries)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, s.Seals), s.Sequence)
}

func decodeSum(b []byte, err error) (sum, error) {
	if err != nil {
		return sum{}, err
	}
	if len(b) != 24 {
		return sum{}, fmt.Errorf("%w: sum of %d octets", ErrDamaged, len(b))
	}
	return sum{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])}, nil
}

// sumOf adds up what is in a bucket.
func sumOf(b *bolt.Bucket) sum {
	s := sum{Sequence: b.Sequence()}
	c := b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if len(v) >= sealSize {
			s.add(v)
		} else {
			s.Entries++
		}
	}
	return s
}

// sums are those of the tables that a transaction writes to. A part of a
// table has one of its own, under both names.
type sums struct {
	meta table
	of   map[string]*written
}

type written struct {
	sum
	bucket *bolt.Bucket
}

func newSums(tx *bolt.Tx) *sums {
	return &sums{meta: tableOf(tx, bMeta), of: map[string]*written{}}
}

func sumKey(path string) []byte { return []byte("sum " + path) }

// at returns the sum of the table at a path.
func (s *sums) at(path string, b *bolt.Bucket) (*written, error) {
	if w := s.of[path]; w != nil {
		w.bucket = b // a part may have been dropped and made again
		return w, nil
	}
	old, err := decodeSum(s.meta.get(sumKey(path)))
	if err != nil && err != ErrNotFound {
		return nil, err
	}
	w := &written{old, b}
	s.of[path] = w
	return w, nil
}

// put writes an entry of a table.
func (s *sums) put(path string, t table, key, value []byte) error {
	w, err := s.at(path, t.bucket)
	if err != nil {
		return err
	}
	if old := t.bucket.Get(key); old != nil {
		w.remove(old)
	}
	sealed := seal(t.name, key, value)
	w.add(sealed)
	return t.bucket.Put(key, sealed)
}

// remove deletes an entry, if it is there.
func (s *sums) remove(path string, t table, key []byte) error {
	w, err := s.at(path, t.bucket)
	if err != nil {
		return err
	}
	old := t.bucket.Get(key)
	if old == nil {
		return nil
	}
	w.sum.remove(old)
	return t.bucket.Delete(key)
}

// forget drops the sum of a part that is dropped.
func (s *sums) forget(path string) error {
	delete(s.of, path)
	return s.meta.bucket.Delete(sumKey(path))
}

// write puts the sums into the transaction, before it is committed.
func (s *sums) write() error {
	for path, w := range s.of {
		w.Sequence = w.bucket.Sequence()
		key := sumKey(path)
		if err := s.meta.bucket.Put(key, seal(s.meta.name, key, w.encode())); err != nil {
			return err
		}
	}
	return nil
}
