package router

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

func TestWho(t *testing.T) {
	user, public := ticketstore.ActorUser, ticketstore.Public
	tests := []struct {
		name, from, subject string
		want                string
		kind                Role
		belongs             bool
		actor               ticketstore.ActorKind
		see                 ticketstore.Visibility
	}{
		{"requester", ann, "[ID:1]", "update 1 by tag", RoleUser, true, user, public},
		{"requester by another address", "ann@home.example", "[ID:1]", "update 1 by tag", RoleUser, true, user, public},
		{"requester in other case", "ANN@User.Example", "[ID:1]", "update 1 by tag", RoleUser, true, user, public},
		{"detail is another address", "ann+x@user.example", "[ID:1]", "new candidate 1", RoleUnknown, false, user, public},
		{"follower whom the desk does not know", fay, "[ID:1]", "update 1 by tag", RoleUnknown, true, user, public},
		{"another user", bob, "[ID:1]", "new candidate 1", RoleUser, false, user, public},
		{"nobody", eve, "[ID:1]", "new candidate 1", RoleUnknown, false, user, public},
		{"assigned agent", gus, "[ID:1]", "update 1 by tag", RoleAgent, true, ticketstore.ActorAgent, ticketstore.InternalOnly},
		{"agent by another address", "gus@private.example", "[ID:1]", "update 1 by tag", RoleAgent, true, ticketstore.ActorAgent, ticketstore.InternalOnly},
		{"agent of the mailbox", gus, "[ID:2]", "update 2 by tag", RoleAgent, false, ticketstore.ActorAgent, ticketstore.InternalOnly},
		{"agent by configuration alone", sam, "{Sale-3}", "update 3 by tag", RoleAgent, false, ticketstore.ActorAgent, ticketstore.InternalOnly},
		{"agent of another mailbox", gus, "{Sale-3}", "new candidate 3", RoleAgent, false, ticketstore.ActorAgent, public},
		{"agent by configuration in another mailbox", sam, "[ID:1]", "new candidate 1", RoleUnknown, false, user, public},
		{"agent of this mailbox opens one", gus, "Hello", "new", RoleAgent, false, ticketstore.ActorAgent, public},
		{"supplier of the ticket", sue, "[ID:1]", "update 1 by tag", RoleSupplier, true, ticketstore.ActorSupplier, ticketstore.SupplierOnly},
		{"supplier, not of this ticket", sue, "[ID:2]", "new candidate 2", RoleSupplier, false, ticketstore.ActorSupplier, public},
		{"supplier of this ticket alone", joe, "[ID:9]", "update 9 by tag", RoleSupplier, true, ticketstore.ActorSupplier, ticketstore.SupplierOnly},
		{"supplier of that ticket elsewhere", joe, "[ID:1]", "new candidate 1", RoleUnknown, false, user, public},
		{"supplier who is the customer", sue, "[ID:10]", "update 10 by tag", RoleUser, true, user, public},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := decide(t, newWorld(), mail(tt.from, tt.subject))
			if short(d) != tt.want || d.Who.Kind != tt.kind || d.Who.Belongs != tt.belongs {
				t.Errorf("got %s, %s, belongs %v; want %s, %s, %v", short(d), d.Who.Kind, d.Who.Belongs, tt.want, tt.kind, tt.belongs)
			}
			if d.ActorKind != tt.actor || d.Visibility != tt.see {
				t.Errorf("as %s, %s; want %s, %s", d.ActorKind, d.Visibility, tt.actor, tt.see)
			}
			if (d.Acts != nil) != (tt.actor == ticketstore.ActorAgent && d.Outcome == OutcomeUpdate) {
				t.Errorf("acts: %+v", d.Acts)
			}
		})
	}
}

