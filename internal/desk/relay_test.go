package desk

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/internal/router"
	"mxdesk/ticketstore"
)

// opened is a desk with ticket 1, by Ann, of which both agents were told.
func opened(t testing.TB) *harness {
	t.Helper()
	h := newStaffed(t)
	h.take(letter{From: "Ann <" + ann + ">", Subject: "Printer", Body: "Help!\n"})
	return h
}

// marked is an answer above the marker of a notification, quoted below it.
func marked(own, quoted string) string {
	return own + "\n\nOn Mon, 2 Mar 2026 at 10:00, Example Support <support@desk.example> wrote:\n> " + message.Marker + "\n>\n> " + strings.ReplaceAll(quoted, "\n", "\n> ") + "\n"
}

func TestAgentAnswersByMail(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		fields     []string
		text       string // what leaves
		held       string // or why not
	}{
		{name: "above the marker", body: marked("Use water.", "INTERNAL"), text: "Use water."},
		{name: "without a marker", body: "Use water.\n", text: "Use water."},
		{name: "without a marker, quoted below", body: "Use water.\n\nOn Mon, 2 Mar 2026 at 10:00, Example Support <support@desk.example> wrote:\n> INTERNAL\n> more\n", text: "Use water."},
		{name: "signature", body: "Use water.\n\n-- \nAda, mobile +1 555 PRIVATE\n", text: "Use water."},
		{name: "signature above the marker", body: marked("Use water.\n\n-- \nAda, mobile +1 555 PRIVATE", "INTERNAL"), text: "Use water."},
		{name: "private address", body: "Write to Ada.Second@PRIVATE.example or ada@private.example.\n", text: "Write to support@desk.example or support@desk.example."},
		{name: "between quoted lines", body: "> INTERNAL question\n\nUse water.\n\n> INTERNAL more\n\nAnd sand.\n", held: "between quoted lines"},
		{name: "a broken marker", body: "Use water.\n##- Please type your ans\nwer above this line -##\nINTERNAL\n", held: "cannot be told apart"},
		{name: "nothing of its own", body: marked("", "INTERNAL"), held: "no text of its own"},
		{name: "passed on", body: "See below.\n\n---------- Forwarded message ---------\nFrom: Sam <" + sam + ">\nDate: Mon, 2 Mar 2026 10:00:00 +0000\nSubject: INTERNAL\nTo: ada\n\nINTERNAL price\n", held: "passes on"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := opened(t)
			rcpt, n := h.replyTo(h.told(ada)), len(h.items())
			r := h.take(letter{From: "ADA@private.example", Rcpt: []string{rcpt}, Subject: "Re: Printer", Body: tc.body, Fields: tc.fields})
			sent := h.since(n)
			if tc.held != "" {
				m, _, err := h.Held(context.Background(), 1)
				if r.Outcome != "held" || len(sent) != 0 || err != nil || !strings.Contains(m.Reason, tc.held) {
					t.Errorf("%+v, %d mails, %q, %v: want it held because %q", r, len(sent), m.Reason, err, tc.held)
				}
				return
			}
			if diff := cmp.Diff([]string{"agent-reply " + ann}, sentTo(sent)); diff != "" {
				t.Fatalf("mails:\n%s", diff)
			}
			m := h.read(sent[0])
			if got, _, _ := strings.Cut(m.Text, "\n\n-- \n"); got != tc.text {
				t.Errorf("left as %q, want %q", got, tc.text)
			}
			if raw := strings.ToLower(h.octets(sent[0])); strings.Contains(raw, "private") || strings.Contains(raw, "internal") {
				t.Errorf("something private left:\n%s", raw)
			}
			if m.From.Address.String() != support || !strings.Contains(m.Text, "Ada Agent") || !strings.Contains(m.Quoted, "Help!") {
				t.Errorf("from %s:\n%s", m.From, m.Text)
			}
			tk, a := h.ticket(1), h.last(1)
			if tk.Status != ticketstore.StatusWaiting || tk.Assignee.Key() != ada || a.Outcome != ticketstore.OutcomeAgentUpdate || a.Visibility != ticketstore.Public {
				t.Errorf("status %s, assignee %s, action %+v", tk.Status, tk.Assignee, a)
			}
		})
	}
}

