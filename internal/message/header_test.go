package message

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/address"
)

// crlf writes a mail with the line ends of the wire.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func header(raw string) *Header { return ReadHeader(strings.NewReader(raw), Limits{}) }

func TestReadHeader(t *testing.T) {
	h := header(crlf(`From: =?utf-8?Q?J=C3=B6rg?= <joerg@example.org>
To: a@example.org, "B, C" <b@example.org>
Cc: c@example.org
Reply-To: d@example.org
Subject: =?iso-8859-1?Q?caf=E9?= and
 more
Date: Mon, 02 Jan 2023 15:04:05 +0100
Message-ID: <1@example.org>
In-Reply-To: <0@example.org>
References: <x@example.org>
 <0@example.org>

body
`))
	if h.FromErr != nil || h.From.Name != "Jörg" || h.From.Address.String() != "joerg@example.org" {
		t.Errorf("From = %v, %v", h.From, h.FromErr)
	}
	if h.Subject != "café and more" {
		t.Errorf("Subject = %q", h.Subject)
	}
	if len(h.To) != 2 || h.To[1].Name != "B, C" || len(h.Cc) != 1 || len(h.ReplyTo) != 1 {
		t.Errorf("To %v, Cc %v, Reply-To %v", h.To, h.Cc, h.ReplyTo)
	}
	if want := time.Date(2023, 1, 2, 14, 4, 5, 0, time.UTC); !h.Date.Equal(want) {
		t.Errorf("Date = %v, want %v", h.Date, want)
	}
	if d := cmp.Diff([]string{"x@example.org", "0@example.org"}, h.References); d != "" || h.MessageID != "1@example.org" {
		t.Errorf("identifiers: %q %s", h.MessageID, d)
	}
	if f := h.Fields[4]; f.Raw != "Subject: =?iso-8859-1?Q?caf=E9?= and\r\n more" || f.Value != "=?iso-8859-1?Q?caf=E9?= and more" {
		t.Errorf("field = %+v", f)
	}
	if len(h.Problems) != 0 {
		t.Errorf("problems: %q", h.Problems)
	}
}

// TestFromUnclean lists headers in which two readers may see two authors: none
// of them may pass for a clean From.
func TestFromUnclean(t *testing.T) {
	const good = "From: a@example.org\n"
	for name, raw := range map[string]string{
		"blank before the colon":            "From : a@example.org\n\n",
		"tab before the colon":              "From\t: a@example.org\n\n",
		"blank before the name":             " From: a@example.org\n\n",
		"NUL in the name":                   "From\x00: a@example.org\n\n",
		"NUL in the value":                  "From: a@example.org\x00\n\n",
		"second, malformed":                 good + "From : b@example.org\n\n",
		"second, in other case":             good + "fROM: b@example.org\n\n",
		"none":                              "To: a@example.org\n\n",
		"two mailboxes":                     "From: a@example.org, b@example.org\n\n",
		"a line that is no field":           "garbage here\n" + good + "\n",
		"garbage between":                   good + "garbage here\nSubject: x\n\n",
		"leading blank line":                "\n" + good + "\n",
		"no-break space behind the name":    "From\u00a0: a@example.org\n\n",
		"lone carriage return in the field": "From: a@example.org\rFrom: b@example.org\n\n",
		"lone carriage return elsewhere":    "Subject: x\rFrom: b@example.org\n" + good + "\n",
		"header cut by its limit":           good + strings.Repeat("X-Fill: "+strings.Repeat("x", 1000)+"\n", 1100) + "\n",
		"more fields than are read":         good + strings.Repeat("a:\n", maxFields+1) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			for _, text := range []string{raw, crlf(raw)} {
				if h := header(text); h.FromErr == nil {
					t.Errorf("%q passes as %v", text[:min(len(text), 80)], h.From)
				}
			}
		})
	}
}

