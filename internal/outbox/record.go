package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mxdesk/ticketstore"
)

const (
	// recordTries bounds how often a result is offered to a store that refuses
	// it, storePause apart.
	recordTries = 5
	// maxMerges bounds how many merges of tickets are followed.
	maxMerges = 32
)

// record writes the result of an attempt, and an action on the ticket when the
// mail has bounced. It outlives the context of Run. It returns the item that was
// claimed in the same change, if any.
func (l *loop) record(it ticketstore.OutboxItem, o outcome) (next *ticketstore.OutboxItem) {
	var err error
	for range recordTries {
		if next, err = l.tryRecord(&it, o); err == nil {
			l.log(it, o)
			return next
		}
		if errors.Is(err, ticketstore.ErrNotFound) || errors.Is(err, ticketstore.ErrClosed) || errors.Is(err, ticketstore.ErrFailed) {
			break
		}
		if l.rest(storePause) {
			break
		}
	}
	l.cfg.Log.Error().Err(err).Str("event", EventUnrecorded).Uint64("item", uint64(it.ID)).Uint64("ticket", uint64(it.Ticket)).
		Bool("delivered", o.delivered).Str("host", o.host).Str("reply", o.reply).Msg("delivery not recorded")
	return nil
}

// rest waits; it reports whether the work was cut off meanwhile.
func (l *loop) rest(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-l.work.Done():
		return true
	}
}

// tryRecord makes the change and leaves the item as it was stored in it. The
// same change claims the next item that is due: with a commit for each of the
// two, a full outbox would flush the disk twice for each mail.
func (l *loop) tryRecord(it *ticketstore.OutboxItem, o outcome) (next *ticketstore.OutboxItem, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.work), storeLimit)
	defer cancel()
	err = l.store.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
		next = nil // the store may ask again
		stored, err := v.Item(it.ID)
		if err != nil {
			return ticketstore.Change{}, err
		}
		now := time.Now()
		*it = l.after(stored, o, now)
		change := ticketstore.Change{At: now, Items: []ticketstore.OutboxItem{*it}}
		if it.State == ticketstore.ItemBounced && stored.State != ticketstore.ItemBounced {
			err = tell(v, &change, *it, o)
		}
		if next = l.following(v, now); next != nil {
			change.Items = append(change.Items, *next)
		}
		return change, err
	})
	if err != nil {
		return nil, err
	}
	if next != nil {
		l.begin(next.ID)
	}
	return next, nil
}

// following claims the next item that is due, unless Run is to end. That there
// is trouble with it must not keep a result from being written down.
func (l *loop) following(v ticketstore.View, now time.Time) *ticketstore.OutboxItem {
	if l.ctx.Err() != nil {
		return nil
	}
	items, err := l.due(v, now, 1)
	if err != nil || len(items) == 0 {
		return nil
	}
	next := l.sending(items[0], now)
	return &next
}

// after is the item behind an attempt. What a person decided while it was under
// way stands, unless the mail is out.
func (l *loop) after(it ticketstore.OutboxItem, o outcome, now time.Time) ticketstore.OutboxItem {
	it.Attempts = append(it.Attempts, ticketstore.Attempt{At: o.at, Host: o.host, Reply: o.reply})
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
		it.State, it.Next = ticketstore.ItemDeferred, now.Add(backoff(len(it.Attempts)))
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
	t, err := ticketOf(v, it.Ticket)
	if errors.Is(err, ticketstore.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	t.Version++
	t.LastSeq++
	t.Updated = change.At
	name := o.host
	if name == "" {
		name = "Outgoing mail"
	}
	text := failure(it, o)
	change.Tickets = []ticketstore.Ticket{t}
	change.Actions = []ticketstore.Action{{
		Ticket: t.ID, Seq: t.LastSeq, At: change.At, Direction: ticketstore.Internal,
		Outcome:    ticketstore.OutcomeFailed,
		Actor:      ticketstore.Actor{Kind: ticketstore.ActorMachine, Name: name},
		Visibility: ticketstore.InternalOnly,
		Text:       text, Fresh: text, Attachments: []ticketstore.Attachment{},
	}}
	return nil
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
		s = fmt.Sprintf("%s was %s and %d attempts.", what, it.Note, len(it.Attempts))
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
		Int("attempt", len(it.Attempts)).Str("host", o.host).Str("reply", o.reply).Msg(text)
}
