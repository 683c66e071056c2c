package message

import (
	"slices"
	"strings"

	"mxdesk/internal/address"
)

// noticeLine is a line of a mail system's own words.
type noticeLine struct {
	text   string // without white space around it
	low    string
	indent bool
}

// mention is an address in the words, ranked by how surely it is one that
// failed: the lower the surer.
type mention struct {
	addr   string
	line   int
	rank   int
	before string // what stands before it on its line
	rest   string // and behind it
}

// The ranks.
const (
	rankLeading    = iota + 1 // it begins a line or stands behind a label
	rankTrailing              // the reason stands before it, with a colon
	rankSentence              // delivered to, addressed to, the recipient
	rankTranscript            // RCPT TO in a dialogue
	rankHeader                // To of the mail that came back
	rankOther
	rankNone
)

// notice reads recipients, and what is said of each, out of the words: all of
// them when there is no report after RFC 3464, else only what it left out.
func (b *bounceReader) notice() {
	text := b.msg.Text[:min(len(b.msg.Text), maxNotice)]
	if len(b.report.Recipients) == 0 && strings.Contains(strings.ToLower(text), "final-recipient:") {
		b.deliveryStatus(fromField(text, "reporting-mta:", "original-recipient:", "final-recipient:"))
	}
	if len(b.report.Recipients) == 0 {
		for _, name := range [...]string{"X-Failed-Recipients", "X-Failure-Recipients"} {
			for _, v := range b.msg.All(name) {
				for a := range strings.SplitSeq(v[:min(len(v), maxNotice)], ",") {
					b.report.add(BouncedRecipient{Address: cleanAddress(a)})
				}
			}
		}
	}
	lines := noticeLines(text)
	mentions := b.mentions(lines)
	if len(b.report.Recipients) == 0 {
		b.choose(lines, mentions)
	}
	b.say(lines, mentions)
	if len(b.statuses) > 0 {
		return
	}
	action := actionInWords(b.msg)
	for i := range b.report.Recipients {
		r := &b.report.Recipients[i]
		switch {
		case r.Action != "":
		case action == "delayed" && givenUp(r.Address, lines, mentions):
			r.Action = "failed"
		default:
			r.Action = action
		}
	}
}

// givenUp reports, of a notice that speaks of a delay, that this recipient stands
// below the heading of those for whom the mail system does not go on trying.
func givenUp(addr string, lines []noticeLine, mentions []mention) bool {
	for i := range mentions {
		if !strings.EqualFold(mentions[i].addr, addr) {
			continue
		}
		for at := mentions[i].line; at >= 0; at-- {
			switch low := lines[at].low; {
			case containsAny(low, permanentWords):
				return true
			case containsAny(low, delayWords):
				return false
			}
		}
		return false
	}
	return false
}

// noticeLines are the lines up to the mail that came back.
func noticeLines(text string) (lines []noticeLine) {
	said := 0
	for line := range strings.SplitSeq(text, "\n") {
		t := strings.ToValidUTF8(strings.TrimSpace(line[:min(len(line), 2000)]), "")
		l := noticeLine{text: t, low: strings.ToLower(t), indent: len(line) > 0 && (line[0] == ' ' || line[0] == '\t')}
		if said > 0 && returnedStarts(l.low) {
			break
		}
		if t != "" {
			said++
		}
		lines = append(lines, l)
	}
	return lines
}

// returnedWords stand in the line above the mail that came back.
var returnedWords = []string{
	"original message", "original mail", "copy of", "returned m", "message header", "the header", "unsent message", "undelivered message", "message follows", "headers follow", "header follows",
	"message text", "original e-mail", "your message follows", "message body", "originalnachricht", "ursprüngliche nachricht", "message d'origine", "message original", "mensaje original", "messaggio originale",
	"mensagem original", "oorspronkelijk bericht", "исходное сообщение", "копия", "原邮件", "原信", "原郵件", "元のメッセージ", "원본",
}

// returnedStarts reports a line, in lower case, that begins the mail that came
// back.
func returnedStarts(low string) bool {
	t := strings.TrimLeft(low, "> |")
	for _, p := range [...]string{"received: ", "return-path:", "mime-version:", "content-type: ", "reporting-mta:", "final-recipient:", "original-recipient:"} {
		if strings.HasPrefix(t, p) {
			return true
		}
	}
	if strings.Contains(t, "was received") || strings.Contains(t, "@") || len(t) > 120 {
		return false
	}
	for _, p := range [...]string{
		"original message", "the original message", "your original message", "below is a copy", "below this line", "this is a copy of", "message headers follow", "a copy of", "original message header",
		"included below", "following is the original", "the header of the original", "headers of the original", "content of the original", "the text of the original",
	} {
		if strings.HasPrefix(t, p) {
			return true
		}
	}
	return len(t) > 4 && strings.ContainsAny(t[:2], "-=_*#+") && t[0] == t[1] && containsAny(t, returnedWords)
}

