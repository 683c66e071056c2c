package mailauth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"mxdesk/internal/address"
	"mxdesk/internal/mailauth/dnstest"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	goodIP = "192.0.2.1"
	badIP  = "198.51.100.9"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// simple is a mail without a signature.
func simple(from string) string {
	return "From: " + from + "\r\nTo: support@desk.example\r\nSubject: Printer\r\n" +
		"Date: Fri, 01 May 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\nIt burns.\r\n"
}

func input(raw, ip, helo, from string) Input {
	in := Input{Helo: helo, Content: strings.NewReader(raw), Now: now}
	in.Header = message.ReadHeader(in.Content, message.Limits{})
	if ip != "" {
		in.ClientIP = netip.MustParseAddr(ip)
	}
	if from != "" {
		a, err := address.Parse(from)
		if err != nil {
			panic(err)
		}
		in.MailFrom = a
	}
	return in
}

// testKey is the Ed25519 key that signs in these tests.
var testKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func edRecord(extra string) string {
	return "v=DKIM1; k=ed25519; " + extra + "p=" + base64.StdEncoding.EncodeToString(testKey.Public().(ed25519.PublicKey))
}

func rsaKey(t testing.TB, bits int) (*rsa.PrivateKey, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key, recordOf(t, &key.PublicKey)
}

func recordOf(t testing.TB, key *rsa.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return "v=DKIM1; p=" + base64.StdEncoding.EncodeToString(der)
}

