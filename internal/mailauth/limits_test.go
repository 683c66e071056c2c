package mailauth

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"mxdesk/internal/mailauth/dnstest"
	"mxdesk/ticketstore"
)

// The tests in this file are each named after something that a library for
// mail authentication is known to get wrong.

// verified is the outcome of the only signature of a mail.
func verified(t *testing.T, raw, record string) ticketstore.DKIMResult {
	t.Helper()
	v := check(t, dnstest.Zone{"s._domainkey.example.com": {TXT: []string{record}}}, input(raw, badIP, "h", ""))
	if len(v.DKIM) != 1 {
		t.Fatalf("%+v", v.DKIM)
	}
	if v.DKIM[0].Aligned != v.Authenticated {
		t.Errorf("%+v", v)
	}
	return v.DKIM[0]
}

// Whatever two readers could take for different authors is nobody: not for SPF,
// not for a good signature, not for a relay.
func TestOnlyOneCertainAuthorIsAuthenticated(t *testing.T) {
	c := relayChecker(t)
	const rest = "Subject: x\r\n\r\nText.\r\n"
	for _, tt := range []struct {
		name, from string
		certain    bool
	}{
		{"one", "From: joe@example.com\r\n", true},
		{"one with a name", "From: \"Joe, of Sales\" <joe@example.com>\r\n", true},
		{"an encoded name", "From: =?utf-8?q?J=C3=B6rg?= <joe@example.com>\r\n", true},
		{"none", "", false},
		{"empty", "From:\r\n", false},
		{"two fields", "From: joe@example.com\r\nFrom: ann@example.com\r\n", false},
		{"two fields, the same", "From: joe@example.com\r\nfrom: joe@example.com\r\n", false},
		{"two authors", "From: joe@example.com, ann@example.com\r\n", false},
		{"a blank before the name", "Subject: y\r\n From: x@example.org\r\nFrom: joe@example.com\r\n", true}, // belongs to Subject
		{"a blank before the only name", " From: joe@example.com\r\n", false},
		{"a blank behind the name", "From : joe@example.com\r\n", false},
		{"both with and without the blank", "From : ann@example.com\r\nFrom: joe@example.com\r\n", false},
		{"a space that some readers drop", "From\u00a0: ann@example.com\r\nFrom: joe@example.com\r\n", false},
		{"a control character in the name", "Fr\x01om: ann@example.com\r\nFrom: joe@example.com\r\n", false},
		{"a group", "From: Staff: joe@example.com;\r\n", false},
		{"an empty group", "From: undisclosed:;\r\n", false},
		{"a route", "From: <@relay.example:joe@example.com>\r\n", false},
		{"an encoded word in the address", "From: =?utf-8?q?joe?=@example.com\r\n", false},
		{"an encoded word as the address", "From: =?utf-8?q?joe=40example.com?=\r\n", false},
		{"NUL in the address", "From: jo\x00e@example.com\r\n", false},
		{"NUL behind the address", "From: joe@example.com\x00.evil.example\r\n", false},
		{"an address as the name, unquoted", "From: ann@example.com <joe@example.com>\r\n", false},
		{"two in brackets", "From: <joe@example.com> <ann@example.com>\r\n", false},
		{"a line that is no field before it", "junk\r\nFrom: joe@example.com\r\n", false},
	} {
		raw := tt.from + rest
		for _, over := range []string{relayIP, goodIP} {
			mail := raw
			if over == relayIP {
				mail = says + "dmarc=pass header.from=example.com; spf=pass smtp.mailfrom=example.com\r\n" + fromGood + raw
			}
			v := c.Check(t.Context(), relayed(mail, over, over, "joe@example.com"))
			if v.Authenticated != tt.certain {
				t.Errorf("%s, from %s: %s, %s", tt.name, over, v.Auth, v.Reason)
			}
			if v.SPF.Result != "pass" {
				t.Errorf("%s: the envelope passes whoever the author is: %+v", tt.name, v.SPF)
			}
		}
	}
}

func TestBodyLengthIsPolicyAndNoFailure(t *testing.T) {
	raw := strings.Replace(sign(t, simple("joe@example.com"), "example.com"), " d=", " l=5; d=", 1)
	if got := verified(t, raw, edRecord("")); got.Result != "policy" || !strings.Contains(got.Reason, "l=") {
		t.Errorf("%+v", got)
	}
}