func TestFromClean(t *testing.T) {
	for name, raw := range map[string]string{
		"bare LF":            "From: a@example.org\nSubject: x\n\nbody",
		"lower case":         "from: a@example.org\r\n\r\n",
		"folded":             "From:\r\n A\r\n <a@example.org>\r\n\r\n",
		"mbox line":          "From a@example.org Mon Jan 2 15:04:05 2023\r\nFrom: a@example.org\r\n\r\n",
		"no body":            "From: a@example.org\r\n",
		"no line end":        "From: a@example.org",
		"Resent-From":        "Resent-From: b@example.org\r\nFrom: a@example.org\r\n\r\n",
		"From in the body":   "From: a@example.org\r\n\r\nFrom: b@example.org\r\n",
		"8-bit name":         "From: J\xf6rg <a@example.org>\r\n\r\n",
		"missing blank line": "From: a@example.org\r\nhello there\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := header(raw)
			if h.FromErr != nil || h.From.Address.String() != "a@example.org" {
				t.Errorf("From = %v, %v", h.From, h.FromErr)
			}
		})
	}
}

func TestFromErrWraps(t *testing.T) {
	if h := header("From : a@example.org\n\n"); !errors.Is(h.FromErr, address.ErrAmbiguous) {
		t.Errorf("FromErr = %v", h.FromErr)
	}
}

// TestFirstLineOfAnyLength: where the look for line ends stops, a line may end.
func TestFirstLineOfAnyLength(t *testing.T) {
	for n := 1000; n < 1050; n++ {
		fill := "X: " + strings.Repeat("x", n-3)
		for _, end := range []string{"\r\n", "\n", "\r"} {
			raw := strings.ReplaceAll(fill+"\nFrom: a@example.org\nSubject: y\n\nbody\n", "\n", end)
			if end == "\r" && n >= 1023 {
				continue // no line end in the first KiB: it is one line
			}
			if h := header(raw); h.FromErr != nil || h.Subject != "y" || raw[h.End:] != "body"+end {
				t.Errorf("%d octets and %q: From %v, subject %q, body %q", n, end, h.FromErr, h.Subject, raw[h.End:])
			}
		}
	}
}

func TestHeaderEnd(t *testing.T) {
	for name, c := range map[string]struct{ raw, body string }{
		"CRLF":                  {"A: b\r\n\r\nbody", "body"},
		"LF":                    {"A: b\n\nbody", "body"},
		"no blank line":         {"Aa: b\nbody here\nmore", "body here\nmore"},
		"no header":             {"\njust text\nand more", "just text\nand more"},
		"no body":               {"A: b\n", ""},
		"empty":                 {"", ""},
		"only a blank line":     {"\r\n", ""},
		"header of 20 KiB":      {"A: " + strings.Repeat("x\n ", 7000) + "x\n\nbody", "body"},
		"header over the limit": {strings.Repeat("X-Fill: "+strings.Repeat("x", 1000)+"\n", 1100) + "\nbody", "body"},
	} {
		t.Run(name, func(t *testing.T) {
			h := header(c.raw)
			if got := c.raw[h.End:]; got != c.body {
				t.Errorf("body = %.60q, want %.60q", got, c.body)
			}
		})
	}
}

