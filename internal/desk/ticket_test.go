package desk

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

func TestReplyGoesToAllWhoFollow(t *testing.T) {
	h := opened(t)
	n := len(h.items())
	sent, err := h.Reply(context.Background(), Reply{
		Ticket: 1, As: at(abe), Text: "Use water.", Status: ticketstore.StatusSolved,
		Cc: []address.Mailbox{mailbox("", ben), mailbox("", ann)}, // Ann is the requester anyway
	})
	h.must(err)
	for _, no := range []string{ada, support, "support+x@desk.example"} {
		_, err := h.Reply(context.Background(), Reply{Ticket: 1, Text: "x", Cc: []address.Mailbox{mailbox("", no)}})
		wantInvalid(t, err, no)
	}
	if diff := cmp.Diff([]string{"agent-reply " + ann, "agent-reply " + ben}, sentTo(h.since(n))); diff != "" || len(sent.Items) != 2 || sent.Action != 2 {
		t.Errorf("%+v, mails:\n%s", sent, diff)
	}
	tk, a := h.ticket(1), h.last(1)
	if tk.Status != ticketstore.StatusSolved || a.Actor != (ticketstore.Actor{Kind: ticketstore.ActorAgent, Name: "Abe Agent", Address: at(abe)}) || a.Direction != ticketstore.Out {
		t.Errorf("status %s, action %+v", tk.Status, a)
	}
	toAnn, toBen := h.since(n)[0], h.since(n)[1]
	if toAnn.Body != toBen.Body || toAnn.MessageID == toBen.MessageID || h.replyTo(toAnn) == h.replyTo(toBen) || toAnn.Return.Equal(toBen.Return) {
		t.Error("two recipients must share the body, and nothing that is signed for one of them")
	}
	m := h.read(toBen)
	if len(m.To) != 1 || m.To[0].Address.Key() != ann || len(m.Cc) != 1 || m.Cc[0].Address.Key() != ben {
		t.Errorf("To %v, Cc %v", m.To, m.Cc)
	}
}

func TestReplyToTheSupplierLeavesTheUserOut(t *testing.T) {
	h := opened(t)
	h.must(h.Change(context.Background(), 1, address.Address{}, Set{Follow: []address.Mailbox{mailbox("", ben)}}))
	_, err := h.Reply(context.Background(), Reply{Ticket: 1, Text: "x", ToSupplier: true})
	wantInvalid(t, err, "no supplier")
	for _, no := range []string{ann, ben, ada, support} {
		_, err := h.Reply(context.Background(), Reply{Ticket: 1, Text: "x", ToSupplier: true, Supplier: at(no)})
		wantInvalid(t, err, no)
		supplier := at(no)
		wantInvalid(t, h.Change(context.Background(), 1, address.Address{}, Set{Supplier: &supplier}), no)
	}
	_, err = h.Reply(context.Background(), Reply{Ticket: 1, Text: "x", Supplier: at(sam)})
	wantInvalid(t, err, "the answer is for the user")
	n := len(h.items())
	_, err = h.Reply(context.Background(), Reply{Ticket: 1, Text: "x", ToSupplier: true, Supplier: at(sam)})
	h.must(err)
	if diff := cmp.Diff([]string{"supplier-request " + sam}, sentTo(h.since(n))); diff != "" || h.ticket(1).Status != ticketstore.StatusOnHold {
		t.Errorf("status %s, mails:\n%s", h.ticket(1).Status, diff)
	}
	if m := h.read(h.told(sam)); len(m.Cc) != 0 || m.Quoted != "" {
		t.Errorf("the supplier sees Cc %v and %q", m.Cc, m.Quoted)
	}
}

