package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestOneIDEverywhere: a mail has one id by which the operator finds it. It ends
// each refusal behind the content, and stands in the log, in our Received field
// and in the action.
func TestOneIDEverywhere(t *testing.T) {
	d := install(t, fmt.Sprintf(plainDesk, "127.0.0.1:0"))
	server := d.start()
	circle := strings.Repeat("Received: from a.example by b.example; Wed, 25 Nov 2026 10:00:00 +0000\r\n", 100)
	send := func(raw string) reply { return deliver(server.addr, "", "ann@customer.example", desk, []byte(raw)) }
	refusals := []reply{
		send("Subject: lone\r\n\r\nx\rx\r\n"),
		send(circle + "Subject: circle\r\n\r\nx\r\n"),
		send("Subject: long\r\n\r\n" + strings.Repeat("x", 1<<20) + "\r\n"),
	}
	if got := send("Subject: taken\r\n\r\nx\r\n"); got.code != 250 {
		t.Fatalf("answered %s", got)
	}
	action := d.ticket(1).Actions[0]
	server.stop(t)

	logged := server.events(t, "smtp-refused")
	if len(logged) != len(refusals) {
		t.Fatalf("%d refusals in the log, want %d", len(logged), len(refusals))
	}
	for i, e := range logged {
		if got := refusals[i]; got.code != 554 || e.Tx == "" || !strings.HasSuffix(got.text, e.Reason+" ("+e.Tx+")") {
			t.Errorf("answered %s, and the log has %q for %s", got, e.Reason, e.Tx)
		}
	}
	taken := server.events(t, "smtp-accepted")
	if len(taken) != 1 {
		t.Fatalf("%d mails were taken according to the log", len(taken))
	}
	env := action.Envelope
	if e := taken[0]; env.Transaction != e.Tx || env.Connection != e.Conn || !strings.Contains(env.Trace, "id "+e.Tx+"\r\n") {
		t.Errorf("the log has %s on %s, the action %s on %s, and on top of the mail stands\n%s", e.Tx, e.Conn, env.Transaction, env.Connection, env.Trace)
	}
}
