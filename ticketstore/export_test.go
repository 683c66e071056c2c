package ticketstore

import (
	"errors"
	"os"
	"path/filepath"
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

// Schema is the version of the layout that this package writes.
const Schema = schema

// SetSchema writes another version into a store that nobody has open.
func SetSchema(t testing.TB, dir string, n uint32) {
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
