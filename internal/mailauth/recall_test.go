package mailauth

import (
	"context"
	"testing"

	"mxdesk/internal/mailauth/dnstest"
)

// A check whose answers are all remembered waits for nothing, whatever they are.
// One that misses a single one is made anew.
func TestRecall(t *testing.T) {
	const spf, reject = "v=spf1 ip4:" + goodIP + " -all", "v=DMARC1; p=reject"
	joe := simple("joe@example.com")
	signed := sign(t, joe, "example.com")
	for name, raw := range map[string]string{"unsigned": joe, "signed": signed, "sealed": sealed(signed, "list.example", 1)} {
		s := dnstest.New(t, dnstest.Zone{
			"example.com":               {TXT: []string{spf}},
			"_dmarc.example.com":        {TXT: []string{reject}},
			"s._domainkey.example.com":  {TXT: []string{edRecord("")}},
			"s._domainkey.list.example": {TXT: []string{edRecord("")}},
		})
		memory := NewResolver([]string{s.Addr}).(*cache)
		in := input(raw, goodIP, "h", "joe@example.com")
		New(Config{Resolver: memory}).Check(t.Context(), in)
		asked := s.Queries()

		check := func() (*evaluation, *recall) {
			e, r := &evaluation{in: in, author: author(in.Header), bodies: new(bodies)}, &recall{c: memory}
			e.ask(context.Background(), dns{r})
			return e, r
		}
		e, r := check()
		if r.missed || e.spf.result != resultPass || !e.spf.aligned || e.policy.want != "reject" {
			t.Errorf("%s: missed %t, %+v, %+v", name, r.missed, e.spf, e.policy)
		}
		if name == "sealed" && e.arc.Result != resultPass {
			t.Errorf("%s: %+v", name, e.arc)
		}
		if e := (&evaluation{in: in, author: author(in.Header)}); e.run(t.Context(), memory) == e {
			t.Errorf("%s: the memory was not made use of", name)
		}
		for q := range memory.young {
			a := memory.young[q]
			delete(memory.young, q)
			if _, r := check(); !r.missed {
				t.Errorf("%s: nobody missed %v", name, q)
			}
			memory.young[q] = a
		}
		if n := len(s.Queries()); n != len(asked) {
			t.Errorf("%s: %d queries", name, n-len(asked))
		}
	}
}
