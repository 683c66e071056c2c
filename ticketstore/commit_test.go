package ticketstore_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// faulty is content that cannot be read without a panic.
type faulty struct{ *bytes.Reader }

func (faulty) ReadAt([]byte, int64) (int, error) { panic(errors.New("no such content")) }

// What a panic leaves behind of a group is unknown, so it ends the process, though
// the caller recovers from it.
func TestPanicWhileWritingEndsTheProcess(t *testing.T) {
	const again = "MXDESK_TEST_PANIC"
	if os.Getenv(again) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), again+"=1")
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("writing to the store broke off: no such content")) {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	db := storetest.Open(t, t.TempDir())
	defer func() { _ = recover() }()
	err := db.Update(t.Context(), func(v ticketstore.View) (ticketstore.Change, error) {
		r := storetest.Record(v.Next().Record, "x")
		r.Content = faulty{bytes.NewReader([]byte("x"))}
		return ticketstore.Change{Records: []ticketstore.Record{r}}, nil
	})
	t.Logf("went on with %v", err)
}

// Whoever came while somebody wrote has a turn of its own when nobody comes any more
// who would write for it, be there more of them than a group takes or one.
func TestWhoWaitsHasATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which notices that everybody waits
		db, err := ticketstore.Open(t.TempDir(), ticketstore.Options{MinFree: -1})
		if err != nil {
			t.Fatal(err)
		}
		for _, callers := range []int{2, 5, 20, 300, 2, 700} {
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					if _, err := put(t.Context(), db, "text"); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Whoever gets no turn of its own is written by another, and nobody is forgotten:
// not behind a full group, not beside readers who have the database brought up,
// and a close leaves what was answered and nothing else.
func TestEveryCallerIsAnswered(t *testing.T) {
	const callers, each = 600, 6
	dir := t.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	var taken atomic.Int64
	half := make(chan struct{})
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for range each {
				_, err := put(t.Context(), db, "text")
				switch {
				case errors.Is(err, ticketstore.ErrClosed):
					return
				case err != nil:
					t.Error(err)
				case taken.Add(1) == callers*each/2:
					close(half)
				}
				if i%100 == 0 { // closed meanwhile, perhaps
					_ = db.View(t.Context(), func(ticketstore.View) error { return nil })
				}
			}
		})
	}
	<-half
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	var kept int64
	err = storetest.Open(t, dir).View(t.Context(), func(v ticketstore.View) error {
		for _, err := range v.Tickets(ticketstore.TicketFilter{}) {
			if err != nil {
				return err
			}
			kept++
		}
		return nil
	})
	if n := taken.Load(); err != nil || kept != n {
		t.Errorf("%d tickets are kept, %d were answered, %v", kept, n, err)
	}
}
