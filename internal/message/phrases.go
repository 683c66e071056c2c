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
	add := func(p phrase, fourth byte) {
		key := phraseKey(fourAt(p.text[:3]+string([]byte{fourth}), 0))
		byKey[key] = append(byKey[key], p)
	}
	for i, list := range groups {
		for _, text := range list {
			p := phrase{text, 1 << i}
			if len(text) > 3 {
				add(p, text[3])
				continue
			}
			for fourth := range 256 { // whatever follows
				if fourth&0x20 == 0 { // as the key has it
					add(p, byte(fourth))
				}
			}
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

// phraseKey tells the four octets that phrases begin with apart, most of them, and
// not by the case of ASCII letters.
func phraseKey(four uint32) uint16 { return uint16((four | 0x20202020) * 0x9e3779b1 >> 16) }

// fourAt are the four octets of a text from a place on.
func fourAt(text string, at int) uint32 {
	s := text[at : at+4]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// has reports whether there are phrases that begin with a key.
func (p *phrases) has(key uint16) bool { return p.begin[key>>6]>>(key&63)&1 != 0 }

// starting are the phrases that begin with a key.
func (p *phrases) starting(key uint16) []phrase {
	if !p.has(key) {
		return nil
	}
	before := p.begin[key>>6] & (1<<(key&63) - 1)
	return p.lists[int(p.rank[key>>6])+bits.OnesCount64(before)]
}

// found returns the groups that have a phrase in the text. Very short phrases
// must be whole words: queue numbers hold any three letters.
func (p *phrases) found(text string) (groups uint32) {
	for i := 0; i+4 <= len(text); i++ {
		if key := phraseKey(fourAt(text, i)); p.has(key) {
			groups |= match(text, i, p.starting(key))
		}
	}
	if i := len(text) - 3; i >= 0 {
		groups |= match(text, i, p.starting(phraseKey(fourAt(text[i:]+"\x00", 0))))
	}
	return groups
}

// match returns the groups of the phrases that stand at a place of the text.
func match(text string, at int, list []phrase) (groups uint32) {
	for _, p := range list {
		if strings.HasPrefix(text[at:], p.text) && (len(p.text) > 3 || whole(text, at, len(p.text))) {
			groups |= p.group
		}
	}
	return groups
}

// mayBeIn is a cheap look that most texts do not pass which have none of the
// phrases: those are in lower case, the text in any, and all have four octets.
func (p *phrases) mayBeIn(text string) bool {
	for i := 0; i+4 <= len(text); i++ {
		if four := fourAt(text, i); four&0x80808080 != 0 || p.has(phraseKey(four)) {
			return true
		}
	}
	return false
}

// mayBegin is the same for the beginning of a text.
func (p *phrases) mayBegin(text string) bool {
	if len(text) < 4 {
		return true
	}
	return p.mayBeIn(text[:4])
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
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		if r < utf8.RuneSelf && folded[r] == 0 || r >= utf8.RuneSelf && unicode.IsSpace(r) {
			blank = true
			i += n
			continue
		}
		if blank && len(out) > 0 {
			out = append(out, ' ')
		}
		blank = false
		if r >= utf8.RuneSelf {
			out = utf8.AppendRune(out, foldRune(r))
			i += n
			continue
		}
		for ; i < len(s) && folded[s[i]] != 0; i++ {
			out = append(out, folded[s[i]])
		}
	}
	return string(out)
}

// folded are the signs of ASCII as fold writes them, 0 for blanks and all others.
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
