package main

import (
	"net/mail"
	"regexp"
	"strings"
	"testing"
)

var (
	tagged    = regexp.MustCompile(`\[ID:\d+\]`)
	signedBox = regexp.MustCompile(`^support\+[a-z0-9.=-]+@desk\.example$`)
)

// checkHeader wants what every mail of the desk has.
func checkHeader(t *testing.T, m *arrived) {
	t.Helper()
	from, err := mail.ParseAddress(m.header.Get("From"))
	if err != nil || from.Address != desk {
		t.Errorf("From %q (%v), want %s", m.header.Get("From"), err, desk)
	}
	if a := m.replyTo(t); !signedBox.MatchString(a) {
		t.Errorf("Reply-To %s is no signed address", a)
	}
	if id := m.id("Message-Id"); id != m.item.MessageID || !strings.HasSuffix(id, "@desk.example") {
		t.Errorf("Message-ID %s, want %s, of our domain", id, m.item.MessageID)
	}
	if _, err := m.header.Date(); err != nil {
		t.Errorf("Date: %v", err)
	}
	if tags := tagged.FindAllString(m.decoded(t, "Subject"), -1); len(tags) != 1 || tags[0] != "[ID:"+m.item.Ticket.String()+"]" {
		t.Errorf("Subject %q, want the ticket's tag once", m.header.Get("Subject"))
	}
	if m.text == "" || m.html == "" {
		t.Errorf("mail %d has no text or no HTML", m.item.ID)
	}
	for line := range strings.Lines(m.raw) {
		if len(line) > 1000 {
			t.Errorf("mail %d has a line of %d octets (RFC 5322 §2.1.1)", m.item.ID, len(line))
		}
	}
	for _, field := range []string{"From", "To", "Reply-To", "Subject", "Date", "Message-Id", "Mime-Version", "In-Reply-To", "References", "Content-Type"} {
		if n := len(m.header[field]); n > 1 {
			t.Errorf("mail %d has %d fields %s", m.item.ID, n, field)
		}
	}
	checkReturnPath(t, m)
}

// checkReturnPath: automatic mail has none, so that nothing ever answers it
// (RFC 3834 §3.3); what a person wrote has one that names the very mail.
func checkReturnPath(t *testing.T, m *arrived) {
	t.Helper()
	automatic := m.item.Template == "acknowledgement" || m.item.Template == "user-update"
	switch {
	case automatic != (m.header.Get("Auto-Submitted") != ""):
		t.Errorf("%s: Auto-Submitted %q", m.item.Template, m.header.Get("Auto-Submitted"))
	case automatic && m.returnPath != "":
		t.Errorf("%s: return path %s, want none", m.item.Template, m.returnPath)
	case !automatic && !signedBox.MatchString(m.returnPath):
		t.Errorf("%s: return path %q is not signed", m.item.Template, m.returnPath)
	case !automatic && m.returnPath == m.replyTo(t):
		t.Errorf("%s: bounces would be taken for answers: both go to %s", m.item.Template, m.returnPath)
	}
}

// checkFields compares header fields; the empty string wants none.
func checkFields(t *testing.T, m *arrived, want map[string]string) {
	t.Helper()
	for name, value := range want {
		got := m.decoded(t, name)
		if strings.Trim(got, "\"") != value && !sameAddress(got, value) {
			t.Errorf("%s to %s: %s %q, want %q", m.item.Template, m.item.To, name, got, value)
		}
	}
}

// sameAddress compares two address fields, quoted or not.
func sameAddress(a, b string) bool {
	x, errX := mail.ParseAddress(a)
	y, errY := mail.ParseAddress(b)
	return errX == nil && errY == nil && *x == *y
}

func contains(t *testing.T, s string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(s, p) {
			t.Errorf("%q is missing in:\n%s", p, s)
		}
	}
}

// lacks wants none of the parts, in whatever case.
func lacks(t *testing.T, s string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if strings.Contains(strings.ToLower(s), strings.ToLower(p)) {
			t.Errorf("%q must not be in:\n%s", p, s)
		}
	}
}
