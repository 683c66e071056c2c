package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/internal/outbox"
	"mxdesk/internal/router"
	"mxdesk/internal/tag"
	"mxdesk/internal/token"
	"mxdesk/templates"
	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// The cast of these tests. Nothing is ever sent: items stay in the store.
const (
	support = "support@desk.example"
	sales   = "sales@desk.example"
	ann     = "ann@user.example"
	ben     = "ben@user.example"
	ada     = "ada@private.example" // agent, by contact
	abe     = "abe@private.example" // agent, by contact
	conf    = "conf@private.example"
	sam     = "sam@supplier.example"
	eve     = "eve@stranger.example"
)

// start is when the tests begin: use cases without a time of their own take
// that of the machine, so mails must not lie far from it.
var start = time.Now().Truncate(time.Second)

type harness struct {
	testing.TB
	*Desk
	now time.Time
	n   int
}

func newHarness(t testing.TB, tweak ...func(*Config)) *harness {
	t.Helper()
	set, err := templates.Load("", "en")
	if err != nil {
		t.Fatal(err)
	}
	rules := &router.Rules{Hostname: "mx.desk.example", Keys: token.New(), Mailboxes: []router.Mailbox{
		box("sales", sales, tag.Pair{Start: "{S-", End: "}"}),
		box("support", support, tag.Pair{Start: "[ID:", End: "]"}),
	}}
	rules.Mailboxes[1].Retired = []tag.Pair{{Start: "[OLD:", End: "]"}}
	cfg := Config{Hostname: "mx.desk.example", Rules: rules, AutoMailPerDay: 3, Mailboxes: []Mailbox{
		{Key: "sales", From: mailbox("Sales", sales), Templates: set},
		{Key: "support", From: mailbox("Example Support", support), Signature: "The support team", Templates: set},
	}}
	for _, f := range tweak {
		f(&cfg)
	}
	return &harness{TB: t, Desk: New(storetest.New(t), cfg), now: start}
}

// newStaffed is newHarness with the people known.
func newStaffed(t testing.TB, tweak ...func(*Config)) *harness {
	t.Helper()
	h := newHarness(t, tweak...)
	h.contact(ticketstore.KindAgent, "Ada Agent", ada, "ada.second@private.example")
	h.contact(ticketstore.KindAgent, "Abe Agent", abe)
	h.contact(ticketstore.KindUser, "Ann", ann)
	h.contact(ticketstore.KindSupplier, "Sam Supplier", sam)
	return h
}

func box(key, addr string, pair tag.Pair) router.Mailbox {
	return router.Mailbox{
		Key: key, Addresses: []address.Address{at(addr)}, Tag: pair, Type: "incident", Priority: "normal",
		Acknowledge: "authenticated", Unknown: "create",
	}
}

func at(s string) address.Address {
	a, err := address.Parse(s)
	if err != nil {
		panic(err)
	}
	return a
}

func mailbox(name, addr string) address.Mailbox {
	return address.Mailbox{Name: name, Address: at(addr)}
}

func (h *harness) contact(kind ticketstore.ContactKind, name string, addrs ...string) {
	h.Helper()
	c := ticketstore.Contact{Kind: kind, Name: name}
	for _, a := range addrs {
		c.Addresses = append(c.Addresses, at(a))
	}
	if _, err := h.SaveContact(context.Background(), c); err != nil {
		h.Fatal(err)
	}
}

// letter is a mail to be made. Empty fields take what is usual.
type letter struct {
	From    string // as in the field; the envelope sender is its address
	Rcpt    []string
	Subject string
	ID      string
	Fields  []string // further fields
	Body    string
	Auth    ticketstore.Auth
	Null    bool // null reverse-path
	Policy  string
}

func (l letter) octets() string {
	fields := append([]string{"From: " + l.From, "To: " + l.Rcpt[0], "Subject: " + l.Subject, "Message-ID: <" + l.ID + ">"}, l.Fields...)
	return strings.Join(fields, "\r\n") + "\r\n\r\n" + strings.ReplaceAll(l.Body, "\n", "\r\n")
}

