package mailauth

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mxdesk/ticketstore"
)

// world is a DNS in memory: TXT records and addresses by name, and names that
// the server fails for.
type world struct {
	txt   map[string][]string
	addrs map[string]string
	down  map[string]bool
}

func (w world) err(name string) error {
	if w.down[name] {
		return &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	}
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (w world) LookupTXT(_ context.Context, name string) ([]string, error) {
	name = strings.TrimSuffix(name, ".")
	if v, ok := w.txt[name]; ok && !w.down[name] {
		return v, nil
	}
	return nil, w.err(name)
}

func (w world) LookupNetIP(_ context.Context, network, name string) ([]netip.Addr, error) {
	name = strings.TrimSuffix(name, ".")
	if a, ok := w.addrs[name]; ok && !w.down[name] {
		ip := netip.MustParseAddr(a)
		if network != "ip" && ip.Is4() != (network == "ip4") {
			return nil, w.err(name)
		}
		return []netip.Addr{ip}, nil
	}
	return nil, w.err(name)
}

func (w world) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	return nil, w.err(strings.TrimSuffix(name, "."))
}

func (w world) LookupAddr(_ context.Context, addr string) ([]string, error) { return nil, w.err(addr) }

// TestDNSFailureIsNeitherPassNorRefusal takes names out of DNS at random: what
// was not authenticated must not become so, what was must not be refused for
// good, and nothing fails that did not fail before.
func TestDNSFailureIsNeitherPassNorRefusal(t *testing.T) {
	domains := []string{"example.com", "a.example.com", "b.a.example.com", "example.org", "com", "x.github.io"}
	key := edRecord("")
	signed := map[string]string{}
	for _, author := range domains {
		for _, d := range domains {
			signed[author+" "+d] = sign(t, simple("joe@"+author), d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		domain := rapid.SampledFrom(domains)
		w := world{txt: map[string][]string{}, addrs: map[string]string{"mx.example.net": goodIP}}
		for _, d := range domains {
			if s := rapid.SampledFrom([]string{
				"", "v=spf1 ip4:" + goodIP + " -all", "v=spf1 -all", "v=spf1 a:mx.example.net -all", "v=spf1 include:example.com ~all",
				"v=spf1 redirect=example.org", "v=spf1 -exists:mx.example.net +all", "v=spf1 junk",
			}).Draw(t, "spf of "+d); s != "" {
				w.txt[d] = []string{s}
			}
			if s := rapid.SampledFrom([]string{
				"", "", "v=DMARC1; p=reject", "v=DMARC1; p=none; adkim=s; aspf=s", "v=DMARC1; psd=y; np=reject", "v=DMARC1; psd=n", "v=DMARC1; p=x",
			}).Draw(t, "dmarc of "+d); s != "" {
				w.txt["_dmarc."+d] = []string{s}
			}
			if rapid.Bool().Draw(t, "key of "+d) {
				w.txt["s._domainkey."+d] = []string{key}
			}
		}
		author := domain.Draw(t, "author")
		raw := signed[author+" "+domain.Draw(t, "signer")]
		if rapid.Bool().Draw(t, "broken") {
			raw += "x\r\n"
		}
		in := input(raw, rapid.SampledFrom([]string{goodIP, badIP}).Draw(t, "ip"), "h", "x@"+domain.Draw(t, "sender"))
		before := New(Config{Resolver: w}).Check(t.Context(), in)

		w.down = map[string]bool{}
		names := []string{"mx.example.net"}
		for _, d := range domains {
			names = append(names, d, "_dmarc."+d, "s._domainkey."+d)
		}
		for _, name := range rapid.SliceOf(rapid.SampledFrom(names)).Draw(t, "down") {
			w.down[name] = true
		}
		after := New(Config{Resolver: w}).Check(t.Context(), in)
		switch after.Auth {
		case ticketstore.AuthAligned, ticketstore.AuthFail:
			if after.Auth != before.Auth {
				t.Fatalf("from %s to %s:\n%+v\n%+v", before.Auth, after.Auth, before, after)
			}
		case ticketstore.AuthNone:
			if before.Auth == ticketstore.AuthAligned {
				t.Fatalf("no longer authenticated, and not for the time being:\n%+v\n%+v", before, after)
			}
		}
		if before.Auth == ticketstore.AuthTempError {
			t.Fatalf("trouble without trouble: %+v", before)
		}
	})
}
