package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

func TestAcceptOpensATicket(t *testing.T) {
	h := newStaffed(t)
	r := h.take(letter{From: "Ann <" + ann + ">", Subject: "Printer on fire", Body: "Help!\n", Fields: []string{"Cc: Ben <" + ben + ">"}})
	if want := (Receipt{Outcome: "new", Ticket: 1, Tag: "[ID:0000001]"}); r != want {
		t.Errorf("receipt %+v, want %+v", r, want)
	}
	tk := h.ticket(1)
	if tk.Subject != "Printer on fire" || tk.Status != ticketstore.StatusNew || tk.Requester != mailbox("Ann", ann) || !tk.Acknowledged ||
		!slices.Equal(tk.Followers, []address.Mailbox{mailbox("Ben", ben)}) {
		t.Errorf("ticket %+v", tk)
	}
	a := h.last(1)
	if a.Outcome != ticketstore.OutcomeOpened || a.Actor.Kind != ticketstore.ActorUser || a.Visibility != ticketstore.Public || a.Fresh != "Help!" || a.Record == 0 {
		t.Errorf("action %+v", a)
	}
	want := []string{"acknowledgement " + ann, "user-update " + ada, "user-update " + abe}
	if diff := cmp.Diff(want, sentTo(h.items())); diff != "" {
		t.Errorf("mails:\n%s", diff)
	}
	ack := h.items()[0]
	if !ack.Return.IsZero() {
		t.Errorf("the acknowledgement has the return path %s: it must not be answered by machines", ack.Return)
	}
	if s := h.octets(ack); !strings.Contains(s, "Auto-Submitted: auto-replied\r\n") {
		t.Errorf("no Auto-Submitted field in\n%s", s)
	}
}

func TestAcceptFilesAnUpdate(t *testing.T) {
	for _, tc := range []struct {
		name string
		how  func(h *harness) letter
		by   string
	}{
		{"tag in the subject", func(h *harness) letter { return letter{Subject: "Re: x [ID:0000001]"} }, "tag"},
		{"retired tag", func(h *harness) letter { return letter{Subject: "Re: x [OLD:1]"} }, "retired-tag"},
		{"signed reply address", func(h *harness) letter { return letter{Subject: "x", Rcpt: []string{h.replyTo(h.told(ann))}} }, "reply-address"},
		{"our Message-ID", func(h *harness) letter {
			return letter{Subject: "x", Fields: []string{"In-Reply-To: <" + h.told(ann).MessageID + ">"}}
		}, "message-id"},
		{"their own Message-ID", func(h *harness) letter {
			return letter{Subject: "x", Fields: []string{"References: <1@sender.example>"}}
		}, "stored-message-id"},
		{"tag, at another mailbox", func(h *harness) letter { return letter{Subject: "Re: x [ID:0000001]", Rcpt: []string{sales}} }, "tag"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newStaffed(t)
			h.take(letter{From: ann, Subject: "x", Body: "one"})
			l := tc.how(h)
			l.From, l.Body = ann, "two"
			n := len(h.items())
			if r := h.take(l); r.Outcome != "update" || r.Ticket != 1 || r.Tag != "[ID:0000001]" {
				t.Fatalf("receipt %+v", r)
			}
			a := h.last(1)
			if a.Seq != 2 || a.Match.By != tc.by || a.Outcome != ticketstore.OutcomeUserUpdate || a.Fresh != "two" {
				t.Errorf("action %+v, match %+v", a, a.Match)
			}
			if diff := cmp.Diff([]string{"user-update " + ada, "user-update " + abe}, sentTo(h.since(n))); diff != "" {
				t.Errorf("mails:\n%s", diff)
			}
		})
	}
}

func TestAcceptTheSameMailAgain(t *testing.T) {
	h := newStaffed(t)
	l := letter{From: ann, Subject: "x", Body: "one", ID: "same@sender.example"}
	first := h.take(l)
	before, n := h.ticket(1), len(h.items())
	h.now = start.Add(6 * 24 * time.Hour)
	again := h.take(l)
	if want := (Receipt{"duplicate", 1, first.Tag}); again != want {
		t.Errorf("receipt %+v, want %+v", again, want)
	}
	if diff := cmp.Diff(before, h.ticket(1), cmp.Comparer(address.Address.Equal)); diff != "" || len(h.items()) != n {
		t.Errorf("a retry changed the ticket, or sent %d mails:\n%s", len(h.items())-n, diff)
	}
	l.Body = "other content"
	if r := h.take(l); r.Outcome == "duplicate" || r.Ticket == 0 {
		t.Errorf("another mail with the same Message-ID was dropped: %+v", r)
	}
	l.Body, h.now = "one", start.Add(7*24*time.Hour+time.Minute)
	if r := h.take(l); r.Outcome != "new" {
		t.Errorf("after 7 days: %+v, want a new ticket", r)
	}
}

