package mailauth

import (
	"bytes"
	"crypto/sha256"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"mxdesk/internal/mailauth/dnstest"
)

func TestCanonicalField(t *testing.T) {
	for _, tt := range []struct{ raw, simple, relaxed string }{
		{"A: X\r\n", "A: X\r\n", "a:X\r\n"}, // RFC 6376 §3.4.5, both fields
		{"B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"},
		{"Subject: a\n b\n", "Subject: a\r\n b\r\n", "subject:a b\r\n"},
		{"X:\r\n y\r\n", "X:\r\n y\r\n", "x:y\r\n"},
		{"X:", "X:\r\n", "x:\r\n"},
		{"X:  \r\n", "X:  \r\n", "x:\r\n"},
		{"X: a:b  c", "X: a:b  c\r\n", "x:a:b c\r\n"},
	} {
		if got := canonicalField(tt.raw, false); got != tt.simple {
			t.Errorf("%q, simple: %q", tt.raw, got)
		}
		if got := canonicalField(tt.raw, true); got != tt.relaxed {
			t.Errorf("%q, relaxed: %q", tt.raw, got)
		}
	}
}

func TestWithoutSignature(t *testing.T) {
	for raw, want := range map[string]string{
		"S: a=1; b=xyz; bh=b=; c=2\r\n":      "S: a=1; b=; bh=b=; c=2\r\n",
		"S: a=1; b = x\r\n y z\r\n":          "S: a=1; b =",
		"S: b=;s=b=x":                        "S: b=;s=b=x",
		"S: bh=x":                            "S: bh=x",
		"b=x: a=1;\r\n b=\r\n  AA=\r\n;h=b;": "b=x: a=1;\r\n b=;h=b;",
	} {
		if got := withoutSignature(raw); got != want {
			t.Errorf("%q: %q", raw, got)
		}
	}
}

func TestBodyForms(t *testing.T) {
	for _, tt := range []struct{ body, simple, relaxed string }{
		{" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"}, // RFC 6376 §3.4.5
		{"", "\r\n", ""}, // RFC 6376 §3.4.3, §3.4.4
		{"\r\n\n", "\r\n", ""},
		{" \t\r\n \r\n", " \t\r\n \r\n", ""},
		{"a", "a\r\n", "a\r\n"},
		{"a\n\r\nb", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n"},
		{"a\n \t\nb ", "a\r\n \t\r\nb \r\n", "a\r\n\r\nb\r\n"},
		{"a\rb\r", "a\rb\r\r\n", "a\rb\r\r\n"},
		{"a\r\r\nb", "a\r\r\nb\r\n", "a\r\r\nb\r\n"},
		{" \r", " \r\r\n", " \r\r\n"},
	} {
		for relaxed, want := range map[bool]string{false: tt.simple, true: tt.relaxed} {
			sum := sha256.Sum256([]byte(want))
			for _, r := range []io.Reader{strings.NewReader(tt.body), oneByOne{strings.NewReader(tt.body)}} {
				got, err := hashBody(t.Context(), r, relaxed)
				if err != nil || !bytes.Equal(got, sum[:]) {
					t.Errorf("%q, relaxed %v: not the hash of %q (%v)", tt.body, relaxed, want, err)
				}
			}
		}
	}
}

// oneByOne gives one octet at a time, so that every seam is tried.
type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }

// FuzzVerify holds our verification against another one: what the library
// signs is good here, and what was changed then is good here only if it is
// good there.
func FuzzVerify(f *testing.F) {
	f.Add("Hello\r\n", "X-A: b\r\n", uint8(0), 0, byte(0))
	f.Add(" a \t b \r\n\r\n\r\n", "Subject : x\r\n y\r\n", uint8(1), 3, byte(' '))
	f.Add("", "", uint8(2), 200, byte('\n'))
	f.Add("a\r\n \r\n", "To: x\r\n", uint8(3), 400, byte('\t'))
	forms := []dkim.Canonicalization{dkim.CanonicalizationSimple, dkim.CanonicalizationRelaxed}
	s := dnstest.New(f, dnstest.Zone{"s._domainkey.example.com": {TXT: []string{edRecord("")}}})
	d := dns{NewResolver([]string{s.Addr})}
	f.Fuzz(func(t *testing.T, body, fields string, form uint8, at int, change byte) {
		raw := crlf(fields) + simple("joe@example.com") + crlf(body)
		var b bytes.Buffer
		if dkim.Sign(&b, strings.NewReader(raw), &dkim.SignOptions{
			Domain: "example.com", Selector: "s", Signer: testKey,
			HeaderKeys:             []string{"From", "Subject", "To", "X-A"},
			HeaderCanonicalization: forms[form&1], BodyCanonicalization: forms[form>>1&1],
		}) != nil {
			t.Skip("the library does not sign this")
		}
		signed := b.String()
		good := func(raw string) bool {
			v := newView(input(raw, "", "", ""))
			list := checkDKIM(t.Context(), d, v, "example.com")
			return len(list) > 0 && list[len(list)-1].result == resultPass
		}
		theirs := func(raw string) bool {
			list, err := dkim.VerifyWithOptions(strings.NewReader(raw), &dkim.VerifyOptions{
				LookupTXT: func(string) ([]string, error) { return []string{edRecord("")}, nil },
			})
			return err == nil && len(list) == 1 && list[0].Err == nil
		}
		if !strings.Contains(raw, "\r\n\r\n") || !theirs(signed) {
			t.Skip("the library reads back something else than it signed")
		}
		if in := input(signed, "", "", ""); in.Header.FromErr == nil && !good(signed) && newView(in).added(newView(in).all[0]) == "" {
			t.Fatalf("not good: %q", signed)
		}
		if at >= 0 && at < len(signed) {
			changed := signed[:at] + string(rune(change&0x7f)) + signed[at+1:]
			h := input(crlf(changed), "", "", "").Header
			sure := h.FromErr == nil // else nobody is authenticated
			// Without a blank line the body begins at the first line that is no field:
			// all that was signed is as it was. The library reads no such mail.
			split := !slices.Contains(h.Problems, "the blank line between header and body is missing")
			if sure && split && good(crlf(changed)) && !theirs(crlf(changed)) {
				t.Fatalf("good here only: %q", crlf(changed))
			}
		}
	})
}

// crlf makes every line end CRLF and leaves no other CR.
func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r", ""), "\n", "\r\n")
}
