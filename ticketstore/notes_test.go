package ticketstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// unsummed is a part of a table whose sum cannot be written: the name of the sum
// is longer than a key can be, that of the part is not.
var unsummed = string(bSeen) + "/" + strings.Repeat("x", bolt.MaxKeySize)

// A transaction whose sums cannot be written is not committed: neither by a
// checkpoint nor by a start that catches up.
func TestNothingIsCommittedWithoutItsSums(t *testing.T) {
	dir := t.TempDir()
	b, j, err := openDatabase(dir)
	if err != nil {
		t.Fatal(err)
	}
	db := &DB{dir: dir, opt: Options{MinFree: -1}, bolt: b, journal: j}
	if err := db.openSegments(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(j.close(), b.Close(), db.segments.close()); err != nil {
			t.Error(err)
		}
	})
	wantNothing := func(after string) {
		t.Helper()
		err := b.View(func(tx *bolt.Tx) error {
			applied, err := appliedOf(tx)
			if n := tx.Bucket(bSeen).Stats().BucketN - 1; applied != 0 || n != 0 {
				t.Errorf("after %s the database holds the journal up to %d, and %d parts of mails seen", after, applied, n)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if err := j.write(appendNote(nil, notePut, unsummed, []byte("key"), []byte("value"))); err != nil {
		t.Fatal(err)
	}
	if err := catchUp(dir, b, j); err == nil {
		t.Error("a start that catches up goes on without a sum")
	}
	wantNothing("a start that catches up")
	c := &committer{DB: db, old: time.NewTimer(checkpointAge)}
	a, err := c.begin()
	if err == nil {
		err = a.writer.put(unsummed, []byte("key"), []byte("value"))
	}
	if err != nil {
		t.Fatal(err)
	}
	db.unsettled.Store(true)
	if err := c.checkpoint(); !errors.Is(err, ErrFailed) {
		t.Errorf("a checkpoint goes on without a sum: %v", err)
	}
	wantNothing("a checkpoint")
}
