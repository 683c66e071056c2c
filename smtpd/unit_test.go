package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/address"
	"mxdesk/internal/desk"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

func TestReplies(t *testing.T) {
	const ours = "451 4.3.0 trouble on our side, please try again later (tx1)"
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"unknown":            {errSecret, ours},
		"timeout":            {context.DeadlineExceeded, ours},
		"refusal":            {&desk.Refusal{Code: 550, Enhanced: [3]int{5, 7, 1}, Text: "closed"}, "550 5.7.1 closed (tx1)"},
		"wrapped refusal":    {fmt.Errorf("filing: %w", &desk.Refusal{Code: 450, Enhanced: [3]int{4, 2, 0}, Text: "later"}), "450 4.2.0 later (tx1)"},
		"wrapped reply":      {fmt.Errorf("x: %w", say(552, 5, 3, 4, "large")), "552 5.3.4 large (tx1)"},
		"success as refusal": {&desk.Refusal{Code: 250, Enhanced: [3]int{2, 0, 0}, Text: "fine"}, ours},
		"no code":            {&desk.Refusal{Text: "fine"}, ours},
		"class differs":      {&desk.Refusal{Code: 550, Enhanced: [3]int{4, 7, 1}, Text: "closed"}, "550 5.0.0 closed (tx1)"},
		"line ends":          {&desk.Refusal{Code: 550, Enhanced: [3]int{5, 7, 1}, Text: "a\r\n250 b\x00\x1b[31mü"}, "550 5.7.1 a  250 b??[31m? (tx1)"},
		"no text":            {&desk.Refusal{Code: 550, Enhanced: [3]int{5, 7, 1}, Text: " \r\n"}, "550 5.7.1 refused (tx1)"},
	} {
		t.Run(name, func(t *testing.T) {
			var r error = toReply(c.err, "tx1")
			got := r.(*smtp.SMTPError) // go-smtp asks exactly so
			e := got.EnhancedCode
			if s := fmt.Sprintf("%d %d.%d.%d %s", got.Code, e[0], e[1], e[2], got.Message); s != c.want {
				t.Errorf("got %s", s)
			}
		})
	}
	long := toReply(&desk.Refusal{Code: 550, Enhanced: [3]int{5, 7, 1}, Text: strings.Repeat("x", 5000)}, "tx1")
	if n := len(long.Message); n > maxReplyText+20 {
		t.Errorf("reply of %d octets", n)
	}
}

func TestPaths(t *testing.T) {
	for arg, want := range map[string]string{
		"FROM:<a@b.example>":             "a@b.example|",
		"from: <a@b.example> SIZE=1":     "a@b.example| SIZE=1",
		"FROM:a@b.example BODY=7BIT":     "a@b.example| BODY=7BIT",
		"FROM:<>":                        "|",
		`FROM:<"a> b"@c.example> X`:      `"a> b"@c.example| X`,
		`FROM:<"a\"> b"@c.example>`:      `"a\"> b"@c.example|`,
		"FROM:<@r.example:a@b.example>":  "a@b.example|",
		"FROM:<@r,@s.example:a@b.c>":     "a@b.c|",
		"FROM:":                          "error",
		"FROM:<@r.example:>":             "error",
		"FROM:<@r.example>":              "error",
		"FROM:<a@b.example>x":            "error",
		"FROM:<a@b.example":              "error",
		"FROM:<<a@b.example>>":           "error",
		"FROM:<a b@c.example>":           "error",
		`FROM:<"a@b.example>`:            "error",
		"TO:<a@b.example>":               "error",
		"FRO":                            "error",
		"FROM:a@b.example>":              "error",
		"FROM:<a@b.example> SIZE=1 BODY": "a@b.example| SIZE=1 BODY",
	} {
		got := "error"
		if p, err := parsePath(arg, "FROM:"); err == nil {
			got = p.mailbox + "|" + p.params
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", arg, got, want)
		}
	}
}

// What passes the gate means to go-smtp what it meant to the gate: one mailbox,
// with an address that can be read in one way.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"<a@b.example>", "<@r:a@b.example> SIZE=1", `<"a@x\"> "@b.example>`, "a@b@c", "<>", "<postmaster>", "<ä@ö.example> SMTPUTF8"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := judge([]byte("RCPT TO:"+s), dialogue{greeted: true, mail: true, hostname: "mx.desk.example", limit: 1000})
		if r.reply != nil {
			return
		}
		if strings.ContainsAny(r.pass, "\r\n\x00") {
			t.Fatalf("passes control characters: %q", r.pass)
		}
		p, err := parsePath(strings.TrimPrefix(r.pass, "RCPT "), "TO:")
		if err != nil {
			t.Fatalf("passes %q, and refuses that", r.pass)
		}
		a, err := parseMailbox(p.mailbox)
		if err != nil {
			t.Fatalf("passes %q: %v", r.pass, err)
		}
		if b, err := address.Parse(a.String()); err != nil || !b.Equal(a) {
			t.Fatalf("%q and %q are not the same: %v", a, b, err)
		}
	})
}

