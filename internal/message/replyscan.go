package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind says what a line is.
type kind uint8

const (
	own kind = iota
	quote
	sig
)

// splitter looks at a text line by line.
type splitter struct {
	about
	lines  []string
	kinds  []kind
	cut    int // from here on everything is quoted
	budget int // what costly looks may still cost; see spend
	code   []bool
	// prefix is what the mail program puts before quoted lines instead of ">".
	prefix string
	// hint is the line from which on the mail is quoted, by its HTML, or -1.
	hint int
	// signs are the signatures by the HTML: first line, line behind.
	signs [][2]int
	// passed is the line behind which a mail that is passed on begins, or -1.
	passed int
	// unclear says that something may be quoted that is not taken for it.
	unclear bool
	// first is the first line of the sender's own, or the number of lines.
	first int
	// dividing says that lines of two hyphens divide the text.
	dividing bool
}

// about is what the header says about the text.
type about struct {
	known   bool // there is a header
	forward bool // the subject is that of a mail that is passed on
	reply   bool // it answers another mail
}

// maxSpend bounds the lines that are looked at closely: a mebibyte of lines
// made to look like attributions would otherwise cost seconds.
const maxSpend = 400_000

// maxSigns bounds the signatures that are taken from HTML.
const maxSigns = 20

// spend reports whether one more line may be looked at closely.
func (s *splitter) spend(octets int) bool {
	s.budget -= 100 + octets
	return s.budget > 0
}

// takeMarks takes the marks out of lines that were made of HTML.
func (s *splitter) takeMarks() {
	open := -1
	for i, line := range s.lines {
		if !hasMarks(line) {
			continue
		}
		for _, r := range line {
			switch r {
			case quoteMark:
				if s.hint < 0 {
					s.hint = i
				}
			case signMark:
				open = i
			case signedMark:
				if open >= 0 && len(s.signs) < maxSigns {
					s.signs = append(s.signs, [2]int{open, i + 1})
				}
				open = -1
			}
		}
		s.lines[i] = dropMarks(line)
	}
}

