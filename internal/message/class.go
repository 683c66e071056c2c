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
func classify(m *Message, root *part, report string) (Class, []string) {
	for _, look := range [...]func(*Message, *part, string) (Class, string){
		reports, receipts, calendars, challenges, autoSubmitted, autoHeaders, vacations, services, lists, bulk, notifications,
	} {
		if c, why := look(m, root, report); c != Human {
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

// reports recognises delivery reports and complaints.
func reports(m *Message, _ *part, why string) (Class, string) {
	switch {
	case m.Bounce == nil:
		return Human, ""
	case strings.HasPrefix(why, feedbackReport):
		return Notification, why
	}
	return Bounce, why
}

// receipts recognises disposition notifications (RFC 8098) and the read
// receipts that mail programs wrote before there was a form for them.
func receipts(m *Message, root *part, _ string) (Class, string) {
	if strings.HasPrefix(reportType(root), "disposition-notification") {
		return Disposition, "a disposition notification (RFC 8098)"
	}
	there := false
	root.each(func(p *part) { there = there || p.ctype.value == "message/disposition-notification" })
	head := m.Text[:min(len(m.Text), 4096)]
	if !there && strings.Contains(head, "Disposition:") {
		low := strings.ToLower(head)
		there = strings.Contains(low, "final-recipient:") && strings.Contains(low, "mdn-sent-")
	}
	if there && !passedOn(m) {
		return Disposition, "a disposition notification (RFC 8098)"
	}
	if subject := fold(m.Subject[:min(len(m.Subject), 500)]); startsWithAny(subject, receiptSubjects) && len(m.Text) < 4096 && containsAny(fold(head), receiptWords) {
		return Disposition, "subject and words are those of a read receipt"
	}
	return Human, ""
}

// calendars recognises answers to invitations, cancellations and counter
// proposals (RFC 5546 §3.2): a press on a button. An invitation is a person's
// wish when it comes with words of its own, and a machine's when it does not.
func calendars(m *Message, root *part, _ string) (Class, string) {
	method := ""
	root.each(func(p *part) {
		if method == "" && (p.ctype.value == "text/calendar" || p.ctype.value == "application/ics") {
			method = strings.ToLower(oneLine(p.ctype.param("method")))
		}
	})
	switch method {
	case "reply", "cancel", "counter", "declinecounter", "refresh":
		return Calendar, "a calendar message: METHOD " + strings.ToUpper(method)
	case "request", "publish", "add":
		if strings.TrimSpace(m.Fresh) == "" || root.ctype.value == "text/calendar" {
			return Calendar, "a calendar message without words: METHOD " + strings.ToUpper(method)
		}
	}
	if class := fold(m.Get("Content-Class")); class == "urn:content-classes:calendarmessage" && method == "" && startsWithAny(fold(m.Subject), calendarSubjects) {
		return Calendar, "the subject is that of an answer to an invitation"
	}
	return Human, ""
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

func startsWithAny(s string, list []string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return strings.HasPrefix(s, p) })
}
