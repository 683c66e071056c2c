package ticketstore_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"mxdesk/ticketstore"
)

// What root does to a desk of somebody else leaves files that they can open.
func TestRootLeavesFilesToTheOwner(t *testing.T) {
	needRoot(t)
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
	needRoot(t)
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

// needRoot skips a test that root alone can run; where everything is promised to be
// there that is a failure.
func needRoot(t *testing.T) {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("MXDESK_REQUIRE_TOOLS") == "1":
		t.Fatal("not run by root, and MXDESK_REQUIRE_TOOLS=1")
	default:
		t.Skip("not run by root: only root can make files that are not its folder's owner's")
	}
}
