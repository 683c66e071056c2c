package mailauth

import (
	"net/url"
	"strings"
)

// record is a DMARC Policy Record (RFC 9989 §4.7). Tags that say nothing about
// policy or alignment are not kept.
type record struct {
	p, sp, np             string // none, quarantine, reject; "" when absent
	psd                   byte   // y, n or u
	test                  bool   // t=y
	strictDKIM, strictSPF bool
	// invalid names the policy tag whose value is none of the known ones.
	invalid string
	// reports is set when rua holds a URI that can be read.
	reports bool
}

// parseRecord reads one TXT record. ok is false when it is no DMARC record of
// this version at all. Unknown tags, unknown values and broken syntax behind
// the version are passed over (RFC 9989 §4.7).
func parseRecord(txt string) (r record, ok bool) {
	version, rest, _ := strings.Cut(txt, ";")
	name, value, ok := strings.Cut(version, "=")
	if !ok || strings.TrimRight(name, " \t") != "v" || strings.Trim(value, " \t") != "DMARC1" {
		return record{}, false
	}
	r.psd = 'u'
	seen := map[string]bool{}
	for tag := range strings.SplitSeq(rest, ";") {
		name, value, ok := strings.Cut(tag, "=")
		name = strings.ToLower(strings.Trim(name, " \t\r\n"))
		if !ok || seen[name] || len(seen) > 100 {
			continue
		}
		seen[name] = true
		r.set(name, strings.Trim(value, " \t\r\n"))
	}
	return r, true
}

func (r *record) set(name, value string) {
	lower := strings.ToLower(value)
	switch name {
	case "p":
		r.setPolicy(&r.p, name, lower)
	case "sp":
		r.setPolicy(&r.sp, name, lower)
	case "np":
		r.setPolicy(&r.np, name, lower)
	case "psd":
		if lower == "y" || lower == "n" {
			r.psd = lower[0]
		}
	case "t":
		r.test = lower == "y"
	case "adkim":
		r.strictDKIM = lower == "s"
	case "aspf":
		r.strictSPF = lower == "s"
	case "rua":
		r.reports = hasURI(value)
	}
}

func (r *record) setPolicy(to *string, tag, value string) {
	switch value {
	case "none", "quarantine", "reject":
		*to = value
	default:
		r.invalid = tag
	}
}

// hasURI reports whether a list of reporting addresses holds one that can be
// read.
func hasURI(list string) bool {
	for s := range strings.SplitSeq(list, ",") {
		u, err := url.Parse(strings.TrimSpace(s))
		if err == nil && u.Scheme != "" && (u.Opaque != "" || u.Host != "") {
			return true
		}
	}
	return false
}

// request is the policy that the record asks for: for its own name, for a
// subdomain, or for a subdomain that does not exist (RFC 9989 §4.10.1).
func (r *record) request(subdomain, exists bool) string {
	want := r.p
	if subdomain && r.sp != "" {
		want = r.sp
	}
	if subdomain && !exists && r.np != "" {
		want = r.np
	}
	if want == "" || r.invalid != "" {
		return "none"
	}
	if r.test {
		return map[string]string{"reject": "quarantine", "quarantine": "none", "none": "none"}[want]
	}
	return want
}
