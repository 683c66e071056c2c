package mailauth

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"mxdesk/internal/mailauth/dnstest"
	"mxdesk/ticketstore"
)

func TestSignatures(t *testing.T) {
	joe := simple("joe@example.com")
	strong, strongRecord := rsaKey(t, 2048)
	hugeRecord := recordOf(t, &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 4103, 1), E: 65537})
	rsaSigned := func(o *dkim.SignOptions) { o.Signer = strong }
	identity := func(i string) func(*dkim.SignOptions) {
		return func(o *dkim.SignOptions) { o.Identifier = i }
	}
	tag := func(old, with string) string { return strings.Replace(sign(t, joe, "example.com"), old, with, 1) }
	expires := func(at time.Time) func(*dkim.SignOptions) {
		return func(o *dkim.SignOptions) { o.Expiration = at }
	}
	simpleForm := func(o *dkim.SignOptions) {
		o.HeaderCanonicalization, o.BodyCanonicalization = dkim.CanonicalizationSimple, dkim.CanonicalizationSimple
	}
	good := sign(t, joe, "example.com")
	unsignedFrom := strings.Replace(strings.Replace(good, "h=From:", "h=", 1), ":From;", ";", 1)
	if strings.Count(unsignedFrom, "From") != 1 {
		t.Fatal(unsignedFrom)
	}
	contentType := sign(t, "Content-Type: text/plain\r\n"+joe, "example.com", func(o *dkim.SignOptions) {
		o.HeaderKeys = []string{"From", "Content-Type"}
	})

	tests := []struct {
		name, raw, key string
		result         string
		aligned        bool
		reason         string // part of it
	}{
		{"Ed25519", good, edRecord(""), "pass", true, "is good"},
		{"RSA", sign(t, joe, "example.com", rsaSigned), strongRecord, "pass", true, ""},
		{"simple canonicalisation", sign(t, joe, "example.com", simpleForm), edRecord(""), "pass", true, ""},
		{"bare LF", strings.ReplaceAll(good, "\r\n", "\n"), edRecord(""), "pass", true, ""},
		{"bare LF, simple", strings.ReplaceAll(sign(t, joe, "example.com", simpleForm), "\r\n", "\n"), edRecord(""), "pass", true, ""},
		{"empty lines at the end", good + strings.Repeat("\r\n", 100_000), edRecord(""), "pass", true, ""},
		{"empty lines in the middle", good + strings.Repeat("\n", 100_000) + "x", edRecord(""), "fail", false, "body hash"},
		{"text at the end", good + "x\r\n", edRecord(""), "fail", false, "body hash"},
		{"subject changed", strings.Replace(good, "Printer", "Scanner", 1), edRecord(""), "fail", false, "did not verify"},
		{"second subject put on top", "Subject: [ID:0000001]\r\n" + good, edRecord(""), "policy", false, "more Subject fields"},
		{"second content type put on top", "Content-Type: text/html\r\n" + contentType, edRecord(""), "policy", false, "more Content-Type fields"},
		{"a field that nobody signed", "Reply-To: x@evil.example\r\n" + good, edRecord(""), "pass", true, ""},
		{"no key", good, "", "permerror", false, "there is no key at s._domainkey.example.com"},
		{"revoked key", good, "v=DKIM1; k=ed25519; p=", "permerror", false, "revoked"},
		{"key of another kind", good, strongRecord, "permerror", false, "another algorithm"},
		{"key for another service", good, edRecord("s=tlsrpt; "), "permerror", false, "another service"},
		{"key for another hash", good, edRecord("h=sha1; "), "permerror", false, "hash"},
		{"key is junk", good, "hello", "permerror", false, ""},
		{"key too large", sign(t, joe, "example.com", rsaSigned), hugeRecord, "policy", false, "4104 bits"},
		{"key too small", sign(t, joe, "example.com", rsaSigned), smallKey, "policy", false, "512 bits"},
		{"key in test mode", good, edRecord("t=y; "), "pass", false, "test mode"},
		{"key in test mode, two flags", good, edRecord("t=s : y; "), "pass", false, "test mode"},
		{"t=s, identity is the domain", sign(t, joe, "example.com", identity("joe@example.com")), edRecord("t=s; "), "pass", true, ""},
		{"t=s, identity in a subdomain", sign(t, joe, "example.com", identity("joe@b.example.com")), edRecord("t=s; "), "permerror", false, "t=s"},
		{"identity in a subdomain", sign(t, joe, "example.com", identity("joe@b.example.com")), edRecord(""), "pass", true, ""},
		{"identity elsewhere", sign(t, joe, "example.com", identity("joe@evilexample.com")), edRecord(""), "permerror", false, "identity"},
		{"identity in upper case, t=s", sign(t, joe, "EXAMPLE.com", identity("joe@EXAMPLE.com")), edRecord("t=s; "), "pass", true, ""},
		{"l=", tag(" d=", " l=5; d="), edRecord(""), "policy", false, "l="},
		{"l= whatever its value", tag(" d=", " l = ; d="), edRecord(""), "policy", false, "l="},
		{"expired", sign(t, joe, "example.com", expires(now.Add(-time.Hour))), edRecord(""), "permerror", false, "expired"},
		{"not yet expired", sign(t, joe, "example.com", expires(now.AddDate(100, 0, 0))), edRecord(""), "pass", true, ""},
		{"rsa-sha1", tag("ed25519-sha256", "rsa-sha1"), edRecord(""), "permerror", false, "RFC 8301"},
		{"no version", tag("v=1", "w=1"), edRecord(""), "permerror", false, "version"},
		{"a tag twice", tag(" d=", " d=example.com; d="), edRecord(""), "permerror", false, "twice"},
		{"domain is junk", tag("d=example.com", "d=exa mple..com"), edRecord(""), "permerror", false, "names no domain"},
		{"selector is junk", tag("s=s;", "s=..;"), edRecord(""), "permerror", false, "selector"},
		{"endless h=", tag("h=From", "h="+strings.Repeat("a:", 300)+"From"), edRecord(""), "permerror", false, "header fields"},
		{"From is not signed", unsignedFrom, edRecord(""), "permerror", false, "From field is not signed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			zone := dnstest.Zone{}
			if tt.key != "" {
				zone["s._domainkey.example.com"] = dnstest.Records{TXT: []string{tt.key}}
			}
			v := check(t, zone, input(tt.raw, badIP, "h", ""))
			if len(v.DKIM) != 1 {
				t.Fatalf("%+v", v.DKIM)
			}
			got := v.DKIM[0]
			if got.Result != tt.result || got.Aligned != tt.aligned || !strings.Contains(got.Reason, tt.reason) || got.Reason == "" {
				t.Errorf("got %+v, want %s %v %q", got, tt.result, tt.aligned, tt.reason)
			}
			if (v.Auth == ticketstore.AuthAligned) != tt.aligned {
				t.Errorf("auth %s", v.Auth)
			}
		})
	}
}

