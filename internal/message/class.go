package message

import (
	"slices"
	"strings"
)

// classify says what kind of sender wrote a mail, from its header and its
// structure alone. The first sign that applies decides; reasons name it.
func classify(m *Message, root *part) (Class, []string) {
	calendar := func(*Message) (Class, string) { return calendarReply(root) }
	for _, look := range [...]func(*Message) (Class, string){report, calendar, autoSubmitted, autoHeaders, vacation, lists, daemon} {
		if c, why := look(m); c != Human {
			return c, []string{why}
		}
	}
	return Human, nil
}

// Machine is the class with what the envelope adds: mail from the null
// reverse-path (RFC 5321 §4.5.5) is never a person's.
func (m *Message) Machine(nullSender bool) (Class, []string) {
	if !nullSender {
		return m.Class, m.Reasons
	}
	reasons := append(slices.Clone(m.Reasons), "the envelope sender is empty")
	switch {
	case m.Class != Human:
		return m.Class, reasons
	case m.Bounce != nil:
		return Bounce, reasons
	}
	return AutoReply, reasons
}

// LoopField is the header field that our own mail carries, with the desk's host
// name as its value. It says nothing here: another desk's mail has it, too.
const LoopField = "X-Mxdesk-Loop"

// report recognises multipart/report (RFC 6522) and what passes for it.
func report(m *Message) (Class, string) {
	ctype := parseMedia(m.Get("Content-Type"))
	kind := ""
	if ctype.value == "multipart/report" {
		kind = strings.ToLower(ctype.param("report-type"))
	}
	for _, a := range m.Attachments {
		if name, ok := strings.CutPrefix(a.Type, "message/"); ok && kind == "" && ctype.isType("multipart/") && !strings.HasPrefix(name, "rfc822") {
			kind = strings.TrimPrefix(name, "global-")
		}
	}
	switch kind {
	case "delivery-status":
		return Bounce, "a delivery report (RFC 3464)"
	case "disposition-notification":
		return Disposition, "a disposition notification (RFC 8098)"
	case "feedback-report":
		return Notification, "a feedback report (RFC 5965)"
	}
	if m.Bounce != nil {
		return Bounce, "a delivery failure in words"
	}
	return Human, ""
}

// calendarReply recognises an answer to an invitation (RFC 5546 §3.2.3): a
// press on a button, without words.
func calendarReply(root *part) (Class, string) {
	class, why := Human, ""
	root.each(func(p *part) {
		if p.ctype.value == "text/calendar" && strings.EqualFold(p.ctype.param("method"), "reply") {
			class, why = Calendar, "an answer to an invitation"
		}
	})
	return class, why
}

// autoSubmitted reads the one field that is made for this (RFC 3834 §5).
func autoSubmitted(m *Message) (Class, string) {
	v := keyword(m.Get("Auto-Submitted"))
	why := "Auto-Submitted: " + v
	switch v {
	case "", "no":
		return Human, ""
	case "auto-generated", "auto-notified":
		if c, listWhy := lists(m); c == List {
			return c, listWhy
		}
		return Notification, why
	}
	return AutoReply, why
}

// keyword is the first word of a field, in lower case.
func keyword(v string) string {
	if i := strings.IndexAny(v, " \t;,("); i >= 0 {
		v = v[:i]
	}
	return strings.ToLower(oneLine(v))
}

// autoFields are set by programs that answer mail and by nothing else.
var autoFields = [...]string{
	"X-Autoreply", "X-Auto-Reply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply-From", "X-Autoreply-From", "X-Autoreply-Domain",
	"X-Mail-Autoreply", "Autoreply", "X-FC-MachineGenerated", "X-Vacation", "X-AutoReply-To", "X-MS-Exchange-Inbox-Rules-Loop",
}

// challengeFields are set by services that ask the sender to prove a person.
var challengeFields = [...]string{"X-Boxbe-Notice", "X-SpamArrest-Challenge", "X-Spamarrest-Noauth", "X-Challenge-Response", "X-CR-Challenge"}

