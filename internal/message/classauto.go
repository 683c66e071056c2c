package message

import (
	"slices"
	"strings"
)

// autoKeyword is what Auto-Submitted says (RFC 3834 §5): of several fields the
// first that is not "no".
func autoKeyword(m *Message) string {
	word := ""
	for _, v := range m.All("Auto-Submitted") {
		if k := keyword(v); k != "" && (word == "" || word == "no") {
			word = k
		}
	}
	return word
}

// autoSubmitted reads the one field that is made for this. A program that
// answers, and calls its mail "generated" all the same, is known by its
// subject.
func autoSubmitted(m *Message, root *part, report string) (Class, string) {
	word := autoKeyword(m)
	why := "Auto-Submitted: " + word
	switch word {
	case "", "no":
		return Human, ""
	case "auto-generated", "auto-notified":
		if subjectSign(m) > 0 || vacationSigns(m) > 2 {
			return AutoReply, why + ", and the words are those of an automatic answer"
		}
		if c, serviceWhy := services(m, root, report); c != Human {
			return c, serviceWhy
		}
		if c, listWhy := lists(m, root, report); c != Human {
			return c, listWhy
		}
		return Notification, why
	}
	return AutoReply, why
}

// autoFields are set by programs that answer mail and by nothing else.
var autoFields = [...]string{
	"X-Autoreply", "X-Auto-Reply", "X-Autorespond", "X-Autoresponder", "X-Auto-Responder", "X-Auto-Respond", "X-Auto-Response", "X-Auto-Reply-From", "X-Autoreply-From",
	"X-Autoreply-Domain", "X-Mail-Autoreply", "Autoreply", "X-FC-MachineGenerated", "X-Vacation", "X-AutoReply-To", "X-MS-Exchange-Inbox-Rules-Loop",
	"X-Yahoo-Autoresponder", "X-Out-Of-Office", "X-OOO", "X-Vacation-Message", "X-Autoresponse", "X-Autoresponder-Loop", "X-POST-MessageClass-Autoreply", "X-Cron-Autoreply",
}

// autoPrograms name themselves as the mail program.
var autoPrograms = []string{"vacation", "autorespon", "auto-respon", "autoreply", "auto-reply", "autoreponder", "holiday", "out of office", "e-mail-autoresponder"}

func autoHeaders(m *Message, _ *part, _ string) (Class, string) {
	for _, name := range autoFields {
		if v := keyword(m.Get(name)); m.Has(name) && v != "no" && v != "false" && v != "0" {
			return AutoReply, name + " is present"
		}
	}
	for _, name := range [...]string{"Precedence", "X-Precedence"} {
		if v := keyword(m.Get(name)); v == "auto_reply" || v == "auto-reply" || v == "autoreply" {
			return AutoReply, name + ": " + v
		}
	}
	for _, f := range [...]struct{ name, part string }{
		{"X-Apple-Action", "vacation"},
		{"X-POST-MessageClass", "autorespon"},
		{"X-MessageClass", "ipm.note.rules.oof"},
		{"X-MS-Exchange-Generated-Message-Source", "mailbox rules agent"},
		{"X-Original-MessageClass", "oof"},
		{"Message-Class", "ipm.note.rules"},
		{"X-Notes-Item", "outofoffice"},
		{"X-Lotus-Autoreply", ""},
		{"Content-Class", "oof"},
		{"X-Zimbra-Out-Of-Office", ""},
	} {
		if v := m.Get(f.name); v != "" && strings.Contains(strings.ToLower(v), f.part) {
			return AutoReply, f.name + ": " + squeeze(toUTF8(v))
		}
	}
	for _, name := range [...]string{"X-Mailer", "User-Agent"} {
		if v := fold(toUTF8(m.Get(name))); v != "" && containsAny(v, autoPrograms) {
			return AutoReply, "the mail program is one that answers: " + squeeze(v)
		}
	}
	return Human, ""
}

// subjectSign weighs the subject: 2 when it is a phrase that programs put
// before the subject they answer ("Automatic reply: …"), 1 when people write
// so too ("Out of office next week").
func subjectSign(m *Message) int {
	subject := strings.TrimLeft(fold(m.Subject[:min(len(m.Subject), 500)]), " [(*<\"'-【")
	for _, p := range autoSubjects {
		if after, ok := strings.CutPrefix(subject, p); ok {
			if after = strings.TrimLeft(after, " ])>\"'】-*"); after == "" || startsWithAny(after, []string{":", "："}) || strings.Contains(subject[:min(len(subject), len(p)+40)], ":") {
				return 2
			}
			return 1
		}
	}
	if startsWithAny(subject, awaySubjects) {
		return 1
	}
	if answers(m.Subject) && containsAny(subject, []string{"out of office", "automatic reply", "autoreply", "auto-reply", "automatische antwort", "abwesenheitsnotiz"}) {
		return 0 // about one, by a person
	}
	return 0
}

