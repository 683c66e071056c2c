package message

import (
	"math/bits"
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
func (c *classifier) autoSubmitted() (Class, string) {
	m := c.msg
	word := autoKeyword(m)
	why := "Auto-Submitted: " + word
	switch word {
	case "", "no":
		return Human, ""
	case "auto-generated", "auto-notified":
		if words := c.words(); c.subjectSign() > 0 || vacationSigns(words) > 2 || words&saysReceived != 0 && c.answer() {
			return AutoReply, why + ", and the words are those of an automatic answer"
		}
		for _, look := range [...]func() (Class, string){c.services, c.lists} {
			if class, better := look(); class != Human {
				return class, better
			}
		}
		return Notification, why
	}
	return AutoReply, why
}

// autoFields are set by programs that answer mail and by nothing else.
var autoFields = newFieldNames(
	"X-Autoreply", "X-Auto-Reply", "X-Autorespond", "X-Autoresponder", "X-Auto-Responder", "X-Auto-Respond", "X-Auto-Response", "X-Auto-Reply-From", "X-Autoreply-From",
	"X-Autoreply-Domain", "X-Mail-Autoreply", "Autoreply", "X-FC-MachineGenerated", "X-Vacation", "X-AutoReply-To",
	"X-Yahoo-Autoresponder", "X-Out-Of-Office", "X-OOO", "X-Vacation-Message", "X-Autoresponse", "X-Autoresponder-Loop", "X-POST-MessageClass-Autoreply", "X-Cron-Autoreply",
)

// autoPrograms name themselves as the mail program.
var autoPrograms = newPhrases([]string{"vacation", "autorespon", "auto-respon", "autoreply", "auto-reply", "autoreponder", "holiday", "out of office", "e-mail-autoresponder"})

func (c *classifier) autoHeaders() (Class, string) {
	m := c.msg
	for _, name := range autoFields.candidates(m) {
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
	for _, v := range m.All("Delivered-To") {
		if v = strings.ToLower(v); strings.Contains(v, "autorespon") && !strings.Contains(v, "@") {
			return AutoReply, "Delivered-To names an answering program"
		}
	}
	for _, name := range [...]string{"X-Mailer", "User-Agent"} {
		if v := fold(toUTF8(m.Get(name))); autoPrograms.in(v) {
			return AutoReply, "the mail program is one that answers: " + squeeze(v)
		}
	}
	return Human, ""
}

// subjectSign weighs the subject: 2 when it is a phrase that programs put
// before the subject they answer ("Automatic reply: …"), 1 when people write
// so too ("Out of office next week").
func (c *classifier) subjectSign() int {
	subject := strings.TrimLeft(c.subject, " [(*<\"'-【")
	sign := 0
	if !subjectPhrases.mayBegin(subject) && !awayWithin.in(subject) {
		return 0
	}
	for _, p := range autoSubjects {
		if after, ok := strings.CutPrefix(subject, p); ok {
			sign = max(sign, 1)
			after = strings.TrimLeft(after, " ])>\"'】-*–")
			switch {
			case p == "auto:" && !c.answer() && !answers(after) && !awayWithin.in(subject): // also what Germans drive
			case after == "", strings.HasPrefix(after, ":"), strings.HasPrefix(after, "："), answers(after), strings.HasSuffix(p, ":"):
				return 2
			}
		}
	}
	for _, p := range awaySubjects {
		if after, ok := strings.CutPrefix(subject, p); ok {
			if answers(strings.TrimLeft(after, " ])>:-*–")) {
				return 2 // "Out of office Re: Printer": people answer within the subject, not before it
			}
			sign = max(sign, 1)
		}
	}
	if awayWithin.in(subject) {
		if sign = 1; containsAny(subject, returningWithin) {
			return 2
		}
	}
	return sign
}

// The groups of vacationPhrases.
const (
	saysAway = 1 << iota
	saysReturn
	saysInstead
	saysAccess
	saysAutomatic
	saysReceived
	saysUnattended
)

var (
	vacationPhrases    = newPhrases(awayWords, returnWords, insteadWords, accessWords, automaticWords, receivedWords, unattendedWords)
	unattendedPhrases  = newPhrases(unattendedWords)
	unsubscribePhrases = newPhrases(unsubscribeWords)
	challengePhrases   = newPhrases(challengeAsks, challengeWhy)

	subjectPhrases          = newPhrases(autoSubjects, awaySubjects)
	challengeSubjectPhrases = newPhrases(challengeSubjects)
)

// words returns what the new text of a mail says of absence and automation; a
// long text is nobody's absence, and what is passed on was said by others.
func (c *classifier) words() uint32 {
	if c.msg.PassedOn || c.msg.Forwarded != nil {
		return 0
	}
	text := c.msg.Fresh
	if strings.TrimSpace(text) == "" {
		text = c.msg.Text
	}
	if len(text) > 4096 {
		return 0
	}
	return vacationPhrases.found(c.fold(text))
}

// vacationSigns counts the things that programs on behalf of absent people
// say. A person says one of them now and then.
func vacationSigns(words uint32) int {
	n := bits.OnesCount32(words & (saysAway | saysReturn | saysInstead | saysAccess))
	if words&saysAutomatic != 0 {
		n += 2
	}
	return n
}

// vacations recognises an automatic answer without a field that says so: by
// its subject with one more sign, or by its words alone when there are many.
func (c *classifier) vacations() (Class, string) {
	m := c.msg
	subject := c.subjectSign()
	if subject == 2 {
		return AutoReply, "the subject is one that automatic answers have"
	}
	words := c.words()
	if words&saysReceived != 0 && words&(saysAutomatic|saysUnattended) != 0 {
		return AutoReply, "the words are those of an automatic acknowledgement"
	}
	if subject == 0 && !c.answer() && c.subject != "" {
		return Human, ""
	}
	refers := len(m.InReplyTo) > 0 || len(m.References) > 0
	for _, sign := range [...]struct {
		there bool
		name  string
	}{
		{m.Has("X-Auto-Response-Suppress"), "X-Auto-Response-Suppress"},
		{nullReturnPath(m), "an empty Return-Path"},
		{m.Has("Precedence"), "Precedence"},
		{m.Has("X-Loop"), "X-Loop"},
		{m.Has("X-Autogenerated"), "X-Autogenerated"},
		{m.Has("X-MS-Exchange-Inbox-Rules-Loop"), "X-MS-Exchange-Inbox-Rules-Loop"}, // also on what a rule passes on
	} {
		if subject > 0 && sign.there {
			return AutoReply, "the subject is that of an automatic answer, with " + sign.name
		}
	}
	signs := vacationSigns(words)
	asks := signs >= 3 && words&saysAutomatic == 0 && strings.ContainsAny(m.Fresh, "?？؟") // programs do not ask
	switch {
	case subject > 0 && refers && !answers(m.Subject) && signs > 0, subject > 0 && signs >= 3 && !asks:
		return AutoReply, "subject and words are those of an automatic answer"
	case signs >= 4 && !asks, signs == 3 && (nullReturnPath(m) || m.Has("Precedence") || m.Has("X-Auto-Response-Suppress")):
		return AutoReply, "the words are those of an automatic answer"
	}
	return Human, ""
}

// challengeFields are set by services that ask the sender to prove a person.
var challengeFields = newFieldNames(
	"X-Boxbe-Notice", "X-SpamArrest-Challenge", "X-Spamarrest-Noauth", "X-Challenge-Response", "X-CR-Challenge", "X-TMDA-Confirm", "X-TMDA-Confirm-Pending",
	"X-ASK-Auth", "X-ASK-Action", "X-BlueBottle-Request", "X-ChoiceMail-Request", "X-Sender-Verification", "X-MailBlocks-Challenge", "X-Vanquish-Challenge",
)

// challenges recognises mail that asks the sender to prove a person: by a
// field, or by words that ask for it together with words that say why.
func (c *classifier) challenges() (Class, string) {
	m := c.msg
	if name := challengeFields.in(m); name != "" {
		return Challenge, name + " is present"
	}
	if len(m.Text) > 16<<10 {
		return Human, ""
	}
	for _, v := range [...]string{m.From.Address.String(), fold(m.From.Name), fold(toUTF8(m.Get("X-Mailer")))} {
		if containsAny(strings.ToLower(v), challengeSenders) {
			return Challenge, "the sender is a service that asks for a proof"
		}
	}
	asks := challengeSubjectPhrases.in(c.subject)
	if !asks && !c.answer() {
		return Human, ""
	}
	const asksFor, saysWhy = 1, 2
	words := challengePhrases.found(c.fold(head(m.Text, 4096)))
	if words&asksFor != 0 && (asks || words&saysWhy != 0) {
		return Challenge, "the words ask the sender to prove a person"
	}
	return Human, ""
}

// fieldNames are names of fields of which hardly any mail has one.
type fieldNames struct {
	names []string
	begin *phrases // for mayBegin, which does not mind their case
}

func newFieldNames(names ...string) fieldNames { return fieldNames{names, newPhrases(names)} }

// candidates returns the names if one of them may be a field's, by the way it
// begins; else none.
func (n fieldNames) candidates(m *Message) []string {
	for i := range m.Fields {
		if name := m.Fields[i].Name; len(name) >= 4 && n.begin.mayBegin(name) {
			return n.names
		}
	}
	return nil
}

// in returns the first of the names that the mail has as a field.
func (n fieldNames) in(m *Message) string {
	names := n.candidates(m)
	if i := slices.IndexFunc(names, m.Has); i >= 0 {
		return names[i]
	}
	return ""
}
