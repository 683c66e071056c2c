// Package tag holds the subject tag: a ticket number between a start and an end
// mark, as in "Printer on fire [ID:0002139]". The tag is what brings a reply
// back into its ticket, so it is written in one way and read forgivingly:
//
//   - marks are compared without regard to ASCII case, because some gateways
//     change the case of subjects;
//   - blanks may stand between a mark and the number, because folding and
//     re-encoding leave them there; never between digits, where two numbers
//     would become one;
//   - a blank in a mark stands for any run of blanks and tabs;
//   - the number is 1 to 19 ASCII digits, with or without leading zeros. Zero,
//     longer runs and digits of other scripts are no ticket number.
//
// # Which pairs are safe
//
// A pair must not occur by accident. Numbers in subjects stand between blanks
// and punctuation ("Order #1234", "[12] build failed", "Invoice (2024)"), after
// a word ("Room 12", "PO-12345"), and between runs of punctuation for emphasis
// ("!!! 50 !!!"). So a tag needs what none of these has, a frame and a label:
//
//   - The frame is the first character of the start and the last of the end. It
//     keeps the tag from beginning or ending inside a word. It is an opening and
//     a closing bracket, or one of # @ * | ~ ^ = + % $, which prose does not put
//     next to a word.
//   - The label is what makes the tag the desk's own: two letters or more in the
//     start mark, or a further # or @ in both marks.
//
// On top of that a pair is tried on a list of ordinary subjects (ordinary.txt),
// where every number counts as a match. Two different pairs of one desk must
// not be readable at the same number of any text. [Check] and [CheckAll] are
// the only place of these rules.
package tag

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// maxDigits keeps every number within uint64.
const maxDigits = 19

// Pair is a start and an end mark. A pair with an empty mark matches nothing.
type Pair struct{ Start, End string }

// Found is one tag in a subject.
type Found struct {
	ID      uint64 // never zero
	At, End int    // octets subject[At:End], both marks included
}

// Format writes the tag of a ticket, the number padded to seven digits.
// Numbers of more than 19 digits cannot be read back.
func (p Pair) Format(id uint64) string {
	return fmt.Sprintf("%s%07d%s", p.Start, id, p.End)
}

// String is the pair as the configuration writes a retired one.
func (p Pair) String() string { return p.Start + " " + p.End }

// Parse reads a pair written as "START END". The last blank divides the marks,
// so the start mark may hold blanks.
func Parse(s string) (Pair, error) {
	i := strings.LastIndexByte(s, ' ')
	if i <= 0 || i == len(s)-1 {
		return Pair{}, fmt.Errorf("%q is not a pair of marks: write the start mark, one blank and the end mark, as in \"[ID: ]\"", clip(s))
	}
	return Pair{s[:i], s[i+1:]}, nil
}

// Same reports whether both pairs match the same texts: they differ at most in
// ASCII case and in blanks.
func (p Pair) Same(q Pair) bool { return p == q || p.canonical() == q.canonical() }

// canonical is the form in which pairs are compared: lower case, runs of blanks
// as one.
func (p Pair) canonical() Pair {
	start, end := p.inner()
	return Pair{canonicalMark(start), canonicalMark(end)}
}

func canonicalMark(m string) string {
	b := make([]byte, 0, len(m))
	for i := 0; i < len(m); i++ {
		if isBlank(m[i]) {
			b = append(b, ' ')
			i = skipBlanks(m, i) - 1
			continue
		}
		b = append(b, lowerByte(m[i]))
	}
	return string(b)
}

// inner cuts the blanks next to the number: they match none as well as many.
func (p Pair) inner() (start, end string) {
	return strings.TrimRight(p.Start, " \t"), strings.TrimLeft(p.End, " \t")
}

// Find returns all tags of a subject from left to right. They do not overlap.
// The subject is unfolded and decoded. The time is linear in its length.
func (p Pair) Find(subject string) []Found {
	start, end := p.inner()
	if start == "" || end == "" {
		return nil
	}
	var found []Found
	first := lowerByte(start[0])
	for i := 0; i < len(subject); {
		if c := lowerByte(subject[i]); c != first && !isBlank(c) {
			i++
			continue
		}
		f, ok := match(subject, i, start, end)
		if !ok {
			i++
			continue
		}
		found = append(found, f)
		i = f.End
	}
	return found
}

// match reads a tag that begins at octet i. Each run of blanks is walked at
// most once for each blank of the marks, so that all calls on one subject
// together stay linear.
func match(s string, i int, start, end string) (Found, bool) {
	j, ok := mark(s, i, start)
	if !ok {
		return Found{}, false
	}
	from := skipBlanks(s, j)
	to := from
	for to < len(s) && to-from <= maxDigits && isDigit(s[to]) {
		to++
	}
	if to == from || to-from > maxDigits {
		return Found{}, false
	}
	j, ok = mark(s, skipBlanks(s, to), end)
	if !ok {
		return Found{}, false
	}
	id, err := strconv.ParseUint(s[from:to], 10, 64)
	return Found{ID: id, At: i, End: j}, err == nil && id != 0
}

// mark compares s from octet i with a mark and returns where the mark ends.
func mark(s string, i int, m string) (int, bool) {
	for k := 0; k < len(m); {
		if i >= len(s) {
			return 0, false
		}
		if isBlank(m[k]) {
			if !isBlank(s[i]) {
				return 0, false
			}
			i, k = skipBlanks(s, i), skipBlanks(m, k)
			continue
		}
		if lowerByte(s[i]) != lowerByte(m[k]) {
			return 0, false
		}
		i, k = i+1, k+1
	}
	return i, true
}

// Strip removes every tag of the given pairs from a subject, also one that
// only comes together when another is removed: no pair that [Check] accepts
// finds anything in the result. Runs of blanks become one blank, outer ones are
// cut. The time is linear in the length of the subject.
func Strip(subject string, pairs []Pair) string {
	out := make([]byte, 0, len(subject))
	blank, cut := false, false // what stood before the next octet
	for i := range len(subject) {
		c := subject[i]
		if isBlank(c) {
			blank = true
			continue
		}
		if len(out) > 0 && (blank || cut && strings.IndexByte(",.;:!?)]}", c) < 0) {
			out = append(out, ' ')
		}
		out, blank, cut = append(out, c), false, false
		if n := tail(out, pairs); n > 0 {
			out, cut = bytes.TrimRight(out[:len(out)-n], " "), true
		}
	}
	return string(out)
}

// tail is the length of the tag that s ends with, or 0. Blanks in s are single,
// which bounds how long a tag can be.
func tail(s []byte, pairs []Pair) int {
	for _, p := range pairs {
		if p.End == "" || lowerByte(p.End[len(p.End)-1]) != lowerByte(s[len(s)-1]) {
			continue
		}
		longest := len(p.Start) + len(" ") + maxDigits + len(" ") + len(p.End)
		window := string(s[max(0, len(s)-longest):])
		for _, f := range p.Find(window) {
			if f.End == len(window) {
				return f.End - f.At
			}
		}
	}
	return 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// skipBlanks returns the first octet from i that is no blank.
func skipBlanks(s string, i int) int {
	for i < len(s) && isBlank(s[i]) {
		i++
	}
	return i
}

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// clip keeps what is quoted in an error short.
func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