// vacationSigns counts the things that programs on behalf of absent people
// say, in what is new in the mail. A person says one of them now and then.
func vacationSigns(m *Message) int {
	text := m.Fresh
	if strings.TrimSpace(text) == "" {
		text = m.Text
	}
	if len(text) > 4096 {
		return 0
	}
	text = fold(text)
	n := 0
	for _, list := range [...][]string{awayWords, returnWords, insteadWords, accessWords} {
		if containsAny(text, list) {
			n++
		}
	}
	if containsAny(text, automaticWords) {
		n += 2
	}
	return n
}

// vacations recognises an automatic answer without a field that says so: by
// its subject with one more sign, or by its words alone when there are many.
func vacations(m *Message, _ *part, _ string) (Class, string) {
	subject := subjectSign(m)
	if subject == 2 {
		return AutoReply, "the subject is one that automatic answers have"
	}
	answer := len(m.InReplyTo) > 0 || len(m.References) > 0
	if subject == 0 && !answer && !answers(m.Subject) && strings.TrimSpace(m.Subject) != "" {
		return Human, ""
	}
	for _, sign := range [...]struct {
		there bool
		name  string
	}{
		{m.Has("X-Auto-Response-Suppress"), "X-Auto-Response-Suppress"},
		{nullReturnPath(m), "an empty Return-Path"},
		{m.Has("Precedence"), "Precedence"},
		{m.Has("X-Loop"), "X-Loop"},
		{m.Has("X-Autogenerated"), "X-Autogenerated"},
		{answer && !answers(m.Subject), "a reference to the mail it answers"},
	} {
		if subject > 0 && sign.there {
			return AutoReply, "the subject is that of an automatic answer, with " + sign.name
		}
	}
	text := fold(m.Fresh[:min(len(m.Fresh), 4096)])
	if containsAny(text, receivedWords) && (containsAny(text, unattendedWords) || containsAny(text, automaticWords)) {
		return AutoReply, "the words are those of an automatic acknowledgement"
	}
	signs := vacationSigns(m)
	switch {
	case subject > 0 && signs >= 2:
		return AutoReply, "subject and words are those of an automatic answer"
	case signs >= 4, signs == 3 && (nullReturnPath(m) || m.Has("Precedence") || m.Has("X-Auto-Response-Suppress")):
		return AutoReply, "the words are those of an automatic answer"
	}
	return Human, ""
}

// challengeFields are set by services that ask the sender to prove a person.
var challengeFields = [...]string{
	"X-Boxbe-Notice", "X-SpamArrest-Challenge", "X-Spamarrest-Noauth", "X-Challenge-Response", "X-CR-Challenge", "X-TMDA-Confirm", "X-TMDA-Confirm-Pending",
	"X-ASK-Auth", "X-ASK-Action", "X-BlueBottle-Request", "X-ChoiceMail-Request", "X-Sender-Verification", "X-MailBlocks-Challenge", "X-Vanquish-Challenge",
}

// challenges recognises mail that asks the sender to prove a person: by a
// field, or by words that ask for it together with words that say why.
func challenges(m *Message, _ *part, _ string) (Class, string) {
	for _, name := range challengeFields {
		if m.Has(name) {
			return Challenge, name + " is present"
		}
	}
	if len(m.Text) > 16<<10 {
		return Human, ""
	}
	for _, v := range [...]string{m.From.Address.String(), fold(m.From.Name), fold(toUTF8(m.Get("X-Mailer")))} {
		if containsAny(strings.ToLower(v), challengeSenders) {
			return Challenge, "the sender is a service that asks for a proof"
		}
	}
	asks := containsAny(fold(m.Subject), challengeSubjects)
	if !asks && !answers(m.Subject) && len(m.InReplyTo) == 0 {
		return Human, ""
	}
	text := fold(m.Text[:min(len(m.Text), 4096)])
	signs := 0
	for _, list := range [...][]string{challengeAsks, challengeWhy} {
		if containsAny(text, list) {
			signs++
		}
	}
	if asks && signs > 0 || signs > 1 {
		return Challenge, "the words ask the sender to prove a person"
	}
	return Human, ""
}

// fieldPresent returns the first of the names that the mail has as a field.
func fieldPresent(m *Message, names []string) string {
	if i := slices.IndexFunc(names, m.Has); i >= 0 {
		return names[i]
	}
	return ""
}
