package main

import (
	"fmt"
	"strings"
	"testing"

	"mxdesk/internal/api"
	"mxdesk/internal/mailauth/dnstest"
	"mxdesk/ticketstore"
)

// agentRow is one cell of the trust table whose role is the agent's, seen from
// outside.
type agentRow struct {
	auth, token string
	party       bool

	ticket ticketstore.TicketID
	user   string
	reply  reply
}

func (r *agentRow) String() string {
	return fmt.Sprintf("%s token=%s assigned=%v", r.auth, r.token, r.party)
}

// words are in the agent's mail and nowhere else.
func (r *agentRow) words() string {
	return fmt.Sprintf("answer-%s-%s-%v-end", r.auth, r.token, r.party)
}

// agentsByAuth are agents whose mail, sent from the address of agentHost, is
// authenticated so far.
var agentsByAuth = map[string]string{
	"aligned": "bob@staff.example", "none": "carol@plain.example",
	"fail": "fay@forged.example", "temperror": "tom@broken.example",
}

const agentHost = "203.0.113.1"

// TestAgentRowsFromOutside sends a mail in the name of an agent for each way of
// being authenticated, each kind of token, to a ticket of theirs and to one that
// is not. An agent acts when the mail is authenticated, and in no other case: it
// is held and goes to nobody, or, while DNS does not answer, stays with the
// sender's server.
func TestAgentRowsFromOutside(t *testing.T) {
	dns := dnstest.New(t, dnstest.Zone{
		"staff.example":         {TXT: []string{"v=spf1 ip4:" + agentHost + " -all"}},
		"forged.example":        {TXT: []string{"v=spf1 ip4:203.0.113.99 -all"}},
		"broken.example":        {Fail: dnstest.ServFail},
		"_dmarc.broken.example": {Fail: dnstest.ServFail},
		"customer.example":      {TXT: []string{"v=spf1 ip4:" + agentHost + " -all"}},
	})
	way := exit{files: []string{t.TempDir() + "/*.eml"}}
	d := install(t, fmt.Sprintf(`hostname = "mx.desk.example"
[smtp]
listen = ["127.0.0.1:0"]
[limits]
automatic_mail_per_day = 10000
[dns]
servers = [%q]
[[trusted_relay]]
networks = ["127.0.0.31"]
xclient = true
[outbound]
capture_dir = %q
[mailbox.support]
addresses = [%q]
`, dns.Addr, strings.TrimSuffix(way.files[0], "/*.eml"), desk))
	for _, a := range agentsByAuth {
		d.must("contact", "add", "--kind", "agent", a)
	}
	server := d.start()
	rows := openRows(t, d, server.addr)
	before := len(rows.mails(t, d, way))
	for _, r := range rows.all {
		if r.party {
			d.must("ticket", "assign", fmt.Sprint(uint64(r.ticket)), agentsByAuth[r.auth])
		}
	}
	for _, r := range rows.all {
		from := agentsByAuth[r.auth]
		raw := fmt.Appendf(nil, "From: <%s>\r\nTo: <%s>\r\nSubject: Re: printer [ID:%s]\r\nMessage-ID: <%s@agents.example>\r\n\r\nI say %s.\r\n", from, desk, r.ticket, r.words(), r.words())
		r.reply = sendFor(t, server.addr, agentHost, from, rows.address(t, r), raw)
	}
	left := rows.mails(t, d, way)[before:]
	held := read[[]api.Held](d, "held", "list")
	for _, r := range rows.all {
		t.Run(r.String(), func(t *testing.T) { r.check(t, d, left, held) })
	}
	vacation(t, d, server.addr, rows.all[0], way)
	server.stop(t)
	d.check()
}

// rows are all cells, with a ticket for each.
type agentRows struct {
	all  []*agentRow
	sent []arrived // when the tickets were opened
}

func openRows(t *testing.T, d *installation, addr string) *agentRows {
	t.Helper()
	rows := &agentRows{}
	for _, auth := range []string{"aligned", "none", "fail", "temperror"} {
		for _, token := range []string{"own", "other", "invalid", "none"} {
			for _, party := range []bool{true, false} {
				r := &agentRow{auth: auth, token: token, party: party}
				r.user = fmt.Sprintf("user-%s-%s-%v@customer.example", auth, token, party)
				raw := fmt.Appendf(nil, "From: <%s>\r\nTo: <%s>\r\nSubject: printer\r\nMessage-ID: <%s>\r\n\r\nIt burns.\r\n", r.user, desk, r.user)
				got := sendFor(t, addr, agentHost, r.user, desk, raw)
				if _, err := fmt.Sscanf(got.text, "2.0.0 accepted as [ID:%d]", &r.ticket); err != nil {
					t.Fatalf("%s: %s", r.user, got)
				}
				rows.all = append(rows.all, r)
			}
		}
	}
	return rows
}

