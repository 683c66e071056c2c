package mailauth

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/address"
	"mxdesk/internal/mailauth/dnstest"
)

func TestParseRecord(t *testing.T) {
	base := record{psd: 'u'}
	with := func(change func(*record)) record {
		r := base
		change(&r)
		return r
	}
	for _, tt := range []struct {
		txt  string
		want record
		ok   bool
	}{
		{"v=DMARC1", base, true},
		{"v=DMARC1;", base, true},
		{"v = DMARC1 ; p = Reject ", with(func(r *record) { r.p = "reject" }), true},
		{"v=DMARC1; p=none; sp=quarantine; np=reject", with(func(r *record) { r.p, r.sp, r.np = "none", "quarantine", "reject" }), true},
		{"v=DMARC1; p=reject; p=none", with(func(r *record) { r.p = "reject" }), true},
		{"v=DMARC1; pct=50; ri=x; what=ever; ; =; junk; p=reject", with(func(r *record) { r.p = "reject" }), true},
		{"v=DMARC1; adkim=S; aspf=s; t=Y; psd=N", with(func(r *record) { r.strictDKIM, r.strictSPF, r.test, r.psd = true, true, true, 'n' }), true},
		{"v=DMARC1; adkim=x; aspf=; t=1; psd=maybe", base, true},
		{"v=DMARC1; p=rejct", with(func(r *record) { r.invalid = "p" }), true},
		{"v=DMARC1; p=none; sp=", with(func(r *record) { r.p, r.invalid = "none", "sp" }), true},
		{"v=DMARC1; rua=mailto:a@example.com!10m, junk", with(func(r *record) { r.reports = true }), true},
		{"v=DMARC1; rua=nobody", base, true},
		{"v=DMARC1;p=reject;\t", with(func(r *record) { r.p = "reject" }), true},
		{"", record{}, false},
		{"v=dmarc1; p=reject", record{}, false},
		{"v=DMARC2; p=reject", record{}, false},
		{"v=DMARC1p=reject", record{}, false},
		{"p=reject; v=DMARC1", record{}, false},
		{" v=DMARC1", record{}, false},
		{"v=spf1 -all", record{}, false},
	} {
		got, ok := parseRecord(tt.txt)
		if ok != tt.ok || got != tt.want {
			t.Errorf("%q: got %+v %v, want %+v %v", tt.txt, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, s := range []string{"v=DMARC1; p=reject; t=y", "v=DMARC1;;sp=;rua=mailto:a@b", "v = DMARC1;np=none;psd=y", "=;=", "v=DMARC1;" + strings.Repeat("a=b;", 300)} {
		f.Add(s)
	}
	policies := []string{"none", "quarantine", "reject"}
	f.Fuzz(func(t *testing.T, txt string) {
		r, ok := parseRecord(txt)
		if !ok {
			if r != (record{}) {
				t.Fatalf("%q: no record, yet %+v", txt, r)
			}
			return
		}
		if !strings.HasPrefix(txt, "v") || !strings.Contains(txt, "DMARC1") {
			t.Fatalf("%q is no record", txt)
		}
		for _, sub := range []bool{false, true} {
			for _, exists := range []bool{false, true} {
				got := slices.Index(policies, r.request(sub, exists))
				if got < 0 {
					t.Fatalf("%q asks for %q", txt, r.request(sub, exists))
				}
				calm := r
				calm.test = true
				if tested := slices.Index(policies, calm.request(sub, exists)); tested > got {
					t.Fatalf("%q: t=y raises the policy", txt)
				}
			}
		}
	})
}

func TestPolicyDiscovery(t *testing.T) {
	txt := func(s ...string) dnstest.Records { return dnstest.Records{TXT: s} }
	servfail := dnstest.Records{Fail: dnstest.ServFail}
	for _, tt := range []struct {
		name, author     string
		zone             dnstest.Zone
		result, at, want string
	}{
		{"own record", "example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=reject; sp=none")}, "", "example.com", "reject"},
		{"other TXT records beside it", "example.com", dnstest.Zone{"_dmarc.example.com": txt("hello", "v=DMARC1; p=reject", "v=spf1")}, "", "example.com", "reject"},
		{"no p means none", "example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; rua=mailto:a@example.com")}, "", "example.com", "none"},
		{"own record comes before the organisation's", "a.example.com", dnstest.Zone{"_dmarc.a.example.com": txt("v=DMARC1; p=quarantine; sp=none"), "_dmarc.example.com": txt("v=DMARC1; p=reject")}, "", "a.example.com", "quarantine"},
		{"parent: sp", "a.example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=reject; sp=quarantine")}, "", "example.com", "quarantine"},
		{"parent: no sp", "a.example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=reject")}, "", "example.com", "reject"},
		{"np: the subdomain does not exist", "a.example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=none; sp=quarantine; np=reject")}, "", "example.com", "reject"},
		{"np: it has an address", "a.example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=none; sp=quarantine; np=reject"), "a.example.com": {A: []string{"192.0.2.1"}}}, "", "example.com", "quarantine"},
		{"np: it has only a mail exchanger", "a.example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=none; np=reject"), "a.example.com": {MX: []string{"10 mx.example.com"}}}, "", "example.com", "none"},
		{"np: DNS trouble counts as existing", "a.example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=none; np=reject"), "a.example.com": servfail}, "", "example.com", "none"},
		{"np does not touch the domain itself", "example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=none; np=reject")}, "", "example.com", "none"},
		{"the shortest name wins", "a.b.example.com", dnstest.Zone{"_dmarc.b.example.com": txt("v=DMARC1; p=none"), "_dmarc.example.com": txt("v=DMARC1; p=reject")}, "", "example.com", "reject"},
		{"psd=n stops the walk", "a.b.example.com", dnstest.Zone{"_dmarc.b.example.com": txt("v=DMARC1; p=none; psd=n"), "_dmarc.example.com": txt("v=DMARC1; p=reject")}, "", "b.example.com", "none"},
		{"psd=y: the organisation is one below", "a.b.bank", dnstest.Zone{"_dmarc.b.bank": txt("v=DMARC1; p=quarantine"), "_dmarc.bank": txt("v=DMARC1; p=reject; psd=y")}, "", "b.bank", "quarantine"},
		{"psd=y: the suffix's record when there is no other", "a.b.bank", dnstest.Zone{"_dmarc.bank": txt("v=DMARC1; p=none; sp=reject; psd=y")}, "", "bank", "reject"},
		{"psd=y at the author's own domain does not apply", "b.bank", dnstest.Zone{"_dmarc.b.bank": txt("v=DMARC1; p=none; psd=y")}, "", "b.bank", "none"},
		{"t=y lowers reject", "example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=reject; t=y")}, "", "example.com", "quarantine"},
		{"t=y lowers quarantine", "a.example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=reject; sp=quarantine; t=y")}, "", "example.com", "none"},
		{"two records at the author, one above", "a.example.com", dnstest.Zone{"_dmarc.a.example.com": txt("v=DMARC1; p=none", "v=DMARC1; p=none"), "_dmarc.example.com": txt("v=DMARC1; p=reject")}, "", "example.com", "reject"},
		{"an invalid policy without reports", "example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=reject; sp=x")}, "permerror", "example.com", ""},
		{"an invalid policy with reports", "example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=reject; sp=x; rua=mailto:a@example.com")}, "", "example.com", "none"},
		{"nothing anywhere", "a.b.example.com", nil, "none", "", ""},
		{"trouble at the author", "a.example.com", dnstest.Zone{"_dmarc.a.example.com": servfail, "_dmarc.example.com": txt("v=DMARC1; p=none")}, "temperror", "", ""},
		{"trouble above", "a.example.com", dnstest.Zone{"_dmarc.example.com": servfail}, "temperror", "", ""},
		{"trouble above an own record", "a.example.com", dnstest.Zone{"_dmarc.a.example.com": txt("v=DMARC1; p=reject"), "_dmarc.example.com": servfail}, "", "a.example.com", "reject"},
		{"trouble above psd=n", "a.example.com", dnstest.Zone{"_dmarc.example.com": txt("v=DMARC1; p=reject; psd=n"), "_dmarc.com": servfail}, "", "example.com", "reject"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := dnstest.New(t, tt.zone)
			got := newTree(dns{NewResolver([]string{s.Addr})}).policy(t.Context(), address.Domain(tt.author))
			if got.result != tt.result || string(got.at) != tt.at || got.want != tt.want || got.reason == "" || (got.record != nil) != (tt.result == "") {
				t.Errorf("%+v", got)
			}
		})
	}
}

