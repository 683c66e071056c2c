package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// crowdPhases is what a slow client says before it falls silent for good.
var crowdPhases = []string{
	"",
	"EHLO slow.exam",
	"EHLO slow.example\n",
	"EHLO slow.example\nMAIL FROM:<slow@slow.example>\n",
	"EHLO slow.example\nMAIL FROM:<slow@slow.example>\nRCPT TO:<support@desk.example>\n",
	"EHLO slow.example\nMAIL FROM:<slow@slow.example>\nRCPT TO:<support@desk.example>\nDATA\n",
	"EHLO slow.example\nMAIL FROM:<slow@slow.example>\nRCPT TO:<support@desk.example>\nDATA\nSubject: slow\n\nand the",
}

// TestCrowd parks slow clients in every phase of a session, and honest ones send
// mail beside them: each gets its 250, none of the slow ones is sent away, and
// a slow one costs little memory. Then hostile clients come and go as fast as
// they can. The times are printed, not judged.
func TestCrowd(t *testing.T) {
	n := envNumber(t, "MXDESK_CROWD", 700)
	raiseFileLimit(t, uint64(n+500))
	d := install(t, fmt.Sprintf(`hostname = "mx.desk.example"
log_level = "warn"
[smtp]
listen = ["127.0.0.1:0"]
trust_loopback = true
max_connections = %d
max_connections_per_ip = 1000
[dns]
servers = []
[mailbox.support]
addresses = ["support@desk.example"]
`, 3*n))
	server := d.start()
	idle := honest(t, server.addr, "before")
	before := server.memory(t, "VmRSS")
	crowd := gather(t, server.addr, n)
	beside := honest(t, server.addr, "beside")
	most := server.memory(t, "VmHWM")
	t.Logf("%d slow clients: memory %d MiB before, %d MiB at most, %d KiB a client; a mail took p50 %v p99 %v before, p50 %v p99 %v beside them",
		n, before>>10, most>>10, (most-before)/n, at(idle, 50), at(idle, 99), at(beside, 50), at(beside, 99))
	if most > before+16<<10+18*n && !raced() { // the mails beside them take their share
		t.Errorf("%d slow clients cost %d KiB", n, most-before)
	}
	for _, conn := range crowd {
		_ = conn.SetReadDeadline(time.Unix(1, 0))
		if _, err := conn.Read(make([]byte, 1)); err == nil || !os.IsTimeout(err) {
			t.Fatalf("a slow client was sent away: %v", err)
		}
		conn.Close()
	}
	flooded, attempts := flood(t, server.addr, func() []time.Duration { return honest(t, server.addr, "flooded") })
	t.Logf("beside %d hostile connections a mail took p50 %v p99 %v", attempts, at(flooded, 50), at(flooded, 99))
	server.stop(t)
	d.check()
}

// flood runs fn while hostile clients connect as fast as they are let, from one
// address each: they say what is no command, name people who are not here, speak
// HTTP, or nothing.
func flood(t *testing.T, addr string, fn func() []time.Duration) (took []time.Duration, attempts int64) {
	t.Helper()
	words := []string{
		strings.Repeat("XYZZY\r\n", 20),
		"EHLO x.example\r\nMAIL FROM:<>\r\n" + strings.Repeat("RCPT TO:<nobody@desk.example>\r\n", 20),
		"GET / HTTP/1.1\r\n\r\n",
		"",
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var n atomic.Int64
	for i := range 16 {
		wg.Go(func() {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 200, byte(1+i))}}
			for ctx.Err() == nil {
				conn, err := dialer.DialContext(ctx, "tcp", addr)
				if err != nil {
					continue
				}
				n.Add(1)
				_, _ = io.WriteString(conn, words[i%len(words)])
				conn.Close()
			}
		})
	}
	took = fn()
	cancel()
	wg.Wait()
	return took, n.Load()
}

// gather opens the slow clients, from many addresses.
func gather(t *testing.T, addr string, n int) []net.Conn {
	t.Helper()
	crowd := make([]net.Conn, n)
	var wg sync.WaitGroup
	next := make(chan int)
	for range 32 {
		wg.Go(func() {
			for i := range next {
				w, err := connect(addr, fmt.Sprintf("127.0.%d.%d", 1+i/200, 1+i%200))
				if err != nil {
					t.Error(err)
					continue
				}
				crowd[i] = w.conn
				w.slowDown(t, crowdPhases[i%len(crowdPhases)])
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return crowd
}

// slowDown says whole commands, and of the last words what there is of them.
func (w *wire) slowDown(t *testing.T, words string) {
	for line := range strings.SplitAfterSeq(words, "\n") {
		command, whole := strings.CutSuffix(line, "\n")
		if !whole || strings.HasPrefix(command, "Subject:") || command == "" {
			if _, err := w.conn.Write([]byte(strings.ReplaceAll(line, "\n", "\r\n"))); err != nil {
				t.Error(err)
			}
			continue
		}
		if got := w.say(command); got.code != 250 && got.code != 354 {
			t.Errorf("%s: %s", command, got)
		}
	}
}

// honest sends a hundred mails, each in a session of its own, and returns how
// long they took, sorted.
func honest(t *testing.T, addr, name string) (took []time.Duration) {
	t.Helper()
	for i := range 100 {
		begin := time.Now()
		w := mustConnect(t, addr, "")
		raw := fmt.Appendf(nil, "From: <ann@customer.example>\r\nSubject: %s %d\r\nMessage-ID: <%s-%d@customer.example>\r\n\r\nHelp!\r\n", name, i, name, i)
		if got := w.send("ann@customer.example", "support@desk.example", raw); got.code != 250 {
			t.Fatalf("an honest client is answered %s", got)
		}
		w.want(t, 221, "QUIT")
		w.close()
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took
}

func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)].Round(100 * time.Microsecond)
}

// memory reads a figure of the process's memory, in KiB.
func (p *process) memory(t *testing.T, key string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); f[0] == key+":" {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s", key)
	return 0
}

// raiseFileLimit allows this process and its children n open files.
func raiseFileLimit(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < n {
		missing(t, fmt.Sprintf("only %d files may be open", limit.Max))
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
}
