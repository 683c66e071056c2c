package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mxdesk/ticketstore"
)

const (
	// recordTries bounds how often a result is offered to a store that does not
	// take it, storePause apart.
	recordTries = 5
	// maxMerges bounds how many merges of tickets are followed.
	maxMerges = 32
)

// result is how an item that was under way ended.
type result struct {
	id ticketstore.ItemID
	outcome
	returned bool                   // no attempt was made
	item     ticketstore.OutboxItem // as it is stored with the result
	tries    int                    // to store it
	err      error
}

// write writes results down, with an action on the ticket for each mail that has
// bounced, and claims up to room items that are due. It is one change, so that
// mails that end together share it and the claim of the next ones. It outlives
// the context of Run.
func (l *loop) write(results []*result, room int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.work), storeLimit)
	defer cancel()
	var c claim
	err := l.store.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
		c = claim{} // the store may ask again
		change := ticketstore.Change{At: time.Now()}
		for _, r := range results {
			r.err = l.settle(v, &change, r)
		}
		if room > 0 {
			c = l.claim(v, &change, room)
		}
		return change, nil
	})
	switch {
	case err == nil:
		l.begin(c)
	case len(results) == 0:
		l.storeFailed(fmt.Errorf("claiming due mail: %w", err))
	case len(results) > 1: // so that one does not spoil the others
		for _, r := range results {
			l.write([]*result{r}, 0)
		}
		return
	}
	for _, r := range results {
		l.written(r, errors.Join(err, r.err))
	}
}

// settle adds the result of an attempt to a change, or nothing when it fails.
func (l *loop) settle(v ticketstore.View, change *ticketstore.Change, r *result) error {
	stored, err := v.Item(r.id)
	if err != nil {
		return err
	}
	r.item = l.after(stored, r, change.At)
	if r.item.State == ticketstore.ItemBounced && stored.State != ticketstore.ItemBounced {
		if err := tell(v, change, r.item, r.outcome); err != nil {
			return err
		}
	}
	change.Items = append(change.Items, r.item)
	return nil
}

// written is told what became of a result. One that the store did not take is
// kept for another try, unless that is in vain.
func (l *loop) written(r *result, err error) {
	r.tries++
	switch {
	case err == nil:
		if !r.returned {
			l.log(r.item, r.outcome)
		}
	case r.tries == recordTries || l.work.Err() != nil || hopeless(err):
		l.cfg.Log.Error().Err(err).Str("event", EventUnrecorded).Uint64("item", uint64(r.id)).Uint64("ticket", uint64(r.item.Ticket)).
			Bool("delivered", r.delivered).Str("host", r.host).Str("reply", r.reply).Msg("delivery not recorded")
	default:
		if len(l.refused) == 0 {
			l.retry = time.Now().Add(storePause)
		}
		l.refused = append(l.refused, r)
		return
	}
	delete(l.underWay, r.id)
}

func hopeless(err error) bool {
	return errors.Is(err, ticketstore.ErrNotFound) || errors.Is(err, ticketstore.ErrClosed) || errors.Is(err, ticketstore.ErrFailed)
}

// offerAgain offers the results to the store that it did not take, each by itself,
// when it is time or the last chance.
func (l *loop) offerAgain() {
	if len(l.refused) == 0 || time.Now().Before(l.retry) && l.work.Err() == nil {
		return
	}
	again := l.refused
	l.refused = nil
	for _, r := range again {
		l.write([]*result{r}, 0)
	}
}

// claim is what was claimed in a change, and when to look for more.
type claim struct {
	items     []ticketstore.OutboxItem
	look      time.Time
	lookAfter time.Time
	err       error
}

// claim adds to a change that up to room items that are due are being sent, each
// with the time at which it falls due again should its result never be written
// down. That there is trouble with them must not keep results from being so.
func (l *loop) claim(v ticketstore.View, change *ticketstore.Change, room int) (c claim) {
	now := change.At
	// An item that is under way may have been queued again by a person.
	due, err := v.DueItems(now, room, func(id ticketstore.ItemID) bool { return l.underWay[id] })
	c.err = err
	for _, it := range due {
		c.items = append(c.items, l.sending(it, now))
	}
	if !forgottenClaim {
		change.Items = append(change.Items, c.items...)
	}
	switch {
	case len(due) == room:
		c.look, c.lookAfter = now, now
	case len(due) > 0:
		c.look, c.lookAfter = now.Add(claimPause), now.Add(claimPause)
	default:
		c.look = now.Add(longPause)
		if next, ok := v.NextDue(); ok {
			c.look = now.Add(min(max(next.Sub(now), shortPause), longPause))
		}
	}
	return c
}

// begin hands what was claimed to the workers.
func (l *loop) begin(c claim) {
	if c.err != nil {
		l.storeFailed(fmt.Errorf("claiming due mail: %w", c.err))
		return
	}
	if c.look.IsZero() {
		return
	}
	l.look, l.lookAfter = c.look, c.lookAfter
	for _, it := range c.items {
		l.underWay[it.ID] = true
		l.queue <- it
	}
}

// storeFailed puts off the next look for due items.
func (l *loop) storeFailed(err error) {
	l.look = time.Now().Add(storePause)
	if l.ctx.Err() == nil {
		l.cfg.Log.Error().Err(err).Str("event", EventStore).Msg("the store cannot be asked")
	}
}

