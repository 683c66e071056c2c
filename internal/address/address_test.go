package address

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// want is an address taken apart, or the error that is expected instead.
type want struct {
	local, domain string
	err           error
}

func (w want) check(t *testing.T, a Address, err error) {
	t.Helper()
	if w.err != nil {
		if !errors.Is(err, w.err) || !a.IsZero() {
			t.Fatalf("got %q, %v; want error %q", a, err, w.err)
		}
		return
	}
	if err != nil || a.Local() != w.local || a.Domain() != Domain(w.domain) {
		t.Fatalf("got %q @ %q, %v; want %q @ %q", a.Local(), a.Domain(), err, w.local, w.domain)
	}
}

func TestParse(t *testing.T) {
	syntax, domain, length := want{err: ErrSyntax}, want{err: ErrDomain}, want{err: ErrLength}
	tests := []struct {
		name, in string
		want     want
	}{
		{"plain", "ann@example.org", want{local: "ann", domain: "example.org"}},
		{"case of the local part is kept", "Ann.Lee@Example.ORG", want{local: "Ann.Lee", domain: "example.org"}},
		{"every special character of an atom", "!#$%&'*+-/=?^_`{|}~@x.y", want{local: "!#$%&'*+-/=?^_`{|}~", domain: "x.y"}},
		{"one label", "support@localhost", want{local: "support", domain: "localhost"}},
		{"trailing dot", "a@example.org.", want{local: "a", domain: "example.org"}},
		{"underscore", "a@_x.example.org", want{local: "a", domain: "_x.example.org"}},
		{"quoted", `"a b"@x.y`, want{local: "a b", domain: "x.y"}},
		{"quoted at", `"a@b"@x.y`, want{local: "a@b", domain: "x.y"}},
		{"quoted pair", `"a\"b\\c"@x.y`, want{local: `a"b\c`, domain: "x.y"}},
		{"quoted without need", `"ann"@x.y`, want{local: "ann", domain: "x.y"}},
		{"quoted dots", `"a..b."@x.y`, want{local: "a..b.", domain: "x.y"}},
		{"UTF-8 local part", "jörg@example.org", want{local: "jörg", domain: "example.org"}},
		{"UTF-8 domain", "a@bücher.example", want{local: "a", domain: "xn--bcher-kva.example"}},
		{"IPv4 literal", "a@[192.0.2.1]", want{local: "a", domain: "[192.0.2.1]"}},
		{"IPv6 literal", "a@[ipv6:2001:DB8:0::1]", want{local: "a", domain: "[IPv6:2001:db8::1]"}},
		{"longest local part", strings.Repeat("a", 64) + "@x.y", want{local: strings.Repeat("a", 64), domain: "x.y"}},

		{"empty", "", syntax},
		{"no at", "ann", syntax},
		{"no local part", "@example.org", syntax},
		{"empty quotes", `""@example.org`, syntax},
		{"no domain", "ann@", domain},
		{"two ats", "a@b@c", syntax},
		{"leading dot", ".a@x.y", syntax},
		{"trailing dot in the local part", "a.@x.y", syntax},
		{"two dots", "a..b@x.y", syntax},
		{"blank", "a b@x.y", syntax},
		{"leading blank", " a@x.y", syntax},
		{"trailing blank", "a@x.y ", syntax},
		{"angle brackets", "<a@x.y>", syntax},
		{"display name", "Ann <a@x.y>", syntax},
		{"comment", "a@x.y(home)", syntax},
		{"quotes do not end", `"a@x.y`, syntax},
		{"quotes end in a backslash", `"a\`, syntax},
		{"quotes then more", `"a"b@x.y`, syntax},
		{"NUL", "a\x00@x.y", syntax},
		{"NUL in quotes", "\"a\x00\"@x.y", syntax},
		{"line break in quotes", "\"a\r\nb\"@x.y", syntax},
		{"tab in quotes", "\"a\tb\"@x.y", syntax},
		{"C1 control", "a\u0085b@x.y", syntax},
		{"not UTF-8", "a\xff@x.y", syntax},
		{"local part too long", strings.Repeat("a", 65) + "@x.y", length},
		{"literal does not close", "a@[192.0.2.1", domain},
		{"literal then more", "a@[192.0.2.1]x", syntax},
		{"empty label", "a@x..y", domain},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := Parse(tt.in)
			tt.want.check(t, a, err)
			if err != nil {
				return
			}
			if b, err := Parse(a.String()); err != nil || b != a {
				t.Errorf("%q reads back as %q, %v", a.String(), b, err)
			}
		})
	}
}

func TestParseUnquoted(t *testing.T) {
	tests := []struct {
		name, in string
		want     want
		text     string // String
	}{
		{"plain", "ann@x.y", want{local: "ann", domain: "x.y"}, "ann@x.y"},
		{"blank", "a b@x.y", want{local: "a b", domain: "x.y"}, `"a b"@x.y`},
		{"two ats", "a@b@x.y", want{local: "a@b", domain: "x.y"}, `"a@b"@x.y`},
		{"quotes are characters", `a"b@x.y`, want{local: `a"b`, domain: "x.y"}, `"a\"b"@x.y`},
		{"backslash", `a\b@x.y`, want{local: `a\b`, domain: "x.y"}, `"a\\b"@x.y`},
		{"angle brackets", "<a>@x.y", want{local: "<a>", domain: "x.y"}, `"<a>"@x.y`},
		{"no at", "ann", want{err: ErrSyntax}, ""},
		{"no local part", "@x.y", want{err: ErrSyntax}, ""},
		{"no domain", "ann@", want{err: ErrDomain}, ""},
		{"control character", "a\rb@x.y", want{err: ErrSyntax}, ""},
		{"too long", strings.Repeat("ä", 33) + "@x.y", want{err: ErrLength}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := ParseUnquoted(tt.in)
			tt.want.check(t, a, err)
			if a.String() != tt.text {
				t.Errorf("String %q, want %q", a.String(), tt.text)
			}
		})
	}
}

func TestParseDomain(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	longest := strings.Repeat(label63+".", 3) + strings.Repeat("b", 63) // 255 octets
	tests := []struct{ name, in, want string }{
		{"plain", "example.org", "example.org"},
		{"upper case", "EXAMPLE.Org", "example.org"},
		{"root dot", "example.org.", "example.org"},
		{"digits and hyphens", "3-com.x--y.example", "3-com.x--y.example"},
		{"A-label", "XN--BCHER-KVA.example", "xn--bcher-kva.example"},
		{"U-label", "Bücher.example", "xn--bcher-kva.example"},
		{"decomposed U-label", "bu\u0308cher.example", "xn--bcher-kva.example"},
		{"full-width letters", "ｅｘａｍｐｌｅ.org", "example.org"},
		{"ideographic full stop", "例え。テスト", "xn--r8jz45g.xn--zckzah"},
		{"label of 63", label63 + ".org", label63 + ".org"},
		{"255 octets", longest, longest},
		{"IPv4", "[192.0.2.1]", "[192.0.2.1]"},
		{"IPv6", "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
		{"IPv6 in another spelling", "[IPV6:2001:0DB8:0:0::0001]", "[IPv6:2001:db8::1]"},

		{"empty", "", ""},
		{"only a dot", ".", ""},
		{"two root dots", "example.org..", ""},
		{"leading dot", ".example.org", ""},
		{"leading hyphen", "-a.org", ""},
		{"trailing hyphen", "a-.org", ""},
		{"label of 64", label63 + "a.org", ""},
		{"256 octets", longest + "b", ""},
		{"blank", "exam ple.org", ""},
		{"slash", "example.org/x", ""},
		{"at", "a@example.org", ""},
		{"NUL", "example.org\x00", ""},
		{"not UTF-8", "ex\xffmple.org", ""},
		{"Kelvin sign with a disallowed character", "\u212aim\u2028.example", ""},
		{"too long as A-labels", strings.Repeat("ü", 60) + ".example", ""},
		{"IPv4 with a port", "[192.0.2.1:25]", ""},
		{"IPv4 outside brackets is a name", "192.0.2.1", "192.0.2.1"},
		{"IPv6 without its tag", "[2001:db8::1]", ""},
		{"IPv4 with the IPv6 tag", "[IPv6:192.0.2.1]", ""},
		{"zone", "[IPv6:fe80::1%eth0]", ""},
		{"general literal", "[x:y]", ""},
		{"no closing bracket", "[192.0.2.1", ""},
		{"empty literal", "[]", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := ParseDomain(tt.in)
			if string(d) != tt.want || (err != nil) != (tt.want == "") {
				t.Fatalf("got %q, %v; want %q", d, err, tt.want)
			}
			if err != nil && (!errors.Is(err, ErrDomain) || len(err.Error()) > 600) {
				t.Errorf("error %v", err)
			}
			if d.IsLiteral() != strings.HasPrefix(tt.want, "[") {
				t.Errorf("IsLiteral %v", d.IsLiteral())
			}
			if again, err := ParseDomain(tt.want); tt.want != "" && (again != d || err != nil) {
				t.Errorf("%q reads back as %q, %v", d, again, err)
			}
		})
	}
}

func TestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("ä", 1<<16)
	for name, err := range map[string]error{
		"Parse":         second(Parse(long)),
		"Parse, domain": second(Parse("a@" + long)),
		"New":           second(New(long, "x.y")),
		"ParseUnquoted": second(ParseUnquoted(long)),
		"ParseDomain":   second(ParseDomain(long)),
		"ParseFrom":     second(ParseFrom([]string{long}, nil)),
	} {
		if err == nil || len(err.Error()) > 600 || !utf8.ValidString(err.Error()) {
			t.Errorf("%s: %.700v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestEqual(t *testing.T) {
	tests := []struct {
		name, a, b string
		want       bool
	}{
		{"same", "a@x.y", "a@x.y", true},
		{"case of the local part", "Ann@x.y", "aNN@x.y", true},
		{"case beyond ASCII", "JÖRG@x.y", "jörg@x.y", true},
		{"case of the domain", "a@X.Y", "a@x.y", true},
		{"U-label and A-label", "a@bücher.example", "a@xn--bcher-kva.example", true},
		{"quoted without need", `"a"@x.y`, "a@x.y", true},
		{"detail", "a+b@x.y", "a@x.y", false},
		{"other domain", "a@x.y", "a@x.z", false},
		{"Kelvin sign is no k", "\u212aim@x.y", "kim@x.y", false},
		{"dotted capital I is no i", "\u0130da@x.y", "ida@x.y", false},
		{"Cyrillic a is no a", "\u0430nn@x.y", "ann@x.y", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := must(t, tt.a), must(t, tt.b)
			if a.Equal(b) != tt.want || b.Equal(a) != tt.want || (a.Key() == b.Key()) != tt.want {
				t.Errorf("keys %q and %q, want equal %v", a.Key(), b.Key(), tt.want)
			}
		})
	}
	if zero := (Address{}); !zero.IsZero() || zero.Key() != "" || zero.String() != "" || zero.Equal(must(t, "a@x.y")) {
		t.Error("the zero address is somebody")
	}
}

func TestDetail(t *testing.T) {
	tests := []struct{ in, base, detail string }{
		{"support@x.y", "support@x.y", ""},
		{"support+2139.abc@x.y", "support@x.y", "2139.abc"},
		{"a+b+c@x.y", "a@x.y", "b+c"},
		{"+b@x.y", "+b@x.y", ""},
		{"a+@x.y", "a@x.y", ""},
	}
	for _, tt := range tests {
		base, detail := must(t, tt.in).Detail()
		if base.String() != tt.base || detail != tt.detail {
			t.Errorf("%s: %s and %q", tt.in, base, detail)
		}
	}
	a, err := must(t, "support+old@x.y").WithDetail("new.token")
	if err != nil || a.String() != "support+new.token@x.y" {
		t.Errorf("WithDetail: %s, %v", a, err)
	}
	if _, err := a.WithDetail(strings.Repeat("x", 60)); !errors.Is(err, ErrLength) {
		t.Errorf("WithDetail with too much: %v", err)
	}
}

func TestIsASCII(t *testing.T) {
	if !must(t, "a@bücher.example").IsASCII() || must(t, "jörg@x.y").IsASCII() {
		t.Error("only the local part decides: the domain is in A-labels")
	}
}

func TestJSON(t *testing.T) {
	type all struct {
		Address Address   `json:"address"`
		Mailbox Mailbox   `json:"mailbox"`
		List    []Mailbox `json:"list"`
	}
	in := all{
		Address: must(t, `"a b"@[IPv6:2001:db8::1]`),
		Mailbox: Mailbox{Name: `Jörg "J" <x@y>`, Address: must(t, "jörg@bücher.example")},
		List:    []Mailbox{{Address: must(t, "a@x.y")}, {Name: "nobody"}},
	}
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out all
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out, cmp.AllowUnexported(Address{})); diff != "" {
		t.Errorf("(-in +out):\n%s", diff)
	}
	raw, err = json.Marshal(all{})
	if want := `{"address":"","mailbox":{"name":"","address":""},"list":null}`; string(raw) != want || err != nil {
		t.Errorf("zero: %s, %v", raw, err)
	}
	if err := json.Unmarshal([]byte(`{"address":"a b"}`), &out); !errors.Is(err, ErrSyntax) {
		t.Errorf("a bad address passes: %v", err)
	}
	if err := json.Unmarshal([]byte(`{"address":""}`), &out); err != nil || !out.Address.IsZero() {
		t.Errorf("the empty text is no address: %v, %v", out.Address, err)
	}
}

func TestText(t *testing.T) {
	m := map[Address]int{must(t, "a@x.y"): 1, must(t, `"a@b"@x.y`): 2}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var back map[Address]int
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, back, cmp.AllowUnexported(Address{})); diff != "" {
		t.Error(diff)
	}
}

func must(t testing.TB, s string) Address {
	t.Helper()
	a, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
