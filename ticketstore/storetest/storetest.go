// Package storetest is the behaviour that every ticketstore.Store must show,
// as one test suite, and a store for other tests that checks itself.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

// New returns an empty store in a folder of its own. When the test ends the
// store is checked and closed.
func New(t testing.TB) *ticketstore.DB {
	t.Helper()
	return Open(t, t.TempDir())
}

// Open opens the store in dir; see New.
func Open(t testing.TB, dir string) *ticketstore.DB {
	t.Helper()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		rep, err := db.Check(context.Background())
		if err != nil && !errors.Is(err, ticketstore.ErrClosed) && err.Error() != "database not open" {
			t.Errorf("checking the store: %v", err)
		}
		for _, p := range rep.Problems {
			t.Errorf("store check: %s", p)
		}
		if err := db.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return db
}

// Record makes a record of octets for the next record ID.
func Record(id ticketstore.RecordID, octets string) ticketstore.Record {
	return ticketstore.Record{
		ID: id, Kind: ticketstore.RecordMail, Content: bytes.NewReader([]byte(octets)), Digest: sha256.Sum256([]byte(octets)),
	}
}

// open returns a change that opens a ticket with one action and its raw mail.
func open(v ticketstore.View, at time.Time, subject, raw string) ticketstore.Change {
	next := v.Next()
	return ticketstore.Change{
		At:      at,
		Records: []ticketstore.Record{Record(next.Record, raw)},
		Tickets: []ticketstore.Ticket{{ID: next.Ticket, Version: 1, LastSeq: 1, Subject: subject, Status: ticketstore.StatusNew, Created: at}},
		Actions: []ticketstore.Action{{Ticket: next.Ticket, Seq: 1, At: at, Record: next.Record, Text: raw}},
	}
}

func mustUpdate(t *testing.T, s ticketstore.Store, fn func(ticketstore.View) (ticketstore.Change, error)) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func mustView(t *testing.T, s ticketstore.Store, fn func(ticketstore.View) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func addr(t testing.TB, s string) address.Address {
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Run runs the suite. open returns an empty store; the suite closes nothing.
func Run(t *testing.T, newStore func(testing.TB) ticketstore.Store) {
	for name, test := range map[string]func(*testing.T, ticketstore.Store){
		"a ticket, its action and its raw mail are read back":  readBack,
		"a failed function changes nothing":                    failedChangesNothing,
		"a change from an outdated view is refused":            conflict,
		"one bad change in a crowd leaves the others alone":    crowd,
		"a Message-ID leads to its ticket":                     messageIDs,
		"a mail seen is answered from memory for seven days":   seen,
		"an address belongs to one contact":                    contacts,
		"items fall due in order and rest when they are done":  due,
		"none is due where all of a great many are done":       dueAfterAll,
		"a table of which everything is taken out is empty":    emptied,
		"automatic mails are counted per address and day":      autoMails,
		"a panic in a function is that caller's error":         panics,
		"filters choose tickets, newest first":                 filters,
		"a view does not see what is written after it was had": snapshot,
		"held mails are kept and can be decided on":            held,
	} {
		t.Run(name, func(t *testing.T) { test(t, newStore(t)) })
	}
}

func readBack(t *testing.T, s ticketstore.Store) {
	mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) {
		return open(v, now, "printer", "raw octets\x00\xff"), nil
	})
	var content ticketstore.Content
	mustView(t, s, func(v ticketstore.View) error {
		got, err := v.Ticket(1)
		if err != nil || got.Subject != "printer" {
			t.Errorf("ticket %+v, %v", got, err)
		}
		a, err := v.Action(1, 1)
		if err != nil {
			return err
		}
		content, err = v.Content(a.Record)
		return err
	})
	raw, err := io.ReadAll(io.NewSectionReader(content, 0, content.Size()))
	if err != nil || string(raw) != "raw octets\x00\xff" {
		t.Errorf("raw mail %q, %v", raw, err)
	}
	err = s.View(t.Context(), func(v ticketstore.View) error { _, err := v.Ticket(2); return err })
	if !errors.Is(err, ticketstore.ErrNotFound) {
		t.Errorf("missing ticket: %v", err)
	}
}

