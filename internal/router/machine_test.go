package router

import (
	"testing"

	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

var machines = []message.Class{
	message.AutoReply, message.Bounce, message.Disposition, message.Challenge, message.List, message.Bulk, message.Calendar,
	message.Loop, message.Notification,
}

// TestMachineGate: whoever sends it and however it is authenticated, machine
// mail is never answered, tells nobody, acts for nobody and changes no status.
func TestMachineGate(t *testing.T) {
	people := []string{gus, ann, fay, sue, joe, bob, eve}
	subjects := []string{"Hello", "Re: [ID:1]", "Re: [ID:2]", "Re: [ID:8]", "Re: [ID:9]", "Re: [ID:404]"}
	for _, c := range machines {
		for _, from := range people {
			for _, a := range ticketstore.Auths {
				for _, subject := range subjects {
					for _, policy := range []string{"create", "triage", "hold", "refuse"} {
						w := newWorld()
						w.Mailboxes[1].Unknown, w.Mailboxes[1].Acknowledge = policy, "not-failed"
						in := mail(from, subject, class(c), auth(a))
						checkGate(t, w, in)
						in.Envelope.Recipients = append(in.Envelope.Recipients, addr(replyTo(1, from)))
						checkGate(t, w, in)
					}
				}
			}
		}
	}
}

func checkGate(t *testing.T, w *world, in Input) {
	t.Helper()
	d := decide(t, w, in)
	name := func() string {
		return string(in.Message.Class) + " from " + in.Message.From.Address.String() + ", " + string(in.Verdict.Auth) + ", " + in.Message.Subject
	}
	if d.Acts != nil || d.Acknowledge || d.Notify || d.Contact {
		t.Errorf("%s: acts %+v, acknowledged %v, notified %v, contact %v", name(), d.Acts, d.Acknowledge, d.Notify, d.Contact)
	}
	if d.Refusal != nil && d.Refusal.Code >= 500 {
		t.Errorf("%s: refused for good: %+v", name(), d.Refusal)
	}
	if d.Outcome == OutcomeUpdate {
		if d.Status != d.Ticket.Status || d.Visibility != ticketstore.InternalOnly || d.Class != in.Message.Class {
			t.Errorf("%s: status %s to %s, %s", name(), d.Ticket.Status, d.Status, d.Visibility)
		}
	}
	if d.Outcome == OutcomeNew && d.Unanswered == "" {
		t.Errorf("%s: nothing says why it is not answered", name())
	}
}

func TestMachineOutcomes(t *testing.T) {
	for _, c := range machines {
		want := ticketstore.OutcomeMachine
		switch c {
		case message.Bounce:
			want = ticketstore.OutcomeFailed
		case message.AutoReply:
			want = ticketstore.OutcomeAutoReply
		}
		if d := decide(t, newWorld(), mail(ann, "[ID:1]", class(c))); d.Action != want || short(d) != "update 1 by tag" {
			t.Errorf("%s: %s, %q", c, short(d), d.Action)
		}
	}
}

// TestNullSender: mail from the null reverse-path is never a person's.
func TestNullSender(t *testing.T) {
	d := decide(t, newWorld(), mail(gus, "[ID:1]", nullSender))
	if d.Class != message.AutoReply || d.Acts != nil || d.Notify {
		t.Errorf("class %s, acts %+v", d.Class, d.Acts)
	}
	d = decide(t, newWorld(), mail(eve, "Hello", nullSender, func(in *Input) { in.Message.Bounce = &message.BounceReport{} }))
	if d.Class != message.Bounce || d.Acknowledge {
		t.Errorf("class %s, acknowledged %v", d.Class, d.Acknowledge)
	}
}

func TestBounces(t *testing.T) {
	const daemon = "mailer-daemon@mx.elsewhere.example"
	ours := messageID(claimOf(2, bob, ticketstore.AudienceUser, false))
	quotes := func(id string) func(*Input) {
		return func(in *Input) { in.Message.Bounce = &message.BounceReport{MessageID: id} }
	}
	bounce := class(message.Bounce)
	tests := []struct {
		name string
		in   Input
		want string
		item ticketstore.ItemID
	}{
		{"to our return path", mail(daemon, "Failed", bounce, nullSender, to(bouncePath(2))), "update 2 by bounce", 77},
		{"to our return path, failed authentication", mail(daemon, "Failed", bounce, nullSender, to(bouncePath(2)), auth(ticketstore.AuthFail)), "update 2 by bounce", 77},
		{"to our return path, no report", mail(daemon, "Out of office", class(message.AutoReply), nullSender, to(bouncePath(2))), "update 2 by bounce", 0},
		{"to our return path, a person who is no party", mail(eve, "Hello", to(bouncePath(2))), "new candidate 2", 0},
		{"to a false return path", mail(daemon, "Failed", bounce, nullSender, to(forge(bouncePath(2)))), "refused 550", 0},
		{"quotes our Message-ID", mail(daemon, "Failed", bounce, nullSender, quotes(ours)), "update 2 by message-id", 77},
		{"quotes our Message-ID, unauthenticated", mail(daemon, "Failed", bounce, nullSender, quotes(ours), auth(ticketstore.AuthNone)), "update 2 by message-id", 77},
		{"quotes a false Message-ID", mail(daemon, "Failed", bounce, nullSender, quotes(forge(ours))), "new candidate 2", 0},
		{"quotes the tag only", mail(daemon, "Failed: [ID:2]", bounce, nullSender), "new candidate 2", 0},
		{"of a ticket that was merged", mail(daemon, "Failed", bounce, nullSender, to(bouncePath(4))), "update 1 by bounce", 77},
		{"of a ticket that is gone", mail(daemon, "Failed", bounce, nullSender, to(bouncePath(404))), "new", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := decide(t, newWorld(), tt.in)
			if short(d) != tt.want || d.Bounced != tt.item {
				t.Errorf("got %s, item %d; want %s, item %d", short(d), d.Bounced, tt.want, tt.item)
			}
			if tt.item != 0 && (d.ActorKind != ticketstore.ActorMachine || d.Status != d.Ticket.Status) {
				t.Errorf("as %s, status %s", d.ActorKind, d.Status)
			}
		})
	}
}
