package remote

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// moody is a server that keeps to RFC 5321, and asks its mood at each command
// what to do instead: give a reply of its own, "close" or "reset".
type moody struct {
	offers   string // lines of the reply to EHLO, each with its line end
	mood     func(command string) string
	together int // mails that get their final reply at the same time

	l       net.Listener
	wg      sync.WaitGroup
	mu      sync.Mutex
	conns   map[net.Conn]bool
	dialled int
	taken   map[string]int // content as it came, with the final dot
	here    atomic.Int64
	all     chan struct{}
}

func newMoody(t testing.TB, mood func(string) string) *moody {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &moody{
		l: l, mood: mood, offers: "250-PIPELINING\r\n250-8BITMIME\r\n", taken: map[string]int{},
		conns: map[net.Conn]bool{}, all: make(chan struct{}),
	}
	s.wg.Go(s.accept)
	return s
}

func (s *moody) addr() string { return s.l.Addr().String() }

func (s *moody) accept() {
	for {
		conn, err := s.l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.dialled++
		s.conns[conn] = true
		s.mu.Unlock()
		s.wg.Go(func() { s.serve(conn) })
	}
}

// stop ends all connections and waits for the server's goroutines.
func (s *moody) stop() {
	s.l.Close()
	s.mu.Lock()
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// transaction is where a client stands.
type transaction struct {
	mail, rcpt bool
	out        *bufio.Writer
	in         *bufio.Reader
	conn       net.Conn
}

func (s *moody) serve(conn net.Conn) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, conn)
		conn.Close()
	}()
	tx := &transaction{conn: conn, in: bufio.NewReader(conn), out: bufio.NewWriter(conn)}
	for line := "CONNECT"; s.answer(tx, strings.TrimSpace(line)); {
		if tx.in.Buffered() == 0 && tx.out.Flush() != nil {
			return
		}
		var err error
		if line, err = tx.in.ReadString('\n'); err != nil {
			return
		}
	}
}

// answer answers a command; it reports whether the connection goes on.
func (s *moody) answer(tx *transaction, line string) bool {
	command, _, _ := strings.Cut(line, " ")
	if r, ours := s.whim(tx, command); ours {
		return r
	}
	reply := "250 ok"
	switch {
	case command == "CONNECT":
		reply = "220 mx"
	case command == "EHLO":
		reply = s.offers + "250 HELP"
	case command == "MAIL" && tx.mail, command == "RCPT" && !tx.mail:
		reply = "503 not now"
	case command == "MAIL":
		tx.mail = true
	case command == "RCPT":
		tx.rcpt = true
	case command == "DATA" && !tx.rcpt:
		reply = "554 no recipients"
	case command == "DATA":
		fmt.Fprint(tx.out, "354 go\r\n")
		return s.data(tx)
	case command == "RSET":
		tx.mail, tx.rcpt = false, false
	case command == "QUIT":
		fmt.Fprint(tx.out, "221 bye\r\n")
		tx.out.Flush()
		return false
	}
	fmt.Fprint(tx.out, reply+"\r\n")
	return true
}

// whim does what the mood wants at a command, if anything.
func (s *moody) whim(tx *transaction, command string) (goOn, done bool) {
	if s.mood == nil || command == "QUIT" {
		return true, false
	}
	switch r := s.mood(command); {
	case r == "", r == "250 ok" && command == ".": // which takes the mail
		return true, false
	case r == "close", r == "reset":
		tx.out.Flush()
		if c, ok := tx.conn.(*net.TCPConn); ok && r == "reset" {
			_ = c.SetLinger(0)
		}
		return false, true
	case r == "354 go": // as some servers do behind a refusal
		fmt.Fprint(tx.out, "354 go\r\n")
		return s.data(tx), true
	default:
		fmt.Fprint(tx.out, r+"\r\n")
		tx.out.Flush()
		return !strings.HasPrefix(r, "421"), true
	}
}

// data reads a mail and takes it, or refuses it when it has no recipient.
func (s *moody) data(tx *transaction) bool {
	if tx.out.Flush() != nil {
		return false
	}
	var b strings.Builder
	for line := ""; line != ".\r\n"; b.WriteString(line) {
		var err error
		if line, err = tx.in.ReadString('\n'); err != nil {
			return false
		}
	}
	rcpt := tx.rcpt
	tx.mail, tx.rcpt = false, false
	if !rcpt {
		fmt.Fprint(tx.out, "554 no recipients\r\n")
		return true
	}
	if r := s.mood; r != nil {
		if goOn, done := s.whimAtEnd(tx, b.String()); done {
			return goOn
		}
	}
	s.take(b.String())
	s.wait()
	fmt.Fprint(tx.out, "250 queued\r\n")
	return true
}

