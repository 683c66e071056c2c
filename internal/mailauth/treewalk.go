package mailauth

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"

	"mxdesk/internal/address"
)

// maxQueries is how many names one tree walk asks for (RFC 9989 §4.10).
const maxQueries = 8

// tree finds DMARC records above domains. It asks for each name once, however
// many walks come by, and may be used by several goroutines.
type tree struct {
	dns   dns
	mu    sync.Mutex
	found map[string]*step
}

func newTree(d dns) *tree { return &tree{dns: d, found: map[string]*step{}} }

// step is what stands at one name of a walk.
type step struct {
	once sync.Once
	name address.Domain
	rec  *record // nil when there is no record, or more than one
	err  error   // DNS trouble
}

// walk looks for records at a domain and above it (RFC 9989 §4.10), longest
// name first. It asks for all names at once: that costs one round trip instead
// of eight, and what lies above a record with psd= is simply not read.
func (t *tree) walk(ctx context.Context, d address.Domain) []*step {
	names := walkNames(d)
	steps := make([]*step, len(names))
	asks := make([]func(), len(names))
	for i, name := range names {
		s := t.step(name)
		steps[i], asks[i] = s, func() { s.once.Do(func() { t.ask(ctx, s) }) }
	}
	t.dns.together(asks...)
	return steps
}

func (t *tree) step(name string) *step {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.found[name]
	if !ok {
		s = &step{name: address.Domain(name)}
		t.found[name] = s
	}
	return s
}

// ask fetches the record of one name. Of several records none counts.
func (t *tree) ask(ctx context.Context, s *step) {
	txts, err := t.dns.LookupTXT(ctx, "_dmarc."+string(s.name))
	if err != nil {
		if !notFound(err) {
			s.err = err
		}
		return
	}
	n := 0
	for _, txt := range txts {
		if r, ok := parseRecord(txt); ok {
			s.rec = &r
			n++
		}
	}
	if n != 1 {
		s.rec = nil
	}
}

// walkNames are the names of a walk: the domain itself, then its parents, of
// which only those with at most seven labels are asked for.
func walkNames(d address.Domain) []string {
	names := []string{string(d)}
	labels := strings.Split(string(d), ".")
	for n := min(len(labels)-1, maxQueries-1); n > 0; n-- {
		names = append(names, strings.Join(labels[len(labels)-n:], "."))
	}
	return names
}

// organizational is the Organizational Domain that a walk leads to (RFC 9989
// §4.10.2), and the step whose record made it so; the step is nil when no
// record was found.
func organizational(steps []*step) (address.Domain, *step, error) {
	var last *step
	var trouble error
	for i, s := range steps {
		if s.err != nil && trouble == nil {
			trouble = s.err
		}
		if s.rec == nil {
			continue
		}
		if s.rec.psd == 'n' || s.rec.psd == 'y' && i > 0 {
			if trouble != nil {
				return "", nil, trouble
			}
			if s.rec.psd == 'y' {
				return below(s.name, steps[0].name), s, nil
			}
			return s.name, s, nil
		}
		last = s
	}
	switch {
	case trouble != nil:
		return "", nil, trouble
	case last == nil:
		return steps[0].name, nil, nil
	}
	return last.name, last, nil
}

// below is the name one label longer than parent on the way to child.
func below(parent, child address.Domain) address.Domain {
	front := strings.TrimSuffix(string(child), "."+string(parent))
	return address.Domain(front[strings.LastIndexByte(front, '.')+1:] + "." + string(parent))
}

// policy is what the author's domain asks for.
type policy struct {
	result string  // "" when a record applies, else why none does: none, temperror, permerror
	record *record // nil unless result is ""
	at     address.Domain
	want   string // none, quarantine or reject, after t= was taken into account
	reason string
}

// policy discovers the DMARC Policy Record for an author (RFC 9989 §4.10.1).
func (t *tree) policy(ctx context.Context, author address.Domain) policy {
	switch {
	case author == "":
		return policy{result: resultPermError, reason: "From does not name exactly one author"}
	case author.IsLiteral():
		return policy{result: resultNone, reason: "From has an address literal instead of a domain"}
	}
	steps := t.walk(ctx, author)
	at := steps[0]
	if at.err != nil {
		return policy{result: resultTempError, reason: dnsTrouble(at.err)}
	}
	if at.rec == nil {
		org, by, err := organizational(steps)
		if err != nil {
			return policy{result: resultTempError, reason: dnsTrouble(err)}
		}
		if by == nil {
			return policy{result: resultNone, reason: fmt.Sprintf("neither %s nor a domain above it publishes a DMARC record", author)}
		}
		at = by
		for _, s := range steps {
			if s.name == org && s.rec != nil {
				at = s // the organisation's own record comes before its suffix's
			}
		}
	}
	return t.apply(ctx, author, at)
}

