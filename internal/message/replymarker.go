package message

import "strings"

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

// asksToAnswerAbove reports a line such as "##- Please type your reply above
// this line -##", which other desks put into their mails.
func asksToAnswerAbove(line string) bool {
	const most = 200 // octets of such a line
	if isProseLine(line) && !strings.Contains(line, "above this line") {
		return false
	}
	t := strings.Trim(line, " \t>*_")
	if len(t) < 8 || len(t) > most {
		return false
	}
	ruled := strings.Contains(ruleSigns+"[(/<", firstRune(t))
	if !ruled && !strings.Contains(t, "above this line") {
		return false
	}
	low := strings.ToLower(t)
	return mentionsAny(low, aboveWords) && mentionsAny(low, answerWords) && (ruled || hasAnyPrefix(low, []string{"please ", "reply ", "write ", "type ", "answer ", "respond "}))
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
	if start, sure := s.attributionAt(at - 1); sure != noAttribution {
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
		case isQuoted(s.lines[i-1]) && (i == marker+1 || line[0] >= 'a' && line[0] <= 'z' && len(s.lines[i-1]) >= longLine):
			// the rest of a line that was broken
		default:
			return true
		}
	}
	return false
}
