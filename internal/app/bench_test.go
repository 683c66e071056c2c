package app_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"mxdesk/internal/app"
	"mxdesk/internal/config"
)

// start runs a whole desk and returns the address of its door.
func start(b *testing.B) string {
	cfg := config.Default()
	cfg.Move(b.TempDir())
	cfg.SMTP.Listen = []string{"127.0.0.1:0"}
	cfg.SMTP.PerIP = 1000
	a, err := app.Open(cfg, zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- a.Run(ctx, app.Options{Ready: func(e []app.Entrance) { ready <- e[0].Addr().String() }})
	}()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := a.Close(); err != nil {
			b.Error(err)
		}
	})
	return <-ready
}

// client speaks SMTP as fast as the answers come.
type client struct {
	c net.Conn
	r *bufio.Reader
}

func (c *client) say(s, want string) error {
	if s != "" {
		if _, err := c.c.Write([]byte(s + "\r\n")); err != nil {
			return err
		}
	}
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(line, want) {
			return fmt.Errorf("%q is answered %q", s, line)
		}
		if len(line) > 3 && line[3] == ' ' {
			return nil
		}
	}
}

// BenchmarkSMTP is a whole round: MAIL, RCPT, DATA, decision, commit, 250, on
// connections that stay open. Every mail opens a ticket and is acknowledged.
func BenchmarkSMTP(b *testing.B) {
	for _, clients := range []int{1, 16, 64} {
		for name, size := range map[string]int{"2KiB": 2 << 10, "64KiB": 64 << 10} {
			b.Run(fmt.Sprintf("%s/clients=%d", name, clients), func(b *testing.B) {
				addr := start(b)
				body := strings.Repeat(strings.Repeat("x", 70)+"\r\n", size/72)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				var n atomic.Int64
				b.SetParallelism(max(1, clients/2)) // times GOMAXPROCS
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					conn, err := net.Dial("tcp", addr)
					if err != nil {
						b.Error(err)
						return
					}
					defer conn.Close()
					c := &client{conn, bufio.NewReader(conn)}
					err = c.say("", "220")
					if err == nil {
						err = c.say("EHLO bench.example", "250")
					}
					for err == nil && pb.Next() {
						err = c.mail(n.Add(1), body)
					}
					if err != nil {
						b.Error(err)
					}
				})
			})
		}
	}
}

func (c *client) mail(n int64, body string) error {
	from := fmt.Sprintf("user%d@example.org", n%500)
	steps := []struct{ say, want string }{
		{"MAIL FROM:<" + from + ">", "250"},
		{"RCPT TO:<support@localhost>", "250"},
		{"DATA", "354"},
		{fmt.Sprintf("From: <%s>\r\nTo: <support@localhost>\r\nSubject: Mail %d\r\nMessage-ID: <%d@example.org>\r\n\r\n%s.", from, n, n, body), "250"},
	}
	for _, s := range steps {
		if err := c.say(s.say, s.want); err != nil {
			return err
		}
	}
	return nil
}
