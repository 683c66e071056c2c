package main

import (
	"fmt"
	"strings"
	"testing"
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
