package message

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// pieces are what replies are made of, and what looks like it.
var pieces = []string{
	"new words", "", "  ", "> old", ">> older", ">", "＞ old", "| old", "MM> old", "--", "-- ", "__", "—", "________________________________",
	"On Mon, 15 Jan 2024 at 10:30, Max <max@muster.example> wrote:", "On Monday he wrote:", "Max wrote:", "<max@muster.example>", "wrote:",
	"-----Original Message-----", "---------- Forwarded message ---------", "Begin forwarded message:", "From: Max <max@muster.example>", "Sent: Monday, 15 January 2024 10:30",
	"To: Ann", "Subject: plug", "Von:", "*Gesendet:* Montag", "Received: by x", "```", "1,2c3", "< old", "---", "Sent from my iPhone", "Best regards,", "Ann Archer", "Tel. +1 555 0100 22",
	"This e-mail is confidential and for the intended recipient only. If you got it in error, delete the message and tell us about it, please.",
	Marker, "> " + Marker, "##- Please type your reply above this line -##", "2024年1月15日(月) 10:30 <max@muster.example>:", "a\u200eb: c", "\x1cx", "x\x1d", "\x1ey",
}

// sameLines checks that the parts have exactly the lines of a text, in order.
func sameLines(t interface{ Fatalf(string, ...any) }, text string, parts ...string) {
	count := map[string]int{}
	for _, part := range parts {
		if !utf8.ValidString(part) {
			t.Fatalf("invalid UTF-8: %q", part)
		}
		for line := range strings.SplitSeq(part, "\n") {
			count[line]++
		}
		if !inOrder(text, part) {
			t.Fatalf("%q is not in the order of %q", part, text)
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if count[line]--; count[line] < 0 && !blank(line) {
			t.Fatalf("line %q of %q is lost", line, text)
		}
	}
	for line, n := range count {
		if n > 0 && !blank(line) {
			t.Fatalf("line %q is %d times too often, or not in %q", line, n, text)
		}
	}
}

// inOrder reports whether the lines of part stand in text in the same order.
func inOrder(text, part string) bool {
	lines := strings.Split(text, "\n")
	for line := range strings.SplitSeq(part, "\n") {
		if blank(line) {
			continue
		}
		i := slices.Index(lines, line)
		if i < 0 {
			return false
		}
		lines = lines[i+1:]
	}
	return true
}

func TestNoLineIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 40).Draw(t, "pieces"), "\n")
		of := about{rapid.Bool().Draw(t, "known"), rapid.Bool().Draw(t, "forward"), rapid.Bool().Draw(t, "reply")}
		s := splitText(text, of)
		sameLines(t, dropMarks(text), s.fresh, s.quoted, s.signature)
		if s.forwarded != nil && !s.passedOn {
			t.Fatalf("forwarded without being passed on: %q", text)
		}
	})
}

// Whatever stands below the marker is never the text above it.
func TestNothingBelowTheMarkerIsAbove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12)
		text := strings.Join(draw.Draw(t, "above"), "\n") + "\n" + Marker + "\nSECRET\n" + strings.Join(draw.Draw(t, "below"), "\n")
		s := splitText(text, about{known: true})
		if !s.marker || strings.Contains(s.above, "SECRET") || strings.Contains(s.fresh, "SECRET") {
			t.Fatalf("above %q, fresh %q", s.above, s.fresh)
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add(strings.Join(pieces, "\n"), false)
	f.Add("new\n\nOn 1 Jan 2024, A <a@x.org> wrote:\n> old", true)
	f.Add("Von: A <a@x.org>\nGesendet: Montag\nBetreff: x\n\nold", true)
	f.Add("> q\na\n> q\nb\n-- \nc", false)
	f.Fuzz(func(t *testing.T, text string, forward bool) {
		text = strings.ToValidUTF8(text, "\ufffd")
		s := splitText(text, about{known: true, forward: forward})
		sameLines(t, dropMarks(text), s.fresh, s.quoted, s.signature)
		LooksQuoted(text)
		if s.forwarded != nil {
			f := s.forwarded.in(time.Time{})
			if !utf8.ValidString(f.Date + f.Subject + f.Text + f.From.Name) {
				t.Fatalf("invalid UTF-8 in %+v", f)
			}
		}
	})
}

// hostileTexts are long texts of what costs most to look at.
func hostileTexts() map[string]string {
	texts := map[string]string{}
	for name, unit := range map[string]string{
		"quotes": "> \n", "deep quotes": strings.Repeat(">", 1000) + "\n", "attributions": "On 1 Jan 2024 at 10:30, a@b wrote:\n", "colons": ":\n", "numbers": "1:\n",
		"on": "On On On ", "on in lines": "On\n", "underscores": "__\n", "spaced underscores": "__\n\n", "rules": "----\n", "labels": "From: a\nTo: b\n", "blocks": "From: a@b\nTo: b\nSubject: c\n\n",
		"telephones": "\nSent from my iPhone\n", "hyphens": "--\n", "signatures": "-- \na\n> b\n", "one line": "x ", "one line of verbs": "wrote: ", "fences": "```\n", "hunks": "1c2\n> a\n", "blank": "\n",
		"closings": "Regards\n", "markers": "##- \n", "alternating": "> a\nb\n", "separators": "---x---\n", "marks": "\x1da\x1e\n", "quote marks": "\x1c\n", "disclaimers": "confidential mail intended\n\n", "labels in a row": "Subject:\n",
		"runs on": "a@b 1:1:  \n", "wrapped": "<a@b>\nwrote:\n", "block without end": "From: a@b\nTo: b,\n  c\n",
	} {
		texts[name] = strings.Repeat(unit, 256<<10/len(unit))
	}
	return texts
}

func TestHostileTextsAreCheap(t *testing.T) {
	for name, text := range hostileTexts() {
		t.Run(name, func(t *testing.T) {
			// A text of a quarter of the size tells what is linear on any machine.
			cost := func(text string) time.Duration {
				return work(t, func() {
					for _, of := range []about{{}, {known: true}, {known: true, forward: true}} {
						splitText(text, of)
					}
				})
			}
			small, large := cost(text[:len(text)/4]), cost(text)
			if large > 2*time.Second && large > 12*small {
				t.Errorf("a quarter takes %v, all of it %v", small, large)
			}
			if d := work(t, func() { LooksQuoted(text) }); d > 2*time.Second {
				t.Errorf("LooksQuoted takes %v", d)
			}
		})
	}
}

func BenchmarkSplit(b *testing.B) {
	text := strings.Repeat("The printer burns: please help me with it, and tell me what to do.\n", 20) +
		"\nOn Mon, 15 Jan 2024 at 10:30, Max <max@muster.example> wrote:\n" + strings.Repeat("> Pull the plug.\n", 40)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		splitText(text, about{known: true, reply: true})
	}
}