// An agent who is only in the configuration has no name but the mail's own, and
// mail programs put the address there.
func TestAgentWithoutNameKeepsTheAddress(t *testing.T) {
	for _, from := range []string{conf, `"` + conf + `" <` + conf + ">", "Conny <" + conf + ">"} {
		h := newStaffed(t, func(c *Config) { c.Rules.Mailboxes[1].Agents = []address.Address{at(conf)} })
		h.take(letter{From: ann, Subject: "Printer", Body: "Help!"})
		h.take(letter{From: from, Rcpt: []string{h.replyTo(h.told(conf))}, Subject: "Re: Printer", Body: "Use water."})
		h.take(letter{From: ann, Subject: "[ID:1]", Body: "No."})
		_, err := h.Reply(context.Background(), Reply{Ticket: 1, Text: "Then sand."})
		h.must(err)
		for _, it := range h.items() {
			if it.To.Equal(at(ann)) && strings.Contains(h.octets(it), "private.example") {
				t.Errorf("from %s: the private address left:\n%s", from, h.octets(it))
			}
		}
	}
}

func TestAgentsAttachmentsAreSentOn(t *testing.T) {
	for _, auth := range []ticketstore.Auth{ticketstore.AuthAligned, ticketstore.AuthFail} {
		h := opened(t)
		l := letter{
			From: ada, Rcpt: []string{h.replyTo(h.told(ada))}, Subject: "Re: Printer", Auth: auth,
			Body: "--b\nContent-Type: text/plain\n\nSee the plan.\n--b\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n" +
				"Content-Disposition: attachment; filename=\"Plän; v2.pdf\"\n\nJVBERi0xLjQK\n--b--\n",
			Fields: []string{"MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b"},
		}
		if r := h.take(l); r.Outcome == "held" {
			held, raw, err := h.Held(context.Background(), 1)
			h.must(err)
			in := h.inbound(l)
			in.Content, in.Envelope = raw, held.Envelope
			_, err = h.Release(context.Background(), 1, at(abe), in)
			h.must(err)
		}
		raw := h.octets(h.told(ann))
		m := readBack(raw)
		if len(m.Attachments) != 1 || m.Attachments[0].Name != "Plän; v2.pdf" || m.Attachments[0].Type != "application/pdf" {
			t.Fatalf("attachments %+v in\n%s", m.Attachments, raw)
		}
		r, _, err := message.Open(strings.NewReader(raw), m.Attachments[0].Path)
		h.must(err)
		if content, err := io.ReadAll(r); string(content) != "%PDF-1.4\n" || err != nil {
			t.Errorf("content %q, %v", content, err)
		}
	}
}

// unseen is a store that is not to be looked into.
type unseen struct {
	ticketstore.Store
	testing.TB
}

func (u unseen) View(ctx context.Context, fn func(ticketstore.View) error) error {
	u.Helper()
	u.Error("the store was looked into")
	return u.Store.View(ctx, fn)
}

// A look into the store makes everybody's changes wait, so no mail on its way in
// causes one, whoever sent it and whatever it carries.
func TestAcceptLooksNotIntoTheStore(t *testing.T) {
	h := opened(t)
	for _, from := range []string{ann, ada, sam, eve} {
		in := h.inbound(letter{
			From: from, Rcpt: []string{h.replyTo(h.told(ada))}, Subject: "Re: Printer",
			Body:   "--b\nContent-Type: text/plain\n\nSee the plan.\n--b\nContent-Type: application/pdf; name=plan.pdf\n\n%PDF-1.4\n--b--\n",
			Fields: []string{"MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b"},
		})
		if len(in.Message.Attachments) != 1 {
			t.Fatalf("attachments %+v", in.Message.Attachments)
		}
		store := h.store
		h.store = unseen{store, t}
		_, err := h.Accept(context.Background(), in)
		h.store = store
		h.must(err)
	}
}

func TestAudienceOfAnAgentsAnswer(t *testing.T) {
	tagged := func(*harness) string { return support }
	for _, tc := range []struct {
		name    string
		prepare func(h *harness)
		rcpt    func(h *harness) string
		want    string
		vis     ticketstore.Visibility
	}{
		{"by the token of a user's update", nil, func(h *harness) string { return h.replyTo(h.told(ada)) }, ann, ticketstore.Public},
		{"by the token of a supplier's update", supplierWrites, func(h *harness) string { return h.replyTo(h.told(ada)) }, sam, ticketstore.SupplierOnly},
		{"by an older token than the last notification", supplierWrites, func(h *harness) string { return h.replyTo(h.items()[1]) }, ann, ticketstore.Public},
		{"by tag, the user was last", nil, tagged, ann, ticketstore.Public},
		{"by tag, the supplier was last", supplierWrites, tagged, sam, ticketstore.SupplierOnly},
		{"by somebody else's token, the supplier was last", supplierWrites, func(h *harness) string {
			for _, it := range h.items() {
				if it.To.Equal(at(abe)) {
					return h.replyTo(it) // Abe's, of the user's update
				}
			}
			return ""
		}, sam, ticketstore.SupplierOnly},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := opened(t)
			if tc.prepare != nil {
				tc.prepare(h)
			}
			rcpt, n := tc.rcpt(h), len(h.items())
			if r := h.take(letter{From: ada, Rcpt: []string{rcpt}, Subject: "Re: Printer [ID:1]", Body: "Answer."}); r.Outcome != "update" {
				t.Fatalf("receipt %+v", r)
			}
			sent := h.since(n)
			if len(sent) != 1 || sent[0].To.String() != tc.want || h.last(1).Visibility != tc.vis {
				t.Errorf("sent %v, %s; want to %s, %s", sentTo(sent), h.last(1).Visibility, tc.want, tc.vis)
			}
		})
	}
	t.Run("in doubt internal", func(t *testing.T) {
		h := opened(t)
		h.contact(ticketstore.KindAgent, "New Agent", "new@private.example") // was never told anything
		n := len(h.items())
		h.take(letter{From: "new@private.example", Subject: "Re: Printer [ID:1]", Body: "What a fool."})
		if a := h.last(1); len(h.since(n)) != 0 || a.Visibility != ticketstore.InternalOnly || a.Outcome != ticketstore.OutcomeNote {
			t.Errorf("sent %v, action %+v", sentTo(h.since(n)), a)
		}
	})
}