// findCode marks lines that stand between fences of three backquotes, and
// what the program diff writes: nothing in there is a quotation.
func (s *splitter) findCode() {
	s.code = make([]bool, len(s.lines))
	open, hunk := -1, false
	for i, line := range s.lines {
		switch t := strings.TrimSpace(line); {
		case strings.HasPrefix(t, "```") && open < 0:
			open = i
		case strings.HasPrefix(t, "```"):
			for j := open; j <= i; j++ {
				s.code[j] = true
			}
			open = -1
		case isHunk(t):
			s.code[i], hunk = true, true
		case hunk:
			hunk = strings.HasPrefix(t, "<") || strings.HasPrefix(t, ">") || t == "---" || strings.HasPrefix(t, `\`)
			s.code[i] = hunk
		}
	}
}

// isHunk reports a line of diff's normal output such as "12,15c12".
func isHunk(t string) bool {
	if len(t) < 3 || len(t) > 40 || !digitAt(t, 0) || !digitAt(t, len(t)-1) {
		return false
	}
	letters := 0
	for i := range len(t) {
		switch c := t[i]; {
		case c == 'a' || c == 'c' || c == 'd':
			letters++
		case c != ',' && !digitAt(t, i):
			return false
		}
	}
	return letters == 1
}

// isQuoted reports a line that a mail program marked as quoted.
func (s *splitter) isQuoted(i int) bool {
	return !s.code[i] && (isQuoted(s.lines[i]) || s.prefix != "" && strings.HasPrefix(s.lines[i], s.prefix))
}

func isQuoted(line string) bool {
	t := strings.TrimLeft(line, " ")
	return len(line)-len(t) <= 3 && (strings.HasPrefix(t, ">") && !strings.HasPrefix(t, ">:") || strings.HasPrefix(t, "＞"))
}

// unquote drops all quotation marks and blanks before a line.
func unquote(line string) string { return strings.TrimLeft(line, "> \t|＞") }

// quotePrefix returns what marks a line as quoted where a program uses another
// sign than ">": a bar, a colon, or the author's initials before it.
func quotePrefix(line string) string {
	for _, p := range [...]string{"| ", ": ", "} ", "» ", "› "} {
		if strings.HasPrefix(line, p) {
			return p
		}
	}
	n := 0
	for n < len(line) && line[n] >= 'A' && line[n] <= 'Z' {
		n++
	}
	if n > 0 && n <= 4 && strings.HasPrefix(line[n:], ">") {
		return line[:n+1]
	}
	return ""
}

// scan marks quoted lines and finds the place from which on all is quoted.
func (s *splitter) scan() {
	for i := 0; i < s.cut && s.passed < 0; i++ {
		line := s.lines[i]
		switch {
		case i == s.hint && s.hinted(i):
		case blank(line) || s.code[i] || s.kinds[i] != own:
		case strings.HasPrefix(line, ">>> ") && isArrowed(line) && s.ownAbove(i):
			s.cut = s.retract(i)
		case s.isQuoted(i):
			if !s.isStuffedFrom(i) {
				s.kinds[i] = quote
			}
		case strings.Contains(line, ":  ") && s.spend(0) && runsOn(line) != "" && s.ownAbove(i):
			s.cut = i
		case isSeparator(line, forwardWords):
			s.passed = i + 1 // not quoted: all of the rest is content
		case asksToAnswerAbove(line):
			s.cut = s.above(i)
		case isSeparator(line, originalWords):
			if s.marksBelow(i) {
				s.kinds[i] = quote
			} else {
				s.foundBlock(i)
			}
		case s.block(i) > 0 || s.notesBlock(i):
			s.foundBlock(i)
		default:
			s.attribution(i)
		}
	}
	for i := s.cut; i < len(s.lines); i++ {
		s.kinds[i] = quote
	}
	for s.first < s.cut && (s.kinds[s.first] != own || blank(s.lines[s.first])) {
		s.first++
	}
}

// isStuffedFrom reports a line of the sender's own that began with "From " and
// was marked on its way, as programs that store mails do (RFC 4155).
func (s *splitter) isStuffedFrom(i int) bool {
	return strings.HasPrefix(s.lines[i], ">From ") && (i == 0 || !isQuoted(s.lines[i-1])) && (i+1 == len(s.lines) || !isQuoted(s.lines[i+1]))
}

// isArrowed reports the line that GroupWise puts above the mail that is answered,
// which it does not mark: ">>> Ann <ann@example.org> 3/2/2026 8:30 AM >>>".
func isArrowed(line string) bool {
	t := strings.ToLower(strings.TrimSpace(line))
	return strings.HasSuffix(t, " >>>") && len(t) < maxAttribution && hasDate(t) && (hasTime(t) || strings.Contains(t, "@"))
}

// marksBelow reports that the program which drew a line above the other mail
// marks each line of that mail as well: what is not marked is the sender's.
func (s *splitter) marksBelow(at int) bool {
	const reach = 4 // lines of an attribution
	for i := at + 1; i < len(s.lines) && i <= at+reach; i++ {
		if s.isQuoted(i) {
			return true
		}
		if l, _ := labelOf(s.lines[i]); l != 0 {
			return false
		}
	}
	return false
}

// foundBlock handles the header of another mail. In a mail that passes that one
// on it is content. So it is in one that answers nothing and has no words of
// its own; a person has pasted it.
func (s *splitter) foundBlock(i int) {
	if s.forward || s.known && !s.reply && !s.ownAbove(i) {
		s.passed = i
		return
	}
	s.cut = s.retract(i)
}

// ownAbove reports that the sender's own words stand above a line.
func (s *splitter) ownAbove(at int) bool {
	for i := range at {
		if s.kinds[i] == own && !blank(s.lines[i]) && !isRule(s.lines[i]) && !s.signedAt(i) && !s.sentFrom(i) {
			return true
		}
	}
	return false
}

func (s *splitter) signedAt(i int) bool {
	for _, r := range s.signs {
		if i >= r[0] && i < r[1] {
			return true
		}
	}
	return false
}

// hintedAt reports that the HTML says that a quotation begins right here.
func (s *splitter) hintedAt(i int) bool { return s.hint >= 0 && i >= s.hint && i <= s.hint+3 }

// hinted handles the line from which on the mail is quoted, by its HTML, and
// reports whether nothing is left to see in it. What the words of the mail
// program say there is more exact, where they are known.
func (s *splitter) hinted(at int) bool {
	const reach = 8 // lines of an attribution or what leads to a header block
	for i := at; i < len(s.lines) && i < at+reach; i++ {
		line := s.lines[i]
		switch {
		case blank(line):
		case isSeparator(line, forwardWords) || isSeparator(line, originalWords) || s.block(i) > 0:
			return false
		case s.isQuoted(i):
			for j := at; j < i; j++ {
				s.kinds[j] = quote
			}
			return false
		}
		if start, sure := s.attributionAt(i); sure == strongAttribution && start >= at {
			return false
		}
	}
	switch {
	case s.forward:
		s.passed = at
	case s.ownAbove(at) || s.reply:
		s.cut = s.retract(at)
	}
	return true
}

// attribution handles a line that ends an attribution ("On … wrote:").
func (s *splitter) attribution(end int) {
	start, sure := s.attributionAt(end)
	if sure == noAttribution {
		return
	}
	next := end + 1
	for next < s.cut && blank(s.lines[next]) {
		next++
	}
	if next < s.cut && next-end <= 5 && !s.isQuoted(next) {
		s.prefix = quotePrefix(s.lines[next])
	}
	marked := next < s.cut && s.isQuoted(next)
	switch {
	case marked && next-end <= 5 || sure == strongAttribution && next >= s.cut:
		for i := start; i <= end; i++ {
			s.kinds[i] = quote
		}
	case sure != strongAttribution && !s.standsAlone(start, end):
	case !s.ownAbove(start) && !s.hintedAt(start) && s.hint != start:
		s.unclear = true // all of the mail would be quoted
	default:
		s.cut = start // this program does not mark what it quotes
	}
}

// standsAlone reports that a weak attribution is one all the same: with a whole
// date and a verb, and blank lines around it.
func (s *splitter) standsAlone(start, end int) bool {
	text := strings.ToLower(clearMarks(strings.Join(s.lines[start:end+1], " ")))
	return start > 0 && blank(s.lines[start-1]) && end+1 < len(s.lines) && blank(s.lines[end+1]) &&
		hasDate(text) && containsVerb(text) && (hasAnyPrefix(text, starts) || dateFirst(text))
}

// wrapped finds quoted lines that a mail program broke without marking what
// came behind the break: a line in small letters right between two quoted ones,
// the first of them long and not the end of a sentence.
func (s *splitter) wrapped() {
	for i := 1; i+1 < s.cut; i++ {
		if s.kinds[i] == own && s.kinds[i-1] == quote && s.kinds[i+1] == quote && s.breaksOff(i) {
			s.kinds[i] = quote
		}
	}
}

// breaksOff reports that a line goes on with the one above, which was too long
// for its first word.
func (s *splitter) breaksOff(i int) bool {
	const width = 72 // where programs begin to break lines
	above, line := strings.TrimRight(s.lines[i-1], " "), s.lines[i]
	if blank(line) || len(above) < longLine || strings.HasSuffix(above, "?") || strings.HasSuffix(above, "!") {
		return false
	}
	word, _, _ := strings.Cut(line, " ")
	if strings.HasSuffix(above, ".") && utf8.RuneCountInString(above)+1+utf8.RuneCountInString(word) < width {
		return false
	}
	r, _ := utf8.DecodeRuneInString(line)
	return unicode.IsLower(r)
}
