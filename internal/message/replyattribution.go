package message

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// strength says how sure it is that a text is an attribution.
type strength uint8

const (
	noAttribution strength = iota
	// weakAttribution is one when marked lines follow: "Max Muster wrote:".
	weakAttribution
	// strongAttribution is one whatever follows, as many mail programs do not
	// mark what they quote.
	strongAttribution
)

// Bounds of an attribution.
const (
	maxAttribution      = 500 // octets
	maxAttributionLines = 5
)

// attributionAt returns the line where the attribution begins that ends in a
// given line, and how sure it is one. The nearest beginning wins, unless one
// further up makes it surer, has a word that attributions begin with, or the
// address.
func (s *splitter) attributionAt(end int) (start int, sure strength) {
	if !endsAttribution(s.lines[end]) || !s.spend(len(s.lines[end])) {
		return -1, noAttribution
	}
	if isRuled(s.lines[end]) && containsVerb(strings.ToLower(s.lines[end])) {
		return end, strongAttribution
	}
	start = -1
	text := ""
	for i := end; i >= 0 && i > end-maxAttributionLines && !blank(s.lines[i]); i-- {
		line := strings.TrimSpace(unquote(s.lines[i]))
		if len(text)+len(line) > maxAttribution || i < end && (s.kinds[i] != own || endsSentence(line)) {
			break
		}
		without := !strings.Contains(text, "@")
		text = line + " " + text
		got := judge(text)
		if got > sure || got == sure && got != noAttribution && (beginsLike(line) || without && strings.Contains(line, "@") && strings.ContainsAny(line, "<(\"")) {
			start, sure = i, got
		}
	}
	return start, sure
}

// isRuled reports a line with a rule on both sides of its words.
func isRuled(line string) bool {
	t := strings.TrimSpace(line)
	return strings.HasPrefix(t, "---") && strings.HasSuffix(t, "---")
}

// runsOn returns what of a line is an attribution with the quoted text behind it
// on the same line, as Yahoo's program for Android writes; "" when it is none.
func runsOn(line string) string {
	i := strings.Index(line, ":  ")
	if i < 0 || i > maxAttribution || !strings.Contains(line[:i], "@") || judge(line[:i+1]) != strongAttribution {
		return ""
	}
	return line[:i+1]
}

// endsSentence reports a line behind which no attribution goes on.
func endsSentence(line string) bool {
	t := strings.TrimRight(line, " *_")
	return strings.HasSuffix(t, ":") || strings.HasSuffix(t, "!") || strings.HasSuffix(t, "?") ||
		strings.HasSuffix(t, ".") && len(t) > 60
}

// beginsLike reports a line with which an attribution may begin.
func beginsLike(line string) bool {
	t := strings.ToLower(clearMarks(line))
	return hasAnyPrefix(t, starts) || dateFirst(t)
}

// clearMarks drops what is not to be seen: marks of direction, odd blanks, bold.
func clearMarks(s string) string {
	return strings.TrimLeft(strings.Map(func(r rune) rune {
		switch {
		case r == 0x200e || r == 0x200f || isBidi(r) || r == '*':
			return -1
		case r == 0xa0 || r == 0x202f || r == 0x2009:
			return ' '
		}
		return r
	}, s), " -–—\t")
}

// endsAttribution is the cheap look that most lines do not pass.
func endsAttribution(line string) bool {
	t := strings.TrimRight(line, " \t*_-–—\u00a0\u200e\u200f\u202a\u202b\u202c\u2069")
	return strings.HasSuffix(t, ":") || strings.HasSuffix(t, "：") || strings.HasSuffix(t, "wrote") || strings.HasSuffix(t, "写道") ||
		strings.HasSuffix(t, "寫道") || strings.Contains(t, "wrote in message ") || len(t) < len(line)-2 && strings.HasSuffix(line, "-") && containsVerb(strings.ToLower(t))
}

