package router

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// signs are the ways a mail can point to a ticket, strongest first.
var signs = []struct {
	by  string
	add func(in *Input, ticket ticketstore.TicketID)
}{
	{ByBounce, func(in *Input, n ticketstore.TicketID) {
		in.Envelope.Recipients = append(in.Envelope.Recipients, addr(bouncePath(n)))
	}},
	{ByReply, func(in *Input, n ticketstore.TicketID) {
		in.Envelope.Recipients = append(in.Envelope.Recipients, addr(replyTo(n, ann)))
	}},
	{ByMessageID, func(in *Input, n ticketstore.TicketID) {
		in.Message.References = append(in.Message.References, messageID(claimOf(n, ann, ticketstore.AudienceUser, false)))
	}},
	{ByTag, func(in *Input, n ticketstore.TicketID) { in.Message.Subject += fmt.Sprintf(" [ID:%07d]", n) }},
	{ByRetiredTag, func(in *Input, n ticketstore.TicketID) { in.Message.Subject += fmt.Sprintf(" [Case:%d]", n) }},
	{ByStored, func(in *Input, n ticketstore.TicketID) {
		in.Message.InReplyTo = append(in.Message.InReplyTo, fmt.Sprintf("%d@stored.example", n))
	}},
}

// TestOrder gives each sign a ticket of its own and takes the strongest away
// one after the other.
func TestOrder(t *testing.T) {
	w := newWorld()
	for n := ticketstore.TicketID(101); n <= 106; n++ {
		w.tickets[n] = ticketstore.Ticket{ID: n, Mailbox: "support", Status: ticketstore.StatusOpen, Requester: box(ann)}
		w.messages[fmt.Sprintf("%d@stored.example", n)] = n
	}
	for i := range signs {
		in := mail(ann, "Re: printer")
		var others []string
		for j := i; j < len(signs); j++ {
			signs[j].add(&in, ticketstore.TicketID(101+j))
			if j > i {
				others = append(others, fmt.Sprintf("%s %d", signs[j].by, 101+j))
			}
		}
		d := decide(t, w, in)
		if want := fmt.Sprintf("update %d by %s", 101+i, signs[i].by); short(d) != want {
			t.Errorf("got %s, want %s", short(d), want)
		}
		if diff := cmp.Diff(others, rejected(t, d)); diff != "" {
			t.Errorf("%s: the others (-want +got):\n%s", signs[i].by, diff)
		}
	}
}

