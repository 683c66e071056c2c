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
		first := New(s, nil, Config{})
		l := &loop{Runner: first, ctx: t.Context(), work: t.Context(), underWay: map[ticketstore.ItemID]bool{}}
		if claimed, _, err := l.claim(1); err != nil || len(claimed) != 1 {
			t.Fatalf("claimed %d, %v", len(claimed), err)
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

// A full outbox needs one change for each mail: it writes down what became of
// one and claims the next. Each flushes the disk.
func TestOneChangeForEachMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		queue(t, s, 20)
		u := &updates{Store: s}
		r := &route{answer: always(taken, nil)}
		stop := start(t, u, r, Config{Concurrency: 1})
		time.Sleep(time.Minute)
		stop()
		if r.count() != 20 || u.n.Load() != 21 {
			t.Errorf("%d deliveries, %d changes", r.count(), u.n.Load())
		}
	})
}

// Mails that are queued one behind the other do not take a claim each; the first
// one does not wait for others.
func TestClaimsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		u := &updates{Store: s}
		r := &route{answer: always(taken, nil)}
		stop := start(t, u, r, Config{Concurrency: 10})
		time.Sleep(time.Minute)
		begin := time.Now()
		for range 9 {
			queue(t, s, 1)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		stop()
		if r.count() != 9 || r.at[0].Sub(begin) != 0 || r.at[8].Sub(begin) != 100*time.Millisecond {
			t.Errorf("%d deliveries at %v, begun at %v", r.count(), r.at, begin)
		}
		if n := u.n.Load(); n != 2+9 {
			t.Errorf("%d changes", n)
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
			if a, b := item(t, s, 1), item(t, s, 2); a.State != ticketstore.ItemDelivered || b.State != ticketstore.ItemQueued {
				t.Errorf("states %s and %s", a.State, b.State)
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
