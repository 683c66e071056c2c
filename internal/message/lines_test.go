package message

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// delimiters lists what the walker looks at: lines that begin with two hyphens,
// and where the line before each of them ends. quick passes over the others.
func delimiters(text io.ReaderAt, size int64, quick bool) (list []string) {
	lines := newLineReader(text, 0, size)
	defer lines.release()
	lastEnd := int64(0)
	for {
		if quick {
			if end, passed := lines.pass(); passed {
				lastEnd = end
			}
		}
		l, ok := lines.next()
		if !ok {
			return append(list, fmt.Sprint("end behind ", lastEnd))
		}
		if l.start && strings.HasPrefix(string(l.data), "--") {
			list = append(list, fmt.Sprintf("%d behind %d: %.80q", l.at, lastEnd, l.data))
		}
		lastEnd = l.at + int64(len(trimEOL(l.data)))
	}
}

// Passing over lines misses no delimiter and no line end, wherever the reader's
// buffer ends and wherever the lines are.
func TestPass(t *testing.T) {
	piece := rapid.SampledFrom([]string{
		"\n", "\r\n", "\r", "-", "--", "--boundary", "a line\r\n", "a-b", strings.Repeat("x", lineBuffer-3), strings.Repeat("-", 70), strings.Repeat("base64base64\r\n", 2000),
	})
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 30).Draw(rt, "text"), "")
		want := delimiters(strings.NewReader(text), int64(len(text)), false)
		for _, src := range []io.ReaderAt{strings.NewReader(text), newMailInMemory([]byte(text), len(text)+1), newMailInMemory([]byte(text), 100)} {
			got := delimiters(src, int64(len(text)), true)
			if strings.Join(want, "\n") != strings.Join(got, "\n") {
				rt.Fatalf("passing over lines of a text of %d octets in %T finds\n%s\nwant\n%s", len(text), src, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}
