package ticketstore

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"mxdesk/internal/address"
)

// A stored value is a run of fields in the wire format of Protocol Buffers: a
// tag, the field's number and how it is written, and then either a number
// (varint) or a length and so many octets. Fields that are zero are left out.
//
// Numbers of fields ascend within a value and are never used for anything else,
// so that a value can be read by every later version, and by an earlier one of
// the same schema, which leaves out what it does not know. The first octet of a
// value is never '{', as that of a value of schema 2 is.
//
// A type says once, in its method fields, which fields it has; a coder goes over
// them to write and to read. Nothing of what is read refers to the octets given,
// and reading takes no more memory than their number allows.
type coder struct {
	octets  []byte // written so far, or left to be read
	reading bool
	last    uint64 // the number of the field that was read last
	err     error  // of reading
}

// The ways a field is written.
const (
	asNumber = 0
	asOctets = 2
	wireBits = 3
)

// errValue marks a value that is not one, although its seal was right.
var errValue = errors.New("not a stored value")

// value is a pointer to what can be stored.
type value interface{ fields(*coder) }

// encode returns the octets of a value.
func encode(v value) []byte {
	c := coder{octets: make([]byte, 0, 512)}
	v.fields(&c)
	return c.octets
}

// pointerTo is the pointer to T that has its fields.
type pointerTo[T any] interface {
	*T
	value
}

// decode reads a value; its parameters are those that get returns.
func decode[T any, P pointerTo[T]](b []byte, err error) (T, error) {
	var v T
	if err != nil {
		return v, err
	}
	c := coder{octets: b, reading: true}
	P(&v).fields(&c)
	if c.end(); c.err != nil {
		var none T
		return none, fmt.Errorf("reading a stored value: %w", c.err)
	}
	return v, nil
}

func (c *coder) fail() {
	if c.err == nil {
		c.err = errValue
	}
	c.octets = nil
}

// varint reads a number.
func (c *coder) varint() uint64 {
	n, size := binary.Uvarint(c.octets)
	if size <= 0 {
		c.fail()
		return 0
	}
	c.octets = c.octets[size:]
	return n
}

// run reads a length and returns so many octets.
func (c *coder) run() []byte {
	n := c.varint()
	if n > uint64(len(c.octets)) {
		c.fail()
		return nil
	}
	b := c.octets[:n]
	c.octets = c.octets[n:]
	return b
}

// find goes to a field and reports how it is written; false when it is not there.
func (c *coder) find(field uint64) (wire uint64, ok bool) {
	for len(c.octets) > 0 {
		tag, size := binary.Uvarint(c.octets)
		n := tag >> wireBits
		if size <= 0 || n <= c.last {
			c.fail()
			return 0, false
		}
		if n > field {
			return 0, false
		}
		c.octets, c.last = c.octets[size:], n
		if n == field {
			return tag & (1<<wireBits - 1), true
		}
		c.skip(tag & (1<<wireBits - 1))
	}
	return 0, false
}

// skip leaves out a field of a later version.
func (c *coder) skip(wire uint64) {
	switch wire {
	case asNumber:
		c.varint()
	case asOctets:
		c.run()
	default:
		c.fail()
	}
}

// end leaves out what is left of a value.
func (c *coder) end() { c.find(math.MaxUint64) }

// octetsOf finds a field that must be octets; nil when it is not there.
func (c *coder) octetsOf(field uint64) ([]byte, bool) {
	wire, ok := c.find(field)
	if ok && wire != asOctets {
		c.fail()
	}
	if !ok || c.err != nil {
		return nil, false
	}
	b := c.run()
	return b, c.err == nil
}

func (c *coder) tag(field, wire uint64) {
	c.octets = binary.AppendUvarint(c.octets, field<<wireBits|wire)
}

func (c *coder) putNumber(field, n uint64) {
	c.tag(field, asNumber)
	c.octets = binary.AppendUvarint(c.octets, n)
}

func (c *coder) putText(field uint64, s string) {
	c.tag(field, asOctets)
	c.octets = append(binary.AppendUvarint(c.octets, uint64(len(s))), s...)
}

