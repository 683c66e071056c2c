package message

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
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
func decodeCharset(b []byte, declared string) string {
	name := charsetName(declared)
	if isASCII(b) && !shifting(name) {
		return string(b)
	}
	switch name {
	case "", "us-ascii":
		return sniff(b)
	case "utf-8":
		return decodeUTF8(b)
	case "utf-7":
		return decodeUTF7(b)
	case "iso-2022-kr":
		b, name = unshiftKorean(b), "euc-kr"
	}
	enc := lookup(name)
	if enc == nil {
		return sniff(b)
	}
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return sniff(b)
	}
	if bytes.ContainsRune(out, utf8.RuneError) && utf8.Valid(b) && !isASCII(b) {
		return string(b)
	}
	return string(out)
}

// shifting reports charsets in which ASCII octets can mean something else.
func shifting(name string) bool {
	return strings.HasPrefix(name, "iso-2022-") || strings.HasPrefix(name, "utf-16") || strings.HasPrefix(name, "utf-32") ||
		name == "utf-7" || name == "hz-gb-2312" || strings.HasPrefix(name, "ibm")
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

func sniff(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	if good, bad := sequences(b); good > bad {
		return mend(b)
	}
	return windows1252(b)
}

// mend marks what is not UTF-8.
func mend(b []byte) string { return string(bytes.ToValidUTF8(b, []byte("\uFFFD"))) }

// decodeUTF8 mends octets that were declared as UTF-8 but are not all of it.
// With no sequence of several octets among them they are windows-1252.
func decodeUTF8(b []byte) string {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if utf8.Valid(b) {
		return string(b)
	}
	if good, _ := sequences(b); good > 0 {
		return mend(b)
	}
	return windows1252(b)
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

func windows1252(b []byte) string {
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return mend(b)
	}
	return string(out)
}

// charsetName reduces the ways in which mail programs write a charset to one.
func charsetName(s string) string {
	if s == "utf-8" || s == "UTF-8" || s == "" {
		return strings.ToLower(s)
	}
	s = strings.ToLower(strings.Trim(s, " \t\r\n\"'<>;,"))
	s = strings.TrimPrefix(s, "charset=")
	s = strings.ReplaceAll(s, "_", "-")
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
	case "tis620", "tis-620", "iso-8859-11", "cp874", "x-windows-874", "windows-874":
		return "windows-874"
	case "latin1", "latin-1", "iso8859", "iso8859-1", "iso-8859", "8859-1":
		return "windows-1252"
	case "latin-2":
		return "iso-8859-2"
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
			return "iso-8859-" + strings.Trim(rest, "-")
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

// unshiftKorean turns ISO-2022-KR (RFC 1557) into EUC-KR: octets between SO
// and SI get their eighth bit.
func unshiftKorean(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\x1b$)C"), nil)
	out := make([]byte, 0, len(b))
	var high byte
	for _, c := range b {
		switch {
		case c == 0x0e:
			high = 0x80
		case c == 0x0f || c == '\n':
			high = 0
			if c == '\n' {
				out = append(out, c)
			}
		case c > ' ':
			out = append(out, c|high)
		default:
			out = append(out, c)
		}
	}
	return out
}
