package ticketstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxdesk/ticketstore"
)

// BenchmarkOpen opens a store of some 100 MiB; what it takes for each MiB of the
// database is reported.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("word ", 500)
	for range 50 {
		err := db.Update(b.Context(), func(v ticketstore.View) (c ticketstore.Change, err error) {
			first := v.Next().Ticket
			for i := range 500 {
				id := first + ticketstore.TicketID(i)
				c.Tickets = append(c.Tickets, ticketstore.Ticket{ID: id, Version: 1, LastSeq: 1, Subject: "x"})
				c.Actions = append(c.Actions, ticketstore.Action{Ticket: id, Seq: 1, Text: text})
			}
			return c, nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	st, err := os.Stat(filepath.Join(dir, "desk.db"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
		if err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N)/float64(st.Size()>>20), "ms/MiB")
}
