package message

import "strings"

// reason is why a mail was not delivered, as far as words or codes tell.
type reason int

const (
	noReason        reason = iota
	mailboxFull            // the mailbox takes no more
	userUnknown            // there is no such mailbox
	hostUnknown            // there is no such domain, or it takes no mail
	mailboxDisabled        // it exists and is closed, perhaps for a time
	senderRefused          // the sender's address is wrong or not wanted
	spamRefused            // the content or the sending host is not wanted
	relayRefused           // the host does not serve this recipient's domain
	tooLarge
	putOff   // greylisting, rate limits: later it may pass
	noAnswer // the other host could not be connected to
	expired  // tried until the time was over
	mailLoop
	systemError // of the receiving system
)

// outcome is what a reason means: the kind, and the detail of a status code
// when the words name none (RFC 3463 §3).
var outcomes = [...]struct{ kind, detail string }{
	noReason:        {"unknown", "0.0"},
	mailboxFull:     {"full", "2.2"},
	userUnknown:     {"hard", "1.1"},
	hostUnknown:     {"hard", "1.2"},
	mailboxDisabled: {"soft", "2.1"},
	senderRefused:   {"unknown", "1.8"},
	spamRefused:     {"spam", "7.1"},
	relayRefused:    {"unknown", "7.1"},
	tooLarge:        {"soft", "3.4"},
	putOff:          {"soft", "7.1"},
	noAnswer:        {"soft", "4.1"},
	expired:         {"soft", "4.7"},
	mailLoop:        {"soft", "4.6"},
	systemError:     {"soft", "3.0"},
}

// finish completes what the report left open and judges the failure.
func (b *BouncedRecipient) finish() {
	words := fold(b.Reply)
	why := reasonInWords(remoteWords(words))
	if why == noReason {
		why = reasonInWords(words)
	}
	b.Status = moreSpecific(b.Status, statusInWords(b.Reply))
	if b.Action == "" {
		b.Action = "failed"
		if strings.HasPrefix(b.Status, "4") && why != expired && why != noAnswer {
			b.Action = "delayed"
		}
		if strings.HasPrefix(b.Status, "2") {
			b.Action = "delivered"
		}
	}
	if b.Status == "" {
		b.Status = b.derived(why, words)
	}
	b.Kind = b.judge(why)
}

// derived makes a status code of a reply code (RFC 5321 §4.2) or of what the
// words mean.
func (b *BouncedRecipient) derived(why reason, words string) string {
	code := replyCode(words)
	class := "5."
	switch {
	case b.succeeded():
		return "2.0.0"
	case (why == expired || why == noAnswer) && !strings.HasPrefix(code, "5"):
		class = "4." // these are never permanent (RFC 3463 §3.5)
	case b.Action == "delayed" || strings.HasPrefix(code, "4") && b.Action != "failed":
		class = "4."
	}
	if why != noReason {
		return class + outcomes[why].detail
	}
	switch code {
	case "552":
		return class + "2.2"
	case "551":
		return class + "1.6"
	case "553":
		return class + "1.3"
	case "452":
		return class + "3.1"
	case "421":
		return class + "4.2"
	case "450":
		return class + "2.0"
	case "500", "501", "502", "503", "504":
		return class + "5.0"
	}
	return class + "0.0"
}

func (b *BouncedRecipient) succeeded() bool {
	return b.Action == "delivered" || b.Action == "relayed" || b.Action == "expanded"
}

// judge says what to do about the recipient: hard means that no mail to it
// will arrive, soft that another or a later one may, full that the mailbox is
// full, spam that the content or the sender was refused as unwanted.
func (b *BouncedRecipient) judge(why reason) string {
	class, detail, _ := strings.Cut(b.Status, ".")
	switch {
	case b.succeeded() || b.Action == "complaint":
		return "unknown"
	case detail == "2.2" || why == mailboxFull:
		return "full"
	case class == "4" || b.Action == "delayed":
		return "soft"
	case why != noReason:
		return outcomes[why].kind
	}
	return outcomes[reasonOfStatus(detail)].kind
}

// reasonOfStatus is what a status code says when there are no words (RFC 3463
// §3, RFC 5248, RFC 7372, RFC 7505).
func reasonOfStatus(detail string) reason {
	switch detail {
	case "1.1", "1.0", "1.3", "1.4", "1.6", "1.10", "1.9":
		return userUnknown
	case "1.2", "4.4", "4.310", "4.312":
		return hostUnknown
	case "1.7", "1.8":
		return senderRefused
	case "2.1":
		return mailboxDisabled
	case "2.2":
		return mailboxFull
	case "2.3", "3.4":
		return tooLarge
	case "4.6", "4.14":
		return mailLoop
	}
	switch {
	case strings.HasPrefix(detail, "3."):
		return systemError
	case strings.HasPrefix(detail, "4."):
		return expired
	case strings.HasPrefix(detail, "7."):
		return spamRefused
	}
	return noReason
}

// statusInWords finds the status code that the remote system gave: one behind
// a reply code ("550 5.1.1") is surely its own, and among several of a kind the
// more specific counts.
func statusInWords(s string) string {
	best, bestRank := "", -1
	for base := 0; base < len(s); {
		status, end := findStatus(s[base:])
		if status == "" {
			break
		}
		rank := specific(status)
		if afterCode(s[:base+end-len(status)], status[0]) {
			rank += 10
		}
		if status[0] == '2' {
			rank = -1
		}
		if rank > bestRank {
			best, bestRank = status, rank
		}
		base += end
	}
	return best
}

// afterCode reports that a text ends in a reply code of the same class.
func afterCode(before string, class byte) bool {
	t := strings.TrimRight(before, " -'\"(#:")
	n := len(t)
	return n >= 3 && n > len(before)-6 && t[n-3] == class && isDigit(t[n-2]) && isDigit(t[n-1]) && (n == 3 || !isDigit(t[n-4]))
}

// specific ranks how much a status code says: X.0.0 nothing, X.Y.0 little,
// "delivery time expired" only how it ended.
func specific(status string) int {
	switch {
	case status == "":
		return -1
	case strings.HasSuffix(status, ".0.0"):
		return 0
	case strings.HasSuffix(status, ".0"):
		return 1
	case strings.HasSuffix(status, ".4.7"):
		return 2
	}
	return 3
}

// remoteWords are those in quotes behind a reply code, where the reporting
// system has put its own name for the failure before them: "5.1.0 - Unknown
// address error 550-'5.7.1 access denied'".
func remoteWords(words string) string {
	if _, after, ok := strings.Cut(words, "-'"); ok {
		if i := strings.LastIndexByte(after, '\''); i > 0 {
			return after[:i]
		}
	}
	return words
}

// moreSpecific chooses between the report's code and the one in the words; the
// report's own counts unless it says less.
func moreSpecific(reported, worded string) string {
	if specific(worded) > specific(reported) {
		return worded
	}
	return reported
}

// replyCode finds a reply code of SMTP in words, or "".
func replyCode(s string) string {
	for i := 0; i+3 <= len(s); i++ {
		if c := s[i]; c != '4' && c != '5' || !isDigit(s[i+1]) || !isDigit(s[i+2]) || s[i+1] > '5' {
			continue
		}
		if i > 0 && (isAlnum(s[i-1]) || strings.IndexByte(".-/:@+_=", s[i-1]) >= 0 && !(s[i-1] == ':' || s[i-1] == '-' && i > 1 && !isAlnum(s[i-2]))) {
			continue
		}
		if i+3 == len(s) || strings.IndexByte(" -'\"<,:;)", s[i+3]) >= 0 {
			return s[i : i+3]
		}
	}
	return ""
}
