package remote

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Transcripts of servers that know PIPELINING.
var (
	pipelining = join(opening, "S: 250-mx", "S: 250 PIPELINING")
	inARow     = []string{"C: MAIL FROM:<support+x@desk.example>", "C: RCPT TO:<ada@example.com>", "C: DATA"}
	answered   = []string{"S: 250 ok", "S: 250 ok", "S: 354 go", "BODY", "S: 250 queued"}
)

// series is a number of mails, one behind the other, and what becomes of each:
// empty when it is delivered, else what its error holds.
type series struct {
	transcripts [][]string
	host        func(*Smarthost)
	want        []string
}

func (tt series) run(t *testing.T) {
	t.Helper()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := serveEach(t, tls.Certificate{}, tt.transcripts...)
	host := plain(s)
	if tt.host != nil {
		tt.host(host)
	}
	for i, want := range tt.want {
		_, err := host.Deliver(t.Context(), mail(t, content))
		if got := reason(err); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("mail %d: %q, want %q", i+1, got, want)
		}
	}
	host.Close()
	if err := <-s.done; err != nil {
		t.Errorf("server: %v", err)
	}
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestConnectionIsUsedAgain(t *testing.T) {
	whole := join(envelope, sending, "S: 250 queued")
	again := join("C: RSET", "S: 250 ok", whole)
	row := join(inARow, answered)
	tests := map[string]series{
		"taken":         {transcripts: [][]string{join(opening, "S: 250 mx", whole, whole, whole, closing)}, want: []string{"", "", ""}},
		"in a row":      {transcripts: [][]string{join(pipelining, row, row, closing)}, want: []string{"", ""}},
		"MAIL refused":  {transcripts: [][]string{join(opening, "S: 250 mx", envelope[0], "S: 553 no", again, closing)}, want: []string{"MAIL: 553", ""}},
		"RCPT refused":  {transcripts: [][]string{join(opening, "S: 250 mx", envelope[:3], "S: 550 no", again, whole, closing)}, want: []string{"RCPT: 550", "", ""}},
		"DATA refused":  {transcripts: [][]string{join(opening, "S: 250 mx", envelope, "C: DATA", "S: 452 no", again, closing)}, want: []string{"DATA: 452", ""}},
		"mail refused":  {transcripts: [][]string{join(opening, "S: 250 mx", envelope, sending, "S: 550 spam", whole, closing)}, want: []string{"end of data: 550", ""}},
		"refused twice": {transcripts: [][]string{join(opening, "S: 250 mx", envelope[:3], "S: 550 no", "C: RSET", "S: 250 ok", envelope[:3], "S: 550 no", again, closing)}, want: []string{"550", "550", ""}},
		"refused in a row": {
			transcripts: [][]string{join(pipelining, inARow, "S: 250 ok", "S: 550 no", "S: 554 no recipients", "C: RSET", inARow, "S: 250 ok", answered, closing)},
			want:        []string{"RCPT: 550", ""},
		},
		"data wanted for nobody": {
			transcripts: [][]string{join(pipelining, inARow, "S: 250 ok", "S: 550 no", "S: 354 go", "C: .", "S: 554 no recipients", row, closing)},
			want:        []string{"RCPT: 550", ""},
		},
		"data wanted without a sender": {
			transcripts: [][]string{join(pipelining, inARow, "S: 550 no", "S: 503 no", "S: 354 go", "C: .", "S: 554 no recipients", row, closing)},
			want:        []string{"MAIL: 550", ""},
		},
		"enough": {
			transcripts: [][]string{join(opening, "S: 250 mx", whole, whole, closing), join(opening, "S: 250 mx", whole, closing)},
			host:        func(h *Smarthost) { h.PerConnection = 2 }, want: []string{"", "", ""},
		},
		"none kept": {
			transcripts: [][]string{join(opening, "S: 250 mx", whole, closing), join(opening, "S: 250 mx", whole, closing)},
			host:        func(h *Smarthost) { h.Keep = -1 }, want: []string{"", ""},
		},
		"too large for this server": {
			transcripts: [][]string{join(opening, "S: 250-mx", "S: 250 SIZE 24", closing)},
			want:        []string{"larger than the server allows", "larger than the server allows"},
		},
	}
	for name, tt := range tests {
		t.Run(name, tt.run)
	}
}