func sign(t testing.TB, raw, domain string, change ...func(*dkim.SignOptions)) string {
	t.Helper()
	o := &dkim.SignOptions{
		Domain: domain, Selector: "s", Signer: testKey, Hash: crypto.SHA256,
		HeaderKeys:             []string{"From", "To", "Subject", "Date", "Message-ID", "From"},
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	}
	for _, c := range change {
		c(o)
	}
	var b bytes.Buffer
	if err := dkim.Sign(&b, strings.NewReader(raw), o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// check checks a mail, and once more with the answers remembered: that must not
// make a difference.
func check(t testing.TB, zone dnstest.Zone, in Input) ticketstore.Verdict {
	t.Helper()
	s := dnstest.New(t, zone)
	c := New(Config{AuthservID: "desk.example", Resolver: NewResolver([]string{s.Addr})})
	v := c.Check(t.Context(), in)
	if diff := cmp.Diff(v, c.Check(t.Context(), in)); diff != "" {
		t.Errorf("with the answers remembered (-asked, +remembered):\n%s", diff)
	}
	return v
}

func TestCheck(t *testing.T) {
	const spfGood, reject = "v=spf1 ip4:" + goodIP + " -all", "v=DMARC1; p=reject"
	joe := simple("Joe <joe@example.com>")
	signed := sign(t, joe, "example.com")
	txt := func(s string) dnstest.Records { return dnstest.Records{TXT: []string{s}} }
	servfail := dnstest.Records{Fail: dnstest.ServFail}
	key := txt(edRecord(""))

	tests := []struct {
		name                   string
		zone                   dnstest.Zone
		raw, ip, helo, from    string
		auth                   ticketstore.Auth
		spf, dkim, dmarc, want string // dkim of the first signature; want is the policy
	}{
		{"nothing published", nil, joe, goodIP, "h.example.com", "joe@example.com", "none", "none", "", "none", ""},
		{"SPF pass, no DMARC", dnstest.Zone{"example.com": txt(spfGood)}, joe, goodIP, "h", "joe@example.com", "aligned", "pass", "", "none", ""},
		{"SPF fail, no DMARC", dnstest.Zone{"example.com": txt(spfGood)}, joe, badIP, "h", "joe@example.com", "fail", "fail", "", "none", ""},
		{"SPF softfail, no DMARC", dnstest.Zone{"example.com": txt("v=spf1 ~all")}, joe, badIP, "h", "joe@example.com", "none", "softfail", "", "none", ""},
		{"SPF neutral", dnstest.Zone{"example.com": txt("v=spf1 ?all")}, joe, badIP, "h", "joe@example.com", "none", "neutral", "", "none", ""},
		{"SPF permerror", dnstest.Zone{"example.com": txt("v=spf1 nonsense")}, joe, goodIP, "h", "joe@example.com", "none", "permerror", "", "none", ""},
		{"SPF server fails", dnstest.Zone{"example.com": servfail}, joe, goodIP, "h", "joe@example.com", "temperror", "temperror", "", "none", ""},
		{"SPF server refuses", dnstest.Zone{"example.com": {Fail: dnstest.Refused}}, joe, goodIP, "h", "joe@example.com", "temperror", "temperror", "", "none", ""},
		{"null sender, HELO passes and is aligned", dnstest.Zone{"mx.example.com": txt(spfGood)}, joe, goodIP, "mx.example.com", "", "aligned", "pass", "", "none", ""},
		{"null sender, HELO is no name", nil, joe, goodIP, "[192.0.2.1]", "", "none", "none", "", "none", ""},
		{"null sender, HELO is junk", nil, joe, goodIP, "a b;c", "", "none", "none", "", "none", ""},
		{"SPF pass of a stranger", dnstest.Zone{"other.example": txt(spfGood)}, joe, goodIP, "h", "x@other.example", "none", "pass", "", "none", ""},
		{"quoted @ chooses no domain", dnstest.Zone{"example.com": txt(spfGood), "evil.example": txt("v=spf1 -all")}, joe, goodIP, "h", `"joe@example.com"@evil.example`, "fail", "fail", "", "none", ""},
		{"SPF of a subdomain, no DMARC", dnstest.Zone{"b.example.com": txt(spfGood)}, joe, goodIP, "h", "x@b.example.com", "aligned", "pass", "", "none", ""},
		{"public suffix in common", dnstest.Zone{"evil.co.uk": txt(spfGood)}, simple("joe@bank.co.uk"), goodIP, "h", "x@evil.co.uk", "none", "pass", "", "none", ""},
		{"private suffix in common, record there", dnstest.Zone{"evil.github.io": txt(spfGood), "_dmarc.github.io": txt(reject)}, simple("joe@bank.github.io"), goodIP, "h", "x@evil.github.io", "fail", "pass", "", "fail", "reject"},
		{"psd=n overrules the private suffix", dnstest.Zone{"a.github.io": txt(spfGood), "_dmarc.github.io": txt(reject + "; psd=n")}, simple("joe@github.io"), goodIP, "h", "x@a.github.io", "aligned", "pass", "", "pass", "reject"},
		{"no client address", dnstest.Zone{"example.com": txt(spfGood)}, joe, "", "", "joe@example.com", "none", "none", "", "none", ""},

		{"DKIM pass, no DMARC", dnstest.Zone{"s._domainkey.example.com": key}, signed, badIP, "h", "x@other.example", "aligned", "none", "pass", "none", ""},
		{"DKIM pass, DMARC", dnstest.Zone{"s._domainkey.example.com": key, "_dmarc.example.com": txt(reject)}, signed, badIP, "h", "x@other.example", "aligned", "none", "pass", "pass", "reject"},
		{"DKIM pass of a stranger, DMARC", dnstest.Zone{"s._domainkey.evil.example": key, "_dmarc.example.com": txt(reject)}, sign(t, joe, "evil.example"), badIP, "h", "x@evil.example", "fail", "none", "pass", "fail", "reject"},
		{"DKIM pass of a stranger, no DMARC", dnstest.Zone{"s._domainkey.evil.example": key}, sign(t, joe, "evil.example"), badIP, "h", "x@evil.example", "none", "none", "pass", "none", ""},
		{"body changed", dnstest.Zone{"s._domainkey.example.com": key, "_dmarc.example.com": txt("v=DMARC1; p=quarantine")}, signed + "more\r\n", badIP, "h", "", "fail", "none", "fail", "fail", "quarantine"},
		{"key server fails, DMARC", dnstest.Zone{"s._domainkey.example.com": servfail, "_dmarc.example.com": txt(reject)}, signed, badIP, "h", "", "temperror", "none", "temperror", "temperror", "reject"},
		{"key server fails, SPF passes", dnstest.Zone{"s._domainkey.example.com": servfail, "example.com": txt(spfGood), "_dmarc.example.com": txt(reject)}, signed, goodIP, "h", "x@example.com", "aligned", "pass", "temperror", "pass", "reject"},
		{"SPF server fails, DKIM passes", dnstest.Zone{"s._domainkey.example.com": key, "example.com": servfail}, signed, goodIP, "h", "x@example.com", "aligned", "temperror", "pass", "none", ""},
		{"a stranger's key server fails, DMARC", dnstest.Zone{"s._domainkey.evil.example": servfail, "_dmarc.example.com": txt(reject)}, sign(t, joe, "evil.example"), badIP, "h", "", "fail", "none", "temperror", "fail", "reject"},
		{"a stranger's SPF server fails, DMARC", dnstest.Zone{"evil.example": servfail, "_dmarc.example.com": txt(reject)}, joe, badIP, "h", "x@evil.example", "fail", "temperror", "", "fail", "reject"},
		{"a stranger's SPF server fails, no DMARC", dnstest.Zone{"evil.example": servfail}, joe, badIP, "h", "x@evil.example", "temperror", "temperror", "", "none", ""},
		{"DMARC server fails", dnstest.Zone{"_dmarc.example.com": servfail}, joe, badIP, "h", "", "temperror", "none", "", "temperror", ""},
		{"DMARC server fails, same domain passes", dnstest.Zone{"_dmarc.example.com": servfail, "s._domainkey.example.com": key}, signed, badIP, "h", "", "aligned", "none", "pass", "temperror", ""},
		{"DMARC server fails, a subdomain passes", dnstest.Zone{"_dmarc.example.com": servfail, "b.example.com": txt(spfGood)}, joe, goodIP, "h", "x@b.example.com", "temperror", "pass", "", "temperror", ""},

		{"relaxed: child signs for parent", dnstest.Zone{"s._domainkey.b.example.com": key, "_dmarc.example.com": txt(reject)}, sign(t, joe, "b.example.com"), badIP, "h", "", "aligned", "none", "pass", "pass", "reject"},
		{"strict DKIM: child does not", dnstest.Zone{"s._domainkey.b.example.com": key, "_dmarc.example.com": txt(reject + "; adkim=s")}, sign(t, joe, "b.example.com"), badIP, "h", "", "fail", "none", "pass", "fail", "reject"},
		{"strict DKIM: the same domain does", dnstest.Zone{"s._domainkey.example.com": key, "_dmarc.example.com": txt(reject + "; adkim=s; aspf=s")}, signed, badIP, "h", "", "aligned", "none", "pass", "pass", "reject"},
		{"strict SPF: child does not", dnstest.Zone{"b.example.com": txt(spfGood), "_dmarc.example.com": txt(reject + "; aspf=s")}, joe, goodIP, "h", "x@b.example.com", "fail", "pass", "", "fail", "reject"},
		{"strict SPF: a child's DNS trouble changes nothing", dnstest.Zone{"b.example.com": servfail, "_dmarc.example.com": txt(reject + "; aspf=s")}, joe, goodIP, "h", "x@b.example.com", "fail", "temperror", "", "fail", "reject"},
		{"psd=n below cuts the child off", dnstest.Zone{"s._domainkey.b.example.com": key, "_dmarc.b.example.com": txt("v=DMARC1; psd=n"), "_dmarc.example.com": txt(reject)}, sign(t, joe, "b.example.com"), badIP, "h", "", "fail", "none", "pass", "fail", "reject"},
		{"broken policy without reports does not apply", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=maybe")}, joe, badIP, "h", "", "none", "none", "", "permerror", ""},
		{"broken policy with reports means none", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=maybe; rua=mailto:a@example.com")}, joe, badIP, "h", "", "fail", "none", "", "fail", "none"},
		{"two records are none", dnstest.Zone{"_dmarc.example.com": {TXT: []string{reject, reject}}}, joe, badIP, "h", "", "none", "none", "", "none", ""},

		{"two From fields", dnstest.Zone{"s._domainkey.example.com": key, "example.com": txt(spfGood), "_dmarc.example.com": txt(reject)}, "From: ceo@example.com\r\n" + joe, goodIP, "h", "joe@example.com", "none", "pass", "", "permerror", ""},
		{"test key", dnstest.Zone{"s._domainkey.example.com": txt(edRecord("t=y; ")), "_dmarc.example.com": txt(reject)}, signed, badIP, "h", "", "fail", "none", "pass", "fail", "reject"},
		{"address literal in From", dnstest.Zone{}, simple("joe@[192.0.2.1]"), goodIP, "h", "", "none", "none", "", "none", ""},
		{"the author's domain is a public suffix itself", dnstest.Zone{"co.uk": txt(spfGood)}, simple("joe@co.uk"), goodIP, "h", "joe@co.uk", "aligned", "pass", "", "none", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := check(t, tt.zone, input(tt.raw, tt.ip, tt.helo, tt.from))
			first := ""
			if len(v.DKIM) > 0 {
				first = v.DKIM[0].Result
			}
			if v.Auth != tt.auth || v.SPF.Result != tt.spf || first != tt.dkim || v.DMARC.Result != tt.dmarc || v.DMARC.Policy != tt.want {
				t.Errorf("got  %s spf=%s dkim=%s dmarc=%s %s\nwant %s spf=%s dkim=%s dmarc=%s %s\n%+v",
					v.Auth, v.SPF.Result, first, v.DMARC.Result, v.DMARC.Policy,
					tt.auth, tt.spf, tt.dkim, tt.dmarc, tt.want, v)
			}
			if v.Authenticated != (v.Auth == ticketstore.AuthAligned) || v.Reason == "" || v.SPF.Reason == "" || v.DMARC.Reason == "" {
				t.Errorf("not explained: %+v", v)
			}
		})
	}
}

func TestNoResolver(t *testing.T) {
	v := New(Config{Resolver: NewResolver(nil)}).Check(t.Context(), input(sign(t, simple("joe@example.com"), "example.com"), goodIP, "h", "joe@example.com"))
	if v.SPF.Result != "none" || len(v.DKIM) != 0 || v.DKIM == nil || v.DMARC.Result != "none" || v.Auth != "none" || v.Reason != "no DNS configured" {
		t.Errorf("%+v", v)
	}
}

func TestTrustLoopback(t *testing.T) {
	c := New(Config{TrustLoopback: true})
	for _, tt := range []struct {
		name, raw, ip string
		want          ticketstore.Auth
	}{
		{"IPv4", simple("joe@example.com"), "127.0.0.9", "aligned"},
		{"IPv6", simple("joe@example.com"), "::1", "aligned"},
		{"IPv4 in IPv6", simple("joe@example.com"), "::ffff:127.0.0.1", "aligned"},
		{"elsewhere", simple("joe@example.com"), goodIP, "none"},
		{"no connection", simple("joe@example.com"), "", "none"},
		{"two authors", "From: a@example.com\r\n" + simple("b@example.com"), "127.0.0.1", "none"},
	} {
		v := c.Check(t.Context(), input(tt.raw, tt.ip, "h", "joe@example.com"))
		if v.Auth != tt.want || v.Authenticated != (tt.want == "aligned") || v.SPF.Result != "none" {
			t.Errorf("%s: %+v", tt.name, v)
		}
	}
	off := New(Config{}).Check(t.Context(), input(simple("joe@example.com"), "127.0.0.1", "h", ""))
	if off.Auth != "none" {
		t.Errorf("trusted without being told to: %+v", off)
	}
}

// hanging answers the names it knows and keeps every other query waiting.
type hanging map[string][]string

func (h hanging) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if v, ok := h[name]; ok {
		return v, nil
	}
	return nil, h.wait(ctx, name)
}

func (h hanging) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	return nil, h.wait(ctx, name)
}

func (h hanging) LookupNetIP(ctx context.Context, _, name string) ([]netip.Addr, error) {
	return nil, h.wait(ctx, name)
}

func (h hanging) LookupAddr(ctx context.Context, name string) ([]string, error) {
	return nil, h.wait(ctx, name)
}

func (h hanging) wait(ctx context.Context, name string) error {
	<-ctx.Done()
	return &net.DNSError{Err: "i/o timeout", Name: name, IsTimeout: true}
}

func TestOneBudgetForEverything(t *testing.T) {
	signed := sign(t, simple("joe@example.com"), "example.com")
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		in := input(signed, goodIP, "h", "joe@example.com")
		v := New(Config{Resolver: hanging{}, Budget: 3 * time.Second}).Check(t.Context(), in)
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("took %s", d)
		}
		if v.Auth != "temperror" || v.SPF.Result != "temperror" || v.DKIM[0].Result != "temperror" || v.DMARC.Result != "temperror" {
			t.Errorf("%+v", v)
		}
	})
}

