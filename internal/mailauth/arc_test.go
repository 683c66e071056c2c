package mailauth

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"mxdesk/internal/mailauth/dnstest"
	"mxdesk/ticketstore"
)

// sealed puts a set on top of a mail as RFC 8617 §5.1 says, written from the
// text of the mail and not from what our reader makes of it. change may alter
// the three fields before they are signed, in this order: results, message
// signature, seal.
func sealed(raw, domain string, n int, change ...func(fields *[3]string)) string {
	head, text, _ := strings.Cut(raw, "\r\n\r\n")
	bodySum := sha256.Sum256([]byte(text))
	cv := "pass"
	if n == 1 {
		cv = "none"
	}
	fields := [3]string{
		fmt.Sprintf("ARC-Authentication-Results: i=%d; %s; spf=pass", n, domain),
		fmt.Sprintf("ARC-Message-Signature: i=%d; a=ed25519-sha256; c=simple/simple; d=%s; s=s;\r\n\th=from:subject; bh=%s; b=",
			n, domain, base64.StdEncoding.EncodeToString(bodySum[:])),
		fmt.Sprintf("ARC-Seal: i=%d; a=ed25519-sha256; cv=%s; d=%s; s=s; b=", n, cv, domain),
	}
	for _, c := range change {
		c(&fields)
	}
	line := func(name string) string {
		for l := range strings.SplitSeq(head, "\r\n") {
			if strings.HasPrefix(l, name+":") {
				return l + "\r\n"
			}
		}
		return ""
	}
	fields[1] += signText(fields[1], line("From")+line("Subject")+fields[1])
	data := ""
	for i := 1; i < n; i++ {
		data += relaxedSet(head, i)
	}
	data += relax(fields[0]) + relax(fields[1]) + strings.TrimSuffix(relax(fields[2]), "\r\n")
	fields[2] += signText(fields[2], data)
	return fields[2] + "\r\n" + fields[1] + "\r\n" + fields[0] + "\r\n" + raw
}

// relax is the relaxed form of a field that has single blanks already.
func relax(field string) string {
	name, value, _ := strings.Cut(field, ":")
	return strings.ToLower(name) + ":" + strings.Join(strings.Fields(value), " ") + "\r\n"
}

// relaxedSet finds a set in a header.
func relaxedSet(head string, n int) (set string) {
	unfolded := strings.ReplaceAll(head, "\r\n\t", " ")
	for _, name := range []string{arcResults, arcMessage, arcSeal} {
		for l := range strings.SplitSeq(unfolded, "\r\n") {
			if strings.HasPrefix(l, fmt.Sprintf("%s: i=%d;", name, n)) {
				set += relax(l)
			}
		}
	}
	return set
}

func signText(field, data string) string {
	sum := sha256.Sum256([]byte(data))
	if strings.Contains(field, "a=rsa-sha256") {
		sig, err := rsa.SignPKCS1v15(nil, arcRSA, crypto.SHA256, sum[:])
		if err != nil {
			panic(err)
		}
		return base64.StdEncoding.EncodeToString(sig)
	}
	return base64.StdEncoding.EncodeToString(ed25519.Sign(testKey, sum[:]))
}

var arcRSA = func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return k
}()

