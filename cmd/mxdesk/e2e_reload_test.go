package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"mxdesk/internal/api"
)

// TestReload: SIGHUP takes what may change into a running desk, all or nothing,
// and connections that are open see it.
func TestReload(t *testing.T) {
	plain := fmt.Sprintf(plainDesk, "127.0.0.1:0")
	const sales = "\n[mailbox.sales]\naddresses = [\"sales@desk.example\"]\n"
	desk := install(t, plain)
	server := desk.start()
	client := mustConnect(t, server.addr, "")
	steps := []struct {
		name, config, event, says string
		sales                     int // the reply to mail for that mailbox
	}{
		{"a mailbox more", plain + sales, "app-reloaded", "", 250},
		{"broken", plain + "\n[mailbox.sales]\n", "app-reload-refused", "mailbox.sales", 250},
		{"what needs a restart", strings.Replace(plain, "127.0.0.1:0", "127.0.0.1:1", 1), "app-reload-refused", "smtp.listen", 250},
		{"a mailbox less", plain, "app-reload-refused", "mailbox.sales", 250},
		{"a mailbox closed", plain + sales + "closed = true\n", "app-reloaded", "", 550},
	}
	seen := map[string]int{}
	for _, step := range steps {
		write(t, desk.config, step.config)
		server.hangup(t)
		seen[step.event]++
		eventually(t, step.name+" is in the log", func() bool {
			select {
			case <-server.exited:
				t.Fatalf("%s: the server has ended:\n%s", step.name, server.stderr())
			default:
			}
			return len(server.events(t, step.event)) == seen[step.event]
		})
		events := server.events(t, step.event)
		if got := events[len(events)-1].Error; !strings.Contains(got, step.says) {
			t.Errorf("%s: the log says %q", step.name, got)
		}
		client.want(t, 250, "MAIL FROM:<ann@client.example>")
		client.want(t, step.sales, "RCPT TO:<sales@desk.example>")
		client.want(t, 250, "RCPT TO:<support@desk.example>")
		client.want(t, 250, "RSET")
	}
	client.want(t, 221, "QUIT")
	server.stop(t)
}

// reloadDesk is a desk whose templates and certificate are files in one folder.
const reloadDesk = `hostname = "mx.desk.example"
[dns]
servers = []
[smtp]
listen = ["127.0.0.1:0"]
[tls]
cert_file = "%[1]s/cert.pem"
key_file = "%[1]s/key.pem"
[mailbox.support]
addresses = ["support@desk.example"]
acknowledge = "not-failed"
templates = "%[1]s"
`

// TestReloadIsAllOrNothing: templates and configuration are taken together and at
// once with a new certificate, or they stay as they were; what is broken, be it
// the certificate, is named. (A good certificate is taken without a signal, too.)
func TestReloadIsAllOrNothing(t *testing.T) {
	dir, ip := t.TempDir(), net.IPv4(127, 0, 0, 1)
	acknowledgement := filepath.Join(dir, "acknowledgement.txt")
	template := func(word string) { write(t, acknowledgement, "Subject: "+word+" {{.Ticket.Tag}}\n\nThank you.\n") }
	template("first")
	writeCertificate(t, dir, "mx.desk.example", ip)
	desk := install(t, fmt.Sprintf(reloadDesk, dir))
	server := desk.start()
	shown, _ := offered(t, server.addr, "", nil)
	for n, step := range []struct {
		name         string
		change, mend func()
		says         string // why it is refused; none: it is taken
		word         string // of the acknowledgement from then on
	}{
		{"all new", func() { template("second"); writeCertificate(t, dir, "mx.desk.example", ip) }, nil, "", "second"},
		{"template broken", func() {
			write(t, acknowledgement, "Subject: {{.Nothing\n\nx\n")
			writeCertificate(t, dir, "mx.desk.example", ip)
		}, nil, "acknowledgement", "second"},
		{"certificate broken", func() { template("third"); write(t, filepath.Join(dir, "key.pem"), "no key") }, func() { writeCertificate(t, dir, "mx.desk.example", ip) }, "tls.cert_file", "second"},
		{"configuration broken", func() { write(t, desk.config, "nonsense = 1\n"+fmt.Sprintf(reloadDesk, dir)) }, func() { write(t, desk.config, fmt.Sprintf(reloadDesk, dir)) }, "nonsense", "second"},
		{"mended", func() {}, nil, "", "third"},
	} {
		step.change()
		event := "app-reloaded"
		if step.says != "" {
			event = "app-reload-refused"
		}
		before := len(server.events(t, event))
		server.hangup(t)
		eventually(t, step.name+" is in the log", func() bool { return len(server.events(t, event)) > before })
		if said := server.events(t, event)[before].Error; !strings.Contains(said, step.says) {
			t.Errorf("%s: the log says %q", step.name, said)
		}
		now, _ := offered(t, server.addr, "", nil)
		if step.says == "" && now.Equal(shown) {
			t.Errorf("%s: the old certificate is shown", step.name)
		}
		shown = now
		if step.mend != nil {
			step.mend()
		}
		from := fmt.Sprintf("ann%d@client.example", n)
		if got := deliver(server.addr, "", from, "support@desk.example", fmt.Appendf(nil, "From: <%s>\r\nSubject: %d\r\n\r\nx\r\n", from, n)); got.code != 250 {
			t.Fatalf("%s: %s", step.name, got)
		}
		items := read[[]api.Item](desk, "outbox", "list")
		if len(items) != n+1 {
			t.Fatalf("%s: %d mails leave, want %d", step.name, len(items), n+1)
		}
		item := read[api.Item](desk, "outbox", "show", fmt.Sprint(items[len(items)-1].ID))
		if !strings.Contains(item.Header, "Subject: "+step.word+" [ID:") {
			t.Errorf("%s: the acknowledgement is\n%s", step.name, item.Header)
		}
	}
	server.stop(t)
}
