// Package outbox delivers what the store has queued: it takes due items,
// hands each to a route, and writes down what the other side said.
//
// The store is the queue. Before an attempt the item is marked as sending and
// given a next time that lies behind the attempt's end, so that a crash in the
// middle neither loses the mail nor hammers the other side: the item simply
// falls due again. One goroutine speaks to the store, one change for whatever has
// ended or fallen due meanwhile, because each change is a flush of the disk. A mail is therefore delivered at least once, and twice only
// when the desk dies, or the connection breaks, between the server's taking it
// and our writing that down.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"mxdesk/internal/remote"
	"mxdesk/ticketstore"
)

// Store is what the outbox needs of a ticketstore.Store.
type Store interface {
	Update(ctx context.Context, fn func(ticketstore.View) (ticketstore.Change, error)) error
	Content(ctx context.Context, id ticketstore.RecordID) (ticketstore.Content, error)
	Wake() <-chan struct{}
}

// Route takes one mail to its recipient's next server. It returns when ctx
// ends. An error that is not a *remote.Error counts as temporary.
type Route interface {
	Deliver(ctx context.Context, m remote.Mail) (remote.Result, error)
}

// Config has a useful zero value.
type Config struct {
	// Concurrency is how many mails are in delivery at once. Default 10. Up to four
	// times as many are marked as sending.
	Concurrency int
	// MaxAge is how long after its creation a mail is tried. Default 120 h (RFC
	// 5321 §4.5.4.1 asks for 4 to 5 days).
	MaxAge time.Duration
	// Timeout bounds one delivery. Default 10 min. After a crash a mail that was
	// under way waits a little longer than this, and from its third attempt on as
	// long as if the attempt had failed.
	Timeout time.Duration
	// Grace is how long Run waits for deliveries under way when it is to stop,
	// before it cuts them off. Default 30 s.
	Grace time.Duration
	// Log gets one event for each attempt. The zero value logs nothing.
	Log zerolog.Logger
}

// Runner is the delivery loop.
type Runner struct {
	store Store
	route Route
	cfg   Config
	// overdue is why a delivery over Config.Timeout ends.
	overdue error
}

// New makes a Runner; Run starts it.
func New(store Store, route Route, cfg Config) *Runner {
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 10
	}
	if cfg.MaxAge <= 0 {
		cfg.MaxAge = 120 * time.Hour
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Minute
	}
	if cfg.Grace <= 0 {
		cfg.Grace = 30 * time.Second
	}
	return &Runner{store: store, route: route, cfg: cfg, overdue: fmt.Errorf("delivery over %s", cfg.Timeout)}
}

// Serialise is the mail of an item as it goes out: header, blank line, body. It
// may be called again for a retry and yields the same octets. The body must
// stay readable until the reader is done.
func Serialise(it ticketstore.OutboxItem, body ticketstore.Content) io.Reader {
	return behind(head(it), body)
}

func head(it ticketstore.OutboxItem) string {
	return strings.TrimSuffix(it.Header, "\r\n") + "\r\n\r\n"
}

func behind(head string, body ticketstore.Content) io.Reader {
	return io.MultiReader(strings.NewReader(head), io.NewSectionReader(body, 0, body.Size()))
}

// mailOf is the item as its route takes it.
func mailOf(it ticketstore.OutboxItem, body ticketstore.Content) remote.Mail {
	head := head(it)
	return remote.Mail{
		Name:    it.Ticket.String() + "-" + strconv.FormatUint(uint64(it.ID), 10) + "-" + it.To.String() + ".eml",
		From:    it.Return,
		To:      it.To,
		UTF8:    strings.ContainsFunc(it.Header, func(r rune) bool { return r >= 0x80 }),
		Size:    int64(len(head)) + body.Size(),
		Content: behind(head, body),
	}
}

// backoff is the time between the n-th attempt and the next.
func backoff(n int) time.Duration {
	steps := [...]time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 4 * time.Hour,
	}
	d := steps[min(max(n, 1), len(steps))-1]
	// A tenth more or less, so that what failed together does not return together.
	return d - d/10 + rand.N(d/5)
}

// outcome is how an attempt ended.
type outcome struct {
	at        time.Time // when it began
	host      string
	reply     string
	delivered bool
	permanent bool
	remote    bool // reply holds the remote's own words
}

// outcomeOf reads what a route returned.
func outcomeOf(at time.Time, r remote.Result, err error) outcome {
	if err == nil {
		return outcome{at: at, host: r.Host, reply: r.Reply, delivered: true, remote: true}
	}
	var e *remote.Error
	if !errors.As(err, &e) {
		e = &remote.Error{Temporary: true, Err: err}
	}
	return outcome{at: at, host: e.Host, reply: e.Text(), permanent: !e.Temporary, remote: e.Reply != ""}
}