// judge looks at a text that ends like an attribution for a date, a time, an
// address and a verb.
func judge(text string) strength {
	t := strings.ToLower(strings.TrimRight(clearMarks(text), " \t_-–—"))
	f := featuresOf(t)
	switch {
	case strings.ContainsAny(t, "?!") || strings.HasPrefix(t, "http"):
		return noAttribution
	case f.verb:
		return judgeVerb(t, f)
	case f.address && f.when() && f.words <= 20 && (f.addressLast && dateFirst(t) || f.dateLast):
		return strongAttribution
	case f.addressLast && f.words <= 12, f.address && f.date && f.time && f.words <= 20,
		f.date && f.time && (dateFirst(t) || hasAnyPrefix(t, starts)) && f.words <= 12 && strings.HasSuffix(t, ":"):
		return weakAttribution
	}
	return noAttribution
}

// judgeVerb judges a text that says that somebody wrote.
func judgeVerb(t string, f features) strength {
	begins := hasAnyPrefix(t, starts) || dateFirst(t)
	switch {
	case f.address && f.when() && f.words <= 40:
		return strongAttribution
	case f.person:
		return noAttribution
	case f.when() && f.words <= 25 && (begins || f.dateLast):
		if f.time {
			return strongAttribution
		}
		return weakAttribution
	case f.words <= 9, f.address && f.words <= 16:
		return weakAttribution
	}
	return noAttribution
}

// features are what a text has of an attribution. The text is in lower case.
type features struct {
	date, time, dateLast bool
	address, addressLast bool
	verb, person         bool
	words                int
}

func (f features) when() bool { return f.date || f.time }

func featuresOf(t string) features {
	f := features{verb: containsVerb(t)}
	end := strings.TrimRight(t, " :：)>]")
	last := 0
	for w := range strings.FieldsSeq(t) {
		f.words++
		w = strings.Trim(w, ",.;:()\"'")
		f.person = f.person || slices.Contains(persons, w)
		f.address = f.address || isAddressLike(w)
		last = len(w)
	}
	tail := end[max(0, len(end)-max(last, 5)):]
	f.addressLast = f.address && isAddressLike(lastWord(end))
	f.date, f.time = hasDate(t), hasTime(t)
	f.dateLast = f.when() && strings.ContainsAny(tail, "0123456789") && !f.addressLast
	return f
}

func lastWord(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }

// isAddressLike reports a word with an address in it.
func isAddressLike(w string) bool {
	i := strings.IndexByte(w, '@')
	return i > 0 && i < len(w)-1 && w[i-1] != '<' && w[i+1] != '>'
}

// dateFirst reports that a date is among the first two words.
func dateFirst(t string) bool {
	for range 2 {
		t = strings.TrimLeft(t, " \"'(")
		if r, _ := utf8.DecodeRuneInString(t); unicode.IsDigit(r) {
			return true
		}
		_, rest, ok := strings.Cut(t, " ")
		if !ok || len(t)-len(rest) > 30 {
			return false
		}
		t = rest
	}
	r, _ := utf8.DecodeRuneInString(t)
	return unicode.IsDigit(r) && len(t) > 0 || startsWithMonth(t)
}

// containsVerb reports that one of the verbs stands in a lower-case text as a
// word of its own.
func containsVerb(t string) bool {
	for _, v := range verbs {
		for at := 0; ; {
			i := strings.Index(t[at:], v)
			if i < 0 {
				break
			}
			at += i
			if wordAt(t, at) && wordEnds(t[at+len(v):]) {
				return true
			}
			at += len(v)
		}
	}
	return false
}

// wordAt reports whether a word begins at i: what comes before is no letter.
// Scripts without blanks begin words everywhere.
func wordAt(s string, i int) bool {
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	first, _ := utf8.DecodeRuneInString(s[i:])
	return i == 0 || first > 0x2e80 || r > 0x2e80 || !unicode.IsLetter(r) && r != '-' && r != '/' && r != '.'
}

func wordEnds(rest string) bool {
	r, _ := utf8.DecodeRuneInString(rest)
	return rest == "" || r > 0x2e80 || !unicode.IsLetter(r) && r != '-' && r != '.'
}

