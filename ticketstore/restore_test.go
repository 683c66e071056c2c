package ticketstore_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// restored restores a backup into a folder of its own and opens it there; the
// store is checked when the test ends.
func restored(t *testing.T, from string) *ticketstore.DB {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := ticketstore.Restore(t.Context(), from, dir, nil); err != nil {
		t.Fatal(err)
	}
	return storetest.Open(t, dir)
}

// names lists what is in a folder.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); rel != "." {
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What was given out after the backup does not come to mean something else.
func TestRestoredDeskLeavesNumbersOut(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	db := filled(t, t.TempDir(), 3)
	if _, err := db.Backup(t.Context(), to, nil); err != nil {
		t.Fatal(err)
	}
	r, err := ticketstore.Restore(t.Context(), to, dir, nil)
	if err != nil || r.Next != 1004 {
		t.Errorf("%+v, %v", r, err)
	}
	other, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	err = other.View(t.Context(), func(v ticketstore.View) error {
		if n := v.Next(); n.Ticket != 1004 || n.Item <= 1000 {
			t.Errorf("next are %+v", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if id, err := put(t.Context(), other, "text"); err != nil || id != 1004 {
		t.Errorf("ticket %d, %v", id, err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := ticketstore.Repair(t.Context(), dir, ticketstore.RepairOptions{}); err != nil || len(r.Lost) > 0 {
		t.Errorf("a repair misses %q, %v", r.Lost, err)
	}
	if r, err := storetest.Open(t, dir).Check(t.Context()); err != nil || len(r.Problems) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A desk that was restored twice has left numbers out twice.
func TestRestoredTwice(t *testing.T) {
	to, again := t.TempDir(), t.TempDir()
	if _, err := filled(t, t.TempDir(), 3).Backup(t.Context(), to, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := restored(t, to).Backup(t.Context(), again, nil); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	if r, err := ticketstore.Restore(t.Context(), again, dir, nil); err != nil || r.Next != 2004 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := ticketstore.Repair(t.Context(), dir, ticketstore.RepairOptions{}); err != nil || len(r.Lost) > 0 {
		t.Errorf("a repair misses %q, %v", r.Lost, err)
	}
}

// Damage in a backup is found when it is restored, and what was restored until
// then is no store.
func TestRestoreFindsDamage(t *testing.T) {
	db, to := filled(t, t.TempDir(), 5), t.TempDir()
	if _, err := db.Backup(t.Context(), to, nil); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(to, "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	for _, path := range append(files, filepath.Join(to, "segments", "000001.seg")) {
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := append([]byte{}, good...)
		bad[len(bad)/2] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if _, err := ticketstore.Restore(t.Context(), to, dir, nil); !errors.Is(err, ticketstore.ErrDamaged) {
			t.Errorf("%s: restored with %v", path, err)
		}
		if _, err := ticketstore.Open(dir, ticketstore.Options{}); !errors.Is(err, ticketstore.ErrDamaged) {
			t.Errorf("%s: a store restored in part is opened: %v", path, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ticketstore.Restore(t.Context(), to, dir, nil); err != nil {
			t.Errorf("%s: restored again: %v", path, err)
		}
		restored := storetest.Open(t, dir)
		if _, err := ticketstore.Restore(t.Context(), to, dir, nil); !errors.Is(err, ticketstore.ErrLocked) {
			t.Errorf("%s: restored over a store in use: %v", path, err)
		}
		if err := restored.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := ticketstore.Restore(t.Context(), to, dir, nil); !errors.Is(err, ticketstore.ErrRefused) {
			t.Errorf("%s: restored over a store: %v", path, err)
		}
	}
	if _, err := ticketstore.Restore(t.Context(), t.TempDir(), t.TempDir(), nil); !errors.Is(err, ticketstore.ErrNotFound) {
		t.Errorf("restored from nothing: %v", err)
	}
	for _, into := range []string{"", "/"} {
		if _, err := db.Backup(t.Context(), db.Dir()+into, nil); !errors.Is(err, ticketstore.ErrRefused) {
			t.Errorf("backup into the data folder: %v", err)
		}
	}
}

// What a restore that broke off has left is gone when another backup is restored
// to the same folder; what somebody else has put there stays.
func TestRestoreThatBrokeOff(t *testing.T) {
	dir := t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1, SegmentSize: 1, Beside: []string{"keys.json"}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	older, newer := t.TempDir(), t.TempDir()
	if _, err := put(t.Context(), db, "one"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Backup(t.Context(), older, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keys.json"), []byte("keys"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{"two", "three"} {
		if _, err := put(t.Context(), db, raw); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Backup(t.Context(), newer, nil); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(newer, "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.WriteFile(files[0], []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, earlier := range []bool{false, true} {
		to := t.TempDir()
		if _, err := ticketstore.Restore(t.Context(), newer, to, nil); !errors.Is(err, ticketstore.ErrDamaged) {
			t.Errorf("restored with %v", err)
		}
		if left, _ := filepath.Glob(filepath.Join(to, "segments", "*")); len(left) != 4 {
			t.Errorf("%v are left: the test sees nothing", left)
		}
		want := []string{"desk.db", "desk.journal", "notes", "segments", "segments/000001.seg", "segments/001001.seg", "segments/notes"}
		if earlier { // an earlier version does not say what it restores beside the store
			want = append(want, "keys.json")
			if err := os.Truncate(filepath.Join(to, "restore.partial"), 0); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"notes", "segments/notes"} {
			if err := os.WriteFile(filepath.Join(to, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := ticketstore.Restore(t.Context(), older, to, nil); err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		if got := names(t, to); !slices.Equal(got, want) {
			t.Errorf("restored are %q, want %q", got, want)
		}
		if r, err := storetest.Open(t, to).Check(t.Context()); err != nil || r.Unreferenced > 0 {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// A restore that was cut behind its last file has left a desk: nothing is
// restored over it, and when it is opened it is like any other.
func TestRestoreCutAtItsEnd(t *testing.T) {
	db, from := filled(t, t.TempDir(), 3), t.TempDir()
	if _, err := db.Backup(t.Context(), from, nil); err != nil {
		t.Fatal(err)
	}
	want, _ := storetest.Dump(t, db)
	to := t.TempDir()
	if _, err := ticketstore.Restore(t.Context(), from, to, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "restore.partial"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ticketstore.Restore(t.Context(), from, to, nil); !errors.Is(err, ticketstore.ErrRefused) {
		t.Errorf("restored over a desk: %v", err)
	}
	if got, _ := storetest.Dump(t, storetest.Open(t, to)); !maps.Equal(got, want) {
		t.Errorf("%d values, %d were in the backup", len(got), len(want))
	}
	if _, err := os.Stat(filepath.Join(to, "restore.partial")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the mark of the restore: %v", err)
	}
}
