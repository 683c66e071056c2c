package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"mxdesk/internal/address"
	"mxdesk/internal/api"
	"mxdesk/internal/message"
	"mxdesk/templates"
	"mxdesk/ticketstore"
)

func TestShort(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", ""},
		{"fits", strings.Repeat("ä", 200), strings.Repeat("ä", 200)},
		{"one too many", strings.Repeat("ä", 201), strings.Repeat("ä", 199) + "…"},
		{"wide", strings.Repeat("🖨", 500), strings.Repeat("🖨", 199) + "…"},
		{"bad UTF-8", strings.Repeat("\xff", 201), strings.Repeat("\uFFFD", 199) + "…"},
		{"drives no terminal", "a\x1b[2Jb\nc", "a\uFFFD[2Jb c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := short(tt.in); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// No subject or name fills a screen, and a long name hides no address.
func TestLinesAreShort(t *testing.T) {
	ann, err := address.Parse("ann@example.org")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 5000)
	named := address.Mailbox{Name: long, Address: ann}
	ticket := api.Ticket{Ticket: ticketstore.Ticket{ID: 1, Subject: long, Requester: named, Followers: []address.Mailbox{named}}}
	action := api.Action{Action: ticketstore.Action{
		Actor: ticketstore.Actor{Name: long, Address: ann}, Attachments: []ticketstore.Attachment{{Name: long}},
	}}
	tests := map[string]struct {
		print func(*env)
		names int // lines with the address
	}{
		"ticket list":  {func(e *env) { e.ticketLine(&ticket) }, 1},
		"ticket show":  {func(e *env) { e.ticket(&ticket); e.action(&action) }, 3},
		"held list":    {func(e *env) { e.heldLine(&ticketstore.HeldMail{From: named, Subject: long, Reason: "x"}) }, 1},
		"outbox list":  {func(e *env) { e.itemLine(&api.Item{To: ann, Attempts: []ticketstore.Attempt{{Reply: long}}}) }, 1},
		"contact list": {func(e *env) { e.contactLine(&ticketstore.Contact{Name: long, Addresses: []address.Address{ann}}) }, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			tt.print(&env{cli: &cli{}, stdout: &out})
			for line := range strings.Lines(out.String()) {
				if n := utf8.RuneCountInString(line); n > 400 {
					t.Errorf("a line of %d characters: %.100s…", n, line)
				}
			}
			if n := strings.Count(out.String(), "ann@example.org"); n != tt.names {
				t.Errorf("the address stands there %d times, want %d", n, tt.names)
			}
			if !strings.Contains(out.String(), "…") {
				t.Error("nothing says that a text was cut")
			}
		})
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 lines", 1: "1 line", 2: "2 lines"} {
		if got := count(n, "line"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// The templates know nothing of reading mail; what they show in a trial is
// still the line that is looked for in an answer.
func TestSampleHasTheRealMarker(t *testing.T) {
	if got := templates.Sample().Marker; got != message.Marker {
		t.Errorf("the sample's marker is %q, that of mail %q", got, message.Marker)
	}
}
