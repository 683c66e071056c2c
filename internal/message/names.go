package message

import (
	"bytes"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds an attachment's name, in octets: what file systems take.
const maxName = 200

// rawName is the file name that a part gives itself, decoded but not safe.
func rawName(p *part) string {
	name := p.disp.param("filename")
	if name == "" {
		name = p.ctype.param("name")
	}
	if charset, text, ok := extended(name); ok && strings.Contains(text, "%") {
		name = decodeCharset(appendPercent(nil, text), charset) // the asterisk that says so is missing
	}
	name = decodeWords(name)
	if plain := string(appendPercent(nil, name)); strings.Contains(name, "%") && utf8.ValidString(plain) && !isASCII([]byte(plain)) && isASCII([]byte(name)) {
		name = plain // percent signs where RFC 2231 wants an asterisk as well
	}
	return oneLine(name)
}

// fileName is a safe name for a part, never empty: its own, the subject of a
// mail that was attached, or one made from its place and type.
func fileName(src io.ReaderAt, p *part) string {
	name := safeName(rawName(p))
	if name == "" && p.ctype.value == "message/rfc822" {
		sec := readSection(p.content(src, 64<<10), 0, 64<<10, 64<<10, true)
		if name = safeName(strings.ReplaceAll(oneLine(decodeWords(get(sec.fields, "subject"))), "/", "-")); name != "" {
			name += ".eml"
		}
	}
	if name == "" {
		name = "part-" + strings.ReplaceAll(p.path, innerMark, "-") + extension(p.ctype.value)
	}
	return name
}

// content gives the first octets of a part, decoded, to be read in any order.
func (p *part) content(src io.ReaderAt, limit int64) Content {
	if p.encoding == "" && p.open == nil {
		if p.src != nil {
			src = p.src
		}
		return io.NewSectionReader(src, p.start, min(limit, max(p.end-p.start, 0)))
	}
	return bytes.NewReader(p.bytes(src, limit))
}

// safeName makes a name that is one path element on every system, shows as
// what it is and has no control character. It may be empty.
func safeName(s string) string {
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) || unseen(r) || r == utf8.RuneError:
			return -1
		case unicode.IsSpace(r):
			return ' '
		case strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		}
		return r
	}, s)
	s = strings.Trim(s, " \t")
	s = strings.TrimRight(s, ". ")
	if strings.Trim(s, "._ ") == "" {
		return ""
	}
	if reserved(s) {
		s = "_" + s
	}
	return shorten(s)
}

// unseen reports characters that make a name look like another: those without
// width, and those that turn the direction of others.
func unseen(r rune) bool {
	return isBidi(r) || unicode.Is(unicode.Cf, r) || r == 0x34f || r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0 || r >= 0xfe00 && r <= 0xfe0f
}

// reserved reports names that Windows keeps for devices.
func reserved(s string) bool {
	base, _, _ := strings.Cut(strings.ToUpper(s), ".")
	base = strings.NewReplacer("¹", "1", "²", "2", "³", "3").Replace(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	return len(base) == 4 && (strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT")) && base[3] >= '0' && base[3] <= '9'
}

// shorten cuts a long name but keeps its extension.
func shorten(s string) string {
	if len(s) <= maxName {
		return s
	}
	ext := ""
	if i := strings.LastIndexByte(s, '.'); i > 0 && len(s)-i <= 20 {
		ext = s[i:]
	}
	cut := maxName - len(ext)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.TrimRight(s[:cut], ". ") + ext
}

// extension is the usual file extension of a type, for parts without a name.
func extension(t string) string {
	switch t {
	case "text/plain":
		return ".txt"
	case "text/html":
		return ".html"
	case "text/calendar":
		return ".ics"
	case "text/csv":
		return ".csv"
	case "text/vcard", "text/x-vcard":
		return ".vcf"
	case "image/jpeg", "image/jpg":
		return ".jpg"
	case "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/heic":
		return "." + t[len("image/"):]
	case "image/svg+xml":
		return ".svg"
	case "application/pdf", "application/zip", "application/rtf", "application/json", "application/xml":
		return "." + t[len("application/"):]
	case "application/ms-tnef":
		return ".dat"
	case "application/pgp-signature":
		return ".asc"
	case "application/pkcs7-signature", "application/x-pkcs7-signature":
		return ".p7s"
	case "message/rfc822", "message/global":
		return ".eml"
	case "message/delivery-status", "text/rfc822-headers", "message/disposition-notification", "message/feedback-report":
		return ".txt"
	}
	return ".bin"
}
