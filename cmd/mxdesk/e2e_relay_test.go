package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mxdesk/internal/api"
	"mxdesk/internal/mailauth/dnstest"
	"mxdesk/ticketstore"
)

// TestRelays is a desk behind mail servers of its own site: a relay that says by
// XCLIENT who its client is, a proxy, and one that hands mail over by LMTP on a
// Unix socket and adds what it found out. Whoever speaks for the sender's domain
// is authenticated over each of them, and nobody else.
func TestRelays(t *testing.T) {
	need(t, "python3")
	const honest, forging = "203.0.113.9", "203.0.113.66"
	dns := dnstest.New(t, dnstest.Zone{"customer.example": {TXT: []string{"v=spf1 ip4:" + honest + " -all"}}})
	socket := filepath.Join(t.TempDir(), "lmtp.sock")
	d := install(t, fmt.Sprintf(`hostname = "mx.desk.example"
[smtp]
listen = ["127.0.0.1:0"]
listen_lmtp = ["unix:%s"]
[dns]
servers = [%q]
[[trusted_relay]]
networks = ["127.0.0.31"]
xclient = true
[[trusted_relay]]
networks = ["127.0.0.32"]
proxy = true
[[trusted_relay]]
networks = ["127.0.0.33", "unix"]
authserv_id = "mta.desk.example"
[mailbox.support]
addresses = ["support@desk.example", "sales@desk.example"]
message_size = "100KiB"
`, socket, dns.Addr))
	server := d.start()
	addr, _, _ := strings.Cut(server.addr, ",")

	mail := func(i int, top string) []byte {
		return fmt.Appendf(nil, "%sFrom: Ann <ann@customer.example>\r\nTo: support@desk.example\r\nSubject: case %d\r\nMessage-ID: <%d@customer.example>\r\n\r\nHelp!\r\n", top, i, i)
	}
	received := func(ip string) string {
		return "Received: from mail.customer.example (mail.customer.example [" + ip + "])\r\n\tby mta.desk.example (Postfix) with ESMTPS id 4711\r\n\tfor <support@desk.example>; Wed, 25 Nov 2026 10:00:00 +0000\r\n"
	}
	results := func(id, spf string) string {
		return "Authentication-Results: " + id + ";\r\n\tspf=" + spf + " smtp.mailfrom=ann@customer.example;\r\n\tdmarc=" + spf + " header.from=customer.example\r\n"
	}
	for i, tt := range []struct {
		name    string
		source  string // "" is LMTP by the Unix socket
		before  string // said before the greeting
		after   string // and behind EHLO
		top     string // header fields of the relay
		aligned bool
		spf     string
	}{
		{"XCLIENT, honest", "127.0.0.31", "", "XCLIENT ADDR=" + honest + " HELO=mail.customer.example", "", true, "pass"},
		{"XCLIENT, forger", "127.0.0.31", "", "XCLIENT ADDR=" + forging, "", false, "fail"},
		{"PROXY, honest", "127.0.0.32", "PROXY TCP4 " + honest + " 127.0.0.1 4711 25\r\n", "", "", true, "pass"},
		{"PROXY, forger", "127.0.0.32", "PROXY TCP4 " + forging + " 127.0.0.1 4711 25\r\n", "", received(honest), false, "fail"},
		{"PROXY, unknown", "127.0.0.32", "PROXY UNKNOWN\r\n", "", received(honest), false, "none"},
		{"Received, honest", "127.0.0.33", "", "", received(honest), true, "pass"},
		{"Received, forger", "127.0.0.33", "", "", received(forging) + received(honest), false, "fail"},
		{"results of the relay", "127.0.0.33", "", "", results("mta.desk.example", "pass") + received(forging), true, ""},
		{"results below the relay's field", "127.0.0.33", "", "", received(forging) + results("mta.desk.example", "pass"), false, "fail"},
		{"results of another", "127.0.0.33", "", "", results("mta.other.example", "pass") + received(forging), false, "fail"},
		{"results, from a stranger", "127.0.0.66", "", "", results("mta.desk.example", "pass") + received(honest), false, "fail"},
		{"LMTP, honest", "", "", "", received(honest), true, "pass"},
		{"LMTP, forger", "", "", "", received(forging), false, "fail"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw := mail(i, tt.top)
			if tt.source == "" {
				byLMTP(t, socket, raw)
			} else {
				byRelay(t, addr, tt.source, tt.before, tt.after, raw)
			}
			v := d.lastVerdict(t, fmt.Sprintf("case %d", i))
			if v.Authenticated != tt.aligned || tt.spf != "" && v.SPF.Result != tt.spf {
				t.Errorf("authenticated %v, SPF %s: %s (SPF: %s)", v.Authenticated, v.SPF.Result, v.Reason, v.SPF.Reason)
			}
		})
	}
	big := strings.Repeat("x\r\n", 50_000)
	w := mustConnect(t, addr, "127.0.0.33")
	w.want(t, 552, "MAIL FROM:<ann@customer.example> SIZE=102401")
	if got := w.send("ann@customer.example", "support@desk.example", []byte("Subject: big\r\n\r\n"+big)); got.code != 552 {
		t.Errorf("a mail beyond the mailbox's size is answered %s", got)
	}
	server.stop(t)
	d.check()
}

// byRelay sends a mail as a relay does.
func byRelay(t *testing.T, addr, source, before, after string, raw []byte) {
	t.Helper()
	w, err := connectWith(addr, source, before)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	w.want(t, 250, "EHLO mail.customer.example")
	if after != "" {
		w.want(t, 220, after)
		w.want(t, 250, "EHLO relay.desk.example")
	}
	if got := w.send("ann@customer.example", "support@desk.example", raw); got.code != 250 {
		t.Fatalf("answered %s", got)
	}
}

// byLMTP sends a mail to two recipients over a Unix socket with a client that is
// not ours.
func byLMTP(t *testing.T, socket string, raw []byte) {
	t.Helper()
	cmd := exec.Command("python3", "-c", `
import smtplib, sys
s = smtplib.LMTP(sys.argv[1])
print(s.sendmail("ann@customer.example", ["support@desk.example", "nobody@desk.example", "sales@desk.example"], sys.stdin.buffer.read()))
s.quit()`, socket)
	cmd.Stdin = strings.NewReader(string(raw))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "'nobody@desk.example': (550") || strings.Contains(string(out), "support") {
		t.Fatalf("LMTP: %v\n%s", err, out)
	}
}

// lastVerdict is what was found out about the mail with a subject, be it in a
// ticket or held.
func (d *installation) lastVerdict(t *testing.T, subject string) ticketstore.Verdict {
	t.Helper()
	for _, ticket := range read[[]api.Ticket](d, "ticket", "list", "-o", "json") {
		if strings.Contains(ticket.Subject, subject) {
			actions := d.ticket(ticket.ID).Actions
			return *actions[0].Verdict
		}
	}
	for _, h := range read[[]api.Held](d, "held", "list", "-o", "json") {
		if strings.Contains(h.Subject, subject) {
			return h.Verdict
		}
	}
	t.Fatalf("there is no %q", subject)
	return ticketstore.Verdict{}
}
