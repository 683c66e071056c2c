package outbox

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"mxdesk/internal/remote"
	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// updates counts the changes of a store that write something.
type updates struct {
	ticketstore.Store
	n atomic.Int64
}

func (u *updates) Update(ctx context.Context, fn func(ticketstore.View) (ticketstore.Change, error)) error {
	return u.Store.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
		c, err := fn(v)
		if len(c.Items) > 0 {
			u.n.Add(1)
		}
		return c, err
	})
}

// A full outbox needs at most one change for each mail, also when they are
// delivered one behind the other: it writes down what became of one and claims the
// next. Each change flushes the disk.
func TestOneChangeForEachMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		queue(t, s, 20)
		u := &updates{Store: s}
		r := &route{answer: always(taken, nil)}
		stop := start(t, u, r, Config{Concurrency: 1})
		time.Sleep(time.Minute)
		stop()
		if n := u.n.Load(); r.count() != 20 || n > 21 {
			t.Errorf("%d deliveries, %d changes", r.count(), n)
		}
	})
}

// slow is a store whose changes take some time.
type slow struct{ ticketstore.Store }

func (s slow) Update(ctx context.Context, fn func(ticketstore.View) (ticketstore.Change, error)) error {
	time.Sleep(5 * time.Millisecond)
	return s.Store.Update(ctx, fn)
}

// Mails that are queued one behind the other do not take a claim each, and those
// that end while a change is under way share the next; the first one does not
// wait for others.
func TestChangesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		u := &updates{Store: s}
		r := &route{answer: always(taken, nil)}
		stop := start(t, slow{u}, r, Config{Concurrency: 10})
		time.Sleep(time.Minute)
		begin := time.Now()
		for range 9 {
			queue(t, s, 1)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		stop()
		const change = 5 * time.Millisecond
		if r.count() != 9 || r.at[0].Sub(begin) != change || r.at[8].Sub(begin) > 100*time.Millisecond+3*change {
			t.Errorf("%d deliveries at %v, begun at %v", r.count(), r.at, begin)
		}
		if n := u.n.Load(); n > 2+1+2 { // claims; the result of the first, of the others
			t.Errorf("%d changes", n)
		}
	})
}

// Results that come together are one change, whatever they are. Several bounces
// of a ticket are an action each.
func TestResultsOfOneChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		queue(t, s, 4)
		queue(t, s, 1)
		u := &updates{Store: s}
		r := &route{answer: func(_ context.Context, n int) (remote.Result, error) {
			time.Sleep(time.Second)
			return remote.Result{}, noSuch
		}}
		stop := start(t, slow{u}, r, Config{})
		time.Sleep(time.Minute)
		stop()
		if n := u.n.Load(); n > 3 { // the claim, the first result, the others
			t.Errorf("%d changes", n)
		}
		tk, actions := history(t, s, 1)
		if tk.LastSeq != 5 || len(actions) != 5 || tk.Version > 3 {
			t.Errorf("%+v with %d actions", tk, len(actions))
		}
		for i, a := range actions[1:] {
			if int(a.Seq) != i+2 || a.Outcome != ticketstore.OutcomeFailed {
				t.Errorf("%+v", a)
			}
		}
		for id := ticketstore.ItemID(1); id <= 5; id++ {
			if it := item(t, s, id); it.State != ticketstore.ItemBounced || len(it.Attempts) != 1 {
				t.Errorf("%+v", it)
			}
		}
	})
}

// picky is a store that refuses every change with a certain item in a certain
// state.
type picky struct {
	ticketstore.Store
	id    ticketstore.ItemID
	state ticketstore.ItemState
	n     atomic.Int64 // refused
}

func (p *picky) Update(ctx context.Context, fn func(ticketstore.View) (ticketstore.Change, error)) error {
	return p.Store.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
		c, err := fn(v)
		for _, it := range c.Items {
			if it.ID == p.id && it.State == p.state {
				p.n.Add(1)
				return ticketstore.Change{}, ticketstore.ErrConflict
			}
		}
		return c, err
	})
}

// A result that the store does not take keeps no other from being stored, and is
// offered again by itself, some time later.
func TestOneBadResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		queue(t, s, 9)
		var log bytes.Buffer
		r := &route{answer: func(context.Context, int) (remote.Result, error) {
			time.Sleep(time.Second)
			return taken, nil
		}}
		p := &picky{Store: s, id: 5, state: ticketstore.ItemDelivered}
		stop := start(t, slow{p}, r, Config{Log: zerolog.New(&log)})
		time.Sleep(1200 * time.Millisecond)
		for range 3 { // the loop is busy
			queue(t, s, 1)
			time.Sleep(300 * time.Millisecond)
		}
		for id := ticketstore.ItemID(1); id <= 9; id++ {
			want := ticketstore.ItemDelivered
			if id == 5 {
				want = ticketstore.ItemSending // and falls due again
			}
			if it := item(t, s, id); it.State != want {
				t.Errorf("%+v", it)
			}
		}
		if n := p.n.Load(); n > 2 {
			t.Errorf("offered %d times at once", n)
		}
		time.Sleep(time.Minute)
		stop()
		if n := p.n.Load(); n != recordTries && n != recordTries+1 {
			t.Errorf("offered %d times", n)
		}
		if n := strings.Count(log.String(), EventUnrecorded); n != 1 || strings.Count(log.String(), EventDelivered) != 8+3 {
			t.Errorf("log: %s", &log)
		}
	})
}

