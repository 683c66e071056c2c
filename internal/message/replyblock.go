package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a header block.
const (
	maxBlockLines = 40
	maxBlockOdd   = 2 // lines in a row that are no part of it for sure
	// longLine is the length from which on a line may have been broken.
	longLine = 60
)

// headerBlock is the header of another mail as a mail program shows it.
type headerBlock struct {
	from, date, to, subject string
	end                     int // the line behind it
	seen                    label
	address                 bool
}

// complete reports that the block has an author, two more kinds of lines, and
// either a subject or an address: "From: Paris, To: Rome, Date: May" has not.
func (b *headerBlock) complete() bool {
	others := 0
	for _, l := range [...]label{labelDate, labelTo, labelSubject} {
		if b.seen&l != 0 {
			others++
		}
	}
	return b.seen&labelFrom != 0 && others >= 2 && (b.seen&labelSubject != 0 || b.address)
}

// block returns the line behind the header block of a quoted mail that begins
// at a line, or 0.
func (s *splitter) block(at int) int {
	if first, _ := labelOf(s.lines[at]); first == 0 || first == labelCc || !s.spend(len(s.lines[at])) {
		return 0
	}
	b := s.readBlock(at)
	if !b.complete() || s.withinText(at) && !b.whole() {
		return 0
	}
	return b.end
}

// withinText reports that a line follows one of the sender's own directly, as
// a list within a text does.
func (s *splitter) withinText(at int) bool {
	if at == 0 || s.kinds[at-1] != own {
		return false
	}
	above := strings.TrimSpace(s.lines[at-1])
	return above != "" && !isRule(above) && !isSeparator(above, originalWords) && !s.hintedAt(at) && !s.programLine(at-1)
}

// whole reports a block with all that Outlook shows, and a real date.
func (b *headerBlock) whole() bool {
	const all = labelFrom | labelDate | labelTo | labelSubject
	return b.seen&all == all && b.address && hasDate(strings.ToLower(b.date)) && hasTime(strings.ToLower(b.date))
}

// programLine reports a line that ends a text: what comes below is not it.
func (s *splitter) programLine(i int) bool { return s.kinds[i] == sig || s.sentFrom(i) }

// readBlock reads the lines of a header block from a line on. A line without a
// name goes on with the one above; a line with a name that mail programs do not
// show there ("Received:", "Status:") says that this is something else.
func (s *splitter) readBlock(at int) headerBlock {
	b := headerBlock{end: at}
	odd := 0
	var last *string
	for i := at; i < len(s.lines) && i < at+maxBlockLines && odd <= maxBlockOdd; i++ {
		line := s.lines[i]
		l, value := labelOf(line)
		switch {
		case l != 0:
			if b.complete() && b.seen&l != 0 && l != labelCc {
				return b
			}
			b.seen |= l
			b.end, odd = i+1, 0
			last = b.field(l)
			*last = value
		case strings.Trim(line, "> \t") == "":
			if b.complete() && !s.labelFollows(i) {
				return b
			}
			if last != nil && *last != "" {
				last = nil
			}
			odd++
		case isFieldName(line, b.complete()):
			return headerBlock{}
		case last != nil && (line[0] == ' ' || *last == "" || len(s.lines[i-1]) >= longLine || strings.ContainsAny(line, "@;")):
			*last = strings.TrimSpace(*last + " " + strings.TrimSpace(unquote(line)))
			b.end = i + 1
			if !strings.ContainsAny(line, "@;") {
				odd++
			}
		case b.complete():
			return b
		default:
			last = nil
			odd++
		}
		b.address = b.address || strings.Contains(line, "@")
	}
	return b
}

