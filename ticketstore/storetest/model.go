package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

// Model runs random operations on a store and on a model of it in memory, and
// wants both to be the same after each. Among the operations are a reopening, a
// crash, after which the store is what a copy of its files at that moment is,
// a compaction, and a move to a restored backup. How much is done say rapid's
// flags: -rapid.checks runs of some -rapid.steps operations. The stores are made
// in folders under root; count is called for each operation.
func Model(t *testing.T, root string, count func(operation string)) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{t: rt, root: root, contacts: map[ticketstore.ContactID]ticketstore.Contact{}, gone: map[ticketstore.RecordID]bool{}, raw: map[ticketstore.RecordID]string{}}
		m.ann = addr(t, "ann@example.org")
		m.dir, m.backup = m.folder(), m.folder()
		m.open()
		defer func() { m.must(errors.Join(m.db.Close(), os.RemoveAll(m.dir), os.RemoveAll(m.backup))) }()
		actions := map[string]func(*rapid.T){"": func(rt *rapid.T) {
			// To look makes a store settle what it holds back; a crash must find some.
			if rapid.Bool().Draw(rt, "look") || m.renewed {
				m.compare(rt)
			}
			m.renewed = false
		}}
		for name, op := range map[string]func(){
			"open a ticket": m.openTicket, "update a ticket": m.update, "erase a ticket": m.erase,
			"save a contact": m.saveContact, "forget a contact": m.forget, "send an item": m.send,
			"hold a mail": m.hold, "fail": m.fail, "spoil": m.spoil, "conflict": m.conflict, "check": m.check,
			"reopen": m.reopen, "crash": m.crash, "compact": m.compact, "restore": m.restore,
		} {
			actions[name] = func(rt *rapid.T) {
				m.t = rt
				count(name)
				op()
			}
		}
		rt.Repeat(actions)
	})
}

type model struct {
	t    *rapid.T
	root string
	dir  string
	db   *ticketstore.DB
	ann  address.Address

	renewed bool   // the store was opened again since it was last looked at
	backup  string // a folder, the same for each backup

	tickets  []ticketstore.Ticket
	actions  []ticketstore.Action
	items    []ticketstore.OutboxItem
	held     []ticketstore.HeldMail
	contacts map[ticketstore.ContactID]ticketstore.Contact
	last     ticketstore.ContactID
	seen     []ticketstore.Seen
	raw      map[ticketstore.RecordID]string
	gone     map[ticketstore.RecordID]bool
}

func (m *model) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) folder() string {
	dir, err := os.MkdirTemp(m.root, "store")
	m.must(err)
	return dir
}

func (m *model) open() {
	m.renewed = true
	var err error
	m.db, err = ticketstore.Open(m.dir, m.options())
	m.must(err)
}

func (m *model) options() ticketstore.Options {
	return ticketstore.Options{MinFree: -1, SegmentSize: 5000}
}

// apply makes a change and adds it to the model.
func (m *model) apply(fn func(ticketstore.View) (ticketstore.Change, error)) {
	m.t.Helper()
	var c ticketstore.Change
	m.must(m.db.Update(context.Background(), func(v ticketstore.View) (got ticketstore.Change, err error) {
		got, err = fn(v)
		c = got
		return got, err
	}))
	for _, id := range c.Erase {
		m.erased(id)
	}
	for _, r := range c.Records {
		raw, err := io.ReadAll(io.NewSectionReader(r.Content, 0, r.Content.Size()))
		m.must(err)
		m.raw[r.ID] = string(raw)
	}
	for _, t := range c.Tickets {
		m.tickets = set(m.tickets, t, func(old ticketstore.Ticket) bool { return old.ID == t.ID })
	}
	m.actions = append(m.actions, c.Actions...)
	for _, it := range c.Items {
		m.items = set(m.items, it, func(old ticketstore.OutboxItem) bool { return old.ID == it.ID })
	}
	for _, h := range c.Held {
		if int(h.ID) > len(m.held) {
			m.held = append(m.held, h)
		}
		m.held[h.ID-1] = h
	}
	for _, id := range c.Forget {
		delete(m.contacts, id)
	}
	for _, p := range c.Contacts {
		m.contacts[p.ID] = p
		m.last = max(m.last, p.ID)
	}
	m.seen = append(m.seen, c.Seen...)
}

