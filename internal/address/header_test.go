package address

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// decode stands for the decoder of encoded words: it knows one.
func decode(s string) string {
	return strings.ReplaceAll(s, "=?utf-8?q?J=C3=B6rg_=3Cx=40y=2Ez=3E?=", "Jörg <x@y.z>")
}

// TestParseFromHonest: what people's programs write names one author.
func TestParseFromHonest(t *testing.T) {
	tests := []struct{ name, in, display, address string }{
		{"bare", "ann@x.y", "", "ann@x.y"},
		{"angle", "<ann@x.y>", "", "ann@x.y"},
		{"blanks inside the angle", "Ann < ann@x.y >", "Ann", "ann@x.y"},
		{"name", "Ann Lee <ann@x.y>", "Ann Lee", "ann@x.y"},
		{"no blank before the angle", "Ann<ann@x.y>", "Ann", "ann@x.y"},
		{"quoted name with a comma", `"Lee, Ann" <ann@x.y>`, "Lee, Ann", "ann@x.y"},
		{"quoted name with an at", `"Ann @ Home" <ann@x.y>`, "Ann @ Home", "ann@x.y"},
		{"quoted name with its own address", `"ann@x.y" <ann@x.y>`, "ann@x.y", "ann@x.y"},
		{"its own address, unquoted", "ann@x.y <ann@x.y>", "ann@x.y", "ann@x.y"},
		{"its own address in apostrophes", "'ann@x.y' <ann@x.y>", "'ann@x.y'", "ann@x.y"},
		{"quoted name with a whole other mailbox", `"Bob <bob@z.example>" <ann@x.y>`, "Bob <bob@z.example>", "ann@x.y"},
		{"quoted name with quotes", `"Ann \"A\" Lee" <ann@x.y>`, `Ann "A" Lee`, "ann@x.y"},
		{"quoted and plain words", `"Ann" M. "Lee" <ann@x.y>`, "Ann M. Lee", "ann@x.y"},
		{"dots in an unquoted name", "Dr. A. Lee Jr. <ann@x.y>", "Dr. A. Lee Jr.", "ann@x.y"},
		{"brackets in an unquoted name", "Ann [Acme] <ann@x.y>", "Ann [Acme]", "ann@x.y"},
		{"apostrophe", "Ann O'Lee <ann@x.y>", "Ann O'Lee", "ann@x.y"},
		{"comment as name", "ann@x.y (Ann Lee)", "Ann Lee", "ann@x.y"},
		{"comment with parentheses", "ann@x.y (Ann (Home) Lee)", "Ann (Home) Lee", "ann@x.y"},
		{"comment behind the angle", "Ann <ann@x.y> (home)", "Ann", "ann@x.y"},
		{"comment before the name", "(home) Ann <ann@x.y>", "Ann", "ann@x.y"},
		{"UTF-8 name", "Jörg Müller <j@x.y>", "Jörg Müller", "j@x.y"},
		{"UTF-8 address", "jörg@bücher.example", "", "jörg@xn--bcher-kva.example"},
		{"encoded name that decodes to a mailbox", "=?utf-8?q?J=C3=B6rg_=3Cx=40y=2Ez=3E?= <ann@x.y>", "Jörg <x@y.z>", "ann@x.y"},
		{"quoted local part", `"a b"@x.y`, "", `"a b"@x.y`},
		{"quoted local part and comment", `"a b"@x.y (Ann)`, "Ann", `"a b"@x.y`},
		{"quoted local part in an angle", `Ann <"a>b"@x.y>`, "Ann", `"a>b"@x.y`},
		{"literal", "a@[192.0.2.1]", "", "a@[192.0.2.1]"},
		{"tabs", "Ann\tLee\t<ann@x.y>", "Ann Lee", "ann@x.y"},
		{"empty quoted name", `"" <ann@x.y>`, "", "ann@x.y"},
		{"text that turns around", "Ann\u202e eeL <ann@x.y>", "Ann eeL", "ann@x.y"},
		{"empty list element", "ann@x.y,", "", "ann@x.y"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ParseFrom([]string{tt.in}, decode)
			if err != nil || m.Name != tt.display || m.Address.String() != tt.address {
				t.Fatalf("got %q %q, %v", m.Name, m.Address, err)
			}
			if again, err := ParseFrom([]string{m.String()}, nil); err != nil || again != m {
				t.Errorf("%q reads back as %q, %v", m.String(), again, err)
			}
		})
	}
}

