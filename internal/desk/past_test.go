package desk

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	"mxdesk/ticketstore"
)

// watched is a store that counts what is read of tickets' pasts.
type watched struct {
	ticketstore.Store
	items, actions, octets int
}

func (w *watched) Update(ctx context.Context, fn func(ticketstore.View) (ticketstore.Change, error)) error {
	return w.Store.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) { return fn(watchedView{v, w}) })
}

type watchedView struct {
	ticketstore.View
	seen *watched
}

func (v watchedView) Action(id ticketstore.TicketID, seq uint32) (ticketstore.Action, error) {
	a, err := v.View.Action(id, seq)
	v.seen.actions++
	v.seen.octets += len(a.Text)
	return a, err
}

func (v watchedView) Actions(id ticketstore.TicketID) iter.Seq2[ticketstore.Action, error] {
	panic("all of a ticket's past")
}

func (v watchedView) ItemsOf(id ticketstore.TicketID) iter.Seq2[ticketstore.OutboxItem, error] {
	panic("all of a ticket's past")
}

func (v watchedView) LastItemsOf(id ticketstore.TicketID) iter.Seq2[ticketstore.OutboxItem, error] {
	return func(yield func(ticketstore.OutboxItem, error) bool) {
		for it, err := range v.View.LastItemsOf(id) {
			if v.seen.items++; !yield(it, err) {
				return
			}
		}
	}
}

// What one more mail to a ticket costs everybody does not grow with the mails that
// strangers have sent to it, nor with how long they are.
func TestPastOfATicketIsReadInPart(t *testing.T) {
	h := opened(t)
	n := 0
	costs := func(text string) watched {
		t.Helper()
		w := &watched{Store: h.store}
		h.store = w
		defer func() { h.store = w.Store }()
		n++
		h.take(letter{From: ann, Subject: "Re: Printer [ID:0000001]", Body: fmt.Sprintf("update %d %s", n, text)})
		return *w
	}
	for range 100 {
		costs("")
	}
	early := costs("")
	for range 200 {
		costs("")
	}
	if late := costs(""); late.items > early.items || late.actions > early.actions {
		t.Errorf("behind 100 updates %d items and %d actions are read, behind 300 %d and %d", early.items, early.actions, late.items, late.actions)
	}
	if early.items == 0 || early.actions == 0 {
		t.Error("the past is not read at all")
	}
	long := strings.Repeat("a long text that says nothing.\n", 8<<10)
	for range 12 {
		costs(long)
	}
	if w := costs(""); w.octets > lookOctets+len(long)+100 {
		t.Errorf("%d octets of texts are read", w.octets)
	}
}
