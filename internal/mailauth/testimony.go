package mailauth

import (
	"strings"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
)

// testimony is what the relays that a mail came over say of it in the
// Authentication-Results fields that they put on top. Where two of their
// results contradict each other, neither is in it.
type testimony struct {
	spf   *spfOutcome   // nil: nothing was said that could be used
	dkim  []dkimOutcome // passes for domains that could speak for the author
	dmarc single        // of the author's domain
	arc   single
}

// single is a result of which there can be one only.
type single struct {
	result, by string // "" when none was said
	split      bool   // it was said in two ways
}

func (w *single) say(result, by string) {
	switch {
	case w.split || w.result == result:
	case w.result == "":
		w.result, w.by = result, by
	default:
		*w = single{split: true}
	}
}

// accordingTo is how a reason names the relay that is believed, if one is.
func accordingTo(by string) string {
	if by == "" {
		return ""
	}
	return " according to relay " + by
}

// listen collects the testimony about a mail.
func (c *Checker) listen(in Input, r route, author address.Domain) testimony {
	var t testimony
	if !r.relayed() {
		return t
	}
	contradicted := false
	for i := range in.Header.Fields {
		field, ok := c.believed(r, in.Header, i)
		if !ok {
			continue
		}
		for _, one := range field.list {
			switch one.method {
			case "spf":
				said := spfSaid(one, field.id, in.MailFrom.IsZero())
				if said != nil && t.spf != nil && (said.result != t.spf.result || said.domain != t.spf.domain) {
					contradicted = true
				}
				if said != nil {
					t.spf = said
				}
			case "dkim":
				t.addDKIM(one, field.id, author)
			case "dmarc":
				if d, ok := domainOf(one.properties["header.from"]); ok && d == author {
					t.dmarc.say(one.result, field.id)
				}
			case "arc":
				t.arc.say(one.result, field.id)
			}
		}
	}
	if contradicted {
		t.spf = nil
	}
	return t
}

// believed reads the header field at an index when it is a relay's word: an
// Authentication-Results field above the first Received field that may not be
// a relay's, with the name of a relay that the mail came over.
func (c *Checker) believed(r route, h *message.Header, i int) (results, bool) {
	f := &h.Fields[i]
	if i >= r.top || !strings.EqualFold(f.Name, resultsName) {
		return results{}, false
	}
	id, ok := readID(f.Value)
	if !ok || canonicalID(id) == canonicalID(c.conf.AuthservID) {
		return results{}, false
	}
	for _, relay := range r.via {
		if relay.AuthservID != "" && canonicalID(relay.AuthservID) == canonicalID(id) {
			field, err := readResults(f.Value)
			return field, err == nil
		}
	}
	return results{}, false
}

// spfSaid reads a result of SPF for the identity that we would check, or nil.
func spfSaid(one methodResult, by string, null bool) *spfOutcome {
	identity := "smtp.mailfrom"
	if _, ok := one.properties["smtp.helo"]; ok && null {
		identity = "smtp.helo"
	}
	d, ok := domainOf(one.properties[identity])
	if !ok {
		return nil
	}
	switch one.result {
	case resultPass, resultFail, "softfail", resultNeutral, resultNone, resultPermError:
		return &spfOutcome{
			result: one.result, domain: d, by: by,
			reason: "the result for " + string(d) + " is " + one.result + accordingTo(by),
		}
	}
	return nil // a temporary error there may be none here
}

// addDKIM notes a signature that a relay found good. What it found bad we see
// for ourselves.
func (t *testimony) addDKIM(one methodResult, by string, author address.Domain) {
	d, ok := domainOf(one.properties["header.d"])
	byIdentity := false
	if _, named := one.properties["header.d"]; !named {
		d, ok = domainOf(one.properties["header.i"])
		byIdentity = true
	}
	if one.result != resultPass || !ok || !mayAlign(author, d) || len(t.dkim) == maxSignatures {
		return
	}
	selector := one.properties["header.s"]
	if !validSelector(selector) {
		selector = ""
	}
	t.dkim = append(t.dkim, dkimOutcome{
		result: resultPass, domain: d, selector: selector, byIdentity: byIdentity, by: by,
		reason: "the signature of " + string(d) + " is good" + accordingTo(by),
	})
}

// domainOf reads the domain out of a property: a domain, an address, or an "@"
// with a domain behind it.
func domainOf(value string) (address.Domain, bool) {
	value = strings.TrimSuffix(strings.TrimPrefix(value, "<"), ">")
	var d address.Domain
	var err error
	if strings.Contains(strings.TrimPrefix(value, "@"), "@") {
		var a address.Address
		a, err = address.Parse(value)
		d = a.Domain()
	} else {
		d, err = address.ParseDomain(strings.TrimPrefix(value, "@"))
	}
	return d, err == nil && d != "" && !d.IsLiteral()
}

// Distrusted returns the Authentication-Results fields of a mail that must not
// be believed behind us (RFC 8601 §5): those that claim our name or that of a
// relay, in whatever disguise, unless a relay put them there, and those whose
// name cannot be read in one clear way. ARC fields are left alone.
func (c *Checker) Distrusted(in Input) []message.Field {
	claimed := map[string]bool{canonicalID(c.conf.AuthservID): true}
	for i := range c.conf.Relays {
		if id := c.conf.Relays[i].AuthservID; id != "" {
			claimed[canonicalID(id)] = true
		}
	}
	r := c.route(in)
	return distrusted(in.Header, func(i int, id string) bool {
		_, ok := c.believed(r, in.Header, i)
		return claimed[id] && !ok
	})
}
