package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"mxdesk/internal/remote"
	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// life is what happens to an outbox in a property test.
type life struct {
	items, concurrency int
	answers            []string // of the server, in order; then it takes everything
	refused            []bool   // changes that the store refuses, in order
	ends               []end
}

// end is how a run of the outbox ends.
type end struct {
	after time.Duration
	crash bool // nothing reaches the store from then on
}

func anyLife(t *rapid.T) life {
	durations := []time.Duration{time.Millisecond, time.Second, time.Minute, 15 * time.Minute, 3 * time.Hour}
	return life{
		items:       rapid.IntRange(1, 8).Draw(t, "items"),
		concurrency: rapid.IntRange(1, 3).Draw(t, "concurrency"),
		answers:     rapid.SliceOfN(rapid.SampledFrom([]string{"taken", "busy", "no such", "slow", "hangs", "panics"}), 0, 30).Draw(t, "answers"),
		refused:     rapid.SliceOfN(rapid.Bool(), 0, 20).Draw(t, "refused"),
		ends: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) end {
			return end{rapid.SampledFrom(durations).Draw(t, "after"), rapid.Bool().Draw(t, "crash")}
		}), 0, 3).Draw(t, "ends"),
	}
}

// mortal is a store that refuses some changes, and is out of reach after a crash.
type mortal struct {
	ticketstore.Store
	mu      sync.Mutex
	refused []bool
	dead    bool
}

func (m *mortal) Update(ctx context.Context, fn func(ticketstore.View) (ticketstore.Change, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return ticketstore.ErrClosed
	}
	return m.Store.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
		c, err := fn(v)
		if len(c.Items) > 0 && len(m.refused) > 0 {
			refuse := m.refused[0]
			if m.refused = m.refused[1:]; refuse {
				return ticketstore.Change{}, ticketstore.ErrConflict
			}
		}
		return c, err
	})
}

func (m *mortal) set(dead bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = dead
}

// server is a route that keeps account of what it has taken.
type server struct {
	mu       sync.Mutex
	answers  []string
	underWay map[string]bool
	taken    map[string]int
	problem  string
}

func (s *server) Deliver(ctx context.Context, m remote.Mail) (remote.Result, error) {
	s.mu.Lock()
	answer := "taken"
	if len(s.answers) > 0 {
		answer, s.answers = s.answers[0], s.answers[1:]
	}
	if s.underWay[m.Name] {
		s.problem = m.Name + " is sent twice at the same time"
	}
	s.underWay[m.Name] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.underWay, m.Name)
	}()
	switch answer {
	case "busy":
		return remote.Result{}, busy
	case "no such":
		return remote.Result{}, noSuch
	case "panics":
		panic("oh")
	case "hangs":
		<-ctx.Done()
		return remote.Result{}, context.Cause(ctx)
	case "slow":
		time.Sleep(9 * time.Minute)
		if ctx.Err() != nil {
			return remote.Result{}, context.Cause(ctx)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[m.Name]++
	return taken, nil
}

// Whatever server and store do, and however often the desk ends: no mail is lost,
// none is sent twice at the same time, and one is sent again only when the log says
// that its result could not be written down.
func TestEveryMailIsAccountedFor(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := anyLife(rt)
		var err error
		synctest.Test(t, func(t *testing.T) { err = live(t, l) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func live(t *testing.T, l life) error {
	s := storetest.New(t)
	queue(t, s, l.items)
	m := &mortal{Store: s, refused: l.refused}
	r := &server{answers: l.answers, underWay: map[string]bool{}, taken: map[string]int{}}
	var log bytes.Buffer
	cfg := Config{Concurrency: l.concurrency, Log: zerolog.New(&log)}
	for _, e := range l.ends {
		stop := start(t, m, r, cfg)
		time.Sleep(e.after)
		m.set(e.crash)
		stop()
		m.set(false)
	}
	stop := start(t, m, r, cfg)
	time.Sleep(6 * 24 * time.Hour)
	stop()
	if r.problem != "" {
		return errors.New(r.problem)
	}
	lost, err := unrecorded(log.Bytes())
	if err != nil {
		return err
	}
	for id := ticketstore.ItemID(1); id <= ticketstore.ItemID(l.items); id++ {
		it := item(t, s, id)
		want := lost[id]
		switch it.State {
		case ticketstore.ItemDelivered:
			want++
		case ticketstore.ItemBounced:
		default:
			return fmt.Errorf("item %d rests as %s", id, it.State)
		}
		if got := r.taken[mailOf(it, ticketstore.Octets(body)).Name]; got != want {
			return fmt.Errorf("item %d, %s, was taken %d times, the outbox knows of %d", id, it.State, got, want)
		}
	}
	return nil
}

// unrecorded counts, by item, the deliveries of which the log says that they could
// not be written down.
func unrecorded(log []byte) (map[ticketstore.ItemID]int, error) {
	lost := map[ticketstore.ItemID]int{}
	for line := range bytes.Lines(log) {
		var e struct {
			Event     string
			Item      ticketstore.ItemID
			Delivered bool
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, err
		}
		if e.Event == EventUnrecorded && e.Delivered {
			lost[e.Item]++
		}
	}
	return lost, nil
}
