package remote

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"mxdesk/internal/address"
)

func TestCapture(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "outgoing")
	c := Capture{Dir: dir}
	m := mail(t, content)
	for range 2 { // the second time it is a retry
		m.Content = strings.NewReader(content)
		r, err := c.Deliver(t.Context(), m)
		if err != nil || r != (Result{Host: "capture", Reply: "250 written to 0002139-7.eml"}) {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	path := filepath.Join(dir, "0002139-7.eml")
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Return-Path: <support+x@desk.example>\r\nDelivered-To: ada@example.com\r\n" + content; string(got) != want {
		t.Errorf("got %q", got)
	}
	for name, mode := range map[string]os.FileMode{path: 0o600, dir: 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestCaptureLeavesNothingHalf(t *testing.T) {
	dir := t.TempDir()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	short := mail(t, content)
	short.Size++
	long := mail(t, content)
	long.Size--
	tests := map[string]struct {
		ctx context.Context
		m   Mail
		err error
	}{
		"too short": {t.Context(), short, ErrContent},
		"too long":  {t.Context(), long, ErrContent},
		"cancelled": {cancelled, mail(t, content), context.Canceled},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Capture{Dir: dir}.Deliver(tt.ctx, tt.m)
			var e *Error
			if !errors.As(err, &e) || !e.Temporary || !errors.Is(err, tt.err) {
				t.Errorf("got %v", err)
			}
			if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
				t.Errorf("left behind: %v, %v", files, err)
			}
		})
	}
}

func TestCaptureNullReturnPath(t *testing.T) {
	dir := t.TempDir()
	m := mail(t, content)
	m.From = address.Address{}
	if _, err := (Capture{Dir: dir}).Deliver(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "0002139-7.eml")); err != nil || !strings.HasPrefix(string(got), "Return-Path: <>\r\n") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestFileName(t *testing.T) {
	tests := map[string]struct{ name, want string }{
		"as it is":   {"0002139-7-ada+x@example.com.eml", "0002139-7-ada+x@example.com.eml"},
		"no suffix":  {"a", "a.eml"},
		"traversal":  {"../../etc/passwd", "_.._.._etc_passwd.eml"},
		"backslash":  {`a\b:c|d`, "a_b_c_d.eml"},
		"hidden":     {".profile", "_.profile.eml"},
		"option":     {"-rf", "_-rf.eml"},
		"empty":      {"", "_.eml"},
		"not ASCII":  {"jörg\x00\xff", "j_rg__.eml"},
		"long":       {strings.Repeat("a", 300), strings.Repeat("a", 200) + ".eml"},
		"only a dot": {".", "_..eml"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := fileName(tt.name); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseMode(t *testing.T) {
	for _, m := range []Mode{StartTLS, Implicit, Plain} {
		if got, err := ParseMode(string(m)); got != m || err != nil {
			t.Errorf("%s: %s, %v", m, got, err)
		}
	}
	if _, err := ParseMode("opportunistic"); err == nil {
		t.Error("opportunistic TLS was accepted")
	}
}

func FuzzReply(f *testing.F) {
	f.Add("250-2.0.0 a\r\n250 2.0.0 b\r\n")
	f.Add("550 \u202e\x00\xff\n")
	f.Add("220-" + strings.Repeat("x", maxReplyLine) + "\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := readReply(bufio.NewReaderSize(strings.NewReader(s), maxReplyLine))
		if err != nil {
			return
		}
		text := printable(r.text())
		if r.code < 200 || r.code > 599 || len(r.lines) == 0 || len(r.lines) > maxReplyLines {
			t.Errorf("%+v", r)
		}
		if len(text) > maxReplyText || !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n\x00\u202e") {
			t.Errorf("%d octets: %q", len(text), text)
		}
	})
}

// dotted is a content that is written in parts, as it is sent.
func dotted(t *testing.T, parts ...string) string {
	t.Helper()
	var b strings.Builder
	w := &dotWriter{out: bufio.NewWriter(&b), start: true}
	for _, p := range parts {
		if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func FuzzDots(f *testing.F) {
	f.Add("a\r\n.\r\nb")
	f.Add(".\n.\r.\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := dotted(t, s)
		for i := range len(s) {
			if parts := dotted(t, s[:i], s[i:]); parts != got {
				t.Fatalf("%q in two parts at %d: %q, want %q", s, i, parts, got)
			}
		}
		whole := "\r\n" + got
		if strings.Index(whole, "\r\n.\r\n") != len(whole)-5 {
			t.Errorf("the data ends early: %q", got)
		}
		bare := strings.ReplaceAll(got, "\r\n", "")
		if strings.ContainsAny(bare, "\r\n") {
			t.Errorf("bare CR or LF: %q", got)
		}
	})
}
