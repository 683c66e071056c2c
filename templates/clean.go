package templates

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds, in octets. With them a built-in template's text always stays under
// maxOutput: quoting makes a text at most three times as long.
const (
	maxOutput   = 1 << 20
	maxSubject  = 900 // RFC 5322 §2.1.1 allows 998 in a line
	maxTag      = 200
	maxTitle    = 500 // the ticket's subject
	maxWord     = 200 // names, types, field names and the like
	maxText     = 512 << 10
	maxQuoted   = 64 << 10
	maxSign     = 8 << 10
	maxField    = 2 << 10
	maxFields   = 100
	maxFiles    = 100
	maxLanguage = 35 // RFC 5646 §4.4.1
)

// clean returns d with every value safe to put into a mail: valid UTF-8,
// without control characters, names and the like on one line, all of it
// bounded. cut says which texts were shortened.
func clean(event string, d Data) (c Data, cut []string) {
	if event == Acknowledgement && d.Unverified {
		d = anonymous(d)
	}
	c = Data{
		Desk: oneLine(d.Desk, maxWord),
		Ticket: Ticket{
			ID:       oneLine(d.Ticket.ID, maxWord),
			Tag:      d.Ticket.Tag,
			Subject:  oneLine(withoutTags(oneLine(d.Ticket.Subject, 4*maxTitle), d.Ticket), maxTitle),
			Type:     oneLine(d.Ticket.Type, maxWord),
			Status:   oneLine(d.Ticket.Status, maxWord),
			Priority: oneLine(d.Ticket.Priority, maxWord),
			Fields:   make(map[string]string, min(len(d.Ticket.Fields), maxFields)),
		},
		Requester:  Person{oneLine(d.Requester.Name, maxWord)},
		Author:     Person{oneLine(d.Author.Name, maxWord)},
		Kind:       oneLine(d.Kind, maxWord),
		QuotedBy:   oneLine(d.QuotedBy, maxWord),
		QuotedAt:   oneLine(d.QuotedAt, maxWord),
		Marker:     oneLine(d.Marker, maxWord),
		Unverified: d.Unverified,
	}
	block := func(name, s string, limit int) string {
		s, short := manyLines(s, limit)
		if short {
			cut = append(cut, name+" was cut: it is too long for one mail")
		}
		return s
	}
	c.Text = block("the text", d.Text, maxText)
	c.Quoted = block("the quoted text", d.Quoted, maxQuoted)
	c.Signature = block("the signature", d.Signature, maxSign)
	for name, value := range d.Ticket.Fields {
		if len(c.Ticket.Fields) < maxFields {
			c.Ticket.Fields[oneLine(name, maxWord)] = oneLine(value, maxField)
		}
	}
	for _, name := range d.Attachments[:min(len(d.Attachments), maxFiles)] {
		c.Attachments = append(c.Attachments, oneLine(name, maxWord))
	}
	return c, cut
}

// anonymous removes what the sender wrote, name and subject included: a mail to
// a forged address must not carry a stranger's words.
func anonymous(d Data) Data {
	d.Ticket.Subject, d.Ticket.Fields = "", nil
	d.Requester, d.Author = Person{}, Person{}
	d.Text, d.Quoted, d.QuotedBy, d.QuotedAt = "", "", "", ""
	d.Attachments = nil
	return d
}

// oneLine puts s on one line: white space and control characters become one
// blank, invisible and direction-changing characters go, and what is over limit
// octets is cut.
func oneLine(s string, limit int) string {
	if len(s) <= limit && isTidy(s) {
		return s
	}
	var b strings.Builder
	blank := false
	for _, r := range s[:min(len(s), 4*limit)] {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			blank = true
			continue
		case hidden(r):
			continue
		}
		if blank && b.Len() > 0 {
			b.WriteByte(' ')
		}
		blank = false
		b.WriteRune(r)
	}
	return shorten(b.String(), limit)
}

// isTidy reports whether s is one line of visible ASCII with single blanks
// between its words, as most values are, so that oneLine has nothing to do.
func isTidy(s string) bool {
	blank := true // before what comes now
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == ' ' && blank {
			return false
		}
		blank = s[i] == ' '
	}
	return !blank || s == ""
}

// hidden reports whether r only changes how its neighbours look: direction
// marks and overrides, byte-order marks, soft hyphens, language tags. Joiners
// stay: scripts and emoji need them.
func hidden(r rune) bool {
	return unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d'
}

// manyLines makes the line ends of s LF and removes control characters. short
// says that s was over limit octets and was cut.
func manyLines(s string, limit int) (_ string, short bool) {
	if !isClear(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
		s = lineEnds.Replace(s)
		s = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) && r != '\n' && r != '\t' {
				return -1
			}
			return r
		}, s)
	}
	s = strings.Trim(s, "\n")
	if len(s) <= limit {
		return s, false
	}
	return cutAt(s, limit-len("\n[…]")) + "\n[…]", true
}

// lineEnds makes every line end LF.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n")

// isClear reports whether s is ASCII without control characters but LF and tab,
// as most texts are, so that nothing needs to be done to it.
func isClear(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < ' ' && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// shorten cuts s to limit octets, with an ellipsis.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.TrimRight(cutAt(s, limit-len("…")), " ") + "…"
}

// cutAt returns at most n octets of s and no half character.
func cutAt(s string, n int) string {
	for n = max(n, 0); n > 0 && !utf8.RuneStart(s[n]); {
		n--
	}
	return s[:n]
}

// withoutTags removes every tag of the ticket's pair from a subject, other
// tickets' too: an answer to this mail must point to one ticket only.
func withoutTags(s string, t Ticket) string {
	if !strings.ContainsAny(s, "0123456789") {
		return s // every tag has a number
	}
	start, end, ok := strings.Cut(t.Tag, t.ID)
	if !ok || t.ID == "" || start == "" || end == "" {
		return strings.ReplaceAll(s, t.Tag, "")
	}
	tag, err := regexp.Compile(`(?i)` + regexp.QuoteMeta(start) + `\s*\d+\s*` + regexp.QuoteMeta(end))
	if err != nil {
		return strings.ReplaceAll(s, t.Tag, "")
	}
	// Taking one out can bring the halves of another together.
	for tag.MatchString(s) {
		s = tag.ReplaceAllString(s, "")
	}
	return s
}

// subjectLine makes a template's output a subject: one line, at most
// maxSubject octets, the tag in it exactly once.
func subjectLine(s, tag string) string {
	s = oneLine(s, maxOutput)
	before, after, found := strings.Cut(s, tag)
	for strings.Contains(after, tag) {
		after = strings.ReplaceAll(after, tag, "")
	}
	if !found {
		before += " "
	}
	after = shorten(after, maxSubject/4)
	before = cutBefore(before, maxSubject-len(tag)-len(after))
	return strings.TrimSpace(before + tag + after)
}

// cutBefore is shorten for what stands before the tag: the blank between them
// is kept.
func cutBefore(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return shorten(s, limit-1) + " "
}
