package message

import (
	"strings"
	"time"

	"mxdesk/internal/address"
)

// forwardPrefixes begin the subject of a mail that is passed on by hand.
var forwardPrefixes = words(`fwd|fw|forward|forwarded|wg|weitergeleitet|tr|transf|réf|rv|reenv|i|inoltra|enc|vb|vs|videres|vl|pd|przekazane|doorst|doorgestuurd|fs|iet|ilt|i̇lt|ynl|továbbítás|továbbított|tov|προωθ|πρθ|пересл|перес|пер|переслано|препр|fwd fw|redir|redirecționat|přeposlat|přeposláno|přeposl|preposlané|proslijeđeno|prosl|edast|pārsūt|persiųsta|chuyển tiếp|trs|terusan|הועבר|إعادة توجيه|转发|轉寄|轉發|転送|전달|fyi`)

// replyPrefixes begin the subject of an answer.
var replyPrefixes = words(`re|aw|antw|antwort|ré|rép|res|rif|r|sv|vs|odp|odpověď|od|vá|válasz|ynt|yan|cevap|απ|σχετ|отв|ответ|відп|отг|atb|ats|vast|回复|回覆|答复|答覆|返信|회신|답장|תגובה|תשובה|رد|bls|balas|trả lời|tl`)

// subjectPrefix is what stands before the first colon of a subject, in lower
// case, without tags and counters: "Re[2]: x" and "[ID:1] Re: x" have "re".
func subjectPrefix(subject string) string {
	s := strings.ToLower(strings.TrimSpace(subject))
	for strings.HasPrefix(s, "[") { // a list's or our own tag
		_, rest, ok := strings.Cut(s, "]")
		if !ok {
			return ""
		}
		s = strings.TrimSpace(rest)
	}
	s, _, ok := strings.Cut(strings.Replace(s, "：", ":", 1), ":")
	if !ok {
		return ""
	}
	return strings.TrimSpace(strings.TrimRight(strings.TrimSpace(s), "0123456789[]()^*"))
}

// isForward reports the subject of a forwarded mail. A reply to one ("Re:
// Fwd:") is none. "VS:" is an answer in Finnish and passes on in Danish; the
// text tells.
func isForward(subject, text string) bool {
	p := subjectPrefix(subject)
	if p == "vs" && (strings.Contains(text, "Lähettäjä") || strings.Contains(text, "kirjoitti")) {
		return false
	}
	return p != "" && has(forwardPrefixes, p)
}

// isReply reports the subject of an answer.
func isReply(subject string) bool { return has(replyPrefixes, subjectPrefix(subject)) }

func has(list []string, w string) bool {
	for _, l := range list {
		if l == w {
			return w != ""
		}
	}
	return false
}

// forwardedText is a mail that is passed on, as the text shows it.
type forwardedText struct {
	headerBlock
	text string
}

// forwarded reads the header block at or right below a line and what follows.
func (s *splitter) forwarded(at int) *forwardedText {
	for at < len(s.lines) && (strings.Trim(s.lines[at], "> \t") == "" || isRule(s.lines[at]) || isSeparator(s.lines[at], originalWords)) {
		at++
	}
	if at == len(s.lines) {
		return nil
	}
	f := &forwardedText{headerBlock: s.readBlock(at)}
	if f.from == "" && f.subject == "" {
		return nil
	}
	marked := isQuoted(s.lines[at])
	rest := append([]string(nil), s.lines[min(f.end, s.cut):s.cut]...)
	for i, line := range rest {
		if marked && isQuoted(line) {
			rest[i] = strings.TrimPrefix(strings.TrimPrefix(strings.TrimLeft(line, " "), ">"), " ")
		}
	}
	f.text = joinLines(rest)
	return f
}

// in makes the mail that is passed on of what the text shows. Times without a
// zone are those of the mail that passes it on.
func (f *forwardedText) in(sent time.Time) *Forwarded {
	date := squeeze(f.date)
	if d, ok := humanDate(date, sent.Location()); ok {
		date = d.Format(time.RFC3339)
	}
	return &Forwarded{From: forwardedFrom(f.from), Date: date, Subject: squeeze(f.subject), Text: f.text}
}

// forwardedFrom reads an author as mail programs show it: "Name <address>",
// "Name [mailto:address]", "address<mailto:address>", "Name (address)", or the
// name alone.
func forwardedFrom(v string) address.Mailbox {
	v = strings.TrimRight(clearMarks(v), " ;,")
	if list := address.ParseList(v, decodeWords); !strings.Contains(v, "mailto:") && len(list) > 0 && !list[0].Address.IsZero() {
		return list[0]
	}
	a := addressIn(strings.ReplaceAll(v, "mailto:", " "))
	addr, err := address.Parse(a)
	if err != nil {
		return address.Mailbox{Name: oneLine(strings.Trim(v, " <>\"'"))}
	}
	name, _, _ := strings.Cut(v, a)
	name = strings.Trim(strings.TrimSuffix(strings.TrimRight(name, " <[("), "mailto:"), " <>[]()\"'*")
	return address.Mailbox{Name: oneLine(name), Address: addr}
}

// attachedForward reads a mail that is passed on as an attachment: the first
// that this one carries, unless it came with a report on it.
func (r *reader) attachedForward(root *part) *Forwarded {
	var f *Forwarded
	root.each(func(p *part) {
		if f != nil || p.ctype.value != "message/rfc822" || p.depth >= r.lim.Depth {
			return
		}
		c := p.content(r.src, maxCarried)
		h := ReadHeader(c, r.lim)
		if h.From.Address.IsZero() && h.Subject == "" {
			return
		}
		f = &Forwarded{From: h.From, Subject: h.Subject, Text: joinLines(strings.Split(dropMarks(r.carried(p).text()), "\n"))}
		if !h.Date.IsZero() {
			f.Date = h.Date.Format(time.RFC3339)
		}
	})
	return f
}

// passesOnAttached reports whether a mail that another one carries is passed on
// by a person, and not what a report is about or a digest's.
func (m *Message) passesOnAttached(root *part) bool {
	switch {
	case m.Forwarded != nil || m.Bounce != nil || root.ctype.value == "multipart/report" || root.ctype.value == "multipart/digest":
		return false
	}
	return m.Class == Human
}