// TestParseFromAttacks: whatever two readers could take for two authors names
// none; guess is what a person is shown.
func TestParseFromAttacks(t *testing.T) {
	tests := []struct {
		name  string
		in    []string
		err   error
		guess string
	}{
		{"no field", nil, ErrNoFrom, ""},
		{"two fields", []string{"a@x.y", "b@x.y"}, ErrTwoFrom, "a@x.y"},
		{"the same field twice", []string{"a@x.y", "a@x.y"}, ErrTwoFrom, "a@x.y"},
		{"two fields, the first empty", []string{"", "b@x.y"}, ErrTwoFrom, ""},
		{"empty", []string{""}, errNoMailbox, ""},
		{"only a comment", []string{"(a@x.y)"}, ErrAmbiguous, "a@x.y"},
		{"two mailboxes", []string{"a@x.y, b@x.y"}, ErrManyMailbox, "a@x.y"},
		{"two mailboxes with names", []string{"A <a@x.y>, B <b@x.y>"}, ErrManyMailbox, "a@x.y"},
		{"the same mailbox twice", []string{"a@x.y,a@x.y"}, ErrManyMailbox, "a@x.y"},
		{"two with only a blank between", []string{"a@x.y b@x.y"}, ErrManyMailbox, "a@x.y"},
		{"two angles with only a blank between", []string{"A <a@x.y> B <b@x.y>"}, ErrAmbiguous, "a@x.y"},
		{"an angle too many", []string{"A <<a@x.y>>"}, ErrAmbiguous, "a@x.y"},
		{"a scheme without angles", []string{"A [mailto:a@x.y]"}, ErrGroup, "a@x.y"},
		{"group", []string{"Team: a@x.y;"}, ErrGroup, "a@x.y"},
		{"empty group", []string{"undisclosed-recipients:;"}, ErrGroup, ""},
		{"group without an end", []string{"Team: a@x.y"}, ErrGroup, "a@x.y"},
		{"address as the name of a group", []string{"b@x.y: a@x.y;"}, ErrGroup, "a@x.y"},
		{"semicolon between", []string{"a@x.y; b@x.y"}, ErrGroup, "a@x.y"},
		{"route", []string{"<@h.example:a@x.y>"}, ErrRoute, "a@x.y"},
		{"route of two", []string{"<@h.example,@i.example:a@x.y>"}, ErrRoute, "a@x.y"},
		{"encoded word as local part", []string{"=?utf-8?q?a?=@x.y"}, ErrEncodedWord, ""},
		{"encoded word as address", []string{"<=?utf-8?q?a=40x.y?=>"}, ErrEncodedWord, ""},
		{"encoded word in an angle", []string{"<=?utf-8?q?a?=@x.y>"}, ErrEncodedWord, "=?utf-8?q?a?=@x.y"},
		{"NUL in the address", []string{"a@x.y\x00.z"}, ErrControl, ""},
		{"NUL in the name", []string{"A\x00 <a@x.y>"}, ErrControl, "a@x.y"},
		{"NUL behind", []string{"<a@x.y>\x00"}, ErrControl, "a@x.y"},
		{"line break", []string{"a@x.y\r\nFrom: b@x.y"}, ErrControl, "b@x.y"},
		{"delete", []string{"A\x7f <a@x.y>"}, ErrControl, "a@x.y"},
		{"address as a name", []string{"a@x.y <c@z.example>"}, ErrAmbiguous, "c@z.example"},
		{"address among the names", []string{"Ann a@x.y <c@z.example>"}, ErrAmbiguous, "c@z.example"},
		{"quoted address as a name", []string{`"a"@x.y <c@z.example>`}, ErrAmbiguous, "c@z.example"},
		{"its own address and another name", []string{"a@x.y Ann <a@x.y>"}, ErrAmbiguous, "a@x.y"},
		{"two angles", []string{"<a@x.y> <c@z.example>"}, ErrAmbiguous, "a@x.y"},
		{"two angles without a blank", []string{"<a@x.y><c@z.example>"}, ErrAmbiguous, "a@x.y"},
		{"second angle empty", []string{"Ann <a@x.y><>"}, ErrAmbiguous, "a@x.y"},
		{"angle in an angle", []string{"<<a@x.y>>"}, ErrAmbiguous, "a@x.y"},
		{"angle opened twice", []string{"<a@x.y <c@z.example>"}, ErrSyntax, ""},
		{"trailing word", []string{"<a@x.y> garbage"}, ErrAmbiguous, "a@x.y"},
		{"trailing address", []string{"<a@x.y> c@z.example"}, ErrAmbiguous, "a@x.y"},
		{"trailing quoted string", []string{`<a@x.y> "c@z.example"`}, ErrAmbiguous, "a@x.y"},
		{"trailing word after a bare address", []string{"a@x.y garbage"}, ErrAmbiguous, "a@x.y"},
		{"word before a bare address", []string{"garbage a@x.y"}, ErrAmbiguous, "a@x.y"},
		{"quoted address only", []string{`"a@x.y"`}, ErrAmbiguous, "a@x.y"},
		{"no closing angle", []string{"Ann <a@x.y"}, ErrAmbiguous, "a@x.y"},
		{"no opening angle", []string{"Ann a@x.y>"}, ErrAmbiguous, "a@x.y"},
		{"no closing quote", []string{`"Ann <a@x.y>`}, ErrAmbiguous, "a@x.y"},
		{"no closing quote in the angle", []string{`<"a@x.y>`}, ErrAmbiguous, "a@x.y"},
		{"no closing comment", []string{"a@x.y (<c@z.example>"}, ErrAmbiguous, "a@x.y"},
		{"comment that ends in a backslash", []string{`a@x.y (c\`}, ErrAmbiguous, "a@x.y"},
		{"comment nested too deep", []string{"a@x.y " + strings.Repeat("(", 40) + strings.Repeat(")", 40)}, ErrAmbiguous, "a@x.y"},
		{"comment that holds an address in an angle", []string{"a@x.y (<c@z.example>)"}, ErrAmbiguous, "a@x.y"},
		{"comment in the local part", []string{"a(x)@x.y"}, ErrAmbiguous, "a@x.y"},
		{"comment in the domain", []string{"a@x.y(c).z"}, ErrAmbiguous, "a@x.y.z"},
		{"comment in the angle", []string{"<a@x.y(c)>"}, ErrAmbiguous, "a@x.y"},
		{"blank in the address", []string{"a @x.y"}, ErrAmbiguous, "a@x.y"},
		{"backslash outside quotes", []string{`x\"<c@z.example>" <a@x.y>`}, ErrAmbiguous, "a@x.y"},
		{"quoted string as half a local part", []string{`"a"b@x.y`}, ErrAmbiguous, "b@x.y"},
		{"two ats", []string{"a@x.y@z.example"}, ErrSyntax, ""},
		{"unquoted comma in the name", []string{"Lee, Ann <a@x.y>"}, ErrSyntax, "a@x.y"},
		{"no address at all", []string{"MAILER-DAEMON"}, ErrSyntax, ""},
		{"null path", []string{"<>"}, ErrSyntax, ""},
		{"not UTF-8 in the address", []string{"a\xff@x.y"}, ErrSyntax, ""},
		{"apostrophes around", []string{"'a@x.y'"}, ErrAmbiguous, "a@x.y"},
		{"bad domain", []string{"a@-x.y"}, ErrDomain, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ParseFrom(tt.in, decode)
			if !errors.Is(err, tt.err) || m.Address.String() != tt.guess {
				t.Errorf("got %q, %v; want %q, %v", m.Address, err, tt.guess, tt.err)
			}
		})
	}
}

func TestParseList(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
	}{
		{"empty", "", nil},
		{"three forms", `a@x.y, B <b@x.y>, "C, D" <c@x.y>`, []string{"a@x.y", "B <b@x.y>", `"C, D" <c@x.y>`}},
		{"group", "Team: a@x.y, B <b@x.y>; c@x.y", []string{"a@x.y", "B <b@x.y>", "c@x.y"}},
		{"empty group", "undisclosed-recipients:;", nil},
		{"semicolons", "a@x.y; b@x.y;", []string{"a@x.y", "b@x.y"}},
		{"empty elements", ",, a@x.y ,,", []string{"a@x.y"}},
		{"folded", "a@x.y,\r\n\tb@x.y", []string{"a@x.y", "b@x.y"}},
		{"unreadable ones are left out", "nobody, a@x.y, <>, b@-bad-, c@x.y", []string{"a@x.y", "c@x.y"}},
		{"unquoted comma", "Lee, Ann <a@x.y>", []string{`"Lee, Ann" <a@x.y>`}},
		{"address among words", "please to a@x.y thanks, b@x.y", []string{"please to thanks <a@x.y>", "b@x.y"}},
		{"blanks in the address", "ann @ x . y, b@x.y", []string{"ann@x.y", "b@x.y"}},
		{"doubled dot", "Ann <a..b.@x.y>", []string{`Ann <"a..b."@x.y>`}},
		{"mailto", "<mailto:a@x.y>, [b@x.y]", []string{"a@x.y", "b@x.y"}},
		{"all in an encoded word", "=?utf-8?q?J=C3=B6rg_=3Cx=40y=2Ez=3E?=", []string{"Jörg <x@y.z>"}},
		{"all in quotes", `"Ann <a@x.y>", b@x.y`, []string{"Ann <a@x.y>", "b@x.y"}},
		{"name and address in brackets", "Ann [a@x.y]", []string{"Ann <a@x.y>"}},
		{"address in a comment", "Ann (a@x.y)", []string{"Ann <a@x.y>"}},
		{"comments in the address", "Ann(x) <a(his)@x.y(hers)>", []string{"Ann <a@x.y>"}},
		{"apostrophes", "'a@x.y'", []string{"a@x.y"}},
		{"route", "<@h.example:a@x.y>", []string{"a@x.y"}},
		{"no closing angle", "B <b@x.y", []string{"B <b@x.y>"}},
		{"no closing angle before another", "B <b@x.y, C <c@x.y, d@x.y", []string{"B <b@x.y>", "C <c@x.y>", "d@x.y"}},
		{"mailto in brackets", "Ann Lee [mailto:a@x.y], MAILTO:b@x.y", []string{"Ann Lee <a@x.y>", "b@x.y"}},
		{"doubled angles", "Ann <<a@x.y>>", []string{"Ann <a@x.y>"}},
		{"only blanks between", "a@x.y b@x.y", []string{"a@x.y", "b@x.y"}},
		{"angles with only blanks between", "A <a@x.y> B <b@x.y> <c@x.y>", []string{"A <a@x.y>", "B <b@x.y>", "c@x.y"}},
		{"words behind the angle", "A <a@x.y> home, b@x.y", []string{"A home <a@x.y>", "b@x.y"}},
		{"comments", "a@x.y (Ann), (x) b@x.y", []string{"Ann <a@x.y>", "x <b@x.y>"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, m := range ParseList(tt.in, decode) {
				got = append(got, m.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if n := len(ParseList(strings.Repeat("a@x.y,", 5000), nil)); n != maxListMailbox {
		t.Errorf("%d mailboxes of 5000, want %d", n, maxListMailbox)
	}
}

func TestMailboxString(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"", "a@x.y"},
		{"Ann Lee", "Ann Lee <a@x.y>"},
		{"Jörg", "Jörg <a@x.y>"},
		{"Lee, Ann", `"Lee, Ann" <a@x.y>`},
		{`A "B" \C`, `"A \"B\" \\C" <a@x.y>`},
		{"x\r\nBcc: b@x.y", `"x  Bcc: b@x.y" <a@x.y>`},
		{"Jörg <b@x.y>", `"Jörg <b@x.y>" <a@x.y>`},
	} {
		if got := (Mailbox{Name: tt.name, Address: must(t, "a@x.y")}).String(); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.name, got, tt.want)
		}
	}
}
