package mailauth

import (
	"testing"

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