// A connection that was kept and has died costs no attempt, as long as nothing
// of the mail can have been taken.
func TestDeadConnectionIsReplaced(t *testing.T) {
	whole := join(envelope, sending, "S: 250 queued")
	first := join(opening, "S: 250 mx", whole)
	second := join(first, closing)
	row := join(pipelining, inARow, answered)
	tests := map[string]series{
		"closed after each mail":    {transcripts: [][]string{join(first, "CLOSE"), join(first, "CLOSE"), first}, want: []string{"", "", ""}},
		"421 while it was idle":     {transcripts: [][]string{join(first, "S: 421 idle", "CLOSE"), second}, want: []string{"", ""}},
		"421 to MAIL":               {transcripts: [][]string{join(first, envelope[0], "S: 421 enough", "CLOSE"), second}, want: []string{"", ""}},
		"421 to RCPT":               {transcripts: [][]string{join(first, envelope[:3], "S: 421 enough", "CLOSE"), second}, want: []string{"", ""}},
		"closed at MAIL":            {transcripts: [][]string{join(first, envelope[0], "CLOSE"), second}, want: []string{"", ""}},
		"closed in its reply":       {transcripts: [][]string{join(first, envelope[0], "s: 25", "CLOSE"), second}, want: []string{"", ""}},
		"closed at DATA":            {transcripts: [][]string{join(first, envelope, "C: DATA", "CLOSE"), second}, want: []string{"", ""}},
		"reset":                     {transcripts: [][]string{join(first, envelope[0], "RESET"), second}, want: []string{"", ""}},
		"in a row, 421":             {transcripts: [][]string{join(row, inARow, "S: 421 enough", "CLOSE"), join(row, closing)}, want: []string{"", ""}},
		"in a row, closed":          {transcripts: [][]string{join(row, inARow, "S: 250 ok", "CLOSE"), join(row, closing)}, want: []string{"", ""}},
		"RSET refused":              {transcripts: [][]string{join(opening, "S: 250 mx", envelope[:3], "S: 550 no", "C: RSET", "S: 500 what?"), second}, want: []string{"550", ""}},
		"421 to RSET":               {transcripts: [][]string{join(opening, "S: 250 mx", envelope[:3], "S: 550 no", "C: RSET", "S: 421 no", "CLOSE"), second}, want: []string{"550", ""}},
		"the new one is no better":  {transcripts: [][]string{join(first, "CLOSE"), join(opening, "S: 250 mx", envelope[0], "S: 421 busy", "CLOSE"), second}, want: []string{"", "MAIL: 421 busy", ""}},
		"the new one does not open": {transcripts: [][]string{join(first, "CLOSE"), {"S: 421 busy", "CLOSE"}, second}, want: []string{"", "greeting: 421 busy", ""}},
	}
	for name, tt := range tests {
		t.Run(name, tt.run)
	}
}

