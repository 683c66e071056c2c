package message

import (
	"bytes"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// decode2022 reads the whole family of ISO-2022-JP (RFC 1468, RFC 1554, RFC
// 2237), -KR (RFC 1557) and -CN (RFC 1922): octets of seven bits that escape
// sequences switch between character sets. Each set of two octets is that of an
// EUC encoding without its eighth bit. Octets of eight bits, which have no
// business there, are read as half-width katakana, as Japanese programs do.
func decode2022(b []byte) string {
	d := decoder2022{}
	for len(b) > 0 {
		switch c := b[0]; {
		case c == esc:
			n := d.escape(b)
			b = b[n:]
		case c == 0x0e:
			d.flush()
			d.shifted, b = true, b[1:]
		case c == 0x0f:
			d.flush()
			d.shifted, b = false, b[1:]
		case c == '\n' || c == '\r':
			d.flush()
			d.out.WriteByte(c)
			d.set, d.shifted, b = setASCII, false, b[1:]
		default:
			d.octets = append(d.octets, c)
			b = b[1:]
		}
	}
	d.flush()
	return d.out.String()
}

const esc = 0x1b

// The character sets that escape sequences name.
type set2022 byte

const (
	setASCII set2022 = iota
	setKatakana
	setJapanese
	setJapaneseMore // JIS X 0212
	setChinese
	setKorean
	setUnknown // of two octets
)

type decoder2022 struct {
	out     strings.Builder
	octets  []byte
	set     set2022 // designated to G0
	g1      set2022 // used between SO and SI
	g2      encoding.Encoding
	shifted bool
}

// escapes name sets, the longest first.
var escapes = [...]struct {
	seq string
	set set2022
	g1  bool
}{
	{"$(B", setJapanese, false},
	{"$(D", setJapaneseMore, false},
	{"$(C", setKorean, false},
	{"$(A", setChinese, false},
	{"$(O", setJapanese, false},
	{"$(Q", setJapanese, false},
	{"$(P", setUnknown, false},
	{"$)C", setKorean, true},
	{"$)A", setChinese, true},
	{"$)G", setUnknown, true},
	{"$)E", setUnknown, true},
	{"$B", setJapanese, false},
	{"$@", setJapanese, false},
	{"$A", setChinese, false},
	{"(B", setASCII, false},
	{"(J", setASCII, false},
	{"(H", setASCII, false},
	{"(I", setKatakana, false},
}

// escape handles an escape sequence and returns its length.
func (d *decoder2022) escape(b []byte) int {
	rest := b[1:]
	for _, e := range escapes {
		if bytes.HasPrefix(rest, []byte(e.seq)) {
			d.flush()
			if e.g1 {
				d.g1 = e.set
			} else {
				d.set = e.set
			}
			return 1 + len(e.seq)
		}
	}
	switch {
	case len(rest) >= 2 && rest[0] == '.': // G2 of ISO-2022-JP-2
		if d.g2 = charmap.ISO8859_1; rest[1] == 'F' {
			d.g2 = charmap.ISO8859_7
		}
		return 3
	case len(rest) >= 2 && rest[0] == 'N': // one character of it
		d.flush()
		d.out.WriteString(decodeWith(d.g2, []byte{rest[1] | 0x80}))
		return 3
	case len(rest) >= 3 && rest[0] == '$' && (rest[1] == '*' || rest[1] == '+'):
		return 4
	}
	return 1
}

// flush decodes what one set has to say.
func (d *decoder2022) flush() {
	b := d.octets
	d.octets = d.octets[:0]
	set := d.set
	if d.shifted && d.g1 != setASCII {
		set = d.g1
	}
	if len(b) == 0 {
		return
	}
	switch set {
	case setASCII:
		for _, c := range b {
			switch {
			case c < 0x80:
				d.out.WriteByte(c)
			case c >= 0xa1 && c <= 0xdf:
				d.out.WriteRune(0xff61 + rune(c-0xa1))
			default:
				d.out.WriteString(replacement)
			}
		}
	case setKatakana:
		d.out.WriteString(decodeWith(japanese.ShiftJIS, highBits(b)))
	case setJapanese:
		d.out.WriteString(decodeWith(japanese.EUCJP, highBits(b)))
	case setJapaneseMore:
		d.out.WriteString(decodeWith(japanese.EUCJP, threeOctets(highBits(b))))
	case setChinese:
		d.out.WriteString(decodeWith(simplifiedchinese.GBK, highBits(b)))
	case setKorean:
		d.out.WriteString(decodeWith(korean.EUCKR, highBits(b)))
	default:
		d.out.WriteString(strings.Repeat(replacement, (len(b)+1)/2))
	}
}

// highBits sets the eighth bit of all but blanks.
func highBits(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if out[i] = c; c > ' ' {
			out[i] = c | 0x80
		}
	}
	return out
}

// threeOctets writes JIS X 0212 as EUC-JP does, behind SS3.
func threeOctets(b []byte) []byte {
	out := make([]byte, 0, len(b)/2*3+1)
	for i := 0; i+1 < len(b); i += 2 {
		out = append(out, 0x8f, b[i], b[i+1])
	}
	return out
}

// decodeWith decodes with an encoding; what it does not have becomes U+FFFD.
func decodeWith(enc encoding.Encoding, b []byte) string {
	if enc == nil {
		return replacement
	}
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return mend(b)
	}
	return string(out)
}