// mails is everything that has left; the first look keeps what carries tokens.
func (rows *agentRows) mails(t *testing.T, d *installation, way exit) []arrived {
	t.Helper()
	all := outgoing(t, d, way)
	if rows.sent == nil {
		rows.sent = all
	}
	return all
}

// address is where the agent's mail goes, with the kind of token of its row.
func (rows *agentRows) address(t *testing.T, r *agentRow) string {
	t.Helper()
	signed := func(to string) string {
		for _, m := range rows.sent {
			if m.item.Ticket == r.ticket && m.item.To.String() == to {
				return m.replyTo(t)
			}
		}
		t.Fatalf("%s: nothing went to %s", r, to)
		return ""
	}
	switch r.token {
	case "own":
		return signed(agentsByAuth[r.auth])
	case "other":
		return signed(r.user)
	case "invalid":
		own := signed(agentsByAuth[r.auth])
		at := strings.IndexByte(own, '@')
		other := byte('a')
		if own[at-1] == 'a' {
			other = 'b'
		}
		return own[:at-1] + string(other) + own[at:]
	}
	return desk
}

// check looks at what became of the row's mail.
func (r *agentRow) check(t *testing.T, d *installation, left []arrived, held []api.Held) {
	var toUser, toOthers, waiting int
	for _, m := range left {
		switch {
		case !strings.Contains(m.words, r.words()):
		case m.item.To.String() == r.user:
			toUser++
			if strings.Contains(m.raw, agentsByAuth[r.auth]) {
				t.Errorf("the agent's address has left")
			}
		default:
			toOthers++
		}
	}
	for _, h := range held {
		if h.Ticket == r.ticket {
			waiting++
		}
	}
	updates := 0
	for _, a := range d.ticket(r.ticket).Actions {
		if strings.Contains(a.Text, r.words()) {
			updates++
		}
	}
	got := fmt.Sprintf("%d, %d to the user, %d to others, %d held, %d actions", r.reply.code, toUser, toOthers, waiting, updates)
	want := "250, 0 to the user, 0 to others, 1 held, 0 actions"
	switch r.auth {
	case "aligned":
		want = "250, 1 to the user, 0 to others, 0 held, 1 actions"
	case "temperror":
		want = "451, 0 to the user, 0 to others, 0 held, 0 actions"
	}
	if got != want {
		t.Errorf("got %s\nwant %s\nreply %s", got, want, r.reply)
	}
	if r.auth != "aligned" && strings.Contains(r.reply.text, "[ID:") {
		t.Errorf("the sender learns of the ticket: %s", r.reply)
	}
}

// vacation has an agent's mail program answer by itself, authenticated and with
// the tag: nothing changes, and it goes to nobody.
func vacation(t *testing.T, d *installation, addr string, r *agentRow, way exit) {
	t.Helper()
	sent, status := len(outgoing(t, d, way)), d.ticket(r.ticket).Status
	from := agentsByAuth["aligned"]
	raw := fmt.Appendf(nil, "From: <%s>\r\nTo: <%s>\r\nSubject: Automatic reply: printer [ID:%s]\r\nAuto-Submitted: auto-replied\r\nMessage-ID: <vacation@agents.example>\r\n\r\n#solve\r\nI am away.\r\n", from, desk, r.ticket)
	if got := sendFor(t, addr, agentHost, from, desk, raw); got.code != 250 {
		t.Errorf("a vacation reply is answered %s", got)
	}
	if n := len(outgoing(t, d, way)); n != sent {
		t.Errorf("a vacation reply made %d mails", n-sent)
	}
	if now := d.ticket(r.ticket).Status; now != status {
		t.Errorf("a vacation reply made the ticket %s, was %s", now, status)
	}
}

// sendFor sends a mail as a relay does for a client.
func sendFor(t *testing.T, addr, ip, from, to string, raw []byte) reply {
	t.Helper()
	w := mustConnect(t, addr, "127.0.0.31")
	defer w.close()
	w.want(t, 220, "XCLIENT ADDR="+ip)
	w.want(t, 250, "EHLO host.agents.example")
	return w.send(from, to, raw)
}
