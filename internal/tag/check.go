package tag

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// MaxMark is how long a start or an end mark may be, in octets: the subject
// must stay a subject.
const MaxMark = 20

// ordinary holds subjects as they come every day, one a line.
//
//go:embed ordinary.txt
var ordinary string

// The characters of the rules in the package comment.
const (
	openers  = "[({"
	closers  = "])}"
	framing  = "#@*|~^=+%$" // stand for a bracket on either side
	labelled = "#@"         // stand for a label when both marks have one more
	unsafe   = "\"\\<>&`"   // quoted, escaped or taken for markup on the way
)

// replyPrefixes are what mail programs put before a subject and remove again,
// with a colon.
const replyPrefixes = "re fw fwd aw wg sv vs antw tr rv res enc odp ynt ref rif i r"

// Check returns the reasons why a pair could be taken for something else, or
// lost on the way, each a sentence. No reason means that the pair is fine.
func Check(p Pair) []string {
	if p.Start == "" || p.End == "" {
		return []string{"A tag needs a start mark and an end mark; without both, every number in a subject could be one."}
	}
	reasons := append(checkMark("start", p.Start), checkMark("end", p.End)...)
	if len(reasons) > 0 {
		return reasons
	}
	start, end := p.inner()
	if start == "" || end == "" {
		return []string{"A mark of blanks alone is no mark: blanks stand around every number."}
	}
	if isDigit(start[len(start)-1]) || isDigit(end[0]) {
		reasons = append(reasons, "A digit stands next to the ticket number and would be read as part of it; put another character between them.")
	}
	reasons = append(reasons, checkShape(start, end)...)
	if w := replyPrefix(start); w != "" {
		reasons = append(reasons, fmt.Sprintf("The start mark holds %q, which mail programs add to subjects and remove again.", w))
	}
	for subject := range strings.Lines(ordinary) {
		if subject = strings.TrimSpace(subject); len(p.Find(subject)) > 0 {
			reasons = append(reasons, fmt.Sprintf("An ordinary subject would be read as a ticket's: %q.", subject))
			break
		}
	}
	if len(reasons) == 0 && !readsBack(p) {
		reasons = append(reasons, "The tag cannot be read back as it is written; make the marks shorter or more different from each other.")
	}
	return reasons
}

// checkMark looks at the characters of one mark.
func checkMark(which, m string) (reasons []string) {
	add := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	if len(m) > MaxMark {
		add("The %s mark is %d characters long; at most %d leave room for the subject.", which, len(m), MaxMark)
	}
	if which == "start" && isSpace(m[0]) || which == "end" && isSpace(m[len(m)-1]) {
		add("The %s mark has white space at its outer edge, which is lost on the way.", which)
	}
	for i := range len(m) {
		if m[i] < ' ' || m[i] >= 0x7f {
			add("The %s mark holds a control or non-ASCII character; only printable ASCII survives every mail system.", which)
			break
		}
	}
	if i := strings.IndexAny(m, unsafe); i >= 0 {
		add("The %s mark holds %c, which mail programs and gateways take for markup or quoting and change.", which, m[i])
	}
	if strings.Contains(m, "=?") || strings.Contains(m, "?=") {
		add("The %s mark holds =? or ?=, which mail programs take for encoded text (RFC 2047).", which)
	}
	return reasons
}

// checkShape demands a frame and a label; see the package comment.
func checkShape(start, end string) (reasons []string) {
	first, last := start[0], end[len(end)-1]
	if !strings.ContainsRune(openers+framing, rune(first)) {
		reasons = append(reasons, fmt.Sprintf("The start mark begins with %q, so the tag could begin in the middle of other text; begin it with an opening bracket or one of %s.", first, spaced(framing)))
	}
	if !strings.ContainsRune(closers+framing, rune(last)) {
		reasons = append(reasons, fmt.Sprintf("The end mark ends with %q, so the tag could end in the middle of other text; end it with a closing bracket or one of %s.", last, spaced(framing)))
	}
	if !hasLabel(start, end) {
		reasons = append(reasons, "Nothing tells the tag from a number that somebody just put into punctuation; add a label of two letters or more to the start mark, as in \"[ID:\", or # to both marks, as in \"##\" and \"##\".")
	}
	return reasons
}

func hasLabel(start, end string) bool {
	letters := 0
	for i := range len(start) {
		if isLetter(start[i]) {
			letters++
		}
	}
	return letters >= 2 ||
		strings.ContainsAny(start[1:], labelled) && strings.ContainsAny(end[:len(end)-1], labelled)
}

