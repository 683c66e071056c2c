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
	begin [1 << 10]uint64 // a bit for each key that a phrase begins with
	rank  [1 << 10]uint16 // how many bits stand before each word of begin
	lists [][]phrase      // for each bit of begin, in order
}

type phrase struct {
	text  string
	group uint32 // one bit
}

// newPhrases makes the index of lists whose phrases are folded and have at
// least three octets.
func newPhrases(groups ...[]string) *phrases {
	byKey := map[uint16][]phrase{}
	for i, list := range groups {
		for _, text := range list {
			key := phraseKey(text[0], text[1], text[2])
			byKey[key] = append(byKey[key], phrase{text, 1 << i})
		}
	}
	p := &phrases{}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		p.begin[key>>6] |= 1 << (key & 63)
		p.lists = append(p.lists, byKey[key])
	}
	n := 0
	for i, word := range p.begin {
		p.rank[i] = uint16(n)
		n += bits.OnesCount64(word)
	}
	return p
}

// phraseKey tells the three octets that phrases begin with apart; letters of
// ASCII entirely.
func phraseKey(a, b, c byte) uint16 {
	return uint16(a)<<10 ^ uint16(b)<<5 ^ uint16(c)
}

// starting are the phrases that begin with a key.
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
	for i := 0; i+2 < len(text); i++ {
		list := p.starting(phraseKey(text[i], text[i+1], text[i+2]))
		for j := range list {
			f := &list[j]
			end := i + len(f.text)
			if groups&f.group != 0 || end > len(text) || text[end-1] != f.text[len(f.text)-1] { // as most do
				continue
			}
			if text[i:end] == f.text && (len(f.text) > 3 || whole(text, i, len(f.text))) {
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
	out := make([]byte, 0, len(s))
	blank := false
	for i := 0; i < len(s); {
		r, n := rune(folded[s[i]]), 1
		if s[i] >= utf8.RuneSelf {
			if r, n = utf8.DecodeRuneInString(s[i:]); unicode.IsSpace(r) {
				r = 0
			} else {
				r = foldRune(r)
			}
		}
		i += n
		if r == 0 {
			blank = true
			continue
		}
		if blank && len(out) > 0 {
			out = append(out, ' ')
		}
		blank = false
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}

// folded are the signs of ASCII as fold writes them, 0 for blanks.
var folded = makeFolded()

func makeFolded() (t [256]byte) {
	for c := byte('!'); c < utf8.RuneSelf; c++ {
		t[c] = c
		switch {
		case c >= 'A' && c <= 'Z':
			t[c] += 'a' - 'A'
		case c == '`':
			t[c] = '\''
		}
	}
	return t
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
