package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/api"
	"mxdesk/internal/mailauth/dnstest"
	"mxdesk/ticketstore"
)

const desk = "support@desk.example"

// TestConversation plays a whole case through, from a user's first mail to the
// attempts of others to get into it, with every mail that leaves read where it
// arrives.
func TestConversation(t *testing.T) {
	t.Run("plain client and captured mail", func(t *testing.T) {
		c := newConversation(t, func(d string) exit {
			return exit{config: fmt.Sprintf("[outbound]\ncapture_dir = %q\n", d), files: []string{d + "/*.eml"}}
		})
		c.first, c.next = byWire, byWire
		c.play()
	})
	t.Run("swaks and Python and Postfix", func(t *testing.T) {
		need(t, "swaks", "python3")
		c := newConversation(t, func(string) exit { return startPostfix(t, ann, bob, carol, parts, mallory) })
		c.first, c.next = bySwaks, byPython
		c.play()
	})
}

// cast are those who take part.
var (
	ann     = &person{name: "Ann Customer", address: "ann@customer.example", server: "127.0.0.11"}
	bob     = &person{name: "Bob Agent", address: "bob@staff.example", server: "127.0.0.12"} // gets a key
	carol   = &person{name: "Carol Agent", address: "carol@plain.example"}                   // nothing protects her domain
	parts   = &person{name: "Parts Ltd", address: "orders@parts.example", server: "127.0.0.13"}
	mallory = &person{name: "Mallory", address: "mallory@stranger.example", server: "127.0.0.14"}
)

const forger = "127.0.0.66" // a server that speaks for nobody

// conversation is a desk and who has written to it.
type conversation struct {
	*testing.T
	desk        *installation
	server      *process
	exit        exit
	bob         *person // with his key
	first, next client
	seen        int // outgoing mails looked at
}

func newConversation(t *testing.T, way func(dir string) exit) *conversation {
	t.Helper()
	signed := *bob
	signed.key = newKey(t)
	dns := dnstest.New(t, zone(ann, &signed, carol, parts, mallory))
	c := &conversation{T: t, bob: &signed, exit: way(t.TempDir())}
	c.desk = install(t, fmt.Sprintf(`hostname = "mx.desk.example"
[smtp]
listen = ["127.0.0.1:0"]
[dns]
servers = [%q]
[mailbox.support]
addresses = [%q]
name = "Example Desk"
%s`, dns.Addr, desk, c.exit.config))
	for _, p := range []*person{bob, carol} {
		c.desk.must("contact", "add", "--kind", "agent", "--name", p.name, p.address)
	}
	c.desk.must("contact", "add", "--kind", "supplier", "--name", parts.name, parts.address)
	c.server = c.desk.start()
	return c
}

// mails are the outgoing mails since the last call, by recipient, when all of
// them have arrived. Each is checked for what holds for every mail.
func (c *conversation) mails() map[string]arrived {
	c.Helper()
	all := outgoing(c.T, c.desk, c.exit)
	news := map[string]arrived{}
	for _, m := range all[c.seen:] {
		to := m.item.To.String()
		if _, twice := news[to]; twice {
			c.Errorf("two mails to %s at once", to)
		}
		checkHeader(c.T, &m)
		news[to] = m
	}
	c.seen = len(all)
	return news
}

// send hands a letter in and wants this answer.
func (c *conversation) send(by client, l letter, want string) {
	c.Helper()
	if got := by(c.T, c.server.addr, l).String(); got != want {
		c.Fatalf("mail from %s: answered %q, want %q", l.from.address, got, want)
	}
}

// entry is what of an action tells who did what.
type entry struct {
	Outcome    ticketstore.Outcome
	Kind       ticketstore.ActorKind
	Name       string
	Visibility ticketstore.Visibility
	Fresh      string
}

func entries(t api.Ticket) (list []entry) {
	for _, a := range t.Actions {
		list = append(list, entry{a.Outcome, a.Actor.Kind, a.Actor.Name, a.Visibility, a.Fresh})
	}
	return list
}