// TestFirstUsable gives each sign but the weakest a ticket the sender may not
// use: the weakest still wins, and the reasons are recorded.
func TestFirstUsable(t *testing.T) {
	w := newWorld()
	w.messages["1@stored.example"] = 1
	in := mail(ann, "Re: printer", to("support@desk.example", bouncePath(2), replyTo(2, bob)),
		refs(messageID(claimOf(2, bob, ticketstore.AudienceUser, false)), "1@stored.example"))
	in.Message.Subject = "Re: [ID:2] [ID:404] [Case:3]"
	d := decide(t, w, in)
	if want := "update 1 by " + ByStored; short(d) != want {
		t.Fatalf("got %s, want %s", short(d), want)
	}
	want := []string{"bounce 2", "reply-address 2", "message-id 2", "tag 2", "tag 404", "retired-tag 3"}
	if diff := cmp.Diff(want, rejected(t, d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r := d.Match.Rejected[4].Reason; !strings.Contains(r, "no such ticket") {
		t.Errorf("reason for a ticket that is not there: %s", r)
	}
}

// rejected lists what was turned down, and demands a reason for each.
func rejected(t *testing.T, d Decision) (list []string) {
	t.Helper()
	for _, r := range d.Match.Rejected {
		if r.Reason == "" {
			t.Errorf("%s %d was turned down without a reason", r.By, r.Ticket)
		}
		list = append(list, fmt.Sprintf("%s %d", r.By, r.Ticket))
	}
	return list
}

func TestSubjects(t *testing.T) {
	tests := []struct{ name, from, subject, want string }{
		{"as sent", ann, "Issue - Ticket Update [ID:0000001]", "update 1 by tag"},
		{"RE:", ann, "RE: Printer [ID:0000001]", "update 1 by tag"},
		{"AW:", ann, "AW: Printer [ID:0000001]", "update 1 by tag"},
		{"SV:", ann, "SV: Printer [ID:0000001]", "update 1 by tag"},
		{"FW:", ann, "FW: Printer [ID:0000001]", "update 1 by tag"},
		{"many", ann, "Re[2]: AW: FW: Re: [EXTERNAL] Printer [ID:0000001] (was: x)", "update 1 by tag"},
		{"lower case", ann, "re: printer [id:1]", "update 1 by tag"},
		{"blanks", ann, "Re: [ID: 0000001 ]", "update 1 by tag"},
		{"full-width digits", ann, "Re: [ID:０００００１]", "new"},
		{"Arabic digits", ann, "Re: [ID:١]", "new"},
		{"another desk's tag", ann, "Re: [Ticket#1]", "new"},
		{"the number alone", ann, "Re: 0000001", "new"},
		{"zero", ann, "Re: [ID:0]", "new"},
		{"a ticket that is not there", ann, "Re: [ID:404]", "new"},
		{"another mailbox's tag", bob, "Re: {Sale-3}", "update 3 by tag"},
		{"numbers are the desk's: our ticket in another mailbox's tag", ann, "Re: {Sale-1}", "update 1 by tag"},
		{"retired", ann, "Re: [Case:1]", "update 1 by retired-tag"},
		{"current before retired", ann, "Re: [Case:8] [ID:1]", "update 1 by tag"},
		{"several, the leftmost that may be used", ann, "[ID:404] [ID:2] [ID:8] [ID:1]", "update 8 by tag"},
		{"several, none may be used", ann, "[ID:404] [ID:2] [ID:3]", "new candidate 2"},
		{"the same twice", ann, "[ID:1] [ID:0000001]", "update 1 by tag"},
		{"merged", ann, "Re: [ID:4]", "update 1 by tag"},
		{"merged, party of the old ticket only", bob, "Re: [ID:4]", "new candidate 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := short(decide(t, newWorld(), mail(tt.from, tt.subject))); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestTypes: every type of ticket is found the same way.
func TestTypes(t *testing.T) {
	for _, kind := range []string{"incident", "opportunity", "project", "the desk's own", ""} {
		w := newWorld()
		w.set(1, func(t *ticketstore.Ticket) { t.Type = kind })
		if got := short(decide(t, w, mail(ann, "Re: [ID:1]"))); got != "update 1 by tag" {
			t.Errorf("%q: %s", kind, got)
		}
		w.Mailboxes[1].Type = kind
		if got := short(decide(t, w, mail(ann, "Hello"))); got != "new" {
			t.Errorf("%q: %s", kind, got)
		}
	}
}

func TestMergeChains(t *testing.T) {
	w := newWorld()
	if _, err := w.Decide(mail(ann, "Re: [ID:6]"), w); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("a circle: %v", err)
	}
	const long = 200
	for n := ticketstore.TicketID(1000); n < 1000+long; n++ {
		w.tickets[n] = ticketstore.Ticket{ID: n, MergedInto: n + 1}
	}
	w.tickets[1000+long] = ticketstore.Ticket{ID: 1000 + long, Mailbox: "support", Status: ticketstore.StatusOpen, Requester: box(ann)}
	if got := short(decide(t, w, mail(ann, "Re: [ID:1000]"))); got != "update 1200 by tag" {
		t.Errorf("a chain of %d: %s", long, got)
	}
}

func TestTokens(t *testing.T) {
	user, agent := ticketstore.AudienceUser, ticketstore.AudienceAgent
	own := messageID(claimOf(2, ann, user, false))
	tests := []struct {
		name string
		in   Input
		want string
		tok  Token
	}{
		{"own, no party", mail(ann, "Re:", to(replyTo(2, ann))), "update 2 by reply-address", TokenOwn},
		{"own, by another address of the person", mail("ann@home.example", "Re:", to(replyTo(2, ann))), "update 2 by reply-address", TokenOwn},
		{"own, unauthenticated", mail(ann, "Re:", to(replyTo(2, ann)), auth(ticketstore.AuthNone)), "update 2 by reply-address", TokenOwn},
		{"own, failed", mail(ann, "Re:", to(replyTo(2, ann)), auth(ticketstore.AuthFail)), "update 2 by reply-address", TokenOwn},
		{"own, lower-cased on the way", mail(ann, "Re:", to(strings.ToLower(replyTo(2, ann)))), "update 2 by reply-address", TokenOwn},
		{"own, as Message-ID", mail(ann, "Re:", refs(own)), "update 2 by message-id", TokenOwn},
		{"own, quoted by a second reference", mail(ann, "Re:", refs("x@y.example", own)), "update 2 by message-id", TokenOwn},
		{"somebody else's, no party", mail(eve, "Re:", to(replyTo(2, bob))), "new candidate 2", TokenOther},
		{"somebody else's, but a party", mail(bob, "Re:", to(replyTo(2, ann))), "update 2 by reply-address", TokenOther},
		{"forged, no party", mail(eve, "Re:", to(forge(replyTo(2, eve)))), "new candidate 2", TokenInvalid},
		{"forged, but a party", mail(bob, "Re:", to(forge(replyTo(2, bob)))), "update 2 by reply-address", TokenInvalid},
		{"forged Message-ID, no party", mail(eve, "Re:", refs(forge(messageID(claimOf(2, eve, user, false))))), "new candidate 2", TokenInvalid},
		{"forged for a ticket that is not there", mail(eve, "Re:", to(forge(replyTo(404, eve)))), "new", TokenInvalid},
		{"our form at another domain", mail(eve, "Re:", refs(strings.Replace(forge(own), "desk.example", "elsewhere.example", 1))), "new", TokenNone},
		{"an agent's, in other hands", mail(eve, "Re:", refs(messageID(claimOf(2, eve, user, true)))), "new candidate 2", TokenOther},
		{"an agent's, of a former agent who is a party", mail(bob, "Re:", refs(messageID(claimOf(2, bob, agent, true)))), "update 2 by message-id", TokenOther},
		{"no token", mail(eve, "Re: [ID:2]"), "new candidate 2", TokenNone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := decide(t, newWorld(), tt.in)
			if short(d) != tt.want || d.Who.Token != tt.tok {
				t.Errorf("got %s, token %s; want %s, %s", short(d), d.Who.Token, tt.want, tt.tok)
			}
			if d.Acts != nil {
				t.Error("it acts")
			}
			if tt.tok == TokenInvalid && d.Candidate != 0 && !strings.Contains(d.Match.Rejected[0].Reason, "its signature is not ours") {
				t.Errorf("rejected %v", d.Match.Rejected)
			}
			if d.Outcome == OutcomeUpdate && d.Quiet != (tt.in.Verdict.Auth == ticketstore.AuthFail) {
				t.Errorf("quiet %v", d.Quiet)
			}
		})
	}
}

// TestOwnMessageIDElsewhere: a token is signed, so its domain does not matter.
func TestOwnMessageIDElsewhere(t *testing.T) {
	id := strings.Replace(messageID(claimOf(2, ann, ticketstore.AudienceUser, false)), "desk.example", "renamed.example", 1)
	if got := short(decide(t, newWorld(), mail(ann, "Re:", refs(id)))); got != "update 2 by message-id" {
		t.Error(got)
	}
}

func TestAudience(t *testing.T) {
	for _, aud := range []ticketstore.Audience{ticketstore.AudienceUser, ticketstore.AudienceSupplier} {
		d := decide(t, newWorld(), mail(gus, "Re: [ID:1]", refs(messageID(claimOf(1, gus, aud, true)))))
		if d.Acts == nil || d.Acts.Audience != aud || d.Visibility != ticketstore.InternalOnly {
			t.Errorf("answer to a mail about the %s: %+v, %s", aud, d.Acts, d.Visibility)
		}
	}
	for name, in := range map[string]Input{
		"tag only":              mail(gus, "Re: [ID:1]"),
		"another agent's token": mail(gus, "Re: [ID:1]", refs(messageID(claimOf(1, sam, ticketstore.AudienceUser, true)))),
	} {
		if d := decide(t, newWorld(), in); d.Acts == nil || d.Acts.Audience != "" {
			t.Errorf("%s: %+v", name, d.Acts)
		}
	}
}

// TestSupplierAnswersLate: the answer to a mail that went to the ticket's
// supplier stays in that branch when the ticket has another supplier by now.
func TestSupplierAnswersLate(t *testing.T) {
	for _, from := range []string{joe, bob, sue} {
		for _, a := range ticketstore.Auths {
			d := decide(t, newWorld(), mail(from, "Re:", auth(a), refs(messageID(claimOf(2, from, ticketstore.AudienceSupplier, false)))))
			if short(d) != "update 2 by message-id" || d.Visibility != ticketstore.SupplierOnly || d.ActorKind != ticketstore.ActorSupplier || d.Status != ticketstore.StatusWaiting {
				t.Errorf("%s, %s: %s %s, as %s, status %s", from, a, short(d), d.Visibility, d.ActorKind, d.Status)
			}
		}
	}
}

func TestClosed(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		name  string
		after time.Duration
		in    Input
		want  string
		st    ticketstore.Status
	}{
		{"no limit", 0, mail(ann, "Re: [ID:8]"), "update 8 by tag", ticketstore.StatusOpen},
		{"within", 11 * day, mail(ann, "Re: [ID:8]"), "update 8 by tag", ticketstore.StatusOpen},
		{"on the day", 10 * day, mail(ann, "Re: [ID:8]"), "update 8 by tag", ticketstore.StatusOpen},
		{"too late", 9 * day, mail(ann, "Re: [ID:8]"), "new candidate 8", ticketstore.StatusNew},
		{"too late with an own token", 9 * day, mail(ann, "Re:", to(replyTo(8, ann))), "new candidate 8", ticketstore.StatusNew},
		{"an agent is never too late", 9 * day, mail(gus, "Re: [ID:8]"), "update 8 by tag", ticketstore.StatusClosed},
		{"a machine opens nothing", 9 * day, mail(ann, "Re: [ID:8]", class(message.AutoReply)), "update 8 by tag", ticketstore.StatusClosed},
		{"only closed ones", time.Hour, mail(ann, "Re: [ID:1]"), "update 1 by tag", ticketstore.StatusOpen},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.Mailboxes[1].ClosedAfter = tt.after
			d := decide(t, w, tt.in)
			if short(d) != tt.want || d.Status != tt.st {
				t.Errorf("got %s, %s; want %s, %s", short(d), d.Status, tt.want, tt.st)
			}
			if d.Candidate != 0 && !slices.Contains(rejected(t, d), fmt.Sprintf("%s 8", map[bool]string{true: ByTag, false: ByReply}[tt.in.Message.Subject == "Re: [ID:8]"])) {
				t.Errorf("the closed ticket is not among the rejected: %v", d.Match.Rejected)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	for _, st := range ticketstore.Statuses {
		w := newWorld()
		w.set(1, func(t *ticketstore.Ticket) { t.Status = st })
		want := map[string]ticketstore.Status{ann: st, gus: st, sue: st}
		switch st {
		case ticketstore.StatusWaiting, ticketstore.StatusSolved, ticketstore.StatusClosed:
			want[ann] = ticketstore.StatusOpen
		case ticketstore.StatusOnHold:
			want[sue] = ticketstore.StatusOpen
		}
		for who, after := range want {
			if d := decide(t, w, mail(who, "Re: [ID:1]")); d.Status != after || d.Outcome != OutcomeUpdate {
				t.Errorf("%s on %s: %s, want %s", who, st, d.Status, after)
			}
		}
	}
}

func TestLookupFails(t *testing.T) {
	w := newWorld()
	w.err = errors.New("disk on fire")
	if _, err := w.Decide(mail(ann, "Hello", refs("x@y.example")), w); !errors.Is(err, w.err) {
		t.Errorf("got %v", err)
	}
}

func TestManyReferences(t *testing.T) {
	in := mail(ann, "Re:")
	for i := range 1000 {
		in.Message.References = append(in.Message.References, fmt.Sprintf("%d@x.example", i))
	}
	if got := references(in.Message); len(got) != maxReferences || got[0] != "999@x.example" {
		t.Errorf("%d references, first %s", len(got), got[0])
	}
	in.Message.References[999] = "first@user.example"
	if got := short(decide(t, newWorld(), in)); got != "update 1 by "+ByStored {
		t.Error(got)
	}
}

func TestPrimary(t *testing.T) {
	tests := []struct {
		name    string
		to      []string
		primary string
		linked  []string
	}{
		{"one", []string{"support@desk.example"}, "support", nil},
		{"second address", []string{"help@other.example"}, "support", nil},
		{"two", []string{"support@desk.example", "sales@desk.example"}, "support", []string{"sales"}},
		{"the other way round", []string{"sales@desk.example", "help@other.example", "support@desk.example"}, "sales", []string{"support"}},
		{"detail", []string{"sales+x@desk.example"}, "sales", nil},
		{"postmaster", []string{"postmaster@desk.example"}, "sales", nil},
		{"abuse of a domain that only support has", []string{"Abuse@other.example"}, "support", nil},
		{"nobody", []string{"nobody@desk.example"}, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			in := mail(ann, "Hello", to(tt.to...))
			primary, linked := w.Primary(in.Envelope)
			if primary != tt.primary || !slices.Equal(linked, tt.linked) {
				t.Errorf("got %q, %q", primary, linked)
			}
			d := decide(t, w, in)
			if want := map[bool]string{true: "new", false: "refused 550"}[primary != ""]; short(d) != want || d.Mailbox != primary {
				t.Errorf("%s in %q", short(d), d.Mailbox)
			}
		})
	}
	if _, ok := newWorld().Resolve(addr(forge(bouncePath(1)))); ok {
		t.Error("a false return path is taken")
	}
}
