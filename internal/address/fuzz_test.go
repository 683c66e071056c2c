package address

import (
	"fmt"
	"strings"
	"testing"
)

// FuzzParse: what is read is valid, and reads back from its own text.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"a@x.y", `"a b"@x.y`, `"a\"\\@"@[192.0.2.1]`, "jörg@bücher.example", "a@[IPv6:::1]", "a+b@x.y.", "\u212a@x.y", "a@例え。テスト", "@", `"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := ParseUnquoted(s); err == nil {
			readsBack(t, a)
		}
		a, err := Parse(s)
		if err != nil {
			if !a.IsZero() {
				t.Fatalf("%q: an error and the address %q", s, a)
			}
			return
		}
		readsBack(t, a)
	})
}

func readsBack(t *testing.T, a Address) {
	t.Helper()
	if a.IsZero() || len(a.Local()) > MaxLocal || len(a.Domain()) > MaxDomain {
		t.Fatalf("%q is no address", a)
	}
	if strings.ContainsFunc(a.String(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Fatalf("%q holds a control character", a.String())
	}
	b, err := Parse(a.String())
	if err != nil || a != b || !a.Equal(b) {
		t.Fatalf("%q reads back as %q, %v", a.String(), b, err)
	}
	lower, err := Parse(strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, a.String()))
	if err == nil && !a.IsASCII() {
		return // literals and A-labels aside, ASCII case never matters
	}
	if err == nil && !a.Equal(lower) {
		t.Fatalf("%q and %q are two addresses", a, lower)
	}
}

// FuzzParseFrom: a From without an error names exactly one mailbox, also to
// the forgiving reader, and its text reads back as the same.
func FuzzParseFrom(f *testing.F) {
	for _, s := range []string{
		"a@x.y", "Ann <a@x.y>", `"Lee, Ann" <a@x.y>`, "a@x.y (Ann)", "a@x.y <c@z.example>", "Team: a@x.y;", "<@h:a@x.y>",
		`"a b"@x.y`, `x\"<c@d>" <a@b>`, "a@x.y (", "<a@x.y><>", "Jörg\u202e <j@x.y>", "=?utf-8?q?a?= <a@x.y>", "a@x.y,", "(x) <a@b> (y)",
		"'a@b' <a@b>", `"" <a@b>`, "a@b (\xff)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseFrom([]string{s}, nil)
		list := ParseList(s, nil)
		if len(list) > 0 && list[0] != m || len(list) == 0 && m != (Mailbox{}) {
			t.Fatalf("ParseFrom %q, ParseList %q", m, list)
		}
		if err != nil {
			return
		}
		if len(list) != 1 || m.Address.IsZero() {
			t.Fatalf("%q passes and names %d mailboxes", s, len(list))
		}
		readsBack(t, m.Address)
		again, err := ParseFrom([]string{m.String()}, nil)
		if err != nil || again != m {
			t.Fatalf("%q, written %q, reads back as %q, %v", s, m.String(), again, err)
		}
		if _, err := ParseFrom([]string{s, s}, nil); err == nil {
			t.Fatalf("%q passes twice", s)
		}
	})
}

// hostile are values of which a naive reader makes quadratic work.
func hostile(size int) map[string]string {
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	return map[string]string{
		"open comments":      fill("("),
		"comments":           fill("()"),
		"quotes":             fill(`"`),
		"escaped quotes":     `"` + fill(`\"`),
		"angles":             fill("<"),
		"commas":             fill(","),
		"semicolons":         fill(";"),
		"words":              fill("a "),
		"half addresses":     fill("a@ "),
		"bad addresses":      fill("a@-,"),
		"many angles":        fill("<>"),
		"long angle, many":   "<@" + strings.Repeat("a", size/2) + ">" + strings.Repeat("<>", size/4),
		"quotes in angles":   fill(`<"`),
		"one local part":     fill("a"),
		"one domain":         "a@" + fill("a."),
		"addresses":          fill("a@b,"),
		"international name": "a@" + fill("ü."),
	}
}

// TestHostile ends soon only because the time is linear: quadratic work on
// these would take minutes, not the milliseconds that BenchmarkHostile shows.
func TestHostile(t *testing.T) {
	for name, value := range hostile(1 << 20) {
		t.Run(name, func(t *testing.T) {
			m, err := ParseFrom([]string{value}, nil)
			if err == nil {
				t.Errorf("passes as %.80q", fmt.Sprint(m))
			}
			if err != nil && len(err.Error()) > 600 {
				t.Errorf("an error of %d octets", len(err.Error()))
			}
			if n := len(ParseList(value, nil)); n > maxListMailbox {
				t.Errorf("%d mailboxes", n)
			}
		})
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, value := range hostile(1 << 20) {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			for b.Loop() {
				ParseList(value, nil)
			}
		})
	}
}

func BenchmarkParseFrom(b *testing.B) {
	values := []string{`"Lee, Ann" <ann.lee@mail.example.org>`}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseFrom(values, nil); err != nil {
			b.Fatal(err)
		}
	}
}