// Two people who fill in the same form with the same words are told apart by
// Reply-To alone.
func TestAcceptTwoMailsOfAForm(t *testing.T) {
	h := newStaffed(t)
	form := letter{From: ann, Subject: "Question", Body: "Do you open on Sunday?", ID: "form@sender.example"}
	for _, customer := range []string{ben, eve} {
		form.Fields = []string{"Reply-To: " + customer}
		in := h.inbound(form)
		if r, err := h.Accept(context.Background(), in); err != nil || r.Outcome != "new" {
			t.Errorf("%s: %+v, %v", customer, r, err)
		}
	}
}

// TestAcceptTwoMailsWithTooLargeHeaders: what is told apart only by fields that
// nobody reads is two mails all the same, and neither is dropped.
func TestAcceptTwoMailsWithTooLargeHeaders(t *testing.T) {
	for name, fill := range map[string]string{
		"header": strings.Repeat("X-Filler: "+strings.Repeat("x", 900)+"\r\n", 1200) + "Subject:",
		"fields": strings.Repeat("a:\r\n", 11_000) + "Subject:",
		"field":  "Subject: " + strings.Repeat("\t"+strings.Repeat("x", 900)+"\r\n", 80) + "\t",
	} {
		t.Run(name, func(t *testing.T) {
			h := newStaffed(t)
			mail := func(last string) letter {
				return letter{From: ann, Subject: "x", ID: "same@sender.example", Fields: []string{fill + last}}
			}
			first := h.take(mail("one"))
			if r := h.take(mail("two")); r.Outcome != "new" {
				t.Errorf("another mail was taken for the first: %+v", r)
			}
			if r := h.take(mail("one")); r.Outcome != "duplicate" || r.Ticket != first.Ticket {
				t.Errorf("the first mail, again: %+v", r)
			}
		})
	}
}

func TestAcceptTheSameMailForTwoMailboxes(t *testing.T) {
	for _, order := range [][]string{{support, sales}, {sales, support}} {
		t.Run(order[0]+" first", func(t *testing.T) {
			h := newStaffed(t)
			l := letter{From: ann, Subject: "x", Body: "one", ID: "same@sender.example", Rcpt: []string{support}}
			in := h.inbound(l)
			for i, rcpt := range append(order, order...) {
				in.Envelope.Recipients = []address.Address{at(rcpt)}
				r, err := h.Accept(context.Background(), in)
				if err != nil || r.Ticket != 1 || r.Outcome != []string{"new", "duplicate", "duplicate", "duplicate"}[i] {
					t.Fatalf("mail %d: %+v, %v", i, r, err)
				}
			}
			tk := h.ticket(1)
			key := func(s string) string { return strings.TrimSuffix(s, "@desk.example") }
			if tk.Mailbox != key(order[0]) || !slices.Equal(tk.Linked, []string{key(order[1])}) || tk.LastSeq != 2 {
				t.Errorf("mailbox %s, linked %v, %d actions", tk.Mailbox, tk.Linked, tk.LastSeq)
			}
		})
	}
	t.Run("in one transaction", func(t *testing.T) {
		h := newStaffed(t)
		h.take(letter{From: ann, Rcpt: []string{support, sales, support}})
		if tk := h.ticket(1); tk.Mailbox != "support" || !slices.Equal(tk.Linked, []string{"sales"}) {
			t.Errorf("mailbox %s, linked %v", tk.Mailbox, tk.Linked)
		}
	})
}

func TestAcknowledgementsAreBounded(t *testing.T) {
	h := newHarness(t)
	for range 5 {
		h.take(letter{From: ann, Subject: "x"})
	}
	if n := len(h.items()); n != 3 {
		t.Errorf("%d acknowledgements on one day, want 3", n)
	}
	if trace := strings.Join(h.last(5).Trace, "\n"); !strings.Contains(trace, "3 automatic mails went to this address today") {
		t.Errorf("the reason is not in the trace: %s", trace)
	}
	h.take(letter{From: ben, Subject: "x"})
	h.now = start.Add(24 * time.Hour)
	h.take(letter{From: ann, Subject: "x"})
	if n := len(h.items()); n != 5 {
		t.Errorf("%d acknowledgements, want one more to somebody else and one the next day", n)
	}
}

