package message

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

const hostileHead = "From: a@example.com\r\nTo: b@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\n"

// hostileMails are made to cost far more than their size.
func hostileMails() map[string]string {
	repeat := strings.Repeat
	html := hostileHead + "Content-Type: text/html\r\n\r\n"
	mixed := hostileHead + "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	numbered := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i, i+1)
		}
		return b.String()
	}
	return map[string]string{
		"addresses without commas":      "To: " + repeat("<a@x.y>", 9_000) + "\r\nCc: " + repeat("a@x.y ", 10_000) + "\r\n" + hostileHead + "\r\nx",
		"parameters without semicolons": mixed + repeat("--b\r\nContent-Type: text/x; name="+repeat("a ", 15_000)+"=\r\n\r\n", 10) + "--b--",
		"base64 in pieces":              hostileHead + "Content-Transfer-Encoding: base64\r\n\r\n" + repeat("YQ==\r\n", 1_000_000),
		"100,000 levels":                hostileHead + "Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + numbered(100_000, "--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n"),
		"a million parts":               mixed + repeat("--b\r\n\r\nx\r\n", 1_000_000),
		"50,000 addresses":              "From: a@example.com\r\nTo: " + repeat("aaaa@example.com,\r\n ", 50_000) + "b@example.com\r\n\r\nx",
		"50,000 address fields":         "From: a@example.com\r\n" + repeat("To: aa@example.com\r\n", 50_000) + "\r\nx",
		"a million words":               "From: a@example.com\r\nSubject: " + repeat("=?utf-8?q?a?= ", 1_000_000) + "\r\n\r\nx",
		"words of two charsets":         "From: a@example.com\r\nSubject: " + repeat("=?iso-2022-jp?q?a?=\r\n =?utf-8?q?a?=\r\n ", 300_000) + "\r\n\r\nx",
		"100,000 continuations":         hostileHead + "Content-Type: application/x; name*0=a" + numbered(100_000, ";\r\n name*%d*=%%41%d") + "\r\n\r\nx",
		"numbers of parameters":         hostileHead + "Content-Type: application/x; name*99999999999999999999=a; name*2147483647=b; name*0*=utf-8''" + repeat("%41", 20_000) + "\r\n\r\nx",
		"deep HTML":                     html + repeat("<div><blockquote>", 300_000) + "x",
		"deep lists":                    html + repeat("<ul><li>x", 300_000),
		"hidden in hidden":              html + repeat("<p style=display:none>", 200_000) + "x",
		"styles":                        html + repeat("<p style=\"color:red;"+repeat("a:b;", 2000)+"\">x</p>", 500),
		"attributes":                    html + "<p " + repeat("a=b ", 1_000_000) + ">x",
		"entities":                      html + repeat("&zwnj;&#x10ffff;&nGt;", 300_000),
		"angles":                        html + repeat("<", 3_000_000),
		"open links":                    html + repeat("<a href=http://a.b/"+repeat("x", 1000)+">", 5000),
		"lines":                         hostileHead + "\r\n" + repeat("\n", 20_000_000),
		"fields":                        repeat("X: a\r\n", 3_000_000) + "\r\nx",
		"one field":                     "X: " + repeat("a", 20_000_000) + "\r\n\r\nx",
		"fields of parts":               mixed + repeat("--b\r\n"+repeat("X: y\r\n", 5000)+"\r\nx\r\n", 999),
		"lines that are none":           "From: a@example.com\r\n" + repeat("a\r\n", 5_000_000) + "\r\n\r\nx",
		"UTF-7":                         hostileHead + "Content-Type: text/plain; charset=utf-7\r\n\r\n" + repeat("+AAA-", 1_000_000),
		"ISO-2022 escapes":              hostileHead + "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + repeat("\x1b$B!!", 1_000_000),
		"octets of no charset":          hostileHead + "\r\n" + repeat("\xff\xe9", 2_000_000),
		"carried mails":                 mixed + repeat("--b\r\nContent-Type: message/rfc822\r\n\r\n"+hostileHead+"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n"+repeat("abc\r\n", 3000), 999),
		"HTML parts":                    mixed + repeat("--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+eA==\r\n", 999),
		"identifiers":                   "From: a@example.com\r\nReferences: " + repeat("<a@b>\r\n ", 500_000) + "\r\n\r\nx",
		"uuencoded files":               hostileHead + "\r\n" + repeat("begin 644 a\r\n!8`\r\nend\r\n", 100_000),
		"calendar":                      hostileHead + "Content-Type: text/calendar\r\n\r\nBEGIN:VEVENT\r\n" + repeat("SUMMARY:a\r\n ", 500_000),
		"TNEF of attachments":           hostileHead + "Content-Type: application/ms-tnef\r\n\r\n\x78\x9f\x3e\x22\x00\x00" + repeat("\x02\x02\x90\x06\x00\x00\x00\x00\x00\x00\x00\x02\x0f\x80\x06\x00\x01\x00\x00\x00x\x00\x00", 200_000),
		"TNEF that lies":                hostileHead + "Content-Type: application/ms-tnef\r\n\r\n\x78\x9f\x3e\x22\x00\x00" + repeat("\x01\x03\x90\x06\x00\x00\x10\x00\x00\xff\xff\xff\xff\x1e\x00\x37\x00\xff\xff\xff\xff", 100_000),
		"compressed RTF":                hostileHead + "Content-Type: application/ms-tnef\r\n\r\n" + tnefWith(0x1009, 0x102, rtfBomb(1<<20)),
		"boundary of a megabyte":        hostileHead + "Content-Type: multipart/mixed; boundary=" + repeat("b", 1_000_000) + "\r\n\r\n--b\r\n\r\nx",
	}
}

// rtfBomb is a compressed RTF that claims to be huge and repeats itself.
func rtfBomb(size int) string {
	return "\xff\xff\xff\x7f\xff\xff\xff\x7fLZFu\x00\x00\x00\x00" + strings.Repeat("\xff"+strings.Repeat("\x00\x0f", 8), size/17)
}

// TestHostileMails holds the whole of what is allocated, counted by the
// runtime, to 64 MB a mail; what it costs in time BenchmarkHostileMails shows.
func TestHostileMails(t *testing.T) {
	if raced() {
		t.Skip("the race detector allocates, and takes a minute; make test runs this without it as well")
	}
	const most = 64_000_000
	readAll([]byte(hostileHead + "Content-Type: text/html\r\n\r\n<b>x")) // builds what is built once
	for name, raw := range hostileMails() {
		t.Run(name, func(t *testing.T) {
			c := strings.NewReader(raw)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			m := Read(c, ReadHeader(c, Limits{}), Limits{})
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > most {
				t.Errorf("%d octets allocated", n)
			}
			if len(m.Text) > 2*defaultTextBytes+100 || len(m.Attachments) > defaultParts {
				t.Errorf("%d octets of text, %d attachments", len(m.Text), len(m.Attachments))
			}
		})
	}
}

// raced reports whether this test was built with the race detector.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func BenchmarkHostileMails(b *testing.B) {
	for name, raw := range hostileMails() {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) { bench(b, []byte(raw)) })
	}
}