func TestKeySizesFrom1024To4096BitsCount(t *testing.T) {
	for bits, want := range map[int]string{512: "policy", 1023: "policy", 1024: "pass", 4096: "pass", 4097: "policy", 16384: "policy"} {
		record := recordOf(t, &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), bits-1, 1), E: 65537})
		_, err := parseKey(record, "rsa")
		s := &signature{tags: map[string]string{"a": "rsa-sha256"}, dkimOutcome: dkimOutcome{selector: "s", domain: "example.com"}}
		s.fetchKey(t.Context(), dns{&scripted{txt: func(context.Context, string) ([]string, error) { return []string{record}, nil }}})
		if (err == nil) != (want == "pass") || s.result != strings.TrimPrefix(want, "pass") || err != nil && !strings.Contains(s.reason, fmt.Sprint(bits)) {
			t.Errorf("%d bits: %v, %s %s", bits, err, s.result, s.reason)
		}
	}
}

func TestIdentityIsComparedWithoutCase(t *testing.T) {
	for _, i := range []string{"joe@EXAMPLE.com", "@Example.COM", "joe@sub.EXAMPLE.com", "Joe=20x@example.COM"} {
		raw := sign(t, simple("joe@example.com"), "example.com", func(o *dkim.SignOptions) { o.Identifier = i })
		if got := verified(t, raw, edRecord("")); got.Result != "pass" {
			t.Errorf("%s: %+v", i, got)
		}
	}
	raw := sign(t, simple("joe@example.com"), "Example.COM", func(o *dkim.SignOptions) { o.Identifier = "joe@eXample.com" })
	if got := verified(t, raw, edRecord("t=s; ")); got.Result != "pass" || got.Domain != "example.com" {
		t.Errorf("%+v", got)
	}
}

func TestSeveralKeysAtOneNameAreNone(t *testing.T) {
	raw := sign(t, simple("joe@example.com"), "example.com")
	v := check(t, dnstest.Zone{"s._domainkey.example.com": {TXT: []string{edRecord(""), edRecord("")}}}, input(raw, badIP, "h", ""))
	if got := v.DKIM[0]; got.Result != "permerror" || !strings.Contains(got.Reason, "2 records") {
		t.Errorf("%+v", got)
	}
}

func TestKeyFlagsAreHonoured(t *testing.T) {
	sub := func(o *dkim.SignOptions) { o.Identifier = "joe@sub.example.com" }
	joe := simple("joe@example.com")
	for _, tt := range []struct {
		flags, raw, result string
		aligned            bool
		reason             string
	}{
		{"", sign(t, joe, "example.com", sub), "pass", true, ""},
		{"t=s; ", sign(t, joe, "example.com", sub), "permerror", false, "t=s"},
		{"t=s; ", sign(t, joe, "example.com"), "pass", true, ""},
		{"t=y; ", sign(t, joe, "example.com"), "pass", false, "test mode (t=y) and does not count"},
		{"t=y:s; ", sign(t, joe, "example.com"), "pass", false, "test mode (t=y) and does not count"},
		{"t=x:z; ", sign(t, joe, "example.com"), "pass", true, ""},
	} {
		got := verified(t, tt.raw, edRecord(tt.flags))
		if got.Result != tt.result || got.Aligned != tt.aligned || !strings.Contains(got.Reason, tt.reason) {
			t.Errorf("%q: %+v", tt.flags, got)
		}
	}
}

func TestExpiryIsThatOfTheTimeTheMailCameIn(t *testing.T) {
	raw := sign(t, simple("joe@example.com"), "example.com", func(o *dkim.SignOptions) { o.Expiration = time.Now().Add(24 * time.Hour) })
	s := dnstest.New(t, dnstest.Zone{"s._domainkey.example.com": {TXT: []string{edRecord("")}}})
	c := New(Config{Resolver: NewResolver([]string{s.Addr})})
	for after, want := range map[time.Duration]string{time.Hour: "pass", 25 * time.Hour: "permerror", 10000 * time.Hour: "permerror"} {
		in := input(raw, "", "", "")
		in.Now = time.Now().Add(after)
		if got := c.Check(t.Context(), in).DKIM[0]; got.Result != want {
			t.Errorf("after %s: %+v", after, got)
		}
	}
}

func TestDNSTroubleWithAKeyIsTemporaryHoweverItIsWrapped(t *testing.T) {
	raw := sign(t, simple("joe@example.com"), "example.com")
	for _, err := range []error{
		&net.DNSError{IsTimeout: true}, &net.DNSError{IsTemporary: true}, &net.DNSError{Err: "server misbehaving"},
		fmt.Errorf("lookup: %w", &net.DNSError{IsTimeout: true}), fmt.Errorf("no network"), context.DeadlineExceeded,
		fmt.Errorf("a: %w", fmt.Errorf("b: %w", &net.DNSError{Err: "refused"})),
	} {
		r := &scripted{txt: func(context.Context, string) ([]string, error) { return nil, err }}
		r.Resolver = nothing{r}
		v := New(Config{Resolver: r}).Check(t.Context(), input(raw, goodIP, "h", "joe@example.com"))
		if v.DKIM[0].Result != "temperror" || v.SPF.Result != "temperror" || v.DMARC.Result != "temperror" || v.Auth != ticketstore.AuthTempError {
			t.Errorf("%v: %+v", err, v)
		}
	}
}

