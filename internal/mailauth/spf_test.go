package mailauth

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"mxdesk/internal/address"
	"mxdesk/internal/mailauth/dnstest"
)

// rfc7208 is the zone of RFC 7208 Appendix A.
func rfc7208() dnstest.Zone {
	return dnstest.Zone{
		"example.com":        {MX: []string{"10 mail-a.example.com", "20 mail-b.example.com"}, A: []string{"192.0.2.10", "192.0.2.11"}},
		"amy.example.com":    {A: []string{"192.0.2.65"}},
		"bob.example.com":    {A: []string{"192.0.2.66"}},
		"mail-a.example.com": {A: []string{"192.0.2.129"}},
		"mail-b.example.com": {A: []string{"192.0.2.130"}},
		"www.example.com":    {A: []string{"192.0.2.10", "192.0.2.11"}},
		"example.org":        {MX: []string{"10 mail-c.example.org"}},
		"mail-c.example.org": {A: []string{"192.0.2.140"}},
		"192.0.2.10":         {PTR: []string{"example.com"}},
		"192.0.2.11":         {PTR: []string{"example.com"}},
		"192.0.2.65":         {PTR: []string{"amy.example.com"}},
		"192.0.2.66":         {PTR: []string{"bob.example.com"}},
		"192.0.2.129":        {PTR: []string{"mail-a.example.com"}},
		"192.0.2.130":        {PTR: []string{"mail-b.example.com"}},
		"192.0.2.140":        {PTR: []string{"mail-c.example.org"}},
		"10.0.0.4":           {PTR: []string{"bob.example.com"}},
	}
}

func TestSPFExamplesOfTheRFC(t *testing.T) {
	const from = "user@example.com"
	for _, tt := range []struct {
		name, from string
		records    map[string]string // name -> SPF record
		want       map[string]string // client -> result
	}{
		{
			"+all", from,
			map[string]string{"example.com": "v=spf1 +all"},
			map[string]string{"172.168.0.1": "pass", "2001:db8::1": "pass"},
		},
		{
			"a", from,
			map[string]string{"example.com": "v=spf1 a -all"},
			map[string]string{"192.0.2.10": "pass", "192.0.2.11": "pass", "192.0.2.12": "fail"},
		},
		{
			"a of a name without addresses", from,
			map[string]string{"example.com": "v=spf1 a:example.org -all"},
			map[string]string{"192.0.2.10": "fail", "192.0.2.11": "fail"},
		},
		{
			"mx", from,
			map[string]string{"example.com": "v=spf1 mx -all"},
			map[string]string{"192.0.2.129": "pass", "192.0.2.130": "pass", "192.0.2.12": "fail"},
		},
		{
			"mx of another domain", from,
			map[string]string{"example.com": "v=spf1 mx:example.org -all"},
			map[string]string{"192.0.2.140": "pass", "192.0.2.130": "fail"},
		},
		{
			"mx with a prefix", from,
			map[string]string{"example.com": "v=spf1 mx/30 mx:example.org/30 -all"},
			map[string]string{"192.0.2.128": "pass", "192.0.2.140": "pass", "192.0.2.12": "fail"},
		},
		{
			"ptr", from,
			map[string]string{"example.com": "v=spf1 ptr -all"},
			map[string]string{"192.0.2.65": "pass", "192.0.2.140": "fail", "10.0.0.4": "fail"},
		},
		{
			"ip4", from,
			map[string]string{"example.com": "v=spf1 ip4:192.0.2.128/28 -all"},
			map[string]string{"192.0.2.65": "fail", "192.0.2.129": "pass"},
		},
		{"include and redirect", "tom@sf.example.org", map[string]string{
			"example.com": "v=spf1 ip4:192.0.2.128/28 -all", "example.net": "v=spf1 ip4:10.0.0.5 -all",
			"example.org":    "v=spf1 include:example.com include:example.net -all",
			"sf.example.org": "v=spf1 redirect=example.org",
		}, map[string]string{"192.0.2.129": "pass", "10.0.0.4": "fail"}},
		{"macros by local part and address", "joe@example.com", map[string]string{
			"example.com":                   "v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all",
			"mobile-users._spf.example.com": "v=spf1 exists:%{l1r+}.%{d}",
			"remote-users._spf.example.com": "v=spf1 exists:%{ir}.%{l1r+}.%{d}",
		}, map[string]string{"192.168.15.15": "pass", "192.168.15.17": "fail"}},
		{"every requirement", "mary@example.com", map[string]string{
			"example.com":          "v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all",
			"ip4._spf.example.com": "v=spf1 -ip4:192.0.2.0/24 +all",
			"ptr._spf.example.com": "v=spf1 -ptr:example.com +all",
		}, map[string]string{"192.0.2.10": "pass", "192.0.2.2": "fail", "10.1.1.1": "fail"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			zone := rfc7208()
			zone["15.15.168.192.joe.remote-users._spf.example.com"] = dnstest.Records{A: []string{"127.0.0.2"}}
			for name, txt := range tt.records {
				r := zone[name]
				r.TXT = []string{txt}
				zone[name] = r
			}
			s := dnstest.New(t, zone)
			d := dns{NewResolver([]string{s.Addr})}
			for ip, want := range tt.want {
				got := checkSPF(t.Context(), d, input(simple(tt.from), ip, "h.example.com", tt.from))
				if got.result != want {
					t.Errorf("%s: %+v, want %s", ip, got, want)
				}
			}
		})
	}
}