// sized runs write and puts the length of what it writes in front.
func (c *coder) sized(write func()) {
	begin := len(c.octets)
	write()
	var b [binary.MaxVarintLen64]byte
	c.octets = slices.Insert(c.octets, begin, b[:binary.PutUvarint(b[:], uint64(len(c.octets)-begin))]...)
}

// within runs read on the octets of a field, or of an element of one.
func (c *coder) within(b []byte, read func()) {
	rest, last := c.octets, c.last
	c.octets, c.last = b, 0
	read()
	if c.err == nil {
		c.octets, c.last = rest, last
	}
}

// number is a field that is a number.
func number[N ~int64 | ~uint32 | ~uint64](c *coder, field uint64, n *N) {
	if !c.reading {
		if *n != 0 {
			c.putNumber(field, uint64(*n))
		}
		return
	}
	wire, ok := c.find(field)
	if !ok {
		return
	}
	if wire != asNumber {
		c.fail()
		return
	}
	got := c.varint()
	if *n = N(got); uint64(*n) != got {
		c.fail()
	}
}

// flag is a field that is true or false.
func (c *coder) flag(field uint64, b *bool) {
	n := uint32(0)
	if *b {
		n = 1
	}
	number(c, field, &n)
	*b = n != 0
}

// text is a field of octets, whatever they are.
func text[S ~string](c *coder, field uint64, s *S) {
	if !c.reading {
		if *s != "" {
			c.putText(field, string(*s))
		}
		return
	}
	if b, ok := c.octetsOf(field); ok {
		*s = S(b)
	}
}

// word is a text that is often one of those in words, and then its number.
func word[S ~string](c *coder, field uint64, s *S) {
	if !c.reading {
		if n, ok := numbersOfWords[string(*s)]; ok {
			c.putNumber(field, n)
			return
		}
		text(c, field, s)
		return
	}
	wire, ok := c.find(field)
	switch {
	case !ok:
	case wire == asOctets:
		*s = S(c.run())
	case wire == asNumber:
		n := c.varint()
		if n >= uint64(len(words)) {
			c.fail()
			return
		}
		*s = S(words[n])
	default:
		c.fail()
	}
}

// address is a mail address.
func (c *coder) address(field uint64, a *address.Address) {
	var s string
	if !c.reading {
		s = a.String()
	}
	if text(c, field, &s); c.reading && s != "" {
		c.parse(s, a)
	}
}

func (c *coder) parse(s string, a *address.Address) {
	got, err := address.Parse(s)
	if err != nil && c.err == nil {
		c.err, c.octets = fmt.Errorf("%w: %w", errValue, err), nil
	}
	*a = got
}

// digits is a text that most often is one of hexadecimal digits: then the octets
// that they stand for are stored. Another text is stored in the next field.
func (c *coder) digits(field uint64, s *string) {
	var raw, other string
	if !c.reading {
		if b, err := hex.DecodeString(*s); err == nil && hex.EncodeToString(b) == *s {
			raw = string(b)
		} else {
			other = *s
		}
	}
	text(c, field, &raw)
	text(c, field+1, &other)
	if c.reading {
		*s = hex.EncodeToString([]byte(raw)) + other
	}
}

// time is a moment to the nanosecond, with its offset from UTC as RFC 3339 has
// it: seconds since 1970, nanoseconds, minutes; what is zero at the end is left
// out.
func (c *coder) time(field uint64, t *time.Time) {
	if !c.reading {
		if t.IsZero() {
			return
		}
		_, offset := t.Zone()
		c.tag(field, asOctets)
		c.sized(func() {
			c.octets = binary.AppendVarint(c.octets, t.Unix())
			if offset /= 60; t.Nanosecond() != 0 || offset != 0 {
				c.octets = binary.AppendUvarint(c.octets, uint64(t.Nanosecond()))
			}
			if offset != 0 {
				c.octets = binary.AppendVarint(c.octets, int64(offset))
			}
		})
		return
	}
	if b, ok := c.octetsOf(field); ok {
		c.within(b, func() { *t = c.moment() })
	}
}

