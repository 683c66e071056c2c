package ticketstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// Report is what Check found.
type Report struct {
	Tickets      int   `json:"tickets"`
	Actions      int   `json:"actions"`
	Contacts     int   `json:"contacts"`
	Items        int   `json:"items"`
	Held         int   `json:"held"`
	Records      int   `json:"records"`
	Octets       int64 `json:"octets"`       // in records
	Gone         int   `json:"gone"`         // records that were erased, or lost for good
	Unreferenced int   `json:"unreferenced"` // whole records in segments that nothing refers to; kept for repair
	// Problems are in words, at most 100; More counts those beyond.
	Problems []string `json:"problems"`
	More     int      `json:"more,omitempty"`
}

func (r *Report) addf(format string, args ...any) {
	if len(r.Problems) >= 100 {
		r.More++
		return
	}
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// Check reads the whole store and compares everything with everything: the
// pages of the file, each value with its seal, each table with its sum, each
// reference and index, each record with its checksum. It works beside a running
// desk, changes nothing and holds nothing up.
func (db *DB) Check(ctx context.Context) (Report, error) {
	r := Report{Problems: []string{}}
	err := db.snapshot(ctx, func(tx *bolt.Tx) error { return db.check(ctx, tx, &r) })
	if errors.Is(err, ErrDamaged) { // so much that it cannot be read to the end
		r.addf("%v", err)
		err = nil
	}
	return r, err
}

func (db *DB) check(ctx context.Context, tx *bolt.Tx, r *Report) error {
	err := checkSnapshot(tx, filepath.Join(db.dir, dbName), func(err error) { r.addf("database structure: %v", err) })
	if err != nil {
		return err
	}
	c := checker{Report: r, view: &view{tx: tx, segments: db.segments}, used: map[RecordID]bool{}}
	for _, step := range []func(context.Context) error{c.tables, c.tickets, c.outbox, c.heldMails, c.people, c.records, c.indexes} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return db.countUnreferenced(ctx, r, c.ends)
}

type checker struct {
	*Report
	view *view
	used map[RecordID]bool
	ends map[uint32]map[int64]bool // places of known records
}

// divided are the tables that have a part for each month or day.
var divided = map[string]bool{string(bMessages): true, string(bSeen): true, string(bAutoMail): true}

// tables checks each value's seal and each table's sum.
func (c *checker) tables(ctx context.Context) error {
	for _, name := range buckets {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := c.view.table(name)
		switch {
		case bytes.Equal(name, bMeta):
			if _, err := schemaIn(t.bucket); err != nil {
				c.addf("%v", err)
			}
			for e := range t.from(nil) {
				if e.err != nil && !bytes.Equal(e.key, schemaKey) { // which has no seal
					c.addf("%v", e.err)
				}
			}
		case divided[t.name]:
			for part := range t.parts() {
				if p := t.part(part); p.bucket == nil {
					c.addf("table %s: part %q is damaged", name, part)
				} else {
					c.table(p, partPath(name, part))
				}
			}
		default:
			c.table(t, t.name)
		}
	}
	return nil
}

func (c *checker) table(t table, path string) {
	for e := range t.from(nil) {
		if e.err != nil {
			c.addf("%v", e.err)
		}
	}
	want, err := decodeSum(c.view.table(bMeta).get(sumKey(path)))
	if got := sumOf(t.bucket); got != want && (err == nil || errors.Is(err, ErrNotFound)) {
		c.addf("table %s: %d entries that come to %x, highest number %d; written were %d, %x, %d: some are missing or old ones",
			path, got.Entries, got.Seals, got.Sequence, want.Entries, want.Seals, want.Sequence)
	}
}

// wrong notes a value that cannot be read, unless it was found by its seal.
func (c *checker) wrong(err error, format string, args ...any) {
	if !errors.Is(err, ErrDamaged) {
		c.addf(format+": %v", append(args, err)...)
	}
}

func (c *checker) uses(id RecordID, what string) {
	if id == 0 {
		return
	}
	c.used[id] = true
	if _, err := c.view.place(id); err != nil {
		c.wrong(err, "%s", what)
	}
}

func (c *checker) tickets(ctx context.Context) error {
	actions := 0
	for t, err := range c.view.Tickets(TicketFilter{}) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err != nil {
			c.wrong(err, "ticket")
			continue
		}
		c.Tickets++
		actions += c.history(t)
		if t.MergedInto != 0 {
			if _, err := c.view.Ticket(t.MergedInto); err != nil {
				c.wrong(err, "ticket %s is merged into %s", t.ID, t.MergedInto)
			}
		}
	}
	c.Actions = actions
	if n := c.view.tx.Bucket(bActions).Stats().KeyN; n != actions {
		c.addf("%d actions belong to no ticket", n-actions)
	}
	return nil
}

func (c *checker) history(t Ticket) int {
	want := uint32(1)
	for a, err := range c.view.Actions(t.ID) {
		if err != nil || a.Seq != want || a.Ticket != t.ID {
			c.addf("ticket %s: action %d is missing or damaged (%v)", t.ID, want, err)
		}
		c.uses(a.Record, fmt.Sprintf("ticket %s action %d", t.ID, want))
		want++
	}
	if want-1 != t.LastSeq {
		c.addf("ticket %s has %d actions and says %d", t.ID, want-1, t.LastSeq)
	}
	return int(want - 1)
}