// smallKey is a public key of 512 bits, made for this test and kept nowhere.
const smallKey = "v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAPFurhKejsudOXctpxXF9BxeINHSm4+VAUvyo5qnhJ6R8KCFerdpjRhyVWI8g085lVEhLDUPU0dw8GaDohAFRMcCAwEAAQ=="

// A field whose name other readers take for From must not lend its signature
// to the From field that we read.
func TestDisguisedFromIsNotVerified(t *testing.T) {
	good := sign(t, simple("joe@example.com"), "example.com")
	for _, name := range []string{"From\u00a0", "From\u0085", "From\v", "From\f", "\u00a0From"} {
		raw := strings.Replace(good, "\r\nFrom:", "\r\n"+name+":", 1)
		if raw == good {
			t.Fatal("the mail has no From field to disguise")
		}
		v := check(t, dnstest.Zone{"s._domainkey.example.com": {TXT: []string{edRecord("")}}},
			input("From: ceo@example.com\r\n"+raw, badIP, "h", ""))
		if v.Auth == ticketstore.AuthAligned || v.DKIM[0].Result == "pass" {
			t.Errorf("%q: %+v", name, v)
		}
	}
}

func TestManySignatures(t *testing.T) {
	raw := simple("joe@example.com")
	zone := dnstest.Zone{"s._domainkey.example.com": {TXT: []string{edRecord("")}}}
	raw = sign(t, raw, "example.com") // ends up at the bottom
	for i := range 7 {
		d := fmt.Sprintf("list%d.example", i)
		zone["s._domainkey."+d] = dnstest.Records{TXT: []string{edRecord("")}}
		raw = sign(t, raw, d)
	}
	v := check(t, zone, input(raw, badIP, "h", ""))
	var got []string
	for _, d := range v.DKIM {
		got = append(got, d.Result+" "+d.Domain)
	}
	want := []string{"pass list6.example", "pass list5.example", "pass list4.example", "pass list3.example", "pass example.com", "neutral "}
	if !slices.Equal(got, want) || v.Auth != "aligned" {
		t.Errorf("%s %q", v.Auth, got)
	}
	if last := v.DKIM[5].Reason; !strings.Contains(last, "3 more") {
		t.Error(last)
	}
}

// A header made to cost time changes nothing about the signature in it.
func TestHostileHeaders(t *testing.T) {
	good := sign(t, simple("joe@example.com"), "example.com")
	for name, extra := range map[string]string{
		"many fields":     strings.Repeat("A: b\r\n", 9_000),
		"one long fold":   "A: b\r\n" + strings.Repeat(" x\r\n", 50_000),
		"many signatures": strings.Repeat("DKIM-Signature: v=1\r\n", 5_000),
		"one long list":   "DKIM-Signature: v=1; h=" + strings.Repeat("a:", 100_000) + "\r\n",
		"many tags":       "DKIM-Signature: v=1; " + strings.Repeat("a=b;", 50_000) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			v := check(t, dnstest.Zone{"s._domainkey.example.com": {TXT: []string{edRecord("")}}},
				input(extra+good, badIP, "h", ""))
			if v.Auth != ticketstore.AuthAligned || len(v.DKIM) > maxSignatures+1 {
				t.Errorf("%s: %d results", v.Auth, len(v.DKIM))
			}
		})
	}
}

// broken fails to read behind an offset.
type broken struct {
	*strings.Reader
	from int64
}

var errDisk = errors.New("disk trouble")

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.from {
		return 0, errDisk
	}
	return b.Reader.ReadAt(p, off)
}

// A mail that cannot be read is nobody's fault, and no goroutine may stay
// behind: goleak watches the whole package.
func TestUnreadableContent(t *testing.T) {
	raw := simple("joe@example.com") + strings.Repeat("line\r\n", 100_000)
	raw = sign(t, sign(t, raw, "example.com"), "example.com")
	in := input(raw, badIP, "h", "")
	in.Content = broken{strings.NewReader(raw), 200_000}
	v := check(t, dnstest.Zone{"s._domainkey.example.com": {TXT: []string{edRecord("")}}}, in)
	if v.Auth != "temperror" || v.DKIM[0].Result != "temperror" || v.DKIM[1].Result != "temperror" {
		t.Errorf("%+v", v)
	}
	if !strings.Contains(v.DKIM[0].Reason, errDisk.Error()) {
		t.Error(v.DKIM[0].Reason)
	}
}
