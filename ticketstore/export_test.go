package ticketstore

import (
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// FailFlush makes every flush return err until the function it returns is
// called.
func FailFlush(err error) (restore func()) {
	old := flush
	flush = func(*os.File) error { return err }
	return func() { flush = old }
}

// FailFlushDir is as FailFlush for folders.
func FailFlushDir(err error) (restore func()) {
	old := flushDir
	flushDir = func(*os.File) error { return err }
	return func() { flushDir = old }
}

// ForgedRecord is a record as somebody may put it into a mail. It says that its
// body has so many octets more than it has.
func ForgedRecord(id RecordID, meta MailMeta, body string, more int64) []byte {
	h := head{kind: RecordMail, id: id, body: int64(len(body)) + more, bodyCRC: crc32.Checksum([]byte(body), castagnoli)}
	return append(encodeHead(h, encode(&meta)), body...)
}

// DropActions loses the actions of a ticket, as damaged pages would.
func DropActions(t testing.TB, dir string, id TicketID, last uint32) {
	t.Helper()
	b, err := openBolt(filepath.Join(dir, dbName))
	if err == nil {
		err = b.Update(func(tx *bolt.Tx) (err error) {
			for seq := uint32(1); seq <= last; seq++ {
				err = errors.Join(err, tx.Bucket(bActions).Delete(actionKey(id, seq)))
			}
			return err
		})
		err = errors.Join(err, b.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Schema is the version of the layout that this package writes.
const Schema = schema

// SetSchema writes another version into a store that nobody has open.
func SetSchema(t testing.TB, dir string, n uint32) {
	t.Helper()
	b, err := openBolt(filepath.Join(dir, dbName))
	if err == nil {
		err = b.Update(func(tx *bolt.Tx) error { return putSchema(tx.Bucket(bMeta), n) })
		err = errors.Join(err, b.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// CutMigration does what the opening of a store of an earlier schema does, as far
// as so many entries in the new file; -1: all of it, but for putting that in the
// place of the old one. It reports how many entries there are.
func CutMigration(t testing.TB, dir string, entries int) (n int) {
	t.Helper()
	cut := errors.New("cut")
	old, err := openBolt(filepath.Join(dir, dbName))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	version, err := schemaOf(old)
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFresh(filepath.Join(dir, dbName))
	if err != nil {
		t.Fatal(err)
	}
	change := migration(version)
	err = f.copyAll(old, func(name, key, v []byte) ([]byte, error) {
		if n == entries {
			return nil, cut
		}
		n++
		return change(name, key, v)
	})
	switch {
	case err == nil:
		err = f.complete()
	case errors.Is(err, cut):
		err = errors.Join(f.tx.Commit(), f.db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Damage turns a bit over in an entry of a table, in a store that nobody has
// open.
func Damage(t testing.TB, dir, table string, key []byte) {
	t.Helper()
	b, err := openBolt(filepath.Join(dir, dbName))
	if err == nil {
		err = b.Update(func(tx *bolt.Tx) error {
			bucket := tx.Bucket([]byte(table))
			v := slices.Clone(bucket.Get(key))
			v[len(v)/2] ^= 1
			return bucket.Put(key, v)
		})
		err = errors.Join(err, b.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Dir is the folder of a store.
func (db *DB) Dir() string { return db.dir }

// DropEntry loses the first action of a ticket, and the record of its mail, as a
// damaged page would.
func DropEntry(t testing.TB, dir string, id TicketID) {
	t.Helper()
	b, err := openBolt(filepath.Join(dir, dbName))
	if err == nil {
		err = b.Update(func(tx *bolt.Tx) error {
			a, err := decode[Action](tableOf(tx, bActions).get(actionKey(id, 1)))
			return errors.Join(err, tx.Bucket(bActions).Delete(actionKey(id, 1)), tx.Bucket(bRecords).Delete(key64(uint64(a.Record))))
		})
		err = errors.Join(err, b.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// DamageSchema changes the version in one of the two places where it stands.
func DamageSchema(t testing.TB, dir string, n uint32) {
	t.Helper()
	b, err := openBolt(filepath.Join(dir, dbName))
	if err == nil {
		err = b.Update(func(tx *bolt.Tx) error { return tx.Bucket(bMeta).Put(schemaKey, schemaValue(n)) })
		err = errors.Join(err, b.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// AddRecord puts a record of any number behind the first segment of a folder.
func AddRecord(t testing.TB, dir string, id RecordID, meta MailMeta, body string) {
	t.Helper()
	h := head{kind: RecordMail, id: id, body: int64(len(body)), bodyCRC: crc32.Checksum([]byte(body), castagnoli)}
	f, err := os.OpenFile(segmentPath(filepath.Join(dir, segmentsName), 1), os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.Write(append(encodeHead(h, encode(&meta)), body...))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// DropRecord loses where a record lies.
func DropRecord(t testing.TB, dir string, id RecordID) {
	t.Helper()
	b, err := openBolt(filepath.Join(dir, dbName))
	if err == nil {
		err = b.Update(func(tx *bolt.Tx) error { return tx.Bucket(bRecords).Delete(key64(uint64(id))) })
		err = errors.Join(err, b.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
