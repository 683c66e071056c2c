package outbox

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"mxdesk/internal/remote"
	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// While an attempt runs the item is sending, and its next time lies behind the
// longest possible end of the attempt. A desk that dies then and starts again
// tries again at that time, not before.
func TestCrashInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		queue(t, s, 1)
		l := New(s, nil, Config{}).loop(t.Context(), t.Context())
		if l.write(nil, 1); len(l.queue) != 1 {
			t.Fatalf("claimed %d", len(l.queue))
		}
		// Here the first desk dies.
		it := item(t, s, 1)
		if it.State != ticketstore.ItemSending || len(it.Attempts) != 0 || time.Until(it.Next) < 10*time.Minute {
			t.Fatalf("%+v", it)
		}
		r := &route{answer: always(taken, nil)}
		stop := start(t, s, r, Config{})
		time.Sleep(time.Until(it.Next) - time.Second)
		synctest.Wait()
		if r.count() != 0 {
			t.Error("tried again too early")
		}
		time.Sleep(2 * time.Second)
		stop()
		if it := item(t, s, 1); it.State != ticketstore.ItemDelivered || len(r.at) != 1 || !r.at[0].Equal(it.Attempts[0].At) {
			t.Errorf("%d deliveries, %+v", len(r.at), it)
		}
	})
}

func TestCapturedMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		queue(t, s, 1)
		dir := t.TempDir()
		stop := start(t, s, remote.Capture{Dir: dir}, Config{})
		time.Sleep(time.Second)
		stop()
		got, err := os.ReadFile(filepath.Join(dir, "0000001-1-ada@example.com.eml"))
		want := "Return-Path: <support@desk.example>\r\nDelivered-To: ada@example.com\r\n" + header + "\r\n" + body
		if err != nil || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
		if it := item(t, s, 1); it.State != ticketstore.ItemDelivered {
			t.Errorf("%+v", it)
		}
	})
}

func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		r := &route{answer: func(context.Context, int) (remote.Result, error) {
			time.Sleep(10 * time.Second)
			return taken, nil
		}}
		begin := time.Now()
		queue(t, s, 20)
		stop := start(t, s, r, Config{Concurrency: 3})
		time.Sleep(70*time.Second + time.Millisecond)
		stop()
		if len(r.at) != 20 || r.most != 3 {
			t.Errorf("%d deliveries, %d at once", len(r.at), r.most)
		}
		if last := r.at[19].Sub(begin); last != 60*time.Second {
			t.Errorf("the last began after %s: a slot was left empty", last)
		}
		for id := ticketstore.ItemID(1); id <= 20; id++ {
			if it := item(t, s, id); it.State != ticketstore.ItemDelivered || len(it.Attempts) != 1 {
				t.Errorf("%+v", it)
			}
		}
	})
}

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

// picky is a store that refuses every change with a certain item in it that has
// been delivered.
type picky struct {
	ticketstore.Store
	id ticketstore.ItemID
}

func (p picky) Update(ctx context.Context, fn func(ticketstore.View) (ticketstore.Change, error)) error {
	return p.Store.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
		c, err := fn(v)
		for _, it := range c.Items {
			if it.ID == p.id && it.State == ticketstore.ItemDelivered {
				return ticketstore.Change{}, ticketstore.ErrConflict
			}
		}
		return c, err
	})
}

// A result that the store does not take keeps no other from being stored.
func TestOneBadResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		queue(t, s, 9)
		var log bytes.Buffer
		r := &route{answer: func(context.Context, int) (remote.Result, error) {
			time.Sleep(time.Second)
			return taken, nil
		}}
		stop := start(t, slow{picky{s, 5}}, r, Config{Log: zerolog.New(&log)})
		time.Sleep(time.Minute)
		for id := ticketstore.ItemID(1); id <= 9; id++ {
			want := ticketstore.ItemDelivered
			if id == 5 {
				want = ticketstore.ItemSending // and falls due again
			}
			if it := item(t, s, id); it.State != want {
				t.Errorf("%+v", it)
			}
		}
		stop()
		if n := strings.Count(log.String(), EventUnrecorded); n != 1 || strings.Count(log.String(), EventDelivered) != 8 {
			t.Errorf("log: %s", &log)
		}
	})
}

// An item that waited for its turn so long that it could fall due again in the
// middle of an attempt is not begun: it is claimed anew.
func TestNoAttemptOutlivesItsClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		queue(t, s, 6)
		var late atomic.Int64
		r := &route{answer: func(context.Context, int) (remote.Result, error) {
			err := s.View(context.Background(), func(v ticketstore.View) error {
				for it, err := range v.Items() {
					if err == nil && it.State == ticketstore.ItemSending && time.Until(it.Next) < 0 {
						late.Add(1)
					}
				}
				return nil
			})
			time.Sleep(9 * time.Minute)
			return taken, err
		}}
		stop := start(t, s, r, Config{Concurrency: 1})
		time.Sleep(time.Hour)
		stop()
		if r.count() != 6 || late.Load() > 0 {
			t.Errorf("%d deliveries, %d items due while they were under way", r.count(), late.Load())
		}
		for id := ticketstore.ItemID(1); id <= 6; id++ {
			if it := item(t, s, id); it.State != ticketstore.ItemDelivered || len(it.Attempts) != 1 {
				t.Errorf("%+v", it)
			}
		}
	})
}

