package message

import (
	"slices"
	"strings"
)

// listFields are set by programs that pass one mail to many who asked for it
// (RFC 2919, RFC 2369).
var listFields = newFieldNames("List-Id", "List-Post", "Mailing-List", "X-Mailing-List", "X-BeenThere", "X-Mailman-Version", "X-ListServer", "X-Listserver", "X-LISTSERV", "X-Google-Group-Id", "X-Sympa-To", "X-ML-Name", "X-Majordomo")

// lists recognises mail through a mailing list or group, whoever wrote it.
func (c *classifier) lists() (Class, string) {
	m := c.msg
	if name := listFields.in(m); name != "" {
		return List, name + " is present"
	}
	if v := keyword(m.Get("Precedence")); v == "list" {
		return List, "Precedence: list"
	}
	return Human, ""
}

// campaignFields are set by programs that send one text to many.
var campaignFields = newFieldNames(
	"List-Unsubscribe-Post", "X-Campaign-Id", "X-CampaignId", "X-Campaign", "X-Mailchimp-Campaign-Id", "X-MC-Unique", "X-MC-Subaccount", "X-CSA-Complaints", "X-EMarSys-Identify", "X-Mailer-RecptId",
	"X-rpcampaign", "X-Newsletter", "X-Mailru-Msgtype", "X-SFMC-Stack", "X-JobId", "X-HubSpot-Tracking", "X-Klaviyo-Message-Id", "X-CleverReach", "X-Mass-Mail", "X-Bulkmail", "X-BounceE", "X-Sib-Id", "X-IADB-IP",
)

// relayFields are set by services that send mail of every kind: what a program
// makes of a template, and what a person has written.
var relayFields = newFieldNames(
	"Feedback-ID", "X-SES-Outgoing", "X-SG-EID", "X-Mailgun-Sid", "X-Mandrill-User", "X-PM-Message-Id", "X-Mailjet-Campaign", "X-MJ-Mid", "X-MSFBL", "X-SparkPost", "X-Report-Abuse", "X-Report-Abuse-To", "X-Abuse-Info", "X-PMX-Version",
)

// bulk recognises one text to many. What a delivery service adds to every mail
// counts only together with something else: people write through them, too.
func (c *classifier) bulk() (Class, string) {
	m := c.msg
	switch v := keyword(m.Get("Precedence")); v {
	case "bulk", "junk":
		return Bulk, "Precedence: " + v
	}
	if m.Has("List-Unsubscribe") {
		return Bulk, "List-Unsubscribe is present"
	}
	if name := campaignFields.in(m); name != "" {
		return Bulk, name + " is present"
	}
	if len(m.InReplyTo) > 0 {
		return Human, ""
	}
	local := m.From.Address.Local()
	if containsAny(plainLocal(local), newsSenders) {
		return Bulk, "the sender is " + strings.ToLower(local)
	}
	name := relayFields.in(m)
	if name == "" && localSign(local) > 0 {
		name = "the sender is " + strings.ToLower(local)
	} else if name != "" {
		name += " is present"
	}
	if name == "" {
		return Human, ""
	}
	if unsubscribePhrases.in(c.fold(head(m.Text, 16<<10))) {
		return Bulk, name + ", and the words offer to unsubscribe"
	}
	return Human, ""
}

// notifications weighs what is left: who sends, how the subject looks, what
// the words say. Two points make a machine.
func (c *classifier) notifications() (Class, string) {
	m := c.msg
	if m.Has("X-Loop") {
		return AutoReply, "X-Loop is present"
	}
	local := m.From.Address.Local()
	if isDaemon(local) && !isPostmaster(local) {
		return Notification, "the sender is " + strings.ToLower(local)
	}
	points, why := 0, []string(nil)
	add := func(n int, reason string) { points, why = points+n, append(why, reason) }
	if n := senderSign(m); n > 0 {
		add(n, "the sender is "+strings.ToLower(local))
	}
	if n := c.noticeSubject(); n > 0 {
		add(n, "the subject is that of a program")
	}
	if points == 1 || points == 0 && (m.Has("X-Auto-Response-Suppress") || nullReturnPath(m)) {
		if m.Has("X-Auto-Response-Suppress") {
			add(1, "X-Auto-Response-Suppress is present")
		}
		if nullReturnPath(m) {
			add(1, "the Return-Path is empty")
		}
		if relayFields.in(m) != "" {
			add(1, "it was sent through a delivery service")
		}
		if points < 2 && unattendedPhrases.in(c.fold(head(m.Text, 16<<10))) {
			add(1, "the words say that a program wrote it")
		}
	}
	if points < 2 {
		return Human, ""
	}
	return Notification, strings.Join(why, ", ")
}

// senderSign weighs the local part: 2 for an address that takes no answers, 1
// for one that programs use and people may. Where answers go to somebody else,
// a form speaks for a person.
func senderSign(m *Message) int {
	if len(m.ReplyTo) > 0 && !m.ReplyTo[0].Address.Equal(m.From.Address) && localSign(m.ReplyTo[0].Address.Local()) == 0 {
		return 0
	}
	return localSign(m.From.Address.Local())
}

func localSign(local string) int {
	base := plainLocal(local)
	switch {
	case base == "":
		return 0
	case startsWithAny(base, silentSenders):
		return 2
	case strings.HasSuffix(base, "noreply") || strings.HasSuffix(base, "donotreply"):
		return 2
	}
	if slices.Contains(programSenders, base) || slices.Contains(programSenders, strings.TrimSuffix(base, "s")) {
		return 1
	}
	return 0
}

// noticeSubject weighs the subject: 2 for forms that only programs write.
func (c *classifier) noticeSubject() int {
	if answers(c.msg.Subject) {
		return 0
	}
	subject := c.subject
	if strings.HasPrefix(subject, "cron <") && strings.Contains(subject, "@") && strings.Contains(subject, ">") {
		return 2
	}
	switch {
	case startsWithAny(subject, certainSubjects):
		return 2
	case startsWithAny(subject, likelySubjects):
		return 1
	}
	return 0
}

// services recognises programs that name themselves in a field of their own:
// monitoring, builds, trackers. Their mail is told apart from a list's although
// many of them set the list's fields, too.
func (c *classifier) services() (Class, string) {
	m := c.msg
	if name := serviceFields.in(m); name != "" {
		return Notification, name + " is present"
	}
	for i := range m.Fields {
		name := m.Fields[i].Name
		if len(name) > 5 && (name[0] == 'X' || name[0] == 'x') && startsWithAny(strings.ToLower(name), servicePrefixes) {
			return Notification, squeeze(toUTF8(name)) + " is present"
		}
	}
	for _, name := range [...]string{"X-Mailer", "User-Agent", "X-Generator", "X-Application"} {
		if v := fold(toUTF8(m.Get(name))); servicePrograms.in(v) {
			return Notification, "the program is " + squeeze(v)
		}
	}
	return Human, ""
}