func failedChangesNothing(t *testing.T, s ticketstore.Store) {
	boom := errors.New("no")
	err := s.Update(t.Context(), func(v ticketstore.View) (ticketstore.Change, error) { return open(v, now, "x", "y"), boom })
	if !errors.Is(err, boom) {
		t.Fatalf("error %v", err)
	}
	mustView(t, s, func(v ticketstore.View) error {
		if n := v.Next(); n != (ticketstore.NextIDs{Ticket: 1, Contact: 1, Item: 1, Held: 1, Record: 1}) {
			t.Errorf("IDs were used: %+v", n)
		}
		return nil
	})
}

func conflict(t *testing.T, s ticketstore.Store) {
	mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) { return open(v, now, "x", "y"), nil })
	for name, c := range map[string]ticketstore.Change{
		"same version":          {Tickets: []ticketstore.Ticket{{ID: 1, Version: 1, LastSeq: 1}}},
		"version ahead":         {Tickets: []ticketstore.Ticket{{ID: 1, Version: 3, LastSeq: 1}}},
		"ticket from the blue":  {Tickets: []ticketstore.Ticket{{ID: 9, Version: 1}}},
		"action without ticket": {Actions: []ticketstore.Action{{Ticket: 1, Seq: 2}}},
		"action again": {
			Tickets: []ticketstore.Ticket{{ID: 1, Version: 2, LastSeq: 1}},
			Actions: []ticketstore.Action{{Ticket: 1, Seq: 1}},
		},
		"record from the blue": {Records: []ticketstore.Record{Record(7, "x")}},
		"item from the blue":   {Items: []ticketstore.OutboxItem{{ID: 4}}},
	} {
		err := s.Update(t.Context(), func(ticketstore.View) (ticketstore.Change, error) { return c, nil })
		if !errors.Is(err, ticketstore.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// crowd: 64 callers at once; each fifth fails. The others get consecutive
// ticket IDs, and each finds its own mail under the ID it was given.
func crowd(t *testing.T, s ticketstore.Store) {
	const callers = 64
	ids := make([]ticketstore.TicketID, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			err := s.Update(t.Context(), func(v ticketstore.View) (ticketstore.Change, error) {
				c := open(v, now, fmt.Sprint("ticket ", i), fmt.Sprint("raw ", i))
				if i%5 == 0 {
					c.Tickets[0].Version = 7
				}
				ids[i] = c.Tickets[0].ID
				return c, nil
			})
			if (err != nil) != (i%5 == 0) {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	mustView(t, s, func(v ticketstore.View) error {
		taken := map[ticketstore.TicketID]bool{}
		for i, id := range ids {
			if i%5 == 0 {
				continue
			}
			tk, err := v.Ticket(id)
			if err != nil || tk.Subject != fmt.Sprint("ticket ", i) || taken[id] {
				t.Errorf("caller %d was given %s and finds %q (%v)", i, id, tk.Subject, err)
			}
			taken[id] = true
		}
		if want := ticketstore.TicketID(callers - 13 + 1); v.Next().Ticket != want {
			t.Errorf("next ticket is %s, not %s", v.Next().Ticket, want)
		}
		return nil
	})
}

func messageIDs(t *testing.T, s ticketstore.Store) {
	for i, at := range []time.Time{now, now.AddDate(0, 2, 0)} {
		mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) {
			c := open(v, at, "x", "y")
			c.MessageIDs = []ticketstore.MessageRef{{MessageID: fmt.Sprintf("m%d@example.org", i), Ticket: c.Tickets[0].ID, Action: 1}}
			return c, nil
		})
	}
	mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) {
		c := open(v, now, "somebody else's", "y")
		c.MessageIDs = []ticketstore.MessageRef{{MessageID: "m0@example.org", Ticket: c.Tickets[0].ID, Action: 1}}
		return c, nil
	})
	mustView(t, s, func(v ticketstore.View) error {
		for i := range 2 {
			ids, err := v.TicketsByMessageID(fmt.Sprintf("m%d@example.org", i))
			if diff := cmp.Diff([]ticketstore.TicketID{ticketstore.TicketID(i + 1), 3}[:2-i], ids); diff != "" || err != nil {
				t.Errorf("mail %d: %v %s", i, err, diff)
			}
		}
		if ids, err := v.TicketsByMessageID("other@example.org"); err != nil || len(ids) > 0 {
			t.Errorf("unknown Message-ID: %v, %v", ids, err)
		}
		return nil
	})
}

