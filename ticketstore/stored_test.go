package ticketstore

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mxdesk/internal/address"
)

var writeValues = flag.Bool("values", false, "write the values that every later version must read")

// codecs are the types of values, each with a zero one and its decoder.
var codecs = map[string]struct {
	zero   func() value
	decode func([]byte) (value, error)
}{
	"ticket":  {func() value { return new(Ticket) }, decoder[Ticket]},
	"action":  {func() value { return new(Action) }, decoder[Action]},
	"seen":    {func() value { return new(Seen) }, decoder[Seen]},
	"contact": {func() value { return new(Contact) }, decoder[Contact]},
	"item":    {func() value { return new(OutboxItem) }, decoder[OutboxItem]},
	"held":    {func() value { return new(HeldMail) }, decoder[HeldMail]},
	"meta":    {func() value { return new(MailMeta) }, decoder[MailMeta]},
}

func decoder[T any, P pointerTo[T]](b []byte) (value, error) {
	v, err := decode[T, P](b, nil)
	return P(&v), err
}

// same compares values as they are, nil slices with nil slices, and addresses by
// their octets.
var same = cmp.Options{cmp.Comparer(func(a, b address.Address) bool { return a.String() == b.String() }), cmpopts.IgnoreFields(Seen{}, "Key")}

// filler sets the fields of a value to something, by chance.
type filler struct {
	*rand.Rand
	all bool // leave no field zero
}

func (f filler) fill(v reflect.Value) {
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		zone := time.UTC
		if f.IntN(4) == 0 {
			zone = time.FixedZone("", 60*(f.IntN(1440)-720))
		}
		*at = time.Unix(f.Int64N(1<<34)-1<<33, f.Int64N(1e9)*f.Int64N(2)).In(zone)
		return
	case *address.Address:
		*at, _ = address.Parse([]string{"ann@example.org", `"a b"@example.org`, "é@xn--bcher-kva.example", "Bob+x@[192.0.2.1]"}[f.IntN(4)])
		return
	}
	if !f.all && f.IntN(4) == 0 {
		return
	}
	n := f.IntN(4)
	if f.all {
		n++
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString([]string{"in", "words", "a\xff\x00\xfe" + strings.Repeat("long ", f.IntN(100)), "00ff", "ü"}[f.IntN(5)])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(1 + f.Int64N(1<<62))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(1 + f.Uint64N(1<<v.Type().Bits()-1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range n {
			v.SetMapIndex(reflect.ValueOf(fmt.Sprint("name ", i)), reflect.ValueOf(fmt.Sprint("value ", f.IntN(9))))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	case reflect.Array: // the key of what was seen, which is that of the entry
	default:
		panic("no way to fill " + v.Type().String())
	}
}

// Whatever a value holds is read as it was written: each field, what is not
// UTF-8, and whether a list is empty or not there, which shows in JSON.
func TestStoredValues(t *testing.T) {
	for name, codec := range codecs {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(500) {
				f := filler{rand.New(rand.NewPCG(seed, 0)), seed < 5}
				want := codec.zero()
				if seed > 0 {
					f.fill(reflect.ValueOf(want).Elem())
				}
				b := encode(want)
				got, err := codec.decode(b)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if diff := cmp.Diff(want, got, same); diff != "" {
					t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
				}
				if a, b := asJSON(t, want), asJSON(t, got); !bytes.Equal(a, b) {
					t.Fatalf("seed %d: as JSON %s, want %s", seed, b, a)
				}
				if isJSON(b) {
					t.Fatalf("seed %d: the value looks like one of schema 2", seed)
				}
			}
		})
	}
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A place is read as it was written, and so is one of schema 2.
func TestStoredPlaces(t *testing.T) {
	for _, want := range []place{
		{},
		{segment: 1, meta: 300, body: 1 << 40, digest: digestStart{1, 0, 3}},
		{segment: 1<<32 - 1, offset: 1 << 62, meta: 1<<32 - 1, body: 1 << 50, digest: digestStart{255, 255, 255, 255, 255, 255, 255, 255}},
	} {
		b := want.encode()
		if got, err := decodePlace(b); err != nil || got != want || len(b) >= oldPlace {
			t.Errorf("%+v is read as %+v, %v", want, got, err)
		}
		old := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, want.segment), uint64(want.offset))
		old = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(old, want.meta), uint64(want.body))
		old = append(append(old, want.digest[:]...), make([]byte, 24)...)
		if got, err := decodePlace(current(string(bRecords), old)); err != nil || got != want {
			t.Errorf("%+v of schema 2 is read as %+v, %v", want, got, err)
		}
	}
	for _, bad := range []place{{segment: 1, offset: -1}, {segment: 1, body: -5}, {segment: 1, offset: 1 << 62, body: 1 << 62}} {
		if got, err := decodePlace(bad.encode()); err == nil {
			t.Errorf("a place that cannot be is read as %+v", got)
		}
	}
}