// supplierWrites asks the supplier and lets them answer.
func supplierWrites(h *harness) {
	h.Helper()
	_, err := h.Reply(context.Background(), Reply{Ticket: 1, Text: "What does it cost?", ToSupplier: true, Supplier: at(sam)})
	h.must(err)
	h.take(letter{From: sam, Rcpt: []string{h.replyTo(h.told(sam))}, Subject: "Re: Printer", Body: "PRICE 100"})
	if a := h.last(1); a.Outcome != ticketstore.OutcomeSupplierUpdate || a.Visibility != ticketstore.SupplierOnly || h.ticket(1).Status != ticketstore.StatusOpen {
		h.Fatalf("the supplier's answer became %+v", a)
	}
}

// An agent of the desk can be its customer, too: what answers a mail to the
// customer is the customer's update.
func TestAgentAsCustomer(t *testing.T) {
	h := newStaffed(t)
	h.take(letter{From: ada, Subject: "My chair", Body: "broken"})
	_, err := h.Reply(context.Background(), Reply{Ticket: 1, As: at(abe), Text: "Which one?"})
	h.must(err)
	rcpt, n := h.replyTo(h.told(ada)), len(h.items())
	h.take(letter{From: ada, Rcpt: []string{rcpt}, Subject: "Re: My chair", Body: "The blue one."})
	if diff := cmp.Diff([]string{"user-update " + abe}, sentTo(h.since(n))); diff != "" {
		t.Errorf("mails:\n%s", diff)
	}
	if a := h.last(1); a.Outcome != ticketstore.OutcomeUserUpdate || h.ticket(1).Status != ticketstore.StatusOpen {
		t.Errorf("action %s, status %s", a.Outcome, h.ticket(1).Status)
	}
}

func TestUnprovenAgentSendsNothing(t *testing.T) {
	for _, tc := range []struct {
		auth ticketstore.Auth
		want string
	}{{ticketstore.AuthNone, "held"}, {ticketstore.AuthFail, "held"}, {ticketstore.AuthTempError, "451"}} {
		t.Run(string(tc.auth), func(t *testing.T) {
			h := opened(t)
			rcpt, n := h.replyTo(h.told(ada)), len(h.items())
			r, err := h.Accept(context.Background(), h.inbound(letter{From: ada, Rcpt: []string{rcpt}, Subject: "[ID:1]", Body: "Pay here.", Auth: tc.auth}))
			if got := r.Outcome + fmt.Sprint(err); !strings.Contains(got, tc.want) || r.Tag != "" || len(h.since(n)) != 0 || h.ticket(1).LastSeq != 1 {
				t.Errorf("%+v, %v, sent %v", r, err, sentTo(h.since(n)))
			}
		})
	}
}