func TestPassSurvivesASilentServer(t *testing.T) {
	signed := sign(t, simple("joe@example.com"), "example.com")
	synctest.Test(t, func(t *testing.T) {
		r := hanging{"s._domainkey.example.com.": {edRecord("")}}
		v := New(Config{Resolver: r}).Check(t.Context(), input(signed, goodIP, "h", "joe@example.com"))
		if v.Auth != "aligned" || v.SPF.Result != "temperror" || v.DMARC.Result != "temperror" {
			t.Errorf("%+v", v)
		}
	})
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := dnstest.New(t, dnstest.Zone{"example.com": {TXT: []string{"v=spf1 +all"}}})
	v := New(Config{Resolver: NewResolver([]string{s.Addr})}).Check(ctx, input(simple("joe@example.com"), goodIP, "h", "joe@example.com"))
	if v.Auth != "temperror" {
		t.Errorf("%+v", v)
	}
}

func TestResolverChangesServers(t *testing.T) {
	s := dnstest.New(t, dnstest.Zone{"example.com": {TXT: []string{"hello"}}})
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := closed.LocalAddr().String()
	closed.Close()
	r := NewResolver([]string{gone, s.Addr})
	if txt, err := r.LookupTXT(t.Context(), "example.com."); err != nil || txt[0] != "hello" {
		t.Errorf("%v, %v", txt, err)
	}
	if c, ok := NewResolver([]string{"system"}).(*cache); !ok || c.r != Resolver(net.DefaultResolver) {
		t.Error("system is not the machine's resolver")
	}
}

