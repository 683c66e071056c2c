package message

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// maxDetect bounds how much of a text is looked at to find its charset, in
// octets.
const maxDetect = 4 << 10

// fewOctets beyond ASCII say enough to look for their charset; fewer do not.
const fewOctets = 4

// byOrderMark returns the text behind a byte order mark, which says more than any
// declaration; ok is false when there is none.
func byOrderMark(b []byte) (text string, ok bool) {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe\x00\x00")):
		return decodeWith(lookup("utf-32le"), b), true
	case bytes.HasPrefix(b, []byte("\xff\xfe")) && len(b)%2 == 0:
		return decodeWith(lookup("utf-16le"), b[2:]), true
	case bytes.HasPrefix(b, []byte("\xfe\xff")) && len(b)%2 == 0:
		return decodeWith(lookup("utf-16be"), b[2:]), true
	}
	return "", false
}

// detect reads octets that are not UTF-8 and whose charset nobody tells, or
// tells wrongly. Each encoding that people wrote mail in is tried, and the one
// whose text looks most like people's writing is taken; windows-1252, which
// never fails, when none is better.
// hint is the language that the sender is likely to write, or "".
func detect(b []byte, hint string) string {
	head := b[:min(len(b), maxDetect)]
	if high := len(head) - asciiCount(head); high < fewOctets || latinText(head) {
		return decodeLatin(latinPage(head, hint, margin), b)
	}
	best, most := encoding.Encoding(charmap.Windows1252), scoreLatin(decodeWith(charmap.Windows1252, head))
	for _, c := range [...]struct {
		enc   encoding.Encoding
		score func(string) int
	}{
		{charmap.Windows1251, scoreCyrillic},
		{charmap.KOI8U, scoreCyrillic},
		{charmap.CodePage866, scoreCyrillic},
		{charmap.ISO8859_5, scoreCyrillic},
		{charmap.Windows1253, scoreScript(unicode.Greek, "αοιετσνηυρπςάέήίό")},
		{charmap.Windows1255, scoreScript(unicode.Hebrew, "יוהלאתרמבשםן")},
		{charmap.Windows1256, scoreScript(unicode.Arabic, "اليمنوتربعةس")},
		{charmap.ISO8859_6, scoreScript(unicode.Arabic, "اليمنوتربعةس")},
		{charmap.Windows874, scoreScript(unicode.Thai, "านรอกเงมยลวด่้ัีิ")},
		{japanese.ShiftJIS, scoreJapanese},
		{japanese.EUCJP, scoreJapanese},
		{simplifiedchinese.GBK, scoreHan(0xb0, 0xd7, head)},
		{traditionalchinese.Big5, scoreHan(0xa4, 0xc6, head)},
		{korean.EUCKR, scoreKorean},
	} {
		text := decodeWith(c.enc, head)
		if n := c.score(text) - 12*strings.Count(strings.TrimSuffix(text, replacement), replacement); n > most {
			best, most = c.enc, n
		}
	}
	return decodeWith(best, b)
}

func asciiCount(b []byte) (n int) {
	for _, c := range b {
		if c < 0x80 {
			n++
		}
	}
	return n
}

// A score adds up what looks like writing and takes off what does not, about
// as much per octet for encodings of one octet and of two.

// scoreLatin likes accented letters within words of plain ones.
func scoreLatin(s string) int {
	n, last := 0, ' '
	for _, r := range s {
		if r >= 0x80 {
			switch {
			case r < 0xa0 || r == utf8.RuneError:
				n -= 4
			case unicode.IsLetter(r) && last < 0x80 && last != ' ':
				n += 3
			case unicode.IsLetter(r) && last >= 0x80 && unicode.IsLetter(last):
				n -= 2 // two in a row are rare
			case unicode.IsLetter(r), strings.ContainsRune("“”‘’„‚–—…€«»§°£©®•", r):
				n++
			default:
				n--
			}
		}
		last = r
	}
	return n
}

// scoreCyrillic likes small letters that follow letters, the common ones above
// all: the pages differ by swapping cases and by order.
func scoreCyrillic(s string) int {
	n, last := 0, ' '
	for _, r := range s {
		switch {
		case mixed(last, r):
			n -= 4
		case r < 0x80:
		case unicode.Is(unicode.Cyrillic, r):
			switch {
			case strings.ContainsRune("оеаинтсрвл", r):
				n += 3
			case unicode.IsLower(r):
				n++
			case unicode.IsLower(last):
				n -= 4 // a capital within a word
			}
		default:
			n -= 3
		}
		last = r
	}
	return n
}

// mixed reports two letters side by side of which one is plain: no script but
// the Latin one writes words so.
func mixed(a, b rune) bool {
	return (a < 0x80) != (b < 0x80) && unicode.In(a, unicode.Letter, unicode.Mark) && unicode.In(b, unicode.Letter, unicode.Mark)
}

// scoreScript likes letters of one script that follow each other, the common
// ones above all.
func scoreScript(script *unicode.RangeTable, common string) func(string) int {
	return func(s string) int {
		n, last := 0, ' '
		for _, r := range s {
			switch {
			case mixed(last, r):
				n -= 4
			case unicode.Is(script, last) && strings.ContainsRune("ךםןףץ", last) && unicode.Is(script, r):
				n -= 6 // these letters end a word
			case r < 0x80:
			case unicode.IsUpper(r) && unicode.IsLetter(last):
				n -= 4
			case strings.ContainsRune(common, r):
				n += 3
			case unicode.Is(script, r) && unicode.Is(script, last):
				n++
			case unicode.Is(script, r):
				n--
			default:
				n -= 3
			}
			last = r
		}
		return n
	}
}

// scoreJapanese likes kana, which no Japanese text is without.
func scoreJapanese(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r < 0x80:
		case r >= 0x3041 && r <= 0x30ff:
			n += 6
		case r >= 0xff61 && r <= 0xff9f: // half-width: what other pages look like
			n--
		case r >= 0x3000 && r <= 0x303f, r >= 0x4e00 && r <= 0x9fff:
			n += 3
		default:
			n -= 2
		}
	}
	return n
}

func scoreKorean(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r < 0x80:
		case unicode.Is(unicode.Hangul, r):
			n += 5
		case r >= 0x4e00 && r <= 0x9fff:
			n--
		default:
			n -= 2
		}
	}
	return n
}

// scoreHan likes the common characters, which stand in the first rows of each
// encoding.
func scoreHan(from, to byte, raw []byte) func(string) int {
	common := 0
	for i := 0; i+1 < len(raw); {
		if raw[i] < 0x80 {
			i++
			continue
		}
		if raw[i] >= from && raw[i] <= to {
			common++
		}
		i += 2
	}
	return func(s string) int {
		n := common * 2
		for _, r := range s {
			switch {
			case r < 0x80:
			case r >= 0x4e00 && r <= 0x9fff:
				n += 2
			case r >= 0x3000 && r <= 0x303f, r >= 0xff00 && r <= 0xff60:
				n += 2
			default:
				n -= 4
			}
		}
		return n
	}
}

// surelyUTF8 reports octets that are UTF-8 whatever was declared: all
// sequences are valid, and there are enough of them for a page to be ruled
// out.
func surelyUTF8(b []byte, enough int) bool {
	if !utf8.Valid(b) {
		return false
	}
	good, _ := sequences(b)
	return good >= enough
}
