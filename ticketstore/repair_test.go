package ticketstore_test

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// repaired repairs the store in a folder and opens it.
func repaired(t *testing.T, dir, backup string) (*ticketstore.DB, ticketstore.RepairReport) {
	t.Helper()
	r, err := ticketstore.Repair(t.Context(), dir, ticketstore.RepairOptions{Backup: backup})
	if err != nil {
		t.Fatal(err)
	}
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
	if err != nil {
		t.Fatalf("after a repair: %v (%+v)", err, r)
	}
	report, err := db.Check(t.Context())
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("after a repair (%+v): %q, %v", r, report.Problems, err)
	}
	return db, r
}

// differing names the values of want that are otherwise in got.
func differing(got, want map[string]string) (names []string) {
	for name, v := range want {
		if got[name] != v {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestRepairOfBitRot damages a random place of a store, with a backup of some
// time before and without one. Afterwards the store is sound; what differs from
// before is little, and the repair has said that there is something.
func TestRepairOfBitRot(t *testing.T) {
	dir, backup := t.TempDir(), t.TempDir()
	db := filled(t, dir, 40)
	if _, err := db.Backup(t.Context(), backup, nil); err != nil {
		t.Fatal(err)
	}
	storetest.Fill(t, db, 20)
	good, _ := storetest.Dump(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	cutGrowth(t, dir)
	n, changed := rounds(t, "MXDESK_ROT_ROUNDS", 40)/2, map[string]int{}
	for round := range n {
		for _, from := range []string{backup, ""} {
			name := "with a backup"
			if from == "" {
				name = "without one"
			}
			bad := memory(t)
			copyTree(t, dir, bad)
			what := damage(t, bad, rand.New(rand.NewPCG(2, uint64(round))))
			db, r := repaired(t, bad, from)
			got, _ := storetest.Dump(t, db)
			diff := differing(got, good)
			if len(diff) > 0 && len(r.Lost)+len(r.Notes) == 0 {
				t.Errorf("%s, %s: %v differ, and the repair says nothing", what, name, diff)
			}
			diff = slices.DeleteFunc(diff, func(name string) bool {
				return strings.HasPrefix(name, "item ") && strings.Contains(got[name], `"held"`)
			})
			if len(diff) > len(good)/4 {
				t.Errorf("%s, %s: %d of %d values differ: %v; %+v", what, name, len(diff), len(good), diff, r)
			}
			changed[name] += len(diff)
			if id, err := put(t.Context(), db, "after"); err != nil || id != 61 {
				t.Errorf("%s, %s: next is ticket %s, %v", what, name, id, err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Logf("%d places: of %d values each, %d in all differ where there was a backup, %d without one", n, len(good), changed["with a backup"], changed["without one"])
	if changed["with a backup"] > changed["without one"] {
		t.Error("a backup makes it worse")
	}
}

// Without a database everything that came in is there again, from its raw mail.
func TestRepairFromSegments(t *testing.T) {
	dir := t.TempDir()
	db := filled(t, dir, 10)
	good, _ := storetest.Dump(t, db)
	if err := errors.Join(db.Close(), os.Remove(filepath.Join(dir, "desk.db"))); err != nil {
		t.Fatal(err)
	}
	if _, err := ticketstore.Open(dir, ticketstore.Options{}); !errors.Is(err, ticketstore.ErrDamaged) {
		t.Errorf("an empty database took the place of a lost one: %v", err)
	}
	reread := func(a *ticketstore.Action, c ticketstore.Content) {
		raw := make([]byte, c.Size())
		if _, err := c.ReadAt(raw, 0); err != nil {
			t.Error(err)
		}
		head, text, _ := strings.Cut(string(raw), "\r\n\r\n")
		_, a.Subject, _ = strings.Cut(head, "Subject: ")
		a.Text = strings.TrimSpace(text)
	}
	r, err := ticketstore.Repair(t.Context(), dir, ticketstore.RepairOptions{Read: reread})
	if err != nil || r.Recovered["segments"] == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	got, _ := storetest.Dump(t, storetest.Open(t, dir))
	for name, v := range good {
		if strings.HasPrefix(name, "record ") && got[name] != v && len(got[name]) > 0 {
			t.Errorf("%s is %s, was %s", name, got[name], v)
		}
	}
	for _, want := range []string{"ticket 10", "action 1/1", "held 1"} {
		if want != "held 1" && got[want] == "" { // the held mail's record says nothing of it here
			t.Errorf("there is no %s", want)
		}
	}
	if !strings.Contains(got["action 7/1"], "The text of case 7.") || !strings.Contains(got["ticket 7"], `"subject":"case 7"`) {
		t.Errorf("ticket 7 is %s, %s", got["ticket 7"], got["action 7/1"])
	}
}

// A record that stands in a mail is taken for one when the head of the mail's own is
// damaged and the database is lost. Nobody vouches for what it says.
func TestRecordInAMailIsNotBelieved(t *testing.T) {
	dir := t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	forged := ticketstore.ForgedRecord(2, ticketstore.MailMeta{
		Ticket: 2, Action: 1, Mailbox: "support", Outcome: ticketstore.OutcomeOpened, Visibility: ticketstore.Public,
		Actor:   ticketstore.Actor{Kind: ticketstore.ActorAgent, Name: "The boss"},
		Verdict: ticketstore.Verdict{Auth: ticketstore.AuthAligned, Authenticated: true},
	}, "pay at once", 0)
	_, err = put(t.Context(), db, "Subject: x\r\n\r\n"+string(forged))
	segment := filepath.Join(dir, "segments", "000001.seg")
	if err = errors.Join(err, db.Close(), os.Remove(filepath.Join(dir, "desk.db"))); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	raw[20] ^= 1
	if err := os.WriteFile(segment, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	fixed, _ := repaired(t, dir, "")
	defer fixed.Close()
	err = fixed.View(t.Context(), func(v ticketstore.View) error {
		a, err := v.Action(2, 1)
		if err == nil && (a.Verdict.Authenticated || a.Verdict.Auth != ticketstore.AuthNone || a.Actor.Kind != ticketstore.ActorUnknown) {
			t.Errorf("a forged record is believed: %+v, %+v", a.Actor, a.Verdict)
		}
		return err
	})
	if err != nil {
		t.Errorf("the test sees nothing: %v", err)
	}
}

// What looks like a record in a mail and claims to be longer than any file does not
// stop a repair.
func TestRecordBeyondAllFilesIsNone(t *testing.T) {
	for _, more := range []int64{math.MaxInt64, math.MaxInt64 - 68, math.MaxInt64 - 1000} {
		dir := t.TempDir()
		db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = put(t.Context(), db, "Subject: x\r\n\r\n"+string(ticketstore.ForgedRecord(2, ticketstore.MailMeta{}, "", more)))
		_, again := put(t.Context(), db, "another mail")
		segment := filepath.Join(dir, "segments", "000001.seg")
		raw, rerr := os.ReadFile(segment)
		if err = errors.Join(err, again, rerr, db.Close()); err != nil {
			t.Fatal(err)
		}
		raw[20] ^= 1
		if err := os.WriteFile(segment, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		fixed, r := repaired(t, dir, "")
		if _, err := fixed.Content(t.Context(), 2); err != nil || len(r.Lost) != 1 {
			t.Errorf("the mail behind it: %v; lost %q", err, r.Lost)
		}
		if err := fixed.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A segment that is lost comes back from the backup, or is given up with words.
func TestRepairOfLostSegment(t *testing.T) {
	dir, backup := t.TempDir(), t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1, SegmentSize: 2000})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Fill(t, db, 20)
	good, _ := storetest.Dump(t, db)
	if _, err := db.Backup(t.Context(), backup, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Close(), os.Remove(filepath.Join(dir, "segments", "000002.seg"))); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	copyTree(t, dir, other)
	db, r := repaired(t, dir, backup)
	defer db.Close()
	if got, failed := storetest.Dump(t, db); !maps.Equal(got, good) || failed > 0 || len(r.Lost) > 0 {
		t.Errorf("with a backup %v differ; %+v", differing(got, good), r)
	}
	db, r = repaired(t, other, "")
	defer db.Close()
	got, _ := storetest.Dump(t, db)
	diff := differing(got, good)
	if len(r.Lost) == 0 || len(diff) == 0 {
		t.Errorf("a segment was lost: %v differ, %+v", diff, r)
	}
	for _, name := range diff {
		if !strings.HasPrefix(name, "record ") && !strings.HasPrefix(name, "item ") {
			t.Errorf("%s is %s, was %s", name, got[name], good[name])
		}
	}
}

func TestRepairNeedsTheStoreForItself(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir, 1)
	if _, err := ticketstore.Repair(t.Context(), dir, ticketstore.RepairOptions{}); !errors.Is(err, ticketstore.ErrLocked) {
		t.Errorf("repaired: %v", err)
	}
}

// What stands in the journal alone is part of a store that is to be repaired, and
// newer than what the database has; also without a database.
func TestRepairReadsTheJournal(t *testing.T) {
	dir, without := t.TempDir(), t.TempDir()
	db := filled(t, dir, 5)
	storetest.Dump(t, db) // brings the database up to date
	for _, subject := range []string{"newer", "newest"} {
		if _, err := put(t.Context(), db, subject); err != nil {
			t.Fatal(err)
		}
	}
	crashed := t.TempDir()
	copyTree(t, dir, crashed)
	good, _ := storetest.Dump(t, db)
	copyTree(t, crashed, without)
	ticketstore.DropEntry(t, crashed, 2)
	if err := os.Remove(filepath.Join(without, "desk.db")); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{crashed, without} {
		db, r := repaired(t, bad, "")
		got, _ := storetest.Dump(t, db)
		for _, name := range []string{"ticket 6", "ticket 7", "action 6/1", "action 7/1"} {
			if got[name] != good[name] || good[name] == "" {
				t.Errorf("%s is %s, was %s; %+v", name, got[name], good[name], r)
			}
		}
		if id, err := put(t.Context(), db, "after"); err != nil || id != 8 {
			t.Errorf("next is ticket %s, %v", id, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A damaged schema version is not taken for that of another version of mxdesk.
func TestSchemaVersionIsDamaged(t *testing.T) {
	dir := t.TempDir()
	db := storetest.Open(t, dir)
	storetest.Fill(t, db, 3)
	good, _ := storetest.Dump(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint32{0, 1, ticketstore.Schema - 1, ticketstore.Schema + 4} {
		bad := t.TempDir()
		copyTree(t, dir, bad)
		ticketstore.DamageSchema(t, bad, n)
		if _, err := ticketstore.Open(bad, ticketstore.Options{}); !errors.Is(err, ticketstore.ErrDamaged) {
			t.Fatalf("schema %d: opened with %v", n, err)
		}
		db, _ := repaired(t, bad, "")
		if got, _ := storetest.Dump(t, db); len(differing(got, good)) > 0 {
			t.Errorf("schema %d: %v differ", n, differing(got, good))
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// putWith opens a ticket with a mail whose record says something of its own.
func putWith(t *testing.T, db *ticketstore.DB, raw string, meta ticketstore.MailMeta) {
	t.Helper()
	err := db.Update(t.Context(), func(v ticketstore.View) (ticketstore.Change, error) {
		next := v.Next()
		rec := storetest.Record(next.Record, raw)
		rec.Meta = meta
		return ticketstore.Change{
			Records: []ticketstore.Record{rec},
			Tickets: []ticketstore.Ticket{{ID: next.Ticket, Version: 1, LastSeq: 1, Subject: raw}},
			Actions: []ticketstore.Action{{Ticket: next.Ticket, Seq: 1, Record: next.Record, Text: raw}},
		}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Numbers that are lost one behind the other are said in one line.
func TestRepairSaysRanges(t *testing.T) {
	dir := t.TempDir()
	db := storetest.Open(t, dir)
	for _, id := range []ticketstore.TicketID{400, 402, 777} {
		putWith(t, db, "mail", ticketstore.MailMeta{Ticket: id, Action: 5, Mailbox: "support"})
	}
	if err := errors.Join(db.Close(), os.Remove(filepath.Join(dir, "desk.db"))); err != nil {
		t.Fatal(err)
	}
	db, r := repaired(t, dir, "")
	defer db.Close()
	for _, want := range []string{"tickets: numbers 1 to 399", "tickets: number 401", "tickets: numbers 403 to 776", "ticket 0000402: entries 1 to 4"} {
		if !slices.Contains(r.Lost, want) {
			t.Errorf("%q is not said", want)
		}
	}
	if len(r.Lost) > 10 {
		t.Errorf("%d lines: %q", len(r.Lost), r.Lost)
	}
}

// A record with numbers that cannot be costs no more than another, and moves the
// desk's numbers nowhere; its mail waits for a person.
func TestRepairOfNumbersThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	db := filled(t, dir, 3)
	strange := []ticketstore.MailMeta{
		{Ticket: 1 << 40, Action: 1},
		{Ticket: math.MaxUint64, Action: 1},
		{Ticket: 2, Action: math.MaxUint32},
		{Ticket: 2, Action: 0},
		{Held: 1 << 50},
		{Held: math.MaxUint64},
	}
	for _, meta := range strange {
		putWith(t, db, "strange", meta)
	}
	ticketstore.AddRecord(t, dir, math.MaxUint64, ticketstore.MailMeta{Ticket: 3, Action: 2}, "of no number")
	if err := errors.Join(db.Close(), os.Remove(filepath.Join(dir, "desk.db"))); err != nil {
		t.Fatal(err)
	}
	db, r := repaired(t, dir, "")
	defer db.Close()
	if len(r.Lost) > 10 {
		t.Errorf("%d lines: %q", len(r.Lost), r.Lost)
	}
	held := 0
	err := db.View(t.Context(), func(v ticketstore.View) error {
		for h, err := range v.HeldMails() {
			if err != nil {
				return err
			}
			if strings.Contains(h.Reason, "which cannot be") {
				held++
			}
			if _, err := v.Content(h.Record); err != nil {
				t.Error(err)
			}
		}
		if n := v.Next(); n.Ticket != 4 || n.Held > 20 || n.Record > 30 {
			t.Errorf("next are ticket %d, held mail %d and record %d", n.Ticket, n.Held, n.Record)
		}
		return nil
	})
	if err != nil || held != len(strange) {
		t.Errorf("%d of %d are held, %v: %q", held, len(strange), err, r.Notes)
	}
}