// Whatever happens on a ticket, in whatever order, no mail to the user holds a
// word that was said to agents or between desk and supplier.
func TestSecretsNeverReachTheUser(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := opened(t)
		ctx, secrets := context.Background(), 0
		secret := func() string { secrets++; return fmt.Sprintf("SECRET%d", secrets) }
		_, err := h.Reply(ctx, Reply{Ticket: 1, Text: "Order " + secret(), ToSupplier: true, Supplier: at(sam)})
		h.must(err)
		h.must(h.Change(ctx, 1, address.Address{}, Set{Follow: []address.Mailbox{mailbox("Ben", ben)}}))
		steps := map[string]func(){
			"note":             func() { h.must(h.Note(ctx, 1, at(ada), secret())) },
			"user":             func() { h.take(letter{From: ann, Subject: "[ID:1]", Body: "public"}) },
			"follower":         func() { h.take(letter{From: ben, Subject: "[ID:1]", Body: "public"}) },
			"supplier by tag":  func() { h.take(letter{From: sam, Subject: "[ID:1]", Body: secret()}) },
			"supplier, Cc Ann": func() { h.take(letter{From: sam, Subject: "[ID:1]", Body: secret(), Fields: []string{"Cc: " + ann}}) },
			"supplier's token": func() {
				h.take(letter{From: sam, Rcpt: []string{h.replyTo(h.told(sam))}, Subject: "x", Body: secret()})
			},
			"answer":             func() { _, err := h.Reply(ctx, Reply{Ticket: 1, Text: "public"}); h.must(err) },
			"ask":                func() { _, err := h.Reply(ctx, Reply{Ticket: 1, Text: secret(), ToSupplier: true}); h.must(err) },
			"agent, quoting all": func() { h.take(letter{From: ada, Subject: "[ID:1]", Body: agentQuotes(h, lastAudience(h), secret)}) },
			"agent, to the mail": func() { h.take(agentAnswers(h, secret)) },
			"machine": func() {
				h.take(letter{From: ann, Subject: "[ID:1]", Body: "away", Fields: []string{"Auto-Submitted: auto-replied"}})
			},
			"status":            func() { h.must(h.SetStatus(ctx, 1, address.Address{}, ticketstore.StatusSolved)) },
			"a stranger":        func() { h.take(letter{From: eve, Subject: "[ID:1]", Body: "who are you"}) },
			"a failed supplier": func() { h.take(letter{From: sam, Subject: "[ID:1]", Body: secret(), Auth: ticketstore.AuthFail}) },
			"an unproven agent": func() { h.take(letter{From: ada, Subject: "[ID:1]", Body: secret(), Auth: ticketstore.AuthNone}) },
			"the user's own mail": func() {
				h.take(letter{From: ann, Rcpt: []string{h.replyTo(h.told(ann))}, Subject: "x", Body: "public"})
			},
		}
		names := make([]string, 0, len(steps))
		for name := range steps {
			names = append(names, name)
		}
		slices.Sort(names)
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			steps[rapid.SampledFrom(names).Draw(rt, "step")]()
		}
		staff := []string{ada, abe, sam}
		for _, it := range h.items() {
			if slices.ContainsFunc(staff, func(s string) bool { return it.To.Equal(at(s)) }) {
				continue
			}
			if m := h.read(it); strings.Contains(h.octets(it), "SECRET") || strings.Contains(m.Text, "SECRET") {
				rt.Fatalf("%s to %s:\n%s", it.Template, it.To, m.Text)
			}
		}
	})
}

// lastAudience is whom an answer of Ada's by tag alone would go to.
func lastAudience(h *harness) ticketstore.Audience { h.Helper(); return h.told(ada).Audience }

// agentQuotes is what Ada writes, above the whole of the last notification.
func agentQuotes(h *harness, to ticketstore.Audience, secret func() string) string {
	h.Helper()
	own := "public"
	if to == ticketstore.AudienceSupplier {
		own = secret()
	}
	return own + "\n\nOn Mon, 2 Mar 2026 at 10:00, Example Support <support@desk.example> wrote:\n> " + strings.ReplaceAll(h.read(h.told(ada)).Text, "\n", "\n> ") + "\n"
}

// agentAnswers is Ada's answer to the newest mail she got.
func agentAnswers(h *harness, secret func() string) letter {
	h.Helper()
	it := h.told(ada)
	return letter{From: ada, Rcpt: []string{h.replyTo(it)}, Subject: "Re", Body: agentQuotes(h, it.Audience, secret)}
}

// A supplier's Cc never becomes a follower: followers get what the user gets.
func TestSupplierAddsNobody(t *testing.T) {
	h := opened(t)
	supplierWrites(h)
	h.take(letter{From: sam, Subject: "[ID:1]", Body: "x", Fields: []string{"Cc: boss@supplier.example"}})
	if f := h.ticket(1).Followers; len(f) != 0 {
		t.Errorf("followers %v", f)
	}
}

func TestTokenOfAnAgentInOtherHands(t *testing.T) {
	h := opened(t)
	rcpt := h.replyTo(h.told(ada))
	r := h.take(letter{From: eve, Rcpt: []string{rcpt}, Subject: "x", Body: "hello"})
	if r.Outcome != router.OutcomeNew || h.ticket(1).LastSeq != 1 {
		t.Errorf("a stranger with an agent's address: %+v", r)
	}
}