func TestWhoIsNotAcknowledged(t *testing.T) {
	for _, tc := range []struct {
		name   string
		letter letter
		reason string
	}{
		{"not authenticated", letter{Auth: ticketstore.AuthNone}, "not authenticated"},
		{"failed", letter{Auth: ticketstore.AuthFail}, "failed authentication"},
		{"machine", letter{Fields: []string{"Auto-Submitted: auto-generated"}}, "machine"},
		{"null reverse-path", letter{Null: true}, "machine"},
		{"asked not to", letter{Fields: []string{"X-Auto-Response-Suppress: OOF, AutoReply"}}, "asks for no automatic answer"},
		{"our own address", letter{From: sales}, "machine"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHarness(t)
			if tc.letter.From == "" {
				tc.letter.From = ann
			}
			r := h.take(tc.letter)
			if n := len(h.items()); n != 0 {
				t.Errorf("%d mails were sent", n)
			}
			if trace := strings.Join(h.last(r.Ticket).Trace, "\n"); !strings.Contains(trace, "no acknowledgement: ") || !strings.Contains(trace, tc.reason) {
				t.Errorf("trace %q, want the reason %q", trace, tc.reason)
			}
		})
	}
}

func TestNotificationsSkipTheAuthor(t *testing.T) {
	for _, tc := range []struct {
		name, from, assignee string
		want                 []string
	}{
		{"nobody assigned", ben, "", []string{ada, abe}},
		{"assignee", ben, ada, []string{ada}},
		{"an agent as the customer", ada, "", []string{abe}},
		{"by the second address", "ada.second@private.example", "", []string{abe}},
		{"assignee writes", ada, ada, nil},
		{"assignee writes from the second address", "ada.second@private.example", ada, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newStaffed(t)
			id, err := h.Open(context.Background(), NewTicket{Mailbox: "support", Requester: mailbox("", tc.from), Subject: "x"})
			h.must(err)
			if tc.assignee != "" {
				h.must(h.Assign(context.Background(), id, address.Address{}, at(tc.assignee)))
			}
			got := []string{}
			h.view(func(v ticketstore.View) error {
				w := &work{d: h.Desk, view: v}
				tk, err := v.Ticket(id)
				if err != nil {
					return err
				}
				list, err := w.agents(&tk, at(tc.from))
				for _, m := range list {
					got = append(got, m.Address.String())
				}
				return err
			})
			if !slices.Equal(got, tc.want) {
				t.Errorf("told %v, want %v", got, tc.want)
			}
		})
	}
}

func TestUserUpdateReopens(t *testing.T) {
	for _, tc := range []struct{ from, to ticketstore.Status }{
		{ticketstore.StatusNew, ticketstore.StatusNew},
		{ticketstore.StatusOpen, ticketstore.StatusOpen},
		{ticketstore.StatusWaiting, ticketstore.StatusOpen},
		{ticketstore.StatusOnHold, ticketstore.StatusOnHold},
		{ticketstore.StatusSolved, ticketstore.StatusOpen},
		{ticketstore.StatusClosed, ticketstore.StatusOpen},
	} {
		t.Run(string(tc.from), func(t *testing.T) {
			h := newStaffed(t)
			h.take(letter{From: ann, Subject: "x"})
			h.must(h.SetStatus(context.Background(), 1, address.Address{}, tc.from))
			h.take(letter{From: ann, Subject: "[ID:1]", Fields: []string{"Auto-Submitted: auto-replied"}})
			if got := h.ticket(1).Status; got != tc.from {
				t.Errorf("an auto-reply made it %s", got)
			}
			h.take(letter{From: ann, Subject: "[ID:1]", Body: "more"})
			tk := h.ticket(1)
			if tk.Status != tc.to || tk.Status != ticketstore.StatusClosed && !tk.Closed.IsZero() {
				t.Errorf("status %s, closed %v, want %s", tk.Status, tk.Closed, tc.to)
			}
		})
	}
}