// inbound makes the mail as the door would hand it over, at the harness's time.
func (h *harness) inbound(l letter) Inbound {
	h.n++
	if l.Rcpt == nil {
		l.Rcpt = []string{support}
	}
	if l.ID == "" {
		l.ID = fmt.Sprintf("%d@sender.example", h.n)
	}
	if l.Auth == "" {
		l.Auth = ticketstore.AuthAligned
	}
	raw := bytes.NewReader([]byte(l.octets()))
	head := message.ReadHeader(raw, message.Limits{})
	env := ticketstore.Envelope{From: head.From.Address, Helo: "mx.sender.example", Received: h.now}
	if l.Null {
		env.From = address.Address{}
	}
	for _, r := range l.Rcpt {
		env.Recipients = append(env.Recipients, at(r))
	}
	return Inbound{
		Envelope: env, Content: raw, Message: message.Read(raw, head, message.Limits{}), Now: h.now,
		Verdict: ticketstore.Verdict{
			Auth: l.Auth, Authenticated: l.Auth == ticketstore.AuthAligned, Reason: "as the test says",
			DMARC: ticketstore.DMARCResult{Policy: l.Policy},
		},
	}
}

// take accepts a mail that must be taken.
func (h *harness) take(l letter) Receipt {
	h.Helper()
	r, err := h.Accept(context.Background(), h.inbound(l))
	if err != nil {
		h.Fatalf("Accept: %v", err)
	}
	return r
}

func (h *harness) view(fn func(ticketstore.View) error) {
	h.Helper()
	if err := h.Store().View(context.Background(), fn); err != nil {
		h.Fatal(err)
	}
}

func (h *harness) ticket(id ticketstore.TicketID) (t ticketstore.Ticket) {
	h.Helper()
	h.view(func(v ticketstore.View) (err error) { t, err = v.Ticket(id); return err })
	return t
}

func (h *harness) actions(id ticketstore.TicketID) (list []ticketstore.Action) {
	h.Helper()
	h.view(func(v ticketstore.View) error {
		for a, err := range v.Actions(id) {
			if err != nil {
				return err
			}
			list = append(list, a)
		}
		return nil
	})
	return list
}

func (h *harness) last(id ticketstore.TicketID) ticketstore.Action {
	h.Helper()
	list := h.actions(id)
	return list[len(list)-1]
}

// items lists all outgoing items, oldest first.
func (h *harness) items() (list []ticketstore.OutboxItem) {
	h.Helper()
	h.view(func(v ticketstore.View) error {
		for it, err := range v.Items() {
			if err != nil {
				return err
			}
			list = append([]ticketstore.OutboxItem{it}, list...)
		}
		return nil
	})
	return list
}

// since lists the items behind the first n.
func (h *harness) since(n int) []ticketstore.OutboxItem { h.Helper(); return h.items()[n:] }

// sentTo lists "template to address" of items, for comparison.
func sentTo(items []ticketstore.OutboxItem) []string {
	list := []string{}
	for _, it := range items {
		list = append(list, it.Template+" "+it.To.String())
	}
	return list
}

// octets is an outgoing mail as it leaves.
func (h *harness) octets(it ticketstore.OutboxItem) string {
	h.Helper()
	var raw []byte
	h.view(func(v ticketstore.View) error {
		c, err := v.Content(it.Body)
		if err != nil {
			return err
		}
		raw, err = io.ReadAll(outbox.Serialise(it, c))
		return err
	})
	return string(raw)
}

func readBack(raw string) *message.Message {
	c := strings.NewReader(raw)
	return message.Read(c, message.ReadHeader(c, message.Limits{}), message.Limits{})
}

func (h *harness) read(it ticketstore.OutboxItem) *message.Message {
	h.Helper()
	return readBack(h.octets(it))
}

// told finds the newest item to an address.
func (h *harness) told(to string) ticketstore.OutboxItem {
	h.Helper()
	list := h.items()
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].To.Equal(at(to)) {
			return list[i]
		}
	}
	h.Fatalf("nothing was sent to %s", to)
	return ticketstore.OutboxItem{}
}

// replyTo is the signed address that answers to an item go to.
func (h *harness) replyTo(it ticketstore.OutboxItem) string {
	h.Helper()
	m := h.read(it)
	if len(m.ReplyTo) != 1 {
		h.Fatalf("item %d has %d reply addresses", it.ID, len(m.ReplyTo))
	}
	return m.ReplyTo[0].Address.String()
}

func (h *harness) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func wantInvalid(t *testing.T, err error, words string) {
	t.Helper()
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), words) {
		t.Errorf("error %v, want one about %q", err, words)
	}
}
