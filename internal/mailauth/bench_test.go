package mailauth

import (
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"mxdesk/internal/mailauth/dnstest"
)

func BenchmarkCheck(b *testing.B) {
	key, record := rsaKey(b, 2048)
	s := dnstest.New(b, dnstest.Zone{
		"example.com":              {TXT: []string{"v=spf1 ip4:192.0.2.0/24 -all"}},
		"_dmarc.example.com":       {TXT: []string{"v=DMARC1; p=reject"}},
		"s._domainkey.example.com": {TXT: []string{record}},
	})
	plain := simple("joe@example.com")
	large := plain + strings.Repeat("A line of a large attachment, as base64 would have it, 76 octets or so ....\r\n", 128<<10)
	rsaSigned := func(o *dkim.SignOptions) { o.Signer = key }
	resolver := NewResolver([]string{s.Addr})
	for _, bm := range []struct {
		name, raw string
		r         Resolver
	}{
		{"unsigned", plain, resolver},
		{"unsignedNoCache", plain, resolver.(*cache).r},
		{"signed", sign(b, plain, "example.com", rsaSigned), resolver},
		{"signedNoCache", sign(b, plain, "example.com", rsaSigned), resolver.(*cache).r},
		{"signed10MB", sign(b, large, "example.com", rsaSigned), resolver},
	} {
		b.Run(bm.name, func(b *testing.B) {
			c := New(Config{Resolver: bm.r})
			in := input(bm.raw, goodIP, "h", "joe@example.com")
			asked := len(s.Queries())
			b.SetBytes(int64(len(bm.raw)))
			b.ReportAllocs()
			for b.Loop() {
				if v := c.Check(b.Context(), in); !v.Authenticated {
					b.Fatalf("%+v", v)
				}
			}
			b.ReportMetric(float64(len(s.Queries())-asked)/float64(b.N), "queries/op")
		})
	}
}

// BenchmarkHostile is a mail made to be expensive: many fields, many names in
// h=, five signatures, a long body of short lines.
func BenchmarkHostile(b *testing.B) {
	s := dnstest.New(b, dnstest.Zone{"s._domainkey.example.com": {TXT: []string{edRecord("")}}})
	body := strings.Repeat("\r\n", 16<<10) + "x\r\n"
	raw := strings.Repeat("A: b\r\n", 9_000) + simple("joe@example.com") + strings.Repeat(body, 300)
	names := []string{"From"}
	for range maxSignedList - 10 {
		names = append(names, "Zz")
	}
	for range maxSignatures {
		raw = sign(b, raw, "example.com", func(o *dkim.SignOptions) {
			o.HeaderKeys, o.BodyCanonicalization = names, dkim.CanonicalizationSimple
		})
	}
	c := New(Config{Resolver: NewResolver([]string{s.Addr})})
	in := input(raw, goodIP, "h", "joe@example.com")
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if v := c.Check(b.Context(), in); !v.Authenticated {
			b.Fatalf("%+v", v)
		}
	}
}
