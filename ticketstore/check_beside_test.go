package ticketstore_test

import (
	"strings"
	"sync"
	"testing"

	"mxdesk/ticketstore/storetest"
)

// A check of a desk that is at work finds the damage that is there, and none
// that is not.
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
		r, err := db.Check(t.Context())
		if err != nil || len(r.Problems) > 0 {
			t.Errorf("%d tickets: %v, problems %q", r.Tickets, err, r.Problems)
			break
		}
	}
	close(stop)
	writers.Wait()
}
