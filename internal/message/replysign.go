package message

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// footerSigns may stand before a footer.
const footerSigns = " *_[("

// Bounds of signatures.
const (
	maxSignature = 12 // lines behind a sign that may as well divide a text
	maxFooter    = 40 // lines of a disclaimer
	maxContact   = 8  // lines below a closing
)

// signatures marks signatures. One that is missed costs little; words taken for
// one are lost to the reader, so that in doubt nothing is.
func (s *splitter) signatures() {
	for _, r := range s.signs {
		if r[0] < s.cut && s.kinds[r[0]] == own && s.ownBeside(r) {
			s.mark(r[0], min(r[1], s.cut), sig)
		}
	}
	for i := 0; i < s.cut; i++ {
		if s.kinds[i] != own || blank(s.lines[i]) || s.code[i] {
			continue
		}
		switch {
		case s.delimiter(i):
			i = s.mark(i, s.cut, sig)
		case s.sentFrom(i):
			s.signSentFrom(i)
		}
	}
	for first := 0; first < s.cut; {
		end := s.runEnd(first)
		s.footer(first, end)
		s.closing(first, end)
		first = max(end, first+1)
	}
}

// mark gives own lines of a range a kind, up to the next quotation, and returns
// the last of them.
func (s *splitter) mark(from, to int, k kind) int {
	i := from
	for ; i < to && (s.kinds[i] == own || blank(s.lines[i])); i++ {
		s.kinds[i] = k
	}
	return i - 1
}

// ownBeside reports that the sender has words outside of a signature: people
// also write into its element.
func (s *splitter) ownBeside(r [2]int) bool {
	for i := range s.cut {
		if (i < r[0] || i >= r[1]) && s.kinds[i] == own && !blank(s.lines[i]) && !isRule(s.lines[i]) {
			return true
		}
	}
	return false
}

// runEnd returns the line behind the run of own lines that begins at a line.
func (s *splitter) runEnd(i int) int {
	for i < s.cut && (s.kinds[i] == own || blank(s.lines[i])) {
		i++
	}
	return i
}

// delimiter reports a line that begins a signature: "-- " (RFC 3676 §4.3), or
// what is like it and stands near the end.
func (s *splitter) delimiter(i int) bool {
	line := s.lines[i]
	t := strings.TrimSpace(line)
	switch {
	case line == "-- ":
		return true
	case t == "--":
		return !s.divides(i)
	case len(t) < 2 || isAlnum(t[0]) || strings.Trim(t, "—–") != "" && strings.Trim(t, "_") != "" || !s.anyOwn(i) || !s.spend(maxSignature):
		return false
	}
	return s.contactBelow(i + 1)
}

// anyOwn reports that there are words above a line.
func (s *splitter) anyOwn(at int) bool { return s.first < at }

// divides reports that a line of two hyphens divides a text, as grep does with
// what it finds: there are more of them, or more below than a signature has.
func (s *splitter) divides(i int) bool {
	if s.dividing {
		return true
	}
	n := 0
	for j := i + 1; j < s.cut && s.kinds[j] == own && n <= 2*maxSignature; j++ {
		switch t := strings.TrimSpace(s.lines[j]); {
		case t == "--" && j > 0 && !blank(s.lines[j-1]) && i > 0 && !blank(s.lines[i-1]):
			s.dividing = true
			return true
		case t != "":
			n++
		}
	}
	return n > 2*maxSignature
}

// contactBelow reports that the few lines below are those of a signature: short
// ones that are no sentences, or with something to reach somebody by.
func (s *splitter) contactBelow(from int) bool {
	n, contact, prose := 0, false, 0
	if from < s.cut && hasAnyPrefix(strings.ToLower(s.lines[from]), footers) {
		return true
	}
	for j := from; j < s.cut && s.kinds[j] == own; j++ {
		t := strings.TrimSpace(s.lines[j])
		if t == "" {
			continue
		}
		if n++; n > maxSignature || strings.HasSuffix(t, "?") {
			return false
		}
		contact = contact || isContact(t)
		if isProse(t) {
			prose++
		}
	}
	return n > 0 && (prose == 0 || contact && prose <= 1)
}

// isContact reports a line with an address, a link or a telephone number.
func isContact(t string) bool {
	return isAddressLike(t) || contactPhrases.mayBeIn(t) && contactPhrases.in(strings.ToLower(t)) || hasPhone(t)
}

var contactPhrases = newPhrases([]string{"www.", "http://", "https://", "mailing list"})

// hasPhone reports seven digits with nothing but signs of telephone numbers
// between them.
func hasPhone(t string) bool {
	n := 0
	for _, r := range t {
		switch {
		case unicode.IsDigit(r):
			if n++; n >= 7 {
				return true
			}
		case r < utf8.RuneSelf && isAlnum(byte(r)) || !strings.ContainsRune(" +-/().\u00a0", r):
			n = 0
		}
	}
	return false
}

// isProse reports a line that is part of a sentence.
func isProse(t string) bool {
	last, _ := utf8.DecodeLastRuneInString(t)
	return len(t) > 72 || strings.ContainsRune(".!?…。！？", last) && strings.Count(t, " ") >= 2 || strings.Count(t, " ") >= 10
}

