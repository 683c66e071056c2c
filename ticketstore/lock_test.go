package ticketstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// Compactions put another database in the place of the one that others wait for.
// Whoever gets the store then works on the new one.
func TestStoreIsPassedOn(t *testing.T) {
	const rounds, compactions, writers = 30, 2, 2
	dir := t.TempDir()
	var answered, locked int
	var mu sync.Mutex
	take := func() {
		db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
		if err == nil {
			_, err = put(context.Background(), db, "text")
			err = errors.Join(err, db.Close())
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case errors.Is(err, ticketstore.ErrLocked):
			locked++
		case err != nil:
			t.Error(err)
		default:
			answered++
		}
	}
	take()
	for range rounds {
		var all sync.WaitGroup
		for range compactions {
			all.Go(func() {
				if _, err := ticketstore.Compact(context.Background(), dir, ticketstore.Options{}, nil); err != nil && !errors.Is(err, ticketstore.ErrLocked) {
					t.Error(err)
				}
			})
		}
		for range writers {
			all.Go(take)
		}
		all.Wait()
	}
	kept := 0
	err := storetest.Open(t, dir).View(t.Context(), func(v ticketstore.View) error {
		for _, err := range v.Tickets(ticketstore.TicketFilter{}) {
			if err != nil {
				return err
			}
			kept++
		}
		return nil
	})
	if err != nil || kept != answered {
		t.Errorf("%d tickets are kept, %d were answered, %v", kept, answered, err)
	}
	t.Logf("%d tickets, %d times locked out", kept, locked)
}

func TestCloseAtOnce(t *testing.T) {
	db, err := ticketstore.Open(t.TempDir(), ticketstore.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
