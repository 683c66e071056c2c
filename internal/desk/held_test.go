package desk

import (
	"context"
	"strings"
	"testing"

	"mxdesk/ticketstore"
)

// What is held because the agent's words cannot be told apart from others' goes
// to nobody, neither at the door nor when a person releases it: then it is an
// internal note.
func TestMixedWordsOfAnAgentNeverLeave(t *testing.T) {
	for name, body := range map[string]string{
		"answers between quoted lines":        "> SECRET one\nmine\n> SECRET two\nmore",
		"a forward without a readable header": "FYI\n\nBegin forwarded message:\n\n> SECRET\n",
		"an original without a header":        "FYI\n\n-----Original Message-----\nSECRET\n",
		"an attribution without a date":       "FYI\n\nOn Sunday, Sam wrote:\n\nSECRET\n",
		"a quotation with bars":               "FYI\n\n| SECRET\n| more\n",
		"nothing of the agent's own":          "> SECRET\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := opened(t)
			n := len(h.items())
			l := letter{From: ada, Rcpt: []string{support}, Subject: "Fwd: Printer [ID:0000001]", Body: body}
			// Held, unless all that is not the agent's was cut off for certain.
			if r := h.take(l); r.Outcome == "held" {
				m, raw, err := h.Held(context.Background(), 1)
				h.must(err)
				in := h.inbound(l)
				in.Content, in.Envelope = raw, m.Envelope
				rcpt, err := h.Release(context.Background(), 1, at(ada), in)
				h.must(err)
				if rcpt.Ticket != 1 {
					t.Errorf("released into %s", rcpt.Ticket)
				}
				if a := h.last(1); a.Visibility != ticketstore.InternalOnly || a.Outcome != ticketstore.OutcomeNote {
					t.Errorf("released as %s, %s", a.Outcome, a.Visibility)
				}
			}
			for _, it := range h.since(n) {
				if strings.Contains(h.octets(it), "SECRET") || strings.TrimSpace(h.read(it).Fresh) == "" {
					t.Errorf("left to %s:\n%s", it.To, h.octets(it))
				}
			}
		})
	}
}