// sentFrom reports the line that a mail program on a telephone adds.
func (s *splitter) sentFrom(i int) bool {
	if i > 0 && !blank(s.lines[i-1]) && s.kinds[i-1] == own && !isRule(s.lines[i-1]) {
		return false
	}
	line := strings.Trim(s.lines[i], " \t*_-–—[]()\u00a0\u200e\u200f\u202b\u202c")
	if line == "" || len(line) > 160 || !sentFromPhrases.mayBegin(line) && !devicePhrases.mayBeIn(line) {
		return false
	}
	text, _, _ := strings.Cut(line, "<") // a link to the program
	text, _, _ = strings.Cut(text, "http")
	text = strings.ToLower(strings.TrimRight(text, " ([.:"))
	if text == "" || len(text) > 120 || strings.Contains(text, ", ") || strings.Contains(text, ". ") || strings.Count(text, " ") > 10 {
		return false
	}
	ends := !strings.HasSuffix(strings.TrimSpace(s.lines[i]), ".")
	switch {
	case hasAnyPrefix(text, sentFromWords):
		return ends || strings.Contains(text, "proton") || devicePhrases.in(text)
	case devicePhrases.in(text):
		return mentionsEnd(text, sentFromEnds) || strings.Contains(text, "outlook")
	}
	return mentionsEnd(text, sentFromEnds) && (strings.HasPrefix(text, "von mei") || strings.Count(text, " ") <= 3 && strings.Contains(text, "から"))
}

func mentionsAny(t string, list []string) bool {
	for _, w := range list {
		if strings.Contains(t, w) {
			return true
		}
	}
	return false
}

func mentionsEnd(t string, list []string) bool {
	for _, w := range list {
		if strings.HasSuffix(t, w) {
			return true
		}
	}
	return false
}

// signSentFrom marks such a line. Below it, when the sender's words stand above,
// nobody writes: it is the mail that was answered, quoted without any mark.
func (s *splitter) signSentFrom(i int) {
	written := s.anyOwn(i)
	for ; i < s.cut && s.kinds[i] == own && !blank(s.lines[i]); i++ {
		s.kinds[i] = sig
	}
	if !written {
		s.unclear = s.unclear || s.runEnd(i) > i && strings.TrimSpace(strings.Join(s.lines[i:s.runEnd(i)], "")) != ""
		return
	}
	for ; i < s.cut && s.kinds[i] == own; i++ {
		switch {
		case blank(s.lines[i]):
		case s.delimiter(i), s.sentFrom(i), hasAnyPrefix(strings.ToLower(s.lines[i]), footers):
			return
		default:
			s.kinds[i] = quote
		}
	}
}

// footer marks what a company or a program puts at the end of a mail, from the
// first such paragraph of a run of own lines on.
func (s *splitter) footer(first, end int) {
	from := max(first, end-maxFooter)
	for i := from; i < end; i++ {
		if s.kinds[i] != own || blank(s.lines[i]) || i > first && !blank(s.lines[i-1]) && !isRule(s.lines[i-1]) {
			continue
		}
		if !s.anyOwn(i) {
			continue
		}
		last := s.paragraphEnd(i, end)
		if !mayBeFooter(s.lines[i:last]) {
			continue
		}
		text := strings.ToLower(strings.Join(s.lines[i:last], " "))
		if !hasAnyPrefix(strings.TrimLeft(text, footerSigns), footers) && !isDisclaimer(text) {
			continue
		}
		if i > first && isRule(s.lines[i-1]) {
			i--
		}
		s.mark(i, end, sig)
		return
	}
}

func (s *splitter) paragraphEnd(i, end int) int {
	for i < end && !blank(s.lines[i]) {
		i++
	}
	return i
}

// mayBeFooter is the cheap look that most paragraphs do not pass. The words of
// secrecy have no blanks, where a line may end.
func mayBeFooter(lines []string) bool {
	return footerPhrases.mayBegin(strings.TrimLeft(lines[0], footerSigns)) || slices.ContainsFunc(lines, secretPhrases.mayBeIn)
}

// isDisclaimer reports a paragraph on who may read the mail.
func isDisclaimer(text string) bool {
	return len(text) > 100 && secretPhrases.in(text) && mentionsAny(text, mailWords) && mentionsAny(text, recipientWords)
}

// closing marks a closing and what stands below it, at the end of a run of own
// lines, when that is more than a name: a block with a title, a company, ways to
// reach somebody. A closing with a name below is the author's own words.
func (s *splitter) closing(first, end int) {
	n := 0
	for i := end - 1; i > first; i-- {
		t := strings.TrimSpace(s.lines[i])
		switch {
		case s.kinds[i] == sig:
			end, n = i, 0
			continue
		case s.kinds[i] != own || n > maxContact || s.code[i]:
			return
		case t == "":
			continue
		case isClosing(t):
			if n >= 2 && s.anyOwn(i) && s.cardBelow(i+1, end) {
				s.mark(i, end, sig)
			}
			return
		case isThanks(t):
			if n >= 2 && s.anyOwn(i) && s.cardBelow(i+1, end) {
				s.mark(i+1, end, sig)
			}
			return
		case isProse(t) && !isContact(t):
			return
		}
		n++
	}
}

// cardBelow reports that what stands below a closing is more than a name and
// nothing said: there is a title, a company or a way to reach somebody.
func (s *splitter) cardBelow(from, end int) bool {
	card := false
	for _, line := range s.lines[from:end] {
		t := strings.ToLower(strings.TrimSpace(line))
		if strings.HasPrefix(t, "ps") || strings.HasPrefix(t, "p.s") {
			return false
		}
		card = card || isContact(t) || strings.ContainsAny(t, "@|&•·") || mentionsAny(t, titles)
	}
	return card && s.contactBelow(from)
}

// isClosing reports a line that ends a letter, in one language or two.
func isClosing(t string) bool {
	first, second, two := strings.Cut(bareLine(t), " / ")
	return closings[first] && (!two || closings[second])
}

// isThanks reports a line of thanks, which says something and stays.
func isThanks(t string) bool { return thanks[bareLine(t)] }

func bareLine(t string) string {
	return strings.ToLower(strings.Trim(t, " ,.!*_-–—;"))
}
