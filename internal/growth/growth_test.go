package growth_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mxdesk/internal/growth"
	"mxdesk/ticketstore"
)

const actions = 5 // of each ticket

func open(t *testing.T, dir string) *ticketstore.DB {
	t.Helper()
	s, err := ticketstore.Open(dir, ticketstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mailsPerSecond is how many mails 64 senders bring in together.
func mailsPerSecond(t *testing.T, s *ticketstore.DB, d time.Duration) float64 {
	t.Helper()
	var n atomic.Int64
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	begin := time.Now()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := growth.Mail(context.WithoutCancel(ctx), s); err != nil {
					t.Error(err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(begin).Seconds()
}

// p99 runs fn n times and returns what all but one in a hundred runs took at
// most.
func p99(n int, fn func()) time.Duration {
	took := make([]time.Duration, n)
	for i := range took {
		at := time.Now()
		fn()
		took[i] = time.Since(at)
	}
	slices.Sort(took)
	return took[n*99/100]
}

// show reads a ticket as "ticket show" does.
func show(t *testing.T, s *ticketstore.DB, id ticketstore.TicketID) {
	t.Helper()
	err := s.View(t.Context(), func(v ticketstore.View) error {
		if _, err := v.Ticket(id); err != nil {
			return err
		}
		n := 0
		for _, err := range v.Actions(id) {
			if err != nil {
				return err
			}
			n++
		}
		for _, err := range v.ItemsOf(id) {
			if err != nil {
				return err
			}
		}
		if n != actions {
			t.Errorf("ticket %s has %d actions", id, n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// list reads a page of 50 tickets that were opened before one.
func list(t *testing.T, s *ticketstore.DB, before ticketstore.TicketID) {
	t.Helper()
	err := s.View(t.Context(), func(v ticketstore.View) error {
		n := 0
		for _, err := range v.Tickets(ticketstore.TicketFilter{Before: before}) {
			if err != nil {
				return err
			}
			if n++; n == 50 {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestGrowth fills a store and looks at what it costs then. It is a small one,
// unless MXDESK_GROWTH says how many tickets; MXDESK_GROWTH_DIR says where.
func TestGrowth(t *testing.T) {
	tickets, spell := 200, 100*time.Millisecond
	if n, err := strconv.Atoi(os.Getenv("MXDESK_GROWTH")); err == nil {
		tickets, spell = n, 5*time.Second
	}
	root := os.Getenv("MXDESK_GROWTH_DIR")
	if root == "" {
		root = t.TempDir()
	}
	empty, dir := filepath.Join(root, "empty"), filepath.Join(root, "full")
	for _, d := range []string{empty, dir} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(d) })
	}
	s := open(t, dir)
	begin := time.Now()
	payload, err := growth.Fill(t.Context(), s, growth.Shape{Tickets: tickets, Actions: actions})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d tickets with %d actions in %s", tickets, tickets*actions, time.Since(begin).Round(time.Second))
	size, err := s.Size()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("files: %.1f MB, payload %.1f MB, %.2f x", float64(size)/1e6, float64(payload)/1e6, float64(size)/float64(payload))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	begin = time.Now()
	used := processor(t)
	s = open(t, dir)
	took := time.Since(begin)
	used = processor(t) - used
	st, err := os.Stat(filepath.Join(dir, "desk.db"))
	if err != nil {
		t.Fatal(err)
	}
	perGiB := func(d time.Duration) time.Duration {
		return time.Duration(float64(d) * float64(1<<30) / float64(st.Size())).Round(time.Millisecond)
	}
	t.Logf("open: %s, desk.db of %.1f MB, %s per GiB; processor time per GiB %s", took, float64(st.Size())/1e6, perGiB(took), perGiB(used))
	any := func() ticketstore.TicketID { return ticketstore.TicketID(1 + rand.IntN(tickets)) }
	t.Logf("ticket show: p99 %s", p99(2000, func() { show(t, s, any()) }))
	t.Logf("list page: p99 %s", p99(500, func() { list(t, s, any()) }))
	compare(t, empty, s, spell)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// processor is the processor time that the process has used. On a busy machine it
// says more than a clock.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// compare lets mail come into the full store and into an empty one, in turn, so
// that a noisy moment of the machine hits both.
func compare(t *testing.T, empty string, full *ticketstore.DB, spell time.Duration) {
	t.Helper()
	other := open(t, empty)
	var a, b []float64
	for range 3 {
		a = append(a, mailsPerSecond(t, other, spell))
		b = append(b, mailsPerSecond(t, full, spell))
	}
	slices.Sort(a)
	slices.Sort(b)
	t.Logf("mails a second, 64 at once, medians: empty %.0f, full %.0f, %.2f x", a[1], b[1], b[1]/a[1])
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
}