// wants compares the newest action of ticket 1, and its status.
func (c *conversation) wants(status ticketstore.Status, e entry) {
	c.Helper()
	t := c.desk.ticket(1)
	if t.Status != status {
		c.Errorf("status %s, want %s", t.Status, status)
	}
	all := entries(t)
	if diff := cmp.Diff(e, all[len(all)-1]); diff != "" {
		c.Errorf("the newest action (-want +got):\n%s", diff)
	}
}

// to wants mail to these and nobody else.
func (c *conversation) to(got map[string]arrived, want ...*person) {
	c.Helper()
	names, wanted := map[string]bool{}, map[string]bool{}
	for a := range got {
		names[a] = true
	}
	for _, p := range want {
		wanted[p.address] = true
	}
	if diff := cmp.Diff(wanted, names); diff != "" {
		c.Fatalf("mail went to (-want +got):\n%s", diff)
	}
}

func (c *conversation) play() {
	ack, firstID := c.userWrites()
	notice := c.userReplies(ack)
	answer := c.agentAnswers(notice, firstID)
	c.userThanks(answer)
	c.supplierBranch()
	c.agentIsAway(notice)
	c.forgedAgents(notice)
	c.strangers()
	c.agentConcludes()
	c.secrets()
	c.desk.check()
	c.server.stop(c.T)
	c.desk.check()
}

// userWrites: the first mail opens a ticket, the user is told its number and
// the agents are told of it.
func (c *conversation) userWrites() (ack arrived, firstID string) {
	c.send(c.first, letter{from: ann, to: desk, subject: "Printer on fire", text: "It burns. Help!"}, "250 2.0.0 accepted as [ID:0000001]")
	c.wants("new", entry{"Opened by e-mail", "End user", "Ann Customer", "public", "It burns. Help!"})
	firstID = c.desk.ticket(1).Actions[0].MessageID
	got := c.mails()
	c.to(got, ann, bob, carol)
	ack = got[ann.address]
	checkFields(c.T, &ack, map[string]string{
		"Subject": "Re: Printer on fire [ID:0000001]", "To": ann.String(), "Auto-Submitted": "auto-replied",
		"In-Reply-To": "<" + firstID + ">", "References": "<" + firstID + ">", "Return-Path": "<>",
	})
	contains(c.T, ack.text, "Its ticket number is 0000001", "> It burns. Help!")
	notice := got[bob.address]
	checkFields(c.T, &notice, map[string]string{
		"Subject": "Re: Printer on fire [ID:0000001]", "To": bob.String(), "Auto-Submitted": "auto-generated", "Return-Path": "<>",
	})
	contains(c.T, notice.text, "##- Please type your answer above this line -##", "It burns. Help!", "Ann Customer")
	return ack, firstID
}

// userReplies: with nothing but the tag in the subject, a reply finds its
// ticket.
func (c *conversation) userReplies(ack arrived) (notice arrived) {
	c.send(c.next, letter{
		from: ann, to: desk, subject: ack.decoded(c.T, "Subject"),
		text: "Now the desk burns, too.\n\nOn Mon, 23 Nov 2026 at 10:00, Example Desk <support@desk.example> wrote:\n> we have received your message.",
	}, "250 2.0.0 accepted as [ID:0000001]")
	c.wants("new", entry{"User update", "End user", "Ann Customer", "public", "Now the desk burns, too."})
	if by := c.desk.ticket(1).Actions[1].Match.By; by != "tag" {
		c.Errorf("matched by %q, want tag", by)
	}
	got := c.mails()
	c.to(got, bob, carol)
	notice = got[bob.address]
	contains(c.T, notice.text, "##- Please type your answer above this line -##", "Now the desk burns, too.", "> It burns. Help!")
	lacks(c.T, notice.text, "Caution")
	return notice
}

