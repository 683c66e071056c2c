package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mxdesk/internal/api"
	"mxdesk/ticketstore"
)

// refusals are the replies with which a mail may be refused for good: each
// names a fault that its sender can mend. Of each there is an example here.
var refusals = map[string]string{
	"554 5.6.0 the mail holds a carriage return that ends no line; lines end in CR LF": "Subject: x\r\n\r\none\rtwo\r\n",
	"554 5.6.0 the mail holds a line of more than 1048576 octets":                      "Subject: x\r\n\r\n" + strings.Repeat("x", 1<<20+1) + "\r\n",
	"554 5.4.6 the mail goes in a circle: too many Received fields":                    strings.Repeat("Received: by a.example; Mon, 23 Nov 2026 10:00:00 +0000\r\n", 100) + "\r\n",
}

// posted is a mail of the corpus with what became of it.
type posted struct {
	name    string
	raw     []byte // as sent, after dot-unstuffing
	reply   reply
	outcome string
}

// TestCorpusThroughSMTP sends real mails, the broken ones among them, each in a
// session of its own. Every one is taken or refused for a reason of its own;
// what is taken can be had back octet for octet.
func TestCorpusThroughSMTP(t *testing.T) {
	mails := readCorpus(t)
	if len(mails) == 0 {
		t.Skip("the developer corpus is not here (MXDESK_CORPUS)")
	}
	d := install(t, `hostname = "mx.desk.example"
[smtp]
listen = ["127.0.0.1:0"]
[dns]
servers = []
[mailbox.support]
addresses = ["support@desk.example"]
acknowledge = "not-failed"
`)
	server := d.start()
	for _, m := range mails {
		m.reply = deliver(server.addr, "", "sender@corpus.example", desk, m.raw)
	}
	for want, raw := range refusals {
		if got := deliver(server.addr, "", "sender@corpus.example", desk, []byte(raw)); got.words() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	server.stop(t)
	taken := judgeReplies(t, server, mails)
	server = d.start()
	d.check()
	filed, held := storedMails(t, d)
	compareStored(t, taken, sums(filed, held))
	for _, f := range filed {
		f.wantNotBlank(t)
	}
	server.stop(t)
}

// readCorpus reads the mails of the developer corpus; none where it is not.
func readCorpus(t *testing.T) (mails []*posted) {
	t.Helper()
	root := os.Getenv("MXDESK_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	files, err := filepath.Glob(filepath.Join(root, "*", "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		mails = append(mails, &posted{name: filepath.Join(filepath.Base(filepath.Dir(name)), filepath.Base(name)), raw: crlf(raw)})
	}
	return mails
}

// crlf gives every line that ends in LF a CR, and the last line an end: that is
// what a sender's server makes of a file. A lone CR stays.
func crlf(raw []byte) []byte {
	raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
	if len(raw) > 0 && !bytes.HasSuffix(raw, []byte("\r\n")) {
		raw = append(raw, "\r\n"...)
	}
	return raw
}

// judgeReplies wants each reply to be one that a sender can live with, and
// returns the mails that were taken, with their outcomes from the log.
func judgeReplies(t *testing.T, server *process, mails []*posted) (taken []*posted) {
	t.Helper()
	count := map[string]int{}
	for _, m := range mails {
		switch {
		case m.reply.code == 250:
			taken = append(taken, m)
		case refusals[m.reply.words()] == "":
			t.Errorf("%s: %s", m.name, m.reply)
		default:
			count[m.reply.words()]++
		}
	}
	accepted := server.events(t, "smtp-accepted")
	if len(accepted) != len(taken) {
		t.Fatalf("the log has %d accepted mails, the senders %d", len(accepted), len(taken))
	}
	for i, e := range accepted {
		taken[i].outcome = e.Outcome
		count[e.Outcome]++
	}
	for _, name := range []string{"smtp-trouble", "smtp-unreadable"} {
		for _, e := range server.events(t, name) {
			t.Errorf("%s: %s", name, e.Error)
		}
	}
	t.Logf("%d mails: %v", len(mails), count)
	return taken
}

// filed is a mail that became an action.
type filed struct {
	action api.Action
	raw    []byte // as the desk gives it back
}

// storedMails is what the running desk gives back as received: the mails of all
// tickets and the held ones.
func storedMails(t *testing.T, d *installation) (list []filed, held [][]byte) {
	t.Helper()
	c := d.api()
	for _, line := range ask[[]api.Ticket](d, c, "/v1/tickets") {
		list = append(list, d.filed(c, line.ID)...)
	}
	return list, d.heldRaw(c)
}

// heldRaw are the held mails.
func (d *installation) heldRaw(c *api.Client) (list [][]byte) {
	d.t.Helper()
	for _, h := range ask[[]ticketstore.HeldMail](d, c, "/v1/held") {
		list = append(list, d.octets(c, fmt.Sprintf("/v1/held/%d/raw", h.ID), nil))
	}
	return list
}

// filed are the mails of one ticket.
func (d *installation) filed(c *api.Client, id ticketstore.TicketID) (list []filed) {
	d.t.Helper()
	for _, a := range ask[api.Ticket](d, c, "/v1/tickets/%d", id).Actions {
		if a.Record != 0 {
			raw := d.octets(c, fmt.Sprintf("/v1/tickets/%d/raw", id), url.Values{"action": {fmt.Sprint(a.Seq)}})
			list = append(list, filed{a, raw})
		}
	}
	return list
}

// sums counts how often each mail is in the store.
func sums(list []filed, held [][]byte) map[[32]byte]int {
	n := map[[32]byte]int{}
	for _, f := range list {
		n[sha256.Sum256(f.raw)]++
	}
	for _, raw := range held {
		n[sha256.Sum256(raw)]++
	}
	return n
}

// compareStored wants every mail that was taken in the store, octet for octet,
// unless the same mail came before, and nothing else there.
func compareStored(t *testing.T, taken []*posted, stored map[[32]byte]int) {
	t.Helper()
	first := map[string]string{}
	for _, m := range taken {
		id := identity(m.raw)
		switch sum := sha256.Sum256(m.raw); m.outcome {
		case "new", "update", "held":
			if stored[sum] == 0 {
				t.Errorf("%s (%s): not in the store as it was sent", m.name, m.outcome)
			}
			stored[sum]--
		case "duplicate":
			if first[id] == "" {
				t.Errorf("%s: taken for a mail that came before, and none did", m.name)
			}
		default:
			t.Errorf("%s: outcome %q", m.name, m.outcome)
		}
		first[id] = m.name
	}
	for sum, n := range stored {
		if n > 0 {
			t.Errorf("%d mails in the store that nobody sent: %x", n, sum)
		}
	}
}

var identifying = regexp.MustCompile(`(?mi)^(message-id|from|to|cc|subject|date)[ \t]*:.*\n([ \t].*\n)*`)

// identity is what two mails must have in common for one to be dropped as the
// other sent again: the fields that people see, and the whole body. It is
// found here without the program's own reader.
func identity(raw []byte) string {
	header, body := split(raw)
	return fmt.Sprintf("%q %x", identifying.FindAll(header, -1), sha256.Sum256(body))
}

// split divides a mail at its first empty line.
func split(raw []byte) (header, body []byte) {
	if bytes.HasPrefix(raw, []byte("\r\n")) {
		return nil, raw
	}
	if i := bytes.Index(raw, []byte("\r\n\r\n")); i >= 0 {
		return raw[:i+2], raw[i+2:]
	}
	return raw, nil
}

// wantNotBlank: a person who opens a ticket sees who did what, and something in
// every entry, unless the mail itself shows nothing.
func (f *filed) wantNotBlank(t *testing.T) {
	t.Helper()
	a := &f.action
	if a.Actor.Name == "" || a.Actor.Kind == "" || a.Outcome == "" || a.Verdict == nil || a.Match == nil {
		t.Errorf("ticket %s, action %d does not say who did what, and why: %+v", a.Ticket, a.Seq, a.Actor)
	}
	if strings.TrimSpace(a.Text) != "" || len(a.Attachments) > 0 || a.Unreadable {
		return
	}
	if _, body := split(f.raw); len(bytes.TrimSpace(body)) > 0 {
		t.Errorf("ticket %s, action %d is blank, but its mail is not: %q", a.Ticket, a.Seq, body[:min(len(body), 300)])
	}
}
