package message

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func read(raw string) *Message { return readAll([]byte(raw)) }

// multipart builds a body of parts, each its header lines, a blank line and
// its octets.
func multipart(kind string, parts ...string) string {
	var b strings.Builder
	b.WriteString("From: a@example.org\nContent-Type: multipart/" + kind + "; boundary=B\n\n")
	for _, p := range parts {
		b.WriteString("--B\n" + p + "\n")
	}
	return crlf(b.String() + "--B--\n")
}

func TestReadText(t *testing.T) {
	for name, c := range map[string]struct{ raw, want string }{
		"plain":                   {"A: b\n\nhello\nyou\n", "hello\nyou"},
		"CRLF":                    {"A: b\r\n\r\nhello\r\nyou\r\n", "hello\nyou"},
		"quoted-printable":        {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\ngr=C3=BC=\n=C3=9F", "grüß"},
		"broken escape":           {"Content-Transfer-Encoding: quoted-printable\n\n100 =% sure = yes =", "100 =% sure = yes "},
		"base64":                  {"Content-Transfer-Encoding: base64\n\naGVs\nbG8=\n", "hello"},
		"base64 with noise":       {"Content-Transfer-Encoding: base64\n\naG!Vs\n\nbG8=\nIHlvdQ==", "hello you"},
		"windows-1252":            {"A: b\n\ncaf\xe9 \x80", "café €"},
		"declared":                {"Content-Type: text/plain; charset=koi8-r\n\n\xf0\xf2\xe9", "ПРИ"},
		"UTF-8 by mistake":        {"Content-Type: text/plain; charset=us-ascii\n\ncaf\xc3\xa9", "café"},
		"only HTML":               {"Content-Type: text/html\n\n<p>one<p>two<script>x</script>", "one\n\ntwo"},
		"alternative":             {multipart("alternative", "Content-Type: text/plain\n\nplain", "Content-Type: text/html\n\n<b>rich</b>"), "plain"},
		"blank plain":             {multipart("alternative", "Content-Type: text/plain\n\n  ", "Content-Type: text/html\n\n<b>rich</b>"), "rich"},
		"two texts":               {multipart("mixed", "\none", "\ntwo"), "one\n\ntwo"},
		"no boundary":             {"Content-Type: multipart/mixed\n\n--abc\n\nhello\n--abc--\n", "hello"},
		"no parts":                {"Content-Type: multipart/mixed; boundary=x\n\nhello\n", "hello"},
		"no end":                  {"Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n", "hello"},
		"part without blank line": {"Content-Type: multipart/mixed; boundary=x\n\n--x\nhello you\n--x--\n", "hello you"},
		"similar boundaries":      {"Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n--xy\nyou\n--x--\n", "hello\n--xy\nyou"},
		"unknown encoding":        {"Content-Transfer-Encoding: x-strange\n\nhello", "hello"},
		"NUL":                     {"A: b\n\nhel\x00lo", "hello"},
		"carried mail":            {multipart("mixed", "\n ", "Content-Type: message/rfc822\n\nSubject: in\n\nhello"), "hello"},
		"flowed":                  {"Content-Type: text/plain; format=flowed\n\none \ntwo\n>a \n>b\n-- \nme", "one two\n> a b\n-- \nme"},
		"flowed delsp":            {"Content-Type: text/plain; format=flowed; delsp=yes\n\non \ne\n", "one"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := read(c.raw).Text; got != c.want {
				t.Errorf("Text = %q, want %q", got, c.want)
			}
		})
	}
}

