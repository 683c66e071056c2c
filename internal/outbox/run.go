package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	leaseSlack = time.Minute            // between the end of an attempt and its item's next time
)

// Run delivers until ctx ends. It then starts nothing new, waits up to
// Config.Grace for the deliveries under way, cuts off those that are left, and
// returns nil when all of them are written down and no goroutine is left. A
// store that fails does not end Run: it is asked again.
func (r *Runner) Run(ctx context.Context) error {
	work, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	l := &loop{
		Runner: r, ctx: ctx, work: work,
		underWay: make(map[ticketstore.ItemID]bool),
		done:     make(chan struct{}, r.cfg.Concurrency),
	}
	for ctx.Err() == nil {
		l.pause(l.round())
	}
	l.drain(cut)
	return nil
}

// loop is one Run. A worker is a goroutine that delivers one mail after the
// other; it only sends on done, which has room for all of them, and uses
// underWay.
type loop struct {
	*Runner
	ctx     context.Context // ends: start nothing new
	work    context.Context // ends: cut off what is under way
	workers int             // of Run's goroutine
	claimed time.Time       // when it last claimed something
	done    chan struct{}   // a worker has ended

	mu       sync.Mutex
	underWay map[ticketstore.ItemID]bool
}

// round starts a worker for each item that is due, as far as slots are free. It
// returns how long there is nothing to do unless something happens.
func (l *loop) round() time.Duration {
	free := l.cfg.Concurrency - l.workers
	if free == 0 {
		return longPause
	}
	if early := claimPause - time.Since(l.claimed); early > 0 {
		return early
	}
	claimed, wait, err := l.claim(free)
	if err != nil {
		if l.ctx.Err() == nil {
			l.cfg.Log.Error().Err(err).Str("event", EventStore).Msg("the store cannot be asked")
		}
		return storePause
	}
	if len(claimed) > 0 {
		l.claimed, wait = time.Now(), 0
	}
	l.workers += len(claimed)
	for _, it := range claimed {
		l.begin(it.ID)
		go l.deliver(it)
	}
	return wait
}

// begin and end mark an item as under way in this process.
func (l *loop) begin(id ticketstore.ItemID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underWay[id] = true
}

func (l *loop) end(id ticketstore.ItemID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.underWay, id)
}

// due lists up to most items that are due and not under way: one that is may
// have been queued again by a person.
func (l *loop) due(v ticketstore.View, now time.Time, most int) ([]ticketstore.OutboxItem, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	items, err := v.DueItems(now, most+len(l.underWay))
	items = slices.DeleteFunc(items, func(it ticketstore.OutboxItem) bool { return l.underWay[it.ID] })
	return items[:min(most, len(items))], err
}

// claim marks up to free items that are due as sending, each with the time at
// which it falls due again should its result never be written down. It returns
// how long it is until the next falls due.
func (l *loop) claim(free int) (claimed []ticketstore.OutboxItem, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(l.ctx, storeLimit)
	defer cancel()
	err = l.store.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
		now := time.Now()
		claimed, wait = nil, longPause // the store may ask again
		items, err := l.due(v, now, free)
		for _, it := range items {
			claimed = append(claimed, l.sending(it, now))
		}
		if next, ok := v.NextDue(); ok {
			// An item that is under way and was queued again by a person stays due.
			wait = min(max(next.Sub(now), shortPause), longPause)
		}
		return ticketstore.Change{At: now, Items: claimed}, err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("claiming due mail: %w", err)
	}
	return claimed, wait, nil
}

// sending is an item at the beginning of an attempt.
func (l *loop) sending(it ticketstore.OutboxItem, now time.Time) ticketstore.OutboxItem {
	it.State = ticketstore.ItemSending
	it.Next = now.Add(max(backoff(len(it.Attempts)+1), l.cfg.Timeout+leaseSlack))
	return it
}

// pause waits for time to pass, a wake-up, a free slot or the end.
func (l *loop) pause(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.store.Wake():
	case <-l.done:
		l.workers--
	case <-l.ctx.Done():
	}
}

// drain waits for what is under way, and cuts it off after the grace period.
func (l *loop) drain(cut context.CancelCauseFunc) {
	timer := time.AfterFunc(l.cfg.Grace, func() { cut(errStopping) })
	defer timer.Stop()
	for ; l.workers > 0; l.workers-- {
		<-l.done
	}
}

// deliver makes one attempt at a mail and writes its result down, then at the
// next one, as long as there is one.
func (l *loop) deliver(it ticketstore.OutboxItem) {
	defer func() { l.done <- struct{}{} }()
	for next := &it; next != nil; {
		it := *next
		at := time.Now()
		r, err := l.attempt(it)
		next = l.record(it, outcomeOf(at, r, err))
		l.end(it.ID)
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
	ctx, cancel := context.WithTimeoutCause(l.work, l.cfg.Timeout, fmt.Errorf("delivery over %s", l.cfg.Timeout))
	defer cancel()
	body, err := l.store.Content(ctx, it.Body)
	if err != nil {
		return remote.Result{}, fmt.Errorf("reading the mail: %w", err)
	}
	return l.route.Deliver(ctx, mailOf(it, body))
}
