package message

import (
	"slices"
	"strings"
)

// ReadText splits the readable text of a reply into what is new, what is
// quoted and the signature. Every line of text is in exactly one of the three;
// blank lines at their edges are dropped.
//
// inline reports that the sender's own lines stand between quoted ones. fresh
// then holds the quoted lines between them as well, because an answer without
// its question cannot be read.
func ReadText(text string) (fresh, quoted, signature string, inline bool) {
	s := splitText(cleanText(text), false)
	return s.fresh, s.quoted, s.signature, s.inline
}

// split fills in what is new in the text, what is not, and what is passed on.
func (m *Message) split() {
	m.Text = dropMarks(m.Text)
	s := splitText(m.Text, isForward(m.Subject))
	m.Fresh, m.Quoted, m.Signature, m.Inline = s.fresh, s.quoted, s.signature, s.inline
	m.Above, m.HasMarker, m.Forwarded, m.PassedOn = s.above, s.marker, s.forwarded, s.passedOn
}

// replySplit is a text taken apart.
type replySplit struct {
	fresh, quoted, signature, above string
	inline, marker, passedOn        bool
	forwarded                       *Forwarded
}

// kind says what a line is.
type kind uint8

const (
	own kind = iota
	quote
	sig
)

// splitter looks at a text line by line.
type splitter struct {
	lines  []string
	kinds  []kind
	cut    int  // from here on everything is quoted
	checks int  // costly looks still allowed
	quotes bool // there are quoted lines before cut
	// forward says that the mail passes another one on: its header block is
	// then content, not a quotation.
	forward bool
	passed  int // the line behind which a forwarded mail begins, or -1
}

// maxChecks bounds the lines that are looked at closely: a mebibyte of lines
// made to look like attributions would otherwise cost seconds.
const maxChecks = 1000

func splitText(text string, forward bool) replySplit {
	s := splitter{lines: strings.Split(text, "\n"), checks: maxChecks, forward: forward, passed: -1}
	s.kinds = make([]kind, len(s.lines))
	s.cut = len(s.lines)
	var r replySplit
	if at := s.marker(text); at >= 0 {
		s.cut = s.above(at)
		r.marker = true
		r.above = joinLines(s.lines[:s.cut])
		r.inline = s.answersBelow(at)
	}
	s.scan()
	if r.passedOn = s.passed >= 0; r.passedOn {
		r.forwarded = s.forwarded(s.passed)
	}
	s.signatures()
	r.inline = s.arrange() || r.inline
	var parts [3][]string
	for i := range s.kinds {
		if i > 0 && i < s.cut && blank(s.lines[i]) {
			s.kinds[i] = s.kinds[i-1] // so that parts keep their paragraphs
		}
		k := s.kinds[i]
		parts[k] = append(parts[k], s.lines[i])
	}
	r.fresh, r.quoted, r.signature = joinLines(parts[own]), joinLines(parts[quote]), joinLines(parts[sig])
	return r
}

// joinLines joins lines without blank ones at the edges.
func joinLines(lines []string) string {
	for len(lines) > 0 && blank(lines[0]) {
		lines = lines[1:]
	}
	for len(lines) > 0 && blank(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines, "\n")
}

// LooksQuoted reports whether a text that was found to be somebody's own still
// has a line that others' words usually come behind: a mark of quotation, a
// separator, or the end of an attribution. It errs towards yes: it is for who
// must not pass on a word that is not the sender's.
func LooksQuoted(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		t := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(t, ">") || strings.HasPrefix(t, "|"),
			isSeparator(line, originalWords), isSeparator(line, forwardWords),
			strings.HasSuffix(t, ":") && mentions(strings.ToLower(t), verbs):
			return true
		}
	}
	return false
}

