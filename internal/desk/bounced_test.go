package desk

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

// report is a delivery status notification (RFC 3464).
func report(action, status, words string) (fields []string, body string) {
	return []string{"MIME-Version: 1.0", `Content-Type: multipart/report; report-type=delivery-status; boundary="b"`},
		fmt.Sprintf("--b\nContent-Type: text/plain\n\nYour mail was %s.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.user.example\n\n"+
			"Final-Recipient: rfc822; %s\nAction: %s\nStatus: %s\nDiagnostic-Code: smtp; %s\n--b--\n", action, ann, action, status, words)
}

func TestBounceMarksTheItem(t *testing.T) {
	for _, tc := range []struct {
		name, action string
		merge        bool
		state        ticketstore.ItemState
		outcome      ticketstore.Outcome
	}{
		{"failed", "failed", false, ticketstore.ItemBounced, ticketstore.OutcomeFailed},
		{"failed, after a merge", "failed", true, ticketstore.ItemBounced, ticketstore.OutcomeFailed},
		{"delayed", "delayed", false, ticketstore.ItemQueued, ticketstore.OutcomeMachine},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newStaffed(t)
			h.take(letter{From: ann, Subject: "x", Body: "one"})
			h.take(letter{From: ann, Subject: "another", Body: "one"})
			_, err := h.Reply(context.Background(), Reply{Ticket: 1, Text: "Water"})
			h.must(err)
			in := ticketstore.TicketID(1)
			if tc.merge {
				h.must(h.Merge(context.Background(), 1, 2, address.Address{}))
				in = 2
			}
			it, n := h.told(ann), len(h.items())
			status := h.ticket(in).Status
			fields, body := report(tc.action, "5.1.1", "550 5.1.1 no such user")
			r := h.take(letter{From: "mailer-daemon@mx.user.example", Rcpt: []string{it.Return.String()}, Subject: "Undelivered", Fields: fields, Body: body, Null: true, Auth: ticketstore.AuthNone})
			if r.Ticket != in || r.Outcome != "update" {
				t.Fatalf("receipt %+v", r)
			}
			it = h.told(ann)
			if it.State != tc.state {
				t.Errorf("the item is %s, want %s", it.State, tc.state)
			}
			if tc.state == ticketstore.ItemBounced && (len(it.Attempts) != 1 || !strings.Contains(it.Attempts[0].Reply, "no such user")) {
				t.Errorf("attempts %+v, want the remote's words", it.Attempts)
			}
			if a := h.last(in); a.Outcome != tc.outcome || a.Visibility != ticketstore.InternalOnly || a.Actor.Kind != ticketstore.ActorMachine {
				t.Errorf("action %+v", a)
			}
			if len(h.items()) != n || h.ticket(in).Status != status {
				t.Error("a bounce was answered, or changed the status")
			}
		})
	}
}

// Whoever knows a return path can report a failure as often as they like. Each
// report is filed, and the item stays as large as it is.
func TestManyBouncesOfAnItem(t *testing.T) {
	h := newStaffed(t)
	h.take(letter{From: ann, Subject: "x", Body: "one"})
	_, err := h.Reply(context.Background(), Reply{Ticket: 1, Text: "Water"})
	h.must(err)
	it, seq := h.told(ann), h.last(1).Seq
	reports := func(n int) {
		for i := range n {
			fields, body := report("failed", "5.1.1", fmt.Sprintf("550 5.1.1 no such user, attempt %d of %d", i, n))
			h.take(letter{From: "mailer-daemon@mx.user.example", Rcpt: []string{it.Return.String()}, Subject: "Undelivered", Fields: fields, Body: body, Null: true, Auth: ticketstore.AuthNone})
			seq++
			if a := h.last(1); a.Seq != seq || a.Outcome != ticketstore.OutcomeFailed || a.Record == 0 || a.Text == "" {
				t.Fatalf("report %d was filed as %+v", i, a)
			}
		}
	}
	reports(100)
	if it := h.told(ann); it.State != ticketstore.ItemBounced || len(it.Attempts) != 1 || !strings.Contains(it.Attempts[0].Reply, "attempt 0") {
		t.Errorf("after 100 reports the item is %s with %d attempts", it.State, len(it.Attempts))
	}
	for range 99 {
		h.must(h.RetryItem(context.Background(), it.ID))
		reports(1)
	}
	switch it := h.told(ann); {
	case it.Tried() != 100 || len(it.Attempts) != 50:
		t.Errorf("of 100 attempts with a person's help %d are kept, %d are not", len(it.Attempts), it.LeftOut)
	case !strings.Contains(it.Attempts[0].Reply, "attempt 0 of 100"):
		t.Errorf("the first attempt is %q", it.Attempts[0].Reply)
	}
}