// A record that asks for more lookups than RFC 7208 §4.6.4 allows.
func TestSPFLookupLimit(t *testing.T) {
	zone := dnstest.Zone{"example.com": {TXT: []string{"v=spf1 include:example.com -all"}}}
	s := dnstest.New(t, zone)
	got := checkSPF(t.Context(), dns{NewResolver([]string{s.Addr})}, input(simple("a@example.com"), goodIP, "h", "a@example.com"))
	if got.result != "permerror" || len(s.Queries()) > 12 {
		t.Errorf("%+v after %d queries", got, len(s.Queries()))
	}
}

// lookups are n mechanisms that each need one lookup and find something.
func lookups(n int) string { return strings.Repeat("a:found.example.com ", n) }

func TestSPFClauses(t *testing.T) {
	txt := func(s ...string) dnstest.Records { return dnstest.Records{TXT: s} }
	manyMX := func(n int) (r dnstest.Records) {
		for i := range n {
			r.MX = append(r.MX, fmt.Sprintf("10 mx%d.example.com", i))
		}
		return r
	}
	base := dnstest.Zone{
		"found.example.com":  {A: []string{badIP}},
		"good.example.com":   {A: []string{goodIP}, AAAA: []string{"2001:db8::1"}},
		"spf.example.com":    txt("v=spf1 a:good.example.com -all"),
		"deny.example.com":   txt("v=spf1 -all"),
		"loop.example.com":   txt("v=spf1 redirect=loop.example.com"),
		"broken.example.com": txt("v=spf1 +all junk"),
		"down.example.com":   {Fail: dnstest.ServFail},
		"mx10.example.com":   manyMX(10),
		"mx11.example.com":   manyMX(11),
		"mx9.example.com":    {A: []string{goodIP}},
	}
	for _, tt := range []struct{ name, record, want string }{
		{"ten lookups", lookups(9) + "a:good.example.com", "pass"},
		{"eleven lookups", lookups(10) + "a:good.example.com", "permerror"},
		{"the eleventh is an include", lookups(10) + "include:spf.example.com", "permerror"},
		{"lookups inside of an include count", lookups(9) + "include:spf.example.com", "permerror"},
		{"all is no lookup", lookups(10) + "+all", "pass"},
		{"a redirect in a circle", "redirect=loop.example.com", "permerror"},
		{"two void lookups", "a:v1.example.com a:v2.example.com +all", "pass"},
		{"three void lookups", "a:v1.example.com a:v2.example.com a:v3.example.com +all", "permerror"},
		{"ten mail exchangers", "mx:mx10.example.com -all", "pass"},
		{"eleven mail exchangers", "mx:mx11.example.com +all", "permerror"},
		{"the tenth name of an address counts", "ptr:ten.example.com -all", "pass"},
		{"the eleventh does not", "ptr:eleven.example.com -all", "fail"},
		{"include passes", "include:spf.example.com -all", "pass"},
		{"include of nothing", "include:none.example.com +all", "permerror"},
		{"include of a broken record", "include:broken.example.com +all", "permerror"},
		{"include of a fail goes on", "include:deny.example.com +all", "pass"},
		{"redirect to nothing", "redirect=none.example.com", "permerror"},
		{"redirect counts last", "redirect=spf.example.com -all", "fail"},
		{"DNS trouble in an include", "include:down.example.com +all", "temperror"},
		{"DNS trouble in a redirect", "redirect=down.example.com", "temperror"},
		{"DNS trouble in a", "a:down.example.com +all", "temperror"},
		{"DNS trouble in mx", "mx:down.example.com +all", "temperror"},
		{"DNS trouble in exists", "exists:down.example.com +all", "temperror"},
		{"DNS trouble behind a match", "a:good.example.com a:down.example.com", "pass"},
		{"any case", "INCLUDE:spf.example.com -ALL", "pass"},
		{"an unknown modifier", "x-y=%{i} ip4:" + goodIP, "pass"},
		{"an explanation is not looked up", "exp=down.example.com -all", "fail"},
		{"nothing matches", "ip4:" + badIP, "neutral"},
		{"blanks", "  ip4:" + goodIP + "  -all ", "pass"},

		{"junk behind +all", "+all junk", "permerror"},
		{"an unknown mechanism behind a match", "ip4:" + goodIP + " ipv4:" + goodIP, "permerror"},
		{"ip4 with an IPv6 address", "ip4:2001:db8::1 +all", "permerror"},
		{"ip6 with an IPv4 address", "ip6:" + goodIP + " +all", "permerror"},
		{"ip4 of 33 bits", "ip4:192.0.2.0/33 +all", "permerror"},
		{"ip4 in short", "ip4:192.0.2 +all", "permerror"},
		{"all with a value", "all:example.com", "permerror"},
		{"a length of 129", "a//129 +all", "permerror"},
		{"a length with a zero before it", "a/08 +all", "permerror"},
		{"include without a domain", "include +all", "permerror"},
		{"a domain without a dot", "include:localhost +all", "permerror"},
		{"a top-level domain of digits", "a:example.1 +all", "permerror"},
		{"a percent sign alone", "exists:%.example.com +all", "permerror"},
		{"a macro without end", "exists:%{i.example.com +all", "permerror"},
		{"two redirects", "redirect=spf.example.com redirect=spf.example.com", "permerror"},
		{"two explanations", "exp=a.example.com exp=b.example.com +all", "permerror"},
		{"a modifier with a qualifier", "+redirect=spf.example.com", "permerror"},
		{"two qualifiers", "++all", "permerror"},
		{"a tab", "a\t+all", "permerror"},
		{"octets beyond ASCII", "+all é=x", "permerror"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			zone := dnstest.Zone{"example.com": txt("v=spf1 " + tt.record), "unrelated.example": txt("x")}
			for name, r := range base {
				zone[name] = r
			}
			var names []string
			for i := range 9 {
				names = append(names, fmt.Sprintf("n%d.other.example", i))
			}
			zone[goodIP] = dnstest.Records{PTR: append(names, "ten.example.com", "eleven.example.com")}
			for _, n := range []string{"ten.example.com", "eleven.example.com"} {
				zone[n] = dnstest.Records{A: []string{goodIP}}
			}
			s := dnstest.New(t, zone)
			in := input(simple("a@example.com"), goodIP, "h", "a@example.com")
			got := checkSPF(t.Context(), dns{NewResolver([]string{s.Addr})}, in)
			if got.result != tt.want || got.reason == "" {
				t.Errorf("%+v, want %s", got, tt.want)
			}
			if n := len(s.Queries()); n > 60 {
				t.Errorf("%d queries", n)
			}
		})
	}
}