// mentions reports whether one of the words stands in s.
func mentions(s string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		i := strings.Index(s, w)
		return i >= 0 && wordAt(s, i)
	})
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// isQuoted reports a line that a mail program marked as quoted.
func isQuoted(line string) bool {
	t := strings.TrimLeft(line, " ")
	return len(line)-len(t) <= 3 && strings.HasPrefix(t, ">") && !strings.HasPrefix(t, ">:") // the end of a broken attribution
}

// unquote drops all quotation marks and blanks before a line.
func unquote(line string) string { return strings.TrimLeft(line, "> \t|") }

// scan marks quoted lines and finds the place from which on all is quoted.
func (s *splitter) scan() {
	for i := 0; i < s.cut; i++ {
		line := s.lines[i]
		switch {
		case blank(line):
		case isQuoted(line):
			s.kinds[i], s.quotes = quote, true
		case isSeparator(line, forwardWords):
			s.passed = i + 1
			return // passed on, not quoted: all of the rest is content
		case isSeparator(line, originalWords) || s.block(i) > 0:
			if s.forward {
				s.passed = i
				return
			}
			s.cut = s.retract(i)
		default:
			s.attribution(i)
		}
	}
	for i := s.cut; i < len(s.lines); i++ {
		s.kinds[i] = quote
	}
}

// attribution handles a line that ends an attribution ("On … wrote:").
func (s *splitter) attribution(end int) {
	start := s.attributionStart(end)
	if start < 0 {
		return
	}
	next := end + 1
	for next < s.cut && blank(s.lines[next]) {
		next++
	}
	if next < s.cut && !isQuoted(s.lines[next]) {
		s.cut = start // this program does not mark what it quotes
		return
	}
	for i := start; i <= end; i++ {
		s.kinds[i] = quote
	}
	s.quotes = true
}

// retract moves a cut above the rule and the blank lines that lead to it.
func (s *splitter) retract(at int) int {
	for at > 0 {
		line := strings.TrimSpace(s.lines[at-1])
		rule := len(line) >= 4 && strings.Trim(line, "-_=*—–") == ""
		if line != "" && !rule && !isSeparator(line, originalWords) {
			break
		}
		at--
	}
	return at
}

// signatures marks signatures: from their delimiter to the next quotation.
func (s *splitter) signatures() {
	for i := 0; i < s.cut; i++ {
		if s.kinds[i] != own || blank(s.lines[i]) {
			continue
		}
		switch {
		case s.delimiter(i):
			for ; i < s.cut && s.kinds[i] == own; i++ {
				s.kinds[i] = sig
			}
		case s.sentFrom(i):
			s.kinds[i] = sig
			s.afterSentFrom(i + 1)
		}
	}
}

// delimiter reports a line that begins a signature: "-- " (RFC 3676 §4.3), the
// same without its blank, or a rule of dashes or underscores near the end.
func (s *splitter) delimiter(i int) bool {
	line := strings.TrimSpace(s.lines[i])
	if line == "--" {
		return true
	}
	if len(line) < 2 || strings.Trim(line, "—") != "" && strings.Trim(line, "_") != "" {
		return false
	}
	const most = 12 // lines that a signature may have
	n := 0
	for j := i + 1; j < s.cut && s.kinds[j] == own; j++ {
		if !blank(s.lines[j]) {
			n++
		}
	}
	return n > 0 && n <= most
}

// sentFrom reports the line that a mail program on a telephone adds.
func (s *splitter) sentFrom(i int) bool {
	line := strings.Trim(s.lines[i], " \t*_")
	if len(line) > 120 || i > 0 && !blank(s.lines[i-1]) && s.kinds[i-1] == own {
		return false
	}
	text, _, _ := strings.Cut(line, "<") // a link to the program
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" || strings.HasSuffix(text, ".") || strings.Contains(text, ", ") || strings.Count(text, " ") > 9 {
		return false
	}
	return startsLike(text, sentFromWords) || strings.HasSuffix(text, "gesendet") && strings.HasPrefix(text, "von mei")
}

