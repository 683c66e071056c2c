package tag

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckAccepts(t *testing.T) {
	for _, p := range []Pair{
		{"[ID:", "]"},
		{"{HD-", "}"},
		{"[#Desk-", "]"},
		{"##", "##"},
		{"[ID: ", "]"},
		{"(Acme#", ")"},
		{"[example.com #", "]"},
		{"[#", "#]"},
		{"#HD-", "#"},
		{"[Ticket#", "]"},
		{"[SUP-", "]"},
		{"{Desk2-", "}"},
		{"@@", "@@"},
		{"[ID:", ")"},
		{"[TwentyLettersLong#-", "]"},
	} {
		t.Run(p.String(), func(t *testing.T) {
			if got := Check(p); len(got) > 0 {
				t.Errorf("refused: %s", strings.Join(got, " "))
			}
		})
	}
}

func TestCheckRefuses(t *testing.T) {
	const (
		empty   = "needs a start mark and an end mark"
		frame   = "begins with"
		frameE  = "ends with"
		label   = "Nothing tells the tag"
		subject = "An ordinary subject"
	)
	tests := []struct {
		name string
		pair Pair
		want []string // part of each reason
	}{
		{"the reference's own example", Pair{"!", "?"}, []string{frame, frameE, label, subject}},
		{"hash and blank", Pair{"#", " "}, []string{"white space at its outer edge"}},
		{"hash and hash", Pair{"#", "#"}, []string{label, subject}},
		{"square brackets", Pair{"[", "]"}, []string{label, subject}},
		{"parentheses", Pair{"(", ")"}, []string{label, subject}},
		{"braces", Pair{"{", "}"}, []string{label, subject}},
		{"angle brackets", Pair{"<", ">"}, []string{"markup", "markup"}},
		{"doubled brackets", Pair{"[[", "]]"}, []string{label, subject}},
		{"pull request", Pair{"(#", ")"}, []string{label, subject}},
		{"issue", Pair{"[#", "]"}, []string{label, subject}},
		{"issue tracker", Pair{"[JIRA-", "]"}, []string{subject}},
		{"bug tracker", Pair{"[Bug ", "]"}, []string{subject}},
		{"bug tracker without the blank", Pair{"[Bug", "]"}, []string{subject}},
		{"month", Pair{"(May", ")"}, []string{subject}},
		{"one letter", Pair{"[T", "]"}, []string{label, subject}},
		{"reply prefix", Pair{"Re:", "]"}, []string{frame, "\"Re:\""}},
		{"reply prefix and blank", Pair{"Re:", " "}, []string{"outer edge"}},
		{"reply prefix in brackets", Pair{"[AW: ", "]"}, []string{"\"AW:\""}},
		{"second reply prefix", Pair{"[x:Fwd:", "]"}, []string{"\"Fwd:\""}},
		{"word", Pair{"Order", "!"}, []string{frame, frameE, subject}},
		{"word and hash", Pair{"ID:", "#"}, []string{frame}},
		{"inside a word", Pair{"HD-", "]"}, []string{frame}},
		{"end inside a word", Pair{"[HD-", "a"}, []string{frameE}},
		{"emphasis", Pair{"**", "**"}, []string{label, subject}},
		{"no start", Pair{"", "]"}, []string{empty}},
		{"no end", Pair{"[ID:", ""}, []string{empty}},
		{"nothing", Pair{}, []string{empty}},
		{"outer blank", Pair{" [ID:", "]"}, []string{"start mark has white space"}},
		{"outer tab", Pair{"[ID:", "]\t"}, []string{"end mark has white space", "control"}},
		{"only blanks inside", Pair{"[ID:", " \t"}, []string{"white space", "control"}},
		{"tab inside", Pair{"[ID:\t", "]"}, []string{"control"}},
		{"line break", Pair{"[ID\r\nBcc:", "]"}, []string{"control"}},
		{"not ASCII", Pair{"[Störung-", "]"}, []string{"control or non-ASCII"}},
		{"digit before the number", Pair{"[Desk2", "]"}, []string{"A digit stands next"}},
		{"digit before a blank before the number", Pair{"[Desk2 ", "]"}, []string{"A digit stands next"}},
		{"digit behind the number", Pair{"[ID:", "0]"}, []string{"A digit stands next"}},
		{"start too long", Pair{"[TwentyOneLettersLong", "]"}, []string{"21 characters"}},
		{"end too long", Pair{"[ID:", "TwentyOneLettersLong]"}, []string{"21 characters"}},
		{"quote", Pair{"[\"ID", "]"}, []string{"markup or quoting"}},
		{"encoded word", Pair{"[=?ID", "]"}, []string{"encoded text"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Check(tt.pair)
			if len(got) != len(tt.want) {
				t.Fatalf("reasons: %q\nwant parts: %q", got, tt.want)
			}
			for i := range got {
				if !strings.Contains(got[i], tt.want[i]) {
					t.Errorf("reason %d is %q, want it to contain %q", i, got[i], tt.want[i])
				}
				if !strings.HasSuffix(got[i], ".") {
					t.Errorf("%q is no sentence", got[i])
				}
			}
		})
	}
}

// No pair of two single characters is safe, whichever they are, and none that
// only puts letters around the number.
func TestCheckRefusesEverySingleCharacter(t *testing.T) {
	for a := byte(0); a < 0x80; a++ {
		for b := byte(0); b < 0x80; b++ {
			if p := (Pair{string(a), string(b)}); Check(p) == nil {
				t.Errorf("%q is accepted", p)
			}
		}
	}
}