// want is what Dump must give.
func (m *model) want() map[string]string {
	values := map[string]string{}
	set := func(name string, v any) {
		raw, err := json.Marshal(v)
		m.must(err)
		values[name] = string(raw)
	}
	for _, t := range m.tickets {
		set(fmt.Sprint("ticket ", uint64(t.ID)), t)
		set(fmt.Sprint("listed ticket ", uint64(t.ID)), t)
		set(fmt.Sprint("tickets of message ", uint64(t.ID)), []ticketstore.TicketID{t.ID})
	}
	for _, a := range m.actions {
		set(actionName(a.Ticket, a.Seq), a)
	}
	for _, s := range m.seen {
		set(fmt.Sprint("mail seen ", uint64(s.Ticket)), s)
	}
	for _, p := range m.contacts {
		set(fmt.Sprint("contact ", p.ID), p)
		set("contact by "+p.Addresses[0].String(), p)
	}
	for _, it := range m.items {
		set(fmt.Sprint("item ", it.ID), it)
	}
	for _, h := range m.held {
		set(fmt.Sprint("held ", h.ID), h)
	}
	for id, raw := range m.raw {
		if !m.gone[id] {
			set(fmt.Sprint("record ", id), []byte(raw))
		}
	}
	return values
}

func (m *model) compare(rt *rapid.T) {
	m.t = rt
	got, failed := Dump(m.t, m.db)
	want := m.want()
	for name, v := range want {
		if got[name] != v {
			m.t.Errorf("%s is %s, want %s", name, got[name], v)
		}
		delete(got, name)
	}
	for name, v := range got {
		m.t.Errorf("%s is there and should not be: %s", name, v)
	}
	if failed != len(m.gone) {
		m.t.Errorf("%d values cannot be read, %d are erased", failed, len(m.gone))
	}
	m.due()
	if m.t.Failed() {
		m.t.FailNow()
	}
}

// due compares the items that wait with those that the model says wait.
func (m *model) due() {
	var want, got []ticketstore.ItemID
	at := now.AddDate(1, 0, 0)
	for _, it := range m.items {
		if it.State.Due() {
			want = append(want, it.ID)
		}
	}
	m.must(m.db.View(context.Background(), func(v ticketstore.View) error {
		items, err := v.DueItems(at, 10000, nil)
		for _, it := range items {
			got = append(got, it.ID)
		}
		return err
	}))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		m.t.Errorf("due are %v, want %v", got, want)
	}
}

// set puts a value in the place of its older self, or behind all others.
func set[T any](list []T, v T, same func(T) bool) []T {
	if i := slices.IndexFunc(list, same); i >= 0 {
		list[i] = v
		return list
	}
	return append(list, v)
}

// some draws one of n numbers from 1; it skips the operation when n is 0.
func (m *model) some(what string, n int) int {
	if n == 0 {
		m.t.Skip("none yet")
	}
	return rapid.IntRange(1, n).Draw(m.t, what)
}

func (m *model) openTicket() {
	m.apply(func(v ticketstore.View) (ticketstore.Change, error) { return sampleTicket(v, m.ann), nil })
}

func (m *model) update() {
	id := m.tickets[m.some("ticket", len(m.tickets))-1].ID
	text := rapid.String().Draw(m.t, "text")
	m.apply(func(v ticketstore.View) (ticketstore.Change, error) {
		t, err := v.Ticket(id)
		n := v.Next().Record
		t.Version++
		t.LastSeq++
		t.Status = rapid.SampledFrom(ticketstore.Statuses).Draw(m.t, "status")
		return ticketstore.Change{
			At: now, Records: []ticketstore.Record{Record(n, text)}, Tickets: []ticketstore.Ticket{t},
			Actions: []ticketstore.Action{{Ticket: id, Seq: t.LastSeq, At: now, Text: text, Record: n}},
		}, err
	})
}