// Addresses of the family that a client does not have are neither asked for nor
// in the way (RFC 7208 §5).
func TestSPFAsksForAddressesOfTheClient(t *testing.T) {
	const six = "2001:db8::1"
	long := strings.Repeat("x", 60)
	for _, tt := range []struct {
		name, client, record, want string
		host                       dnstest.Records
	}{
		{"IPv4, IPv6 addresses fail", goodIP, "a:host.example.com -all", "pass", dnstest.Records{A: []string{goodIP}, Fail: dnstest.ServFail, Of: "AAAA"}},
		{"IPv4, IPv4 addresses fail", goodIP, "a:host.example.com -all", "temperror", dnstest.Records{AAAA: []string{six}, Fail: dnstest.ServFail, Of: "A"}},
		{"IPv6, IPv6 addresses fail", six, "a:host.example.com -all", "temperror", dnstest.Records{A: []string{goodIP}, Fail: dnstest.ServFail, Of: "AAAA"}},
		{"IPv6", six, "a:host.example.com -all", "pass", dnstest.Records{A: []string{goodIP}, AAAA: []string{six}}},
		{"IPv6 within a prefix", six, "a:host.example.com/8//64 -all", "pass", dnstest.Records{AAAA: []string{"2001:db8::2"}}},
		{"IPv4 address as IPv6", "::ffff:" + goodIP, "a:host.example.com/24 -all", "pass", dnstest.Records{A: []string{"192.0.2.99"}}},
		{"names without addresses of the client's family are void", goodIP, "a:host.example.com a:host.example.com a:host.example.com +all", "permerror", dnstest.Records{AAAA: []string{six}}},
		{"exists is about IPv4 addresses", six, "exists:host.example.com -all", "pass", dnstest.Records{A: []string{goodIP}}},
		{"exists takes no other", six, "exists:host.example.com -all", "fail", dnstest.Records{AAAA: []string{six}}},
		{"macros, IPv6", six, "exists:%{ir}.%{v}.example.com -all", "pass", dnstest.Records{}},
		{"macros, HELO and sender", goodIP, "exists:%{L1r+-}.%{h2}.%{o}.example.com -all", "pass", dnstest.Records{}},
		{"a name that macros make too long loses labels in front", goodIP, "exists:" + strings.Repeat("%{l}."+long+".", 5) + "host.example.com -all", "pass", dnstest.Records{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := dnstest.New(t, dnstest.Zone{
				"example.com":      {TXT: []string{"v=spf1 " + tt.record}},
				"host.example.com": tt.host,
				"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.example.com": {A: []string{"127.0.0.2"}},
				"a.client.example.example.com.example.com":                                        {A: []string{"127.0.0.2"}},
				strings.Repeat("a-b."+long+".", 3) + "host.example.com":                           {A: []string{"127.0.0.2"}},
			})
			in := input(simple("a-b@example.com"), tt.client, "mail.client.example", "a-b@example.com")
			got := checkSPF(t.Context(), dns{NewResolver([]string{s.Addr})}, in)
			if got.result != tt.want {
				t.Errorf("%+v, want %s; asked %q", got, tt.want, s.Queries())
			}
			for _, q := range s.Queries() {
				if len(q) > 253+len("AAAA ") || strings.HasPrefix(q, "AAAA ") && in.ClientIP.Unmap().Is4() {
					t.Errorf("asked %s", q)
				}
			}
		})
	}
}

