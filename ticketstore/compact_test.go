package ticketstore_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// eraseTicket takes out what was said in a ticket.
func eraseTicket(t *testing.T, db *ticketstore.DB, id ticketstore.TicketID) {
	t.Helper()
	err := db.Update(t.Context(), func(v ticketstore.View) (ticketstore.Change, error) {
		tk, err := v.Ticket(id)
		tk.Version++
		tk.Subject = "(erased)"
		return ticketstore.Change{Erase: []ticketstore.TicketID{id}, Tickets: []ticketstore.Ticket{tk}}, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// holding lists the files of a folder that hold a text.
func holding(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if bytes.Contains(raw, []byte(text)) {
			files = append(files, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// What was erased can be read by nobody, and is in no file once the store was
// compacted. The rest is as it was.
func TestErasedTextIsGone(t *testing.T) {
	dir := t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1, SegmentSize: 4000})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Fill(t, db, 30)
	for _, text := range []string{"The text of case 7.", "Subject: case 7\r\n", "We have your mail 7."} {
		if len(holding(t, dir, text)) == 0 {
			t.Errorf("%q is in no file before: the test sees nothing", text)
		}
	}
	eraseTicket(t, db, 7)
	want, _ := storetest.Dump(t, db)
	err = db.View(t.Context(), func(v ticketstore.View) error {
		a, err := v.Action(7, 1)
		if a.Text != "" || a.Record == 0 || a.Outcome != ticketstore.OutcomeOpened {
			t.Errorf("the action is %+v", a)
		}
		if _, err := v.Content(a.Record); !errors.Is(err, ticketstore.ErrGone) {
			t.Errorf("the raw mail: %v", err)
		}
		if it, err := v.Item(7); err != nil || it.State != ticketstore.ItemCancelled || it.Header != "" {
			t.Errorf("the outgoing mail is %+v, %v", it, err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ticketstore.Compact(t.Context(), dir, ticketstore.Options{}, nil); !errors.Is(err, ticketstore.ErrLocked) {
		t.Errorf("compacting a store that is in use: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := ticketstore.Compact(t.Context(), dir, ticketstore.Options{SegmentSize: 4000}, nil)
	if err != nil || r.SegmentsAfter >= r.SegmentsBefore || r.DatabaseAfter > r.DatabaseBefore {
		t.Errorf("%+v, %v", r, err)
	}
	for _, text := range []string{"The text of case 7.", "case 7\r\n", "We have your mail 7.", `"case 7"`} {
		if in := holding(t, dir, text); len(in) > 0 {
			t.Errorf("%q is in %v", text, in)
		}
	}
	db = storetest.Open(t, dir)
	if got, failed := storetest.Dump(t, db); !maps.Equal(got, want) || failed != 2 { // the erased mail and body
		t.Errorf("%d values, %d before; %d errors", len(got), len(want), failed)
	}
	if id, err := put(t.Context(), db, "after"); err != nil || id != 31 {
		t.Errorf("ticket %s, %v", id, err)
	}
	if rep, err := db.Check(t.Context()); err != nil || rep.Unreferenced > 0 || rep.Gone != 2 {
		t.Errorf("%+v, %v", rep, err)
	}
	again, err := db.Backup(t.Context(), t.TempDir(), nil)
	if err != nil || len(again.Problems) > 0 {
		t.Errorf("%+v, %v", again, err)
	}
}

// A compaction that is cut short at any step leaves a whole store, and the next
// one finishes the work.
func TestCompactionIsCutShort(t *testing.T) {
	dir := t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1, SegmentSize: 2000})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Fill(t, db, 20)
	eraseTicket(t, db, 2)
	eraseTicket(t, db, 20)
	want, _ := storetest.Dump(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var cuts []string
	cut := func(ticketstore.Progress) {
		to := t.TempDir()
		copyTree(t, dir, to)
		cuts = append(cuts, to)
	}
	if _, err := ticketstore.Compact(t.Context(), dir, ticketstore.Options{SegmentSize: 2000}, cut); err != nil {
		t.Fatal(err)
	}
	cut(ticketstore.Progress{})
	if len(cuts) < 5 {
		t.Errorf("%d cuts", len(cuts))
	}
	for i, dir := range cuts {
		db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
		if err != nil {
			t.Fatalf("cut %d: %v", i, err)
		}
		if got, _ := storetest.Dump(t, db); !maps.Equal(got, want) {
			t.Errorf("cut %d: %d values, %d before", i, len(got), len(want))
		}
		if _, err := put(t.Context(), db, strings.Repeat("after", 10)); err != nil {
			t.Errorf("cut %d: %v", i, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := ticketstore.Compact(t.Context(), dir, ticketstore.Options{}, nil); err != nil {
			t.Errorf("cut %d: compacting again: %v", i, err)
		}
		if in := holding(t, dir, "The text of case 20."); len(in) > 0 {
			t.Errorf("cut %d: an erased text is in %v", i, in)
		}
		storetest.Open(t, dir)
	}
}

// A damaged store is not compacted: what its repair needs may be in what would
// be thrown away.
func TestCompactionOfDamageIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := filled(t, dir, 5).Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "segments", "000001.seg")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ticketstore.Compact(context.Background(), dir, ticketstore.Options{}, nil); !errors.Is(err, ticketstore.ErrDamaged) {
		t.Errorf("compacted: %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, raw) {
		t.Errorf("the segment was changed: %v", err)
	}
}

// What was erased is not in the databases either that repairs have kept as they
// were found: they go with a compaction, and nothing of another name does.
func TestErasedTextIsInNoKeptDatabase(t *testing.T) {
	dir := t.TempDir()
	if err := filled(t, dir, 9).Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := ticketstore.Repair(t.Context(), dir, ticketstore.RepairOptions{}); err != nil || r.Damaged != "" {
		t.Errorf("a sound store: %+v, %v", r, err)
	}
	var kept []string
	for id := range ticketstore.TicketID(4) { // some of them in the same second
		ticketstore.DropEntry(t, dir, id+1)
		r, err := ticketstore.Repair(t.Context(), dir, ticketstore.RepairOptions{})
		if err != nil || r.Damaged == "" {
			t.Fatalf("%+v, %v", r, err)
		}
		kept = append(kept, filepath.Base(r.Damaged))
	}
	if in := holding(t, dir, "The text of case 7."); len(in) < 5 {
		t.Errorf("the text is in %v: the test sees nothing", in)
	}
	db := storetest.Open(t, dir)
	eraseTicket(t, db, 7)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"desk.db.damaged-mine", "desk.db.damaged-20260101T000000-mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := ticketstore.Compact(t.Context(), dir, ticketstore.Options{}, nil)
	if slices.Sort(kept); err != nil || !slices.Equal(r.Removed, kept) {
		t.Errorf("removed are %q, %v; kept were %q", r.Removed, err, kept)
	}
	if in := holding(t, dir, "The text of case 7."); len(in) > 0 {
		t.Errorf("the text is in %v", in)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "desk.db.*")); len(left) != 2 {
		t.Errorf("there are %q", left)
	}
}
