package api

import (
	"fmt"
	"time"

	"mxdesk/internal/address"
	"mxdesk/internal/desk"
	"mxdesk/internal/message"
	"mxdesk/internal/router"
	"mxdesk/templates"
	"mxdesk/ticketstore"
)

func enhanced(e [3]int) string { return fmt.Sprintf("%d.%d.%d", e[0], e[1], e[2]) }

// inspection puts what was read and decided into the shape of the contract.
func inspection(in *desk.Inbound, out *desk.Outcome) Inspection {
	v := in.Verdict
	v.DKIM = list(v.DKIM)
	return Inspection{Message: messageOf(in, &out.Decision), Verdict: v, Decision: decisionOf(out)}
}

// refusedAtTheDoor is what becomes of a mail that the desk is not asked about.
func refusedAtTheDoor(d *router.Decision, no *desk.Refusal) desk.Outcome {
	return desk.Outcome{Refusal: no, Decision: router.Decision{
		Outcome: router.OutcomeRefused, Mailbox: d.Mailbox, Who: d.Who, Class: d.Class, Reasons: d.Reasons,
		Match: ticketstore.Match{By: router.ByNone, Reason: no.Text}, Trace: []string{"the door refuses it: " + no.Text},
	}}
}

func messageOf(in *desk.Inbound, dec *router.Decision) Message {
	m := in.Message
	w := Message{
		Subject: m.Subject, From: m.From, To: list(m.To), Cc: list(m.Cc), ReplyTo: list(m.ReplyTo),
		MessageID: m.MessageID, InReplyTo: list(m.InReplyTo), References: list(m.References),
		Text: m.Text, Fresh: m.Fresh, Quoted: m.Quoted, Signature: m.Signature, HTML: m.HTML, RemoteLoads: m.RemoteLoads,
		Attachments: []ticketstore.Attachment{}, Unreadable: m.Unreadable, Problems: list(m.Problems),
	}
	if !m.Date.IsZero() {
		w.Date = m.Date.Format(time.RFC3339)
	}
	for _, a := range m.Attachments {
		w.Attachments = append(w.Attachments, ticketstore.Attachment(a))
	}
	w.Machine.Class, w.Machine.Reasons = m.Machine(in.Envelope.From.IsZero())
	if dec.Class == message.Loop {
		w.Machine.Class, w.Machine.Reasons = dec.Class, dec.Reasons
	}
	w.Machine.Reasons = list(w.Machine.Reasons)
	if b := m.Bounce; b != nil {
		w.Bounce = &Bounce{Recipients: []BouncedRecipient{}, MessageID: b.MessageID}
		for _, r := range b.Recipients {
			w.Bounce.Recipients = append(w.Bounce.Recipients, BouncedRecipient(r))
		}
	}
	if f := m.Forwarded; f != nil {
		w.Forwarded = &Forwarded{From: f.From, Date: f.Date, Subject: f.Subject, Text: f.Text}
	}
	return w
}

func decisionOf(out *desk.Outcome) Decision {
	d := &out.Decision
	w := Decision{
		Outcome: d.Outcome, Ticket: out.Receipt.Ticket, Tag: out.Receipt.Tag, Mailbox: d.Mailbox, Match: d.Match, Who: d.Who,
		Captured: d.Captured.Fields, Action: DecidedAction{d.Action, d.Visibility}, Status: string(d.Status),
		Replies: []DecidedReply{}, SMTP: smtpOf(out.Receipt, out.Refusal), Trace: list(d.Trace),
	}
	w.Match.Rejected = list(w.Match.Rejected)
	if w.Captured == nil {
		w.Captured = map[string]string{}
	}
	for _, t := range out.Change.Tickets {
		w.Status, w.Type, w.Priority = string(t.Status), t.Type, t.Priority
		w.Marks, w.Linked, w.Candidate = t.Marks, t.Linked, t.Candidate
	}
	w.Marks, w.Linked = list(w.Marks), list(w.Linked)
	for _, a := range out.Change.Actions {
		w.Action, w.Trace = DecidedAction{a.Outcome, a.Visibility}, list(a.Trace)
	}
	for _, it := range out.Change.Items {
		if it.ID != d.Bounced {
			w.Replies = append(w.Replies, DecidedReply{Template: it.Template, To: it.To})
		}
	}
	if d.Unanswered != "" {
		w.Replies = append(w.Replies, suppressed(d.Who.Address, d.Unanswered))
	}
	return w
}

func suppressed(to address.Address, why string) DecidedReply {
	return DecidedReply{Template: templates.Acknowledgement, To: to, Suppressed: why}
}
