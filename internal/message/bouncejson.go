package message

import (
	"encoding/json"
	"strings"
)

// serviceNotice is what Amazon's delivery service mails of a bounce or a
// complaint when a topic has a mail address for subscriber. Either type field
// may name the kind; a topic may wrap the notice once more, as a text.
type serviceNotice struct {
	NotificationType string `json:"notificationType"`
	EventType        string `json:"eventType"`
	Message          string `json:"Message"`
	Bounce           struct {
		Type       string            `json:"bounceType"`
		SubType    string            `json:"bounceSubType"`
		Recipients []serviceBouncing `json:"bouncedRecipients"`
	} `json:"bounce"`
	Complaint struct {
		Recipients []serviceBouncing `json:"complainedRecipients"`
		Kind       string            `json:"complaintFeedbackType"`
	} `json:"complaint"`
	Mail struct {
		Headers struct {
			MessageID string `json:"messageId"`
		} `json:"commonHeaders"`
	} `json:"mail"`
}

type serviceBouncing struct {
	Address    string `json:"emailAddress"`
	Action     string `json:"action"`
	Status     string `json:"status"`
	Diagnostic string `json:"diagnosticCode"`
}

// serviceReport reads such a notice into the report; it leaves why empty for
// every other mail.
func (b *bounceReader) serviceReport() {
	text := strings.TrimSpace(head(b.msg.Text, maxReport))
	if !strings.HasPrefix(text, "{") || !strings.Contains(text, "ecipients") {
		return
	}
	var n serviceNotice
	if json.NewDecoder(strings.NewReader(text)).Decode(&n) != nil {
		return
	}
	if n.Message != "" && json.Unmarshal([]byte(n.Message), &n) != nil {
		return
	}
	switch kind := strings.ToLower(n.NotificationType + n.EventType); kind {
	case "bounce":
		b.why = "a delivery service's report of a bounce"
		for _, r := range n.Bounce.Recipients {
			status, _ := findStatus(r.Status)
			out := BouncedRecipient{Address: cleanAddress(r.Address), Action: actionOf(r.Action), Status: status, Reply: untyped(r.Diagnostic)}
			if out.Action == "" {
				out.Action = "failed"
			}
			if out.Reply == "" {
				out.Reply = squeeze(toUTF8(n.Bounce.Type + " " + n.Bounce.SubType))
			}
			b.report.add(out)
		}
	case "complaint":
		b.why = feedbackReport + ": by a delivery service"
		for _, r := range n.Complaint.Recipients {
			b.report.add(BouncedRecipient{Address: cleanAddress(r.Address), Action: "complaint", Kind: "spam", Reply: squeeze(toUTF8(n.Complaint.Kind))})
		}
	default:
		return
	}
	b.report.MessageID = firstID(n.Mail.Headers.MessageID)
}
