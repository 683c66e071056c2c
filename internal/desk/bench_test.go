package desk

import (
	"context"
	"fmt"
	"sync"
	"testing"
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
