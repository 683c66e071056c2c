// Package compare reads the same mails with mxdesk's reader and with enmime,
// and measures both. It is a module of its own: nothing of mxdesk depends on
// what it compares itself with.
package compare

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/jhillyerd/enmime"

	"mxdesk/internal/message"
)

const head = "From: Ann Lee <ann@example.org>\r\nTo: help@example.com\r\nSubject: Printer on fire\r\nDate: Wed, 1 May 2024 10:00:00 +0200\r\n" +
	"Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"

// mails are what desks get most.
func mails() map[string]string {
	text := strings.Repeat("The printer on the third floor is on fire again.\r\n", 40)
	html := "<html><body>" + strings.Repeat("<div><p style=\"color: red\">The printer <b>is</b> on fire</p></div>\r\n", 200) + "</body></html>"
	file := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x7"), 1<<20))
	var lines strings.Builder
	for ; len(file) > 76; file = file[76:] {
		lines.WriteString(file[:76] + "\r\n")
	}
	return map[string]string{
		"text_2_KiB": head + "Content-Type: text/plain; charset=utf-8\r\n\r\n" + text,
		"alternative_15_KiB": head + "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text +
			"\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html + "\r\n--b--\r\n",
		"attachment_2_MiB": head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n" +
			"Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines.String() + file + "\r\n--b--\r\n",
	}
}

// BenchmarkReaders: mxdesk's figures include the split into new, quoted and
// signature, the class of the sender and the digest of each attachment, which
// enmime does not make; with "HTML" also the sanitised HTML.
func BenchmarkReaders(b *testing.B) {
	for name, raw := range mails() {
		b.Run(name+"/mxdesk", func(b *testing.B) { ours(b, raw, message.Limits{SkipHTML: true}) })
		b.Run(name+"/mxdesk_HTML", func(b *testing.B) { ours(b, raw, message.Limits{}) })
		b.Run(name+"/enmime", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := enmime.ReadEnvelope(strings.NewReader(raw)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func ours(b *testing.B, raw string, lim message.Limits) {
	c := strings.NewReader(raw)
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if m := message.Read(c, message.ReadHeader(c, lim), lim); m.Text == "" {
			b.Fatal("blank")
		}
	}
}