// hasTime reports a time of day such as 10:00, 10.00, 10h30, 10 am.
func hasTime(t string) bool {
	for i := 0; i+3 < len(t); i++ {
		if !digitAt(t, i) || i > 0 && (digitAt(t, i-1) || t[i-1] == '.' || t[i-1] == '/' || t[i-1] == '-' && i > 1 && digitAt(t, i-2)) {
			continue
		}
		n := i + 1
		if digitAt(t, n) {
			n++
		}
		rest := t[n:]
		switch {
		case len(rest) > 2 && (rest[0] == ':' || rest[0] == 'h' || rest[0] == '.') && digitAt(rest, 1) && digitAt(rest, 2) && !digitAt(rest, 3):
			if rest[0] != '.' || !strings.HasPrefix(rest[3:], ".") && rest[1] <= '5' {
				return true
			}
		case hasAnyPrefix(rest, clockWords):
			return true
		}
	}
	return strings.Contains(t, "٠:") || hasForeignTime(t)
}

var clockWords = []string{" am", " pm", "am ", "pm ", " a.m.", " p.m.", " uhr", " h ", "時", "时", "시", "點", "点"}

// hasForeignTime looks for a colon between digits that are not ASCII.
func hasForeignTime(t string) bool {
	for i, r := range t {
		if r == ':' && i > 0 {
			before, _ := utf8.DecodeLastRuneInString(t[:i])
			after, _ := utf8.DecodeRuneInString(t[i+1:])
			if before > 0x7f && unicode.IsDigit(before) && unicode.IsDigit(after) {
				return true
			}
		}
	}
	return false
}

// hasDate reports a year of four digits, three numbers with the same sign
// between them, or a day beside the name of a month.
func hasDate(t string) bool {
	run := 0
	for i := 0; i <= len(t); i++ {
		if digitAt(t, i) {
			run++
			continue
		}
		switch start := i - run; {
		case run == 4 && (strings.HasPrefix(t[start:], "19") || strings.HasPrefix(t[start:], "20") || strings.HasPrefix(t[start:], "25")):
			return true
		case run > 0 && run <= 2 && (numericDate(t[start:]) || startsWithMonth(t[i:]) || endsWithMonth(t[:start])):
			return true
		}
		run = 0
	}
	return strings.Contains(t, "٢٠") || strings.Contains(t, "۲۰") || strings.Contains(t, "۱۴")
}

// numericDate reports a beginning such as 1.2.24 or 01/02/2024.
func numericDate(t string) bool {
	var seps [2]byte
	for i := range 3 {
		n := 0
		for digitAt(t, n) {
			n++
		}
		if n == 0 || n > 4 {
			return false
		}
		t = t[n:]
		if i < 2 {
			if t == "" || !strings.ContainsRune("./-", rune(t[0])) {
				return false
			}
			seps[i] = t[0]
			t = strings.TrimLeft(t[1:], " ")
		}
	}
	return seps[0] == seps[1]
}

// startsWithMonth reports that the next word is the name of a month.
func startsWithMonth(t string) bool {
	t = strings.TrimLeft(t, " .,-")
	for _, small := range [...]string{"de ", "d'", "tháng ", "thg "} {
		t = strings.TrimPrefix(t, small)
	}
	end := strings.IndexFunc(t, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r) && r != '׳' })
	if end < 0 {
		end = len(t)
	}
	return monthOf(t[:end]) != 0
}

// endsWithMonth reports that the word before is the name of a month.
func endsWithMonth(t string) bool {
	t = strings.TrimRight(t, " .,-")
	return monthOf(t[strings.LastIndexAny(t, " .,(")+1:]) != 0
}

func digitAt(s string, i int) bool { return i >= 0 && i < len(s) && s[i] >= '0' && s[i] <= '9' }

func hasAnyPrefix(s string, list []string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return strings.HasPrefix(s, p) })
}
