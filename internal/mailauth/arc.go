package mailauth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"mxdesk/ticketstore"
)

// Bounds for a chain (RFC 8617 §4.2.1 lets it have 50 sets).
const (
	maxInstance = 50
	maxSets     = 20 // evaluated: each costs a lookup
	arcLookups  = 5  // at a time
)

// The three fields of a set.
const (
	arcResults = "ARC-Authentication-Results"
	arcMessage = "ARC-Message-Signature"
	arcSeal    = "ARC-Seal"
)

// arcSet is what one server added to a chain.
type arcSet struct {
	results       int // index of its field in the header
	message, seal *signature
}

// chain is what stands in the ARC fields of a mail. problem says why it cannot
// be a chain.
type chain struct {
	sets    []arcSet
	problem string
}

// readChain puts the sets in order (RFC 8617 §5.2, steps 1 to 3).
func readChain(v *view) chain {
	sets := map[int]*arcSet{}
	var c chain
	put := func(name string, into func(set *arcSet, field int) bool) {
		for _, i := range v.index()[strings.ToLower(name)] {
			n, ok := instance(v.in.Header.Fields[i].Value)
			if !ok {
				c.problem = "an " + name + " field has no number from 1 to 50 (i=)"
				continue
			}
			if sets[n] == nil {
				sets[n] = &arcSet{results: -1}
			}
			if !into(sets[n], i) {
				c.problem = fmt.Sprintf("there are two %s fields with the number %d", name, n)
			}
		}
	}
	put(arcResults, func(set *arcSet, field int) bool {
		first := set.results < 0
		set.results = field
		return first
	})
	read := func(s **signature, field int) bool {
		first := *s == nil
		*s = readSignature(field, v.in.Header.Fields[field].Value)
		return first
	}
	put(arcMessage, func(set *arcSet, field int) bool { return read(&set.message, field) })
	put(arcSeal, func(set *arcSet, field int) bool { return read(&set.seal, field) })
	for n := 1; n <= len(sets); n++ {
		set := sets[n]
		if set == nil || set.results < 0 || set.message == nil || set.seal == nil {
			c.problem = fmt.Sprintf("the set number %d is not complete", n)
			return c
		}
		c.sets = append(c.sets, *set)
	}
	return c
}

// instance is the i= tag that an ARC field begins with or holds.
func instance(value string) (int, bool) {
	for tag := range strings.SplitSeq(value, ";") {
		name, v, ok := strings.Cut(tag, "=")
		if !ok || strings.TrimSpace(name) != "i" {
			continue
		}
		v = strings.TrimSpace(v)
		n, err := strconv.Atoi(v)
		return n, err == nil && n >= 1 && n <= maxInstance && strconv.Itoa(n) == v
	}
	return 0, false
}

// checkARC validates the chain of a mail (RFC 8617 §5.2): what each seal says
// of the chain before it, the newest signature over the mail, and all seals.
// The result is noted and nothing rests on it: whoever seals a mail can write
// whatever they like into it.
func checkARC(ctx context.Context, d dns, v *view) ticketstore.ARCResult {
	c := readChain(v)
	switch {
	case c.problem != "":
		return ticketstore.ARCResult{Result: resultFail, Reason: "the ARC chain is broken: " + c.problem}
	case len(c.sets) == 0:
		return ticketstore.ARCResult{Result: resultNone}
	case len(c.sets) > maxSets:
		return ticketstore.ARCResult{
			Result: resultNone,
			Reason: fmt.Sprintf("an ARC chain of %d sets, not evaluated: the limit is %d", len(c.sets), maxSets),
		}
	}
	if problem := c.claims(); problem != "" {
		return ticketstore.ARCResult{Result: resultFail, Reason: "the ARC chain is broken: " + problem}
	}
	if c.prepare(ctx, d, v.in.Now); d.missed() {
		return ticketstore.ARCResult{}
	}
	return c.outcome(ctx, v)
}