func TestStrangerLearnsNothing(t *testing.T) {
	h := newStaffed(t)
	h.take(letter{From: ann, Subject: "x", Body: "secret of Ann"})
	n := len(h.items())
	there := h.take(letter{From: eve, Subject: "Re: x [ID:0000001]", Body: "hello"})
	mine := h.since(n)
	missing := h.take(letter{From: "eva@stranger.example", Subject: "Re: x [ID:0000777]", Body: "hello"})
	other := h.since(n + len(mine))
	if there.Outcome != "new" || missing.Outcome != "new" || there.Ticket != 2 {
		t.Fatalf("receipts %+v and %+v, want two new tickets", there, missing)
	}
	if tk := h.ticket(2); tk.Candidate != 1 || tk.Subject != "Re: x" {
		t.Errorf("candidate %v, subject %q", tk.Candidate, tk.Subject)
	}
	if tk := h.ticket(3); tk.Candidate != 0 {
		t.Errorf("candidate %v of a ticket that does not exist", tk.Candidate)
	}
	same := func(it ticketstore.OutboxItem) string {
		return strings.NewReplacer("0000003", "0000002", "eva@", "eve@").Replace(h.read(it).Text + h.read(it).Subject)
	}
	if len(mine) != len(other) || same(mine[0]) != same(other[0]) {
		t.Errorf("the answers differ:\n%s\n%s", same(mine[0]), same(other[0]))
	}
	if strings.Contains(h.octets(mine[0]), "secret of Ann") {
		t.Error("the stranger got Ann's words")
	}
	if a := h.last(1); a.Seq != 1 {
		t.Errorf("the stranger's mail reached Ann's ticket: %+v", a)
	}
}

func TestMergeIsFollowed(t *testing.T) {
	h := newStaffed(t)
	h.take(letter{From: ann, Subject: "x", Body: "one"})
	ack := h.told(ann)
	h.take(letter{From: ben, Subject: "y", Body: "two"})
	h.must(h.Merge(context.Background(), 1, 2, address.Address{}))
	for _, l := range []letter{
		{Subject: "[ID:1]"}, {Subject: "z", Rcpt: []string{h.replyTo(ack)}}, {Subject: "z", Fields: []string{"References: <1@sender.example>"}},
	} {
		l.From = ann
		if r := h.take(l); r.Ticket != 2 || r.Outcome != "update" {
			t.Errorf("%+v was filed as %+v, want in ticket 2", l, r)
		}
	}
	for _, tc := range []struct {
		from, to ticketstore.TicketID
		words    string
	}{{2, 2, "into itself"}, {1, 2, "already merged"}} {
		wantInvalid(t, h.Merge(context.Background(), tc.from, tc.to, address.Address{}), tc.words)
	}
	h.take(letter{From: eve, Subject: "third"})
	wantInvalid(t, h.Merge(context.Background(), 3, 1, address.Address{}), "merge there")
	_, err := h.Reply(context.Background(), Reply{Ticket: 1, Text: "x"})
	wantInvalid(t, err, "go on there")
}

func TestHeldMail(t *testing.T) {
	h := newStaffed(t)
	h.take(letter{From: ann, Subject: "x", Body: "one"})
	n := len(h.items())
	forged := letter{From: ann, Subject: "[ID:1]", ID: "forged@sender.example", Body: "send me all", Auth: ticketstore.AuthFail}
	other := forged
	other.ID = "other@sender.example"
	for i, l := range []letter{forged, other} {
		r := h.take(l)
		if r.Outcome != "held" || r.Tag != "" || r.Ticket != 0 {
			t.Errorf("mail %d: %+v, want held and nothing told", i, r)
		}
	}
	if len(h.items()) != n || h.ticket(1).LastSeq != 1 {
		t.Error("held mail had an effect")
	}
	m, raw, err := h.Held(context.Background(), 1)
	h.must(err)
	if m.State != "held" || m.Ticket != 1 || raw.Size() == 0 {
		t.Errorf("held mail %+v", m)
	}
	in := h.inbound(forged)
	in.Content, in.Envelope = raw, m.Envelope
	r, err := h.Release(context.Background(), 1, at(ada), in)
	if err != nil || r.Ticket != 1 || r.Outcome != "update" {
		t.Fatalf("release: %+v, %v", r, err)
	}
	if a := h.last(1); a.Fresh != "send me all" || a.Record != m.Record {
		t.Errorf("action %+v, want the record of the held mail, %d", a, m.Record)
	}
	if r := h.take(forged); r.Outcome != "duplicate" || r.Tag != "" {
		t.Errorf("the forger who tries again after the release: %+v", r)
	}
	h.must(h.Drop(context.Background(), 2, address.Address{}))
	for id, state := range map[ticketstore.HeldID]string{1: "released by Ada Agent", 2: "dropped by support"} {
		wantInvalid(t, h.Drop(context.Background(), id, address.Address{}), state[:8])
		if m, _, err := h.Held(context.Background(), id); err != nil || m.State+" by "+m.By != state && id == 1 {
			t.Errorf("mail %d is %s by %s, want %s", id, m.State, m.By, state)
		}
	}
	if err := h.Drop(context.Background(), 9, address.Address{}); !errors.Is(err, ticketstore.ErrNotFound) {
		t.Errorf("dropping what is not there: %v", err)
	}
	wantInvalid(t, h.EraseHeld(context.Background(), 1, address.Address{}), "released")
	h.must(h.EraseHeld(context.Background(), 2, address.Address{}))
	m, _, err = h.Held(context.Background(), 2)
	if !errors.Is(err, ticketstore.ErrGone) || m.State != "erased" || m.Subject != "(erased)" || m.Reason != "(erased)" || m.Envelope.Trace != "" {
		t.Errorf("erased: %+v, %v", m, err)
	}
	wantInvalid(t, h.Drop(context.Background(), 2, address.Address{}), "erased")
}

