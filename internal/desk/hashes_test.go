package desk

import (
	"strings"
	"testing"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// A mail is known again by what people see of it and by who sent it; its digest
// tells its octets from any others.
func TestHashes(t *testing.T) {
	const raw = "Received: from a\r\nFrom: ann@customer.example\r\nSubject: Printer\r\nX-Note: 1\r\n\r\nIt burns.\r\n"
	of := func(raw, from string, limits message.Limits) (ticketstore.MailKey, [32]byte) {
		t.Helper()
		a, err := address.Parse(from)
		if err != nil {
			t.Fatal(err)
		}
		content := ticketstore.Octets(raw)
		in := &Inbound{Envelope: ticketstore.Envelope{From: a}, Content: content, Message: &message.Message{Header: *message.ReadHeader(content, limits)}}
		key, digest, err := hashes(in)
		if err != nil {
			t.Fatal(err)
		}
		return key, digest
	}
	key, digest := of(raw, "ann@customer.example", message.Limits{})
	for _, tt := range []struct {
		name, old, new, from string
		sameKey, sameDigest  bool
	}{
		{"the same mail", "", "", "ann@customer.example", true, true},
		{"another way", "from a", "from b", "ann@customer.example", true, false},
		{"another field that nobody sees", "X-Note: 1", "X-Note: 2", "ann@customer.example", true, false},
		{"another subject", "Printer", "Scanner", "ann@customer.example", false, false},
		{"another body", "burns", "smokes", "ann@customer.example", false, false},
		{"another sender", "", "", "bob@customer.example", false, false},
	} {
		k, d := of(strings.Replace(raw, tt.old, tt.new, 1), tt.from, message.Limits{})
		if (k == key) != tt.sameKey || (d == digest) != tt.sameDigest {
			t.Errorf("%s: the same key %t, the same digest %t", tt.name, k == key, d == digest)
		}
	}

	cut := message.Limits{HeaderBytes: 40} // ends before the last field
	key, digest = of(raw, "ann@customer.example", cut)
	k, d := of(strings.Replace(raw, "X-Note: 1", "X-Note: 2", 1), "ann@customer.example", cut)
	if k == key || d == digest {
		t.Error("two mails are taken for one in what was not read of their headers")
	}
}