func TestDecodeWords(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":                      {"plain", "plain"},
		"Q":                          {"=?utf-8?Q?gr=C3=BC=C3=9F_dich?=", "grüß dich"},
		"B":                          {"=?UTF-8?B?Z3LDvMOf?=", "grüß"},
		"blank between words":        {"=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"},
		"folded between words":       {"=?utf-8?Q?a?=\r\n =?utf-8?Q?b?=", "ab"},
		"adjacent":                   {"=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"},
		"text around":                {"x =?utf-8?Q?a?= y", "x a y"},
		"character over two Q words": {"=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "ü"},
		"character over two B words": {"=?utf-8?B?w+==?= =?utf-8?B?w7w=?=", "\ufffdü"},
		"group over two B words":     {"=?utf-8?B?w7?= =?utf-8?B?w=?=", "ü"},
		"other charsets":             {"=?iso-8859-1?Q?=FC?= =?utf-8?Q?=C3=BC?=", "üü"},
		"blanks within":              {"=?utf-8?Q?a b c?=", "a b c"},
		"language":                   {"=?utf-8*de?Q?a?=", "a"},
		"unknown charset":            {"=?x-nothing?Q?=FC?=", "ü"},
		"question mark within":       {"=?utf-8?Q?what?_yes?=", "what? yes"},
		"no end":                     {"=?utf-8?Q?a", "=?utf-8?Q?a"},
		"no encoding":                {"=?utf-8?X?a?=", "=?utf-8?X?a?="},
		"8-bit":                      {"caf\xe9", "café"},
		"ISO-2022-JP":                {"=?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?=", "テスト"},
		"in quotes":                  {`"=?utf-8?Q?a?="`, `"a"`},
		"not a word, then one":       {"=?= =?utf-8?Q?a?=", "=?= a"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decodeWords(c.in); got != c.want {
				t.Errorf("decodeWords(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestAppendIDs(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"one":           {"<a@b>", []string{"a@b"}},
		"folded within": {"<a@\t b>", []string{"a@b"}},
		"no brackets":   {"a@b c@d", []string{"a@b", "c@d"}},
		"commas":        {"<a@b>, <c@d>", []string{"a@b", "c@d"}},
		"words around":  {"your mail of Monday <a@b> (x)", []string{"a@b"}},
		"no end":        {"<a@b", []string{"a@b"}},
		"empty":         {"<>", nil},
		"without at":    {"<20201231.foo>", []string{"20201231.foo"}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, appendIDs(nil, c.in)); d != "" {
				t.Error(d)
			}
		})
	}
	var ids []string
	for i := range 1000 {
		ids = appendIDs(ids, "<"+strings.Repeat("x", i%10+1)+"@b>")
	}
	if len(ids) != maxIDs {
		t.Errorf("%d identifiers are kept, want %d", len(ids), maxIDs)
	}
}

func TestParseDate(t *testing.T) {
	for in, want := range map[string]string{
		"Mon, 02 Jan 2023 15:04:05 +0100":                 "2023-01-02T14:04:05Z",
		"2 Jan 2023 15:04:05 GMT":                         "2023-01-02T15:04:05Z",
		"Mon,  2 Jan 2023 15:04:05 +0100 (CET)":           "2023-01-02T14:04:05Z",
		"Mon, 2 Jan 2023 15:04:05":                        "2023-01-02T15:04:05Z",
		"2023-01-02T15:04:05Z":                            "2023-01-02T15:04:05Z",
		"Mon (today), 2 (nd) Jan 2023 15 : 04 : 05 +0100": "2023-01-02T14:04:05Z",
		"Mon, 2 Jan 2023 15.04.05 +0100":                  "2023-01-02T14:04:05Z",
		"2.1.2023 15:04:05":                               "2023-01-02T15:04:05Z",
		"yesterday":                                       "",
		"":                                                "",
		"Mon, 02 Jan 0001 15:04:05 +0100":                 "",
	} {
		got, ok := parseDate(in)
		if ok != (want != "") || ok && got.UTC().Format(time.RFC3339) != want {
			t.Errorf("parseDate(%q) = %v, %t; want %q", in, got, ok, want)
		}
	}
}

// TestBrokenWords: encoded words as programs cut and mend them.
func TestBrokenWords(t *testing.T) {
	for in, want := range map[string]string{
		"=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus?":               "Grüße aus",
		"=?utf-8?Q?Gr=C3=BC=C3=9Fe":                    "Grüße",
		"=?utf-8?B?=F0=9F=98=80_Gr=C3=BC=C3=9Fe?=":     "😀 Grüße",
		"=?utf-8?B?w7w=w6Q=?=":                         "üä",
		"=?utf-8?B?R3LDvMOfZQ":                         "Grüße",
		"=?utf-8?Q?Was_ist_das?=3F?=":                  "Was ist das??",
		"=?utf-8?Q?a?= =?utf-8?Q?b?=":                  "ab",
		"=?utf-8?Q?a b c=C3=A4?= d":                    "a b cä d",
		"=?UTF-8?B?R3LD?= =?UTF-8?B?vMOfZQ==?=":        "Grüße",
		"=?utf-8?Q?a=C3?==?utf-8?Q?=A4?=":              "aä",
		"\"=?utf-8?Q?=C3=A4?=\"":                       "\"ä\"",
		"=?nobody?Q?=E4?=":                             "ä",
		"what =?is this":                               "what =?is this",
		"=?utf-8?B?not base64":                         "=?utf-8?B?not base64",
		"=?us-ascii?Q?=C3=A4?=":                        "ä",
		"=?iso-2022-jp?B?GyRCJDMkcyRLJEEkTxsoQg==?= x": "こんにちは x",
	} {
		if got := oneLine(decodeWords(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