func TestConcurrentChecks(t *testing.T) {
	s := dnstest.New(t, dnstest.Zone{
		"s._domainkey.b.example.com": {TXT: []string{edRecord("")}},
		"b.example.com":              {TXT: []string{"v=spf1 +all"}},
		"_dmarc.example.com":         {TXT: []string{"v=DMARC1; p=reject"}},
	})
	c := New(Config{Resolver: NewResolver([]string{s.Addr})})
	in := input(sign(t, simple("joe@example.com"), "b.example.com"), goodIP, "h", "joe@b.example.com")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if v := c.Check(t.Context(), in); v.Auth != "aligned" || !v.DKIM[0].Aligned {
				t.Errorf("%+v", v)
			}
		})
	}
	wg.Wait()
}

// What an administrator reads when a mail is not what its sender hoped.
func TestReasonsSayWhatIsMissing(t *testing.T) {
	zone := dnstest.Zone{
		"other.example":              {TXT: []string{"v=spf1 ip4:" + goodIP + " -all"}},
		"b.example.com":              {TXT: []string{"v=spf1 ip4:" + goodIP + " -all"}},
		"_dmarc.example.com":         {TXT: []string{"v=DMARC1; p=reject; aspf=s"}},
		"s._domainkey.other.example": {TXT: []string{edRecord("")}},
		"s._domainkey.example.com":   {TXT: []string{edRecord("t=y; ")}},
	}
	joe := simple("joe@example.com")
	for _, tt := range []struct{ name, raw, from, verdict, spf string }{
		{
			"SPF of a stranger", joe, "x@other.example",
			"neither SPF (pass, but for other.example) nor DKIM (no signature) passed for the From domain example.com; the DMARC record of example.com asks for reject",
			"the SPF record of other.example permits 192.0.2.1 (matched ip), but other.example does not speak for the From domain example.com",
		},
		{
			"strict SPF", joe, "x@b.example.com",
			"neither SPF (pass, but for b.example.com) nor DKIM (no signature) passed for the From domain example.com; the DMARC record of example.com asks for reject",
			"the SPF record of b.example.com permits 192.0.2.1 (matched ip), but the DMARC record of example.com wants the From domain example.com itself",
		},
		{
			"a stranger's signature", sign(t, joe, "other.example"), "x@none.example",
			"neither SPF (none) nor DKIM (pass, but for other.example) passed for the From domain example.com; the DMARC record of example.com asks for reject",
			"none.example publishes no SPF record",
		},
		{
			"a key in test mode", sign(t, joe, "example.com"), "x@none.example",
			"neither SPF (none) nor DKIM (pass, but with a key in test mode) passed for the From domain example.com; the DMARC record of example.com asks for reject",
			"none.example publishes no SPF record",
		},
		{
			"a broken signature, no policy", strings.Replace(sign(t, simple("joe@other.example"), "other.example"), "burns", "smokes", 1), "x@none.example",
			"neither SPF (none) nor DKIM (fail) passed for the From domain other.example; there is no DMARC policy",
			"none.example publishes no SPF record",
		},
	} {
		v := check(t, zone, input(tt.raw, goodIP, "h", tt.from))
		if v.Reason != tt.verdict || v.SPF.Reason != tt.spf {
			t.Errorf("%s:\n%s\n%s", tt.name, v.Reason, v.SPF.Reason)
		}
	}
}