// The words of an action are stored once where what is fresh is a run of them.
func TestFreshIsStoredOnce(t *testing.T) {
	for name, c := range map[string]struct {
		a    Action
		once bool
	}{
		"all fresh":     {Action{Text: "the words", Fresh: "the words"}, true},
		"above a quote": {Action{Text: "the words\n> quoted", Fresh: "the words"}, true},
		"below a quote": {Action{Text: "> quoted\nthe words\n-- \nme", Fresh: "the words"}, true},
		"taken apart":   {Action{Text: "the\n> quoted\nwords", Fresh: "the\nwords"}, false},
		"all quoted":    {Action{Text: "> the words"}, true},
		"fresh only":    {Action{Fresh: "the words"}, true},
		"without any":   {Action{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := encode(&c.a)
			got, err := decode[Action](b, nil)
			if diff := cmp.Diff(c.a, got, same); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if once := len(b) < max(len(c.a.Text), len(c.a.Fresh))+8; once != c.once {
				t.Errorf("%d octets for %d of text and %d of what is fresh", len(b), len(c.a.Text), len(c.a.Fresh))
			}
		})
	}
}

// Values that were written once are read for ever, and words keep their numbers.
// A field that is added is not in them; a new file may be made for it.
func TestValuesStayReadable(t *testing.T) {
	const dir = "testdata/values-3"
	if *writeValues {
		f := filler{rand.New(rand.NewPCG(3, 3)), true}
		for name, codec := range codecs {
			v := codec.zero()
			f.fill(reflect.ValueOf(v).Elem())
			writeFile(t, filepath.Join(dir, name+".json"), asJSON(t, v))
			reread := codec.zero() // without what JSON does not hold
			if err := json.Unmarshal(asJSON(t, v), reread); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(dir, name+".hex"), []byte(hex.EncodeToString(encode(reread))))
		}
		writeFile(t, filepath.Join(dir, "words"), []byte(strings.Join(words, "\n")))
	}
	for name, codec := range codecs {
		want := codec.zero()
		if err := json.Unmarshal(readFile(t, filepath.Join(dir, name+".json")), want); err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(string(readFile(t, filepath.Join(dir, name+".hex"))))
		if err != nil {
			t.Fatal(err)
		}
		got, err := codec.decode(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got, same); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	old := strings.Split(string(readFile(t, filepath.Join(dir, "words"))), "\n")
	if len(words) < len(old) || !slices.Equal(words[:len(old)], old) {
		t.Error("words have other numbers than before")
	}
	if len(numbersOfWords) != len(words) {
		t.Error("a word stands twice in words")
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b)
}

func writeFile(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A value of a later version of the same schema is read without what is new.
func TestNewFieldsAreLeftOut(t *testing.T) {
	want := Attempt{Host: "mx.example", Reply: "250 ok"}
	c := coder{}
	want.fields(&c)
	c.putNumber(40, 7)
	c.putText(90, "new")
	got, err := decode[Attempt](c.octets, nil)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestWhatIsNoValue(t *testing.T) {
	number := func(field, n uint64) []byte { var c coder; c.putNumber(field, n); return c.octets }
	text := func(field uint64, s string) []byte { var c coder; c.putText(field, s); return c.octets }
	for name, b := range map[string][]byte{
		"JSON":                       []byte(`{"id":1}`),
		"cut in a tag":               {0x80},
		"cut in a number":            {1 << wireBits, 0x80},
		"cut in a text":              {5<<wireBits | asOctets, 9, 'x'},
		"fields out of order":        slices.Concat(text(5, "x"), number(1, 1)),
		"a field twice":              slices.Concat(number(1, 1), number(1, 2)),
		"field 0":                    number(0, 1),
		"a text that is a number":    number(5, 1),
		"a number that is a text":    text(1, "1"),
		"a number that is too large": number(21, 1<<32),
		"no such word":               number(6, 1<<20),
		"no address":                 text(9, "nobody"),
		"no time":                    text(17, "\x00\x00\x00\x00"),
		"half a pair":                text(13, "\x01x"),
		"length beyond the end":      text(14, "\x05x"),
		"another way to write":       {1<<wireBits | 5, 0, 0, 0, 0},
		"and behind all fields":      {60<<wireBits&0x7f | 0x80 | 3, 60 << wireBits >> 7},
	} {
		if got, err := decode[Ticket](b, nil); err == nil {
			t.Errorf("%s is read as %+v", name, got)
		}
	}
	fresh := func(begin uint64) []byte {
		return slices.Concat(text(9, "words"), number(10, 3), number(11, begin))
	}
	if a, err := decode[Action](fresh(2), nil); err != nil || a.Fresh != "rds" {
		t.Errorf("a part of a text is read as %q, %v", a.Fresh, err)
	}
	for _, begin := range []uint64{3, 5, 6, 1<<64 - 1, 1<<64 - 3} {
		if a, err := decode[Action](fresh(begin), nil); err == nil {
			t.Errorf("a part from %d on of a text of 5 is read as %q", begin, a.Fresh)
		}
	}
}

// FuzzDecode reads any octets as a value. What is read is written in a way that
// is read as the same.
func FuzzDecode(f *testing.F) {
	for name, codec := range codecs {
		fill := filler{rand.New(rand.NewPCG(1, 1)), true}
		v := codec.zero()
		fill.fill(reflect.ValueOf(v).Elem())
		f.Add(name, encode(v))
	}
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		codec, ok := codecs[name]
		if !ok {
			return
		}
		v, err := codec.decode(b)
		if err != nil {
			return
		}
		again, err := codec.decode(encode(v))
		if err != nil {
			t.Fatalf("written again it is not read: %v", err)
		}
		if diff := cmp.Diff(v, again, same); diff != "" {
			t.Errorf("written again it is another:\n%s", diff)
		}
	})
}