func (m *model) erase() {
	id := m.tickets[m.some("ticket", len(m.tickets))-1].ID
	m.apply(func(v ticketstore.View) (ticketstore.Change, error) {
		t, err := v.Ticket(id)
		t.Version++
		t.Subject = ""
		return ticketstore.Change{Erase: []ticketstore.TicketID{id}, Tickets: []ticketstore.Ticket{t}}, err
	})
}

// erased is what an erasure does to the model.
func (m *model) erased(id ticketstore.TicketID) {
	for i, a := range m.actions {
		if a.Ticket != id {
			continue
		}
		m.gone[a.Record] = true
		m.actions[i] = ticketstore.Action{
			Ticket: a.Ticket, Seq: a.Seq, At: a.At, Direction: a.Direction, Outcome: a.Outcome, Actor: a.Actor,
			Visibility: a.Visibility, Record: a.Record, Attachments: []ticketstore.Attachment{},
		}
	}
	for i := range m.items {
		it := &m.items[i]
		if it.Ticket != id {
			continue
		}
		m.gone[it.Body] = true
		it.Header = ""
		for n := range it.Attempts {
			it.Attempts[n].Reply = ""
		}
		if it.State.Due() {
			it.State, it.Note = ticketstore.ItemCancelled, "erased"
		}
	}
}

func (m *model) saveContact() {
	id := ticketstore.ContactID(m.some("contact", int(m.last)+1))
	if _, there := m.contacts[id]; !there {
		id = m.last + 1
	}
	kind := rapid.SampledFrom([]ticketstore.ContactKind{ticketstore.KindAgent, ticketstore.KindUser}).Draw(m.t, "kind")
	local := rapid.StringMatching(`[a-z]{1,2}`).Draw(m.t, "local part")
	a, err := address.Parse(local + "@people.example")
	m.must(err)
	p := ticketstore.Contact{ID: id, Kind: kind, Name: local, Addresses: []address.Address{a}}
	for other, q := range m.contacts {
		if other != id && q.Has(a) {
			err := m.db.Update(context.Background(), func(ticketstore.View) (ticketstore.Change, error) {
				return ticketstore.Change{Contacts: []ticketstore.Contact{p}}, nil
			})
			if !errors.Is(err, ticketstore.ErrConflict) {
				m.t.Errorf("the address of another was taken: %v", err)
			}
			return
		}
	}
	m.apply(func(ticketstore.View) (ticketstore.Change, error) {
		return ticketstore.Change{Contacts: []ticketstore.Contact{p}}, nil
	})
}

func (m *model) forget() {
	id := ticketstore.ContactID(m.some("contact", int(m.last)))
	m.apply(func(ticketstore.View) (ticketstore.Change, error) {
		return ticketstore.Change{Forget: []ticketstore.ContactID{id}}, nil
	})
}

func (m *model) send() {
	id := m.items[m.some("item", len(m.items))-1].ID
	state := rapid.SampledFrom([]ticketstore.ItemState{
		ticketstore.ItemSending, ticketstore.ItemDeferred, ticketstore.ItemDelivered, ticketstore.ItemBounced,
	}).Draw(m.t, "state")
	m.apply(func(v ticketstore.View) (ticketstore.Change, error) {
		it, err := v.Item(id)
		if it.Header == "" {
			return ticketstore.Change{}, err // erased
		}
		it.State, it.Next = state, it.Next.Add(time.Minute)
		it.Try(ticketstore.Attempt{At: now, Reply: "250 ok"})
		return ticketstore.Change{Items: []ticketstore.OutboxItem{it}}, err
	})
}

func (m *model) hold() {
	m.apply(func(v ticketstore.View) (ticketstore.Change, error) {
		n := v.Next()
		return ticketstore.Change{
			Records: []ticketstore.Record{Record(n.Record, fmt.Sprint("held ", n.Held))},
			Held:    []ticketstore.HeldMail{{ID: n.Held, Record: n.Record, State: "held"}},
		}, nil
	})
}