// A ticket is written anew with every mail: names in it are short, and a mailbox
// stands there once however often a mail comes by it.
func TestTicketStaysSmall(t *testing.T) {
	h := newStaffed(t)
	long := strings.Repeat("N", 5000)
	h.take(letter{From: long + " <new@user.example>", Subject: "x", Body: "one", Fields: []string{"Cc: " + long + " <" + ben + ">"}})
	for range 3 {
		in := h.inbound(letter{From: "new@user.example", Subject: "[ID:0000001] x", Body: "more"})
		_, err := h.Accept(context.Background(), in)
		h.must(err)
		in.Envelope.Recipients = []address.Address{at(sales)}
		r, err := h.Accept(context.Background(), in)
		if err != nil || r.Outcome != "duplicate" {
			t.Fatalf("receipt %+v, %v", r, err)
		}
	}
	tk := h.ticket(1)
	if !slices.Equal(tk.Linked, []string{"sales"}) {
		t.Errorf("linked %v", tk.Linked)
	}
	if len(tk.Followers) != 1 || len(tk.Followers[0].Name) > 200 || len(tk.Requester.Name) > 200 {
		t.Errorf("%d followers; a name of %d octets", len(tk.Followers), len(tk.Requester.Name))
	}
	h.view(func(v ticketstore.View) error {
		for c, err := range v.Contacts() {
			if err != nil || len(c.Name) > 200 {
				t.Errorf("contact %d has a name of %d octets, %v", c.ID, len(c.Name), err)
			}
		}
		return nil
	})
}

func TestRecipient(t *testing.T) {
	h := newHarness(t)
	for rcpt, want := range map[string]string{
		support: "", "SUPPORT@desk.example": "", "support+anything@desk.example": "", "postmaster@desk.example": "",
		"nobody@desk.example":                          "550 5.1.1 no such address here",
		"someone@elsewhere.example":                    "550 5.7.1 relaying denied: that domain is not ours",
		"support+b1.1.aaaaaaaaaaaaaaaaaa@desk.example": "550 5.1.1 this return path was not made by us",
	} {
		err := h.Recipient(context.Background(), at(rcpt), 1<<20)
		if got := fmt.Sprint(err); got != want && (err != nil || want != "") {
			t.Errorf("%s: %q, want %q", rcpt, got, want)
		}
	}
}

func TestTicketSubjectLosesTags(t *testing.T) {
	for subject, want := range map[string]string{
		"Re: printer [ID:0000099]":               "Re: printer",
		"[OLD:12] printer {S-7}":                 "printer",
		"printer [JIRA-12]":                      "printer [JIRA-12]",
		"printer [ID:[ID:1]2]":                   "printer",
		"=?utf-8?q?Dr=C3=BCcker_=5BID:99=5D_x?=": "Drücker x",
	} {
		h := newStaffed(t)
		r := h.take(letter{From: ann, Subject: subject})
		if got := h.ticket(r.Ticket).Subject; got != want {
			t.Errorf("%q became %q, want %q", subject, got, want)
		}
	}
}