// mentions finds the addresses in the words that may be failed recipients.
func (b *bounceReader) mentions(lines []noticeLine) (list []mention) {
	const most = 4 * maxBounced
	for i, l := range lines {
		at := 0
		chain := false // the address before on this line leads it
		for len(list) < most {
			addr, start, end := addressAt(l.text, at)
			if addr == "" {
				break
			}
			m := mention{addr: addr, line: i, before: l.text[:start], rest: strings.TrimSpace(strings.TrimLeft(l.text[end:], "<>():\"'] "))}
			m.rank = b.rank(lines, &m)
			if between := strings.Trim(l.text[at:start], " <>,;\"'"); chain && between == "" {
				m.rank = min(m.rank, rankLeading)
			}
			chain = m.rank == rankLeading
			if m.rank < rankNone && !b.foreign(addr) {
				list = append(list, m)
			}
			at = end
		}
	}
	return list
}

// Words that stand before an address.
var (
	recipientLabels = []string{
		"recipient", "address", "deliver", "failed", "rejected", "undeliverable", "user", "mailbox", "intended", "could not", "empfänger", "adresse", "destinat", "dirección", "indirizzo", "ontvanger", "odbiorc", "mottagare", "modtager", "vastaanottaja",
		"příjemc", "címzett", "alıcı", "получател", "адрес", "收件人", "收信人", "受信者", "宛先", "送信先", "받는",
	}
	senderLabels = []string{"from", "sender", "contact", "postmaster", "reply", "by", "von", "absender", "expéditeur", "remitente", "mittente", "отправител", "发件人", "送信者", "e-mail me", "forward", "subscri", "help", "support"}
	towards      = []string{" to", " for", "recipient", "address", "addressed,", "addressee", " user", "mailbox", "account", " an", " für", " à", " pour", " a", " para", " per", " voor", "mailto:", "generated by", "generated from", "адрес", "кому"}
)

// rank says how surely the address behind m.before is one that failed.
func (b *bounceReader) rank(lines []noticeLine, m *mention) int {
	low := strings.ToLower(m.before)
	if name, _ := fieldOf(low + "x"); name != "" {
		switch name {
		case "to", "an", "cc", "para", "aan":
			return rankHeader
		case "from", "sender", "reply-to", "message-id", "subject", "return-path", "received", "von", "de", "da", "x-sender", "envelope-sender", "references", "in-reply-to", "date":
			return rankNone
		}
	}
	before := strings.Trim(low, "<>()[]{}\"'*•·–- \t")
	if rest := strings.TrimLeft(before, "0123456789"); rest == "." || rest == ")" {
		before = "" // the number of an item
	}
	label := strings.TrimRight(before, ": ")
	switch {
	case strings.HasSuffix(label, "rcpt to"):
		return rankTranscript
	case strings.HasSuffix(label, "smtp="): // within an X.400 address
		return rankLeading
	case strings.HasSuffix(label, "mail from"):
		return rankNone
	case before == "", label == "expanded from":
		return b.leading(lines, m)
	case strings.HasSuffix(before, ":") && len(before) < 60 && !hasSuffixAny(label, senderLabels) && containsAny(label, recipientLabels):
		if reasonInWords(fold(m.rest)) == noReason && reasonInWords(fold(label)) != noReason {
			return rankTrailing
		}
		return rankLeading
	case strings.HasSuffix(before, ":") && m.rest == "" && !hasSuffixAny(label, senderLabels):
		return rankTrailing
	case hasSuffixAny(label, senderLabels) && !hasSuffixAny(label, towards):
		return rankNone
	case hasSuffixAny(" "+label, towards):
		return rankSentence
	}
	return rankOther
}

func hasSuffixAny(s string, list []string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return strings.HasSuffix(s, p) })
}

