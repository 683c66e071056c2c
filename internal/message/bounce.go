package message

import (
	"io"
	"strings"
)

const (
	// maxReport bounds what is read of a delivery report and of the mail in it.
	maxReport = 256 << 10
	// maxNotice bounds the words of a mail system that are searched.
	maxNotice = 64 << 10
	// maxBounced bounds the recipients of one report.
	maxBounced = 200
	// maxSniffed bounds the parts that are looked into although their type does
	// not say that they are a report.
	maxSniffed = 8
)

// feedbackReport begins the reason of a complaint.
const feedbackReport = "a feedback report (RFC 5965)"

// bounceReader collects what a delivery failure says, and where.
type bounceReader struct {
	report   BounceReport
	msg      *Message
	why      string   // why it is one
	statuses []string // reports after RFC 3464 §2.1
	feedback string   // a report after RFC 5965 §3
	carried  []*part  // other mails in it, or their headers
	returned []string // the beginning of each, once it is known for a report
	domain   string   // of the reporting system
}

// readBounce reads a delivery report (RFC 3464), a complaint (RFC 5965), or
// the words of mail systems that have their own form. It returns nil for other
// mail. why says what made it one. A report without a recipient says so in Problems.
func readBounce(c Content, root *part, m *Message) (report *BounceReport, why string) {
	b := &bounceReader{msg: m}
	b.gather(c, root)
	if b.feedback != "" {
		b.load(c)
		b.complaint()
		return &b.report, b.why
	}
	if b.why == "" {
		if b.serviceReport(); b.why != "" {
			return b.finish(), b.why
		}
		if b.why = bounceInWords(m, len(b.carried) > 0); b.why == "" {
			return nil, ""
		}
		b.sniff(c, root)
	}
	b.load(c)
	for _, s := range b.statuses {
		b.deliveryStatus(s)
	}
	b.notice()
	b.report.MessageID = b.aboutWhich()
	if len(b.report.Recipients) == 0 {
		b.lastResort()
	}
	return b.finish(), b.why
}

// finish judges each recipient and says so when there is none.
func (b *bounceReader) finish() *BounceReport {
	for i := range b.report.Recipients {
		if r := &b.report.Recipients[i]; r.Action != "complaint" {
			r.finish()
		}
	}
	if len(b.report.Recipients) == 0 {
		b.msg.Problems = addProblem(b.msg.Problems, "the delivery report names no recipient that can be read")
	}
	return &b.report
}

// gather reads the parts whose type says what they are.
func (b *bounceReader) gather(c Content, root *part) {
	typed := ""
	root.each(func(p *part) {
		switch p.ctype.value {
		case "message/delivery-status", "message/global-delivery-status":
			b.statuses = append(b.statuses, readPart(c, p))
			typed = "a delivery report (RFC 3464)"
		case "message/feedback-report":
			b.feedback = readPart(c, p)
		case "message/rfc822", "message/global", "message/partial", "text/rfc822", "text/rfc822-headers", "message/rfc822-headers",
			"message/global-headers", "text/rfc822-header", "message/headers":
			if p != root && len(b.carried) < maxSniffed {
				b.carried = append(b.carried, p)
			}
		}
	})
	switch kind := reportType(root); {
	case kind == "delivery-status":
		b.why = "a delivery report (RFC 3464)"
	case kind == "feedback-report" && b.feedback == "":
		b.feedback = b.msg.Text
	case kind == "" && passedOn(b.msg):
		b.feedback = ""
	case typed != "" && (kind == "" && root.multipart() || root.ctype.value == "message/delivery-status"):
		b.why = typed
	}
}

// load reads what the mail carries.
func (b *bounceReader) load(c Content) {
	for _, p := range b.carried {
		b.returned = append(b.returned, readPart(c, p))
	}
}

// reportType is what a multipart/report says of itself (RFC 6522 §3), at the
// top or below a list's wrapping.
func reportType(root *part) string {
	kind := ""
	root.each(func(p *part) {
		if kind == "" && p.ctype.value == "multipart/report" && p.depth <= 2 {
			kind = keyword(p.ctype.param("report-type"))
		}
	})
	return kind
}

// passedOn reports a person who sends somebody else's report on: an answer or
// a forward that no mail system wrote.
func passedOn(m *Message) bool {
	return answers(m.Subject) && daemonSign(m) == 0 && !automatic(m)
}

// sniff looks for a report and for the mail that came back in parts of other
// types: reports are sent as plain text or as files of any kind.
func (b *bounceReader) sniff(c Content, root *part) {
	n := 0
	root.each(func(p *part) {
		if p.multipart() || strings.HasPrefix(p.ctype.value, "message/") || p.depth == 0 || n >= maxSniffed || !sniffable(p.ctype.value) {
			return
		}
		n++
		text := readPart(c, p)
		low := strings.ToLower(text[:min(len(text), maxNotice)])
		switch {
		case strings.Contains(low, "final-recipient:") || strings.Contains(low, "original-recipient:"):
			b.statuses = append(b.statuses, fromField(text, "reporting-mta:", "original-recipient:", "final-recipient:"))
		case headerText(text):
			b.returned = append(b.returned, text)
		}
	})
}

