package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/address"
)

func addr(t testing.TB, s string) address.Address {
	t.Helper()
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mail(t testing.TB, content string) Mail {
	return Mail{
		Name: "0002139-7", From: addr(t, "support+x@desk.example"), To: addr(t, "ada@example.com"),
		Size: int64(len(content)), Content: strings.NewReader(content),
	}
}

const content = "Subject: x\r\n\r\n.dot\r\nend\r\n"

// The parts most transcripts share.
var (
	opening  = []string{"S: 220 mx ready", "C: EHLO desk.example"}
	envelope = []string{"C: MAIL FROM:<support+x@desk.example>", "S: 250 ok", "C: RCPT TO:<ada@example.com>", "S: 250 ok"}
	sending  = []string{"C: DATA", "S: 354 go", "BODY"}
	closing  = []string{"C: QUIT", "S: 221 bye"}
)

func join(parts ...any) []string {
	var lines []string
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			lines = append(lines, p)
		case []string:
			lines = append(lines, p...)
		}
	}
	return lines
}

func plain(s *script) *Smarthost {
	return &Smarthost{Addr: s.addr, Hello: "desk.example", TLS: Plain, Timeouts: Timeouts{Command: 10 * time.Second}}
}

// deliver runs one delivery and checks that the server saw its transcript.
func deliver(t *testing.T, s *script, host *Smarthost, m Mail) (Result, error) {
	t.Helper()
	r, err := host.Deliver(t.Context(), m)
	host.Close()
	if played := <-s.done; played != nil {
		t.Errorf("server: %v (client: %v)", played, err)
	}
	return r, err
}

func TestDelivery(t *testing.T) {
	ext := []string{"S: 250-mx greets you", "S: 250-size 1000", "S: 250-8BITMIME", "S: 250-SMTPUTF8", "S: 250 PIPELINING"}
	tests := map[string]struct {
		lines []string
		mail  func(*Mail)
		want  string
	}{
		"nothing offered": {
			lines: join(opening, "S: 250 mx", envelope, sending, "S: 250 2.0.0 queued as ABC", closing),
			want:  "250 2.0.0 queued as ABC",
		},
		"everything offered": {
			lines: join(opening, ext, "C: MAIL FROM:<support+x@desk.example> SIZE=25 BODY=8BITMIME", "C: RCPT TO:<ada@example.com>", "C: DATA",
				"S: 250 ok", "S: 251 will forward", "S: 354 go", "BODY", "S: 250-2.0.0 taken", "S: 250 2.0.0 as ABC", closing),
			want: "250 2.0.0 taken as ABC",
		},
		"HELO": {
			lines: join(opening, "S: 502 what?", "C: HELO desk.example", "S: 250 mx", envelope, sending, "S: 250", closing),
			want:  "250",
		},
		"null reverse-path": {
			lines: join(opening, "S: 250 mx", "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<ada@example.com>", "S: 250 ok", sending, "S: 250 ok", closing),
			mail:  func(m *Mail) { m.From = address.Address{} },
			want:  "250 ok",
		},
		"UTF-8 address": {
			lines: join(opening, ext, "C: MAIL FROM:<support+x@desk.example> SIZE=25 BODY=8BITMIME SMTPUTF8", `C: RCPT TO:<"jörg b"@example.com>`, "C: DATA",
				"S: 250 ok", "S: 250 ok", "S: 354 go", "BODY", "S: 250 ok", closing),
			mail: func(m *Mail) { m.To = addr(t, `"jörg b"@example.com`) },
			want: "250 ok",
		},
		"server hangs up instead of 221": {
			lines: join(opening, "S: 250 mx", envelope, sending, "S: 250 ok", "C: QUIT", "CLOSE"),
			want:  "250 ok",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := mail(t, content)
			if tt.mail != nil {
				tt.mail(&m)
			}
			s := serve(t, tls.Certificate{}, tt.lines...)
			r, err := deliver(t, s, plain(s), m)
			if err != nil {
				t.Fatal(err)
			}
			if want := (Result{Host: s.addr, Reply: tt.want}); r != want {
				t.Errorf("got %+v, want %+v", r, want)
			}
			if want := "Subject: x\r\n\r\n..dot\r\nend\r\n.\r\n"; s.body != want {
				t.Errorf("body %q, want %q", s.body, want)
			}
		})
	}
}