// apply reads a record that was found for the author.
func (t *tree) apply(ctx context.Context, author address.Domain, at *step) policy {
	r := at.rec
	if r.invalid != "" && !r.reports {
		return policy{
			result: resultPermError, at: at.name,
			reason: fmt.Sprintf("the DMARC record of %s has an unknown value in %s= and asks for no reports, so it does not apply", at.name, r.invalid),
		}
	}
	subdomain, exists := at.name != author, true
	if subdomain && r.np != "" {
		exists = t.exists(ctx, author)
	}
	p := policy{record: r, at: at.name, want: r.request(subdomain, exists)}
	p.reason = fmt.Sprintf("the DMARC record of %s asks for %s", at.name, p.want)
	switch {
	case r.invalid != "":
		p.reason += fmt.Sprintf(" (unknown value in %s=)", r.invalid)
	case !exists:
		p.reason += fmt.Sprintf(" (%s does not exist)", author)
	case r.test:
		p.reason += " (one step less than it says, since t=y)"
	}
	return p
}

// exists reports whether a domain has an address or a mail exchanger (RFC 9989
// §3.2.13). Trouble with DNS counts as existing.
func (t *tree) exists(ctx context.Context, d address.Domain) bool {
	if _, err := t.dns.LookupNetIP(ctx, "ip", string(d)); !notFound(err) {
		return true
	}
	_, err := t.dns.LookupMX(ctx, string(d))
	return !notFound(err)
}

// aligned reports whether an authenticated domain speaks for the author (RFC
// 9989 §4.4). Without a record that applies, the public suffix list tells
// which domains belong together. An error means that DNS could not say.
func (t *tree) aligned(ctx context.Context, author, id address.Domain, p policy, strict bool) (bool, error) {
	switch {
	case author == "" || id == "":
		return false, nil
	case author == id:
		return true, nil
	case p.record != nil && strict || !mayAlign(author, id):
		return false, nil
	case p.result == resultTempError:
		return false, fmt.Errorf("whether %s may sign for %s is not known: %s", id, author, p.reason)
	case p.record == nil:
		return registered(author) == registered(id) && registered(id) != "", nil
	}
	a, by, err := organizational(t.walk(ctx, author))
	if err != nil {
		return false, err
	}
	b, _, err := organizational(t.walk(ctx, id))
	if err != nil {
		return false, err
	}
	own := by != nil && by.rec.psd == 'n'
	return a == b && !suffix(a, own), nil
}

// mayAlign reports whether two domains have anything in common that could be
// an organisation. It asks nobody.
func mayAlign(a, b address.Domain) bool {
	if a == "" || b == "" || a.IsLiteral() || b.IsLiteral() {
		return a != "" && a == b
	}
	return a == b || !suffix(common(a, b), true)
}

// common is the longest name that both domains end in.
func common(a, b address.Domain) address.Domain {
	x, y := strings.Split(string(a), "."), strings.Split(string(b), ".")
	n := 0
	for n < len(x) && n < len(y) && x[len(x)-1-n] == y[len(y)-1-n] {
		n++
	}
	return address.Domain(strings.Join(x[len(x)-n:], "."))
}

// suffix reports whether a name is one under which strangers register theirs.
// own lets a name pass that only its owner listed, when that owner also says
// by psd=n that it is no suffix for mail.
func suffix(d address.Domain, own bool) bool {
	if d == "" {
		return true
	}
	s, icann := publicsuffix.PublicSuffix(string(d))
	if s != string(d) {
		return false
	}
	return icann || !own || !strings.Contains(s, ".")
}

// registered is the name that was registered below a public suffix, or "".
func registered(d address.Domain) string {
	s, err := publicsuffix.EffectiveTLDPlusOne(string(d))
	if err != nil {
		return ""
	}
	return s
}
