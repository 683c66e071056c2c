package message

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// mailInMemory is a mail as a server has it that has just received it.
type mailInMemory struct {
	*bytes.Reader
	octets []byte
	run    int // octets that lie together
}

func newMailInMemory(b []byte, run int) mailInMemory {
	return mailInMemory{bytes.NewReader(b), b, run}
}

func (m mailInMemory) Held(from int64) []byte {
	if from < 0 || from >= int64(len(m.octets)) {
		return nil
	}
	return m.octets[from:min(len(m.octets), (int(from)/m.run+1)*m.run)]
}

// checkInMemory reads a mail where it is: the result is the same, and the octets
// are left as they were.
func checkInMemory(t interface{ Fatalf(string, ...any) }, raw []byte, lim Limits, want *Message) {
	for _, run := range []int{len(raw) + 1, len(raw)/2 + 1, 7} {
		c := newMailInMemory(bytes.Clone(raw), run)
		got := Read(c, ReadHeader(c, lim), lim)
		if !bytes.Equal(c.octets, raw) {
			t.Fatalf("reading has changed the octets of %q", raw)
		}
		clear(c.octets) // as another mail would
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b error) bool { return (a == nil) == (b == nil) })); d != "" {
			t.Fatalf("in memory, in runs of %d octets, %.2000q reads\n%s", run, raw, d)
		}
	}
}

func TestInMemory(t *testing.T) {
	part := rapid.SampledFrom([]string{
		"\nhello\n", "\nhello\n-- \nAnn\n", "Content-Type: text/plain; charset=iso-8859-1\n\nGr\xfc\xdfe\n", "Content-Type: text/plain; charset=utf-7\n\n+AGE-\n",
		"Content-Type: text/html\n\n<p>a &amp; b\n", "Content-Transfer-Encoding: quoted-printable\n\na =\nb=20\n", "\nbegin 644 a.txt\n#86)C\n`\nend\n",
		"Content-Transfer-Encoding: base64\n\naGVsbG8=\n\nUsers mailing list\n", "Content-Transfer-Encoding: base64\n\nit only says so\n",
		"Content-Type: message/rfc822\n\nSubject: inner\n\ntext\n", "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n" + base64Lines(20<<10) + "\n",
		"Content-Type: application/x\n\n" + strings.Repeat("not encoded\n", 4000), "Content-Type: text/plain\n\n" + strings.Repeat("x", 40<<10), "no header at all",
	})
	rapid.Check(t, func(rt *rapid.T) {
		raw := []byte(multipart("mixed", rapid.SliceOfN(part, 1, 6).Draw(rt, "parts")...))
		if rapid.Bool().Draw(rt, "crlf") {
			raw = []byte(crlf(string(raw)))
		}
		raw = raw[:rapid.IntRange(0, len(raw)).Draw(rt, "length")]
		lim := Limits{TextBytes: 16 << 10}
		c := bytes.NewReader(raw)
		checkInMemory(rt, raw, lim, Read(c, ReadHeader(c, lim), lim))
	})
}
