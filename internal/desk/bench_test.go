package desk

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"mxdesk/ticketstore"
)

// BenchmarkAccept takes new mails from strangers into the real store, each with
// an acknowledgement. Callers share commits, so that with more of them a mail
// costs less.
func BenchmarkAccept(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			b.ReportAllocs()
			h := newStaffed(b)
			mails := make(chan Inbound, callers)
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for in := range mails {
						if _, err := h.Accept(context.Background(), in); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for i := 0; b.Loop(); i++ {
				mails <- h.inbound(letter{From: fmt.Sprintf("user%d@user.example", i), Subject: "Printer on fire", Body: "Help!\n"})
			}
			close(mails)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
		})
	}
}

// BenchmarkDecide is what the goroutine that commits does for a new mail before
// anything is written: it decides, and makes the acknowledgement.
func BenchmarkDecide(b *testing.B) {
	h := newHarness(b)
	body := strings.Repeat("It burns, and the paper with it.\n", 20)
	in := h.inbound(letter{From: "Mary <mary@user.example>", Subject: "Printer on fire", Body: body})
	m, err := h.prepare(&in)
	h.must(err)
	b.ReportAllocs()
	h.view(func(v ticketstore.View) error {
		for b.Loop() {
			w := &work{d: h.Desk, view: v, now: in.Now, next: v.Next(), change: ticketstore.Change{At: in.Now}}
			if _, err := w.accept(m); err != nil {
				return err
			}
			if len(w.change.Items) != 1 {
				b.Fatalf("%d mails go out", len(w.change.Items))
			}
		}
		return nil
	})
}
