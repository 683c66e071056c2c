package ticketstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB) ticketstore.Store { return storetest.New(t) })
}

// put opens a ticket and returns its ID.
func put(ctx context.Context, s ticketstore.Store, raw string) (id ticketstore.TicketID, err error) {
	err = s.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
		next := v.Next()
		id = next.Ticket
		return ticketstore.Change{
			At:      time.Now(),
			Records: []ticketstore.Record{storetest.Record(next.Record, raw)},
			Tickets: []ticketstore.Ticket{{ID: id, Version: 1, LastSeq: 1, Subject: raw}},
			Actions: []ticketstore.Action{{Ticket: id, Seq: 1, Record: next.Record, Text: raw}},
		}, nil
	})
	return id, err
}

func TestReopenKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1, SegmentSize: 2000})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, err := put(t.Context(), db, strings.Repeat(fmt.Sprint(i), 300)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if n, _ := filepath.Glob(filepath.Join(dir, "segments", "*.seg")); len(n) < 3 {
		t.Errorf("%d segments: the limit of their size does nothing", len(n))
	}
	db = storetest.Open(t, dir)
	if id, err := put(t.Context(), db, "after"); err != nil || id != 21 {
		t.Errorf("ticket %s, %v", id, err)
	}
}

func TestFilesAreForTheOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	db := storetest.Open(t, dir)
	if _, err := put(t.Context(), db, "x"); err != nil {
		t.Fatal(err)
	}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if path != dir && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSecondProcessIsLockedOut(t *testing.T) {
	dir := t.TempDir()
	storetest.Open(t, dir)
	if _, err := ticketstore.Open(dir, ticketstore.Options{}); !errors.Is(err, ticketstore.ErrLocked) {
		t.Errorf("second open: %v", err)
	}
}