// Records behind aliases count as if they stood at the name itself (RFC 1034
// §3.6.2); an alias that leads nowhere is no record, one that leads in a circle is
// trouble.
func TestRecordsBehindAliases(t *testing.T) {
	alias := func(to string) dnstest.Records { return dnstest.Records{CNAME: to} }
	zone := dnstest.Zone{
		"example.com":                    {TXT: []string{"v=spf1 a:www.example.com include:_spf.example.com -all"}},
		"www.example.com":                alias("host.example.net"),
		"host.example.net":               alias("real.example.net"),
		"real.example.net":               {A: []string{goodIP}},
		"_spf.example.com":               alias("spf.example.net"),
		"spf.example.net":                {TXT: []string{"v=spf1 ip4:" + badIP + " -all"}},
		"_dmarc.example.com":             alias("example.com._dmarc.example.net"),
		"example.com._dmarc.example.net": {TXT: []string{"v=DMARC1; p=reject"}},
		"s._domainkey.example.com":       alias("s.example.com.dkim.example.net"),
		"s.example.com.dkim.example.net": {TXT: []string{edRecord("")}},
		"nowhere.example":                {TXT: []string{"v=spf1 include:gone.nowhere.example -all"}},
		"gone.nowhere.example":           alias("gone.example.net"),
		"circle.example":                 {TXT: []string{"v=spf1 include:a.circle.example -all"}},
		"a.circle.example":               alias("b.circle.example"),
		"b.circle.example":               alias("a.circle.example"),
	}
	for _, ip := range []string{goodIP, badIP} {
		v := check(t, zone, input(sign(t, simple("joe@example.com"), "example.com"), ip, "h.example.com", "joe@example.com"))
		if v.SPF.Result != "pass" || v.DKIM[0].Result != "pass" || v.DMARC.Result != "pass" || v.DMARC.Policy != "reject" {
			t.Errorf("%s: %+v", ip, v)
		}
	}
	for domain, want := range map[string]string{"nowhere.example": "permerror", "circle.example": "temperror"} {
		if v := check(t, zone, input(simple("joe@"+domain), goodIP, "h.example.com", "joe@"+domain)); v.SPF.Result != want {
			t.Errorf("%s: %+v", domain, v.SPF)
		}
	}
}

