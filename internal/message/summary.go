package message

import (
	"strings"
	"time"
)

// Bounds of what is said about one attachment, and of the mails within a mail
// that are read for it.
const (
	maxSummary     = 16 << 10 // octets of text
	maxCarriedAll  = 8 << 20  // octets of carried mails
	maxCarriedMail = 50
)

// summary is what a person would read in an attachment that is a mail, an
// appointment or a visiting card; "" for everything else.
func (r *reader) summary(p *part) string {
	switch p.ctype.value {
	case "message/rfc822", "message/global":
		return cutText(r.carriedSummary(p), maxSummary)
	case "text/calendar", "application/ics":
		return cutText(appointment(r.shortText(p)), maxSummary)
	case "text/vcard", "text/x-vcard", "text/directory":
		return cutText(visitingCard(r.shortText(p)), maxSummary)
	}
	return ""
}

// cutText cuts a text at the end of a character.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}

// shortText reads the beginning of a part as text, outside of the budget.
func (r *reader) shortText(p *part) string {
	return cleanText(decodeCharset(p.bytes(r.src, 4*maxSummary), p.ctype.param("charset")))
}

// carriedSummary is a mail within the mail: who, when, what, and its text.
func (r *reader) carriedSummary(p *part) string {
	if r.carriedMails >= maxCarriedMail || r.carriedSize >= maxCarriedAll {
		return ""
	}
	r.carriedMails++
	c := p.content(r.src, min(maxCarried, maxCarriedAll-r.carriedSize))
	r.carriedSize += c.Size()
	h := ReadHeader(c, r.lim)
	root, _ := walk(c, h, r.lim)
	in := reader{src: c, msg: &Message{}, budget: 4 * maxSummary, lim: r.lim, textOnly: true}
	var out strings.Builder
	if !h.From.Address.IsZero() {
		out.WriteString("From: " + strings.TrimSpace(h.From.Name+" <"+h.From.Address.String()+">") + "\n")
	}
	if !h.Date.IsZero() {
		out.WriteString("Date: " + h.Date.Format(time.RFC1123Z) + "\n")
	}
	if h.Subject != "" {
		out.WriteString("Subject: " + h.Subject + "\n")
	}
	if text := dropMarks(in.body(root).text()); text != "" {
		out.WriteString("\n" + text)
	}
	return strings.TrimSpace(out.String())
}

// contentLine is one line of iCalendar (RFC 5545 §3.1) or vCard (RFC 6350
// §3.2), unfolded.
type contentLine struct {
	name   string // upper case, without a group
	params string
	value  string
}

// contentLines reads lines until f says that it has enough.
func contentLines(text string, f func(contentLine)) {
	text = strings.NewReplacer("\n ", "", "\n\t", "").Replace(text)
	for line := range strings.SplitSeq(text, "\n") {
		colon := valueColon(line)
		if colon < 0 {
			continue
		}
		name, params, _ := strings.Cut(line[:colon], ";")
		if _, in, ok := strings.Cut(name, "."); ok {
			name = in
		}
		f(contentLine{strings.ToUpper(strings.TrimSpace(name)), params, strings.TrimSpace(unescapeValue(line[colon+1:]))})
	}
}

// valueColon is where the value begins: the first colon outside of quotes.
func valueColon(line string) int {
	quoted := false
	for i := range len(line) {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == ':' && !quoted:
			return i
		}
	}
	return -1
}

func unescapeValue(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return strings.NewReplacer(`\n`, " ", `\N`, " ", `\,`, ",", `\;`, ";", `\\`, `\`).Replace(s)
}

// paramOf returns a parameter such as TZID.
func (l contentLine) paramOf(name string) string {
	for p := range strings.SplitSeq(l.params, ";") {
		if k, v, ok := strings.Cut(p, "="); ok && strings.EqualFold(k, name) {
			return strings.Trim(v, `"`)
		}
	}
	return ""
}

// person is an ORGANIZER or ATTENDEE.
func (l contentLine) person() string {
	address := l.value
	if len(address) > 7 && strings.EqualFold(address[:7], "mailto:") {
		address = address[7:]
	}
	if name := l.paramOf("CN"); name != "" && !strings.EqualFold(name, address) {
		return name + " <" + address + ">"
	}
	return address
}

// appointment says in a few lines what an iCalendar object is about: what,
// when, where, who asks or answers.
func appointment(text string) string {
	var what, when, zone, end, where, who, method, answer string
	in, done := false, false
	contentLines(text, func(l contentLine) {
		switch {
		case l.name == "METHOD":
			method = strings.ToLower(l.value)
		case l.name == "BEGIN" && (l.value == "VEVENT" || l.value == "VTODO"):
			in = true
		case l.name == "END" && (l.value == "VEVENT" || l.value == "VTODO"):
			in, done = false, true
		case !in || done:
		case l.name == "SUMMARY" && what == "":
			what = l.value
		case l.name == "DTSTART":
			when, zone = calendarTime(l.value), l.paramOf("TZID")
			if strings.HasSuffix(l.value, "Z") {
				zone = "UTC"
			}
		case l.name == "DTEND":
			end = calendarTime(l.value)
		case l.name == "LOCATION":
			where = l.value
		case l.name == "ORGANIZER":
			who = l.person()
		case l.name == "ATTENDEE" && l.paramOf("PARTSTAT") != "":
			answer = l.person() + ": " + strings.ToLower(l.paramOf("PARTSTAT"))
		}
	})
	if what == "" && when == "" {
		return ""
	}
	kind := map[string]string{"request": "Invitation", "reply": "Answer to an invitation", "cancel": "Cancellation"}[method]
	if kind == "" {
		kind = "Appointment"
	}
	lines := []string{kind + ": " + what}
	if when != "" {
		lines = append(lines, "When: "+span(when, end)+strings.TrimRight(" "+zone, " "))
	}
	if where != "" {
		lines = append(lines, "Where: "+where)
	}
	if who != "" {
		lines = append(lines, "Organiser: "+who)
	}
	if method == "reply" && answer != "" {
		lines = append(lines, "Answer: "+answer)
	}
	return strings.Join(lines, "\n")
}

// calendarTime writes 20240501T100000Z as people do.
func calendarTime(v string) string {
	v = strings.TrimSuffix(v, "Z")
	if t, err := time.Parse("20060102T150405", v); err == nil {
		return t.Format("2006-01-02 15:04")
	}
	if t, err := time.Parse("20060102", v); err == nil {
		return t.Format("2006-01-02")
	}
	return v
}

func span(from, to string) string {
	if to == "" || to == from {
		return from
	}
	if day, _, ok := strings.Cut(from, " "); ok {
		to = strings.TrimPrefix(to, day+" ")
	}
	return from + " to " + to
}

// visitingCard says whose card a vCard is and how to reach them.
func visitingCard(text string) string {
	var lines []string
	contentLines(text, func(l contentLine) {
		switch l.name {
		case "FN", "ORG", "TITLE", "TEL", "EMAIL", "URL":
			if v := strings.Trim(strings.ReplaceAll(l.value, ";", " "), " "); v != "" && len(lines) < 20 {
				lines = append(lines, v)
			}
		}
	})
	return strings.Join(lines, "\n")
}