func (m *model) fail() {
	no := errors.New("no")
	err := m.db.Update(context.Background(), func(v ticketstore.View) (ticketstore.Change, error) { return sampleTicket(v, m.ann), no })
	if !errors.Is(err, no) {
		m.t.Errorf("a change that failed: %v", err)
	}
}

// spoil makes a change fail in the midst of being written. What came before it
// stands, whether it is in the database already or not.
func (m *model) spoil() {
	err := m.db.Update(context.Background(), func(v ticketstore.View) (ticketstore.Change, error) {
		c := sampleTicket(v, m.ann)
		c.Records = append(c.Records, ticketstore.Record{ID: c.Records[len(c.Records)-1].ID + 1, Kind: ticketstore.RecordMail, Content: unreadable{}})
		return c, nil
	})
	if !errors.Is(err, errUnreadable) {
		m.t.Errorf("a change with a mail that cannot be read: %v", err)
	}
}

// unreadable is Content on a disk that fails.
type unreadable struct{}

var errUnreadable = errors.New("unreadable")

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, errUnreadable }
func (unreadable) Size() int64                       { return 100 }

func (m *model) conflict() {
	err := m.db.Update(context.Background(), func(v ticketstore.View) (ticketstore.Change, error) {
		c := sampleTicket(v, m.ann)
		c.Tickets[0].Version += 3
		return c, nil
	})
	if !errors.Is(err, ticketstore.ErrConflict) {
		m.t.Errorf("a change from an old view: %v", err)
	}
}

func (m *model) check() {
	r, err := m.db.Check(context.Background())
	m.must(err)
	for _, p := range r.Problems {
		m.t.Errorf("store check: %s", p)
	}
	if r.Tickets != len(m.tickets) || r.Actions != len(m.actions) || r.Contacts != len(m.contacts) || r.Gone != len(m.gone) || r.Records != len(m.raw)-len(m.gone) {
		m.t.Errorf("the check counts %+v", r)
	}
}

func (m *model) reopen() {
	m.must(m.db.Close())
	m.open()
}

// crash goes on with a copy of the files as they are. A record that was being
// written may stand behind them, in part.
func (m *model) crash() {
	old, to := m.db, m.folder()
	m.must(copyFiles(m.dir, to))
	torn := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(m.t, "torn record")
	segs, err := filepath.Glob(filepath.Join(to, "segments", "*.seg"))
	m.must(err)
	f, err := os.OpenFile(segs[len(segs)-1], os.O_WRONLY|os.O_APPEND, 0)
	m.must(err)
	if rapid.Bool().Draw(m.t, "begins like a record") {
		torn = append([]byte("MXR1"), torn...)
	}
	_, err = f.Write(torn)
	m.must(errors.Join(err, f.Close()))
	m.must(old.Close())
	m.must(os.RemoveAll(m.dir))
	m.dir = to
	m.open()
}

func (m *model) compact() {
	m.must(m.db.Close())
	_, err := ticketstore.Compact(context.Background(), m.dir, m.options(), nil)
	m.must(err)
	m.open()
}

func (m *model) restore() {
	to := m.folder()
	r, err := m.db.Backup(context.Background(), m.backup, nil)
	m.must(err)
	if len(r.Problems) > 0 {
		m.t.Errorf("backup: %q", r.Problems)
	}
	_, err = ticketstore.Restore(context.Background(), m.backup, to, nil)
	m.must(errors.Join(err, m.db.Close(), os.RemoveAll(m.dir)))
	m.dir = to
	m.open()
}

func copyFiles(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), raw, 0o600)
	})
}

// Operations lists how often each operation was carried out, most often first.
func Operations(counts map[string]int) (list []string, all int) {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return counts[b] - counts[a] })
	for _, name := range names {
		list = append(list, fmt.Sprintf("%s %d", name, counts[name]))
		all += counts[name]
	}
	return list, all
}
