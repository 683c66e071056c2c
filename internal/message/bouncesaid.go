package message

import "strings"

// maxSaid bounds the lines that are taken for what is said of one recipient.
const maxSaid = 12

// say gives each recipient without the remote's words those that stand with
// its address, else the ones that explain the whole failure.
func (b *bounceReader) say(lines []noticeLine, mentions []mention) {
	whole, searched := "", false
	for i := range b.report.Recipients {
		r := &b.report.Recipients[i]
		if r.Reply != "" || r.succeeded() {
			continue
		}
		words := b.saidOf(r.Address, lines, mentions)
		w := weight(words)
		if alone := len(b.report.Recipients) == 1; w == 0 || w < 2 && alone {
			if !searched {
				whole, searched = reasonIn(lines), true
			}
			if whole != "" && (w == 0 || weight(whole) > 2) {
				words = whole
			}
		}
		r.Reply = squeeze(words)
	}
}

// saidOf collects the words around each mention of an address and returns
// those that tell most; of equals the nearest.
func (b *bounceReader) saidOf(addr string, lines []noticeLine, mentions []mention) string {
	best, bestScore := "", -1
	for k, n := 0, 0; k < len(mentions) && n < maxSaid; k++ {
		m := &mentions[k]
		if !strings.EqualFold(m.addr, addr) {
			continue
		}
		n++
		over := above(lines, m)
		both := over
		if over != "" {
			both += " " + lines[m.line].text
		}
		for _, words := range [...]string{b.behind(lines, mentions, k), onLine(m, lines), over, both} {
			if score := telling(words); strings.TrimSpace(words) != "" && score > bestScore {
				best, bestScore = words, score
			}
		}
	}
	return best
}

// telling ranks words by their codes and by whether they name a cause.
func telling(words string) int {
	score := weight(words)
	switch reasonInWords(fold(words)) {
	case noReason:
	case systemError, expired, noAnswer:
		score++
	default:
		score += 3
	}
	return score
}

// behind is what follows an address, up to the next recipient. It goes on past
// a blank line until something is said, and on to a code in the next paragraph.
func (b *bounceReader) behind(lines []noticeLine, mentions []mention, k int) string {
	m := &mentions[k]
	next := len(lines)
	for _, o := range mentions[k+1:] {
		if o.line > m.line && !strings.EqualFold(o.addr, m.addr) && b.has(o.addr) {
			next = o.line
			break
		}
	}
	words := []string{m.rest}
	blanks := 0
	for i := m.line + 1; i < next && len(words) <= maxSaid; i++ {
		l := lines[i]
		if l.text == "" {
			w := weight(strings.Join(words, " "))
			if blanks++; blanks > 2 || w > 1 || w == 1 && weight(paragraph(lines[i+1:next])) < 2 {
				break
			}
			continue
		}
		if ruled(l.text) || blanks > 0 && headerLine(l.text) {
			break
		}
		words = append(words, l.text)
	}
	return strings.TrimLeft(strings.Join(words, " "), " ,;:.")
}

// paragraph is the text of the lines up to the next blank one behind it.
func paragraph(lines []noticeLine) string {
	var words []string
	for _, l := range lines {
		if l.text == "" && len(words) > 0 || len(words) > maxSaid {
			break
		}
		if l.text != "" {
			words = append(words, l.text)
		}
	}
	return strings.Join(words, " ")
}

func (b *bounceReader) has(addr string) bool {
	for i := range b.report.Recipients {
		if strings.EqualFold(b.report.Recipients[i].Address, addr) {
			return true
		}
	}
	return false
}

// onLine is the whole line of a mention when the reason stands before it.
func onLine(m *mention, lines []noticeLine) string {
	if strings.TrimSpace(m.before) == "" {
		return ""
	}
	if m.rest == "" && m.rank == rankTrailing {
		return strings.TrimRight(m.before, ": <\"'")
	}
	if name, _ := fieldOf(lines[m.line].text); name != "" || strings.Trim(strings.Replace(lines[m.line].text, m.addr, "", 1), "<>():;,\"'[] ") == "" {
		return ""
	}
	return lines[m.line].text
}

// above is the rest of the paragraph over a mention: some systems give the
// reason first.
func above(lines []noticeLine, m *mention) string {
	var words []string
	for i := m.line - 1; i >= 0 && lines[i].text != "" && !ruled(lines[i].text) && len(words) < 4; i-- {
		if a := addressIn(lines[i].text); a != "" && !strings.EqualFold(a, m.addr) {
			return "" // said of another
		}
		words = append([]string{lines[i].text}, words...)
	}
	if s := strings.Join(words, " "); weight(s) > 0 {
		return s
	}
	return ""
}

// ruled reports a line that divides the notice, such as "----- Transcript of
// session follows -----".
func ruled(t string) bool {
	return len(t) > 3 && strings.IndexByte("-=_*#", t[0]) >= 0 && t[0] == t[1] && t[1] == t[2]
}

func headerLine(t string) bool {
	name, value := fieldOf(t)
	switch name {
	case "from", "to", "subject", "date", "message-id", "received", "return-path", "mime-version", "content-type", "sent", "action", "status",
		"final-recipient", "original-recipient", "reporting-mta", "arrival-date", "last-attempt-date", "remote-mta", "received-from-mta":
		return value != ""
	}
	return false
}

// weight says how much words tell of a failure: a status code behind a reply
// code most, nothing that is known least.
func weight(words string) int {
	status, code := statusInWords(words), replyCode(words)
	switch {
	case status != "" && code != "":
		return 4
	case status != "":
		return 3
	case code != "":
		return 2
	case reasonInWords(fold(words)) != noReason:
		return 1
	}
	return 0
}

// reason is what explains the failure in the report's text.
func (b *bounceReader) reason() string {
	return reasonIn(noticeLines(b.msg.Text[:min(len(b.msg.Text), maxNotice)]))
}

// reasonIn finds the weightiest line of a notice, with what it goes on in.
func reasonIn(lines []noticeLine) string {
	best, at := 0, -1
	for i, l := range lines[:min(len(lines), 400)] {
		if l.text == "" || headerLine(l.text) {
			continue
		}
		if w := weight(l.text); w > best {
			best, at = w, i
		}
	}
	if at < 0 {
		return ""
	}
	first := at
	for first > 0 && at-first < 3 && lines[first-1].text != "" && !ruled(lines[first-1].text) && !headerLine(lines[first-1].text) {
		first--
	}
	var words []string
	for _, l := range lines[first:] {
		if l.text == "" || ruled(l.text) || len(words) > 6 {
			break
		}
		words = append(words, l.text)
	}
	return squeeze(strings.Join(words, " "))
}

// actionInWords tells a warning, after which the mail system goes on trying,
// and a success from a failure.
func actionInWords(m *Message) string {
	const delayed, delivered = 1, 2
	words := fold(m.Subject + " " + head(m.Text, 2000))
	switch found := fatePhrases.found(words); {
	case found&delayed != 0:
		return "delayed"
	case found&delivered != 0 && reasonInWords(words) == noReason:
		return "delivered"
	}
	return "failed"
}