func autoHeaders(m *Message) (Class, string) {
	for _, name := range challengeFields {
		if m.Has(name) {
			return Challenge, name + " is present"
		}
	}
	for _, name := range autoFields {
		if v := keyword(m.Get(name)); m.Has(name) && v != "no" && v != "false" && v != "0" {
			return AutoReply, name + " is present"
		}
	}
	for _, name := range [...]string{"Precedence", "X-Precedence"} {
		if v := keyword(m.Get(name)); v == "auto_reply" || v == "auto-reply" {
			return AutoReply, name + ": " + v
		}
	}
	if keyword(m.Get("X-Apple-Action")) == "vacation" {
		return AutoReply, "X-Apple-Action: VACATION"
	}
	return Human, ""
}

// vacationSubjects begin the subject of an answer by a machine. People write
// such subjects too, so that they count with a second sign only.
var vacationSubjects = []string{
	"automatic reply", "auto reply", "auto-reply", "autoreply", "auto response", "auto-response", "autoresponse", "out of office",
	"out of the office", "out-of-office", "on vacation", "vacation", "away from", "automatische antwort", "abwesenheit", "abwesend",
	"réponse automatique", "absence du bureau", "absent", "respuesta automática", "fuera de la oficina", "risposta automatica",
	"fuori sede", "automatisch antwoord", "automatische reactie", "afwezig", "resposta automática", "ausência", "autosvar",
	"automatiskt svar", "automatisk svar", "fraværende", "frånvaro", "poissa", "automaattinen vastaus", "automatyczna odpowiedź",
	"autoodpowiedź", "nieobecność", "automatická odpověď", "автоматический ответ", "自动回复", "自動返信", "自動応答",
}

func vacation(m *Message) (Class, string) {
	subject := strings.ToLower(strings.TrimLeft(m.Subject, " [("))
	if !slices.ContainsFunc(vacationSubjects, func(p string) bool { return strings.HasPrefix(subject, p) }) {
		return Human, ""
	}
	for _, sign := range [...]struct {
		there bool
		name  string
	}{
		{m.Has("X-Auto-Response-Suppress"), "X-Auto-Response-Suppress"},
		{strings.ReplaceAll(m.Get("Return-Path"), " ", "") == "<>", "an empty Return-Path"},
		{m.Has("Precedence"), "Precedence"},
		{m.Has("X-Loop"), "X-Loop"},
		{m.Has("X-Autogenerated"), "X-Autogenerated"},
	} {
		if sign.there {
			return AutoReply, "the subject is that of an automatic answer, with " + sign.name
		}
	}
	return Human, ""
}

// lists recognises mail to many (RFC 2919, RFC 2369).
func lists(m *Message) (Class, string) {
	for _, name := range [...]string{"List-Id", "List-Post", "Mailing-List", "X-Mailing-List"} {
		if m.Has(name) {
			return List, name + " is present"
		}
	}
	switch v := keyword(m.Get("Precedence")); v {
	case "list":
		return List, "Precedence: list"
	case "bulk", "junk":
		return Bulk, "Precedence: " + v
	}
	for _, name := range [...]string{"List-Unsubscribe", "Feedback-ID", "X-Campaign-Id", "X-CampaignId"} {
		if m.Has(name) {
			return Bulk, name + " is present"
		}
	}
	if m.Has("X-Loop") {
		return AutoReply, "X-Loop is present"
	}
	return Human, ""
}

// daemon recognises what a mail system itself writes.
func daemon(m *Message) (Class, string) {
	if isDaemon(m.From.Address.Local()) && !strings.EqualFold(m.From.Address.Local(), "postmaster") {
		return Notification, "the sender is " + strings.ToLower(m.From.Address.Local())
	}
	return Human, ""
}

// isDaemon reports the local part of a mail system's own address.
func isDaemon(local string) bool {
	switch strings.ToLower(local) {
	case "mailer-daemon", "postmaster", "mailerdaemon", "mail-daemon", "maildaemon", "mail.daemon", "mdaemon", "mailer_daemon":
		return true
	}
	return false
}