// replyPrefix returns the reply prefix that a start mark holds as a word.
func replyPrefix(start string) string {
	for rest := start; ; {
		i := strings.IndexByte(rest, ':')
		if i < 0 {
			return ""
		}
		j := i
		for j > 0 && isLetter(rest[j-1]) {
			j--
		}
		for p := range strings.FieldsSeq(replyPrefixes) {
			if strings.EqualFold(rest[j:i], p) {
				return rest[j : i+1]
			}
		}
		rest = rest[i+1:]
	}
}

// sample numbers: the shortest, the padded, the longest that can be read.
func samples() []uint64 {
	return []uint64{1, 10, 2139, 9999999, 12345678, 9999999999999999999}
}

// readsBack reports whether the tag of a number is found as a whole, once, also
// beside another one.
func readsBack(p Pair) bool {
	for _, n := range samples() {
		one := p.Format(n)
		f := p.Find(one + one)
		if len(f) != 2 || f[0] != (Found{n, 0, len(one)}) || f[1] != (Found{n, len(one), 2 * len(one)}) {
			return false
		}
	}
	return true
}

// Named is a pair and where it is set.
type Named struct {
	Name string // in words, such as "mailbox.support" or "mailbox.support, retired"
	Pair Pair
}

// Problem is one reason against one of the pairs given to [CheckAll].
type Problem struct {
	Index int // of the pair in the argument
	Name  string
	Text  string // a sentence
	End   bool   // the end mark is to blame, by itself
}

// CheckAll checks all pairs of a desk, retired ones too: each by itself, and
// each different two against each other. The same pair may be used any number
// of times. Problems come in the order of the pairs; two pairs that collide are
// reported once, at the later one. Pairs with a mark longer than [MaxMark] are
// not compared.
func CheckAll(named []Named) (problems []Problem) {
	seen := map[Pair]bool{} // by canonical form
	var earlier []reading
	for i, n := range named {
		for _, text := range Check(n.Pair) {
			problems = append(problems, Problem{i, n.Name, text, strings.HasPrefix(text, "The end mark ")})
		}
		r := n.reading()
		if seen[r.canonical] || len(n.Pair.Start) > MaxMark || len(n.Pair.End) > MaxMark {
			continue
		}
		for _, other := range earlier {
			if r.collides(other) {
				problems = append(problems, Problem{Index: i, Name: n.Name, Text: fmt.Sprintf(
					"The tag %s can be read in the same text as %s of %s; make their start or their end marks differ where they touch the number.",
					n.Pair.Format(1), other.Pair.Format(1), other.Name)})
			}
		}
		seen[r.canonical] = true
		earlier = append(earlier, r)
	}
	return problems
}

// reading is a pair prepared for comparison with others.
type reading struct {
	Named
	canonical Pair
	texts     []string // tags that may hold another, when a mark holds a digit
}

func (n Named) reading() reading {
	r := reading{Named: n, canonical: n.Pair.canonical()}
	if strings.ContainsAny(n.Pair.Start+n.Pair.End, "0123456789") {
		r.texts = []string{n.Pair.Format(1), n.Pair.Start + " 1 " + n.Pair.End}
	}
	return r
}

// collides reports whether some text holds tags of both pairs with the same
// number, or whether the tag of one holds a tag of the other. For the first,
// what stands directly before the number must fit both start marks, and what
// stands directly behind it both end marks: one is the end, or the beginning,
// of the other. For the second without the first, a mark must hold a number.
func (r reading) collides(other reading) bool {
	a, b := r.canonical, other.canonical
	starts := strings.HasSuffix(a.Start, b.Start) || strings.HasSuffix(b.Start, a.Start)
	ends := strings.HasPrefix(a.End, b.End) || strings.HasPrefix(b.End, a.End)
	return starts && ends || r.holds(other.Pair) || other.holds(r.Pair)
}

// holds reports whether a tag of the pair holds one of the other.
func (r reading) holds(other Pair) bool {
	return slices.ContainsFunc(r.texts, func(text string) bool { return len(other.Find(text)) > 0 })
}

func isSpace(c byte) bool { return strings.IndexByte(" \t\r\n\v\f", c) >= 0 }

// spaced puts a blank between the characters of a set, for a sentence.
func spaced(set string) string { return strings.Join(strings.Split(set, ""), " ") }
