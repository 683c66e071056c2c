package message

import (
	"slices"
	"strings"
)

// bounceSubjects begin the subject of a delivery failure.
var bounceSubjects = []string{
	"undeliver", "mail delivery fail", "delivery fail", "failure notice", "returned mail", "returned to sender", "delivery status notif",
	"delivery notification", "mail system error", "nondeliver", "non-deliver", "mail could not be delivered", "message could not be",
	"unzustellbar", "warning: message", "warning: could not", "delivery has failed", "mail not delivered", "undelivered", "permanent fail",
	"message undeliver", "delayed", "nicht zustellbar", "non remis", "no se puede entregar", "mail delivery", "bounce", "user unknown",
	"failed mail", "delivery problem", "could not deliver", "delivery report", "message status", "mancata consegna", "onbestelbaar", "退信",
}

// bounceWords stand in the text of a delivery failure.
var bounceWords = []string{
	"could not be delivered", "couldn't be delivered", "could not deliver", "undeliver", "not been delivered", "user unknown", "unknown user",
	"delivery to the following", "delivery failed", "failed to deliver", "permanent error", "permanent fatal errors", "fatal error",
	"unable to deliver", "unable to be delivered", "wasn't able to deliver", "mailbox unavailable", "cannot be delivered", "did not reach",
	"returned mail", "delivery has been delayed", "has not yet been delivered", "no such user", "failed addresses", "failed recipients",
	"following addresses", "following recipient", "following address", "rejected your message", "message was undeliverable", "mail delivery",
	"was not delivered", "not delivered", "does not exist", "mailbox full", "over quota", "mail could not", "error while", "unzustellbar",
}

// bounceInWords recognises a delivery failure that is not in the standard
// form: a mail system's own sender, or a field only such mail has, together
// with the words.
func bounceInWords(m *Message, root *part) bool {
	if m.Has("X-Failed-Recipients") || m.Has("X-MS-Exchange-Message-Is-Ndr") {
		return true
	}
	daemon := isDaemon(m.From.Address.Local()) || m.From.Address.IsZero() && isDaemon(daemonName(m.Get("From")))
	if !daemon && strings.ReplaceAll(m.Get("Return-Path"), " ", "") != "<>" {
		return false
	}
	has := func(list []string, s string) bool {
		s = strings.ToLower(s)
		return slices.ContainsFunc(list, func(w string) bool { return strings.Contains(s, w) })
	}
	subject, words := has(bounceSubjects, m.Subject), has(bounceWords, m.Text[:min(len(m.Text), 4096)])
	return subject && words || daemon && (subject || words || carriesMail(root))
}

// carriesMail reports whether a mail has another one attached.
func carriesMail(root *part) bool {
	found := false
	root.each(func(p *part) { found = found || p != root && p.ctype.value == "message/rfc822" })
	return found
}

// daemonName is the first word of a From field that holds no address.
func daemonName(from string) string {
	for w := range strings.FieldsSeq(strings.Trim(from, "<>\"' ")) {
		local, _, _ := strings.Cut(strings.Trim(w, "<>\"'()"), "@")
		if isDaemon(local) {
			return local
		}
	}
	return ""
}

// quoteStarts begin the part of such a mail that is the mail which came back.
var quoteStarts = []string{
	"------ this is a copy", "--- below this line is a copy", "----- original message", "--- original message", "-----original message",
	"original message follows", "the original message", "----- message header", "--- undelivered message", "message headers follow",
	"received: ", "return-path: ", "----- header", "--------- returned", "------ this is", "--- the header", "mime-version:",
	"--- returned message", "your original message", "below is the", "following is the", "original message:", "message header:", "content of",
}

// words reads the recipients out of the text: each address that is not the
// sender's or a mail system's, with the lines that follow it.
func (r *BounceReport) words(m *Message) {
	for _, v := range m.All("X-Failed-Recipients") {
		for _, a := range strings.Split(v, ",") {
			r.add(strings.TrimSpace(a))
		}
	}
	w := wordReader{report: r, msg: m, last: -1, fixed: len(r.Recipients) > 0}
	w.read(true)
	if len(r.Recipients) == 0 {
		w.read(false)
	}
	if delayedWords(m) {
		for i := range r.Recipients {
			r.Recipients[i].Action = "delayed"
		}
	}
}