func TestBarePostmasterIsAskedAtOurHost(t *testing.T) {
	r := judge([]byte("RCPT TO:<PostMaster>"), dialogue{greeted: true, mail: true, hostname: "mx.desk.example"})
	if r.reply != nil || r.pass != "RCPT TO:<PostMaster@mx.desk.example>" {
		t.Errorf("got %+v", r)
	}
}

func TestLoneCRIsFoundAcrossReads(t *testing.T) {
	for content, want := range map[string]bool{
		"a\r\nb\r\n": false, "a\nb": false, "": false, "\r\n": false,
		"a\rb": true, "\r": true, "a\r\r\n": true, "\n\r": true, "\r\n\r": true, "\r\ra": true,
	} {
		for i := range len(content) + 1 {
			var s lineScan
			s.see([]byte(content[:i]))
			s.see([]byte(content[i:]))
			if (s.unfit() != nil) != want {
				t.Errorf("%q cut at %d: unfit %v", content, i, s.unfit())
			}
		}
	}
}

func mustAddress(t *testing.T, s string) address.Address {
	t.Helper()
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTraceFields(t *testing.T) {
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.FixedZone("", 7200))
	ann, support := mustAddress(t, "ann@client.example"), mustAddress(t, "support@desk.example")
	for name, c := range map[string]struct {
		env     ticketstore.Envelope
		results string
		want    string
	}{
		"whole": {
			ticketstore.Envelope{
				Transaction: "tx1", From: ann, Recipients: []address.Address{support}, ClientIP: "192.0.2.1",
				Helo: "client.example", TLS: "TLS 1.3 TLS_AES_128_GCM_SHA256", Protocol: "ESMTPS", Received: at,
			},
			"Authentication-Results: mx; none\r\n",
			"Return-Path: <ann@client.example>\r\nAuthentication-Results: mx; none\r\n" +
				"Received: from client.example ([192.0.2.1])\r\n\tby mx.desk.example with ESMTPS (TLS 1.3 TLS_AES_128_GCM_SHA256)\r\n\tid tx1\r\n" +
				"\tfor <support@desk.example>;\r\n\tMon, 06 May 2024 07:08:09 +0200\r\n",
		},
		"several recipients, IPv6, null sender": {
			ticketstore.Envelope{
				Transaction: "tx1", Recipients: []address.Address{support, ann},
				ClientIP: "2001:db8::1", Helo: "[IPv6:2001:db8::1]", Protocol: "SMTP", Received: at,
			},
			"",
			"Return-Path: <>\r\nReceived: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n\tby mx.desk.example with SMTP\r\n\tid tx1;\r\n\tMon, 06 May 2024 07:08:09 +0200\r\n",
		},
		"handed in here": {
			ticketstore.Envelope{Transaction: "tx1", From: ann, Recipients: []address.Address{support}, Received: at},
			"",
			"Return-Path: <ann@client.example>\r\nReceived: by mx.desk.example\r\n\tid tx1\r\n\tfor <support@desk.example>;\r\n\tMon, 06 May 2024 07:08:09 +0200\r\n",
		},
		"forged": {
			ticketstore.Envelope{Transaction: "tx1", ClientIP: "nonsense", Helo: "a\r\nX: y (z) <w>;\x00", TLS: "x)\r\nY: (", Received: at},
			"",
			"Return-Path: <>\r\nReceived: from aX:yzw\r\n\tby mx.desk.example (x  Y:)\r\n\tid tx1;\r\n\tMon, 06 May 2024 07:08:09 +0200\r\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, traceFields(c.env, "mx.desk.example", c.results)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProtocolWords(t *testing.T) {
	for want, c := range map[string][4]bool{
		"SMTP": {}, "ESMTP": {1: true}, "ESMTPS": {1: true, 2: true}, "UTF8SMTP": {1: true, 3: true}, "UTF8SMTPS": {1: true, 2: true, 3: true},
		"LMTP": {0: true, 1: true}, "LMTPS": {0: true, 1: true, 2: true}, "UTF8LMTP": {0: true, 1: true, 3: true}, "UTF8LMTPS": {true, true, true, true},
	} {
		if got := protocol(c[0], c[1], c[2], c[3]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestIDsSortByTimeAndDiffer(t *testing.T) {
	now := time.Now()
	var ids []string
	for i := range 1000 {
		ids = append(ids, newID(now.Add(time.Duration(i)*time.Millisecond)))
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) || len(ids[0]) != 13 {
		t.Errorf("ids %v …", ids[:3])
	}
}

// content is a mail in memory.
type content struct{ *strings.Reader }

func (c content) Size() int64 { return c.Reader.Size() }

// brittle breaks whoever reads behind its header.
type brittle struct{ content }

func (b brittle) ReadAt(p []byte, off int64) (int, error) { panic("no such octet") }

func TestIntakeWithoutSMTP(t *testing.T) {
	i := NewIntake(fakeAuth{}, Config{Hostname: "mx.desk.example"})
	raw := "From: Ann <ann@client.example>\r\nSubject: hello\r\nAuthentication-Results: mx.desk.example; spf=pass\r\n\r\nbody\r\n"
	env := ticketstore.Envelope{From: mustAddress(t, "ann@client.example"), Recipients: []address.Address{mustAddress(t, "support@desk.example")}}
	in := i.Read(context.Background(), env, content{strings.NewReader(raw)})
	if in.Message.Subject != "hello" || in.Verdict.Auth != ticketstore.AuthNone || in.Now.IsZero() || in.Content.Size() != int64(len(raw)) {
		t.Errorf("read %+v", in.Message.Header)
	}
	if e := in.Envelope; e.Transaction == "" || !strings.HasPrefix(e.Trace, "Return-Path: <ann@client.example>\r\nAuthentication-Results: mx.desk.example") ||
		!strings.Contains(e.Trace, "\r\nReceived: by mx.desk.example\r\n") || strings.Contains(strings.ReplaceAll(e.Trace, "\r\n", ""), "\n") {
		t.Errorf("trace %q", e.Trace)
	}
	if d := in.Envelope.Distrusted; len(d) != 1 || !strings.Contains(d[0], "spf=pass") {
		t.Errorf("distrusted %q", d)
	}
}

func TestMailThatBreaksTheReaderIsUnreadable(t *testing.T) {
	i := NewIntake(fakeAuth{}, Config{})
	in := i.Read(context.Background(), ticketstore.Envelope{}, brittle{content{strings.NewReader("Subject: x\r\n\r\nbody")}})
	if in.Message == nil || !in.Message.Unreadable || in.Message.FromErr == nil || len(in.Message.Problems) == 0 {
		t.Errorf("got %+v", in.Message)
	}
}

func TestLoops(t *testing.T) {
	field := func(n int, value string) []message.Field {
		return slices.Repeat([]message.Field{{Name: "received", Value: value}}, n)
	}
	for name, c := range map[string]struct {
		fields []message.Field
		loop   bool
	}{
		"none":         {nil, false},
		"99":           {field(99, "from a by b; now"), false},
		"100":          {field(100, "from a by b; now"), true},
		"5 of ours":    {field(5, "from a by MX.desk.example with SMTP; now"), false},
		"6 of ours":    {field(6, "from a by mx.desk.example; now"), true},
		"6 to ours":    {field(6, "from mx.desk.example by b; now"), false},
		"other fields": {slices.Repeat([]message.Field{{Name: "X", Value: "by mx.desk.example"}}, 200), false},
	} {
		if got := looping(c.fields, "mx.desk.example"); (got != "") != c.loop {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestOldTLSIsNotSpoken(t *testing.T) {
	cfg := testConfig(t)
	cfg.TLS = testTLS(t)
	for version, ok := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		synctest.Test(t, func(t *testing.T) {
			d := openDoor(t, cfg)
			defer d.shut()
			c := d.dial()
			defer c.close()
			c.cmd("EHLO client.example")
			c.cmd("STARTTLS")
			err := c.startTLS(&tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
			if (err == nil) != ok {
				t.Errorf("%s: %v", tls.VersionName(version), err)
			}
		})
	}
}

func TestFreeDiskThatCannotBeAskedPutsMailOff(t *testing.T) {
	cfg := testConfig(t)
	cfg.MinFreeDisk, cfg.FreeDisk = 1, func() (int64, error) { return 0, errors.New("no such disk") }
	synctest.Test(t, func(t *testing.T) {
		_, said := play(t, cfg, "EHLO x\r\n", "MAIL FROM:<>\r\n")
		if last := said[len(said)-1]; !strings.HasPrefix(last, "452 4.3.1") || strings.Contains(last, "no such") {
			t.Errorf("said %s", last)
		}
	})
}

// Every limit of go-smtp that the design lists is played by a transcript or a
// test named after what it shows.
func TestTranscriptsCoverTheKnownLimits(t *testing.T) {
	for _, name := range []string{
		"stalled-body-is-never-a-command", "stalled-chunk-is-never-a-command", "dripping-body-is-bounded-in-all",
		"cr-cr-lf-dot-never-makes-two-mails", "bare-lf-in-content-is-kept", "lone-cr-in-content-is-refused",
		"our-trouble-is-temporary-and-not-told", "the-tag-is-in-the-250-of-bdat-too", "rset-between-chunks-forgets-the-mail",
		"malformed-bdat-ends-the-connection-size", "long-line-of-content-is-taken", "overlong-command-ends-the-connection",
		"idle-commands-are-bounded", "second-mail-in-a-transaction-is-refused", "malformed-addresses-are-refused",
		"malformed-helo-is-refused", "postmaster-needs-no-domain", "a-mail-of-exactly-the-limit-is-taken",
		"failed-handshake-ends-the-connection", "panic-of-the-desk-is-421", "client-that-leaves-in-a-chunk-sends-no-mail",
	} {
		if _, err := os.Stat("testdata/dialogue/" + name + ".txt"); err != nil {
			t.Error(err)
		}
	}
}