// sending is an item at the beginning of an attempt.
func (l *loop) sending(it ticketstore.OutboxItem, now time.Time) ticketstore.OutboxItem {
	it.State = ticketstore.ItemSending
	it.Next = now.Add(max(backoff(it.Tried()+1), l.cfg.Timeout+leaseSlack))
	return it
}

// returned is an item that was claimed and not begun.
func returned(it ticketstore.OutboxItem, now time.Time) ticketstore.OutboxItem {
	if it.State != ticketstore.ItemSending {
		return it // a person has decided meanwhile
	}
	it.State, it.Next = ticketstore.ItemQueued, now
	if len(it.Attempts) > 0 {
		it.State = ticketstore.ItemDeferred
	}
	return it
}

// after is the item behind an attempt. What a person decided while it was under
// way stands, unless the mail is out.
func (l *loop) after(it ticketstore.OutboxItem, o *result, now time.Time) ticketstore.OutboxItem {
	if o.returned {
		return returned(it, now)
	}
	it.Try(ticketstore.Attempt{At: o.at, Host: o.host, Reply: o.reply})
	end := it.Created.Add(l.cfg.MaxAge)
	switch {
	case o.delivered:
		it.State, it.Next, it.Note = ticketstore.ItemDelivered, time.Time{}, ""
	case it.State != ticketstore.ItemSending:
	case o.permanent:
		it.State, it.Next = ticketstore.ItemBounced, time.Time{}
	case !now.Before(end):
		it.State, it.Next = ticketstore.ItemBounced, time.Time{}
		it.Note = fmt.Sprintf("given up after %s", period(now.Sub(it.Created)))
	default:
		it.State, it.Next = ticketstore.ItemDeferred, now.Add(backoff(it.Tried()))
		if it.Next.After(end) {
			it.Next = end // for one last attempt
		}
	}
	return it
}

// period is a duration as people say it.
func period(d time.Duration) string {
	switch hours := int(d.Hours()); {
	case hours < 2:
		return d.Round(time.Second).String()
	case hours < 48:
		return fmt.Sprintf("%d hours", hours)
	default:
		return fmt.Sprintf("%d days", hours/24)
	}
}

// tell adds to the change what the agents must know: this mail did not arrive.
// A ticket that is gone has nobody to tell.
func tell(v ticketstore.View, change *ticketstore.Change, it ticketstore.OutboxItem, o outcome) error {
	t, err := ticketIn(v, change, it.Ticket)
	if errors.Is(err, ticketstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	t.LastSeq++
	t.Updated = change.At
	name := o.host
	if name == "" {
		name = "Outgoing mail"
	}
	text := failure(it, o)
	change.Actions = append(change.Actions, ticketstore.Action{
		Ticket: t.ID, Seq: t.LastSeq, At: change.At, Direction: ticketstore.Internal,
		Outcome:    ticketstore.OutcomeFailed,
		Actor:      ticketstore.Actor{Kind: ticketstore.ActorMachine, Name: name},
		Visibility: ticketstore.InternalOnly,
		Text:       text, Fresh: text, Attachments: []ticketstore.Attachment{},
	})
	return nil
}

// ticketIn is the ticket of an item as a change has it, put there when it is not.
func ticketIn(v ticketstore.View, change *ticketstore.Change, id ticketstore.TicketID) (*ticketstore.Ticket, error) {
	t, err := ticketOf(v, id)
	if err != nil {
		return nil, err
	}
	for i := range change.Tickets {
		if change.Tickets[i].ID == t.ID {
			return &change.Tickets[i], nil
		}
	}
	t.Version++
	change.Tickets = append(change.Tickets, t)
	return &change.Tickets[len(change.Tickets)-1], nil
}

// ticketOf is the ticket that an item belongs to now, merges followed.
func ticketOf(v ticketstore.View, id ticketstore.TicketID) (ticketstore.Ticket, error) {
	for range maxMerges {
		t, err := v.Ticket(id)
		if err != nil || t.MergedInto == 0 {
			return t, err
		}
		id = t.MergedInto
	}
	return v.Ticket(id)
}

// failure is the text of the action that tells of a bounce.
func failure(it ticketstore.OutboxItem, o outcome) string {
	what := "Mail to " + it.To.String()
	if it.Template != "" {
		what += " (" + it.Template + ")"
	}
	s := what + " was not delivered."
	if it.Note != "" {
		s = fmt.Sprintf("%s was %s and %d attempts.", what, it.Note, it.Tried())
	}
	switch {
	case o.remote && o.host != "":
		return s + "\n\n" + o.host + " said: " + o.reply
	case o.host != "":
		return s + "\n\n" + o.host + ": " + o.reply
	}
	return s + "\n\n" + o.reply
}

func (l *loop) log(it ticketstore.OutboxItem, o outcome) {
	e, event, text := l.cfg.Log.Info(), EventDelivered, "mail delivered"
	switch {
	case o.delivered:
	case it.State == ticketstore.ItemBounced:
		e, event, text = l.cfg.Log.Warn(), EventBounced, "mail bounced"
	default:
		event, text = EventDeferred, "mail deferred"
	}
	if it.State.Due() {
		e = e.Time("next", it.Next)
	}
	e.Str("event", event).Uint64("item", uint64(it.ID)).Uint64("ticket", uint64(it.Ticket)).Str("to", it.To.String()).
		Int("attempt", it.Tried()).Str("host", o.host).Str("reply", o.reply).Msg(text)
}
