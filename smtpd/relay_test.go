package smtpd

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"mxdesk/internal/address"
	"mxdesk/internal/desk"
	"mxdesk/internal/router"
	keyring "mxdesk/internal/token"
	"mxdesk/ticketstore/storetest"
)

// realDesk opens the door to a desk with the real rules, for a client that
// wants to name recipients.
func realDesk(t *testing.T) (*door, *client) {
	var boxes []router.Mailbox
	for _, key := range []string{"sales", "support"} {
		boxes = append(boxes, router.Mailbox{Key: key, Addresses: []address.Address{mustAddress(t, key+"@desk.example")}})
	}
	rules := &router.Rules{Hostname: "mx.desk.example", Keys: keyring.New(), Mailboxes: boxes}
	d := &door{t: t, l: newPipes(), done: make(chan error, 1)}
	d.srv = New(desk.New(storetest.New(t), desk.Config{Hostname: rules.Hostname, Rules: rules}), fakeAuth{}, testConfig(t))
	go func() { d.done <- d.srv.Serve(d.l) }()
	c := d.dial()
	c.cmd("EHLO client.example")
	return d, c
}

// TestNoRelaying offers each recipient of testdata/relay.txt to the real rules,
// as plain SMTP and with SMTPUTF8, from a stranger, from nobody and from an
// address of ours. Each must be refused for good, and no mail begins.
func TestNoRelaying(t *testing.T) {
	b, err := os.ReadFile("testdata/relay.txt")
	if err != nil {
		t.Fatal(err)
	}
	var forms []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "#") {
			forms = append(forms, line)
		}
	}
	if len(forms) < 60 {
		t.Fatalf("%d forms were read", len(forms))
	}
	for _, from := range []string{"<ann@client.example>", "<ann@client.example> SMTPUTF8", "<>", "<support@desk.example>"} {
		t.Run(from, func(t *testing.T) {
			for _, form := range forms {
				synctest.Test(t, func(t *testing.T) {
					d, c := realDesk(t)
					defer d.shut()
					defer c.close()
					if got := c.cmd("MAIL FROM:" + from); !strings.HasPrefix(got, "250 ") {
						t.Fatalf("MAIL FROM:%s: said %q", from, got)
					}
					if got := c.cmd("RCPT TO:" + form); !strings.HasPrefix(got, "5") {
						t.Errorf("RCPT TO:%s: said %q", form, got)
					}
					if got := c.cmd("DATA"); !strings.HasPrefix(got, "503 ") {
						t.Errorf("RCPT TO:%s: DATA: said %q", form, got)
					}
				})
			}
		})
	}
}

// The same rules take what is ours, or the test above would show nothing.
func TestOwnRecipientsAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, c := realDesk(t)
		defer d.shut()
		defer c.close()
		c.cmd("MAIL FROM:<ann@client.example>")
		for _, form := range []string{
			"<support@desk.example>", "<Support@DESK.example>", `<"support"@desk.example>`, "support@desk.example",
			"<@relay.example:support@desk.example>", "<support+news@desk.example>", "<support@desk.example.>", "<sales@desk.example>", "<Postmaster>",
			"<postmaster@desk.example>", "<POSTMASTER@mx.desk.example>", "<abuse@desk.example>",
		} {
			if got := c.cmd("RCPT TO:" + form); !strings.HasPrefix(got, "250 ") {
				t.Errorf("RCPT TO:%s: said %q", form, got)
			}
		}
	})
}