// The example of RFC 9989 §4.10.
func TestWalkAsksEightTimes(t *testing.T) {
	s := dnstest.New(t, nil)
	tree := newTree(dns{NewResolver([]string{s.Addr})})
	for range 2 { // nothing is asked twice
		tree.walk(t.Context(), "a.b.c.d.e.f.g.h.i.j.mail.example.com")
	}
	got := s.Queries()
	slices.Sort(got)
	want := []string{
		"TXT _dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
		"TXT _dmarc.g.h.i.j.mail.example.com", "TXT _dmarc.h.i.j.mail.example.com", "TXT _dmarc.i.j.mail.example.com",
		"TXT _dmarc.j.mail.example.com", "TXT _dmarc.mail.example.com", "TXT _dmarc.example.com", "TXT _dmarc.com",
	}
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestWalkNames(t *testing.T) {
	for d, want := range map[address.Domain]string{
		"com":               "com",
		"example.com":       "example.com com",
		"1.2.3.4.5.6.7.8":   "1.2.3.4.5.6.7.8 2.3.4.5.6.7.8 3.4.5.6.7.8 4.5.6.7.8 5.6.7.8 6.7.8 7.8 8",
		"0.1.2.3.4.5.6.7.8": "0.1.2.3.4.5.6.7.8 2.3.4.5.6.7.8 3.4.5.6.7.8 4.5.6.7.8 5.6.7.8 6.7.8 7.8 8",
	} {
		if got := strings.Join(walkNames(d), " "); got != want {
			t.Errorf("%s: %s", d, got)
		}
	}
}

func TestMayAlign(t *testing.T) {
	for _, tt := range []struct {
		a, b address.Domain
		want bool
	}{
		{"example.com", "example.com", true},
		{"a.example.com", "b.example.com", true},
		{"example.com", "badexample.com", false},
		{"example.com", "example.org", false},
		{"a.co.uk", "b.co.uk", false},
		{"co.uk", "b.co.uk", false},
		{"a.github.io", "b.github.io", true}, // its owner may say psd=n
		{"com", "com", true},
		{"example.com", "com", false},
		{"a.lan", "b.lan", false},
		{"", "", false},
		{"[192.0.2.1]", "[192.0.2.1]", true},
		{"[192.0.2.1]", "[192.0.2.2]", false},
	} {
		if got := mayAlign(tt.a, tt.b); got != tt.want || got != mayAlign(tt.b, tt.a) {
			t.Errorf("%s and %s: %v", tt.a, tt.b, got)
		}
	}
}
