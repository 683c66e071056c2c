package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mxdesk/ticketstore"
)

func due(t *testing.T, s ticketstore.Store) {
	mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) {
		c := open(v, now, "x", "y")
		for i := range 3 {
			c.Items = append(c.Items, ticketstore.OutboxItem{
				ID: ticketstore.ItemID(i + 1), Ticket: 1, Action: 1, State: ticketstore.ItemQueued,
				Next: now.Add(time.Duration(3-i) * time.Minute), Body: 1,
			})
		}
		return c, nil
	})
	select {
	case <-s.Wake():
	default:
		t.Error("no wake-up for queued items")
	}
	order := func(at time.Time, skipped ...ticketstore.ItemID) (ids []ticketstore.ItemID) {
		mustView(t, s, func(v ticketstore.View) error {
			items, err := v.DueItems(at, 2, func(id ticketstore.ItemID) bool { return slices.Contains(skipped, id) })
			for _, it := range items {
				ids = append(ids, it.ID)
			}
			return err
		})
		return ids
	}
	if got := order(now.Add(2 * time.Minute)); !cmp.Equal(got, []ticketstore.ItemID{3, 2}) {
		t.Errorf("due: %v", got)
	}
	if got := order(now.Add(time.Hour), 3); !cmp.Equal(got, []ticketstore.ItemID{2, 1}) {
		t.Errorf("due without the first: %v", got)
	}
	if got := order(now.Add(-23 * time.Hour)); got != nil {
		t.Errorf("due before: %v", got)
	}
	if got := order(now.AddDate(0, 0, -2)); !cmp.Equal(got, []ticketstore.ItemID{3, 2}) {
		t.Errorf("due with a clock that was set back: %v", got)
	}
	mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) {
		it, err := v.Item(3)
		it.State = ticketstore.ItemDelivered
		return ticketstore.Change{Items: []ticketstore.OutboxItem{it}}, err
	})
	if got := order(now.Add(time.Hour)); !cmp.Equal(got, []ticketstore.ItemID{2, 1}) {
		t.Errorf("due after one was delivered: %v", got)
	}
	mustView(t, s, func(v ticketstore.View) error {
		if at, ok := v.NextDue(); !ok || !at.Equal(now.Add(2*time.Minute)) {
			t.Errorf("next due at %v, %v", at, ok)
		}
		n := 0
		for _, err := range v.ItemsOf(1) {
			if err != nil {
				return err
			}
			n++
		}
		if n != 3 {
			t.Errorf("%d items of the ticket", n)
		}
		return nil
	})
}

// dueAfterAll looks for due items in the change behind the one in which a great
// many were done with.
func dueAfterAll(t *testing.T, s ticketstore.Store) {
	const many = 2000
	var items []ticketstore.OutboxItem
	for id := ticketstore.ItemID(1); id <= many; id++ {
		items = append(items, ticketstore.OutboxItem{ID: id, Ticket: 1, Action: 1, State: ticketstore.ItemQueued, Next: now, Body: 1})
	}
	mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) {
		c := open(v, now, "x", "y")
		c.Items = items
		return c, nil
	})
	mustView(t, s, func(v ticketstore.View) error {
		due, err := v.DueItems(now, many+1, nil)
		if len(due) != many {
			t.Errorf("%d items are due, want %d", len(due), many)
		}
		return err
	})
	mustUpdate(t, s, func(ticketstore.View) (ticketstore.Change, error) {
		done := ticketstore.Change{At: now}
		for _, it := range items {
			it.State, it.Next = ticketstore.ItemDelivered, time.Time{}
			done.Items = append(done.Items, it)
		}
		return done, nil
	})
	mustUpdate(t, s, func(v ticketstore.View) (ticketstore.Change, error) {
		due, err := v.DueItems(now, many, nil)
		if len(due) > 0 {
			t.Errorf("%d items are due, and all are done", len(due))
		}
		if _, ok := v.NextDue(); ok {
			t.Error("an item falls due next, and all are done")
		}
		return ticketstore.Change{}, err
	})
}
