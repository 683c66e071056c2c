package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mxdesk/internal/api"
)

// manager hands sockets to a desk, as systemd does: it opens them once and holds
// them over every restart.
type manager struct {
	addr  map[string]string // of each name
	words chan string       // what the server says to it
}

// managed makes a desk whose sockets have these names.
func managed(t *testing.T, d *installation, names ...string) *manager {
	t.Helper()
	m := &manager{addr: map[string]string{}, words: make(chan string, 100)}
	var files []*os.File
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		m.addr[name] = l.Addr().String()
		files = append(files, f)
		t.Cleanup(func() { f.Close(); l.Close() })
	}
	path := filepath.Join(t.TempDir(), "notify")
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { notify.Close() })
	go m.listen(notify)
	d.manage = func(cmd *exec.Cmd) {
		// LISTEN_PID must be the server's own, which only it can know before.
		cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`}, cmd.Args...)
		cmd.Path = "/bin/sh"
		cmd.ExtraFiles = files
		cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+path, fmt.Sprintf("LISTEN_FDS=%d", len(files)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	}
	return m
}

// listen hears what the server says, until the socket is closed.
func (m *manager) listen(notify *net.UnixConn) {
	b := make([]byte, 1000)
	for {
		n, err := notify.Read(b)
		if err != nil {
			return
		}
		select {
		case m.words <- string(b[:n]):
		default: // nobody wants to know
		}
	}
}

// told wants the next word of the server to its manager to begin so.
func (m *manager) told(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-m.words:
		if !strings.HasPrefix(got, want) {
			t.Fatalf("the manager is told %q, want %s", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("the manager is not told %s", want)
	}
}

// TestHandedOverSocket: a client that comes while no server runs is served by
// the next one, the configured address of that kind is not opened, and the
// manager is told what goes on.
func TestHandedOverSocket(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0") // opening it again would fail
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	d := install(t, fmt.Sprintf(plainDesk, taken.Addr()))
	m := managed(t, d, "smtp")
	for round := range 3 {
		waiting, err := net.Dial("tcp", m.addr["smtp"])
		if err != nil {
			t.Fatalf("refused while no server runs: %v", err)
		}
		defer waiting.Close()
		server := d.start()
		m.told(t, "READY=1")
		if server.addr != m.addr["smtp"] {
			t.Errorf("it listens on %s, was given %s", server.addr, m.addr["smtp"])
		}
		w := newWire(waiting)
		if got := w.answer(); got.code != 220 {
			t.Fatalf("round %d: who waited is greeted with %s", round, got)
		}
		w.want(t, 250, "EHLO client.example")
		if got := w.send("ann@client.example", "support@desk.example", fmt.Appendf(nil, "Subject: waited %d\r\n\r\nx\r\n", round)); got.code != 250 {
			t.Errorf("round %d: %s", round, got)
		}
		server.stop(t)
		m.told(t, "STOPPING=1")
	}
	if got := d.subjects(); strings.Count(got, "waited") != 3 {
		t.Errorf("there are %s", got)
	}
}

// TestHandedOverSocketsMustFit: what a socket is for is never guessed.
func TestHandedOverSocketsMustFit(t *testing.T) {
	d := install(t, fmt.Sprintf(plainDesk, "127.0.0.1:0"))
	for name, says := range map[string]string{"smtps": "names no certificate", "mxdesk.socket": "could be of any kind"} {
		managed(t, d, name)
		p, _ := d.launch()
		p.wait(t)
		if p.code() != exitConfig || !strings.Contains(p.stderr(), says) {
			t.Errorf("%s: code %d\n%s", name, p.code(), p.stderr())
		}
	}
}

// senders are mail servers that send to the desk without a pause, and try again
// what was put off.
type senders struct {
	t    *testing.T
	addr string
	stop chan struct{}

	accepted, putOff, refused atomic.Int64

	mu      sync.Mutex
	longest time.Duration // between connecting and the greeting
	told    []string      // subjects that were answered with 250
}

// one sends until stop.
func (s *senders) one(client int) {
	for n := 0; ; n++ {
		select {
		case <-s.stop:
			return
		default:
		}
		subject := fmt.Sprintf("Restart %d-%d", client, n)
		raw := fmt.Appendf(nil, "From: <ann%d@client.example>\r\nSubject: %s\r\nMessage-ID: <%d.%d@client.example>\r\n\r\nx\r\n", client, subject, client, n)
		for !s.deliver(subject, raw) {
			s.putOff.Add(1)
		}
	}
}

// deliver makes one attempt.
func (s *senders) deliver(subject string, raw []byte) bool {
	begin := time.Now()
	conn, err := net.DialTimeout("tcp", s.addr, patience)
	if err != nil {
		s.refused.Add(1)
		s.t.Errorf("refused: %v", err)
		return false
	}
	w := newWire(conn)
	defer w.close()
	greeting := w.answer()
	waited := time.Since(begin)
	s.mu.Lock()
	s.longest = max(s.longest, waited)
	s.mu.Unlock()
	if greeting.code != 220 || w.say("EHLO client.example").code != 250 || w.send("ann@client.example", "support@desk.example", raw).code != 250 {
		return false
	}
	s.accepted.Add(1)
	s.mu.Lock()
	s.told = append(s.told, subject)
	s.mu.Unlock()
	w.say("QUIT")
	return true
}

// TestRestartsUnderLoad restarts the server again and again while clients send.
// None is refused, and every mail that was told 250 is there, once. How long
// the restarts took and the clients waited is printed; it is a figure of the
// machine.
func TestRestartsUnderLoad(t *testing.T) {
	d := install(t, fmt.Sprintf(plainDesk, "127.0.0.1:0"))
	m := managed(t, d, "smtp")
	s := &senders{t: t, addr: m.addr["smtp"], stop: make(chan struct{})}
	server := d.start()
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() { s.one(client) })
	}
	var longest time.Duration
	rounds := envNumber(t, "MXDESK_RESTART_ROUNDS", 5)
	for range rounds {
		before := s.accepted.Load()
		eventually(t, "mail comes in", func() bool { return s.accepted.Load() >= before+40 })
		begin := time.Now()
		server.stop(t)
		server = d.start()
		longest = max(longest, time.Since(begin))
	}
	close(s.stop)
	clients.Wait()
	server.stop(t)
	t.Logf("%d restarts, the longest %v; %d mails accepted, %d attempts put off, %d refused; longest wait for a greeting %v, %v beyond a restart",
		rounds, longest.Round(time.Millisecond), s.accepted.Load(), s.putOff.Load(), s.refused.Load(),
		s.longest.Round(time.Millisecond), max(0, s.longest-longest).Round(time.Millisecond))
	if s.longest > longest+patience/2 {
		t.Errorf("a client waited %v, the longest restart took %v", s.longest, longest)
	}
	d.check()
	count := map[string]int{}
	for _, ticket := range read[[]api.Ticket](d, "ticket", "list") {
		count[ticket.Subject]++
	}
	for _, subject := range s.told {
		if count[subject] != 1 {
			t.Errorf("%s was told 250 and is %d times in the store", subject, count[subject])
		}
	}
}
