package remote

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"

	"mxdesk/internal/remote/remotetest"
)

// An acknowledgement of 4 KiB to a server on this machine: over a connection of
// its own, and over one that is kept.
func BenchmarkSmarthost(b *testing.B) {
	text := "Subject: x\r\n\r\n" + strings.Repeat("A line of an acknowledgement, as long as they are.\r\n", 80)
	for _, keep := range []int{-1, 1} {
		b.Run(fmt.Sprintf("keep=%d", keep), func(b *testing.B) {
			host := &Smarthost{Addr: remotetest.Sink(b), TLS: Plain, Keep: keep}
			m := mail(b, text)
			in := strings.NewReader("")
			m.Content = in
			b.ReportAllocs()
			for b.Loop() {
				in.Reset(text)
				if _, err := host.Deliver(b.Context(), m); err != nil {
					b.Fatal(err)
				}
			}
			host.Close()
		})
	}
}

// Content as it is sent: 4 KiB in lines.
func BenchmarkDots(b *testing.B) {
	text := []byte(strings.Repeat("A line of an acknowledgement, as long as they are.\r\n", 80))
	w := &dotWriter{out: bufio.NewWriter(io.Discard), start: true}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Write(text); err != nil {
			b.Fatal(err)
		}
	}
}