// refusal is a transcript and the error it must lead to.
type refusal struct {
	lines     []string
	mail      func(*Mail)
	temporary bool
	phase     Phase
	reply     string
	err       error
}

func refusals(t *testing.T) map[string]refusal {
	huge := strings.Repeat("x", 3000)
	return map[string]refusal{
		"421 greeting":      {lines: []string{"S: 421 4.3.2 busy", "CLOSE"}, temporary: true, phase: PhaseGreeting, reply: "421 4.3.2 busy"},
		"554 greeting":      {lines: join("S: 554 no service", closing), temporary: true, phase: PhaseGreeting, reply: "554 no service"},
		"not SMTP":          {lines: []string{"S: HTTP/1.1 400 Bad Request", "STALL"}, temporary: true, phase: PhaseGreeting, err: ErrReply},
		"closed at once":    {lines: []string{"CLOSE"}, temporary: true, phase: PhaseGreeting, err: io.EOF},
		"354 greeting":      {lines: []string{"S: 354 go", "STALL"}, temporary: true, phase: PhaseGreeting, err: ErrReply},
		"long greeting":     {lines: []string{"S: 220 " + huge, "STALL"}, temporary: true, phase: PhaseGreeting, err: ErrReplyTooLong},
		"endless greeting":  {lines: join(strings.Split(strings.Repeat("S: 220-x\n", 200)+"STALL", "\n")), temporary: true, phase: PhaseGreeting, err: ErrReplyTooLong},
		"two codes":         {lines: []string{"S: 220-x", "S: 250 y", "STALL"}, temporary: true, phase: PhaseGreeting, err: ErrReply},
		"550 EHLO":          {lines: join(opening, "S: 550 go away", closing), temporary: true, phase: PhaseHello, reply: "550 go away"},
		"451 MAIL":          {lines: join(opening, "S: 250 mx", envelope[0], "S: 451 4.7.1 later", closing), temporary: true, phase: PhaseMail, reply: "451 4.7.1 later"},
		"553 MAIL":          {lines: join(opening, "S: 250 mx", envelope[0], "S: 553 5.1.8 who?", closing), phase: PhaseMail, reply: "553 5.1.8 who?"},
		"530 MAIL":          {lines: join(opening, "S: 250 mx", envelope[0], "S: 530 5.7.0 log in first", closing), temporary: true, phase: PhaseMail, reply: "530 5.7.0 log in first"},
		"550 MAIL in a row": {lines: join(opening, "S: 250-mx", "S: 250 PIPELINING", envelope[0], envelope[2], "C: DATA", "S: 550 no", "S: 503 no", "S: 503 no", closing), phase: PhaseMail, reply: "550 no"},
		"450 RCPT":          {lines: join(opening, "S: 250 mx", envelope[:3], "S: 450 4.2.2 full", closing), temporary: true, phase: PhaseRcpt, reply: "450 4.2.2 full"},
		"550 RCPT":          {lines: join(opening, "S: 250 mx", envelope[:3], "S: 550-5.1.1 no such", "S: 550 5.1.1 user \x1b[31m\u202e", closing), phase: PhaseRcpt, reply: "550 5.1.1 no such user [31m"},
		"550 RCPT in a row": {lines: join(opening, "S: 250-mx", "S: 250 PIPELINING", envelope[0], envelope[2], "C: DATA", "S: 250 ok", "S: 550 no", "S: 554 no valid recipients", closing), phase: PhaseRcpt, reply: "550 no"},
		"421 RCPT":          {lines: join(opening, "S: 250 mx", envelope[:3], "S: 421 4.3.0 stopping", "CLOSE"), temporary: true, phase: PhaseRcpt, reply: "421 4.3.0 stopping"},
		"452 DATA":          {lines: join(opening, "S: 250 mx", envelope, "C: DATA", "S: 452 disk", closing), temporary: true, phase: PhaseData, reply: "452 disk"},
		"554 DATA":          {lines: join(opening, "S: 250 mx", envelope, "C: DATA", "S: 554 no valid recipients", closing), phase: PhaseData, reply: "554 no valid recipients"},
		"250 DATA":          {lines: join(opening, "S: 250 mx", envelope, "C: DATA", "S: 250 ok", "STALL"), temporary: true, phase: PhaseData, err: ErrReply},
		"451 end":           {lines: join(opening, "S: 250 mx", envelope, sending, "S: 451 scanner", closing), temporary: true, phase: PhaseEnd, reply: "451 scanner"},
		"550 end":           {lines: join(opening, "S: 250 mx", envelope, sending, "S: 550 5.7.1 spam", closing), phase: PhaseEnd, reply: "550 5.7.1 spam"},
		"354 end":           {lines: join(opening, "S: 250 mx", envelope, sending, "S: 354 more", "STALL"), temporary: true, phase: PhaseEnd, err: ErrReply},
		"lost at the end":   {lines: join(opening, "S: 250 mx", envelope, sending, "CLOSE"), temporary: true, phase: PhaseEnd, err: io.EOF},
		"too large":         {lines: join(opening, "S: 250-mx", "S: 250 SIZE 24", closing), phase: PhaseMail, err: ErrTooLarge},
		"no SMTPUTF8": {
			lines: join(opening, "S: 250 mx", closing), phase: PhaseMail, err: ErrNoUTF8,
			mail: func(m *Mail) { m.UTF8 = true },
		},
		"no 8BITMIME": {
			lines: join(opening, "S: 250 mx", envelope, "C: DATA", "S: 354 go", "DRAIN"), phase: PhaseData, err: ErrNo8Bit,
			mail: func(m *Mail) { m.Size, m.Content = 3, strings.NewReader("ä\n") },
		},
		"content too short": {
			lines: join(opening, "S: 250 mx", envelope, "C: DATA", "S: 354 go", "DRAIN"), temporary: true, phase: PhaseData, err: ErrContent,
			mail: func(m *Mail) { m.Size++ },
		},
		"content too long": {
			lines: join(opening, "S: 250 mx", envelope, "C: DATA", "S: 354 go", "DRAIN"), temporary: true, phase: PhaseData, err: ErrContent,
			mail: func(m *Mail) { m.Size-- },
		},
		"content unreadable": {
			lines: join(opening, "S: 250 mx", envelope, "C: DATA", "S: 354 go", "DRAIN"), temporary: true, phase: PhaseData, err: os.ErrClosed,
			mail: func(m *Mail) { m.Content = io.MultiReader(m.Content, broken{}); m.Size += 10 },
		},
	}
}

