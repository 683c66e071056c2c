package router

import (
	"slices"
	"strings"
	"testing"

	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

func TestUnknownSenders(t *testing.T) {
	machine := class(message.Notification)
	released := func(in *Input) { in.Released = true }
	tests := []struct {
		policy  string
		name    string
		in      Input
		want    string
		contact bool
		mark    bool // "unknown sender"
	}{
		{"create", "stranger", mail(eve, "Hello"), "new", true, false},
		{"create", "stranger, unverified", mail(eve, "Hello", auth(ticketstore.AuthNone)), "new", true, false},
		{"create", "stranger, failed", mail(eve, "Hello", auth(ticketstore.AuthFail)), "new", false, false},
		{"create", "machine", mail(eve, "Hello", machine), "new", false, false},
		{"create", "user", mail(ann, "Hello"), "new", false, false},
		{"triage", "stranger", mail(eve, "Hello"), "new", false, true},
		{"triage", "machine", mail(eve, "Hello", machine), "new", false, true},
		{"triage", "user", mail(ann, "Hello"), "new", false, false},
		{"hold", "stranger", mail(eve, "Hello"), "held", false, false},
		{"hold", "stranger with a ticket", mail(eve, "[ID:1]"), "held candidate 1", false, false},
		{"hold", "machine", mail(eve, "Hello", machine), "new", false, true},
		{"hold", "user", mail(ann, "Hello"), "new", false, false},
		{"hold", "released", mail(eve, "Hello", released), "new", true, false},
		{"refuse", "stranger", mail(eve, "Hello"), "refused 550", false, false},
		{"refuse", "stranger with a ticket", mail(eve, "[ID:1]"), "refused 550", false, false},
		{"refuse", "failed stranger with a ticket", mail(eve, "[ID:1]", auth(ticketstore.AuthFail)), "refused 550", false, false},
		{"refuse", "failed stranger", mail(eve, "Hello", auth(ticketstore.AuthFail)), "refused 550", false, false},
		{"refuse", "follower", mail(fay, "[ID:1]"), "update 1 by tag", false, false},
		{"refuse", "own token", mail(eve, "Re:", to(replyTo(1, eve))), "update 1 by reply-address", false, false},
		{"refuse", "machine", mail(eve, "Hello", machine), "new", false, true},
		{"refuse", "user", mail(ann, "Hello"), "new", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.policy+"/"+tt.name, func(t *testing.T) {
			w := newWorld()
			w.Mailboxes[1].Unknown = tt.policy
			d := decide(t, w, tt.in)
			if short(d) != tt.want || d.Contact != tt.contact || slices.Contains(d.Marks, "unknown sender") != (tt.mark && d.Outcome == OutcomeNew) {
				t.Errorf("got %s, contact %v, marks %q; want %s, contact %v, mark %v", short(d), d.Contact, d.Marks, tt.want, tt.contact, tt.mark)
			}
			if d.Outcome == OutcomeHeld && (!d.Quiet || d.HoldReason == "" || d.Acknowledge || d.Notify) {
				t.Errorf("held: %+v", d)
			}
		})
	}
}

func TestFailedPolicies(t *testing.T) {
	asks := func(p string) func(*Input) { return func(in *Input) { in.Verdict.DMARC.Policy = p } }
	fail := auth(ticketstore.AuthFail)
	tests := []struct {
		failed, name string
		in           Input
		want         string
	}{
		{"", "no policy of the domain", mail(ann, "Hello", fail), "new"},
		{"", "domain asks for none", mail(ann, "Hello", fail, asks("none")), "new"},
		{"", "domain asks for quarantine", mail(ann, "Hello", fail, asks("quarantine")), "held"},
		{"", "domain asks for rejection", mail(ann, "Hello", fail, asks("reject")), "held"},
		{"hold", "no policy of the domain", mail(ann, "Hello", fail), "held"},
		{"ticket", "domain asks for rejection", mail(ann, "Hello", fail, asks("reject")), "new"},
		{"ticket", "quotes a ticket", mail(ann, "[ID:1]", fail), "held 1"},
		{"ticket", "claims an agent", mail(gus, "Hello", fail), "held"},
		{"hold", "did not fail", mail(ann, "Hello", auth(ticketstore.AuthNone), asks("reject")), "new"},
	}
	for _, tt := range tests {
		t.Run(tt.failed+"/"+tt.name, func(t *testing.T) {
			w := newWorld()
			w.Mailboxes[1].Failed, w.Mailboxes[1].Acknowledge = tt.failed, "not-failed"
			d := decide(t, w, tt.in)
			if short(d) != tt.want {
				t.Fatalf("got %s, want %s", short(d), tt.want)
			}
			failed := tt.in.Verdict.Auth == ticketstore.AuthFail
			if d.Quiet != failed || d.Acknowledge == failed {
				t.Errorf("quiet %v, acknowledged %v", d.Quiet, d.Acknowledge)
			}
			if failed && d.Outcome == OutcomeNew && !slices.Contains(d.Marks, "failed authentication") {
				t.Errorf("marks %q", d.Marks)
			}
		})
	}
}

func TestAcknowledge(t *testing.T) {
	auths := []ticketstore.Auth{ticketstore.AuthAligned, ticketstore.AuthNone, ticketstore.AuthTempError, ticketstore.AuthFail}
	for policy, want := range map[string][]bool{
		"authenticated": {true, false, false, false},
		"not-failed":    {true, true, true, false},
		"never":         {false, false, false, false},
	} {
		w := newWorld()
		w.Mailboxes[1].Acknowledge = policy
		for i, a := range auths {
			d := decide(t, w, mail(ann, "Hello", auth(a)))
			if d.Acknowledge != want[i] || (d.Unanswered == "") != want[i] {
				t.Errorf("%s, %s: %v, %q", policy, a, d.Acknowledge, d.Unanswered)
			}
			if u := decide(t, w, mail(ann, "[ID:1]", auth(a))); u.Acknowledge {
				t.Errorf("%s, %s: an update is acknowledged", policy, a)
			}
		}
	}
}

func TestAutoResponseSuppress(t *testing.T) {
	const name = "X-Auto-Response-Suppress"
	for value, want := range map[string]bool{
		"All": false, "OOF": false, "DR, AutoReply": false, " dr , oof ": false,
		"DR, RN, NRN": true, "None": true, "": true, "Allow": true,
	} {
		d := decide(t, newWorld(), mail(ann, "Hello", field(name, value)))
		if d.Acknowledge != want || !d.Notify {
			t.Errorf("%q: acknowledged %v, agents told %v", value, d.Acknowledge, d.Notify)
		}
	}
	if d := decide(t, newWorld(), mail(ann, "Hello", field("x-auto-response-SUPPRESS", "all"))); d.Acknowledge || !strings.Contains(d.Unanswered, "no automatic answer") {
		t.Errorf("in other case: %v, %q", d.Acknowledge, d.Unanswered)
	}
}

func TestMarks(t *testing.T) {
	for a, want := range map[ticketstore.Auth]string{
		ticketstore.AuthAligned: "", ticketstore.AuthNone: "unverified sender",
		ticketstore.AuthTempError: "unverified sender", ticketstore.AuthFail: "failed authentication",
	} {
		d := decide(t, newWorld(), mail(ann, "Hello", auth(a), func(in *Input) { in.Message.Unreadable = true }))
		if got := strings.Join(d.Marks, "; "); got != strings.TrimPrefix(want+"; unreadable mail", "; ") {
			t.Errorf("%s: %q", a, got)
		}
	}
}

// TestReleased: a person vouches for the sender, so an agent's mail acts.
func TestReleased(t *testing.T) {
	for _, a := range ticketstore.Auths {
		d := decide(t, newWorld(), mail(gus, "[ID:1]", auth(a), func(in *Input) { in.Released = true }))
		if short(d) != "update 1 by tag" || d.Acts == nil || d.Quiet {
			t.Errorf("%s: %s, %+v", a, short(d), d.Acts)
		}
	}
}