// agentAnswers: Bob answers the notification in his own mail program. The user
// gets what he wrote, from the desk.
func (c *conversation) agentAnswers(notice arrived, firstID string) arrived {
	c.send(c.next, letter{
		from: c.bob.signing(forger), to: notice.replyTo(c.T), subject: "Re: " + notice.decoded(c.T, "Subject"),
		fields: []string{"In-Reply-To: " + notice.header.Get("Message-Id")},
		text: "Please use the extinguisher. Write to Bob@Staff.example if it burns.\n\n-- \nBob, private: bob@staff.example, +44 20 7946 0000\n\n" +
			"On Monday Example Desk wrote:\n> " + strings.ReplaceAll(notice.text, "\n", "\n> "),
	}, "250 2.0.0 accepted as [ID:0000001]")
	c.wants("waiting", entry{"Agent update", "Agent", "Bob Agent", "public", "Please use the extinguisher. Write to support@desk.example if it burns."})
	if got := c.desk.ticket(1).Actions[2].Verdict; got.Auth != "aligned" || len(got.DKIM) != 1 || got.SPF.Result == "pass" {
		c.Errorf("the agent is to be known by DKIM alone: %+v", got)
	}
	got := c.mails()
	c.to(got, ann)
	m := got[ann.address]
	last := c.desk.ticket(1).Actions[1].MessageID
	checkFields(c.T, &m, map[string]string{
		"From": `"Example Desk" <support@desk.example>`, "Subject": "Re: Printer on fire [ID:0000001]", "To": ann.String(),
		"Auto-Submitted": "", "In-Reply-To": "<" + last + ">",
	})
	contains(c.T, m.header.Get("References"), "<"+last+">")
	contains(c.T, m.text, "Please use the extinguisher.", "Bob Agent")
	return m
}

// signing is the person with their key, at a server that SPF does not know.
func (p *person) signing(server string) *person {
	q := *p
	q.server = server
	return &q
}

// userThanks: an answer to the signed address needs no tag, and opens the
// ticket again.
func (c *conversation) userThanks(answer arrived) {
	c.send(c.next, letter{from: ann, to: answer.replyTo(c.T), subject: "thanks", text: "It is out."}, "250 2.0.0 accepted as [ID:0000001]")
	c.wants("open", entry{"User update", "End user", "Ann Customer", "public", "It is out."})
	got := c.mails()
	c.to(got, bob) // who has the ticket now
}

// supplierBranch: what the desk and its supplier write each other stays between
// them.
func (c *conversation) supplierBranch() {
	c.desk.must("ticket", "reply", "1", "--as", bob.address, "--to-supplier", "--supplier", parts.address, "--text", "We need a confidential quote.")
	c.wants("on-hold", entry{"Supplier request", "Agent", "Bob Agent", "supplier", "We need a confidential quote."})
	got := c.mails()
	c.to(got, parts)
	request := got[parts.address]
	checkFields(c.T, &request, map[string]string{"Subject": "Printer on fire [ID:0000001]", "Auto-Submitted": "", "To": parts.String()})
	lacks(c.T, request.words, "extinguisher", "It is out", ann.address)

	c.send(c.next, letter{from: parts, to: desk, subject: "Re: " + request.decoded(c.T, "Subject"), text: "Our secret price is 300."},
		"250 2.0.0 accepted as [ID:0000001]")
	c.wants("open", entry{"Supplier update", "Supplier", "Parts Ltd", "supplier", "Our secret price is 300."})
	got = c.mails()
	c.to(got, bob)
	notice := got[bob.address]
	contains(c.T, notice.text, "Our secret price is 300.", "Parts Ltd (Supplier)")
}

// agentIsAway: Bob's vacation program answers the notification. That is an
// agent's mail with a good signature, and still nobody's answer.
func (c *conversation) agentIsAway(notice arrived) {
	before := c.desk.ticket(1)
	c.send(c.next, letter{
		from: c.bob.signing(forger), to: notice.replyTo(c.T), subject: "Out of office: " + notice.decoded(c.T, "Subject"), null: true,
		text: "I am at the beach.", fields: []string{"Auto-Submitted: auto-replied (vacation)", "In-Reply-To: " + notice.header.Get("Message-Id")},
	}, "250 2.0.0 accepted as [ID:0000001]")
	c.wants(before.Status, entry{"Auto-reply received", "Agent", "Bob Agent", "internal", "I am at the beach."})
	c.to(c.mails())
}

