package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"mxdesk/internal/remote"
	"mxdesk/ticketstore"
)

var errStopping = errors.New("cut off: the desk is stopping")

// Timing of the loop.
const (
	storePause = 5 * time.Second        // before a store that failed is asked again
	shortPause = time.Second            // between looks at an item that is due and under way
	longPause  = time.Hour              // with nothing due; Wake ends it
	claimPause = 100 * time.Millisecond // between two claims, so that mails queued meanwhile share one
	storeLimit = 30 * time.Second       // for one call of the store
	leaseSlack = time.Minute            // that a claimed item may wait for its turn
)

// claimAhead is how many items are claimed for each delivery at once, so that no
// worker waits for the disk.
const claimAhead = 4

// Run delivers until ctx ends. It then starts nothing new, waits up to
// Config.Grace for the deliveries under way, cuts off those that are left, and
// returns nil when all of them are written down and no goroutine is left. A
// store that fails does not end Run: it is asked again.
func (r *Runner) Run(ctx context.Context) error {
	work, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	l := r.loop(ctx, work)
	var workers sync.WaitGroup
	for range r.cfg.Concurrency {
		workers.Go(l.deliver)
	}
	for ctx.Err() == nil {
		l.round()
		l.pause(ctx.Done())
	}
	timer := time.AfterFunc(r.cfg.Grace, func() { cut(errStopping) })
	defer timer.Stop()
	l.drain()
	close(l.queue)
	workers.Wait()
	return nil
}

// loop is one Run. Its goroutine claims items and writes down how the attempts at
// them ended; the workers deliver.
type loop struct {
	*Runner
	ctx   context.Context             // ends: start nothing new
	work  context.Context             // ends: cut off what is under way
	room  int                         // for items under way, in both channels too
	queue chan ticketstore.OutboxItem // claimed, for the workers
	ended chan *result                // of the workers

	// The rest is for Run's goroutine alone, and for the functions that it gives
	// to the store and waits for.
	underWay  map[ticketstore.ItemID]bool // claimed, and no result is stored
	results   []*result                   // to be written down
	refused   []*result                   // that the store did not take
	retry     time.Time                   // when those are offered again
	look      time.Time                   // when due items are looked for
	lookAfter time.Time                   // no wake-up makes that any earlier
}

func (r *Runner) loop(ctx, work context.Context) *loop {
	room := claimAhead * r.cfg.Concurrency
	return &loop{
		Runner: r, ctx: ctx, work: work, room: room,
		queue: make(chan ticketstore.OutboxItem, room), ended: make(chan *result, room),
		underWay: make(map[ticketstore.ItemID]bool),
	}
}

// round writes down what has ended so far and claims what is due, as far as
// there is room: all in one change.
func (l *loop) round() {
	for len(l.ended) > 0 {
		l.results = append(l.results, <-l.ended)
	}
	l.offerAgain()
	room := l.room - len(l.underWay) + len(l.results)
	if l.ctx.Err() != nil || time.Now().Before(l.look) {
		room = 0
	}
	if room == 0 && len(l.results) == 0 {
		return
	}
	l.write(l.results, room)
	clear(l.results)
	l.results = l.results[:0]
}

// pause waits for a result, a wake-up, the time to do something, or end. It
// reports whether it was end.
func (l *loop) pause(end <-chan struct{}) bool {
	timer := time.NewTimer(time.Until(l.next()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case r := <-l.ended:
		l.results = append(l.results, r)
	case <-l.store.Wake():
		if l.lookAfter.Before(l.look) {
			l.look = l.lookAfter
		}
	case <-end:
		return true
	}
	return false
}

// next is when there is something to do should nothing happen before.
func (l *loop) next() time.Time {
	next := time.Now().Add(longPause)
	if l.ctx.Err() == nil && len(l.underWay) < l.room && l.look.Before(next) {
		next = l.look
	}
	if len(l.refused) > 0 && l.retry.Before(next) {
		next = l.retry
	}
	return next
}

// drain gives back what is claimed and not begun, and writes down the rest as it
// ends.
func (l *loop) drain() {
	for len(l.queue) > 0 {
		select {
		case it := <-l.queue:
			l.results = append(l.results, &result{id: it.ID, returned: true})
		default: // a worker was faster; it gives the item back
		}
	}
	cut := l.work.Done()
	for l.round(); len(l.underWay) > 0; l.round() {
		if l.pause(cut) {
			cut = nil
		}
	}
}

// deliver is a worker: it makes one attempt at each mail. An item that has waited
// for too long is given back: it might fall due again before the attempt ends.
func (l *loop) deliver() {
	for it := range l.queue {
		at := time.Now()
		if l.ctx.Err() != nil || it.Next.Sub(at) < l.cfg.Timeout {
			l.ended <- &result{id: it.ID, returned: true}
			continue
		}
		r, err := l.attempt(it)
		l.ended <- &result{id: it.ID, outcome: outcomeOf(at, r, err)}
	}
}

// attempt hands the item to the route. A panic in there costs one attempt, not
// the desk.
func (l *loop) attempt(it ticketstore.OutboxItem) (r remote.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = remote.Result{}, fmt.Errorf("internal error: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeoutCause(l.work, l.cfg.Timeout, l.overdue)
	defer cancel()
	body, err := l.store.Content(ctx, it.Body)
	if err != nil {
		return remote.Result{}, fmt.Errorf("reading the mail: %w", err)
	}
	return l.route.Deliver(ctx, mailOf(it, body))
}