func seen(t *testing.T, s ticketstore.Store) {
	see := func(key byte, at time.Time) {
		mustUpdate(t, s, func(ticketstore.View) (ticketstore.Change, error) {
			return ticketstore.Change{Seen: []ticketstore.Seen{{Key: ticketstore.MailKey{key}, At: at, Ticket: 5, Mailboxes: []string{"support"}}}}, nil
		})
	}
	knows := func(key byte) bool {
		var known bool
		mustView(t, s, func(v ticketstore.View) error {
			got, err := v.Seen(ticketstore.MailKey{key})
			known = err == nil
			if known && (got.Ticket != 5 || !cmp.Equal(got.Mailboxes, []string{"support"})) {
				t.Errorf("seen %+v", got)
			}
			return nil
		})
		return known
	}
	see(1, now)
	see(2, now.Add(7*24*time.Hour))
	if !knows(1) || !knows(2) || knows(3) {
		t.Error("a mail of the last seven days is forgotten, or one is invented")
	}
	see(3, now.Add(20*24*time.Hour))
	if knows(1) || knows(2) || !knows(3) {
		t.Error("old mails are still remembered")
	}
}

// emptied takes everything out of a table of many pages. A change that follows
// at once looks into it.
func emptied(t *testing.T, s ticketstore.Store) {
	const many = 500
	var all ticketstore.Change
	var ids []ticketstore.ContactID
	for id := range ticketstore.ContactID(many) {
		ids = append(ids, id+1)
		all.Contacts = append(all.Contacts, ticketstore.Contact{
			ID: id + 1, Kind: ticketstore.KindUser, Name: "somebody", Addresses: []address.Address{addr(t, fmt.Sprintf("u%d@example.org", id))},
		})
	}
	mustUpdate(t, s, func(ticketstore.View) (ticketstore.Change, error) { return all, nil })
	mustView(t, s, func(ticketstore.View) error { return nil })
	mustUpdate(t, s, func(ticketstore.View) (ticketstore.Change, error) { return ticketstore.Change{Forget: ids}, nil })
	mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) {
		for c := range v.Contacts() {
			t.Errorf("contact %d is still there", c.ID)
		}
		return ticketstore.Change{}, nil
	})
}

