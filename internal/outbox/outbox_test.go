package outbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/address"
	"mxdesk/internal/remote"
	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

const (
	header = "Subject: x\r\nMessage-ID: <1@desk.example>\r\n"
	body   = "Hello\r\n"
)

func addr(t testing.TB, s string) address.Address {
	t.Helper()
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// queue opens a ticket with n outgoing items that are due at once.
func queue(t *testing.T, s ticketstore.Store, n int) {
	t.Helper()
	now := time.Now()
	err := s.Update(t.Context(), func(v ticketstore.View) (ticketstore.Change, error) {
		next := v.Next()
		c := ticketstore.Change{
			At:      now,
			Tickets: []ticketstore.Ticket{{ID: next.Ticket, Version: 1, LastSeq: 1, Status: ticketstore.StatusWaiting, Created: now}},
			Actions: []ticketstore.Action{{Ticket: next.Ticket, Seq: 1, At: now}},
		}
		if n > 0 {
			record := storetest.Record(next.Record, body)
			record.Kind = ticketstore.RecordBody
			c.Records = append(c.Records, record)
		}
		for i := range n {
			c.Items = append(c.Items, ticketstore.OutboxItem{
				ID: next.Item + ticketstore.ItemID(i), Ticket: next.Ticket, Action: 1, Template: "agent-reply",
				To: addr(t, "ada@example.com"), Return: addr(t, "support@desk.example"), Header: header,
				Body: next.Record, State: ticketstore.ItemQueued, Created: now, Next: now,
			})
		}
		return c, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func item(t *testing.T, s ticketstore.Store, id ticketstore.ItemID) ticketstore.OutboxItem {
	t.Helper()
	var it ticketstore.OutboxItem
	err := s.View(t.Context(), func(v ticketstore.View) (err error) {
		it, err = v.Item(id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return it
}

// history is a ticket and its actions.
func history(t *testing.T, s ticketstore.Store, id ticketstore.TicketID) (tk ticketstore.Ticket, actions []ticketstore.Action) {
	t.Helper()
	err := s.View(t.Context(), func(v ticketstore.View) (err error) {
		if tk, err = v.Ticket(id); err != nil {
			return err
		}
		for a, err := range v.Actions(id) {
			if err != nil {
				return err
			}
			actions = append(actions, a)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tk, actions
}

// route is a Route by function that remembers what it was given.
type route struct {
	answer func(ctx context.Context, n int) (remote.Result, error) // n counts from 1
	mu     sync.Mutex
	at     []time.Time
	mails  []string
	most   int // deliveries at once
	now    int
}

func (r *route) Deliver(ctx context.Context, m remote.Mail) (remote.Result, error) {
	content, err := io.ReadAll(m.Content)
	if err != nil || int64(len(content)) != m.Size {
		return remote.Result{}, errors.New("content and size differ")
	}
	r.mu.Lock()
	r.at = append(r.at, time.Now())
	r.mails = append(r.mails, string(content))
	n := len(r.at)
	r.now++
	r.most = max(r.most, r.now)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.now--
		r.mu.Unlock()
	}()
	return r.answer(ctx, n)
}

func (r *route) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.at)
}

func always(res remote.Result, err error) func(context.Context, int) (remote.Result, error) {
	return func(context.Context, int) (remote.Result, error) { return res, err }
}

var (
	taken     = remote.Result{Host: "mx.example:25", Reply: "250 2.0.0 queued as ABC"}
	busy      = &remote.Error{Temporary: true, Host: "mx.example:25", Phase: remote.PhaseRcpt, Reply: "451 4.7.1 later"}
	noSuch    = &remote.Error{Host: "mx.example:25", Phase: remote.PhaseRcpt, Reply: "550 5.1.1 no such user"}
	unreached = &remote.Error{Temporary: true, Host: "mx.example:25", Phase: remote.PhaseConnect, Err: errors.New("connection refused")}
)

// start runs the outbox until stop is called; stop waits for it.
func start(t *testing.T, s ticketstore.Store, r Route, cfg Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- New(s, r, cfg).Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		r := &route{answer: always(taken, nil)}
		stop := start(t, s, r, Config{})
		time.Sleep(time.Minute) // the outbox is idle
		queue(t, s, 1)
		queued := time.Now()
		time.Sleep(time.Second)
		stop()
		want := []ticketstore.Attempt{{At: queued, Host: taken.Host, Reply: taken.Reply}}
		it := item(t, s, 1)
		if diff := cmp.Diff(want, it.Attempts); diff != "" || it.State != ticketstore.ItemDelivered || !it.Next.IsZero() {
			t.Errorf("%+v\n%s", it, diff)
		}
		if diff := cmp.Diff([]string{header + "\r\n" + body}, r.mails); diff != "" {
			t.Errorf("mails (-want +got):\n%s", diff)
		}
		if tk, actions := history(t, s, 1); tk.Version != 1 || len(actions) != 1 {
			t.Errorf("a delivery changed the ticket: %+v", tk)
		}
	})
}

func TestDeferredThenDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		r := &route{answer: func(_ context.Context, n int) (remote.Result, error) {
			if n <= 8 {
				return remote.Result{}, busy
			}
			return taken, nil
		}}
		stop := start(t, s, r, Config{})
		queue(t, s, 1)
		time.Sleep(24 * time.Hour)
		stop()
		steps := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 4 * time.Hour}
		if len(r.at) != len(steps)+1 {
			t.Fatalf("%d attempts", len(r.at))
		}
		for i, want := range steps {
			if got := r.at[i+1].Sub(r.at[i]); got < want*9/10-time.Second || got > want*11/10+time.Second {
				t.Errorf("pause %d is %s, want about %s", i+1, got, want)
			}
			if r.mails[i+1] != r.mails[0] {
				t.Errorf("attempt %d is another mail", i+2)
			}
		}
		if it := item(t, s, 1); it.State != ticketstore.ItemDelivered || len(it.Attempts) != 9 || it.Attempts[0].Reply != busy.Reply {
			t.Errorf("%+v", it)
		}
	})
}

func TestBounced(t *testing.T) {
	tests := map[string]struct {
		answer error
		note   string
		text   string
		name   string
		least  int // attempts
	}{
		"refused": {
			answer: noSuch, least: 1, name: "mx.example:25",
			text: "Mail to ada@example.com (agent-reply) was not delivered.\n\nmx.example:25 said: 550 5.1.1 no such user",
		},
		"refused by ourselves": {
			answer: &remote.Error{Host: "mx.example:25", Err: remote.ErrTooLarge}, least: 1, name: "mx.example:25",
			text: "Mail to ada@example.com (agent-reply) was not delivered.\n\nmx.example:25: the mail is larger than the server allows",
		},
		"too old": {
			answer: unreached, note: "given up after 5 days", least: 30, name: "mx.example:25",
			text: "Mail to ada@example.com (agent-reply) was given up after 5 days and # attempts.\n\nmx.example:25: connection refused",
		},
		"too old, no host": {
			answer: errors.New("out\nof order"), note: "given up after 5 days", least: 30, name: "Outgoing mail",
			text: "Mail to ada@example.com (agent-reply) was given up after 5 days and # attempts.\n\nout of order",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := storetest.New(t)
				stop := start(t, s, &route{answer: always(remote.Result{}, tt.answer)}, Config{})
				queue(t, s, 1)
				time.Sleep(6 * 24 * time.Hour)
				stop()
				it := item(t, s, 1)
				if it.State != ticketstore.ItemBounced || it.Note != tt.note || !it.Next.IsZero() || len(it.Attempts) < tt.least {
					t.Errorf("%+v", it)
				}
				last := it.Attempts[len(it.Attempts)-1].At.Sub(it.Created)
				if tt.least > 1 && last != 120*time.Hour {
					t.Errorf("last attempt after %s", last)
				}
				tk, actions := history(t, s, 1)
				if tk.Version != 2 || tk.LastSeq != 2 || tk.Status != ticketstore.StatusWaiting || len(actions) != 2 {
					t.Fatalf("%+v with %d actions", tk, len(actions))
				}
				got := actions[1]
				got.Text = strings.ReplaceAll(got.Text, strconv.Itoa(len(it.Attempts))+" attempts", "# attempts")
				got.Fresh = got.Text
				want := ticketstore.Action{
					Ticket: 1, Seq: 2, At: tk.Updated, Direction: ticketstore.Internal, Outcome: ticketstore.OutcomeFailed,
					Actor:      ticketstore.Actor{Kind: ticketstore.ActorMachine, Name: tt.name},
					Visibility: ticketstore.InternalOnly, Text: tt.text, Fresh: tt.text, Attachments: []ticketstore.Attachment{},
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("action (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestBounceFollowsMerges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		queue(t, s, 1)
		queue(t, s, 0)
		stop := start(t, s, &route{answer: func(ctx context.Context, _ int) (remote.Result, error) {
			err := s.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
				tk, err := v.Ticket(1)
				tk.Version, tk.MergedInto = tk.Version+1, 2
				return ticketstore.Change{At: time.Now(), Tickets: []ticketstore.Ticket{tk}}, err
			})
			return remote.Result{}, errors.Join(err, noSuch)
		}}, Config{})
		time.Sleep(time.Minute)
		stop()
		if _, actions := history(t, s, 1); len(actions) != 1 {
			t.Errorf("the merged ticket got %d actions", len(actions))
		}
		if _, actions := history(t, s, 2); len(actions) != 2 || actions[1].Outcome != ticketstore.OutcomeFailed {
			t.Errorf("the ticket merged into has %+v", actions)
		}
	})
}

func TestSerialise(t *testing.T) {
	tests := map[string]struct{ header, want string }{
		"with line end":    {"A: b\r\n", "A: b\r\n\r\nHello\r\n"},
		"without line end": {"A: b", "A: b\r\n\r\nHello\r\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			it := ticketstore.OutboxItem{ID: 7, Ticket: 2139, To: addr(t, "a@example.com"), Header: tt.header}
			for range 2 {
				m := mailOf(it, bytes.NewReader([]byte(body)))
				got, err := io.ReadAll(m.Content)
				if err != nil || string(got) != tt.want || m.Size != int64(len(got)) {
					t.Errorf("%q of %d octets, %v", got, m.Size, err)
				}
				if m.Name != "0002139-7-a@example.com.eml" || m.UTF8 {
					t.Errorf("%+v", m)
				}
			}
			it.Header += "X: ä\r\n"
			if !mailOf(it, bytes.NewReader(nil)).UTF8 {
				t.Error("UTF-8 in the header was not seen")
			}
		})
	}
}

func TestPeriod(t *testing.T) {
	for d, want := range map[time.Duration]string{
		90 * time.Second: "1m30s", 90 * time.Minute: "1h30m0s", 47 * time.Hour: "47 hours", 121 * time.Hour: "5 days",
	} {
		if got := period(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