func TestStop(t *testing.T) {
	t.Run("waits for what is under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := storetest.New(t)
			queue(t, s, 2)
			stop := start(t, s, &route{answer: func(context.Context, int) (remote.Result, error) {
				time.Sleep(20 * time.Second)
				return taken, nil
			}}, Config{Concurrency: 1})
			time.Sleep(time.Second)
			stop()
			if a, b := item(t, s, 1), item(t, s, 2); a.State != ticketstore.ItemDelivered || b.State != ticketstore.ItemQueued || b.Next.After(time.Now()) {
				t.Errorf("%+v and %+v", a, b)
			}
		})
	})
	t.Run("gives back what is claimed and not begun", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := storetest.New(t)
			queue(t, s, 40)
			failing := &route{answer: always(remote.Result{}, busy)}
			stop := start(t, s, failing, Config{Concurrency: 1})
			time.Sleep(time.Second) // every mail is tried once, and deferred for a minute
			stop()
			stop = start(t, s, &route{answer: func(context.Context, int) (remote.Result, error) {
				time.Sleep(20 * time.Second)
				return taken, nil
			}}, Config{Concurrency: 2})
			time.Sleep(2 * time.Minute)
			queue(t, s, 20)
			stop()
			states := map[ticketstore.ItemState]int{}
			for id := ticketstore.ItemID(1); id <= 60; id++ {
				it := item(t, s, id)
				states[it.State]++
				if it.State.Due() && it.Next.After(time.Now()) {
					t.Errorf("not due at once: %+v", it)
				}
				if it.State == ticketstore.ItemDeferred && len(it.Attempts) != 1 {
					t.Errorf("%+v", it)
				}
			}
			if states[ticketstore.ItemQueued] != 20 || states[ticketstore.ItemSending] != 0 || states[ticketstore.ItemDelivered]+states[ticketstore.ItemDeferred] != 40 {
				t.Errorf("%v", states)
			}
		})
	})
	t.Run("cuts off what takes too long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := storetest.New(t)
			queue(t, s, 1)
			stop := start(t, s, &route{answer: func(ctx context.Context, _ int) (remote.Result, error) {
				<-ctx.Done()
				return remote.Result{}, context.Cause(ctx)
			}}, Config{})
			time.Sleep(time.Second)
			begin := time.Now()
			stop()
			if took := time.Since(begin); took != 30*time.Second {
				t.Errorf("took %s", took)
			}
			if it := item(t, s, 1); it.State != ticketstore.ItemDeferred || it.Attempts[0].Reply != errStopping.Error() {
				t.Errorf("%+v", it)
			}
		})
	})
}

func TestTimeoutOfADelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		queue(t, s, 1)
		stop := start(t, s, &route{answer: func(ctx context.Context, _ int) (remote.Result, error) {
			<-ctx.Done()
			return remote.Result{}, context.Cause(ctx)
		}}, Config{})
		time.Sleep(10*time.Minute + time.Second)
		stop()
		if it := item(t, s, 1); it.State != ticketstore.ItemDeferred || it.Attempts[0].Reply != "delivery over 10m0s" {
			t.Errorf("%+v", it)
		}
	})
}

// What a person decides while an attempt runs stands, unless the mail is out.
func TestDecidedMeanwhile(t *testing.T) {
	tests := map[string]struct {
		state  ticketstore.ItemState
		answer error
		want   ticketstore.ItemState
	}{
		"held, refused":     {ticketstore.ItemHeld, noSuch, ticketstore.ItemHeld},
		"cancelled, busy":   {ticketstore.ItemCancelled, busy, ticketstore.ItemCancelled},
		"cancelled, taken":  {ticketstore.ItemCancelled, nil, ticketstore.ItemDelivered},
		"queued again":      {ticketstore.ItemQueued, nil, ticketstore.ItemDelivered},
		"nothing, refused":  {ticketstore.ItemSending, noSuch, ticketstore.ItemBounced},
		"bounced, refused":  {ticketstore.ItemBounced, noSuch, ticketstore.ItemBounced},
		"delivered, failed": {ticketstore.ItemDelivered, busy, ticketstore.ItemDelivered},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := storetest.New(t)
				queue(t, s, 1)
				r := &route{answer: func(ctx context.Context, _ int) (remote.Result, error) {
					err := s.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
						it, err := v.Item(1)
						it.State, it.Next = tt.state, time.Now()
						return ticketstore.Change{At: time.Now(), Items: []ticketstore.OutboxItem{it}}, err
					})
					time.Sleep(30 * time.Second) // the loop must not take it a second time
					return taken, errors.Join(err, tt.answer)
				}}
				stop := start(t, s, r, Config{})
				time.Sleep(45 * time.Second)
				stop()
				if it := item(t, s, 1); it.State != tt.want || len(it.Attempts) != 1 || len(r.at) != 1 {
					t.Errorf("%d deliveries, %+v", len(r.at), it)
				}
			})
		})
	}
}

func TestPanicInRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		queue(t, s, 1)
		stop := start(t, s, &route{answer: func(context.Context, int) (remote.Result, error) { panic("oh") }}, Config{})
		time.Sleep(time.Second)
		stop()
		if it := item(t, s, 1); it.State != ticketstore.ItemDeferred || it.Attempts[0].Reply != "internal error: oh" {
			t.Errorf("%+v", it)
		}
	})
}

func TestBodyMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		r := &route{answer: always(taken, nil)}
		out := New(s, r, Config{})
		l := &loop{Runner: out, ctx: t.Context(), work: t.Context()}
		res, err := l.attempt(ticketstore.OutboxItem{ID: 1, Body: 99})
		if !errors.Is(err, ticketstore.ErrNotFound) || res != (remote.Result{}) || len(r.at) != 0 {
			t.Errorf("%+v, %v", res, err)
		}
	})
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
