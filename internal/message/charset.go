package message

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// decodeCharset turns octets into UTF-8. It knows the charsets of mail and
// their many names; an unknown or missing one means UTF-8 when the octets are
// valid UTF-8, else windows-1252, which never fails. A declaration is not
// believed against the evidence: octets that are not what was declared but
// valid UTF-8 are UTF-8.
func decodeCharset(b []byte, declared string) string { return decodeHinted(b, declared, "") }

// decodeHinted is decodeCharset with the language that the sender is likely to
// write (ISO 639-1), or "".
func decodeHinted(b []byte, declared, hint string) string {
	name := charsetName(declared)
	if isASCII(b) && !shifting(name) {
		if bytes.IndexByte(b, esc) >= 0 && escapes2022(b) {
			return decode2022(b)
		}
		return string(b)
	}
	if text, ok := byOrderMark(b); ok {
		return text
	}
	switch {
	case name == "", name == "us-ascii":
		return sniff(b, hint)
	case name == "utf-8":
		return decodeUTF8(b, hint)
	case name == "utf-7":
		return decodeUTF7(b)
	case name == "utf-16":
		name = endian(b)
	case strings.HasPrefix(name, "iso-2022-"):
		if surelyUTF8(b, 2) {
			return string(b)
		}
		if bytes.IndexByte(b, esc) < 0 && len(b)-asciiCount(b) >= fewOctets {
			return sniff(b, hint) // another encoding of the same language, most likely
		}
		return decode2022(b)
	}
	if page := sibling(name); page != "" && hasC1(b) {
		name = page
	}
	enc := lookup(name)
	if enc == nil {
		return sniff(b, hint)
	}
	if surelyUTF8(b, evidence(name)) {
		return string(b)
	}
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil || 4*bytes.Count(out, []byte(replacement)) > len(b) {
		return sniff(b, hint) // hardly anything is what it was declared as
	}
	if bytes.ContainsRune(out, utf8.RuneError) && utf8.Valid(b) && !isASCII(b) {
		return string(b)
	}
	if unlikely(name, b, out) {
		return detect(b, hint)
	}
	if name == "windows-1252" && hasOdd(b) { // what programs call the octets of every page
		return decodeLatin(latinPage(b[:min(len(b), maxDetect)], hint, sureMargin), b)
	}
	return string(out)
}

// evidence is how many sequences of UTF-8 rule out a charset. In a Western
// page each of them would be two or more signs that no word has side by side;
// other pages can hold a few by accident.
func evidence(name string) int {
	switch name {
	case "utf-16be", "utf-16le", "utf-32", "utf-32be", "utf-32le", "hz-gb-2312":
		return 1 << 30
	case "windows-1252", "iso-8859-15":
		return 1
	case "gb18030", "big5", "euc-kr", "euc-jp", "shift_jis":
		return 4
	}
	return 2
}

// escapes2022 reports escape sequences of ISO-2022-JP in octets that are said
// to be something else.
func escapes2022(b []byte) bool {
	return bytes.Contains(b, []byte("\x1b$B")) || bytes.Contains(b, []byte("\x1b$@")) || bytes.Contains(b, []byte("\x1b$(")) || bytes.Contains(b, []byte("\x1b$)C"))
}

// endian finds the order of UTF-16 without a mark by where the zeros are, the
// standard's order when there are none.
func endian(b []byte) string {
	even, odd := 0, 0
	for i, c := range b[:min(len(b), maxDetect)] {
		if c == 0 {
			if i%2 == 0 {
				even++
			} else {
				odd++
			}
		}
	}
	if odd > even {
		return "utf-16le"
	}
	return "utf-16be"
}

// shifting reports charsets in which ASCII octets can mean something else.
func shifting(name string) bool {
	return strings.HasPrefix(name, "iso-2022-") || strings.HasPrefix(name, "utf-16") || strings.HasPrefix(name, "utf-32") ||
		name == "utf-7" || name == "hz-gb-2312" || strings.HasPrefix(name, "ibm")
}

func isASCII(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

func sniff(b []byte, hint string) string {
	if utf8.Valid(b) {
		return string(b)
	}
	if good, bad := sequences(b); good > bad {
		return mend(b)
	}
	return detect(b, hint)
}

// mend marks what is not UTF-8.
func mend(b []byte) string { return string(bytes.ToValidUTF8(b, []byte("\uFFFD"))) }

// decodeUTF8 mends octets that were declared as UTF-8 but are not all of it.
// With no sequence of several octets among them they are windows-1252.
func decodeUTF8(b []byte, hint string) string {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if utf8.Valid(b) {
		return string(b)
	}
	if good, bad := sequences(b); good > 0 && 2*good >= bad {
		return mend(b)
	}
	return detect(b, hint)
}

// sequences counts what is valid UTF-8 beyond ASCII, and the octets that are
// not.
func sequences(b []byte) (good, bad int) {
	for len(b) > 0 {
		if b[0] < 0x80 {
			b = b[1:]
			continue
		}
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			bad++
		} else {
			good++
		}
		b = b[n:]
	}
	return good, bad
}