// What a person decided on an item that was claimed and not begun stands.
func TestReturned(t *testing.T) {
	now := time.Now()
	l := New(nil, nil, Config{}).loop(t.Context(), t.Context())
	tried := []ticketstore.Attempt{{At: now}}
	tests := map[string]struct{ item, want ticketstore.OutboxItem }{
		"never tried": {ticketstore.OutboxItem{State: ticketstore.ItemSending, Next: now.Add(time.Hour)}, ticketstore.OutboxItem{State: ticketstore.ItemQueued, Next: now}},
		"tried":       {ticketstore.OutboxItem{State: ticketstore.ItemSending, Attempts: tried}, ticketstore.OutboxItem{State: ticketstore.ItemDeferred, Next: now, Attempts: tried}},
		"cancelled":   {ticketstore.OutboxItem{State: ticketstore.ItemCancelled, Note: "erased"}, ticketstore.OutboxItem{State: ticketstore.ItemCancelled, Note: "erased"}},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, l.after(tt.item, &result{returned: true}, now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// flaky is a store whose next calls fail.
type flaky struct {
	ticketstore.Store
	mu      sync.Mutex
	updates int // that still fail, of those that write
	reads   int
	err     error
}

func (f *flaky) fail(n *int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if *n == 0 {
		return nil
	}
	*n--
	return f.err
}

func (f *flaky) Content(ctx context.Context, id ticketstore.RecordID) (ticketstore.Content, error) {
	if err := f.fail(&f.reads); err != nil {
		return nil, err
	}
	return f.Store.Content(ctx, id)
}

func (f *flaky) Update(ctx context.Context, fn func(ticketstore.View) (ticketstore.Change, error)) error {
	return f.Store.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
		c, err := fn(v)
		if err == nil && len(c.Items) > 0 {
			err = f.fail(&f.updates)
		}
		return c, err
	})
}

func TestStoreFails(t *testing.T) {
	tests := map[string]struct {
		reads, updates int // that fail before the delivery
		after          int // updates that fail behind it
		err            error
		none           bool // nothing is delivered
		state          ticketstore.ItemState
		event          string
	}{
		"reading":               {reads: 1, err: ticketstore.ErrDamaged, none: true, state: ticketstore.ItemDeferred, event: EventDeferred},
		"claiming":              {updates: 3, err: ticketstore.ErrFull, state: ticketstore.ItemDelivered, event: EventStore},
		"recording":             {after: 3, err: ticketstore.ErrFull, state: ticketstore.ItemDelivered, event: EventDelivered},
		"recording, again":      {after: 5, err: ticketstore.ErrFull, state: ticketstore.ItemSending, event: EventUnrecorded},
		"recording, for good":   {after: 1, err: ticketstore.ErrFailed, state: ticketstore.ItemSending, event: EventUnrecorded},
		"recording, in dispute": {after: 1, err: ticketstore.ErrConflict, state: ticketstore.ItemDelivered, event: EventDelivered},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := storetest.New(t)
				queue(t, s, 1)
				f := &flaky{Store: s, reads: tt.reads, updates: tt.updates, err: tt.err}
				var log bytes.Buffer
				r := &route{answer: func(context.Context, int) (remote.Result, error) {
					f.mu.Lock()
					f.updates = tt.after
					f.mu.Unlock()
					return taken, nil
				}}
				stop := start(t, f, r, Config{Log: zerolog.New(&log)})
				time.Sleep(50 * time.Second)
				stop()
				if it := item(t, s, 1); it.State != tt.state || (len(r.at) == 0) != tt.none {
					t.Errorf("%d deliveries, %+v", len(r.at), it)
				}
				if !strings.Contains(log.String(), tt.event) {
					t.Errorf("log: %s", &log)
				}
			})
		})
	}
}

// What is said of a crash: the first attempts are made again soon after their
// bound, later ones when a failure would have been.
func TestPauseAfterACrash(t *testing.T) {
	now := time.Now()
	l := &loop{Runner: New(nil, nil, Config{})}
	for before, want := range []time.Duration{11 * time.Minute, 11 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 4 * time.Hour} {
		it := l.sending(ticketstore.OutboxItem{Attempts: make([]ticketstore.Attempt, before)}, now)
		if got := it.Next.Sub(now); got < want-want/10 || got > want+want/10 {
			t.Errorf("attempt %d is made again after %v, want some %v", before+1, got, want)
		}
	}
}