// whimAtEnd is whim behind the final dot: who closes without a word has taken
// the mail.
func (s *moody) whimAtEnd(tx *transaction, content string) (goOn, done bool) {
	goOn, done = s.whim(tx, ".")
	if done && !goOn {
		s.take(content)
	}
	return goOn, done
}

func (s *moody) take(content string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[content]++
}

// wait waits for as many mails as get their reply together.
func (s *moody) wait() {
	if s.together > 0 {
		if s.here.Add(1) == int64(s.together) {
			close(s.all)
		}
		<-s.all
	}
}

// Whatever the server does, one that is told to have taken a mail has taken it
// once and whole; one that has not answered the final dot may have taken it once;
// every other has not taken it. Nothing is left open behind the last mail.
func TestMoodyServer(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		whims := rapid.SliceOf(rapid.SampledFrom([]string{
			"", "", "", "", "", "450 later", "550 no", "421 bye", "354 go", "250 ok", "999 what", "close", "reset",
		})).Draw(rt, "whims")
		if rapid.Bool().Draw(rt, "a good beginning") {
			whims = append(make([]string, 6), whims...)
		}
		var mu sync.Mutex // a connection may end beside the next
		srv := newMoody(t, func(string) string {
			mu.Lock()
			defer mu.Unlock()
			if len(whims) == 0 {
				return ""
			}
			next := whims[0]
			whims = whims[1:]
			return next
		})
		if !rapid.Bool().Draw(rt, "pipelining") {
			srv.offers = ""
		}
		host := &Smarthost{Addr: srv.addr(), TLS: Plain, Timeouts: Timeouts{Command: 2 * time.Second, End: 2 * time.Second}}
		host.PerConnection = rapid.IntRange(1, 5).Draw(rt, "per connection")
		errs := make([]error, rapid.IntRange(1, 8).Draw(rt, "mails"))
		for i := range errs {
			_, errs[i] = host.Deliver(t.Context(), mail(t, "Subject: "+strconv.Itoa(i)+"\r\n\r\n.x\r\n"))
		}
		host.Close()
		srv.stop()
		for i, err := range errs {
			name := "Subject: " + strconv.Itoa(i) + "\r\n\r\n..x\r\n.\r\n"
			n := srv.taken[name]
			delete(srv.taken, name)
			var e *Error
			switch {
			case err == nil && n != 1, n > 1:
				rt.Errorf("mail %d was taken %d times: %v", i, n, err)
			case err != nil && (!errors.As(err, &e) || n > 0 && e.Phase != PhaseEnd):
				rt.Errorf("mail %d was taken: %v", i, err)
			}
		}
		if len(srv.taken) > 0 {
			rt.Errorf("taken without being sent: %v", srv.taken)
		}
	})
}

// Many at once over few connections: all arrive, each once.
func TestManyMailsOverFewConnections(t *testing.T) {
	srv := newMoody(t, nil)
	host := &Smarthost{Addr: srv.addr(), TLS: Plain, PerConnection: 50}
	var wg sync.WaitGroup
	for worker := range 10 {
		wg.Go(func() {
			for i := range 60 {
				if _, err := host.Deliver(t.Context(), mail(t, fmt.Sprintf("Subject: %d.%d\r\n", worker, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	host.Close()
	srv.stop()
	if len(srv.taken) != 600 || srv.dialled > 30 {
		t.Errorf("%d mails over %d connections", len(srv.taken), srv.dialled)
	}
}

// Postfix's sink, which knows PIPELINING, takes mails over kept connections.
func TestSink(t *testing.T) {
	sink, err := exec.LookPath("/usr/sbin/smtp-sink")
	if err != nil {
		t.Skip("smtp-sink of Postfix is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	args := []string{addr, "64"}
	if os.Geteuid() == 0 {
		args = append([]string{"-u", "nobody"}, args...)
	}
	cmd := exec.Command(sink, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }()
	host := &Smarthost{Addr: addr, TLS: Plain}
	defer host.Close()
	deadline := time.Now().Add(10 * time.Second)
	for i := 0; i < 300; {
		_, err := host.Deliver(t.Context(), mail(t, content))
		var e *Error
		switch {
		case err == nil:
			i++
		case errors.As(err, &e) && e.Phase == PhaseConnect && time.Now().Before(deadline): // not there yet
			time.Sleep(10 * time.Millisecond)
		default:
			t.Fatalf("mail %d: %v", i+1, err)
		}
	}
}