func TestARCChains(t *testing.T) {
	joe := simple("joe@example.com")
	replace := func(i int, old, with string) func(*[3]string) {
		return func(f *[3]string) {
			if !strings.Contains(f[i], old) {
				panic(old)
			}
			f[i] = strings.Replace(f[i], old, with, 1)
		}
	}
	one := sealed(joe, "list.example", 1)
	two := sealed("Subject: moved\r\n"+strings.Replace(one, "Subject: Printer\r\n", "", 1)+"footer\r\n", "other.example", 2)
	many := joe
	for n := range maxSets + 1 {
		many = sealed(many, "list.example", n+1)
	}
	zone := dnstest.Zone{
		"s._domainkey.list.example":  {TXT: []string{edRecord("")}},
		"s._domainkey.other.example": {TXT: []string{edRecord("")}},
		"s._domainkey.rsa.example":   {TXT: []string{recordOf(t, &arcRSA.PublicKey)}},
		"s._domainkey.down.example":  {Fail: dnstest.ServFail},
	}
	s := dnstest.New(t, zone)
	c := New(Config{Resolver: NewResolver([]string{s.Addr})})
	for _, tt := range []struct{ name, raw, result, reason string }{
		{"no chain", joe, "none", ""},
		{"one set", one, "pass", "1 sets, the last by list.example; it does not count as authentication"},
		{"RSA", sealed(joe, "rsa.example", 1, replace(1, "ed25519", "rsa"), replace(2, "ed25519", "rsa")), "pass", ""},
		{"two sets, the mail changed between them", two, "pass", "2 sets, the last by other.example"},
		{"the mail changed after the last", one + "footer\r\n", "fail", "the message signature number 1 of list.example: the body"},
		{"the subject changed after the last", strings.Replace(one, "Printer", "Scanner", 1), "fail", "the header"},
		{"the results changed", strings.Replace(one, "spf=pass", "spf=fail", 1), "fail", "the seal number 1 of list.example"},
		{"older results changed", strings.Replace(two, "list.example; spf=pass", "list.example; spf=fail", 1), "fail", "the seal number 2"},
		{"older message signature dropped", strings.Replace(two, "ARC-Message-Signature: i=1", "X: i=1", 1), "fail", "number 1 is not complete"},
		{"the first set dropped", sealed(joe, "list.example", 2), "fail", "number 1 is not complete"},
		{"a set twice", sealed(one, "list.example", 1), "fail", "there are two"},
		{"number 0", sealed(joe, "list.example", 0), "fail", "no number"},
		{"number 51", sealed(joe, "list.example", 51), "fail", "no number"},
		{"number +1", sealed(joe, "list.example", 1, replace(2, "i=1", "i=+1")), "fail", "not complete"},
		{"the newest found it broken", sealed(one, "other.example", 2, replace(2, "cv=pass", "cv=fail")), "fail", "other.example found it broken"},
		{"the first says pass", sealed(joe, "list.example", 1, replace(2, "cv=none", "cv=pass")), "fail", "instead of none"},
		{"the second says none", sealed(one, "other.example", 2, replace(2, "cv=pass", "cv=none")), "fail", "instead of pass"},
		{"a seal with a list of fields", sealed(joe, "list.example", 1, replace(2, "s=s;", "s=s; h=from;")), "fail", "list of fields"},
		{"a message signature over a seal", sealed(joe, "list.example", 1, replace(1, "h=from", "h=arc-seal:from")), "fail", "it signs a seal"},
		{"From is not signed", sealed(joe, "list.example", 1, replace(1, "h=from:", "h=")), "fail", "From field is not signed"},
		{"a part of the body", sealed(joe, "list.example", 1, replace(1, "h=from", "l=1; h=from")), "fail", "(l=)"},
		{"rsa-sha1", sealed(joe, "list.example", 1, replace(2, "ed25519-sha256", "rsa-sha1")), "fail", "not accepted"},
		{"no key", sealed(joe, "nowhere.example", 1), "fail", "there is no key"},
		{"DNS fails", sealed(joe, "down.example", 1), "temperror", "DNS failed"},
		{"longer than is evaluated", many, "none", "a chain of 21 sets, not evaluated"},
	} {
		v := c.Check(t.Context(), input(tt.raw, "", "", ""))
		if v.ARC.Result != tt.result || !strings.Contains(v.ARC.Reason, strings.TrimPrefix(tt.reason, "a chain")) {
			t.Errorf("%s: %+v", tt.name, v.ARC)
		}
		if v.Auth != ticketstore.AuthNone {
			t.Errorf("%s: the chain changed the verdict to %s", tt.name, v.Auth)
		}
	}
}