// delayedWords reports a warning: the mail system goes on trying.
func delayedWords(m *Message) bool {
	text := strings.ToLower(m.Subject + " " + m.Text[:min(len(m.Text), 2000)])
	for _, w := range [...]string{"delivery has been delayed", "has not yet been delivered", "delivery attempts will continue", "delayed 24", "(delay)", "will continue to try"} {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// wordReader finds the addresses in a text and what is said about each.
type wordReader struct {
	report *BounceReport
	msg    *Message
	fixed  bool // the recipients are known, only what is said of them is not
	last   int  // recipient that is being read about, or -1
	reply  []string
}

func (w *wordReader) done() {
	if w.last >= 0 && len(w.reply) > 0 && w.report.Recipients[w.last].Reply == "" {
		w.report.Recipients[w.last].Reply = squeeze(strings.Join(w.reply, " "))
	}
	w.reply = nil
}

// read goes through the text up to the mail that came back. leading takes only
// addresses that begin a line, which is where most systems put them.
func (w *wordReader) read(leading bool) {
	blanks := 0
	for line := range strings.SplitSeq(w.msg.Text, "\n") {
		t := strings.TrimSpace(line)
		if w.returned(strings.ToLower(t)) {
			break
		}
		if t == "" {
			if blanks++; blanks > 1 {
				w.done()
			}
			continue
		}
		blanks = 0
		w.line(t, leading)
	}
	w.done()
}

// returned reports a line that begins the mail that came back.
func (w *wordReader) returned(low string) bool {
	if strings.HasPrefix(low, "received: ") {
		return true
	}
	return len(w.report.Recipients) > 0 && slices.ContainsFunc(quoteStarts, func(p string) bool { return strings.HasPrefix(low, p) })
}

func (w *wordReader) line(t string, leading bool) {
	if l, _ := labelOf(t); l != 0 {
		return // the header of the mail that came back
	}
	if a := addressIn(t); a != "" && !w.report.foreign(w.msg, a) {
		before, after, _ := strings.Cut(t, a)
		start := strings.Trim(strings.ToLower(before), "<>():;\"'-*• ")
		i := w.report.index(a)
		if i < 0 && !w.fixed && (start == "" || start == "expanded from" || !leading && !strings.HasSuffix(start, "from")) {
			i = w.report.add(a)
		}
		if i >= 0 && i != w.last {
			w.done()
			w.last = i
			t = strings.TrimLeft(after, "<>():\"' ")
		}
	}
	if w.last >= 0 && len(w.reply) < 12 {
		w.reply = append(w.reply, t)
	}
}

func (r *BounceReport) index(addr string) int {
	return slices.IndexFunc(r.Recipients, func(b BouncedRecipient) bool { return strings.EqualFold(b.Address, addr) })
}

// add adds a recipient once and returns its index, or -1.
func (r *BounceReport) add(addr string) int {
	if i := r.index(addr); i >= 0 {
		return i
	}
	if addr == "" || len(r.Recipients) >= maxBounced {
		return -1
	}
	r.Recipients = append(r.Recipients, BouncedRecipient{Address: addr, Action: "failed"})
	return len(r.Recipients) - 1
}

// foreign reports addresses in the text that did not fail.
func (r *BounceReport) foreign(m *Message, addr string) bool {
	local, _, _ := strings.Cut(addr, "@")
	if isDaemon(local) || strings.EqualFold(addr, m.From.Address.String()) {
		return true
	}
	for _, to := range m.To {
		if strings.EqualFold(addr, to.Address.String()) {
			return true
		}
	}
	return false
}

// addressIn returns the first mail address in a line that is not a Message-ID
// or a link.
func addressIn(line string) string {
	if i := strings.Index(strings.ToLower(line), "message-id"); i >= 0 {
		return ""
	}
	for i := 0; i < len(line); i++ {
		if line[i] != '@' {
			continue
		}
		start, end := i, i+1
		for start > 0 && addressByte(line[start-1]) {
			start--
		}
		for end < len(line) && (line[end] == '.' || line[end] == '-' || line[end] == '_' || isAlnum(line[end])) {
			end++
		}
		a := strings.Trim(line[start:end], ".'")
		if len(a) > 5 && strings.EqualFold(a[:5], "smtp=") {
			a = a[5:] // an X.400 address that holds it
		}
		if start < i && strings.IndexByte(line[i+1:end], '.') > 0 {
			return strings.TrimRight(a, ".-")
		}
	}
	return ""
}

func isAlnum(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func addressByte(c byte) bool {
	return isAlnum(c) || strings.IndexByte(".!#$%&'*+-/=?^_{|}~", c) >= 0
}

// finish completes what the report left open and judges the failure.
func (b *BouncedRecipient) finish() {
	if found, _ := findStatus(b.Reply); found != "" && (b.Status == "" || strings.HasSuffix(b.Status, ".0.0")) && found[0] != '2' {
		b.Status = found
	}
	if b.Action == "" {
		b.Action = "failed"
		if strings.HasPrefix(b.Status, "4") {
			b.Action = "delayed"
		}
	}
	b.Kind = b.judge()
}

// Words that tell apart what status codes do not.
var (
	fullWords = []string{
		"quota", "mailbox full", "mailbox is full", "mailbox size", "inbox is full", "exceeded storage", "storage limit",
		"insufficient disk", "out of storage", "too many messages in", "full mailbox", "disk full",
	}
	unknownWords = []string{
		"user unknown", "unknown user", "no such user", "does not exist", "doesn't exist", "not exist", "no mailbox",
		"mailbox unavailable", "mailbox not found", "invalid recipient", "unknown recipient", "recipient unknown", "no such recipient",
		"unknown local", "address rejected", "user not found", "recipient not found", "no user", "not listed in", "no such address",
		"unrouteable address", "unrouteable mail domain", "account disabled", "mailbox disabled", "doesn't have a", "not a valid",
		"host unknown", "host or domain name not found", "host not found", "unknown address", "nosuchuser", "domain name not found", "invalid user", "account that you tried",
		"this user", "is not a known user", "no account", "unknown or illegal", "not known", "user doesn't", "bad destination", "inactive",
	}
	spamWords = []string{
		"spam", "blacklist", "blocklist", "blocked", "block list", "black list", "reputation", "virus", "banned", "policy", "content rejected",
		"listed", "unsolicited", "phish", "malware",
	}
	authWords = []string{"spf", "dkim", "dmarc", "authenticat", "relay", "permitted", "tls", "not authorized", "access denied"}
)

// judge says what to do about the recipient: hard means that no further mail
// will arrive, soft that it may later, full that the mailbox is full, spam
// that the content or the sender was refused.
func (b *BouncedRecipient) judge() string {
	text := strings.ToLower(b.Reply)
	has := func(list []string) bool {
		return slices.ContainsFunc(list, func(w string) bool { return strings.Contains(text, w) })
	}
	class, detail, _ := strings.Cut(b.Status, ".")
	switch {
	case b.Action == "delivered" || b.Action == "relayed" || b.Action == "expanded":
		return "unknown"
	case detail == "2.2" || has(fullWords):
		return "full"
	case class == "4" || b.Action == "delayed":
		return "soft"
	case strings.HasPrefix(detail, "7."):
		if has(unknownWords) && !has(spamWords) {
			return "hard"
		}
		if has(authWords) && !has(spamWords) {
			return "unknown"
		}
		return "spam"
	case strings.HasPrefix(detail, "1.") && detail != "1.8" && detail != "1.7" || detail == "2.1" || detail == "4.4" || has(unknownWords):
		return "hard"
	case has(spamWords):
		return "spam"
	}
	return "unknown"
}
