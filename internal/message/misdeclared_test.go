package message

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// Charsets that senders declare and do not write in.
func TestMisdeclared(t *testing.T) {
	const czech = "Dobrý den, přihlášení nefunguje, můj účet je zablokovaný. Děkuji, žádám o pomoc."
	for _, c := range []struct {
		name, declared, text string
		enc                  encoding.Encoding
	}{
		{"Russian as Western", "iso-8859-1", samples["Russian"], charmap.Windows1251},
		{"Russian by another page", "koi8-r", samples["Russian"], charmap.Windows1251},
		{"Russian by another page, the other way", "windows-1251", samples["Russian"], charmap.KOI8R},
		{"Chinese as Western", "windows-1252", samples["Chinese"], simplifiedchinese.GBK},
		{"Chinese of Taiwan as Western", "iso-8859-1", samples["Taiwan"], traditionalchinese.Big5},
		{"Shift_JIS as ISO-2022-JP", "iso-2022-jp", samples["Japanese"], japanese.ShiftJIS},
		{"windows-1250 as ISO 8859-2", "iso-8859-2", czech, charmap.Windows1250},
		{"dashes in ISO 8859-15", "iso-8859-15", "It’s “here” – 5 €", charmap.Windows1252},
	} {
		raw, err := c.enc.NewEncoder().String(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := decodeCharset([]byte(raw), c.declared); got != c.text {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// A true declaration is believed, however odd the text.
func TestOddTextAsDeclared(t *testing.T) {
	for _, c := range []struct {
		name, declared, text string
		enc                  encoding.Encoding
	}{
		{"Western", "iso-8859-1", samples["French"], charmap.Windows1252},
		{"a drawn line", "windows-1252", "ab " + strings.Repeat("—", 60), charmap.Windows1252},
		{"marks", "windows-1252", strings.Repeat("• ", 30), charmap.Windows1252},
		{"Russian in capitals", "windows-1251", strings.ToUpper(samples["Russian"]), charmap.Windows1251},
		{"Russian between English", "koi8-r", "The order of " + samples["Russian"] + " is late", charmap.KOI8R},
		{"numbers", "windows-1251", "№ 12, № 13 – «№ 14» – № 15 — № 16", charmap.Windows1251},
		{"capitals", "iso-8859-1", "ÄÖÜ ÉÈÊ ÀÂ ÇÑ ÅØÆ ÄÖÜ", charmap.Windows1252},
	} {
		raw, err := c.enc.NewEncoder().String(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := decodeCharset([]byte(raw), c.declared); got != c.text {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// A header whose octets are not encoded is in the charset of the text.
func TestRawHeader(t *testing.T) {
	const jis = "\x1b$B%W%j%s%?\x1b(B"
	for name, c := range map[string]struct{ raw, subject, to string }{
		"declared":            {"Subject: D\xb3ugi\nTo: \xa3ucja <l@x.org>\nContent-Type: text/plain; charset=iso-8859-2\n\nx", "Długi", "Łucja"},
		"not declared":        {"Subject: Probl\xe8me de r\xe9ception \xe0 l'\xe9tage\n\nx", "Problème de réception à l'étage", ""},
		"UTF-8 all the same":  {"Subject: Grüße\nContent-Type: text/plain; charset=iso-8859-2\n\nx", "Grüße", ""},
		"ISO-2022-JP":         {"Subject: " + jis + "\nTo: " + jis + " <p@x.org>\n\nx", "プリンタ", "プリンタ"},
		"no such declaration": {"Subject: Gr\xfc\xdfe\nContent-Type: text/plain; charset=utf-16\n\nx", "Grüße", ""},
	} {
		m := read(c.raw)
		to := ""
		if len(m.To) > 0 {
			to = m.To[0].Name
		}
		if m.Subject != c.subject || to != c.to {
			t.Errorf("%s: %q, to %q", name, m.Subject, to)
		}
	}
}

// TestHalfCharacters: what is a backslash to one reader and half of a Japanese
// character to another must not decide who wrote the mail.
func TestHalfCharacters(t *testing.T) {
	for raw, clean := range map[string]bool{
		"From: \"Ann \x95\\\" <ann@x.org>\nContent-Type: text/plain; charset=shift_jis\n\nx":           false,
		"From: \"Ann \x93\xfa\x96\x7b\" <ann@x.org>\nContent-Type: text/plain; charset=shift_jis\n\nx": true,
	} {
		if m := read(raw); (m.FromErr == nil) != clean {
			t.Errorf("%q: %v", raw, m.FromErr)
		}
	}
}
