package message

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// Folding is what it is said to be: words in lower case, one blank between them.
func TestFold(t *testing.T) {
	piece := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{" ", "\r\n", "\u00a0", "It’s", "“Größe”", "`a`", "\x00", "\x7f", "\xff", "MiXed"}))
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOf(piece).Draw(rt, "text"), "")
		words := strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || unicode.IsSpace(r) })
		want := strings.Map(foldRune, strings.ReplaceAll(strings.Join(words, " "), "`", "'"))
		if got := fold(text); got != want {
			rt.Fatalf("%q is folded to %q, want %q", text, got, want)
		}
	})
}

// What is found is what a look for each phrase finds.
func TestFound(t *testing.T) {
	groups := [][]string{{"out of office", "away", "fax"}, {"of off", "ooo", "größe"}, {"off", "office"}}
	p := newPhrases(groups...)
	piece := rapid.SampledFrom([]string{"out of office", "out of", " ", "off", "office", "ooo", "fax", "x", "gr", "öße", "größe", "aw", "ay"})
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOf(piece).Draw(rt, "text"), "")
		want := uint32(0)
		for i, list := range groups {
			for _, phrase := range list {
				for at := range text {
					if strings.HasPrefix(text[at:], phrase) && (len(phrase) > 3 || whole(text, at, len(phrase))) {
						want |= 1 << i
					}
				}
			}
		}
		if got := p.found(text); got != want {
			rt.Fatalf("%q has groups %b, want %b", text, got, want)
		}
	})
}

// The cheap looks pass every text, in any case, that the closer ones would find
// something in.
func TestMayBeIn(t *testing.T) {
	p := newPhrases([]string{"out of office", "größe", "абв"}, []string{"away"})
	piece := rapid.SampledFrom([]string{"out of office", "Out Of", " OFFICE", "GRÖ", "АБВ", "größe", "ße", "aWay", "x", "\u212a", "\xff", "\n"})
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 4).Draw(rt, "text"), "")
		low := strings.ToLower(text)
		if p.in(low) && !p.mayBeIn(text) {
			rt.Fatalf("the cheap look does not pass %q", text)
		}
		if match(low, 0, slices.Concat(p.lists...)) != 0 && !p.mayBegin(text) {
			rt.Fatalf("the cheap look does not pass %q as a beginning", text)
		}
	})
	if p.mayBeIn("a printer on fire") || p.mayBegin("printer") {
		t.Error("the cheap look passes what has nothing in it")
	}
}