func TestChangeSaysWhatItDid(t *testing.T) {
	h := opened(t)
	ref, none, supplier := "R-1", "", at(sam)
	for _, tc := range []struct {
		name string
		set  Set
		text string
	}{
		{
			"several",
			Set{Subject: "New\n subject", Priority: "high", SupplierRef: &ref, Supplier: &supplier},
			"subject: Printer → New subject\npriority: normal → high\nsupplier's reference: none → R-1\nsupplier: " + sam,
		},
		{"fields", Set{Fields: map[string]string{"b": "2", "a": "1"}}, "a: 1\nb: 2"},
		{"field removed", Set{Fields: map[string]string{"b": ""}}, "b: removed"},
		{"reference removed", Set{SupplierRef: &none}, "supplier's reference: R-1 → none"},
		{"follower", Set{Follow: []address.Mailbox{mailbox("", ben)}}, "followers: 1"},
		{"no follower", Set{Unfollow: []address.Address{at(ben)}}, "followers: 0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h.must(h.Change(context.Background(), 1, at(ada), tc.set))
			if a := h.last(1); a.Text != tc.text || a.Visibility != ticketstore.InternalOnly || a.Actor.Name != "Ada Agent" {
				t.Errorf("%q by %s, want %q", a.Text, a.Actor.Name, tc.text)
			}
		})
	}
	wantInvalid(t, h.Change(context.Background(), 1, address.Address{}, Set{Priority: "high"}), "nothing to change: give --subject,")
	wantInvalid(t, h.Change(context.Background(), 1, address.Address{}, Set{Priority: "extreme"}), "use low, normal, high, urgent")
	wantInvalid(t, h.Change(context.Background(), 1, at(ann), Set{Priority: "low"}), "is not an agent")
	if tk := h.ticket(1); tk.SupplierRef != "" || tk.Fields["a"] != "1" || len(tk.Fields) != 1 || !tk.Supplier.Equal(at(sam)) {
		t.Errorf("ticket %+v", tk)
	}
}

func TestClosingTimeFollowsTheStatus(t *testing.T) {
	h := opened(t)
	for _, s := range []ticketstore.Status{ticketstore.StatusClosed, ticketstore.StatusOpen, ticketstore.StatusClosed} {
		h.must(h.SetStatus(context.Background(), 1, at(ada), s))
		if tk := h.ticket(1); tk.Closed.IsZero() == (s == ticketstore.StatusClosed) {
			t.Errorf("%s, closed at %v", s, tk.Closed)
		}
	}
}

func TestContacts(t *testing.T) {
	h := newStaffed(t)
	ctx := context.Background()
	list := func(s ...string) (out []address.Address) {
		for _, a := range s {
			out = append(out, at(a))
		}
		return out
	}
	for _, tc := range []struct {
		name  string
		c     ticketstore.Contact
		words string
	}{
		{"no address", ticketstore.Contact{}, "needs an address"},
		{"our own", ticketstore.Contact{Addresses: list("support+1@desk.example")}, "of the desk itself"},
		{"no such mailbox", ticketstore.Contact{Addresses: list(ben), Mailboxes: []string{"x"}}, "there are sales, support"},
		{"of two people", ticketstore.Contact{Addresses: list(ada, abe)}, "belong to two contacts"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := h.SaveContact(ctx, tc.c)
			wantInvalid(t, err, tc.words)
		})
	}
	c, err := h.SaveContact(ctx, ticketstore.Contact{Addresses: list("third@private.example", ada), Mailboxes: []string{"sales"}})
	h.must(err)
	if c.Kind != ticketstore.KindAgent || c.Name != "Ada Agent" || !slices.Equal(c.Addresses, list(ada, "ada.second@private.example", "third@private.example")) {
		t.Errorf("%+v", c)
	}
	_, err = h.RemoveContact(ctx, at("third@private.example"))
	h.must(err)
	h.take(letter{From: ada, Subject: "x"}) // now a stranger
	if a := h.last(1); a.Actor.Kind != ticketstore.ActorUser {
		t.Errorf("a removed agent is %s", a.Actor.Kind)
	}
}

func TestRetry(t *testing.T) {
	h := opened(t)
	ctx := context.Background()
	set := func(s ticketstore.ItemState) {
		h.must(h.Store().Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
			it, err := v.Item(1)
			it.State = s
			return ticketstore.Change{Items: []ticketstore.OutboxItem{it}, At: start}, err
		}))
	}
	for s, refused := range map[ticketstore.ItemState]string{
		ticketstore.ItemBounced: "", ticketstore.ItemDeferred: "", ticketstore.ItemHeld: "", ticketstore.ItemDelivered: "was delivered", ticketstore.ItemSending: "is being sent",
	} {
		set(s)
		err := h.RetryItem(ctx, 1)
		if refused != "" {
			wantInvalid(t, err, refused)
			continue
		}
		h.must(err)
		if it := h.items()[0]; it.State != ticketstore.ItemQueued {
			t.Errorf("after a retry of %s: %s", s, it.State)
		}
	}
}
