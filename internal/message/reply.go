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
	s := splitText(cleanText(text), about{})
	return s.fresh, s.quoted, s.signature, s.inline
}

// split fills in what is new in the text, what is not, and what is passed on.
func (m *Message) split() {
	s := splitText(m.Text, m.about())
	m.Text = dropMarks(m.Text)
	m.Fresh, m.Quoted, m.Signature, m.Inline = s.fresh, s.quoted, s.signature, s.inline
	m.Above, m.HasMarker, m.PassedOn = s.above, s.marker, s.passedOn
	if s.forwarded != nil {
		m.Forwarded = s.forwarded.in(m.Date)
	}
}

// about is what the header says about the text.
func (m *Message) about() about {
	return about{
		known:   true,
		forward: isForward(m.Subject, m.Text),
		reply:   len(m.InReplyTo) > 0 || len(m.References) > 0 || isReply(m.Subject),
	}
}

// replySplit is a text taken apart.
type replySplit struct {
	fresh, quoted, signature, above string
	inline, marker, passedOn        bool
	forwarded                       *forwardedText
}

func splitText(text string, of about) replySplit {
	s := splitter{about: of, lines: strings.Split(text, "\n"), budget: maxSpend, passed: -1, hint: -1}
	s.kinds = make([]kind, len(s.lines))
	s.cut = len(s.lines)
	if hasMarks(text) {
		s.takeMarks()
	}
	s.findCode()
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
	} else {
		s.signatures()
	}
	r.inline = s.arrange() || r.inline || s.unclear
	parts := s.parts()
	if of.known && !of.reply && !r.marker && len(parts[own]) == 0 && len(parts[quote]) > 0 {
		r.inline = true // nobody answers here: what looks quoted is what they say
		parts = [3][]string{own: s.lines}
	}
	r.fresh, r.quoted, r.signature = joinLines(parts[own]), joinLines(parts[quote]), joinLines(parts[sig])
	return r
}

// parts are the lines of each kind. Blank lines belong to what stands above, so
// that parts keep their paragraphs.
func (s *splitter) parts() (parts [3][]string) {
	var count [3]int
	for i := range s.kinds {
		if i > 0 && i < s.cut && blank(s.lines[i]) {
			s.kinds[i] = s.kinds[i-1]
		}
		count[s.kinds[i]]++
	}
	for k, n := range count {
		parts[k] = make([]string, 0, n)
	}
	for i, k := range s.kinds {
		parts[k] = append(parts[k], s.lines[i])
	}
	for k := range parts {
		if !slices.ContainsFunc(parts[k], func(line string) bool { return !blank(line) }) {
			parts[k] = nil
		}
	}
	return parts
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
// separator, the end of an attribution, or the header of a mail. It errs
// towards yes: it is for who must not pass on a word that is not the sender's.
func LooksQuoted(text string) bool {
	lines := strings.Split(text, "\n")
	seen, seenAt := label(0), -1
	for i, line := range lines {
		t := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(t, ">") || strings.HasPrefix(t, "|") || strings.HasPrefix(t, "＞") || quotePrefix(line) != "",
			isSeparator(line, originalWords), isSeparator(line, forwardWords), asksToAnswerAbove(line),
			endsAttribution(line) && (strings.Contains(t, "@") || mentions(strings.ToLower(t), verbs)):
			return true
		}
		if l, _ := labelOf(line); l != 0 {
			const near = 4 // lines between two of one header
			if i-seenAt > near {
				seen = 0
			}
			if seen, seenAt = seen|l, i; seen&labelFrom != 0 && seen&^labelFrom != 0 {
				return true
			}
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
