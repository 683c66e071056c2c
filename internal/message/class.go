package message

import (
	"slices"
	"strings"
)

// classify says what kind of sender wrote a mail, from its header, its
// structure and its words. The first sign that applies decides, from the most
// certain to the least; reasons name it. report is why the mail is a delivery
// report, or empty. A person who writes through a mailing list is of the class
// list: an answer would go to everybody on it.
func classify(src Content, root *part, m *Message, report string) (Class, []string) {
	c := &classifier{src: src, msg: m, root: root, report: report, subject: fold(head(m.Subject, 500))}
	for _, look := range [...]func() (Class, string){
		c.reports, c.receipts, c.calendars, c.challenges, c.autoSubmitted, c.autoHeaders, c.vacations, c.services, c.lists, c.bulk, c.notifications,
	} {
		if class, why := look(); class != Human {
			return class, []string{why}
		}
	}
	return Human, nil
}

// classifier holds what the looks at one mail share.
type classifier struct {
	src     Content
	msg     *Message
	root    *part
	report  string                        // why it is a delivery report
	subject string                        // folded
	last    struct{ text, folded string } // the text that was folded last
}

// fold folds a text. Several looks want that of one and the same.
func (c *classifier) fold(text string) string {
	if c.last.text != text {
		c.last.text, c.last.folded = text, fold(text)
	}
	return c.last.folded
}

// answer reports that the mail refers to another one, by a field or by its
// subject.
func (c *classifier) answer() bool {
	return len(c.msg.InReplyTo) > 0 || len(c.msg.References) > 0 || answers(c.msg.Subject)
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

// reports recognises delivery reports and complaints.
func (c *classifier) reports() (Class, string) {
	m := c.msg
	switch {
	case m.Bounce == nil:
		return Human, ""
	case strings.HasPrefix(c.report, feedbackReport):
		return Notification, c.report
	}
	return Bounce, c.report
}

// receipts recognises disposition notifications (RFC 8098) and the read
// receipts that mail programs wrote before there was a form for them.
func (c *classifier) receipts() (Class, string) {
	m := c.msg
	if strings.HasPrefix(reportType(c.root), "disposition-notification") {
		return Disposition, "a disposition notification (RFC 8098)"
	}
	there := false
	c.root.each(func(p *part) { there = there || p.ctype.value == "message/disposition-notification" })
	text := head(m.Text, 4096)
	if !there && strings.Contains(text, "Disposition:") {
		low := strings.ToLower(text)
		there = strings.Contains(low, "final-recipient:") && strings.Contains(low, "mdn-sent-")
	}
	if there && !passedOn(m) {
		return Disposition, "a disposition notification (RFC 8098)"
	}
	if startsWithAny(c.subject, receiptSubjects) && len(m.Text) < 4096 && containsAny(c.fold(text), receiptWords) {
		return Disposition, "subject and words are those of a read receipt"
	}
	return Human, ""
}

// calendars recognises answers to invitations, cancellations and counter
// proposals (RFC 5546 §3.2): a press on a button. An invitation is a person's
// wish when it comes with words of its own, and a machine's when it does not.
func (c *classifier) calendars() (Class, string) {
	m := c.msg
	method := ""
	c.root.each(func(p *part) {
		if method == "" && (p.ctype.value == "text/calendar" || p.ctype.value == "application/ics") {
			if method = strings.ToLower(oneLine(p.ctype.param("method"))); method == "" {
				method = calendarMethod(head(readPart(c.src, p), 4096))
			}
		}
	})
	switch method {
	case "reply", "cancel", "counter", "declinecounter", "refresh":
		return Calendar, "a calendar message: METHOD " + strings.ToUpper(method)
	case "request", "publish", "add":
		if c.wordless() || c.root.ctype.value == "text/calendar" {
			return Calendar, "a calendar message without words: METHOD " + strings.ToUpper(method)
		}
	}
	if class := fold(m.Get("Content-Class")); class == "urn:content-classes:calendarmessage" && method == "" && startsWithAny(c.subject, calendarSubjects) {
		return Calendar, "the subject is that of an answer to an invitation"
	}
	return Human, ""
}

// wordless reports a mail without words of the sender's own: none at all, or only
// those that stand in the appointment.
func (c *classifier) wordless() bool {
	text := strings.TrimSpace(c.msg.Fresh)
	return text == "" || slices.ContainsFunc(c.msg.Attachments, func(a Attachment) bool { return strings.TrimSpace(a.Text) == text })
}

// calendarMethod reads the method out of an iCalendar object (RFC 5545 §3.7.2).
func calendarMethod(text string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if name, value := fieldOf(line); name == "method" {
			return strings.ToLower(value)
		}
	}
	return ""
}

// keyword is the first word of a field, in lower case, behind any comment (RFC
// 5322 §3.2.2).
func keyword(v string) string {
	v = strings.TrimLeft(v, " \t\"'")
	for strings.HasPrefix(v, "(") {
		_, after, ok := strings.Cut(v, ")")
		if !ok {
			return ""
		}
		v = strings.TrimLeft(after, " \t")
	}
	if i := strings.IndexAny(v, " \t;,(\"'"); i >= 0 {
		v = v[:i]
	}
	return strings.ToLower(oneLine(v))
}

// answers reports a subject that begins as mail programs make it for answers
// and forwards.
func answers(subject string) bool {
	prefix, _, ok := strings.Cut(subject, ":")
	if !ok {
		if prefix, _, ok = strings.Cut(subject, "："); !ok {
			return false
		}
	}
	prefix = strings.ToLower(strings.TrimRight(strings.TrimSpace(prefix), "0123456789[]() "))
	return slices.Contains(answerPrefixes, prefix)
}
