package outbox

import (
	"context"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"mxdesk/internal/remote"
	"mxdesk/internal/remote/remotetest"
	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// deliveries counts the events of the log that tell of one.
type deliveries struct {
	n    atomic.Int64
	want int64
	done chan struct{}
}

func (d *deliveries) Write(p []byte) (int, error) {
	if strings.Contains(string(p), EventDelivered) && d.n.Add(1) == d.want {
		close(d.done)
	}
	return len(p), nil
}

// BenchmarkDeliver is a full outbox of acknowledgements that is emptied into a
// server on this machine, with a store on disk: one operation is one mail.
func BenchmarkDeliver(b *testing.B) {
	s := storetest.New(b)
	for left := b.N; left > 0; left -= 100 {
		acknowledge(b, s, min(left, 100))
	}
	u := &updates{Store: s}
	host := &remote.Smarthost{Addr: remotetest.Sink(b), TLS: remote.Plain}
	log := &deliveries{want: int64(b.N), done: make(chan struct{})}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	b.ReportAllocs()
	before := processorTime(b)
	b.ResetTimer()
	go func() { ended <- New(u, host, Config{Log: zerolog.New(log)}).Run(ctx) }()
	<-log.done
	b.StopTimer()
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(u.n.Load())/float64(b.N), "changes/op")
	stop()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	host.Close()
}

// processorTime is what this process has used so far, the server with it.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// acknowledge opens n tickets with an outgoing mail of 4 KiB each.
func acknowledge(b *testing.B, s ticketstore.Store, n int) {
	b.Helper()
	now := time.Now()
	header := strings.Repeat("X-Field: as long as they are in an acknowledgement\r\n", 20)
	text := strings.Repeat("A line of an acknowledgement, as long as they are.\r\n", 60)
	err := s.Update(b.Context(), func(v ticketstore.View) (c ticketstore.Change, err error) {
		c.At = now
		next := v.Next()
		for i := range n {
			t, r := next.Ticket+ticketstore.TicketID(i), storetest.Record(next.Record+ticketstore.RecordID(i), text)
			r.Kind = ticketstore.RecordBody
			c.Records = append(c.Records, r)
			c.Tickets = append(c.Tickets, ticketstore.Ticket{ID: t, Version: 1, LastSeq: 1, Status: ticketstore.StatusWaiting, Created: now})
			c.Actions = append(c.Actions, ticketstore.Action{Ticket: t, Seq: 1, At: now})
			c.Items = append(c.Items, ticketstore.OutboxItem{
				ID: next.Item + ticketstore.ItemID(i), Ticket: t, Action: 1, Template: "acknowledgement",
				To: addr(b, "ada@example.com"), Return: addr(b, "support@desk.example"), Header: header,
				Body: r.ID, State: ticketstore.ItemQueued, Created: now, Next: now,
			})
		}
		return c, nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