// claims checks what the seals say of the chain that they found (cv=).
func (c *chain) claims() string {
	for i, set := range c.sets {
		want := resultPass
		if i == 0 {
			want = resultNone
		}
		switch cv := set.seal.tags["cv"]; {
		case cv == resultFail:
			return fmt.Sprintf("%.100s found it broken (cv=fail in the set number %d)", set.seal.domain, i+1)
		case cv != want:
			return fmt.Sprintf("the seal number %d says cv=%.20q instead of %s", i+1, cv, want)
		}
		if _, has := set.seal.tags["h"]; has {
			return fmt.Sprintf("the seal number %d has a list of fields (h=)", i+1)
		}
	}
	return ""
}

// signatures are the newest message signature, then the seals, newest first.
func (c *chain) signatures() []*signature {
	list := []*signature{c.sets[len(c.sets)-1].message}
	for i := len(c.sets) - 1; i >= 0; i-- {
		list = append(list, c.sets[i].seal)
	}
	return list
}

// prepare judges what can be judged without the keys, and fetches them.
func (c *chain) prepare(ctx context.Context, d dns, now time.Time) {
	list := c.signatures()
	list[0].checkSigner()
	if list[0].result == "" {
		list[0].checkCoverage(now)
	}
	if list[0].result == "" && list[0].signs(strings.ToLower(arcSeal)) {
		list[0].refuse(resultPermError, "it signs a seal (h=)")
	}
	for _, s := range list[1:] {
		s.checkSigner()
	}
	var fetches []func()
	places := make(chan struct{}, arcLookups)
	for _, s := range list {
		if s.result == "" {
			fetches = append(fetches, func() {
				places <- struct{}{}
				s.fetchKey(ctx, d)
				<-places
			})
		}
	}
	d.together(fetches...)
}

// outcome verifies, and stops at the first signature that is not good.
func (c *chain) outcome(ctx context.Context, v *view) ticketstore.ARCResult {
	newest := len(c.sets)
	for i, s := range c.signatures() {
		what := fmt.Sprintf("the message signature number %d", newest)
		if i > 0 {
			what = fmt.Sprintf("the seal number %d", newest-i+1)
		}
		switch {
		case s.result != "":
		case i == 0:
			s.verify(ctx, v)
		case !s.key.verifies(c.sealHash(v, newest-i+1), s.octets("b")):
			s.refuse(resultFail, "the seal did not verify")
		default:
			s.refuse(resultPass, "")
		}
		switch s.result {
		case resultPass:
		case resultTempError:
			return ticketstore.ARCResult{Result: resultTempError, Reason: "the ARC chain could not be checked: " + s.reason}
		default:
			return ticketstore.ARCResult{
				Result: resultFail, Reason: fmt.Sprintf("the ARC chain is broken: %s of %s: %s", what, s.domain, s.reason),
			}
		}
	}
	return ticketstore.ARCResult{
		Result: resultPass,
		Reason: fmt.Sprintf("an unbroken ARC chain of %d sets, the last by %s; it does not count as authentication", newest, c.sets[newest-1].seal.domain),
	}
}

// sealHash is what the seal of a set signs (RFC 8617 §5.1.1): all sets up to
// its own, in relaxed form, and the seal itself without the signature.
func (c *chain) sealHash(v *view, n int) []byte {
	h := sha256.New()
	raw := func(field int) string { return v.in.Header.Fields[field].Raw }
	for i, set := range c.sets[:n] {
		io.WriteString(h, canonicalField(raw(set.results), true))
		io.WriteString(h, canonicalField(raw(set.message.field), true))
		if i < n-1 {
			io.WriteString(h, canonicalField(raw(set.seal.field), true))
		}
	}
	own := canonicalField(withoutSignature(raw(c.sets[n-1].seal.field)), true)
	io.WriteString(h, strings.TrimSuffix(own, "\r\n"))
	return h.Sum(nil)
}