func TestSPFOfSeveralRecordsIsNone(t *testing.T) {
	s := dnstest.New(t, dnstest.Zone{
		"example.com": {TXT: []string{"v=spf1 +all", "v=spf1 -all"}},
		"other.com":   {TXT: []string{"v=spf10 +all", "v=spf1+all", "spf1 +all", "v=spf1 ip4:" + goodIP, "v=ſpf1 +all"}},
	})
	d := dns{NewResolver([]string{s.Addr})}
	for domain, want := range map[string]string{"example.com": "permerror", "other.com": "pass"} {
		if got := checkSPF(t.Context(), d, input(simple("a@x.example"), goodIP, "h", "a@"+domain)); got.result != want {
			t.Errorf("%+v", got)
		}
	}
}

func TestSPFReasonNamesTheBrokenTerm(t *testing.T) {
	s := dnstest.New(t, dnstest.Zone{
		"example.com":     {TXT: []string{"v=spf1 include:spf.example.com -all"}},
		"spf.example.com": {TXT: []string{"v=spf1 ip4:192.0.2.0/24, -all"}},
	})
	got := checkSPF(t.Context(), dns{NewResolver([]string{s.Addr})}, input(simple("a@example.com"), goodIP, "h", "a@example.com"))
	want := `the SPF record of example.com cannot be evaluated: "ip4:192.0.2.0/24," in the record of spf.example.com is no SPF`
	if got.reason != want {
		t.Errorf("%q", got.reason)
	}
}

// FuzzSPF answers every question about TXT with hostile records, and no other.
func FuzzSPF(f *testing.F) {
	for _, s := range []string{
		"v=spf1 +all", "v=spf1 include:a.example include:%{i}.b.example ~all", "v=spf1 mx ptr a exists:%{l1r-}.x.example redirect=c.example",
		"v=spf1 ip4:192.0.2.1/0 ip6:::/0", "v=spf1 a:%{d}//0 \x00", "v=spf1 " + strings.Repeat("a ", 500), "V=SPF1 +ALL x=%{", "v=spf1 -a:a.example +exp=x",
	} {
		f.Add(s, "v=spf1 redirect=example.com", "joe")
	}
	f.Fuzz(func(t *testing.T, first, others, local string) {
		r := &scripted{txt: func(_ context.Context, name string) ([]string, error) {
			if name == "example.com." {
				return []string{first}, nil
			}
			return []string{others}, nil
		}}
		r.Resolver = nothing{r}
		in := input(simple("joe@example.com"), goodIP, "h.example.com", "joe@example.com")
		if a, err := address.Parse(local + "@example.com"); err == nil {
			in.MailFrom = a
		}
		got := checkSPF(t.Context(), dns{r}, in)
		if n := r.asked.Load(); n > 1+10 {
			t.Fatalf("%d questions", n)
		}
		switch got.result {
		case "pass":
			terms, ok := spfTerms(first)
			if bad, broken := firstBadTerm(terms); !ok || broken {
				t.Fatalf("%q passed with %q in it", first, bad)
			}
			both := strings.ToLower(first + " " + others)
			if !strings.Contains(both, "all") && !strings.Contains(both, "ip4:") {
				t.Fatalf("%q and %q permit nothing", first, others) // no name has an address
			}
		case "fail", "softfail", "neutral", "none", "permerror", "temperror":
		default:
			t.Fatalf("%+v", got)
		}
		if got.reason == "" || strings.ContainsFunc(got.reason, func(r rune) bool { return r < ' ' }) {
			t.Fatalf("%+v", got)
		}
	})
}

// nothing is a DNS without any record; its questions are counted.
type nothing struct{ s *scripted }

func (n nothing) LookupTXT(context.Context, string) ([]string, error) { return nil, n.none() }

func (n nothing) LookupMX(context.Context, string) ([]*net.MX, error) { return nil, n.none() }

func (n nothing) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, n.none()
}

func (n nothing) LookupAddr(context.Context, string) ([]string, error) { return nil, n.none() }

func (n nothing) none() error {
	n.s.asked.Add(1)
	return &net.DNSError{Err: "no such host", IsNotFound: true}
}
