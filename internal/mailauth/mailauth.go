// Package mailauth decides at the door how far a mail's From address can be
// believed: SPF (RFC 7208), DKIM (RFC 6376, RFC 8301, RFC 8463) and DMARC (RFC
// 9989) come to one [ticketstore.Verdict]. It also writes our
// Authentication-Results field and finds forged ones (RFC 8601), and notes
// what became of a chain of ARC seals (RFC 8617).
//
// All lookups of one mail share one time budget, and run at the same time where
// their answers are not remembered. DNS that does not answer is never a pass and
// never a reason to refuse for good: it gives a temporary error wherever the
// answer could have mattered.
package mailauth

import (
	"context"
	"net/netip"
	"time"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// DefaultBudget is the time for all checks of one mail when a Config names
// none.
const DefaultBudget = 10 * time.Second

// The result words of RFC 8601 §2.7 that this package gives.
const (
	resultNone      = "none"
	resultPass      = "pass"
	resultFail      = "fail"
	resultPolicy    = "policy"
	resultNeutral   = "neutral"
	resultTempError = "temperror"
	resultPermError = "permerror"
)

// Config says how a Checker works.
type Config struct {
	// AuthservID is our name in Authentication-Results fields (RFC 8601 §2.5).
	AuthservID string
	// Resolver looks names up. Without one nothing is evaluated.
	Resolver Resolver
	// Budget is the time for all lookups of one mail together; zero means
	// DefaultBudget.
	Budget time.Duration
	// TrustLoopback counts every mail from a loopback address as authenticated,
	// provided that its From field names one author and that it came over no
	// relay.
	TrustLoopback bool
	// Relays are the site's own mail servers in front of us.
	Relays []Relay
}

// Checker computes verdicts. It may be used by several goroutines at once.
type Checker struct{ conf Config }

// New returns a Checker.
func New(conf Config) *Checker {
	if conf.Budget <= 0 {
		conf.Budget = DefaultBudget
	}
	return &Checker{conf}
}

// Input is one mail at the door.
type Input struct {
	ClientIP netip.Addr      // the zero Addr when the mail came by no connection
	Helo     string          // as the client gave it, unchecked
	Relay    string          // the peer that handed the mail over: "" when not known, RelayUnix, or an IP address
	MailFrom address.Address // zero for the null reverse-path
	Header   *message.Header // as message.ReadHeader made it from Content
	Content  message.Content // the octets as received
	Now      time.Time       // when it came in; zero means now
}

// Check computes the verdict of one mail. It takes no longer than the budget
// and never fails: what could not be found out is in the verdict.
func (c *Checker) Check(ctx context.Context, in Input) ticketstore.Verdict {
	if in.Now.IsZero() {
		in.Now = time.Now()
	}
	e := &evaluation{in: in, author: author(in.Header), route: c.route(in)}
	e.said = c.listen(in, e.route, e.author)
	e.in.ClientIP, e.in.Helo = e.route.client.ip, e.route.client.helo
	if c.conf.Resolver == nil {
		e.skip("no DNS configured")
	} else {
		ctx, cancel := context.WithTimeout(ctx, c.conf.Budget)
		defer cancel()
		e = e.run(ctx, c.conf.Resolver)
	}
	v := e.verdict()
	if in.Header.FromErr == nil && c.ownMachine(in, e.route) {
		v.Auth = ticketstore.AuthAligned
		v.Reason = "came from this machine (" + in.ClientIP.Unmap().String() + "), which is trusted by configuration"
	}
	v.Authenticated = v.Auth == ticketstore.AuthAligned
	return v
}

// ownMachine reports whether a mail counts as authenticated because it was
// made on this machine. What a relay took from others was not.
func (c *Checker) ownMachine(in Input, r route) bool {
	if !c.conf.TrustLoopback || r.relayed() || !in.ClientIP.Unmap().IsLoopback() {
		return false
	}
	if in.Relay == "" {
		return true
	}
	peer, err := netip.ParseAddr(in.Relay)
	return err == nil && peer.Unmap().IsLoopback() && c.relayAt(peer) == nil
}

// author is the Author Domain (RFC 9989 §3.2.2), or "" when From does not name
// exactly one author.
func author(h *message.Header) address.Domain {
	if h.FromErr != nil || h.From.Address.IsZero() {
		return ""
	}
	return h.From.Address.Domain()
}

// evaluation is the state of one Check. The results are written by one
// goroutine each and read when all have ended.
type evaluation struct {
	in      Input
	author  address.Domain // "" when there is no single author
	route   route
	said    testimony
	skipped string // why nothing was looked up
	tree    *tree
	bodies  *bodies // shared by both passes of run
	spf     spfOutcome
	dkim    []dkimOutcome
	arc     ticketstore.ARCResult
	policy  policy
	trouble string // DNS trouble that may have changed the outcome
}

// skip is a check without DNS: there is only what relays say, and of that only
// what is about the author's very domain.
func (e *evaluation) skip(reason string) {
	e.skipped = reason
	e.spf = spfOutcome{result: resultNone, domain: spfDomain(e.in), reason: reason}
	if e.said.spf != nil {
		e.spf = *e.said.spf
		e.spf.aligned = e.author != "" && e.spf.result == resultPass && e.spf.domain == e.author
	}
	e.dkim = e.said.dkim
	for i := range e.dkim {
		e.dkim[i].aligned = e.author != "" && e.dkim[i].domain == e.author && !e.dkim[i].byIdentity
	}
	e.policy = policy{result: resultNone, reason: reason}
	e.arc = ticketstore.ARCResult{Result: resultNone}
}

// run makes all checks, with what is remembered when that is enough.
func (e *evaluation) run(ctx context.Context, r Resolver) *evaluation {
	e.bodies = new(bodies)
	if c, ok := r.(*cache); ok {
		quick, known := *e, dns{&recall{c: c}}
		if quick.ask(ctx, known); !known.missed() {
			return &quick
		}
	}
	e.ask(ctx, dns{r})
	return e
}

func (e *evaluation) ask(ctx context.Context, d dns) {
	e.tree = newTree(d)
	v := newView(e.in)
	v.bodies = e.bodies
	d.together(func() {
		e.policy = e.tree.policy(ctx, e.author)
	}, func() {
		e.spf = e.checkSPF(ctx, d)
		if e.spf.result == resultPass {
			e.prepare(ctx, e.spf.domain)
		}
	}, func() {
		e.dkim = append(checkDKIM(ctx, d, v, e.author), e.said.dkim...)
		for _, o := range e.dkim {
			if o.counts() {
				e.prepare(ctx, o.domain)
			}
		}
	}, func() {
		e.arc = checkARC(ctx, d, v)
	})
	e.align(ctx)
}

// checkSPF takes a relay's word, or asks for the client that came to it.
func (e *evaluation) checkSPF(ctx context.Context, d dns) spfOutcome {
	if e.said.spf != nil {
		return *e.said.spf
	}
	out := checkSPF(ctx, d, e.in)
	settled := e.route.doubt == "" && (out.result == resultPass || out.result == resultTempError)
	switch {
	case !e.route.relayed() || settled:
	case e.route.client.loggedIn:
		return e.checkSubmission(ctx, d)
	case e.route.doubt != "":
		out.reason = "the mail came over the relay " + e.route.peer + ", but where that took it from is not known: " + e.route.doubt
		return out
	}
	if e.route.relayed() {
		out.reason += ", which came to the relay " + e.route.peer
	}
	return out
}

// checkSubmission is SPF for a mail of a user who logged in to a relay: it
// begins at the relay, as everybody else who gets such mail sees it, and not
// at whatever address the user happens to be.
func (e *evaluation) checkSubmission(ctx context.Context, d dns) spfOutcome {
	in := e.in
	in.ClientIP = e.route.own
	if in.ClientIP.IsPrivate() || !in.ClientIP.IsGlobalUnicast() {
		in.ClientIP = netip.Addr{}
	}
	out := checkSPF(ctx, d, in)
	if !in.ClientIP.IsValid() {
		out.reason = "the mail begins at a relay of this site, where its sender logged in; the relay has no public address to check"
		return out
	}
	out.reason += ", the relay where the sender logged in"
	return out
}

// prepare walks the tree of an authenticated domain while the other checks
// still run, so that a slow one among them takes no time from it.
func (e *evaluation) prepare(ctx context.Context, id address.Domain) {
	if id != e.author && mayAlign(e.author, id) {
		e.tree.walk(ctx, id)
	}
}
