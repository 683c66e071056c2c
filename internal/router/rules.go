// Package router decides what becomes of a mail, by the three checks: does it
// match a ticket, who sent it and may they, what else should be captured. It
// is rules only: no network, no disk, no SMTP. What it needs to know of the
// store it asks through [Lookup]; what it finds it returns as a [Decision] with
// its reasons and the candidates it turned down.
package router

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"mxdesk/internal/address"
	"mxdesk/internal/tag"
	"mxdesk/internal/token"
	"mxdesk/ticketstore"
)

// Mailbox is what the rules know of a mailbox.
type Mailbox struct {
	Key         string
	Addresses   []address.Address
	Agents      []address.Address
	Tag         tag.Pair
	Retired     []tag.Pair
	Type        string
	Priority    string
	Acknowledge string // authenticated, not-failed or never
	Unknown     string // create, triage, hold or refuse
	Failed      string // hold, ticket or "" for what the sender's domain asks for
	ClosedAfter time.Duration
	FormSenders []address.Address
	Closed      bool  // takes answers to its signed addresses only
	MaxMessage  int64 // octets of the largest mail it takes; 0 means no bound of its own
}

// Rules is everything that decisions rest on besides the mail and the store.
// It is not changed once it is in use.
type Rules struct {
	Hostname  string
	Mailboxes []Mailbox // in the order of their keys
	Capture   []CaptureRule
	Keys      *token.Keyring
}

// CaptureRule is one rule of the configuration, compiled. Conditions that are
// nil are met.
type CaptureRule struct {
	Name                    string
	Mailbox                 string
	From, To, Subject, Body *regexp.Regexp
	Fields                  []CaptureField
	Type, Priority          string
	Set                     map[string]string
	Stop                    bool
}

// CaptureField takes one field, by Regex or between two marks.
type CaptureField struct {
	Field      string
	InSubject  bool
	Start, End string
	Regex      *regexp.Regexp
}

// Mailbox finds a mailbox by its key; nil when there is none.
func (r *Rules) Mailbox(key string) *Mailbox {
	for i := range r.Mailboxes {
		if r.Mailboxes[i].Key == key {
			return &r.Mailboxes[i]
		}
	}
	return nil
}

// Ours reports whether mail to the address reaches a mailbox of ours, details
// behind a plus included.
func (r *Rules) Ours(a address.Address) bool { return r.owner(a) != nil }

func (r *Rules) owner(a address.Address) *Mailbox {
	base, _ := a.Detail()
	for i := range r.Mailboxes {
		if slices.ContainsFunc(r.Mailboxes[i].Addresses, a.Equal) {
			return &r.Mailboxes[i]
		}
	}
	for i := range r.Mailboxes {
		if slices.ContainsFunc(r.Mailboxes[i].Addresses, base.Equal) {
			return &r.Mailboxes[i]
		}
	}
	return nil
}

// hasDomain reports whether a mailbox has an address in the domain.
func (m *Mailbox) hasDomain(d address.Domain) bool {
	return slices.ContainsFunc(m.Addresses, func(a address.Address) bool { return a.Domain() == d })
}

// Recipient is what an envelope recipient means.
type Recipient struct {
	Mailbox string
	// Reply and Bounce are the claims of a signed reply address and of a signed
	// return path; Forged says that such a signature did not match.
	Reply, Bounce *token.Claim
	Forged        bool
}

// Resolve says which mailbox a recipient reaches; ok is false when it is none
// of ours. A return path with a false signature is none: only we make them.
func (r *Rules) Resolve(a address.Address) (rcpt Recipient, ok bool) {
	m := r.owner(a)
	if m == nil {
		if m = r.roleAccount(a); m == nil {
			return Recipient{}, false
		}
		return Recipient{Mailbox: m.Key}, true
	}
	rcpt = Recipient{Mailbox: m.Key}
	_, detail := a.Detail()
	if detail == "" || slices.ContainsFunc(m.Addresses, a.Equal) {
		return rcpt, true
	}
	if c, err := r.Keys.ParseBounce(detail); !token.IsForm(err) {
		rcpt.Bounce = &c
		return rcpt, err == nil
	}
	if c, err := r.Keys.ParseReply(detail); err == nil {
		rcpt.Reply = &c
	} else if !token.IsForm(err) {
		rcpt.Reply, rcpt.Forged = &c, true
	}
	return rcpt, true
}

// roleAccount resolves postmaster (RFC 5321 §4.5.1) and abuse (RFC 2142 §4) at
// our host name and at every domain of ours, and the bare postmaster, which the
// door hands on with the host name as its domain. They reach the mailbox with
// that domain that comes first by key.
func (r *Rules) roleAccount(a address.Address) *Mailbox {
	local := strings.ToLower(a.Local())
	if local != "postmaster" && local != "abuse" || len(r.Mailboxes) == 0 {
		return nil
	}
	for i := range r.Mailboxes {
		if r.Mailboxes[i].hasDomain(a.Domain()) {
			return &r.Mailboxes[i]
		}
	}
	if strings.EqualFold(string(a.Domain()), r.Hostname) {
		return &r.Mailboxes[0]
	}
	return nil
}

// Pairs lists every tag pair of the desk, current ones first.
func (r *Rules) Pairs() []tag.Pair {
	var pairs []tag.Pair
	for _, m := range r.Mailboxes {
		pairs = append(pairs, m.Tag)
	}
	for _, m := range r.Mailboxes {
		pairs = append(pairs, m.Retired...)
	}
	return pairs
}

// Lookup is what the rules ask the store.
type Lookup interface {
	Ticket(ticketstore.TicketID) (ticketstore.Ticket, error)
	TicketsByMessageID(string) ([]ticketstore.TicketID, error)
	ContactByAddress(address.Address) (ticketstore.Contact, error)
}