// What may have been taken is not offered a second time by us, what was refused
// is not asked again, and a connection that surprises is not used again.
func TestFailureOfAKeptConnection(t *testing.T) {
	whole := join(envelope, sending, "S: 250 queued")
	first := join(opening, "S: 250 mx", whole)
	second := join(first, closing)
	row := join(pipelining, inARow, answered)
	tests := map[string]series{
		"closed behind the dot":     {transcripts: [][]string{join(first, envelope, sending, "CLOSE"), second}, want: []string{"", "end of data: EOF", ""}},
		"421 behind the dot":        {transcripts: [][]string{join(first, envelope, sending, "S: 421 stopping", "CLOSE"), second}, want: []string{"", "end of data: 421", ""}},
		"refused for now":           {transcripts: [][]string{join(first, envelope[:3], "S: 451 later", "C: RSET", "S: 250 ok", whole, closing)}, want: []string{"", "RCPT: 451", ""}},
		"too many for one":          {transcripts: [][]string{join(first, envelope[0], "S: 452 too many", closing), second}, want: []string{"", "MAIL: 452", ""}},
		"refused, then closed":      {transcripts: [][]string{join(row, inARow, "S: 250 ok", "S: 550 no", "CLOSE"), join(row, closing)}, want: []string{"", "RCPT: 550", ""}},
		"one reply too many":        {transcripts: [][]string{join(opening, "S: 250 mx", envelope, sending, "s: 250 ok\r\n250 again\r\n", "DRAIN"), second}, want: []string{"", ""}},
		"a reply of no use":         {transcripts: [][]string{join(first, envelope[0], "S: 354 go", "DRAIN"), second}, want: []string{"", "code 354 to MAIL", ""}},
		"no SMTP":                   {transcripts: [][]string{join(first, envelope[0], "S: hello", "DRAIN"), second}, want: []string{"", "not SMTP", ""}},
		"nothing, and thanks":       {transcripts: [][]string{join(row, inARow, "S: 250 ok", "S: 550 no", "S: 354 go", "C: .", "S: 250 queued", "DRAIN"), join(row, closing)}, want: []string{"", "RCPT: 550", ""}},
		"recipient without sender":  {transcripts: [][]string{join(row, inARow, "S: 550 no", "S: 250 ok", "S: 354 go", "DRAIN"), join(row, closing)}, want: []string{"", "MAIL: 550", ""}},
		"stalls":                    {transcripts: [][]string{join(first, envelope[0], "STALL"), second}, host: impatient, want: []string{"", "MAIL: read tcp", ""}},
		"stalls behind the refusal": {transcripts: [][]string{join(row, inARow, "S: 550 no", "STALL"), join(row, closing)}, host: impatient, want: []string{"", "MAIL: 550", ""}},
	}
	for name, tt := range tests {
		t.Run(name, tt.run)
	}
}

func impatient(h *Smarthost) { h.Timeouts.Command = 100 * time.Millisecond }

// An empty mail, or a part of one, must never come of a refused envelope or a
// content that cannot be read: no dot is sent.
func TestNoDotBehindTrouble(t *testing.T) {
	row := join(pipelining, inARow, answered)
	tests := map[string]struct {
		replies []string
		mail    func(*Mail)
	}{
		"recipient without sender": {replies: []string{"S: 550 no", "S: 250 ok", "S: 354 go"}},
		"content unreadable": {
			replies: answered[:3],
			mail:    func(m *Mail) { m.Content = io.MultiReader(m.Content, broken{}); m.Size += 10 },
		},
		"content too short": {replies: answered[:3], mail: func(m *Mail) { m.Size++ }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			s := serve(t, tls.Certificate{}, join(row, inARow, tt.replies, "DRAIN")...)
			host := plain(s)
			if _, err := host.Deliver(t.Context(), mail(t, content)); err != nil {
				t.Fatal(err)
			}
			m := mail(t, content)
			if tt.mail != nil {
				tt.mail(&m)
			}
			if _, err := host.Deliver(t.Context(), m); err == nil {
				t.Error("delivered")
			}
			host.Close()
			if err := <-s.done; err != nil || strings.HasSuffix("\r\n"+s.body, "\r\n.\r\n") || strings.Contains(s.body, "QUIT") {
				t.Errorf("server read %q, %v", s.body, err)
			}
		})
	}
}

// TLS and AUTH are done once for each connection, not for each mail.
func TestOneLoginForEachConnection(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	certificate, authorities := authority(t, "localhost")
	login := "C: AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00desk\x00secret"))
	whole := join(envelope, sending, "S: 250 queued")
	lines := join(opening, "S: 250-mx", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 go", "TLS",
		opening[1], "S: 250-mx", "S: 250 AUTH PLAIN", login, "S: 235 ok", whole, whole, closing)
	s := serve(t, certificate, lines...)
	host := named(t, s, StartTLS)
	asked := 0
	host.RootCAs, host.Username = authorities, "desk"
	host.Password = func() (string, error) { asked++; return "secret", nil }
	for range 2 {
		if _, err := host.Deliver(t.Context(), mail(t, content)); err != nil {
			t.Error(err)
		}
	}
	host.Close()
	if err := <-s.done; err != nil || asked != 1 {
		t.Errorf("asked %d times for the password; server: %v", asked, err)
	}
}