// afterSentFrom marks what stands below such a line. Nobody writes there: it is
// the mail that was answered, quoted without any mark.
func (s *splitter) afterSentFrom(from int) {
	for i := from; i < s.cut && s.kinds[i] == own; i++ {
		if s.delimiter(i) {
			return
		}
		if !blank(s.lines[i]) {
			s.kinds[i] = quote
		}
	}
}

// arrange decides what the sender's lines after a quotation are and reports
// whether they are answers within it.
func (s *splitter) arrange() bool {
	s.wrapped()
	firstOwn, lastOwn, firstQuote, groups := -1, -1, -1, 0
	last := sig
	for i := range s.cut {
		if blank(s.lines[i]) {
			continue
		}
		k := s.kinds[i]
		switch k {
		case own:
			lastOwn = i
			if firstOwn < 0 {
				firstOwn = i
			}
		case quote:
			if firstQuote < 0 {
				firstQuote = i
			}
			if last != quote {
				groups++
			}
		}
		last = k
	}
	switch {
	case firstOwn < 0 || firstQuote < 0 || lastOwn < firstQuote:
		return false // all own lines stand above the quotation
	case firstOwn > firstQuote && groups == 1:
		return false // all stand below it
	}
	for i := range lastOwn {
		if s.kinds[i] == quote {
			s.kinds[i] = own
		}
	}
	return true
}

// wrapped finds quoted lines that a mail program broke without marking what
// came behind the break: a lower-case line right between two quoted ones, the
// first of them long.
func (s *splitter) wrapped() {
	const long = 60
	for i := 1; i+1 < s.cut; i++ {
		if s.kinds[i] != own || s.kinds[i-1] != quote || s.kinds[i+1] != quote || len(s.lines[i-1]) < long || blank(s.lines[i]) {
			continue
		}
		if c := s.lines[i][0]; c >= 'a' && c <= 'z' {
			s.kinds[i] = quote
		}
	}
}

// marker returns the line in which our reply marker begins, or -1. It may be
// quoted and broken over lines.
func (s *splitter) marker(text string) int {
	const start = "##-"
	if !strings.Contains(text, start) {
		return -1
	}
	for i, line := range s.lines {
		at := strings.Index(line, start)
		if at < 0 {
			continue
		}
		words := strings.Fields(line[at:])
		for j := i + 1; j < len(s.lines) && j <= i+3; j++ {
			words = append(words, strings.Fields(unquote(s.lines[j]))...)
		}
		if strings.HasPrefix(strings.Join(words, " "), Marker) {
			return i
		}
	}
	return -1
}

// above returns where the text above a marker ends: over the attribution or
// the header block that leads to the marker.
func (s *splitter) above(marker int) int {
	at := marker
	for at > 0 && strings.Trim(s.lines[at-1], "> \t-_=*") == "" {
		at--
	}
	if at == 0 {
		return 0
	}
	if start := s.attributionStart(at - 1); start >= 0 {
		return s.retract(start)
	}
	const reach = 12 // lines of a header block
	for i := at - 1; i >= 0 && i > at-reach; i-- {
		if isSeparator(s.lines[i], originalWords) {
			return s.retract(i)
		}
		if end := s.block(i); end >= at {
			return s.retract(i)
		}
	}
	return at
}

// answersBelow reports whether own lines stand among marked ones below the
// marker: an answer that the text above does not hold.
func (s *splitter) answersBelow(marker int) bool {
	if !isQuoted(s.lines[marker]) {
		return false
	}
	for i := marker + 1; i < len(s.lines); i++ {
		line := s.lines[i]
		switch {
		case blank(line) || isQuoted(line):
		case strings.TrimSpace(line) == "--" || s.sentFrom(i):
			return false
		case isQuoted(s.lines[i-1]) && (i == marker+1 || line[0] >= 'a' && line[0] <= 'z' && len(s.lines[i-1]) >= 60):
			// the rest of a line that was broken
		default:
			return true
		}
	}
	return false
}