func sniffable(ctype string) bool {
	return strings.HasPrefix(ctype, "text/") && ctype != "text/html" || ctype == "application/octet-stream"
}

// headerText reports a text that begins like the header of a mail.
func headerText(text string) bool {
	n := 0
	for line := range strings.SplitSeq(text[:min(len(text), 2000)], "\n") {
		if strings.TrimSpace(line) == "" && n == 0 {
			continue
		}
		if l, _ := fieldOf(line); l == "" {
			return false
		} else if n++; l == "received" || l == "return-path" || l == "message-id" || n > 3 {
			return true
		}
	}
	return false
}

// fieldOf splits "Name: value"; the name comes back in lower case, empty when
// the line is no field.
func fieldOf(line string) (name, value string) {
	before, after, ok := strings.Cut(line, ":")
	if !ok || before == "" || len(before) > 60 || !fieldName(before) {
		return "", ""
	}
	return strings.ToLower(strings.TrimSpace(before)), strings.TrimSpace(after)
}

// fromField cuts a text at the first of the fields.
func fromField(text string, names ...string) string {
	low, first := strings.ToLower(text), len(text)
	if len(low) != len(text) {
		return text
	}
	for _, name := range names {
		if i := strings.Index(low, name); i >= 0 {
			first = min(first, i)
		}
	}
	return text[first:]
}

// each calls f for a part and all below it.
func (p *part) each(f func(*part)) {
	f(p)
	for _, c := range p.children {
		c.each(f)
	}
}

// readPart returns the beginning of a part as text.
func readPart(c Content, p *part) string {
	b, err := io.ReadAll(io.LimitReader(p.reader(c), maxReport))
	if err != nil && len(b) == 0 {
		return ""
	}
	return cleanText(decodeCharset(b, p.ctype.param("charset")))
}

// aboutWhich is the Message-ID of the mail that the report is about: of the
// returned mail, of what the report quotes, else of what it answers.
func (b *bounceReader) aboutWhich() string {
	for _, text := range b.returned {
		if id := messageIDIn(text, "message-id"); id != "" {
			return id
		}
	}
	for _, text := range append(b.statuses, b.msg.Text) {
		for _, name := range [...]string{"message-id", "original-message-id", "x-original-message-id"} {
			if id := messageIDIn(text, name); id != "" {
				return id
			}
		}
	}
	for _, name := range [...]string{"X-Original-Message-Id", "X-Failed-Message-Id"} {
		if id := firstID(b.msg.Get(name)); id != "" {
			return id
		}
	}
	if len(b.msg.InReplyTo) > 0 {
		return b.msg.InReplyTo[0]
	}
	if n := len(b.msg.References); n > 0 {
		return b.msg.References[n-1]
	}
	return ""
}

// messageIDIn finds a field with a Message-ID in a mail that is quoted whole
// or in part.
func messageIDIn(text, name string) string {
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		t := strings.TrimLeft(line, "> \t|*")
		if len(t) > len(name) && strings.EqualFold(t[:len(name)], name) {
			value := strings.TrimLeft(t[len(name):], " \t")
			if next, _, _ := strings.Cut(rest, "\n"); value == ":" || strings.TrimSpace(strings.TrimPrefix(value, ":")) == "" {
				value = ":" + next // folded
			}
			if after, ok := strings.CutPrefix(value, ":"); ok && strings.Contains(after, "@") {
				if id := firstID(after); id != "" {
					return id
				}
			}
		}
		text = rest
	}
	return ""
}

// complaint reads the recipient of a mail that was called spam (RFC 5965 §3.2).
func (b *bounceReader) complaint() {
	p := sectionParser{text: b.feedback}
	p.parse()
	kind := keyword(get(p.sec.fields, "feedback-type"))
	if kind == "" {
		kind = "abuse"
	}
	b.why = feedbackReport + ": " + squeeze(toUTF8(kind))
	for _, f := range p.sec.fields {
		if f.is("original-rcpt-to") || f.is("removal-recipient") || f.is("redacted-address") {
			b.report.add(BouncedRecipient{Address: cleanAddress(f.Value), Action: "complaint", Kind: "spam", Reply: kind})
		}
	}
	b.report.MessageID = b.aboutWhich()
	if len(b.report.Recipients) == 0 {
		for _, a := range b.originalRecipients() {
			b.report.add(BouncedRecipient{Address: a, Action: "complaint", Kind: "spam", Reply: kind})
		}
	}
	if len(b.report.Recipients) == 0 {
		b.msg.Problems = addProblem(b.msg.Problems, "the complaint names no recipient that can be read")
	}
}

// add keeps a recipient once, if its address is one, and within the bound.
func (r *BounceReport) add(b BouncedRecipient) {
	if b.Address == "" || len(r.Recipients) >= maxBounced {
		return
	}
	for i := range r.Recipients {
		if old := &r.Recipients[i]; strings.EqualFold(old.Address, b.Address) && old.Action == b.Action {
			if old.Reply == "" {
				old.Reply = b.Reply
			}
			if old.Status == "" {
				old.Status = b.Status
			}
			return
		}
	}
	r.Recipients = append(r.Recipients, b)
}