// Whatever is changed in a chain, be it one octet, breaks it.
func TestARCChainHoldsEveryOctet(t *testing.T) {
	raw := sealed(sealed(simple("joe@example.com"), "list.example", 1), "other.example", 2)
	s := dnstest.New(t, dnstest.Zone{"*": {TXT: []string{edRecord("")}}})
	d := dns{NewResolver([]string{s.Addr})}
	end := strings.Index(raw, "\r\nFrom:")
	for i := range end {
		c := raw[i] + 1
		switch {
		case raw[i] == '\r' || raw[i] == '\n' || raw[i] == '\t' || c == ' ' || c == '=' || c == ':' || c == ';':
			continue
		case strings.HasPrefix(raw[i+1:], "==\r\n"):
			continue // two of the bits in such an octet say nothing
		}
		changed := raw[:i] + string(rune(c)) + raw[i+1:]
		if got := checkARC(t.Context(), d, newView(input(changed, "", "", ""))); got.Result == "pass" {
			t.Errorf("octet %d: %q became %q: %+v", i, raw[i], c, got)
		}
	}
	if got := checkARC(t.Context(), d, newView(input(raw, "", "", ""))); got.Result != "pass" {
		t.Errorf("unchanged: %+v", got)
	}
}

func TestARCLookupsAreBounded(t *testing.T) {
	raw := simple("joe@example.com")
	for n := range maxSets {
		raw = sealed(raw, fmt.Sprintf("d%d.example", n), n+1)
	}
	s := dnstest.New(t, dnstest.Zone{"*": {TXT: []string{edRecord("")}}})
	got := checkARC(t.Context(), dns{NewResolver([]string{s.Addr})}, newView(input(raw, "", "", "")))
	if n := len(s.Queries()); got.Result != "pass" || n != maxSets {
		t.Errorf("%+v after %d queries", got, n)
	}
}

func TestARCResultOfARelayIsNoted(t *testing.T) {
	c := relayChecker(t)
	raw := says + "arc=pass\r\n" + fromBad + sealed(simple("joe@example.com"), "nowhere.example", 1)
	v := c.Check(t.Context(), relayed(raw, relayIP, relayIP, "joe@example.com"))
	if v.ARC.Result != "pass" || !strings.Contains(v.ARC.Reason, "according to relay") || v.Authenticated {
		t.Errorf("%+v", v)
	}
	v = c.Check(t.Context(), relayed(raw, badIP, badIP, "joe@example.com"))
	if v.ARC.Result != "fail" {
		t.Errorf("%+v", v)
	}
}

func FuzzChain(f *testing.F) {
	s := dnstest.New(f, dnstest.Zone{"*": {TXT: []string{edRecord("")}}})
	d := dns{NewResolver([]string{s.Addr})}
	one := sealed(simple("joe@example.com"), "list.example", 1)
	own, _, _ := strings.Cut(one, "From:")
	f.Add(own)
	f.Add("ARC-Seal: i=1; cv=none; a=rsa-sha256; d=a.example; s=s; b=AA==\r\nARC-Message-Signature: i=1\r\n")
	f.Add("ARC-Seal: i=50; i=1\r\nARC-Authentication-Results: i = 50 ; x\r\n")
	f.Fuzz(func(t *testing.T, fields string) {
		got := checkARC(t.Context(), d, newView(input(fields+simple("joe@example.com"), "", "", "")))
		switch got.Result {
		case "pass":
			// Nobody but the holder of the key makes a chain.
			if !strings.Contains(strings.Join(strings.Fields(fields), ""), "d=list.example") {
				t.Fatalf("%q: %+v", fields, got)
			}
		case "fail", "none", "temperror":
		default:
			t.Fatalf("%q: %+v", fields, got)
		}
	})
}