func TestNames(t *testing.T) {
	named := func(n string) func(*Input) { return func(in *Input) { in.Message.From.Name = n } }
	for _, tt := range []struct{ from, name, want string }{
		{ann, "Somebody Else", "Ann"},
		{eve, "Eve E.", "Eve E."},
		{eve, "", eve},
	} {
		if d := decide(t, newWorld(), mail(tt.from, "Hello", named(tt.name))); d.Who.Name != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.from, tt.name, d.Who.Name, tt.want)
		}
	}
	d := decide(t, newWorld(), mail(eve, "Hello", func(in *Input) { in.Message.From = address.Mailbox{} }))
	if d.Who.Name != "(unreadable sender)" || d.Contact || d.Acknowledge {
		t.Errorf("without a readable sender: %q, contact %v, acknowledged %v", d.Who.Name, d.Contact, d.Acknowledge)
	}
}

func TestAgentClaimed(t *testing.T) {
	own := to("support+" + keys.Reply(claimOf(1, gus, ticketstore.AudienceUser, true)) + "@desk.example")
	for _, subject := range []string{"Hello", "Re: [ID:1]", "Re: [ID:2]", "Re: [ID:404]"} {
		for _, change := range []func(*Input){func(*Input) {}, own} {
			for a, want := range map[ticketstore.Auth]string{
				ticketstore.AuthNone: OutcomeHeld, ticketstore.AuthFail: OutcomeHeld, ticketstore.AuthTempError: OutcomeRefused,
			} {
				d := decide(t, newWorld(), mail(gus, subject, auth(a), change))
				if d.Outcome != want || d.Acts != nil || d.Notify || d.Acknowledge {
					t.Errorf("%s, %s: %s, %+v", subject, a, short(d), d.Acts)
				}
				if want == OutcomeRefused && d.Refusal.Code != 451 {
					t.Errorf("%s: %+v", subject, d.Refusal)
				}
			}
		}
	}
}

// TestUnsure: a From field that two readers may take for two authors makes the
// sender nobody, so that forgers gain nothing by writing it so.
func TestUnsure(t *testing.T) {
	unsure := func(in *Input) {
		in.Message.FromErr = fmt.Errorf("header: %w", address.ErrManyMailbox)
		in.Verdict.Auth = ticketstore.AuthNone // what the door makes of it
	}
	tests := []struct {
		name string
		in   Input
		want string
	}{
		{"requester", mail(ann, "[ID:1]", unsure), "new candidate 1"},
		{"follower", mail(fay, "[ID:1]", unsure), "new candidate 1"},
		{"supplier", mail(sue, "[ID:1]", unsure), "new candidate 1"},
		{"agent", mail(gus, "[ID:1]", unsure), "held 1"},
		{"agent, new", mail(gus, "Hello", unsure), "held"},
		{"own token", mail(ann, "Re:", unsure, to(replyTo(1, ann))), "update 1 by reply-address"},
		{"released", mail(ann, "[ID:1]", unsure, func(in *Input) { in.Released = true }), "update 1 by tag"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.Mailboxes[1].Acknowledge = "not-failed"
			d := decide(t, w, tt.in)
			if short(d) != tt.want || d.Acts != nil || d.Contact || d.Acknowledge {
				t.Errorf("got %s, acts %+v, contact %v, acknowledged %v; want %s", short(d), d.Acts, d.Contact, d.Acknowledge, tt.want)
			}
			if said := strings.Contains(strings.Join(d.Trace, "\n"), address.ErrManyMailbox.Error()); said == tt.in.Released {
				t.Errorf("trace %q", d.Trace)
			}
		})
	}
	w := newWorld()
	w.Mailboxes[1].Unknown = "refuse"
	if d := decide(t, w, mail(ann, "Hello", unsure)); short(d) != "refused 550" {
		t.Errorf("where unknown senders are refused: %s", short(d))
	}
}

