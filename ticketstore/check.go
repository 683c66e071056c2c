package ticketstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
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
// structure of the file, each reference and index, each record's checksum. It
// works beside a running desk and changes nothing; changes wait while the
// structure is looked at, and go on beside the rest.
func (db *DB) Check(ctx context.Context) (Report, error) {
	r := Report{Problems: []string{}}
	if err := db.checkStructure(&r); err != nil {
		return r, err
	}
	err := db.bolt.View(func(tx *bolt.Tx) error {
		c := checker{Report: &r, view: &view{tx: tx, segments: db.segments}, used: map[RecordID]bool{}}
		for _, step := range []func(context.Context) error{c.tickets, c.outbox, c.heldMails, c.people, c.records, c.indexes} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return db.countUnreferenced(ctx, &r, c.ends)
	})
	return r, err
}

// checkStructure compares the pages of the file with the list of free ones.
// That list is the writer's and belongs to no snapshot: read beside a commit,
// it shows damage where there is none. So the look is a write transaction that
// writes nothing.
func (db *DB) checkStructure(r *Report) error {
	tx, err := db.bolt.Begin(true)
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	for err := range tx.Check() {
		r.addf("database structure: %v", err)
	}
	return tx.Rollback()
}

type checker struct {
	*Report
	view *view
	used map[RecordID]bool
	ends map[uint32]map[int64]bool // places of known records
}

func (c *checker) uses(id RecordID, what string) {
	if id == 0 {
		return
	}
	c.used[id] = true
	if _, err := c.view.place(id); err != nil {
		c.addf("%s: %v", what, err)
	}
}

func (c *checker) tickets(ctx context.Context) error {
	actions := 0
	for t, err := range c.view.Tickets(TicketFilter{}) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err != nil {
			c.addf("ticket: %v", err)
			continue
		}
		c.Tickets++
		actions += c.history(t)
		if t.MergedInto != 0 {
			if _, err := c.view.Ticket(t.MergedInto); err != nil {
				c.addf("ticket %s is merged into %s: %v", t.ID, t.MergedInto, err)
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
			c.addf("outgoing item: %v", err)
			continue
		}
		c.Items++
		c.uses(it.Body, fmt.Sprintf("outgoing item %d", it.ID))
		if _, err := c.view.Action(it.Ticket, it.Action); err != nil {
			c.addf("outgoing item %d: %v", it.ID, err)
		}
		if c.view.tx.Bucket(bItemsOf).Get(key64x2(uint64(it.Ticket), uint64(it.ID))) == nil {
			c.addf("outgoing item %d is not listed with its ticket", it.ID)
		}
		if it.State.Due() {
			due++
			if c.view.tx.Bucket(bDue).Get(dueKey(it.Next, it.ID)) == nil {
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
			c.addf("held mail: %v", err)
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
			c.addf("contact: %v", err)
			continue
		}
		c.Contacts++
		if p.Kind == KindAgent {
			agents++
		}
		for _, a := range p.Addresses {
			addresses++
			if id := c.view.tx.Bucket(bPeople).Get([]byte(a.Key())); len(id) != 8 || binary.BigEndian.Uint64(id) != uint64(p.ID) {
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
	return c.view.tx.Bucket(bRecords).ForEach(func(k, v []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := RecordID(binary.BigEndian.Uint64(k))
		p, err := decodePlace(v)
		if err != nil {
			c.addf("record %d: %v", id, err)
			return nil
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
		return nil
	})
}

// indexes checks that what the time-partitioned indexes point to is there.
func (c *checker) indexes(context.Context) error {
	months := c.view.tx.Bucket(bMessages)
	return months.ForEach(func(m, _ []byte) error {
		return months.Bucket(m).ForEach(func(_, ref []byte) error {
			for r := range slices.Chunk(ref, refSize) {
				if c.view.tx.Bucket(bActions).Get(r) == nil {
					c.addf("a Message-ID of %s points to an action that is not there", m)
				}
			}
			return nil
		})
	})
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
