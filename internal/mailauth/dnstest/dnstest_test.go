package dnstest_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/mailauth/dnstest"
)

func resolver(s *dnstest.Server) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, s.Addr)
	}}
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("0123456789", 500)
	s := dnstest.New(t, dnstest.Zone{
		"Example.COM.":         {TXT: []string{"one", long}, MX: []string{"20 b.example.com", "10 a.example.com"}},
		"a.example.com":        {A: []string{"192.0.2.1"}, AAAA: []string{"2001:db8::1"}},
		"192.0.2.1":            {PTR: []string{"a.example.com"}},
		"2001:db8::1":          {PTR: []string{"six.example.com"}},
		"deep.sub.example.com": {TXT: []string{"deep"}},
	})
	r, ctx := resolver(s), t.Context()

	txt, err := r.LookupTXT(ctx, "example.com.")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"one", long}, txt); d != "" {
		t.Errorf("a long TXT record, by TCP: %s", d)
	}
	mx, err := r.LookupMX(ctx, "example.com.")
	if err != nil || len(mx) != 2 || mx[0].Host != "a.example.com." {
		t.Errorf("MX = %v, %v", mx, err)
	}
	ips, err := r.LookupIPAddr(ctx, "A.example.com.")
	if err != nil || len(ips) != 2 {
		t.Errorf("addresses = %v, %v", ips, err)
	}
	for ip, want := range map[string]string{"192.0.2.1": "a.example.com.", "2001:db8::1": "six.example.com."} {
		names, err := r.LookupAddr(ctx, ip)
		if err != nil || len(names) != 1 || names[0] != want {
			t.Errorf("PTR of %s = %v, %v", ip, names, err)
		}
	}
	s.Set("example.com", dnstest.Records{TXT: []string{"two"}})
	if txt, err := r.LookupTXT(ctx, "example.com."); err != nil || txt[0] != "two" {
		t.Errorf("after Set: %v, %v", txt, err)
	}
	if got := s.Queries(); got[0] != "TXT example.com" {
		t.Errorf("first query %q", got[0])
	}
}

func TestFailures(t *testing.T) {
	s := dnstest.New(t, dnstest.Zone{
		"bad.example":     {Fail: dnstest.ServFail},
		"gone.example":    {Fail: dnstest.NXDomain, TXT: []string{"never seen"}},
		"refused.example": {Fail: dnstest.Refused},
		"silent.example":  {Fail: dnstest.Silent},
		"x.empty.example": {TXT: []string{"x"}},
	})
	for name, want := range map[string]net.DNSError{
		"bad.example.":     {IsTemporary: true},
		"gone.example.":    {IsNotFound: true},
		"unknown.example.": {IsNotFound: true},
		"empty.example.":   {IsNotFound: true},
		"refused.example.": {},
		"silent.example.":  {IsTimeout: true},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if name != "silent.example." {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
		}
		_, err := resolver(s).LookupTXT(ctx, name)
		cancel()
		var got *net.DNSError
		if !errors.As(err, &got) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.IsNotFound != want.IsNotFound || got.IsTimeout != want.IsTimeout || got.IsTemporary != (want.IsTemporary || want.IsTimeout) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