func TestRefusals(t *testing.T) {
	for name, tt := range refusals(t) {
		t.Run(name, func(t *testing.T) {
			m := mail(t, content)
			if tt.mail != nil {
				tt.mail(&m)
			}
			s := serve(t, tls.Certificate{}, tt.lines...)
			host := plain(s)
			_, err := host.Deliver(t.Context(), m)
			host.Close()
			if played := <-s.done; played != nil && !strings.HasSuffix(name, "greeting") {
				t.Errorf("server: %v", played)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			want := Error{Temporary: tt.temporary, Host: s.addr, Phase: tt.phase, Reply: tt.reply}
			if diff := cmp.Diff(want, Error{Temporary: e.Temporary, Host: e.Host, Phase: e.Phase, Reply: e.Reply}); diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if tt.err != nil && !errors.Is(err, tt.err) || tt.err == nil && e.Err != nil {
				t.Errorf("cause %v, want %v", e.Err, tt.err)
			}
			if strings.HasSuffix(s.body, "\r\n.\r\n") && tt.phase == PhaseData {
				t.Errorf("the mail was ended with a dot: %q", s.body)
			}
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, os.ErrClosed }

func TestDotStuffing(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"empty":                   {"", ".\r\n"},
		"no line end":             {"a", "a\r\n.\r\n"},
		"dots":                    {".\r\n..\r\na.\r\n", "..\r\n...\r\na.\r\n.\r\n"},
		"bare LF":                 {"a\n.\nb\n", "a\r\n..\r\nb\r\n.\r\n"},
		"lone CR":                 {"a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"},
		"smuggling by CR CR LF":   {"a\r\r\n.\r\r\nb", "a\r\n\r\n..\r\n\r\nb\r\n.\r\n"},
		"smuggling by LF dot LF":  {"a\n.\r\nMAIL FROM:<x>\r\n", "a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n"},
		"smuggling by CR dot CR":  {"a\r.\r\nQUIT\r\n", "a\r\n..\r\nQUIT\r\n.\r\n"},
		"long":                    {strings.Repeat("x", 100_000), strings.Repeat("x", 100_000) + "\r\n.\r\n"},
		"end of line at the dots": {"\r\n.\r\n", "\r\n..\r\n.\r\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			lines := join(opening, "S: 250 mx", envelope, "C: DATA", "S: 354 go", "DRAIN")
			s := serve(t, tls.Certificate{}, lines...)
			host := plain(s)
			host.Timeouts.End = time.Millisecond // nobody answers; what was sent is the point
			if _, err := host.Deliver(t.Context(), mail(t, tt.in)); err == nil {
				t.Error("delivered without a reply")
			}
			if <-s.done; s.body != tt.want {
				t.Errorf("got %.200q, want %.200q", s.body, tt.want)
			}
		})
	}
}

func TestEarlyRefusalOfData(t *testing.T) {
	lines := join(opening, "S: 250 mx", envelope, "C: DATA", "S: 354 go", "S: 552 5.3.4 too big", "CLOSE")
	s := serve(t, tls.Certificate{}, lines...)
	m := mail(t, strings.Repeat("x\r\n", 10_000_000))
	_, err := plain(s).Deliver(t.Context(), m)
	<-s.done
	var e *Error
	if !errors.As(err, &e) || e.Reply != "552 5.3.4 too big" && !e.Temporary {
		t.Errorf("got %v", err)
	}
}

func TestStalls(t *testing.T) {
	tests := map[string][]string{
		"greeting": {"STALL"},
		"reply":    join(opening, "s: 25", "STALL"),
		"DATA":     join(opening, "S: 250 mx", envelope, "C: DATA", "STALL"),
		"end":      join(opening, "S: 250 mx", envelope, sending, "STALL"),
	}
	for name, lines := range tests {
		t.Run(name+"/deadline", func(t *testing.T) {
			s := serve(t, tls.Certificate{}, lines...)
			host := plain(s)
			host.Timeouts = Timeouts{Command: 50 * time.Millisecond, End: 50 * time.Millisecond}
			_, err := deliver(t, s, host, mail(t, content))
			var e *Error
			if !errors.As(err, &e) || !e.Temporary || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
		t.Run(name+"/context", func(t *testing.T) {
			s := serve(t, tls.Certificate{}, lines...)
			reason := errors.New("stopping")
			ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, reason)
			defer cancel()
			_, err := plain(s).Deliver(ctx, mail(t, content))
			<-s.done
			var e *Error
			if !errors.As(err, &e) || !e.Temporary || !errors.Is(err, reason) {
				t.Errorf("got %v", err)
			}
		})
		t.Run(name+"/total", func(t *testing.T) {
			s := serve(t, tls.Certificate{}, lines...)
			host := plain(s)
			host.Timeouts.Total = 50 * time.Millisecond
			if _, err := host.Deliver(t.Context(), mail(t, content)); err == nil || !strings.Contains(err.Error(), "delivery over 50ms") {
				t.Errorf("got %v", err)
			}
			<-s.done
		})
	}
}

// A server that takes no more octets holds a delivery no longer than Block.
func TestStallInBody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	release := make(chan struct{})
	defer close(release)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Write([]byte("220 a\r\n250 b\r\n250 c\r\n250 d\r\n354 e\r\n"))
		<-release
	}()
	host := &Smarthost{Addr: l.Addr().String(), TLS: Plain, Timeouts: Timeouts{Command: time.Second, Block: 50 * time.Millisecond}}
	size := int64(64 << 20)
	m := mail(t, "")
	m.Size, m.Content = size, io.LimitReader(zeros{}, size)
	if _, err := host.Deliver(t.Context(), m); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = (&Smarthost{Addr: l.Addr().String(), TLS: Plain}).Deliver(t.Context(), mail(t, content))
	var e *Error
	if !errors.As(err, &e) || !e.Temporary || e.Phase != PhaseConnect {
		t.Errorf("got %v", err)
	}
}