func TestForms(t *testing.T) {
	by := func(list ...string) func(*Input) {
		return func(in *Input) {
			for _, a := range list {
				in.Message.ReplyTo = append(in.Message.ReplyTo, address.Mailbox{Name: "Typed In", Address: addr(a)})
			}
		}
	}
	tests := []struct {
		name string
		in   Input
		want string
		kind Role
		who  string
	}{
		{"a stranger's", mail(form, "Hello", by(eve)), "new", RoleUnknown, eve},
		{"a user's", mail(form, "Hello", by(ann)), "new", RoleUser, ann},
		{"a user's, with their ticket", mail(form, "[ID:1]", by(ann)), "update 1 by tag", RoleUser, ann},
		{"a stranger's, with a ticket", mail(form, "[ID:1]", by(eve)), "new candidate 1", RoleUnknown, eve},
		{"claims an agent", mail(form, "Hello", by(gus)), "new", RoleUnknown, gus},
		{"claims an agent, with a ticket", mail(form, "[ID:2]", by(gus)), "new candidate 2", RoleUnknown, gus},
		{"claims a supplier", mail(form, "[ID:1]", by(sue)), "held 1", RoleSupplier, sue},
		{"two Reply-To", mail(form, "Hello", by(ann, bob)), "new", RoleUnknown, form},
		{"no Reply-To", mail(form, "Hello"), "new", RoleUnknown, form},
		{"not authenticated: its own address counts", mail(form, "[ID:1]", by(ann), auth(ticketstore.AuthNone)), "new candidate 1", RoleUnknown, form},
		{"another mailbox's form is none", mail(form, "Hello", by(ann), to("sales@desk.example")), "new", RoleUnknown, form},
		{"no form", mail(eve, "[ID:1]", by(ann)), "new candidate 1", RoleUnknown, eve},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := decide(t, newWorld(), tt.in)
			if short(d) != tt.want || d.Who.Kind != tt.kind || d.Who.Address.String() != tt.who {
				t.Errorf("got %s, %s %s; want %s, %s %s", short(d), d.Who.Kind, d.Who.Address, tt.want, tt.kind, tt.who)
			}
			formed := tt.who != form && tt.in.Message.From.Address.String() == form
			if d.Acts != nil || formed && (d.Acknowledge || d.Contact) {
				t.Errorf("acts %+v, acknowledged %v, contact %v", d.Acts, d.Acknowledge, d.Contact)
			}
		})
	}
	// An agent of the configuration who is a user elsewhere, released by a person.
	w := newWorld()
	w.Mailboxes[1].Agents = append(w.Mailboxes[1].Agents, addr(bob))
	d := decide(t, w, mail(form, "[ID:1]", by(bob), func(in *Input) { in.Released = true }))
	if d.Acts != nil || d.Who.Kind == RoleAgent {
		t.Errorf("a form speaks as an agent: %s, %s", short(d), d.Who.Kind)
	}
}

func TestLoops(t *testing.T) {
	tests := []struct {
		name string
		in   Input
		want message.Class
	}{
		{"our own field", mail(ann, "Hello", field("x-mxdesk-loop", "DESK.example")), message.Loop},
		{"another desk's field", mail(ann, "Hello", field("X-Mxdesk-Loop", "other-desk.example")), message.Human},
		{"our own address", mail("support@desk.example", "Hello"), message.Loop},
		{"our own address with a detail", mail("sales+2.x@desk.example", "Hello"), message.Loop},
		{"another address of our domain", mail("ceo@desk.example", "Hello"), message.Human},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := decide(t, newWorld(), tt.in)
			if d.Class != tt.want || (d.Class == message.Loop) != (len(d.Reasons) > 0) {
				t.Errorf("class %s because %q, want %s", d.Class, d.Reasons, tt.want)
			}
			if d.Class == message.Loop && (d.Acknowledge || d.Notify || d.Contact) {
				t.Errorf("a loop is answered: %+v", d)
			}
		})
	}
}

type brokenPeople struct{ *world }

var errBroken = errors.New("broken")

func (brokenPeople) ContactByAddress(address.Address) (ticketstore.Contact, error) {
	return ticketstore.Contact{}, errBroken
}

func TestPeopleLookupFails(t *testing.T) {
	w := newWorld()
	if _, err := w.Decide(mail(ann, "Hello"), brokenPeople{w}); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}
