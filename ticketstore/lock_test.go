package ticketstore_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// Compactions put another database in the place of the one that others wait for.
// Whoever gets the store then works on the new one.
func TestStoreIsPassedOn(t *testing.T) {
	const rounds, compactions, writers = 30, 2, 2
	dir := t.TempDir()
	var answered, locked int
	var mu sync.Mutex
	take := func() {
		db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
		if err == nil {
			_, err = put(context.Background(), db, "text")
			err = errors.Join(err, db.Close())
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case errors.Is(err, ticketstore.ErrLocked):
			locked++
		case err != nil:
			t.Error(err)
		default:
			answered++
		}
	}
	take()
	for range rounds {
		var all sync.WaitGroup
		for range compactions {
			all.Go(func() {
				if _, err := ticketstore.Compact(context.Background(), dir, ticketstore.Options{}, nil); err != nil && !errors.Is(err, ticketstore.ErrLocked) {
					t.Error(err)
				}
			})
		}
		for range writers {
			all.Go(take)
		}
		all.Wait()
	}
	kept := 0
	err := storetest.Open(t, dir).View(t.Context(), func(v ticketstore.View) error {
		for _, err := range v.Tickets(ticketstore.TicketFilter{}) {
			if err != nil {
				return err
			}
			kept++
		}
		return nil
	})
	if err != nil || kept != answered {
		t.Errorf("%d tickets are kept, %d were answered, %v", kept, answered, err)
	}
	t.Logf("%d tickets, %d times locked out", kept, locked)
}

// What root does to a desk of somebody else leaves files that they can open.
func TestRootLeavesFilesToTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	const owner = 54321
	dir := t.TempDir()
	wanted := func(when string) {
		t.Helper()
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if st, ok := info.Sys().(*syscall.Stat_t); err == nil && (!ok || st.Uid != owner) {
				t.Errorf("%s: %s is not the owner's", when, path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if err := os.Chown(dir, owner, owner); err != nil {
		t.Fatal(err)
	}
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
	if err == nil {
		_, err = put(t.Context(), db, "text")
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	wanted("made")
	if _, err := ticketstore.Compact(t.Context(), dir, ticketstore.Options{}, nil); err != nil {
		t.Error(err)
	}
	wanted("compacted")
	if _, err := ticketstore.Repair(t.Context(), dir, ticketstore.RepairOptions{}); err != nil {
		t.Error(err)
	}
	wanted("repaired")
}

// Nothing but what root has made there changes hands, whatever the owner of the
// folder has put into it.
func TestRootLeavesNothingElseToTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	const owner = 54321
	dir, away := t.TempDir(), t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
	if err == nil {
		_, err = put(t.Context(), db, "text")
		err = errors.Join(err, db.Close())
	}
	segments := filepath.Join(dir, "segments")
	err = errors.Join(err, os.Rename(segments, filepath.Join(away, "segments")), os.Symlink(filepath.Join(away, "segments"), segments))
	for _, name := range []string{"shadow", "segments/shadow"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(away, name), nil, 0o600))
	}
	err = errors.Join(err,
		os.Symlink(filepath.Join(away, "shadow"), filepath.Join(dir, "desk.link")),
		os.Link(filepath.Join(away, "shadow"), filepath.Join(dir, "desk.hard")),
		os.Chown(dir, owner, owner))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
		if err == nil {
			err = db.Close()
		}
		if err != nil {
			t.Error(err)
		}
	}
	err = filepath.WalkDir(away, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if st, ok := info.Sys().(*syscall.Stat_t); err == nil && (!ok || st.Uid != 0) {
			t.Errorf("%s was given away", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestCloseAtOnce(t *testing.T) {
	db, err := ticketstore.Open(t.TempDir(), ticketstore.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
