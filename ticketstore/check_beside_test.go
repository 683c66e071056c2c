package ticketstore_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"mxdesk/ticketstore/storetest"
)

// asking is a context that tells of each time that somebody asks whether it is
// over, which a check does as it goes on.
type asking struct {
	context.Context
	asked func()
}

func (a asking) Err() error {
	a.asked()
	return a.Context.Err()
}

// A check of a desk that is at work finds the damage that is there, and none
// that is not. It holds no writer up: changes that are made from within it, while
// it waits, are done.
func TestCheckBesideChanges(t *testing.T) {
	db := storetest.Open(t, t.TempDir())
	for range 300 { // so that a check takes as long as some commits
		if _, err := put(t.Context(), db, strings.Repeat("x", 3000)); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 300 {
				if _, err := put(t.Context(), db, strings.Repeat("x", 3000)); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range 5 {
		asked := 0
		r, err := db.Check(asking{t.Context(), func() {
			if asked++; asked%100 != 2 {
				return
			}
			if _, err := put(t.Context(), db, "during"); err != nil {
				t.Error(err)
			}
		}})
		if err != nil || len(r.Problems) > 0 {
			t.Errorf("%d tickets: %v, problems %q", r.Tickets, err, r.Problems)
			break
		}
	}
	close(stop)
	writers.Wait()
}