func TestOrdinarySubjectsHoldNumbers(t *testing.T) {
	seen := map[string]bool{}
	for line := range strings.Lines(ordinary) {
		line = strings.TrimSuffix(line, "\n")
		if line != strings.TrimSpace(line) || !strings.ContainsAny(line, "0123456789") || seen[line] {
			t.Errorf("%q has outer blanks, no number, or stands twice", line)
		}
		seen[line] = true
	}
	if len(seen) < 100 {
		t.Errorf("only %d subjects", len(seen))
	}
}

func TestCheckAll(t *testing.T) {
	tests := []struct {
		name string
		a, b Pair
		bad  bool
	}{
		{"identical", Pair{"[ID:", "]"}, Pair{"[ID:", "]"}, false},
		{"identical but for case", Pair{"[ID:", "]"}, Pair{"[id:", "]"}, false},
		{"identical but for inner blanks", Pair{"[ID:", "]"}, Pair{"[ID: ", "]"}, false},
		{"nothing in common", Pair{"[ID:", "]"}, Pair{"{HD-", "}"}, false},
		{"common end", Pair{"[ID:", "]"}, Pair{"[HD:", "]"}, false},
		{"common start", Pair{"[ID:", "]"}, Pair{"[ID:", ")"}, false},
		{"similar start", Pair{"[ID:", "]"}, Pair{"[GRID:", "]"}, false},
		{"start ends with the other", Pair{"[ID:", "]"}, Pair{"#[ID:", "]"}, true},
		{"end begins with the other", Pair{"[ID:", "]"}, Pair{"[ID:", "]]"}, true},
		{"inside the other", Pair{"##", "##"}, Pair{"###", "###"}, true},
		{"crossing", Pair{"#HD-", "##"}, Pair{"##HD-", "#"}, true},
		{"whole tag in a mark", Pair{"[ID:", "]"}, Pair{"[ID:5][HD-", "]"}, true},
		{"case does not help", Pair{"[ID:", "]"}, Pair{"#[id:", "]"}, true},
		{"blanks do not help", Pair{"[My Desk:", "]"}, Pair{"#[my  desk: ", " ]"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, order := range [][]Named{{{"one", tt.a}, {"two", tt.b}}, {{"one", tt.b}, {"two", tt.a}}} {
				got := CheckAll(order)
				if (len(got) > 0) != tt.bad {
					t.Errorf("%q and %q: %v", tt.a, tt.b, got)
				}
			}
		})
	}
}

// The rule by marks finds every tag inside a tag: what a search of the written
// tags finds, it refuses.
func TestCollisionsAreComplete(t *testing.T) {
	marks := []string{"[", "]", "#", "##", "[ID:", "[id: ", "ID:", "D:", "[5]", "#5#", "[ID:5]", " ]", "]]", "]#", "a b", "a  b "}
	var pairs []Pair
	for _, start := range marks {
		for _, end := range marks {
			pairs = append(pairs, Pair{start, end})
		}
	}
	for _, a := range pairs {
		for _, b := range pairs {
			found := false
			for _, n := range samples() {
				found = found || len(b.Find(a.Format(n))) > 0 || len(b.Find(fmt.Sprint(a.Start, " ", n, "  ", a.End))) > 0
			}
			if found && !(Named{"", a}.reading().collides(Named{"", b}.reading())) {
				t.Fatalf("%q is read in the tag of %q", b, a)
			}
		}
	}
}

func TestCheckAllOfManyMailboxes(t *testing.T) {
	var named []Named
	for i := range 500 {
		named = append(named, Named{fmt.Sprint(i), Pair{fmt.Sprintf("[Desk%d-", i), "]"}})
	}
	if got := CheckAll(named); len(got) > 0 {
		t.Errorf("%d problems, the first is %v", len(got), got[0])
	}
}

func TestCheckAllSaysWhich(t *testing.T) {
	got := CheckAll([]Named{
		{"mailbox.a", Pair{"[ID:", "]"}},
		{"mailbox.b", Pair{"[", "]"}},
		{"mailbox.c", Pair{"[ID:", "]"}},
		{"mailbox.c, retired", Pair{"ID:", "]"}},
	})
	var where []string
	for _, p := range got {
		where = append(where, p.Name)
		if p.Name == "mailbox.c, retired" && p.Index != 3 {
			t.Errorf("index %d", p.Index)
		}
	}
	want := []string{"mailbox.b", "mailbox.b", "mailbox.c, retired", "mailbox.c, retired"}
	if diff := cmp.Diff(want, where); diff != "" {
		t.Errorf("%s\n%v", diff, got)
	}
	if last := got[len(got)-1].Text; !strings.Contains(last, "[ID:0000001] of mailbox.a") {
		t.Errorf("the other pair is not named: %s", last)
	}
}

// Whatever pair Check accepts is read back, and never found in an ordinary
// subject.
func FuzzCheck(f *testing.F) {
	f.Add("[ID:", "]", uint64(2139))
	f.Add("##", "##", uint64(1))
	f.Add("!", "?", uint64(1))
	f.Fuzz(func(t *testing.T, start, end string, id uint64) {
		p := Pair{start, end}
		if len(Check(p)) > 0 || id == 0 || id > 9999999999999999999 {
			return
		}
		s := "Re: " + p.Format(id) + " x"
		got := p.Find(s)
		if len(got) != 1 || got[0].ID != id || s[got[0].At:got[0].End] != p.Format(id) {
			t.Fatalf("%q: %+v", s, got)
		}
	})
}
