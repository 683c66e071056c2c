package outbox

import (
	"testing"
	"testing/synctest"
	"time"

	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// A clock that is set between two runs of the desk, by so much, makes no mail
// leave twice, and none wait for as long as the clock was wrong.
func TestClockIsSet(t *testing.T) {
	const day = 24 * time.Hour
	for name, test := range map[string]struct {
		before, after time.Duration // of the clock, from the same moment
		within        time.Duration // the mail has left by then
	}{
		"forward a day":   {0, day, 10 * time.Second},
		"forward a year":  {0, 365 * day, 10 * time.Second},
		"back an hour":    {time.Hour, 0, time.Hour + 2*time.Minute},
		"back a day":      {day, 0, day},
		"back three days": {3 * day, 0, 10 * time.Second},
		"back a year":     {365 * day, 0, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			run := func(clock time.Duration, r *route, during time.Duration, and func(ticketstore.Store)) {
				synctest.Test(t, func(t *testing.T) {
					time.Sleep(clock)
					s := storetest.Open(t, dir)
					if clock == test.before {
						queue(t, s, 2)
					}
					stop := start(t, s, r, Config{})
					time.Sleep(during)
					stop()
					and(s)
				})
			}
			refuses := &route{answer: always(taken, busy)}
			run(test.before, refuses, 10*time.Second, func(s ticketstore.Store) {
				for id := ticketstore.ItemID(1); id <= 2; id++ {
					if it := item(t, s, id); it.State != ticketstore.ItemDeferred {
						t.Fatalf("before: %+v", it)
					}
				}
			})
			takes := &route{answer: always(taken, nil)}
			run(test.after, takes, test.within+time.Second, func(s ticketstore.Store) {
				for id := ticketstore.ItemID(1); id <= 2; id++ {
					if it := item(t, s, id); it.State != ticketstore.ItemDelivered || len(it.Attempts) != 2 {
						t.Errorf("afterwards: %s, %d attempts, next %v", it.State, len(it.Attempts), it.Next)
					}
				}
			})
			if takes.count() != 2 {
				t.Errorf("%d deliveries of 2 mails", takes.count())
			}
		})
	}
}

// A desk that died in the midst of an attempt, and whose clock is then set back,
// tries again within a day.
func TestClockIsSetBackAfterACrash(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(365 * 24 * time.Hour)
		s := storetest.Open(t, dir)
		queue(t, s, 1)
		l := New(s, nil, Config{}).loop(t.Context(), t.Context())
		if l.write(nil, 1); len(l.queue) != 1 {
			t.Fatalf("claimed %d", len(l.queue))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s, r := storetest.Open(t, dir), &route{answer: always(taken, nil)}
		stop := start(t, s, r, Config{})
		time.Sleep(time.Second)
		stop()
		if it := item(t, s, 1); it.State != ticketstore.ItemDelivered || r.count() != 1 {
			t.Errorf("%d deliveries, %+v", r.count(), it)
		}
	})
}