func (c *checker) outbox(context.Context) error {
	due := 0
	for it, err := range c.view.Items() {
		if err != nil {
			c.wrong(err, "outgoing item")
			continue
		}
		c.Items++
		c.uses(it.Body, fmt.Sprintf("outgoing item %d", it.ID))
		if _, err := c.view.Action(it.Ticket, it.Action); err != nil {
			c.wrong(err, "outgoing item %d", it.ID)
		}
		if !c.view.table(bItemsOf).has(key64x2(uint64(it.Ticket), uint64(it.ID))) {
			c.addf("outgoing item %d is not listed with its ticket", it.ID)
		}
		if it.State.Due() {
			due++
			if !c.view.table(bDue).has(dueKey(it.Next, it.ID)) {
				c.addf("outgoing item %d is %s and would never be tried", it.ID, it.State)
			}
		}
	}
	if n := c.view.tx.Bucket(bDue).Stats().KeyN; n != due {
		c.addf("%d due times without an item", n-due)
	}
	return nil
}

func (c *checker) heldMails(context.Context) error {
	for h, err := range c.view.HeldMails() {
		if err != nil {
			c.wrong(err, "held mail")
			continue
		}
		c.Report.Held++
		c.uses(h.Record, fmt.Sprintf("held mail %d", h.ID))
	}
	return nil
}

func (c *checker) people(context.Context) error {
	addresses, agents := 0, 0
	for p, err := range c.view.Contacts() {
		if err != nil {
			c.wrong(err, "contact")
			continue
		}
		c.Contacts++
		if p.Kind == KindAgent {
			agents++
		}
		for _, a := range p.Addresses {
			addresses++
			id, err := c.view.table(bPeople).get([]byte(a.Key()))
			if !errors.Is(err, ErrDamaged) && (len(id) != 8 || binary.BigEndian.Uint64(id) != uint64(p.ID)) {
				c.addf("contact %d is not found by its address %s", p.ID, a)
			}
		}
	}
	if n := c.view.tx.Bucket(bPeople).Stats().KeyN; n != addresses {
		c.addf("%d addresses belong to no contact", n-addresses)
	}
	if n := c.view.tx.Bucket(bAgents).Stats().KeyN; n != agents {
		c.addf("%d contacts are agents, %d are listed", agents, n)
	}
	return nil
}

func (c *checker) records(ctx context.Context) error {
	c.ends = map[uint32]map[int64]bool{}
	for e := range c.view.table(bRecords).from(nil) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.err != nil || len(e.key) != 8 {
			continue // found by its seal
		}
		c.record(RecordID(binary.BigEndian.Uint64(e.key)), e.value)
	}
	return nil
}

func (c *checker) record(id RecordID, value []byte) {
	p, err := decodePlace(value)
	if err != nil {
		c.addf("record %d: %v", id, err)
		return
	}
	if p.gone() {
		c.Gone++
		return
	}
	c.Records++
	c.Octets += p.body
	if c.ends[p.segment] == nil {
		c.ends[p.segment] = map[int64]bool{}
	}
	c.ends[p.segment][p.offset] = true
	if err := c.view.segments.verify(id, p); err != nil {
		c.addf("record %d in segment %d: %v", id, p.segment, err)
	}
	if !c.used[id] {
		c.addf("record %d is stored and nothing refers to it", id)
	}
}

// indexes checks that what the time-partitioned indexes point to is there.
func (c *checker) indexes(context.Context) error {
	months, actions := c.view.table(bMessages), c.view.table(bActions)
	for m := range months.parts() {
		part := months.part(m)
		if part.bucket == nil {
			continue
		}
		for e := range part.from(nil) {
			for r := range slices.Chunk(e.value, refSize) {
				if !actions.has(r) {
					c.addf("a Message-ID of %s points to an action that is not there", m)
				}
			}
		}
	}
	return nil
}

// countUnreferenced walks the segments for whole records that the database
// does not know.
func (db *DB) countUnreferenced(ctx context.Context, r *Report, known map[uint32]map[int64]bool) error {
	nums, err := segmentNumbers(db.segments.dir)
	if err != nil {
		return err
	}
	for _, n := range slices.Backward(nums) {
		f, err := os.Open(db.segments.path(n))
		if err != nil {
			return err
		}
		err = walkSegment(ctx, f, func(p place) {
			if !known[n][p.offset] {
				r.Unreferenced++
			}
		})
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// walkSegment calls fn for each record with a good head, and stops quietly at
// the first other octets: behind the snapshot, records are being written.
func walkSegment(ctx context.Context, f *os.File, fn func(place)) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	for off := int64(0); off < st.Size(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, _, err := readHead(f, off, st.Size())
		if err != nil {
			return nil
		}
		p := place{offset: off, meta: h.meta, body: h.body}
		fn(p)
		off = p.end()
	}
	return nil
}