// charsetName reduces the ways in which mail programs write a charset to one.
func charsetName(s string) string {
	if s == "utf-8" || s == "UTF-8" || s == "" {
		return strings.ToLower(s)
	}
	s = strings.ToLower(strings.Trim(s, " \t\r\n\"'<>;,"))
	s = strings.TrimPrefix(s, "charset=")
	s = strings.ReplaceAll(s, "_", "-")
	if i := strings.IndexAny(s, " ;,\"'\\()<>"); i > 0 {
		s = s[:i] // what got stuck to the name
	}
	switch s {
	case "utf8", "utf-8-sig", "utf8mb4", "unicode-1-1-utf-8", "unicode-2-0-utf-8", "x-utf-8", "cp65001", "windows-65001", "utf-8-strict":
		return "utf-8"
	case "utf7", "unicode-1-1-utf-7", "unicode-2-0-utf-7", "x-unicode-2-0-utf-7", "cp65000":
		return "utf-7"
	case "ascii", "us", "usascii", "ansi-x3.4-1968", "iso646-us", "iso-ir-6", "646", "7bit", "8bit", "default", "unknown", "unknown-8bit",
		"x-unknown", "none", "_autodetect", "autodetect", "-autodetect":
		return "us-ascii"
	case "gb2312", "gb-2312", "gb-2312-80", "gbk", "x-gbk", "cp936", "ms936", "windows-936", "euc-cn", "gb18030", "chinese", "csgb2312":
		return "gb18030"
	case "hz", "hz-gb-2312", "hz-gb2312":
		return "hz-gb-2312"
	case "cp932", "ms932", "windows-932", "windows-31j", "sjis", "shift-jis", "shiftjis", "x-sjis", "ms-kanji", "cswindows31j", "x-ms-cp932":
		return "shift_jis"
	case "iso-2022-jp-ms", "iso-2022-jp-1", "iso-2022-jp-2", "iso-2022-jp-3", "iso-2022-jp-2004", "cp50220", "cp50221", "cp50222", "iso2022jp", "jis":
		return "iso-2022-jp"
	case "ks-c-5601-1987", "ks-c-5601-1989", "ks-c-5601", "ksc5601", "ksc-5601", "ksc5601-1987", "cp949", "ms949", "uhc", "windows-949", "euckr", "korean":
		return "euc-kr"
	case "big5", "big5-hkscs", "cp950", "ms950", "windows-950", "x-x-big5", "big-5":
		return "big5"
	case "eucjp", "x-euc-jp", "x-euc", "ujis":
		return "euc-jp"
	case "x-mac-roman", "mac", "macroman", "mac-roman", "x-macroman", "apple-roman":
		return "macintosh"
	case "x-mac-cyrillic", "mac-cyrillic", "maccyrillic":
		return "x-mac-cyrillic"
	case "utf16", "ucs-2", "iso-10646-ucs-2", "csunicode", "unicode", "ucs2":
		return "utf-16"
	case "utf16le", "ucs-2le", "unicodelittle":
		return "utf-16le"
	case "utf16be", "ucs-2be", "unicodebig":
		return "utf-16be"
	case "utf32", "ucs-4", "iso-10646-ucs-4":
		return "utf-32"
	case "koi8", "koi8r", "koi-8-r", "cskoi8r", "koi8-ru":
		return "koi8-r"
	case "koi8u":
		return "koi8-u"
	case "tis620", "tis-620", "iso-8859-11", "cp874", "x-windows-874", "windows-874":
		return "windows-874"
	case "latin1", "latin-1", "iso8859", "iso8859-1", "iso-8859", "8859-1":
		return "windows-1252"
	case "latin-2":
		return "iso-8859-2"
	case "latin-5", "latin5":
		return "windows-1254"
	case "iso-8859-8i", "iso-8859-8-i", "iso-8859-8e", "iso-8859-8-e", "logical", "visual":
		return "windows-1255"
	case "latin-9", "iso885915", "latin9":
		return "iso-8859-15"
	}
	return numbered(s)
}

// numbered writes the families of numbered charsets in one way: "cp-1251",
// "win1251" and "x-windows-1251" are windows-1251, "iso8859-5" is iso-8859-5.
func numbered(s string) string {
	digits := strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyz-")
	family := strings.Trim(strings.TrimPrefix(s[:len(s)-len(digits)], "x-"), "-")
	switch family {
	case "cp", "win", "windows", "ms", "ibm", "dos":
		if strings.HasPrefix(digits, "125") {
			return "windows-" + digits
		}
		return "ibm" + digits
	case "iso":
		if rest, ok := strings.CutPrefix(digits, "8859"); ok {
			if s = "iso-8859-" + strings.Trim(rest, "-"); s == "iso-8859-1" {
				return "windows-1252" // what the name has come to mean (WHATWG Encoding §4.2)
			}
		}
	}
	return s
}

// lookup returns the encoding of a name that charsetName made, or nil.
func lookup(name string) encoding.Encoding {
	switch name {
	case "gb18030":
		return simplifiedchinese.GB18030
	case "hz-gb-2312":
		return simplifiedchinese.HZGB2312
	case "euc-kr":
		return korean.EUCKR
	case "utf-16":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	case "utf-16be":
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case "utf-16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case "utf-32", "utf-32be":
		return utf32.UTF32(utf32.BigEndian, utf32.UseBOM)
	case "utf-32le":
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)
	}
	if len(name) > 60 {
		return nil
	}
	if enc, err := htmlindex.Get(name); err == nil && enc != encoding.Replacement {
		return enc
	}
	if enc, err := ianaindex.MIME.Encoding(name); err == nil && enc != nil && enc != encoding.Replacement {
		return enc
	}
	return nil
}
