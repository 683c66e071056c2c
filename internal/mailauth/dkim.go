package mailauth

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mxdesk/internal/address"
)

// Bounds for the work that signatures can cause.
const (
	maxSignatures = 5   // verified; the rest is only counted
	maxSignedList = 250 // names in h=
)

// dkimOutcome is the result of one signature.
type dkimOutcome struct {
	result   string
	domain   address.Domain // d=
	selector string
	testing  bool // the key is in test mode (t=y)
	reason   string
	aligned  bool // with the author's domain
	// byIdentity is set when domain is that of i=, as a relay gave no d=, which
	// may be the same or above it.
	byIdentity bool
	by         string // the relay whose word this is; "" when we verified it
}

// counts reports whether the signature authenticates its domain. A key in test
// mode must make no difference (RFC 6376 §3.6.1).
func (o dkimOutcome) counts() bool { return o.result == resultPass && !o.testing }

// checkDKIM verifies the signatures of a mail. Those that could speak for the
// author are taken first.
func checkDKIM(ctx context.Context, d dns, v *view, author address.Domain) []dkimOutcome {
	chosen := v.choose(author)
	var fetches []func()
	for _, s := range chosen {
		if s.checkDKIM(v.in.Now); s.result == "" {
			fetches = append(fetches, func() { s.fetchKey(ctx, d) })
		}
	}
	if d.together(fetches...); d.missed() {
		return nil
	}
	out := make([]dkimOutcome, 0, len(chosen)+1)
	for _, s := range chosen {
		s.verifyDKIM(ctx, v)
		out = append(out, s.dkimOutcome)
	}
	if more := len(v.all) - len(chosen); more > 0 {
		out = append(out, dkimOutcome{
			result: resultNeutral,
			reason: fmt.Sprintf("%d more signatures were not examined: the limit is %d", more, maxSignatures),
		})
	}
	return out
}

// signature is one DKIM-Signature, ARC-Message-Signature or ARC-Seal field on
// its way to an outcome. While result is empty nothing speaks against it yet.
type signature struct {
	dkimOutcome
	field   int // index in the view's header
	tags    map[string]string
	problem string // with the tag list as a whole
	key     key
}

func (s *signature) refuse(result, reason string) { s.result, s.reason = result, reason }

// readSignature reads the tag list of a signature (RFC 6376 §3.2, §3.5).
func readSignature(field int, value string) *signature {
	s := &signature{field: field}
	s.tags, s.problem = readTags(value)
	s.selector = s.tags["s"]
	if d, err := address.ParseDomain(s.tags["d"]); err == nil && !d.IsLiteral() {
		s.domain = d
	}
	return s
}

// readTags splits a tag list and drops all white space from its values.
func readTags(value string) (tags map[string]string, problem string) {
	tags = map[string]string{}
	for part := range strings.SplitSeq(value, ";") {
		name, v, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		if !ok {
			if name != "" {
				problem = "a tag without a value"
			}
			continue
		}
		if _, twice := tags[name]; twice {
			problem = "the tag " + name + "= stands there twice"
			continue
		}
		tags[name] = strings.Join(strings.Fields(v), "")
	}
	return tags, problem
}

// checkDKIM judges what can be judged without the key.
func (s *signature) checkDKIM(now time.Time) {
	if s.problem == "" && s.tags["v"] != "1" {
		s.refuse(resultPermError, "the signature has no version 1 (v=)")
		return
	}
	s.checkSigner()
	if s.result == "" {
		s.checkCoverage(now)
	}
	switch {
	case s.result != "":
	case !s.within():
		s.refuse(resultPermError, fmt.Sprintf("the identity %.100q is not in the signing domain", s.tags["i"]))
	case !lists(s.tags, "q", "dns/txt"):
		s.refuse(resultPermError, "the signature's key is not to be had from DNS (q=)")
	}
}

// checkSigner judges what a seal has too: the key's place, and the algorithm.
func (s *signature) checkSigner() {
	algorithm := s.tags["a"]
	switch {
	case s.problem != "":
		s.refuse(resultPermError, "the signature cannot be read: "+s.problem)
	case s.domain == "":
		s.refuse(resultPermError, "the signature names no domain (d=)")
	case !validSelector(s.selector):
		s.refuse(resultPermError, "the signature names no usable selector (s=)")
	case algorithm != "rsa-sha256" && algorithm != "ed25519-sha256":
		s.refuse(resultPermError, fmt.Sprintf("the algorithm %.40q is not accepted (RFC 8301)", algorithm))
	case s.octets("b") == nil:
		s.refuse(resultPermError, "the signature itself (b=) cannot be read")
	}
}

