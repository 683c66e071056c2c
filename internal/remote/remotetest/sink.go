// Package remotetest has a server to measure deliveries against.
package remotetest

import (
	"bufio"
	"bytes"
	"net"
	"sync"
	"testing"
)

// Sink is a server on loopback that offers PIPELINING, takes every mail sent to
// it, and allocates nothing for it, so that a benchmark counts our side only. It
// returns its address. It ends with the test, by when its clients must have gone.
func Sink(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
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
	tb.Cleanup(func() {
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