func TestAttachments(t *testing.T) {
	raw := multipart("mixed",
		"Content-Type: text/plain\n\nhello",
		"Content-Type: image/png; name=\"=?utf-8?Q?=C3=BC.png?=\"\nContent-Transfer-Encoding: base64\nContent-ID: <i@x>\nContent-Disposition: inline\n\naGVsbG8=",
		"Content-Type: application/pdf\nContent-Disposition: attachment; filename*0*=utf-8''%C3%A4; filename*1=\".pdf\"\n\nhello",
		"Content-Type: message/rfc822\n\nSubject: a/b\n\nin",
		"Content-Type: application/x-unknown\n\nhello")
	want := []Attachment{
		{Name: "ü.png", Type: "image/png", Size: 5, SHA256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", Inline: true, ContentID: "i@x", Path: "2", Sniffed: "text/plain"},
		{Name: "ä.pdf", Type: "application/pdf", Size: 5, SHA256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", Path: "3", Sniffed: "text/plain"},
		{Name: "a-b.eml", Type: "message/rfc822", Size: 18, Path: "4", Sniffed: "text/plain", Text: "Subject: a/b\n\nin"},
		{Name: "part-5.bin", Type: "application/x-unknown", Size: 5, SHA256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", Path: "5", Sniffed: "text/plain"},
	}
	m := read(raw)
	for i := range m.Attachments {
		if m.Attachments[i].Type == "message/rfc822" {
			m.Attachments[i].SHA256 = ""
		}
	}
	if d := cmp.Diff(want, m.Attachments); d != "" {
		t.Fatal(d)
	}
	r, a, err := Open(strings.NewReader(raw), "2")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); string(b) != "hello" || err != nil || a.Name != "ü.png" {
		t.Errorf("Open = %q, %+v, %v", b, a, err)
	}
	if _, _, err := Open(strings.NewReader(raw), "2.1"); !errors.Is(err, ErrNoPart) {
		t.Errorf("Open of a part that is not there: %v", err)
	}
}

func TestSafeName(t *testing.T) {
	for in, want := range map[string]string{
		"../../etc/passwd":                "passwd",
		`C:\dir\a.txt`:                    "a.txt",
		"a\u202egpj.exe":                  "agpj.exe",
		"a:b?.txt":                        "a_b_.txt",
		"con.txt":                         "_con.txt",
		"..":                              "",
		" a. ":                            "a",
		"\x00\n":                          "",
		strings.Repeat("ü", 300) + ".pdf": strings.Repeat("ü", 98) + ".pdf",
	} {
		if got := safeName(in); got != want {
			t.Errorf("safeName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSanitize(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"script":          {`<p>a<script>alert(1)</script></p>`, `<p>a</p>`},
		"handler":         {`<p onclick="x()">a</p>`, `<p>a</p>`},
		"remote image":    {`<img src="https://example.org/x.png" alt="a">`, `<img alt="a">`},
		"own image":       {`<img src="cid:1@x">`, `<img src="cid:1@x">`},
		"javascript":      {`<a href="javascript:x()">a</a>`, `a`},
		"style url":       {`<p style="background: url(https://x/); color: red">a</p>`, `<p>a</p>`},
		"style":           {`<p style="color: rgb(255, 0, 0); margin:0cm">a</p>`, `<p style="color: rgb(255, 0, 0); margin:0cm">a</p>`},
		"style escape":    {`<p style="background: u\72l(https://x/)">a</p>`, `<p>a</p>`},
		"style comment":   {`<p style="color:red/**/;position:fixed">a</p>`, `<p>a</p>`},
		"style moves":     {`<p style="color:red;position:fixed;top:0">a</p>`, `<p>a</p>`},
		"negative margin": {`<p style="margin-top:-500px">a</p>`, `<p>a</p>`},
		"frame":           {`<iframe src="https://x/"></iframe>a`, `a`},
		"form":            {`<form action="https://x/"><input name=a>b</form>`, `b`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sanitize(c.in); got != c.want {
				t.Errorf("sanitize(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestHTMLToText(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"paragraphs": {"<p>one</p><p>two</p>", "one\n\ntwo"},
		"breaks":     {"one<br>two<br><br>three", "one\ntwo\n\nthree"},
		"list":       {"<ul><li>a<li>b</ul><ol><li>c<li>d</ol>", "* a\n* b\n1. c\n2. d"},
		"quote":      {"new<blockquote>old<br>more</blockquote>", "new\n> old\n> more"},
		"link":       {`<a href="https://example.org/x">here</a>`, "here <https://example.org/x>"},
		"bare link":  {`<a href="https://example.org/x">example.org/x</a>`, "example.org/x"},
		"no head":    {"<head><title>t</title><style>x</style></head><body>a", "a"},
		"no end":     {"<style>x{", ""},
		"entities":   {"a&amp;b&nbsp;c", "a&b c"},
		"pre":        {"<pre>a\n  b</pre>", "a\n  b"},
		"table":      {"<table><tr><td>a<td>b<tr><td>c</table>", "a\tb\nc"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := htmlToText(c.in); got != c.want {
				t.Errorf("htmlToText(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestDecodeCharset(t *testing.T) {
	for _, c := range []struct{ charset, in, want string }{
		{"cp932", "\x93\xfa", "日"},
		{"gb2312", "\xc4\xe3", "你"},
		{"ks_c_5601-1987", "\xc7\xd1", "한"},
		{"iso-2022-kr", "\x1b$)C\x0eGQ\x0f", "한"},
		{"iso-2022-jp", "\x1b$BF|\x1b(B", "日"},
		{"hz-gb-2312", "~{Dc~}", "你"},
		{"utf-7", "A+AGE-B +- +ZeU-", "AaB + 日"},
		{"unicode-1-1-utf-7", "Hi Mom +Jjo-!", "Hi Mom ☺!"},
		{"utf-16le", "a\x00", "a"},
		{"utf-16", "\xff\xfea\x00", "a"},
		{"win-1251", "\xcf", "П"},
		{"cp850", "\x81", "ü"},
		{"ISO8859-15", "\xa4", "€"},
		{"x-unknown", "\xfc", "ü"},
		{"utf-8", "a\xfcb", "aüb"},
		{"utf-8", "ü\xffü\u20ac", "ü\ufffdü€"},
		{"gb18030", "ü é ñ", "眉 茅 帽"},
		{"big5", "\xa4\xa4", "中"},
	} {
		if got := decodeCharset([]byte(c.in), c.charset); got != c.want {
			t.Errorf("decodeCharset(%q, %s) = %q, want %q", c.in, c.charset, got, c.want)
		}
	}
}

// work is the time of a processor that fn takes, whatever else goes on beside it.
func work(t *testing.T, fn func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	used := func() time.Duration {
		var u syscall.Rusage
		const thread = 1 // RUSAGE_THREAD
		if err := syscall.Getrusage(thread, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	fn()
	return used() - before
}

// TestLimits reads mail made to cost much: each must be done with work that no
// quadratic reader would get by with, also under the race detector, and say what
// was cut.
func TestLimits(t *testing.T) {
	var nested strings.Builder
	nested.WriteString("Content-Type: multipart/mixed; boundary=b0\n\n")
	for i := 1; i < 5000; i++ {
		fmt.Fprintf(&nested, "--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n", i-1, i)
	}
	for name, c := range map[string]struct{ raw, problem string }{
		"nesting":             {nested.String(), "nests"},
		"same boundary":       {strings.Repeat("Content-Type: multipart/mixed; boundary=x\n\n--x\n", 50_000), ""},
		"parts":               {"Content-Type: multipart/mixed; boundary=x\n\n" + strings.Repeat("--x\n\n", 300_000), "parts"},
		"parts without blank": {"Content-Type: multipart/mixed; boundary=x\n\n" + strings.Repeat("--x\na: b\n", 300_000), "parts"},
		"part header":         {"Content-Type: multipart/mixed; boundary=x\n\n--x\n" + strings.Repeat("a: b\n", 600_000), "header of a part"},
		"text":                {"A: b\n\n" + strings.Repeat("hello\n", 1_000_000), "too long"},
		"words":               {"Subject: " + strings.Repeat("=?utf-8?Q?a", 80_000) + "\n\n", ""},
		"quotes":              {"A: b\n\n" + strings.Repeat("On 1 Jan 2020 x@y wrote:\n", 40_000), ""},
		"labels":              {"A: b\n\n" + strings.Repeat("From: x\n", 120_000), ""},
		"html nesting":        {"Content-Type: text/html\n\n" + strings.Repeat("<div><blockquote>", 60_000), ""},
		"html styles":         {"Content-Type: text/html\n\n<p style=\"" + strings.Repeat("color:red;", 100_000) + "\">a</p>", ""},
		"html styled parts":   {"Content-Type: text/html\n\n" + strings.Repeat("<p style=\"color:red\">a</p>", 40_000), ""},
		"html attributes":     {"Content-Type: text/html\n\n<p " + strings.Repeat("a=b ", 200_000) + ">a</p>", ""},
		"html unclosed":       {"Content-Type: text/html\n\n" + strings.Repeat("<a href=x <", 90_000), ""},
		"utf-7":               {"Content-Type: text/plain; charset=utf-7\n\n" + strings.Repeat("+AGE-", 200_000), ""},
		"references":          {"References: " + strings.Repeat("<a@b>", 150_000) + "\n\n", ""},
		"parameters":          {"Content-Type: text/plain" + strings.Repeat("; a*1*=b", 100_000) + "\n\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var m *Message
			if d := work(t, func() { m = read(c.raw) }); d > 10*time.Second {
				t.Errorf("took %v of a processor", d)
			}
			if int64(len(m.Text)) > 2*defaultTextBytes {
				t.Errorf("%d octets of text are kept", len(m.Text))
			}
			if got := strings.Join(m.Problems, "\n"); !strings.Contains(got, c.problem) {
				t.Errorf("problems %q say nothing of %q", got, c.problem)
			}
		})
	}
}

// zeros is a large attachment that is never in memory.
type zeros struct {
	head string
	size int64
}

func (z zeros) Size() int64 { return z.size }

func (z zeros) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for ; n < len(p) && off < z.size; n++ {
		p[n] = 'A'
		switch {
		case off < int64(len(z.head)):
			p[n] = z.head[off]
		case off%77 == 76:
			p[n] = '\n'
		}
		off++
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func TestLargeMail(t *testing.T) {
	z := zeros{crlf("Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n--x\nContent-Type: a/b\nContent-Transfer-Encoding: base64\n\n"), 25 << 20}
	h := ReadHeader(z, Limits{})
	allocated := testing.AllocsPerRun(1, func() { Read(z, h, Limits{}) })
	m := Read(z, h, Limits{})
	if m.Text != "hello" || len(m.Attachments) != 1 || m.Attachments[0].Size < 18<<20 {
		t.Errorf("Text %q, attachments %v", m.Text, m.Attachments)
	}
	if allocated > 1000 {
		t.Errorf("%v allocations", allocated)
	}
}

// failing is content whose medium breaks.
type failing struct{ *strings.Reader }

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	const good = 40
	if off >= good {
		return 0, os.ErrClosed
	}
	return f.Reader.ReadAt(p[:min(len(p), int(good-off))], off)
}

func TestReadError(t *testing.T) {
	c := failing{strings.NewReader("From: a@example.org\n\n" + strings.Repeat("hello\n", 1000))}
	m := Read(c, ReadHeader(c, Limits{}), Limits{})
	if len(m.Problems) == 0 {
		t.Error("a read error is not noted")
	}
}

func TestUnreadable(t *testing.T) {
	if m := read("\x00\x01\x02"); !m.Unreadable {
		t.Errorf("octets without a header are %+v", m)
	}
	if m := read("Subject: x\n\nhello"); m.Unreadable {
		t.Error("a readable mail is unreadable")
	}
}

func FuzzHeader(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := bytes.NewReader(raw)
		h := ReadHeader(c, Limits{HeaderBytes: 4096})
		if h.End < 0 || h.End > c.Size() {
			t.Errorf("End = %d of %d", h.End, c.Size())
		}
		from := 0
		for _, field := range h.Fields {
			if strings.EqualFold(visible(field.Name), "from") {
				from++
			}
		}
		if h.FromErr == nil && (from != 1 || h.From.Address.IsZero()) {
			t.Errorf("%d From fields, %v, no error", from, h.From)
		}
		if strings.ContainsAny(h.Subject, "\r\n\x00") {
			t.Errorf("Subject = %q", h.Subject)
		}
	})
}

func FuzzRead(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := bytes.NewReader(raw)
		lim := Limits{Depth: 5, Parts: 50, HeaderBytes: 4096, TextBytes: 1 << 16}
		m := Read(c, ReadHeader(c, lim), lim)
		for _, a := range m.Attachments {
			if a.Name == "" || strings.ContainsAny(a.Name, "/\\\x00\n") || a.Path == "" {
				t.Errorf("attachment %+v", a)
			}
		}
		if strings.ContainsAny(m.Text, "\x00\r") {
			t.Errorf("Text = %q", m.Text)
		}
		checkNothingLost(t, m.Text, m.Fresh, m.Quoted, m.Signature)
		checkInMemory(t, raw, lim, m)
	})
}

func FuzzReadText(f *testing.F) {
	f.Add("new\n\nOn 1 Jan 2020, A wrote:\n> old\n-- \nme")
	f.Add("a\n-----Original Message-----\nFrom: x@y\nSent: z\nSubject: s\n\nold")
	f.Add("> " + Marker + "\nx")
	f.Fuzz(func(t *testing.T, text string) {
		fresh, quoted, signature, _ := ReadText(text)
		checkNothingLost(t, cleanText(text), fresh, quoted, signature)
	})
}

// seed adds this package's samples and a few mails in a string.
func seed(f *testing.F) {
	f.Add([]byte(multipart("mixed", "Content-Type: text/html\n\n<p>a", "Content-Type: image/png; name*0*=a\nContent-Transfer-Encoding: base64\n\nAAAA")))
	f.Add([]byte(multipart("report; report-type=delivery-status", "\nfailed", "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@b\nStatus: 5.1.1\n")))
	f.Add([]byte("From : a@b\nFrom: b@c\n x\n\n\n=?utf-8?Q?a?="))
	f.Add([]byte("Content-Type: text/plain; charset=utf-7; format=flowed\nContent-Transfer-Encoding: quoted-printable\n\n+AGE- =\n> a \n> b"))
	files, err := filepath.Glob(filepath.Join("testdata", "*.eml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		f.Add(readFile(f, file))
	}
}

func plainMail() []byte {
	return []byte(crlf("Received: from a.example.org by mx.example.org; Mon, 2 Jan 2023 15:04:05 +0100\n" +
		"From: =?utf-8?Q?J=C3=B6rg?= <joerg@example.org>\nTo: support@example.net\nSubject: Re: [ID:0002139] printer\n" +
		"Date: Mon, 02 Jan 2023 15:04:05 +0100\nMessage-ID: <1@example.org>\nIn-Reply-To: <2@example.net>\n" +
		"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" +
		strings.Repeat("The printer on the second floor is on fire again.\n", 15) +
		"\n-- \nJörg\n\nOn 1 Jan 2023, at 10:00, Support <support@example.net> wrote:\n" +
		strings.Repeat("> Have you tried to turn it off and on again?\n", 15)))
}

func bench(b *testing.B, raw []byte) {
	c := bytes.NewReader(raw)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		Read(c, ReadHeader(c, Limits{}), Limits{})
	}
}

func BenchmarkReadHeader(b *testing.B) {
	raw := plainMail()
	c := bytes.NewReader(raw)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		ReadHeader(c, Limits{})
	}
}

func BenchmarkRead(b *testing.B) {
	b.Run("plain 2 KiB", func(b *testing.B) { bench(b, plainMail()) })
	b.Run("alternative 15 KiB", func(b *testing.B) {
		bench(b, []byte(multipart("alternative", "Content-Type: text/plain; charset=utf-8\n\n"+strings.Repeat("The printer is on fire again, grüße.\n", 130),
			"Content-Type: text/html; charset=utf-8\n\n<html><body>"+strings.Repeat("<div><p style=\"color: red\">The printer <b>is</b> on fire</p></div>\n", 150))))
	})
	b.Run("attachment 2 MiB", func(b *testing.B) {
		bench(b, []byte(multipart("mixed", "\nhello", "Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n"+base64Lines(2<<20))))
	})
	b.Run("attachment 200 KiB", func(b *testing.B) {
		bench(b, []byte(multipart("mixed", "\nhello", "Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n"+base64Lines(150<<10))))
	})
}

// TestSpooledMail: what reading a mail of 25 MB allocates in all, and so adds to
// memory at any time, has nothing to do with its size.
func TestSpooledMail(t *testing.T) {
	raw := multipart("mixed", "\nhello", "Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n"+base64Lines(18<<20))
	file, err := os.Create(filepath.Join(t.TempDir(), "mail"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(raw); err != nil {
		t.Fatal(err)
	}
	c := io.NewSectionReader(file, 0, int64(len(raw)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m := Read(c, ReadHeader(c, Limits{}), Limits{})
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 8_000_000 || len(m.Attachments) != 1 || m.Attachments[0].Size != 18<<20 {
		t.Errorf("%d octets allocated for a mail of %d, %v", n, len(raw), m.Attachments)
	}
}

func base64Lines(n int) string {
	s := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x7"), n/2))
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + "\n")
		s = s[76:]
	}
	return b.String() + s
}
