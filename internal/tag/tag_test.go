package tag

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var desk = Pair{"[ID:", "]"}

func TestFormat(t *testing.T) {
	tests := []struct {
		name string
		pair Pair
		id   uint64
		want string
	}{
		{"padded to seven digits", desk, 2139, "[ID:0002139]"},
		{"first ticket", Pair{"{HD-", "}"}, 1, "{HD-0000001}"},
		{"longer than the padding", Pair{"##", "##"}, 123456789, "##123456789##"},
		{"blank in the mark", Pair{"[example.com #", "]"}, 7, "[example.com #0000007]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.pair.Format(tt.id); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	hash := Pair{"##", "##"}
	long := Pair{"[Acme Desk #", " ]"}
	tests := []struct {
		name    string
		pair    Pair
		subject string
		want    []uint64
	}{
		{"as written", desk, "Re: Printer [ID:0002139]", []uint64{2139}},
		{"without leading zeros", desk, "[ID:2139] Printer", []uint64{2139}},
		{"many leading zeros", desk, "[ID:0000000000000002139]", []uint64{2139}},
		{"other case", desk, "re: printer [id:0002139]", []uint64{2139}},
		{"blank before the number", desk, "[ID: 0002139]", []uint64{2139}},
		{"blanks and tabs on both sides", desk, "[ID: \t 0002139\t ]", []uint64{2139}},
		{"blank inside the number", desk, "[ID:000 2139]", nil},
		{"blank inside the mark", desk, "[I D:0002139]", nil},
		{"line break is no blank", desk, "[ID:\n0002139]", nil},
		{"no-break space is no blank", desk, "[ID:\u00a00002139]", nil},
		{"several, left to right", desk, "[ID:12] and [ID:3][ID:4]", []uint64{12, 3, 4}},
		{"inside a word", desk, "x[ID:12]y", []uint64{12}},
		{"start mark twice", desk, "[ID:[ID:12]", []uint64{12}},
		{"zero", desk, "[ID:0000000]", nil},
		{"nineteen digits", desk, "[ID:9999999999999999999]", []uint64{9999999999999999999}},
		{"twenty digits", desk, "[ID:10000000000000000000]", nil},
		{"twenty digits with leading zeros", desk, "[ID:00000000000000002139]", nil},
		{"full-width digits", desk, "[ID:０００２１３９]", nil},
		{"Arabic digits", desk, "[ID:٢١٣٩]", nil},
		{"negative", desk, "[ID:-12]", nil},
		{"plus", desk, "[ID:+12]", nil},
		{"decimal", desk, "[ID:12.5]", nil},
		{"hexadecimal", desk, "[ID:0x12]", nil},
		{"no number", desk, "[ID:]", nil},
		{"not closed", desk, "[ID:12", nil},
		{"cut inside the mark", desk, "foo [ID", nil},
		{"other mark", desk, "[IB:12]", nil},
		{"Turkish dotless i is another letter", desk, "[ıD:12]", nil},
		{"empty subject", desk, "", nil},
		{"one mark for both ends", hash, "a ##12## b ##13##", []uint64{12, 13}},
		{"a further hash before", hash, "###12##", []uint64{12}},
		{"a shared mark serves once", hash, "##12##13##", []uint64{12}},
		{"blanks in marks", long, "[acme  desk\t#12]", []uint64{12}},
		{"blanks in marks are needed inside", long, "[acmedesk#12 ]", nil},
		{"no start mark", Pair{"", "]"}, "12]", nil},
		{"no end mark", Pair{"[ID:", ""}, "[ID:12", nil},
		{"end mark of blanks", Pair{"#", " "}, "#12 ", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []uint64
			for _, f := range tt.pair.Find(tt.subject) {
				got = append(got, f.ID)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Find(%q) (-want +got):\n%s", tt.subject, diff)
			}
		})
	}
}

func TestFindSaysWhere(t *testing.T) {
	got := desk.Find("ä [id: 7 ] [ID:0000008]")
	want := []Found{{7, 3, 11}, {8, 12, 24}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParse(t *testing.T) {
	tests := []struct {
		name, in string
		want     Pair
		bad      bool
	}{
		{name: "two marks", in: "[ID: ]", want: Pair{"[ID:", "]"}},
		{name: "blank in the start mark", in: "[example.com # ]", want: Pair{"[example.com #", "]"}},
		{name: "one mark", in: "[ID:", bad: true},
		{name: "no end mark", in: "[ID: ", bad: true},
		{name: "no start mark", in: " ]", bad: true},
		{name: "empty", in: "", bad: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.in)
			if got != tt.want || (err != nil) != tt.bad {
				t.Fatalf("got %q, %v", got, err)
			}
			if err == nil && got.String() != tt.in {
				t.Errorf("String gives %q for %q", got.String(), tt.in)
			}
		})
	}
}

func TestStrip(t *testing.T) {
	pairs := []Pair{desk, {"##", "##"}}
	tests := []struct{ name, in, want string }{
		{"no tag", "Printer on fire", "Printer on fire"},
		{"at the end", "Printer on fire [ID:0002139]", "Printer on fire"},
		{"at the beginning", "[ID:0002139] Printer", "Printer"},
		{"in the middle", "Re: [ID:12] Printer", "Re: Printer"},
		{"alone", "[ID:12]", ""},
		{"other case and blanks", "Printer [id: 12 ] on fire", "Printer on fire"},
		{"two pairs", "##1## a [ID:2] b ##3##", "a b"},
		{"side by side", "a [ID:1][ID:2]##3## b", "a b"},
		{"words do not run together", "fire[ID:1]wall", "fire wall"},
		{"numbers do not run together", "12[ID:1]34", "12 34"},
		{"before punctuation", "Printer [ID:1]: on fire [ID:2], again", "Printer: on fire, again"},
		{"the writer's own blank stays", "Alors [ID:1] : oui", "Alors : oui"},
		{"nested", "[ID:[ID:5]7]", ""},
		{"nested across pairs", "[ID:##5##7] x", "x"},
		{"deeply nested", strings.Repeat("[ID:", 1000) + strings.Repeat("7]", 1000), ""},
		{"number too long stays", "[ID:00000000000000000000]", "[ID:00000000000000000000]"},
		{"blanks", "  a \t b  ", "a b"},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Strip(tt.in, pairs); got != tt.want {
				t.Errorf("Strip(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

// hostile makes long subjects that begin a tag at as many places as possible.
func hostile(n int) map[string]string {
	return map[string]string{
		"start marks":      strings.Repeat("[ID:", n/4),
		"never closed":     strings.Repeat("[ID:1234567890123456789", n/23),
		"blanks":           "[ID:" + strings.Repeat(" ", n),
		"marks and blanks": strings.Repeat("[ID:          ", n/14),
		"blanks of a mark": strings.Repeat("[a  b  c  ", n/10),
		"digits":           strings.Repeat("1", n),
		"hashes":           strings.Repeat("#", n),
		"nested":           strings.Repeat("[ID:", n/6) + strings.Repeat("7]", n/6),
		"end marks":        "[ID:" + strings.Repeat("1 ] ", n/4),
	}
}

// With work that grew with the square of the length, a subject of a megabyte
// would take hours, and this test would end by its time limit.
func TestHostileSubjects(t *testing.T) {
	pairs := []Pair{desk, {"[a b c d e f", "]"}, {"##", "##"}}
	for name, s := range hostile(1 << 20) {
		t.Run(name, func(t *testing.T) {
			for _, p := range pairs {
				p.Find(s)
			}
			stripped := Strip(s, pairs)
			for _, p := range pairs {
				if found := p.Find(stripped); found != nil {
					t.Errorf("%d tags are left", len(found))
				}
			}
		})
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"Re: x [ID:0002139]", "[id: 7 ]", "##1##2##", "[ID:[ID:5]7]", "{HD-1}", "[ID:99999999999999999999]"} {
		f.Add(s)
	}
	for _, s := range hostile(100) {
		f.Add(s)
	}
	pairs := []Pair{desk, {"##", "##"}, {"{HD-", "}"}, {"[example.com #", "]"}}
	f.Fuzz(func(t *testing.T, s string) {
		for _, p := range pairs {
			end := 0
			for _, found := range p.Find(s) {
				if found.ID == 0 || found.At < end || found.End <= found.At || found.End > len(s) {
					t.Fatalf("%q: %+v", s, found)
				}
				end = found.End
				again := p.Find(p.Format(found.ID))
				if len(again) != 1 || again[0].ID != found.ID {
					t.Fatalf("%d is read back as %+v", found.ID, again)
				}
			}
		}
		stripped := Strip(s, pairs)
		for _, p := range pairs {
			if found := p.Find(stripped); found != nil {
				t.Fatalf("Strip(%q) = %q still holds %+v", s, stripped, found)
			}
		}
		if again := Strip(stripped, pairs); again != stripped {
			t.Fatalf("Strip changes its own result %q to %q", stripped, again)
		}
	})
}