// octets is the value of a tag in base64, or nil.
func (s *signature) octets(tag string) []byte {
	b, err := base64.StdEncoding.DecodeString(s.tags[tag])
	if err != nil || len(b) == 0 {
		return nil
	}
	return b
}

// checkCoverage judges what of the mail is signed, and for how long.
func (s *signature) checkCoverage(now time.Time) {
	_, partial := s.tags["l"]
	_, _, known := s.canonicalization()
	switch {
	case partial:
		s.refuse(resultPolicy, "the signature leaves a part of the body unsigned (l=), so anything could be added")
	case strings.Count(s.tags["h"], ":") >= maxSignedList:
		s.refuse(resultPermError, fmt.Sprintf("the signature lists more than %d header fields", maxSignedList))
	case !s.signs("from"):
		s.refuse(resultPermError, "the From field is not signed (h=)")
	case !known:
		s.refuse(resultPermError, fmt.Sprintf("the canonicalization %.40q is not known (c=)", s.tags["c"]))
	case s.octets("bh") == nil:
		s.refuse(resultPermError, "the hash of the body (bh=) cannot be read")
	default:
		s.checkTimes(now)
	}
}

// signs reports whether h= lists a field, whose name is in lower case.
func (s *signature) signs(name string) bool {
	for h := range strings.SplitSeq(s.tags["h"], ":") {
		if strings.ToLower(h) == name {
			return true
		}
	}
	return false
}

// canonicalization reads c=: simple unless it says otherwise.
func (s *signature) canonicalization() (relaxedHeader, relaxedBody, known bool) {
	c, ok := s.tags["c"]
	if !ok {
		return false, false, true
	}
	header, body, two := strings.Cut(c, "/")
	if !two {
		body = "simple"
	}
	form := func(s string) bool { return s == "simple" || s == "relaxed" }
	return header == "relaxed", body == "relaxed", form(header) && form(body)
}

func validSelector(s string) bool {
	d, err := address.ParseDomain(s)
	return err == nil && !d.IsLiteral() && strings.EqualFold(string(d), s)
}

// within reports whether the identity (i=) is in the signing domain.
func (s *signature) within() bool {
	i, ok := s.identity()
	return ok && (i == s.domain || strings.HasSuffix(string(i), "."+string(s.domain)))
}

// identity is the domain of i=, by default d=.
func (s *signature) identity() (address.Domain, bool) {
	i, ok := s.tags["i"]
	if !ok {
		return s.domain, true
	}
	d, err := address.ParseDomain(i[strings.LastIndexByte(i, '@')+1:])
	return d, err == nil && strings.Contains(i, "@")
}

func (s *signature) checkTimes(now time.Time) {
	x, ok := s.tags["x"]
	if !ok {
		return
	}
	expires, err := strconv.ParseInt(x, 10, 64)
	if err != nil {
		s.refuse(resultPermError, "the signature's expiry time (x=) cannot be read")
		return
	}
	if now.Unix() > expires {
		s.refuse(resultPermError, "the signature expired on "+time.Unix(expires, 0).UTC().Format(time.RFC1123))
		return
	}
	if t, err := strconv.ParseInt(s.tags["t"], 10, 64); err == nil && t >= expires {
		s.refuse(resultPermError, "the signature expires before it was made (x= and t=)")
	}
}

// verifyDKIM comes to the outcome, now that the key is there.
func (s *signature) verifyDKIM(ctx context.Context, v *view) {
	if s.result != "" {
		return
	}
	if i, _ := s.identity(); s.key.strict && i != s.domain {
		s.refuse(resultPermError, "the key allows no identity in a subdomain (t=s)")
		return
	}
	s.verify(ctx, v)
	name := v.added(s)
	switch {
	case s.result != resultPass:
	case name != "":
		s.refuse(resultPolicy, "the mail has more "+name+" fields than were signed, so one was added")
	case s.key.testing:
		s.testing = true
		s.refuse(resultPass, "the signature is good, but the key is in test mode (t=y) and does not count")
	}
}

// verify compares the hashes and verifies the signature over them.
func (s *signature) verify(ctx context.Context, v *view) {
	_, relaxed, _ := s.canonicalization()
	body, err := v.bodyHash(ctx, relaxed)
	switch {
	case ctx.Err() != nil:
		s.refuse(resultTempError, "the time for checking this mail ran out")
	case err != nil:
		s.refuse(resultTempError, "the mail could not be read: "+err.Error())
	case !bytes.Equal(body, s.octets("bh")):
		s.refuse(resultFail, "the body hash did not verify: the body was changed after it was signed")
	case !s.key.verifies(v.headerHash(s), s.octets("b")):
		s.refuse(resultFail, "the signature did not verify: the header was changed after it was signed, or it was signed with another key")
	default:
		s.refuse(resultPass, "the signature of "+string(s.domain)+" is good")
	}
}
