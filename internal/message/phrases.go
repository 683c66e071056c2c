package message

import (
	"maps"
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// phrases finds many phrases in one pass over a folded text. They come in at
// most 32 groups; what counts is which groups have one in the text.
type phrases struct {
	begin [1 << 10]uint64 // a bit for each pair of octets that a phrase begins with
	rank  [1 << 10]uint16 // how many bits stand before each word of begin
	lists [][]phrase      // for each bit of begin, in order
}

type phrase struct {
	text  string
	group uint32 // one bit
	third byte   // octet, to turn most of them down at once; 0 when there is none
}

// newPhrases makes the index of lists whose phrases are folded and have at
// least two octets.
func newPhrases(groups ...[]string) *phrases {
	byTwo := map[uint16][]phrase{}
	for i, list := range groups {
		for _, text := range list {
			key := uint16(text[0])<<8 | uint16(text[1])
			f := phrase{text: text, group: 1 << i}
			if len(text) > 2 {
				f.third = text[2]
			}
			byTwo[key] = append(byTwo[key], f)
		}
	}
	p := &phrases{}
	for _, key := range slices.Sorted(maps.Keys(byTwo)) {
		p.begin[key>>6] |= 1 << (key & 63)
		p.lists = append(p.lists, byTwo[key])
	}
	n := 0
	for i, word := range p.begin {
		p.rank[i] = uint16(n)
		n += bits.OnesCount64(word)
	}
	return p
}

// starting are the phrases that begin with a pair of octets.
func (p *phrases) starting(key uint16) []phrase {
	word, bit := p.begin[key>>6], uint64(1)<<(key&63)
	if word&bit == 0 {
		return nil
	}
	return p.lists[int(p.rank[key>>6])+bits.OnesCount64(word&(bit-1))]
}

// found returns the groups that have a phrase in the text. Very short phrases
// must be whole words: queue numbers hold any three letters.
func (p *phrases) found(text string) (groups uint32) {
	for i := 0; i+1 < len(text); i++ {
		third := byte(0)
		if i+2 < len(text) {
			third = text[i+2]
		}
		list := p.starting(uint16(text[i])<<8 | uint16(text[i+1]))
		for k := range list {
			f := &list[k]
			if (f.third == third || f.third == 0) && groups&f.group == 0 && strings.HasPrefix(text[i:], f.text) && (len(f.text) > 3 || whole(text, i, len(f.text))) {
				groups |= f.group
			}
		}
	}
	return groups
}

// in reports whether one of the phrases stands in the text.
func (p *phrases) in(text string) bool { return p.found(text) != 0 }

// whole reports that no letter or digit stands beside n octets of a text.
func whole(text string, at, n int) bool {
	return text[at] >= utf8.RuneSelf || (at == 0 || !isAlnum(text[at-1])) && (at+n == len(text) || !isAlnum(text[at+n]))
}

// fold makes a text comparable with the lists of phrases: lower case, one
// blank between words, plain apostrophes and quotes.
func fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	blank := false
	for i := 0; i < len(s); {
		c, n := rune(s[i]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRuneInString(s[i:])
		}
		i += n
		if c <= ' ' || c == '\u00a0' || c == '\u202f' || c == '\u3000' || c >= utf8.RuneSelf && unicode.IsSpace(c) {
			blank = b.Len() > 0
			continue
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		switch {
		case c >= 'A' && c <= 'Z':
			b.WriteByte(byte(c) + 'a' - 'A')
		case c == '`':
			b.WriteByte('\'')
		case c < utf8.RuneSelf:
			b.WriteByte(byte(c))
		default:
			b.WriteRune(foldRune(c))
		}
	}
	return b.String()
}

func foldRune(r rune) rune {
	switch r {
	case '’', '‘', '´':
		return '\''
	case '“', '”', '„', '«', '»':
		return '"'
	}
	return unicode.ToLower(r)
}

// containsAny reports whether one of a few phrases stands in a short text.
func containsAny(text string, list []string) bool {
	for _, p := range list {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

func startsWithAny(s string, list []string) bool {
	for _, p := range list {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// head is the beginning of a text, at most n octets of it.
func head(s string, n int) string { return s[:min(len(s), n)] }