// Under TLS, too, a dead connection is replaced, and the new one is verified and
// logged in like the first.
func TestDeadConnectionIsReplacedUnderTLS(t *testing.T) {
	certificate, authorities := authority(t, "localhost")
	login := "C: AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00desk\x00secret"))
	whole := join(envelope, sending, "S: 250 queued")
	first := join(opening, "S: 250-mx", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 go", "TLS",
		opening[1], "S: 250-mx", "S: 250 AUTH PLAIN", login, "S: 235 ok", whole)
	for name, end := range map[string][]string{
		"closed": {"CLOSE"}, "reset": {envelope[0], "RESET"}, "421": {"S: 421 idle", "CLOSE"}, "no close_notify": {"CUT"},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			s := serveEach(t, certificate, join(first, end), join(first, closing))
			host := named(t, s, StartTLS)
			asked := 0
			host.RootCAs, host.Username = authorities, "desk"
			host.Password = func() (string, error) { asked++; return "secret", nil }
			for range 2 {
				if _, err := host.Deliver(t.Context(), mail(t, content)); err != nil {
					t.Error(err)
				}
			}
			host.Close()
			if err := <-s.done; err != nil || asked != 2 {
				t.Errorf("asked %d times for the password; server: %v", asked, err)
			}
		})
	}
	t.Run("another certificate", func(t *testing.T) {
		other, _ := authority(t, "localhost")
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		s := serveEach(t, certificate, join(first, "ANOTHER", "CLOSE"), join(opening, "S: 250-mx", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 go", "TLS"))
		s.another = other
		host := named(t, s, StartTLS)
		host.RootCAs, host.Username = authorities, "desk"
		host.Password = func() (string, error) { return "secret", nil }
		for i := range 2 {
			_, err := host.Deliver(t.Context(), mail(t, content))
			if (err != nil) != (i == 1) {
				t.Errorf("mail %d: %v", i+1, err)
			}
		}
		host.Close()
		<-s.done
	})
}

// A connection that is used no more is closed in order, without a stop.
func TestIdleConnectionIsClosed(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := serve(t, tls.Certificate{}, join(opening, "S: 250 mx", envelope, sending, "S: 250 queued", closing)...)
	host := plain(s)
	host.Timeouts.Idle = 20 * time.Millisecond
	if _, err := host.Deliver(t.Context(), mail(t, content)); err != nil {
		t.Fatal(err)
	}
	if err := <-s.done; err != nil {
		t.Error(err)
	}
	host.Close()
}

// A server that does not answer QUIT holds a stop no longer than a command's time.
func TestCloseDoesNotWaitForever(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := serve(t, tls.Certificate{}, join(opening, "S: 250 mx", envelope, sending, "S: 250 queued", closing[0], "STALL")...)
	host := plain(s)
	impatient(host)
	if _, err := host.Deliver(t.Context(), mail(t, content)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	host.Close()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if err := <-s.done; err != nil {
		t.Error(err)
	}
}

// The context of a mail ends the connection it goes over, also a kept one; that
// of the mail before has no power over it.
func TestContextOfAKeptConnection(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	whole := join(envelope, sending, "S: 250 queued")
	s := serveEach(t, tls.Certificate{}, join(opening, "S: 250 mx", whole, whole, envelope[0], "STALL"))
	host := plain(s)
	first, cancel := context.WithCancel(t.Context())
	if _, err := host.Deliver(first, mail(t, content)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := host.Deliver(t.Context(), mail(t, content)); err != nil {
		t.Fatalf("the end of another mail's context ended this one: %v", err)
	}
	stopping := errors.New("stopping")
	third, stop := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, stopping)
	defer stop()
	if _, err := host.Deliver(third, mail(t, content)); !errors.Is(err, stopping) || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	host.Close()
	<-s.done
}

// No more connections are kept than allowed.
func TestSurplusConnectionsAreClosed(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	srv := newMoody(t, nil)
	srv.together = 6
	host := &Smarthost{Addr: srv.addr(), TLS: Plain, Keep: 2}
	var wg sync.WaitGroup
	for range srv.together {
		wg.Go(func() {
			if _, err := host.Deliver(t.Context(), mail(t, content)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(host.pool.idle); n != 2 {
		t.Errorf("%d connections are kept", n)
	}
	host.Close()
	if n := len(host.pool.idle); n != 0 {
		t.Errorf("%d connections after Close", n)
	}
	srv.stop()
}