func TestSignaturesOfTheAuthorAreTakenFirst(t *testing.T) {
	raw := sign(t, simple("joe@example.com"), "example.com")
	zone := dnstest.Zone{"s._domainkey.example.com": {TXT: []string{edRecord("")}}}
	for i := range 40 {
		raw = sign(t, raw, fmt.Sprintf("list%d.example", i))
	}
	v := check(t, zone, input(raw, badIP, "h", ""))
	if !v.Authenticated || len(v.DKIM) != maxSignatures+1 || !strings.Contains(v.DKIM[maxSignatures].Reason, "36 more") {
		t.Errorf("%+v", v)
	}
}

func TestTwoPolicyRecordsAreNone(t *testing.T) {
	for name, txt := range map[string][]string{
		"the same twice": {"v=DMARC1; p=reject", "v=DMARC1; p=reject"},
		"two":            {"v=DMARC1; p=none", "v=DMARC1; p=reject"},
		"one is broken":  {"v=DMARC1; p=reject", "v=DMARC1; p=x"},
	} {
		v := check(t, dnstest.Zone{"_dmarc.example.com": {TXT: txt}}, input(simple("joe@example.com"), badIP, "h", "joe@example.com"))
		if v.DMARC.Result != "none" || v.Auth != ticketstore.AuthNone {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// FuzzSignature verifies whatever stands in a signature and in its key record.
func FuzzSignature(f *testing.F) {
	good := sign(f, simple("joe@example.com"), "example.com")
	own, _, _ := strings.Cut(strings.TrimPrefix(good, "DKIM-Signature: "), "\r\nFrom:")
	f.Add(own, edRecord(""))
	f.Add("v=1; a=rsa-sha256; d=example.com; s=s; h=from; bh=AA==; b=AA==", smallKey)
	f.Add("v=1; a=ed25519-sha256; c=relaxed; q=dns/txt:x; d=example.com; i=@a.example.com; s=s; t=1; x=2; l=0; h=from:from; bh=; b=", "k=ed25519; p=; t=s:y; h=sha1; s=*")
	f.Fuzz(func(t *testing.T, value, record string) {
		r := &scripted{txt: func(context.Context, string) ([]string, error) { return []string{record}, nil }}
		in := input("DKIM-Signature: "+strings.NewReplacer("\r", "", "\n", "\r\n\t").Replace(value)+"\r\n"+simple("joe@example.com"), "", "", "")
		for _, o := range checkDKIM(t.Context(), dns{r}, newView(in), "example.com") {
			switch o.result {
			case "pass":
				// Only what was signed with the key of these tests is good.
				public := strings.TrimPrefix(edRecord(""), "v=DKIM1; k=ed25519; p=")
				if !strings.Contains(strings.Join(strings.Fields(record), ""), public) || o.domain != "example.com" {
					t.Fatalf("%q with %q: %+v", value, record, o)
				}
			case "fail", "policy", "neutral", "temperror", "permerror":
			default:
				t.Fatalf("%q with %q: %+v", value, record, o)
			}
			if o.reason == "" || strings.ContainsFunc(o.reason, func(r rune) bool { return r < ' ' }) {
				t.Fatalf("%q with %q: the reason %q", value, record, o.reason)
			}
		}
		if n := r.asked.Load(); n > maxSignatures {
			t.Fatalf("%d questions", n)
		}
		for _, algorithm := range []string{"rsa", "ed25519"} {
			k, err := parseKey(record, algorithm)
			if (err == nil) != (k.public != nil) {
				t.Fatalf("%q: %+v, %v", record, k, err)
			}
			if public, ok := k.public.(*rsa.PublicKey); ok && (public.N.BitLen() < minKeyBits || public.N.BitLen() > maxKeyBits) {
				t.Fatalf("%q: %d bits", record, public.N.BitLen())
			}
			if err == nil && k.verifies(make([]byte, 32), []byte(base64.StdEncoding.EncodeToString([]byte(record)))) {
				t.Fatalf("%q: anything is a signature", record)
			}
		}
	})
}
