package message

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
)

// base64State decodes base64 and skips whatever does not belong to it. Padding
// in the middle ends a group and decoding goes on: some programs encode a file
// in pieces. Others add a line or more of plain text behind the encoded ones,
// such as the foot of a mailing list; that is kept apart.
type base64State struct {
	acc     uint32
	bits    int
	inLine  bool   // an octet of this line was seen
	careful bool   // the encoded octets may have ended: a line is looked at before it is decoded
	line    []byte // held until it ends
	over    bool   // they have ended
	rest    []byte // what came behind, at most maxRest octets
}

// Bounds of what is held: one line, and all that follows the encoded octets.
const (
	maxHeld = 1000
	maxRest = 4 << 10
)

// afterBase64 returns the plain text that a reader of base64 found behind it.
func afterBase64(r io.Reader) []byte {
	if d, ok := r.(*decodeReader); ok {
		if s, ok := d.step.(*base64State); ok {
			return s.rest
		}
	}
	return nil
}

// base64Table holds the value of each octet, 0xff for those that have none.
var base64Table = makeBase64Table()

func makeBase64Table() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	t['-'], t['_'] = 62, 63 // RFC 4648 §5
	return t
}

func (s *base64State) decode(dst, src []byte) []byte {
	for len(src) > 0 {
		if s.careful {
			dst, src = s.hold(dst, src)
		} else {
			dst, src = s.groups(dst, src)
		}
	}
	return dst
}

// groups decodes until there is a reason to be careful and returns what is left
// of src then.
func (s *base64State) groups(dst, src []byte) (out, left []byte) {
	for i := 0; i < len(src); i++ {
		if s.bits == 0 { // whole groups, the common case
			if !s.inLine && (src[i] == '-' || src[i] == '_') { // a line drawn, or the mark of a signature
				s.careful = true
				return dst, src[i:]
			}
			var n int
			if dst, n = wholeGroups(dst, src[i:]); n > 0 {
				i += n - 1
				s.inLine = src[i] != '\n'
				continue
			}
		}
		v := base64Table[src[i]]
		s.inLine = src[i] != '\n'
		if src[i] == '=' {
			s.acc, s.bits, s.careful = 0, 0, true
			return dst, src[i+1:]
		}
		if v >= 64 {
			continue
		}
		s.acc = s.acc<<6 | uint32(v)
		if s.bits += 6; s.bits >= 8 {
			s.bits -= 8
			dst = append(dst, byte(s.acc>>s.bits))
		}
	}
	return dst, nil
}

// base64Pairs holds the value of two octets in a row, the first of them the low
// one of the index, 0xffff where one has none.
var base64Pairs = makeBase64Pairs()

func makeBase64Pairs() *[1 << 16]uint16 {
	t := new([1 << 16]uint16)
	for i := range t {
		t[i] = 0xffff
		if a, b := base64Table[i&0xff], base64Table[i>>8]; a|b < 64 {
			t[i] = uint16(a)<<6 | uint16(b)
		}
	}
	return t
}

// wholeGroups decodes the groups that src begins with, two at a time as long as
// there are, and returns how many octets they are. It passes over a line end
// where a line of ordinary length has it, and stops before a line that begins
// with a sign that may not belong to it.
func wholeGroups(dst, src []byte) (out []byte, n int) {
	t, w := base64Pairs, len(dst)
	out = slices.Grow(dst, len(src)/4*3+8)
	out = out[:cap(out)]
	for n+8 <= len(src) {
		p := binary.LittleEndian.Uint64(src[n:])
		a, b, c, d := t[uint16(p)], t[uint16(p>>16)], t[uint16(p>>32)], t[uint16(p>>48)]
		if a|b|c|d < 1<<12 {
			v := uint64(a)<<52 | uint64(b)<<40 | uint64(c)<<28 | uint64(d)<<16
			binary.BigEndian.PutUint64(out[w:], v) // and two octets more, which the next ones overwrite
			w, n = w+6, n+8
			continue
		}
		if a|b < 1<<12 && uint16(p>>32) == lineEnd {
			binary.BigEndian.PutUint32(out[w:], uint32(a)<<20|uint32(b)<<8)
			w, n = w+3, n+6
		} else if uint16(p) == lineEnd {
			n += 2
		} else {
			break
		}
		if src[n] == '-' || src[n] == '_' {
			return out[:w], n
		}
	}
	return wholeGroup(out[:w], src, n)
}

// lineEnd is CR and LF as the two octets are read.
const lineEnd = '\r' | '\n'<<8

// wholeGroup decodes one more group, if there is one, at n.
func wholeGroup(dst, src []byte, n int) (out []byte, next int) {
	if n+4 > len(src) {
		return dst, n
	}
	p := binary.LittleEndian.Uint32(src[n:])
	a, b := base64Pairs[uint16(p)], base64Pairs[uint16(p>>16)]
	if a|b >= 1<<12 {
		return dst, n
	}
	return append(dst, byte(a>>4), byte(a<<4|b>>8), byte(b)), n + 4
}

// hold takes octets of a line that is looked at as a whole.
func (s *base64State) hold(dst, src []byte) (out, left []byte) {
	n := bytes.IndexByte(src, '\n') + 1
	if n == 0 {
		n = len(src)
	}
	n = min(n, maxHeld-len(s.line))
	s.line = append(s.line, src[:n]...)
	if s.line[len(s.line)-1] == '\n' || len(s.line) == maxHeld {
		dst = s.look(dst)
	}
	return dst, src[n:]
}

// look decides what the line is that was held.
func (s *base64State) look(dst []byte) []byte {
	line := bytes.TrimSpace(s.line)
	switch {
	case s.over || !base64Line(line):
		s.over = true
		s.rest = append(s.rest, s.line[:min(len(s.line), maxRest-len(s.rest))]...)
	case len(bytes.Trim(line, "=")) > 0: // another piece
		for s.careful = false; len(line) > 0; {
			s.inLine = true
			dst, line = s.groups(dst, line)
		}
		s.inLine = s.line[len(s.line)-1] != '\n'
	}
	s.line = s.line[:0]
	return dst
}

// base64Line reports a line of nothing but whole groups.
func base64Line(line []byte) bool {
	for _, c := range line {
		if base64Table[c] >= 64 && c != '=' {
			return false
		}
	}
	drawn := len(line) > 1 && len(bytes.Trim(line, "-_")) == 0
	return !drawn && (len(line)%4 == 0 || bytes.HasSuffix(line, []byte("=")) || len(line) == maxHeld)
}

func (s *base64State) finish(dst []byte) []byte {
	if len(s.line) > 0 {
		dst = s.look(dst)
	}
	return dst
}