// moment reads a time.
func (c *coder) moment() time.Time {
	signed := func() int64 {
		n := c.varint()
		return int64(n>>1) ^ -int64(n&1)
	}
	var nanos uint64
	var offset int64
	sec := signed()
	if len(c.octets) > 0 {
		nanos = c.varint()
	}
	if len(c.octets) > 0 {
		offset = signed()
	}
	if len(c.octets) > 0 || nanos >= 1e9 || max(offset, -offset) > 24*60 {
		c.fail()
	}
	t := time.Unix(sec, int64(nanos))
	if _, local := t.Zone(); offset != 0 && local == int(offset)*60 {
		return t
	}
	if offset != 0 {
		return t.In(time.FixedZone("", int(offset)*60))
	}
	return t.UTC()
}

// nested is a field that is a value.
func (c *coder) nested(field uint64, v value) {
	if c.reading {
		if b, ok := c.octetsOf(field); ok {
			c.within(b, func() { v.fields(c); c.end() })
		}
		return
	}
	begin := len(c.octets)
	c.tag(field, asOctets)
	body := len(c.octets)
	if c.sized(func() { v.fields(c) }); len(c.octets) == body+1 { // zero
		c.octets = c.octets[:begin]
	}
}

// optional is a field that is a value or nil.
func optional[T any, P pointerTo[T]](c *coder, field uint64, v *P) {
	if c.reading {
		if b, ok := c.octetsOf(field); ok {
			*v = new(T)
			c.within(b, func() { (*v).fields(c); c.end() })
		}
		return
	}
	if *v != nil {
		c.tag(field, asOctets)
		c.sized(func() { (*v).fields(c) })
	}
}

// list is a field of elements, one behind the other, each with its length. An
// empty list is not the same as none.
func list[T any](c *coder, field uint64, s *[]T, element func(*coder, *T)) {
	if c.reading {
		if b, ok := c.octetsOf(field); ok {
			*s = []T{}
			c.within(b, func() { readList(c, s, element) })
		}
		return
	}
	if *s == nil {
		return
	}
	c.tag(field, asOctets)
	c.sized(func() {
		for i := range *s {
			c.sized(func() { element(c, &(*s)[i]) })
		}
	})
}

func readList[T any](c *coder, s *[]T, element func(*coder, *T)) {
	for len(c.octets) > 0 {
		var v T
		*s = append(*s, v)
		c.within(c.run(), func() { element(c, &(*s)[len(*s)-1]) })
	}
}

// texts is a list of texts.
func (c *coder) texts(field uint64, s *[]string) { list(c, field, s, (*coder).all) }

// all is an element that is nothing but text.
func (c *coder) all(s *string) {
	if !c.reading {
		c.octets = append(c.octets, *s...)
		return
	}
	*s, c.octets = string(c.octets), nil
}

// addresses is a list of addresses.
func (c *coder) addresses(field uint64, s *[]address.Address) {
	list(c, field, s, func(c *coder, a *address.Address) {
		s := a.String()
		if c.all(&s); c.reading && s != "" {
			c.parse(s, a)
		}
	})
}

// several is a list of values; stored gives of an element what is stored of it.
func several[T any, V value](c *coder, field uint64, s *[]T, stored func(*T) V) {
	list(c, field, s, func(c *coder, v *T) {
		if stored(v).fields(c); c.reading {
			c.end()
		}
	})
}

// pairs is a list of names, in order, each with its text behind it.
func (c *coder) pairs(field uint64, m *map[string]string) {
	var flat []string
	if !c.reading && *m != nil {
		flat = slices.AppendSeq(make([]string, 0, 2*len(*m)), inOrder(*m))
	}
	c.texts(field, &flat)
	if !c.reading || flat == nil {
		return
	}
	if len(flat)%2 != 0 {
		c.fail()
		return
	}
	*m = make(map[string]string, len(flat)/2)
	for pair := range slices.Chunk(flat, 2) {
		(*m)[pair[0]] = pair[1]
	}
}

func inOrder(m map[string]string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if !yield(name) || !yield(m[name]) {
				return
			}
		}
	}
}
