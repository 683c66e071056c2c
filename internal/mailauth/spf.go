package mailauth

import (
	"context"
	"errors"
	"net"
	"strings"

	"blitiri.com.ar/go/spf"

	"mxdesk/internal/address"
)

// spfOutcome is the result of SPF for one domain.
type spfOutcome struct {
	result  string
	domain  address.Domain // the envelope sender's, or that of HELO when it is null
	reason  string
	aligned bool   // with the author's domain
	by      string // the relay whose word this is; "" when we checked
}

// spfDomain is the domain that SPF is checked for (RFC 7208 §2.4), or "" when
// there is none that could have a record.
func spfDomain(in Input) address.Domain {
	d := in.MailFrom.Domain()
	if in.MailFrom.IsZero() {
		helo, err := address.ParseDomain(in.Helo)
		if err != nil {
			return ""
		}
		d = helo
	}
	return d
}

// checkSPF evaluates RFC 7208 for the client's address.
func checkSPF(ctx context.Context, d dns, in Input) spfOutcome {
	out := spfOutcome{result: resultNone, domain: spfDomain(in)}
	switch {
	case !in.ClientIP.IsValid():
		out.reason = "the address of the client is not known, so it cannot be checked"
		return out
	case out.domain == "" || out.domain.IsLiteral() || !strings.Contains(string(out.domain), "."):
		// RFC 7208 §4.3: not a domain name of several labels, no check.
		out.reason = "neither the envelope sender nor HELO names a domain that could publish SPF"
		return out
	}
	ip := in.ClientIP.Unmap().WithZone("")
	helo, err := address.ParseDomain(in.Helo)
	if err != nil {
		helo = out.domain // only macros read it
	}
	asked := &spfDNS{dns: d, client: ip}
	res, err := spf.CheckHostWithSender(net.IP(ip.AsSlice()), string(helo), spfSender(in, out.domain),
		spf.WithContext(ctx), spf.WithResolver(asked))
	out.result = string(res)
	if ctx.Err() != nil && res != spf.None {
		// Some mechanisms take a lookup that was cut short for "no match".
		out.result, err = resultTempError, context.DeadlineExceeded
	}
	out.reason = spfReason(out, ip.String(), err)
	if out.result == resultPermError && asked.problem != "" {
		out.reason = "the SPF record of " + string(out.domain) + " cannot be evaluated: " + asked.problem
	}
	return out
}

// spfSender is the sender as macros see it. The library splits it at the first
// "@", so that a quoted "@" in the local part would choose the domain.
func spfSender(in Input, domain address.Domain) string {
	local := in.MailFrom.Local()
	if local == "" || strings.ContainsAny(local, "@\" \\") {
		local = "postmaster"
	}
	return local + "@" + string(domain)
}

func spfReason(o spfOutcome, ip string, err error) string {
	record := "the SPF record of " + string(o.domain)
	switch o.result {
	case resultPass:
		return record + " permits " + ip + matched(err)
	case resultFail:
		return record + " forbids " + ip + matched(err)
	case "softfail":
		return record + " doubts " + ip + matched(err)
	case resultNeutral:
		return record + " says nothing about " + ip
	case resultNone:
		return string(o.domain) + " publishes no SPF record"
	case resultTempError:
		if errors.Is(err, context.DeadlineExceeded) {
			return "DNS did not answer in time for " + record
		}
		return dnsTrouble(err)
	}
	return record + " cannot be evaluated: " + detail(err)
}

func matched(err error) string {
	if err == nil {
		return ""
	}
	return " (" + err.Error() + ")"
}

func detail(err error) string {
	if err == nil {
		return "unknown error"
	}
	return err.Error()
}