func contacts(t *testing.T, s ticketstore.Store) {
	ann := ticketstore.Contact{ID: 1, Kind: ticketstore.KindUser, Name: "Ann", Addresses: []address.Address{addr(t, "ann@example.org"), addr(t, "a@example.net")}}
	put := func(c ticketstore.Change) error {
		return s.Update(t.Context(), func(ticketstore.View) (ticketstore.Change, error) { return c, nil })
	}
	if err := put(ticketstore.Change{Contacts: []ticketstore.Contact{ann}}); err != nil {
		t.Fatal(err)
	}
	thief := ticketstore.Contact{ID: 2, Kind: ticketstore.KindAgent, Name: "Bob", Addresses: []address.Address{addr(t, "A@Example.net")}}
	if err := put(ticketstore.Change{Contacts: []ticketstore.Contact{thief}}); !errors.Is(err, ticketstore.ErrConflict) {
		t.Errorf("an address was taken from another contact: %v", err)
	}
	find := func(a string) (c ticketstore.Contact, err error) {
		mustView(t, s, func(v ticketstore.View) error { c, err = v.ContactByAddress(addr(t, a)); return nil })
		return c, err
	}
	if c, err := find("ANN@example.org"); err != nil || c.Name != "Ann" {
		t.Errorf("found %+v, %v", c, err)
	}
	ann.Addresses = ann.Addresses[:1]
	if err := put(ticketstore.Change{Contacts: []ticketstore.Contact{ann}}); err != nil {
		t.Fatal(err)
	}
	if _, err := find("a@example.net"); !errors.Is(err, ticketstore.ErrNotFound) {
		t.Errorf("an address given up still leads to its contact: %v", err)
	}
	agents := func() (n int) {
		mustView(t, s, func(v ticketstore.View) error {
			for range v.Agents() {
				n++
			}
			return nil
		})
		return n
	}
	ann.Kind = ticketstore.KindAgent
	if err := put(ticketstore.Change{Contacts: []ticketstore.Contact{ann}}); err != nil || agents() != 1 {
		t.Errorf("%d agents, %v", agents(), err)
	}
	if err := put(ticketstore.Change{Forget: []ticketstore.ContactID{1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := find("ann@example.org"); !errors.Is(err, ticketstore.ErrNotFound) {
		t.Errorf("a removed contact is found: %v", err)
	}
	if agents() != 0 {
		t.Error("a removed contact is still an agent")
	}
}

func autoMails(t *testing.T, s ticketstore.Store) {
	ann := addr(t, "ann@example.org")
	for range 3 {
		mustUpdate(t, s, func(ticketstore.View) (ticketstore.Change, error) {
			return ticketstore.Change{At: now, AutoMails: []address.Address{ann}}, nil
		})
	}
	mustView(t, s, func(v ticketstore.View) error {
		if n := v.AutoMails(addr(t, "Ann@example.org"), now); n != 3 {
			t.Errorf("%d counted", n)
		}
		if n := v.AutoMails(ann, now.AddDate(0, 0, 1)); n != 0 {
			t.Errorf("%d counted on the next day", n)
		}
		return nil
	})
}

func panics(t *testing.T, s ticketstore.Store) {
	if err := s.Update(t.Context(), func(ticketstore.View) (ticketstore.Change, error) { panic("oops") }); err == nil {
		t.Error("no error")
	}
	mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) { return open(v, now, "x", "y"), nil })
}

func filters(t *testing.T, s ticketstore.Store) {
	for i, st := range []ticketstore.Status{ticketstore.StatusNew, ticketstore.StatusOpen, ticketstore.StatusNew} {
		mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) {
			c := open(v, now, "x", "y")
			c.Tickets[0].Status = st
			c.Tickets[0].Mailbox = []string{"support", "sales", "sales"}[i]
			return c, nil
		})
	}
	mustView(t, s, func(v ticketstore.View) error {
		want := map[string]ticketstore.TicketID{"support": 1, "sales": 2}
		if diff := cmp.Diff(want, maps.Collect(v.Mailboxes())); diff != "" {
			t.Errorf("mailboxes in use: %s", diff)
		}
		return nil
	})
	list := func(f ticketstore.TicketFilter) (ids []ticketstore.TicketID) {
		mustView(t, s, func(v ticketstore.View) error {
			for tk, err := range v.Tickets(f) {
				if err != nil {
					return err
				}
				ids = append(ids, tk.ID)
			}
			return nil
		})
		return ids
	}
	if got := list(ticketstore.TicketFilter{}); !cmp.Equal(got, []ticketstore.TicketID{3, 2, 1}) {
		t.Errorf("all: %v", got)
	}
	if got := list(ticketstore.TicketFilter{Status: []ticketstore.Status{ticketstore.StatusNew}, Mailbox: "sales"}); !cmp.Equal(got, []ticketstore.TicketID{3}) {
		t.Errorf("new in sales: %v", got)
	}
}

func snapshot(t *testing.T, s ticketstore.Store) {
	mustView(t, s, func(v ticketstore.View) error {
		mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) { return open(v, now, "x", "y"), nil })
		if _, err := v.Ticket(1); !errors.Is(err, ticketstore.ErrNotFound) {
			t.Errorf("the view moved: %v", err)
		}
		return nil
	})
}

func held(t *testing.T, s ticketstore.Store) {
	mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) {
		return ticketstore.Change{
			Records: []ticketstore.Record{Record(1, "raw")},
			Held:    []ticketstore.HeldMail{{ID: 1, Record: 1, State: "held", Reason: "forged"}},
		}, nil
	})
	mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) {
		h, err := v.Held(1)
		h.State = "dropped"
		return ticketstore.Change{Held: []ticketstore.HeldMail{h}}, err
	})
	mustView(t, s, func(v ticketstore.View) error {
		for h, err := range v.HeldMails() {
			if err != nil || h.State != "dropped" || h.Reason != "forged" {
				t.Errorf("%+v, %v", h, err)
			}
		}
		return nil
	})
}
