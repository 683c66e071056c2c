package ticketstore_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

func TestBackupHoldsEverything(t *testing.T) {
	dir := t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1, SegmentSize: 3000, Beside: []string{"keys.json", "missing"}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := os.WriteFile(filepath.Join(dir, "keys.json"), []byte("keys"), 0o600); err != nil {
		t.Fatal(err)
	}
	storetest.Fill(t, db, 30)
	to := filepath.Join(t.TempDir(), "backup")
	first, err := db.Backup(t.Context(), to, nil)
	if err != nil || len(first.Problems) > 0 || first.Copied != first.Segments {
		t.Fatalf("%+v, %v", first, err)
	}
	want, _ := storetest.Dump(t, db)
	copied := restored(t, to)
	if got, failed := storetest.Dump(t, copied); !maps.Equal(got, want) || failed > 0 {
		t.Errorf("%d values are restored, %d were there; %d errors", len(got), len(want), failed)
	}
	// The second one adds what is new, and only that.
	if _, err := put(t.Context(), db, strings.Repeat("new", 100)); err != nil {
		t.Fatal(err)
	}
	second, err := db.Backup(t.Context(), to, nil)
	if err != nil || second.Copied != second.Segments-first.Segments || second.Copied < 300 {
		t.Errorf("%+v after %+v, %v", second, first, err)
	}
	want, _ = storetest.Dump(t, db)
	if got, _ := storetest.Dump(t, restored(t, to)); !maps.Equal(got, want) {
		t.Errorf("%d values are restored, %d were there", len(got), len(want))
	}
	if left, _ := filepath.Glob(filepath.Join(to, "*.db")); len(left) != 1 {
		t.Errorf("files of older backups stay: %v", left)
	}
	err = filepath.Walk(to, func(path string, info os.FileInfo, err error) error {
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A backup holds no writer up: a change that is made from within it, while it
// waits, is done. What was told to be on disk before it began is in it.
func TestBackupBesideChanges(t *testing.T) {
	db := storetest.New(t)
	storetest.Fill(t, db, 50)
	var slowest atomic.Int64
	var during atomic.Bool
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for {
				at := time.Now()
				if _, err := put(context.Background(), db, strings.Repeat("x", 20000)); err != nil {
					t.Error(err)
					return
				}
				if took := int64(time.Since(at)); during.Load() && took > slowest.Load() {
					slowest.Store(took)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	to := filepath.Join(t.TempDir(), "backup")
	var inside int
	for range 3 {
		id, err := put(t.Context(), db, "before")
		if err != nil {
			t.Fatal(err)
		}
		during.Store(true)
		_, err = db.Backup(t.Context(), to, func(ticketstore.Progress) {
			inside++
			if _, err := put(t.Context(), db, "during"); err != nil {
				t.Error(err)
			}
		})
		during.Store(false)
		if err != nil {
			t.Fatal(err)
		}
		err = restored(t, to).View(t.Context(), func(v ticketstore.View) error {
			tk, err := v.Ticket(id)
			if err == nil && tk.Subject != "before" {
				t.Errorf("ticket %s is %q", id, tk.Subject)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	close(stop)
	writers.Wait()
	if inside == 0 {
		t.Error("no change was made during a backup")
	}
	t.Logf("the slowest of the changes beside three backups took %v", time.Duration(slowest.Load()))
}

// A backup that breaks off anywhere leaves the one before as it was.
func TestBackupThatBreaksOff(t *testing.T) {
	db := storetest.New(t)
	storetest.Fill(t, db, 20)
	to := t.TempDir()
	if _, err := db.Backup(t.Context(), to, nil); err != nil {
		t.Fatal(err)
	}
	want, _ := storetest.Dump(t, db)
	before := sizes(t, to)
	storetest.Fill(t, db, 20)
	for step := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		_, err := db.Backup(ctx, to, func(ticketstore.Progress) {
			if n == step {
				cancel()
			}
			n++
		})
		cancel()
		if step == 0 && !errors.Is(err, context.Canceled) {
			t.Errorf("step %d: %v", step, err)
		}
		if err == nil {
			break // it was past the last moment
		}
		if got, _ := storetest.Dump(t, restored(t, to)); !maps.Equal(got, want) {
			t.Errorf("step %d: %d values are restored, %d were there", step, len(got), len(want))
		}
		if got := sizes(t, to); !maps.Equal(got, before) {
			t.Errorf("step %d: there are %v, before there were %v", step, got, before)
		}
	}
	if _, err := db.Backup(t.Context(), to, nil); err != nil {
		t.Fatal(err)
	}
	want, _ = storetest.Dump(t, db)
	if got, _ := storetest.Dump(t, restored(t, to)); !maps.Equal(got, want) {
		t.Errorf("then: %d values are restored, %d were there", len(got), len(want))
	}
}

// A backup that is killed anywhere leaves the one before, and the next removes
// what it has left. What somebody else has put into the folder stays.
func TestBackupThatIsKilled(t *testing.T) {
	dir := t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1, SegmentSize: 3000, Beside: []string{"keys.json"}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := os.WriteFile(filepath.Join(dir, "keys.json"), []byte("keys"), 0o600); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	backup := func(to string) (cuts []string, want map[string]string) {
		_, err := db.Backup(t.Context(), to, func(ticketstore.Progress) {
			cut := t.TempDir()
			copyTree(t, to, cut)
			cuts = append(cuts, cut)
		})
		if err != nil {
			t.Fatal(err)
		}
		want, _ = storetest.Dump(t, db)
		return cuts, want
	}
	storetest.Fill(t, db, 10)
	first, want := backup(to)
	storetest.Fill(t, db, 10)
	second, now := backup(to)
	whole := len(names(t, to))
	if len(first) < 2 || len(second) < 2 {
		t.Errorf("%d and %d cuts", len(first), len(second))
	}
	strangers := []string{"desk-old.db", "keys-2026.json", "segments/000001-old.seg", "segments/notes"}
	for i, cut := range slices.Concat(first, second) {
		if i >= len(first) {
			if got, _ := storetest.Dump(t, restored(t, cut)); !maps.Equal(got, want) {
				t.Errorf("cut %d: %d values are restored, %d were there", i, len(got), len(want))
			}
		}
		for _, name := range append(strangers, "manifest.json.new", "segments/000099.seg", "keys-20260101T000000.000000000.json") {
			if err := os.WriteFile(filepath.Join(cut, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		backup(cut)
		if got, _ := storetest.Dump(t, restored(t, cut)); !maps.Equal(got, now) {
			t.Errorf("cut %d, then: %d values are restored, %d were there", i, len(got), len(now))
		}
		list := names(t, cut)
		for _, name := range strangers {
			if !slices.Contains(list, name) {
				t.Errorf("cut %d: %s is gone", i, name)
			}
		}
		if len(list) != whole+len(strangers) {
			t.Errorf("cut %d: there are %q", i, list)
		}
	}
}

// sizes are those of the files in a folder.
func sizes(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	list := map[string]int64{}
	for _, name := range names(t, dir) {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !st.IsDir() {
			list[name] = st.Size()
		}
	}
	return list
}

// A copy of the database that was removed by hand is not missed by the next
// backup.
func TestBackupAfterRemoval(t *testing.T) {
	db, to := filled(t, t.TempDir(), 5), t.TempDir()
	for range 2 {
		if _, err := db.Backup(t.Context(), to, nil); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(to, "*.db"))
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		if err := os.Remove(files[0]); err != nil {
			t.Fatal(err)
		}
	}
}

// A backup into the data folder of another desk would write over its segments.
func TestBackupIntoAnotherDesk(t *testing.T) {
	db, other := filled(t, t.TempDir(), 5), t.TempDir()
	if err := filled(t, other, 3).Close(); err != nil {
		t.Fatal(err)
	}
	before := sizes(t, other)
	for _, lost := range []string{"nothing", "desk.db"} {
		if err := os.Remove(filepath.Join(other, lost)); err != nil && lost != "nothing" {
			t.Fatal(err)
		}
		if _, err := db.Backup(t.Context(), other, nil); !errors.Is(err, ticketstore.ErrRefused) {
			t.Errorf("without %s: %v", lost, err)
		}
	}
	delete(before, "desk.db")
	if got := sizes(t, other); !maps.Equal(got, before) {
		t.Errorf("there are %v, before there were %v", got, before)
	}
}

// A desk that was restored and went on is not mixed up with the one before.
func TestBackupOfAnotherHistory(t *testing.T) {
	same := strings.Repeat("an attachment that many mails have\n", 4<<10)
	for name, texts := range map[string][4]string{
		"short":                         {"one", "two", "2nd", "3rd"},
		"long, with the same end":       {"one", "two" + same, "2nd" + same, "3rd"},
		"long, with the same end, once": {"one", "two" + same, "2nd" + same, ""},
	} {
		t.Run(name, func(t *testing.T) {
			old, early, to := storetest.New(t), t.TempDir(), t.TempDir()
			do := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			add := func(db *ticketstore.DB, text string) {
				t.Helper()
				if text != "" {
					_, err := put(t.Context(), db, text)
					do(err)
				}
			}
			add(old, texts[0])
			_, err := old.Backup(t.Context(), early, nil)
			do(err)
			add(old, texts[1])
			_, err = old.Backup(t.Context(), to, nil)
			do(err)
			db := restored(t, early)
			add(db, texts[2])
			add(db, texts[3])
			_, err = db.Backup(t.Context(), to, nil)
			do(err)
			want, _ := storetest.Dump(t, db)
			if got, _ := storetest.Dump(t, restored(t, to)); !maps.Equal(got, want) {
				t.Errorf("restored are %d values, want %d", len(got), len(want))
			}
		})
	}
}

// What is left of a desk without its database is no place for a backup.
func TestBackupIntoWhatIsLeftOfADesk(t *testing.T) {
	left := t.TempDir()
	db := filled(t, left, 3)
	err := errors.Join(db.Close(), os.Remove(filepath.Join(left, "desk.db")), os.Remove(filepath.Join(left, "desk.journal")))
	segment := filepath.Join(left, "segments", "000001.seg")
	want, rerr := os.ReadFile(segment)
	if err = errors.Join(err, rerr); err != nil {
		t.Fatal(err)
	}
	if _, err := filled(t, t.TempDir(), 1).Backup(t.Context(), left, nil); !errors.Is(err, ticketstore.ErrRefused) {
		t.Errorf("backed up: %v", err)
	}
	if got, err := os.ReadFile(segment); err != nil || !bytes.Equal(got, want) {
		t.Errorf("of %d octets of mails %d are left, %v", len(want), len(got), err)
	}
}

// A desk that was begun anew, as where its disk is missing, does not take the place
// of the one that was backed up.
func TestBackupOfAnEmptyDeskIsRefused(t *testing.T) {
	to := t.TempDir()
	if _, err := filled(t, t.TempDir(), 3).Backup(t.Context(), to, nil); err != nil {
		t.Fatal(err)
	}
	before := names(t, to)
	if _, err := filled(t, t.TempDir(), 1).Backup(t.Context(), to, nil); !errors.Is(err, ticketstore.ErrRefused) {
		t.Errorf("a desk with fewer tickets: %v", err)
	}
	if got := names(t, to); !slices.Equal(got, before) {
		t.Errorf("in the folder are %q, and before there were %q", got, before)
	}
	if _, err := ticketstore.Restore(t.Context(), to, t.TempDir(), nil); err != nil {
		t.Error(err)
	}
}

// No store is made of a backup where it lies: what was written there would not
// be what its manifest says.
func TestBackupIsNoStore(t *testing.T) {
	db, to := filled(t, t.TempDir(), 5), t.TempDir()
	if _, err := db.Backup(t.Context(), to, nil); err != nil {
		t.Fatal(err)
	}
	before := sizes(t, to)
	_, opened := ticketstore.Open(to, ticketstore.Options{})
	_, repaired := ticketstore.Repair(t.Context(), to, ticketstore.RepairOptions{})
	_, compacted := ticketstore.Compact(t.Context(), to, ticketstore.Options{}, nil)
	for what, err := range map[string]error{"opened": opened, "repaired": repaired, "compacted": compacted} {
		if !errors.Is(err, ticketstore.ErrRefused) || !strings.Contains(err.Error(), "store restore --from "+to) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := sizes(t, to); !maps.Equal(got, before) {
		t.Errorf("there are %v, before there were %v", got, before)
	}
}
