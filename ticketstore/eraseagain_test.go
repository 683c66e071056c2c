package ticketstore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// What was erased does not come back with a repair.
func TestRepairKeepsErased(t *testing.T) {
	dir, backup := t.TempDir(), t.TempDir()
	db := filled(t, dir, 5)
	if _, err := db.Backup(t.Context(), backup, nil); err != nil {
		t.Fatal(err)
	}
	err := db.Update(t.Context(), func(v ticketstore.View) (ticketstore.Change, error) {
		tk, err := v.Ticket(2)
		tk.Version++
		tk.LastSeq++
		return ticketstore.Change{
			Erase: []ticketstore.TicketID{2}, Tickets: []ticketstore.Ticket{tk},
			Actions: []ticketstore.Action{{Ticket: 2, Seq: 2, Outcome: ticketstore.OutcomeErased}},
		}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	ticketstore.DropEntry(t, dir, 2)
	db, r := repaired(t, dir, backup)
	defer db.Close()
	err = db.View(t.Context(), func(v ticketstore.View) error {
		a, err := v.Action(2, 1)
		if a.Text != "" || r.Recovered["the backup"]+r.Recovered["loose pages"] == 0 {
			t.Errorf("%+v, %+v", a, r)
		}
		if _, err := v.Content(a.Record); !errors.Is(err, ticketstore.ErrGone) {
			t.Errorf("the raw mail: %v", err)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// The mail of a held mail that was erased does not come back with a repair that
// finds its octets in a segment or in a backup.
func TestRepairKeepsErasedHeldMail(t *testing.T) {
	dir, backup := t.TempDir(), t.TempDir()
	db := filled(t, dir, 5)
	if _, err := db.Backup(t.Context(), backup, nil); err != nil {
		t.Fatal(err)
	}
	var record ticketstore.RecordID
	err := db.Update(t.Context(), func(v ticketstore.View) (ticketstore.Change, error) {
		h, err := v.Held(1)
		record, h.State = h.Record, ticketstore.HeldErased
		return ticketstore.Change{Held: []ticketstore.HeldMail{h}, EraseHeld: []ticketstore.HeldID{1}}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	ticketstore.DropRecord(t, dir, record)
	db, r := repaired(t, dir, backup)
	defer db.Close()
	if _, err := db.Content(t.Context(), record); !errors.Is(err, ticketstore.ErrGone) || r.Damaged == "" {
		t.Errorf("the raw mail: %v; %+v", err, r)
	}
}

// Whichever page of the database is lost, what was erased since the backup does not
// come back from it.
func TestRepairBringsNothingErasedBack(t *testing.T) {
	const secret = "QZSECRETQZ"
	dir, backup := t.TempDir(), t.TempDir()
	db := filled(t, dir, 60)
	var id ticketstore.TicketID
	var held ticketstore.HeldID
	do := func(fn func(v ticketstore.View) ticketstore.Change) {
		t.Helper()
		err := db.Update(t.Context(), func(v ticketstore.View) (ticketstore.Change, error) { return fn(v), nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	do(func(v ticketstore.View) ticketstore.Change {
		n := v.Next()
		id, held = n.Ticket, n.Held
		return ticketstore.Change{
			At: now,
			Records: []ticketstore.Record{
				storetest.Record(n.Record, secret), storetest.Record(n.Record+1, secret), storetest.Record(n.Record+2, secret),
			},
			Tickets: []ticketstore.Ticket{{ID: n.Ticket, Version: 1, LastSeq: 1, Mailbox: "support", Subject: secret, SupplierRef: secret}},
			Actions: []ticketstore.Action{{Ticket: n.Ticket, Seq: 1, Record: n.Record, Subject: secret, Text: secret, Fresh: secret}},
			Items:   []ticketstore.OutboxItem{{ID: n.Item, Ticket: n.Ticket, Action: 1, Header: secret, Body: n.Record + 1, State: ticketstore.ItemDelivered}},
			Held: []ticketstore.HeldMail{
				{ID: n.Held, Record: n.Record, State: "released", Released: n.Ticket, Subject: secret, Reason: secret},
				{ID: n.Held + 1, Record: n.Record + 2, State: "held", Subject: secret, Reason: secret},
			},
		}
	})
	if _, err := db.Backup(t.Context(), backup, nil); err != nil {
		t.Fatal(err)
	}
	do(func(v ticketstore.View) ticketstore.Change {
		tk, terr := v.Ticket(id)
		released, rerr := v.Held(held)
		dropped, derr := v.Held(held + 1)
		if err := errors.Join(terr, rerr, derr); err != nil {
			t.Fatal(err)
		}
		tk.Version, tk.LastSeq = tk.Version+1, tk.LastSeq+1
		tk.Erase()
		released.Erase()
		dropped.Erase()
		dropped.State = ticketstore.HeldErased
		return ticketstore.Change{
			At: now, Erase: []ticketstore.TicketID{id}, EraseHeld: []ticketstore.HeldID{held + 1}, Tickets: []ticketstore.Ticket{tk},
			Held:    []ticketstore.HeldMail{released, dropped},
			Actions: []ticketstore.Action{{Ticket: id, Seq: 2, Outcome: ticketstore.OutcomeErased}},
		}
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "desk.db")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	repairs := 0
	for at := 2 * page; at < len(good); at += page {
		lost := make([]byte, page)
		if bytes.Equal(good[at:at+page], lost) {
			continue
		}
		bad := slices.Clone(good)
		copy(bad[at:], lost)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ticketstore.Repair(t.Context(), dir, ticketstore.RepairOptions{Backup: backup}); err != nil {
			t.Errorf("page %d: %v", at/page, err)
			continue
		}
		repairs++
		if now, err := os.ReadFile(path); err != nil || bytes.Contains(now, []byte(secret)) {
			t.Errorf("without page %d the text is back, %v", at/page, err)
		}
	}
	if repairs < 10 {
		t.Errorf("%d pages were taken away", repairs)
	}
}

// What an earlier repair gave up was not erased, and takes nothing else with it.
func TestRepairErasesNothingThatWasLost(t *testing.T) {
	dir, backup := t.TempDir(), t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"the first", "to be damaged", "the third"}
	for i, text := range texts {
		err := db.Update(t.Context(), func(v ticketstore.View) (ticketstore.Change, error) {
			n := v.Next().Record
			tk, err := v.Ticket(1)
			if i == 0 {
				tk, err = ticketstore.Ticket{ID: 1, Mailbox: "support"}, nil
			}
			tk.Version, tk.LastSeq = tk.Version+1, tk.LastSeq+1
			return ticketstore.Change{
				At: time.Now(), Records: []ticketstore.Record{storetest.Record(n, text)}, Tickets: []ticketstore.Ticket{tk},
				Actions: []ticketstore.Action{{Ticket: 1, Seq: tk.LastSeq, Record: n, Text: text, Fresh: text}},
			}, err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	segment := filepath.Join(dir, "segments", "000001.seg")
	raw, err := os.ReadFile(segment)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	raw[bytes.Index(raw, []byte(texts[1]))] ^= 1
	if err := os.WriteFile(segment, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	db, r := repaired(t, dir, "")
	if len(r.Lost) != 1 {
		t.Errorf("lost %q", r.Lost)
	}
	_, err = db.Backup(t.Context(), backup, nil)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	ticketstore.DropActions(t, dir, 1, 3)
	db, _ = repaired(t, dir, backup)
	defer db.Close()
	err = db.View(t.Context(), func(v ticketstore.View) error {
		for i, text := range texts {
			a, err := v.Action(1, uint32(i)+1)
			if err != nil || a.Text != text {
				t.Errorf("entry %d says %q, %v", i+1, a.Text, err)
			}
			if _, err := v.Content(a.Record); (err == nil) != (i != 1) {
				t.Errorf("the mail of entry %d: %v", i+1, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