// A cut at any place of the last record loses that record and nothing else.
func TestTornTailIsCut(t *testing.T) {
	dir := t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := put(t.Context(), db, "whole"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	seg := filepath.Join(dir, "segments", "000001.seg")
	good, err := os.ReadFile(seg)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 1; cut < len(good); cut++ {
		if err := os.WriteFile(seg, append(append([]byte{}, good...), good[:cut]...), 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		rep, err := db.Check(t.Context())
		if err != nil || len(rep.Problems) > 0 || rep.Unreferenced != 0 {
			t.Fatalf("cut at %d: %+v, %v", cut, rep, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(seg); err != nil || st.Size() != int64(len(good)) {
			t.Fatalf("cut at %d leaves %d octets of %d", cut, st.Size(), len(good))
		}
	}
	// A whole record that nothing refers to is kept, and counted.
	if err := os.WriteFile(seg, append(append([]byte{}, good...), good...), 0o600); err != nil {
		t.Fatal(err)
	}
	db = storetest.Open(t, dir)
	if rep, err := db.Check(t.Context()); err != nil || rep.Unreferenced != 1 {
		t.Errorf("%+v, %v", rep, err)
	}
	if _, err := put(t.Context(), db, "next"); err != nil {
		t.Error(err)
	}
}

func TestCheckFindsDamage(t *testing.T) {
	dir := t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := put(t.Context(), db, "some octets of a mail"); err != nil {
		t.Fatal(err)
	}
	seg := filepath.Join(dir, "segments", "000001.seg")
	good, err := os.ReadFile(seg)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 40, 70, len(good) - 3} {
		bad := append([]byte{}, good...)
		bad[at] ^= 1
		if err := os.WriteFile(seg, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if rep, err := db.Check(t.Context()); err != nil || len(rep.Problems) == 0 {
			t.Errorf("one bit changed at %d is not found: %+v, %v", at, rep, err)
		}
		err := db.View(t.Context(), func(v ticketstore.View) error { _, err := v.Content(1); return err })
		if !errors.Is(err, ticketstore.ErrDamaged) {
			t.Errorf("one bit changed at %d is read as good: %v", at, err)
		}
	}
	if err := os.WriteFile(seg, good, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLowDiskRefusesRecordsAndPassesByItself(t *testing.T) {
	dir := t.TempDir()
	free, err := ticketstore.FreeDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: free * 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = put(t.Context(), db, "x")
	if says := "MiB more must be free in the file system of " + dir; !errors.Is(err, ticketstore.ErrFull) || !strings.HasSuffix(err.Error(), says) {
		t.Errorf("with the disk full: %v, want ... %s", err, says)
	}
	err = db.Update(t.Context(), func(ticketstore.View) (ticketstore.Change, error) {
		return ticketstore.Change{Contacts: []ticketstore.Contact{{ID: 1, Name: "Ann"}}}, nil
	})
	if err != nil {
		t.Errorf("a small change with the disk full: %v", err)
	}
}

func TestFailedFlushStopsTheStoreForGood(t *testing.T) {
	for name, c := range map[string]struct {
		segment int64 // is full behind so many octets
		fail    func(error) func()
	}{
		"of the journal":                 {1 << 20, ticketstore.FailFlush},
		"of a segment that is full":      {1, ticketstore.FailFlush},
		"of the folder of a new segment": {1, ticketstore.FailFlushDir},
	} {
		t.Run(name, func(t *testing.T) { failedFlush(t, c.segment, c.fail) })
	}
}

func failedFlush(t *testing.T, segment int64, fail func(error) func()) {
	dir := t.TempDir()
	var told atomic.Int32
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1, SegmentSize: segment, OnFail: func(error) { told.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := put(t.Context(), db, "before"); err != nil {
		t.Fatal(err)
	}
	restore := fail(errors.New("input/output error"))
	for range 2 {
		if _, err := put(t.Context(), db, "lost"); !errors.Is(err, ticketstore.ErrFailed) {
			t.Errorf("update on a failing disk: %v", err)
		}
	}
	restore()
	if _, err := put(t.Context(), db, "x"); !errors.Is(err, ticketstore.ErrFailed) {
		t.Errorf("the store went on after a failed flush: %v", err)
	}
	if told.Load() != 1 {
		t.Errorf("OnFail was called %d times", told.Load())
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(dir, "desk.suspect")
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("no mark for the next start: %v", err)
	}
	db = storetest.Open(t, dir)
	if _, err := os.Stat(mark); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the mark is still there: %v", err)
	}
	if id, err := put(t.Context(), db, "again"); err != nil || id != 2 {
		t.Errorf("ticket %s, %v", id, err)
	}
}

// Where the mails are missing, as when their disk is not there, a desk does not
// begin others: it would cut the old ones when they are back.
func TestMissingMailsAreNotReplaced(t *testing.T) {
	for name, lose := range map[string]func(segments, away string) error{
		"the folder": os.Rename,
		"what is in the folder": func(segments, away string) error {
			return errors.Join(os.Rename(segments, away), os.Mkdir(segments, 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			segments, away := filepath.Join(dir, "segments"), filepath.Join(t.TempDir(), "segments")
			db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
			if err == nil {
				_, err = put(t.Context(), db, "the first mail")
				err = errors.Join(err, db.Close(), lose(segments, away))
			}
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1}); !errors.Is(err, ticketstore.ErrDamaged) {
					t.Errorf("opened without the mails: %v", err)
				}
			}
			if err := errors.Join(os.RemoveAll(segments), os.Rename(away, segments)); err != nil {
				t.Fatal(err)
			}
			if r, err := storetest.Open(t, dir).Check(t.Context()); err != nil || len(r.Problems) > 0 {
				t.Errorf("with the mails again: %+v, %v", r, err)
			}
		})
	}
}

// A segment that is not the one the database means is appended to, and not cut.
func TestSegmentOfAnotherDeskIsNotCut(t *testing.T) {
	var files []string
	for _, texts := range [][]string{{"one", "two", "three"}, {"a longer text than any there"}} {
		dir := t.TempDir()
		db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if _, err := put(t.Context(), db, text); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(dir, "segments", "000001.seg"))
	}
	other, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[1], other, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := ticketstore.Open(filepath.Dir(filepath.Dir(files[1])), ticketstore.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = put(t.Context(), db, "another")
	if err = errors.Join(err, db.Close()); err != nil {
		t.Error(err)
	}
	now, err := os.ReadFile(files[1])
	if err != nil || !strings.HasPrefix(string(now), string(other)) || len(now) == len(other) {
		t.Errorf("of %d octets %d are left, %v", len(other), len(now), err)
	}
}

// A segment that could not be begun, for want of a descriptor, is begun by the next
// change.
func TestSegmentIsBegunAgain(t *testing.T) {
	dir := t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1, SegmentSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := put(t.Context(), db, "before"); err != nil {
		t.Fatal(err)
	}
	segments, moved := filepath.Join(dir, "segments"), filepath.Join(dir, "moved")
	if err := os.Rename(segments, moved); err != nil {
		t.Fatal(err)
	}
	if _, err := put(t.Context(), db, "x"); err == nil || errors.Is(err, ticketstore.ErrFailed) {
		t.Errorf("without the folder: %v", err)
	}
	if err := os.Rename(moved, segments); err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(segments, "000002.seg")
	if err := os.WriteFile(next, nil, 0o600); err != nil { // as far as it may have come
		t.Fatal(err)
	}
	if id, err := put(t.Context(), db, "after"); err != nil || id != 2 {
		t.Errorf("ticket %s, %v", id, err)
	}
	if st, err := os.Stat(next); err != nil || st.Size() == 0 {
		t.Errorf("the record is not in the new segment: %v", err)
	}
}

func TestUpdateAfterClose(t *testing.T) {
	db, err := ticketstore.Open(t.TempDir(), ticketstore.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := put(t.Context(), db, "x"); !errors.Is(err, ticketstore.ErrClosed) {
		t.Errorf("update: %v", err)
	}
	if err := db.View(t.Context(), func(ticketstore.View) error { return nil }); !errors.Is(err, ticketstore.ErrClosed) {
		t.Errorf("view: %v", err)
	}
}

func BenchmarkUpdate(b *testing.B) {
	raw := strings.Repeat("line of a mail\r\n", 128)
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			db, err := ticketstore.Open(b.TempDir(), ticketstore.Options{MinFree: -1})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			b.ReportAllocs()
			b.SetParallelism(callers) // times GOMAXPROCS goroutines
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := put(context.Background(), db, raw); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
