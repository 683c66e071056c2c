package ticketstore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"
)

const freshSuffix = ".new"

// batch is how many octets of entries go into one transaction of a rewrite.
const batch = 8 << 20

// fresh is a database file that is being filled. It lies beside the one it is
// to replace, so that a cut at any moment leaves either the old or the new.
type fresh struct {
	path string
	db   *bolt.DB
	tx   *bolt.Tx
	size int
	sums map[string]sum // of the tables, by path
	// applied is the number of the last record of the journal that it holds.
	applied uint64
}

func newFresh(path string) (*fresh, error) {
	f := &fresh{path: path + freshSuffix, sums: map[string]sum{}}
	if err := os.Remove(f.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var err error
	if f.db, err = openBolt(f.path); err != nil {
		return nil, err
	}
	f.db.NoSync = true // until it is whole
	if f.tx, err = f.db.Begin(true); err != nil {
		return nil, errors.Join(err, f.db.Close())
	}
	return f, nil
}

// bucket returns a bucket, made when missing.
func (f *fresh) bucket(path [][]byte) (*bolt.Bucket, error) {
	b, err := f.tx.CreateBucketIfNotExists(path[0])
	for _, name := range path[1:] {
		if err != nil {
			return nil, err
		}
		b, err = b.CreateBucketIfNotExists(name)
	}
	if err == nil {
		b.FillPercent = cmp.Or(fills[string(path[0])], growing) // all keys come in order
	}
	return b, err
}

// put adds an entry as it stands.
func (f *fresh) put(path [][]byte, key, sealed []byte) error {
	if f.size += len(key) + len(sealed); f.size > batch {
		if err := f.tx.Commit(); err != nil {
			return err
		}
		var err error
		if f.tx, err = f.db.Begin(true); err != nil {
			return err
		}
		f.size = 0
	}
	b, err := f.bucket(path)
	if err != nil {
		return err
	}
	s := f.sums[joined(path)]
	s.add(sealed)
	f.sums[joined(path)] = s
	return b.Put(key, sealed)
}

// sequence sets the highest number that a table has given out.
func (f *fresh) sequence(path [][]byte, n uint64) error {
	b, err := f.bucket(path)
	if err != nil {
		return err
	}
	s := f.sums[joined(path)]
	s.Sequence = n
	f.sums[joined(path)] = s
	return b.SetSequence(n)
}

func joined(path [][]byte) string {
	if len(path) == 1 {
		return string(path[0])
	}
	return partPath(path[0], path[1])
}

// install puts the file on disk and in the place of the old one.
func (f *fresh) install() error {
	if err := f.complete(); err != nil {
		return err
	}
	if err := os.Rename(f.path, f.path[:len(f.path)-len(freshSuffix)]); err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.path))
}

// complete writes sums and schema, and puts the file on disk.
func (f *fresh) complete() error {
	meta, err := f.bucket([][]byte{bMeta})
	if err != nil {
		return errors.Join(err, f.abandon())
	}
	for path, s := range f.sums {
		err = errors.Join(err, meta.Put(sumKey(path), seal(string(bMeta), sumKey(path), s.encode())))
	}
	for _, name := range buckets {
		_, berr := f.bucket([][]byte{name})
		err = errors.Join(err, berr)
	}
	if f.applied > 0 {
		err = errors.Join(err, putApplied(f.tx, f.applied))
	}
	if err = errors.Join(err, putSchema(meta, schema)); err != nil {
		return errors.Join(err, f.abandon())
	}
	return errors.Join(f.tx.Commit(), f.trim(), f.db.Sync(), f.db.Close())
}

// trim cuts off what the file has grown ahead.
func (f *fresh) trim() error {
	return f.db.View(func(tx *bolt.Tx) error { return os.Truncate(f.path, tx.Size()) })
}

// abandon gives the file up.
func (f *fresh) abandon() error {
	return errors.Join(f.tx.Rollback(), f.db.Close(), os.Remove(f.path))
}

// The version of a file's layout stands in it twice: as every version has to find
// it, and sealed, so that a damaged one is not taken for another version's. A file
// from before this was so has the second with its next compaction.
var (
	schemaKey       = []byte("schema")
	sealedSchemaKey = []byte("sealed schema")
)

func schemaValue(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func putSchema(meta *bolt.Bucket, n uint32) error {
	return errors.Join(
		meta.Put(schemaKey, schemaValue(n)),
		meta.Put(sealedSchemaKey, seal(string(bMeta), sealedSchemaKey, schemaValue(n))))
}

// schemaIn reads it.
func schemaIn(meta *bolt.Bucket) (uint32, error) {
	v := meta.Get(schemaKey)
	if len(v) != 4 || binary.BigEndian.Uint32(v) == 0 {
		return 0, fmt.Errorf("%w: its schema version is missing", ErrDamaged)
	}
	n := binary.BigEndian.Uint32(v)
	if sealed, err := (table{meta, string(bMeta)}).get(sealedSchemaKey); err == nil && !bytes.Equal(sealed, v) {
		return 0, fmt.Errorf("%w: its schema version is %d in one place, and %x in the other", ErrDamaged, n, sealed)
	}
	return n, nil
}

// rewrite copies the database of a folder, entry by entry as change gives them
// back, into a file that takes its place. It closes the old one.
func rewrite(dir string, old *bolt.DB, change func(name, key, value []byte) ([]byte, error)) error {
	f, err := newFresh(filepath.Join(dir, dbName))
	if err != nil {
		return errors.Join(err, old.Close())
	}
	if err := f.copyAll(old, change); err != nil {
		return errors.Join(err, f.abandon(), old.Close())
	}
	return errors.Join(f.install(), old.Close())
}

// copyAll copies all but the meta table, which is made anew.
func (f *fresh) copyAll(old *bolt.DB, change func(name, key, value []byte) ([]byte, error)) error {
	return old.View(func(tx *bolt.Tx) (err error) {
		if f.applied, err = appliedOf(tx); err != nil {
			return err
		}
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			if slices.Equal(name, bMeta) {
				return nil
			}
			return f.copy([][]byte{slices.Clone(name)}, b, change)
		})
	})
}

func (f *fresh) copy(path [][]byte, from *bolt.Bucket, change func(name, key, value []byte) ([]byte, error)) error {
	if err := f.sequence(path, from.Sequence()); err != nil {
		return err
	}
	return from.ForEach(func(k, v []byte) error {
		if v == nil {
			return f.copy(append(path[:len(path):len(path)], slices.Clone(k)), from.Bucket(k), change)
		}
		sealed, err := change(path[0], k, v)
		if err != nil {
			return fmt.Errorf("entry %x of table %s: %w", k, path[0], err)
		}
		return f.put(path, k, sealed)
	})
}

// asItIs keeps an entry, and carries damage over for "store check" to find.
func asItIs(_, _, sealed []byte) ([]byte, error) { return sealed, nil }