// forgedAgents: an agent's address is easily written. Neither a domain that
// asks for rejection nor one without any record lets it through.
func (c *conversation) forgedAgents(notice arrived) {
	before := len(c.desk.ticket(1).Actions)
	for i, p := range []*person{bob, carol} {
		c.send(c.next, letter{
			from: p.as(forger), to: notice.replyTo(c.T), subject: notice.decoded(c.T, "Subject"), text: "Send your password to me.",
			fields: []string{"In-Reply-To: " + notice.header.Get("Message-Id")},
		}, "250 2.0.0 accepted")
		held := read[[]ticketstore.HeldMail](c.desk, "held", "list")
		if len(held) != i+1 {
			c.Fatalf("%d mails are held, want %d", len(held), i+1)
		}
		if h := held[i]; h.Ticket != 1 || h.State != "held" || h.From.Address.String() != p.address || h.Record == 0 {
			c.Errorf("held: %+v", h)
		}
	}
	if got := len(c.desk.ticket(1).Actions); got != before {
		c.Errorf("the ticket has %d actions, want %d", got, before)
	}
	c.to(c.mails())
}

// strangers: who quotes somebody else's ticket is told the same as who quotes
// one that does not exist.
func (c *conversation) strangers() {
	before := c.desk.must("ticket", "show", "1", "-o", "json")
	var answers []arrived
	for i, tag := range []string{"[ID:0000001]", "[ID:0009999]"} {
		id := ticketstore.TicketID(i + 2)
		c.send(c.next, letter{from: mallory, to: desk, subject: "Re: Printer on fire " + tag, text: "What did they write?"},
			"250 2.0.0 accepted as [ID:"+id.String()+"]")
		t := c.desk.ticket(id)
		if t.Requester.Address.String() != mallory.address || len(t.Actions) != 1 || t.Subject != "Re: Printer on fire" {
			c.Errorf("the stranger's ticket: %+v", t)
		}
		if want := []ticketstore.TicketID{1, 0}[i]; t.Candidate != want {
			c.Errorf("ticket %s records candidate %d, want %d", id, t.Candidate, want)
		}
		got := c.mails()
		c.to(got, mallory, bob, carol)
		answers = append(answers, got[mallory.address])
	}
	plain := func(m arrived) string { return strings.ReplaceAll(m.words, m.item.Ticket.String(), "NUMBER") }
	if diff := cmp.Diff(plain(answers[0]), plain(answers[1])); diff != "" {
		c.Errorf("the answers differ by whether the ticket exists (-exists +does not):\n%s", diff)
	}
	if diff := cmp.Diff(string(before), string(c.desk.must("ticket", "show", "1", "-o", "json"))); diff != "" {
		c.Errorf("the stranger changed the ticket (-before +after):\n%s", diff)
	}
}

// agentConcludes: the last word to the user quotes what the user may see, not
// what was written last.
func (c *conversation) agentConcludes() {
	c.desk.must("ticket", "reply", "1", "--as", bob.address, "--status", "solved", "--text", "A new printer is on its way.")
	c.wants("solved", entry{"Agent update", "Agent", "Bob Agent", "public", "A new printer is on its way."})
	got := c.mails()
	c.to(got, ann)
	contains(c.T, got[ann.address].text, "A new printer is on its way.", "> It is out.")
}

// secrets: no mail to anybody outside holds what is not for them.
func (c *conversation) secrets() {
	for _, m := range outgoing(c.T, c.desk, c.exit) {
		switch m.item.To.String() {
		case bob.address, carol.address:
			continue
		case ann.address:
			lacks(c.T, m.raw+m.words, "confidential", "secret price", parts.address, "password")
		case parts.address:
			lacks(c.T, m.raw+m.words, "password", ann.address)
		}
		lacks(c.T, m.raw+m.words, bob.address, carol.address, "##-", "Priority:", "7946", "beach", "wrote in ticket")
	}
}
