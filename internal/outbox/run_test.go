package outbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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

// Who stops waits no longer for a store that does not take a result.
func TestStopWithoutStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		queue(t, s, 1)
		stop := start(t, &picky{Store: s, id: 1, state: ticketstore.ItemDeferred}, &route{answer: func(ctx context.Context, _ int) (remote.Result, error) {
			<-ctx.Done()
			return remote.Result{}, context.Cause(ctx)
		}}, Config{})
		time.Sleep(time.Second)
		begin := time.Now()
		stop()
		if took := time.Since(begin); took != 30*time.Second {
			t.Errorf("took %s", took)
		}
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
