package mailauth

import (
	"context"
	"fmt"
	"strings"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

// align finds out which results speak for the author, and whether trouble with
// DNS hides one that could.
func (e *evaluation) align(ctx context.Context) {
	p := e.policy
	for i := range e.dkim {
		o := &e.dkim[i]
		strict := p.record != nil && p.record.strictDKIM
		switch {
		case o.counts() && !(strict && o.byIdentity):
			o.aligned = e.speaks(ctx, o.domain, strict)
			o.reason += e.unrelated(o.aligned, o.domain, strict)
		case o.result == resultTempError && e.couldSpeak(o.domain, strict):
			e.blame("DKIM: " + o.reason)
		}
	}
	strict := p.record != nil && p.record.strictSPF
	switch e.spf.result {
	case resultPass:
		e.spf.aligned = e.speaks(ctx, e.spf.domain, strict)
		e.spf.reason += e.unrelated(e.spf.aligned, e.spf.domain, strict)
	case resultTempError:
		// Without a record even an SPF failure of another domain would count.
		if p.record == nil || e.couldSpeak(e.spf.domain, strict) {
			e.blame("SPF: " + e.spf.reason)
		}
	}
	if p.result == resultTempError {
		e.blame("DMARC: " + p.reason)
	}
}

func (e *evaluation) speaks(ctx context.Context, id address.Domain, strict bool) bool {
	ok, err := e.tree.aligned(ctx, e.author, id, e.policy, strict)
	if err != nil {
		e.blame("DMARC: " + dnsTrouble(err))
	}
	return ok
}

// unrelated says why a pass does not help the author.
func (e *evaluation) unrelated(aligned bool, id address.Domain, strict bool) string {
	switch {
	case aligned || e.author == "":
		return ""
	case strict && mayAlign(e.author, id):
		return fmt.Sprintf(", but the DMARC record of %s wants the From domain %s itself", e.policy.at, e.author)
	}
	return fmt.Sprintf(", but %s does not speak for the From domain %s", id, e.author)
}

func (e *evaluation) couldSpeak(id address.Domain, strict bool) bool {
	return id == e.author || !strict && mayAlign(e.author, id)
}

// blame notes DNS trouble that may have changed the outcome.
func (e *evaluation) blame(reason string) {
	if e.trouble == "" {
		e.trouble = reason
	}
}

// verdict puts the results together.
func (e *evaluation) verdict() ticketstore.Verdict {
	v := ticketstore.Verdict{
		SPF:  ticketstore.SPFResult{Result: e.spf.result, Domain: string(e.spf.domain), Reason: e.spf.reason},
		DKIM: []ticketstore.DKIMResult{},
		ARC:  e.arcResult(),
	}
	for _, o := range e.dkim {
		v.DKIM = append(v.DKIM, ticketstore.DKIMResult{
			Result: o.result, Domain: string(o.domain), Selector: o.selector, Aligned: o.aligned, Reason: o.reason,
		})
	}
	v.DMARC = e.dmarc()
	v.Auth, v.Reason = e.auth()
	return v
}

// dmarc is the result of RFC 9989 §5.3.
func (e *evaluation) dmarc() ticketstore.DMARCResult {
	p := e.policy
	d := ticketstore.DMARCResult{
		Result: p.result, Domain: string(e.author), Policy: p.want, Record: string(p.at), Reason: p.reason,
	}
	switch said := e.said.dmarc; {
	case said.result == resultPass && e.author != "":
		d.Result = resultPass
		d.Reason = "DMARC passed" + accordingTo(said.by)
		return d
	case said.result == resultFail && e.speakers() == "":
		d.Result = resultFail
		d.Reason = "DMARC failed" + accordingTo(said.by)
		return d
	case p.record == nil:
		return d
	}
	switch by := e.speakers(); {
	case by != "":
		d.Result = resultPass
		d.Reason = by + "; " + d.Reason
	case e.trouble != "":
		d.Result = resultTempError
		d.Reason += "; " + e.trouble
	default:
		d.Result = resultFail
		d.Reason = e.failure() + "; " + d.Reason
	}
	return d
}

// failure says why neither check speaks for the author.
func (e *evaluation) failure() string {
	spf, dkim := e.spf.result, "no signature"
	if spf == resultPass {
		spf = "pass, but for " + string(e.spf.domain)
	}
	for i := range e.dkim {
		switch o := &e.dkim[i]; {
		case o.counts():
			dkim = "pass, but for " + string(o.domain)
		case i > 0: // the first one stands for all
		case o.testing:
			dkim = "pass, but with a key in test mode"
		default:
			dkim = o.result
		}
	}
	return fmt.Sprintf("neither SPF (%s) nor DKIM (%s) passed for the From domain %s", spf, dkim, e.author)
}

// auth sums everything up.
func (e *evaluation) auth() (ticketstore.Auth, string) {
	by := e.speakers()
	switch {
	case e.in.Header.FromErr != nil:
		return ticketstore.AuthNone, "the author is not certain: " + e.in.Header.FromErr.Error()
	case e.author == "":
		return ticketstore.AuthNone, "the mail names no author"
	case by != "":
		return ticketstore.AuthAligned, by + " for the From domain " + string(e.author)
	case e.said.dmarc.result == resultFail:
		return ticketstore.AuthFail, "DMARC failed for the From domain " + string(e.author) + accordingTo(e.said.dmarc.by)
	case e.skipped != "":
		return ticketstore.AuthNone, e.skipped
	case e.trouble != "":
		return ticketstore.AuthTempError, e.trouble
	case e.policy.record != nil:
		return ticketstore.AuthFail, e.failure() + "; " + e.policy.reason
	case e.spf.result == resultFail:
		return ticketstore.AuthFail, e.spf.reason + "; there is no DMARC policy"
	}
	return ticketstore.AuthNone, e.failure() + "; there is no DMARC policy"
}

// speakers names what passed for the author's domain, or is "".
func (e *evaluation) speakers() string {
	var list []string
	for _, o := range e.dkim {
		if o.aligned {
			list = append(list, "DKIM passed ("+string(o.domain)+")"+accordingTo(o.by))
			break
		}
	}
	if e.spf.aligned {
		list = append(list, "SPF passed ("+string(e.spf.domain)+")"+accordingTo(e.spf.by))
	}
	if e.said.dmarc.result == resultPass && e.author != "" {
		list = append(list, "DMARC passed"+accordingTo(e.said.dmarc.by))
	}
	return strings.Join(list, " and ")
}

// arcResult is what is noted of a chain: what we found, or a relay's word when
// the chain did not survive the relay.
func (e *evaluation) arcResult() ticketstore.ARCResult {
	switch said := e.said.arc; {
	case e.arc.Result == resultPass || said.by == "":
		return e.arc
	case said.result == resultPass || said.result == resultFail || said.result == resultNone:
		return ticketstore.ARCResult{
			Result: said.result, Reason: "the ARC chain's result is " + said.result + accordingTo(said.by),
		}
	}
	return e.arc
}
