package remote

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// sink takes everything that is sent to it and allocates nothing for it, so that
// a benchmark counts our side only. It returns its address.
func sink(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { swallow(conn) })
		}
	})
	b.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// swallow speaks just enough SMTP.
func swallow(conn net.Conn) {
	defer conn.Close()
	in, out := bufio.NewReaderSize(conn, 64<<10), bufio.NewWriter(conn)
	_, _ = out.WriteString("220 mx\r\n")
	for data := false; ; {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil:
			return
		case data && string(line) != ".\r\n":
			continue
		case bytes.HasPrefix(line, []byte("DATA")):
			data = true
			_, _ = out.WriteString("354 go\r\n")
			continue
		case bytes.HasPrefix(line, []byte("EHLO")):
			_, _ = out.WriteString("250-mx\r\n250-8BITMIME\r\n250 PIPELINING\r\n")
			continue
		}
		data = false
		_, _ = out.WriteString("250 2.0.0 ok\r\n")
		if bytes.HasPrefix(line, []byte("QUIT")) {
			_ = out.Flush()
			return
		}
	}
}

// An acknowledgement of 4 KiB to a server on this machine: over a connection of
// its own, and over one that is kept.
func BenchmarkSmarthost(b *testing.B) {
	text := "Subject: x\r\n\r\n" + strings.Repeat("A line of an acknowledgement, as long as they are.\r\n", 80)
	for _, keep := range []int{-1, 1} {
		b.Run(fmt.Sprintf("keep=%d", keep), func(b *testing.B) {
			host := &Smarthost{Addr: sink(b), TLS: Plain, Keep: keep}
			m := mail(b, text)
			in := strings.NewReader("")
			m.Content = io.Reader(in)
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
