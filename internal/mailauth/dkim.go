package mailauth

import (
	"bufio"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"mxdesk/internal/address"
)

// Bounds for the work that signatures can cause.
const (
	maxSignatures = 5    // verified; the rest is only counted
	minKeyBits    = 1024 // RFC 8301 §3.2
	maxKeyBits    = 4096
	maxSignedList = 250 // names in h=
)

// dkimOutcome is the result of one signature.
type dkimOutcome struct {
	result   string
	domain   address.Domain // d=
	selector string
	testing  bool // the key has t=y
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
func checkDKIM(ctx context.Context, d dns, in Input, author address.Domain) []dkimOutcome {
	v := newView(in)
	chosen := v.choose(author)
	if len(chosen) == 0 {
		return nil
	}
	var wg sync.WaitGroup
	for _, s := range chosen {
		s.check(in.Now)
		if s.result == "" && v.err != nil {
			s.refuse(resultPermError, v.err.Error())
		}
		if s.result == "" {
			wg.Go(func() { s.fetchKey(ctx, d) })
		}
	}
	wg.Wait()
	verify(ctx, v, chosen)
	out := make([]dkimOutcome, 0, len(chosen)+1)
	for _, s := range chosen {
		out = append(out, s.dkimOutcome)
	}
	if more := v.signatures - len(chosen); more > 0 {
		out = append(out, dkimOutcome{
			result: resultNeutral,
			reason: fmt.Sprintf("%d more signatures were not examined: the limit is %d", more, maxSignatures),
		})
	}
	return out
}

// signature is one DKIM-Signature field on its way to an outcome. While result
// is empty nothing speaks against it yet.
type signature struct {
	dkimOutcome
	field   int // index in the view's header
	tags    map[string]string
	query   string // the key's name as the library will ask for it
	keys    []string
	keyErr  error
	problem string // with the tag list as a whole
}

func (s *signature) refuse(result, reason string) { s.result, s.reason = result, reason }

// readSignature reads the tag list of a DKIM-Signature field (RFC 6376 §3.2,
// §3.5).
func readSignature(field int, value string) *signature {
	s := &signature{field: field}
	s.tags, s.problem = readTags(value)
	s.selector = s.tags["s"]
	s.query = s.selector + "._domainkey." + s.tags["d"]
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

// check judges what can be judged without the key.
func (s *signature) check(now time.Time) {
	_, partial := s.tags["l"]
	algorithm := s.tags["a"]
	switch {
	case s.problem != "":
		s.refuse(resultPermError, "the signature cannot be read: "+s.problem)
	case s.tags["v"] != "1":
		s.refuse(resultPermError, "the signature has no version 1 (v=)")
	case s.domain == "":
		s.refuse(resultPermError, "the signature names no domain (d=)")
	case !validSelector(s.selector):
		s.refuse(resultPermError, "the signature names no usable selector (s=)")
	case algorithm != "rsa-sha256" && algorithm != "ed25519-sha256":
		s.refuse(resultPermError, fmt.Sprintf("the algorithm %.40q is not accepted (RFC 8301)", algorithm))
	case partial:
		s.refuse(resultPolicy, "the signature leaves a part of the body unsigned (l=), so anything could be added")
	case strings.Count(s.tags["h"], ":") >= maxSignedList:
		s.refuse(resultPermError, fmt.Sprintf("the signature lists more than %d header fields", maxSignedList))
	case !s.within():
		s.refuse(resultPermError, fmt.Sprintf("the identity %.100q is not in the signing domain", s.tags["i"]))
	default:
		s.checkTimes(now)
	}
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

// fetchKey looks the key record up and judges what the library does not.
func (s *signature) fetchKey(ctx context.Context, d dns) {
	name := s.selector + "._domainkey." + string(s.domain)
	s.keys, s.keyErr = d.LookupTXT(ctx, name)
	switch {
	case notFound(s.keyErr):
		s.refuse(resultPermError, "there is no key at "+name)
		return
	case s.keyErr != nil:
		s.refuse(resultTempError, dnsTrouble(s.keyErr))
		return
	case len(s.keys) != 1:
		s.refuse(resultPermError, fmt.Sprintf("there are %d records at %s instead of one key", len(s.keys), name))
		return
	}
	key, _ := readTags(s.keys[0])
	if p, ok := key["p"]; ok && p == "" {
		s.refuse(resultPermError, "the key at "+name+" was revoked")
		return
	}
	if bits := rsaBits(key); bits != 0 && (bits < minKeyBits || bits > maxKeyBits) {
		s.refuse(resultPolicy, fmt.Sprintf("the key at %s has %d bits; %d to %d are accepted", name, bits, minKeyBits, maxKeyBits))
		return
	}
	for flag := range strings.SplitSeq(key["t"], ":") {
		switch flag {
		case "y":
			s.testing = true
		case "s":
			if i, _ := s.identity(); i != s.domain {
				s.refuse(resultPermError, "the key at "+name+" allows no identity in a subdomain (t=s)")
			}
		}
	}
}

// rsaBits is the size of an RSA key, or 0 when the record holds none.
func rsaBits(key map[string]string) int {
	if k, ok := key["k"]; ok && k != "rsa" {
		return 0
	}
	der, err := base64.StdEncoding.DecodeString(key["p"])
	if err != nil {
		return 0
	}
	pub, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		if pub, err := x509.ParsePKCS1PublicKey(der); err == nil {
			return pub.N.BitLen()
		}
		return 0
	}
	if pub, ok := pub.(*rsa.PublicKey); ok {
		return pub.N.BitLen()
	}
	return 0
}

// verify has the library verify what is still open, in one pass over the mail.
func verify(ctx context.Context, v *view, chosen []*signature) {
	open := false
	keys := map[string][]string{}
	for _, s := range chosen {
		if s.result == "" {
			open = true
			keys[s.query] = s.keys
		}
	}
	if !open {
		return
	}
	body := v.body(ctx)
	// The library leaks goroutines when its reader fails, so body never does: it
	// ends early and remembers why.
	results, err := dkim.VerifyWithOptions(
		bufio.NewReaderSize(io.MultiReader(strings.NewReader(v.header(chosen)), body), chunkSize),
		&dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
			if k, ok := keys[name]; ok {
				return k, nil
			}
			return nil, &net.DNSError{Err: "not looked up", Name: name, IsNotFound: true}
		}})
	for i, s := range chosen {
		switch {
		case s.result != "":
		case ctx.Err() != nil:
			s.refuse(resultTempError, "the time for checking this mail ran out")
		case errors.Is(body.err, errBlankLines):
			s.refuse(resultPermError, body.err.Error())
		case body.err != nil:
			s.refuse(resultTempError, "the mail could not be read: "+body.err.Error())
		case err != nil || len(results) != len(chosen):
			s.refuse(resultPermError, "the signature cannot be evaluated")
		default:
			s.judge(results[i].Err)
			if name := v.added(s); s.result == resultPass && name != "" {
				s.refuse(resultPolicy, "the mail has more "+name+" fields than were signed, so one was added")
			}
		}
	}
}

// judge takes the library's word.
func (s *signature) judge(err error) {
	switch {
	case err == nil && s.testing:
		s.refuse(resultPass, "the signature is good, but the key is in test mode (t=y) and does not count")
	case err == nil:
		s.refuse(resultPass, "the signature of "+string(s.domain)+" is good")
	case dkim.IsTempFail(err):
		s.refuse(resultTempError, libraryWords(err))
	case dkim.IsPermFail(err):
		s.refuse(resultPermError, libraryWords(err))
	default:
		s.refuse(resultFail, libraryWords(err))
	}
}

func libraryWords(err error) string {
	return fmt.Sprintf("%.200s", strings.TrimPrefix(err.Error(), "dkim: "))
}
