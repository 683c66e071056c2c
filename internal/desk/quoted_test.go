package desk

import (
	"bytes"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Lines that go past the encoder must come out as it would have written them.
func TestWriteQuoted(t *testing.T) {
	piece := rapid.SampledFrom([]string{
		"\n", "\n\n", "\r", " ", "\t", "=", "word", "ü", "\x00", "\x7f", strings.Repeat("x", 70), strings.Repeat("x", 75), strings.Repeat("x", 76), strings.Repeat("word ", 15),
	})
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(rt, "text"), "")
		var want, got bytes.Buffer
		qp := quotedprintable.NewWriter(&want)
		io.WriteString(qp, strings.ReplaceAll(text, "\n", "\r\n"))
		qp.Close()
		if writeQuoted(&got, text); got.String() != want.String() {
			rt.Fatalf("%q is written %q, want %q", text, &got, &want)
		}
	})
}