// notesBlock reports the header block of Lotus Notes: the author, the date below,
// then names without a colon in lines of their own, values below them.
func (s *splitter) notesBlock(at int) bool {
	const reach = 20 // lines of the block
	if at+1 >= len(s.lines) || len(s.lines[at]) > 120 || len(s.lines[at+1]) > 60 {
		return false
	}
	date := strings.TrimSpace(s.lines[at+1])
	if !digitAt(date, 0) || !numericDate(date) || !hasTime(strings.ToLower(date)) || !s.spend(len(date)) {
		return false
	}
	seen := label(0)
	for i := at + 2; i < len(s.lines) && i < at+reach; i++ {
		seen |= labelNames[labelName(s.lines[i])]
	}
	return seen&labelTo != 0 && seen&labelSubject != 0
}

// field is where the value of a label goes.
func (b *headerBlock) field(l label) *string {
	switch l {
	case labelFrom:
		return &b.from
	case labelDate:
		return &b.date
	case labelSubject:
		return &b.subject
	case labelTo:
		return &b.to
	}
	return new(string)
}

// labelFollows reports that the next line with something in it is a label.
func (s *splitter) labelFollows(i int) bool {
	const reach = 3
	for end := min(i+1+reach, len(s.lines)); i+1 < end; {
		i++
		if strings.Trim(s.lines[i], "> \t") != "" {
			l, _ := labelOf(s.lines[i])
			return l != 0
		}
	}
	return false
}

// isFieldName reports a line that begins with the name of a header field which
// programs do not show to people, such as "Message-ID:" or "X-Mailer:". Below a
// complete block, a word before a colon may be the beginning of the text.
func isFieldName(line string, complete bool) bool {
	name, rest, ok := strings.Cut(unquote(line), ":")
	if !ok || name == "" || len(name) > 40 || !unicode.IsUpper(rune(name[0])) || !strings.HasPrefix(rest, " ") {
		return false
	}
	if complete && !strings.Contains(name, "-") && name != "Received" && name != "Status" {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool {
		return r != '-' && (r > 0x7f || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}) < 0
}

// isRule reports a line of signs only, drawn across.
func isRule(line string) bool {
	t := strings.TrimSpace(line)
	return len(t) >= 4 && !isAlnum(t[0]) && strings.Trim(t, ruleSigns) == ""
}

// ruleSigns are what lines are drawn with.
const ruleSigns = "-_=*~#·•.─━―–—‐‑‒ "

// isProseLine reports a line with nothing at its ends but what words and
// sentences have there, as most lines.
func isProseLine(line string) bool {
	if line == "" || !isAlnum(line[0]) {
		return false
	}
	last := line[len(line)-1]
	return isAlnum(last) || last == '.' || last == ','
}

// isSeparator reports a line such as "-----Original Message-----" with one of
// the words in it. Without a rule around them the words must stand alone before
// a colon.
func isSeparator(line string, set map[string]bool) bool {
	if isProseLine(line) {
		return false
	}
	t := strings.Trim(line, " \t>*\u00a0\u200e\u200f\u202a\u202b\u202c")
	if len(t) > 160 || len(t) < 4 {
		return false
	}
	core := strings.TrimLeft(t, ruleSigns)
	dashes := len(t)-len(core) >= 2 && strings.Contains(ruleSigns, firstRune(t))
	if !dashes && !endsWithColon(t) {
		return false // the cheap look that most lines do not pass
	}
	core = strings.ToLower(strings.TrimRight(core, ruleSigns))
	bare := strings.TrimRight(core, " :：*")
	if !dashes && bare == core {
		return false
	}
	if set[bare] {
		return true
	}
	for i, r := range core {
		if dashes && (r == ' ' || r == ':') && set[core[:i]] {
			return true
		}
	}
	return false
}

func firstRune(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n > 0 {
		return replacement
	}
	return s[:n]
}

func endsWithColon(t string) bool { return strings.HasSuffix(t, ":") || strings.HasSuffix(t, "：") }

// retract moves a cut above the rule and the blank lines that lead to it.
func (s *splitter) retract(at int) int {
	for at > 0 {
		line := s.lines[at-1]
		if !blank(line) && !isRule(line) && !isSeparator(line, originalWords) {
			break
		}
		at--
	}
	return at
}