// leading ranks an address that begins its line: a sentence that was wrapped
// just before an address is not a list of recipients.
func (b *bounceReader) leading(lines []noticeLine, m *mention) int {
	bracketed := strings.ContainsAny(m.before, "<(\"'*•.)")
	first := byte('.')
	if m.rest != "" {
		first = m.rest[0]
	}
	if bracketed || first < 'a' || first > 'z' || lines[m.line].indent && m.line > 0 && !wrapped(lines[m.line-1]) {
		return rankLeading
	}
	if m.line == 0 || !wrapped(lines[m.line-1]) {
		return rankLeading
	}
	return rankOther
}

// wrapped reports a line that a sentence goes on behind.
func wrapped(l noticeLine) bool {
	return l.text != "" && !strings.HasSuffix(l.text, ":") && !strings.HasSuffix(l.text, ".") && !strings.HasSuffix(l.text, "-")
}

// choose takes the addresses of the best rank for the recipients. A bare local
// part below "the following recipients:" counts more than an address that just
// stands somewhere.
func (b *bounceReader) choose(lines []noticeLine, mentions []mention) {
	best := rankNone
	for _, m := range mentions {
		best = min(best, m.rank)
	}
	if best > rankTrailing {
		b.localParts(lines)
	}
	if len(b.report.Recipients) > 0 || best == rankNone {
		return
	}
	if best > rankTranscript {
		if list := append(b.verp(), b.originalRecipients()...); len(list) > 0 {
			b.report.add(BouncedRecipient{Address: list[0]})
			return
		}
	}
	for _, m := range mentions {
		if m.rank == best {
			b.report.add(BouncedRecipient{Address: m.addr})
		}
		if best == rankOther && len(b.report.Recipients) > 0 {
			return // the first: further ones are most likely advice
		}
	}
}

// localParts reads recipients of the reporting system's own domain.
func (b *bounceReader) localParts(lines []noticeLine) {
	domain := string(b.msg.From.Address.Domain())
	if domain == "" || !strings.Contains(domain, ".") {
		return
	}
	listed := false
	for _, l := range lines {
		if strings.HasSuffix(l.text, ":") {
			listed = containsAny(l.low, []string{"recipient", "address", "following", "deliver", "user"})
			continue
		}
		if l.text == "" || !listed {
			continue
		}
		word, rest, _ := strings.Cut(l.text, " ")
		word, tail, _ := strings.Cut(word, "\t")
		rest = tail + rest
		if listed = l.indent && localPart(word) && (rest == "" || strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "(")); listed {
			b.report.add(BouncedRecipient{Address: cleanAddress(word + "@" + domain), Reply: squeeze(strings.Trim(rest, " ()"))})
		}
	}
}

func localPart(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && strings.IndexByte("._+-", s[i]) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= 64 && isAlnum(s[0])
}

// foreign reports addresses in the words that did not fail: those of mail
// systems and of the mail's own sender and addressee.
func (b *bounceReader) foreign(addr string) bool {
	local, _, _ := strings.Cut(addr, "@")
	if isDaemon(local) || strings.EqualFold(addr, b.msg.From.Address.String()) {
		return true
	}
	return slices.ContainsFunc(b.msg.To, func(to address.Mailbox) bool { return strings.EqualFold(addr, to.Address.String()) })
}

// addressIn returns the first mail address in a line, or "".
func addressIn(line string) string {
	addr, _, _ := addressAt(line, 0)
	return addr
}

// addressAt returns the first mail address in a line from an offset on, and
// where it stands. A Message-ID is none.
func addressAt(line string, from int) (addr string, start, end int) {
	if from == 0 && strings.Contains(strings.ToLower(line), "message-id") {
		return "", 0, 0
	}
	for i := from; i < len(line); i++ {
		if line[i] != '@' {
			continue
		}
		start, end = i, i+1
		for start > from && addressByte(line[start-1]) {
			start--
		}
		for end < len(line) && (line[end] == '.' || line[end] == '-' || line[end] == '_' || isAlnum(line[end]) || line[end] >= 0x80) {
			end++
		}
		if p := start; end-start > 5 && strings.EqualFold(line[p:min(p+5, len(line))], "smtp=") {
			start += 5 // an X.400 address that holds it
		}
		if strings.IndexByte(line[i+1:end], '.') <= 0 || start >= i {
			continue
		}
		if a := cleanAddress(line[start:end]); a != "" {
			return a, start, end
		}
	}
	return "", 0, 0
}

func isAlnum(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func addressByte(c byte) bool {
	return isAlnum(c) || strings.IndexByte(".!#$%&'*+-/=?^_{|}~", c) >= 0
}
