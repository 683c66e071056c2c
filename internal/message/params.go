package message

import (
	"slices"
	"sort"
	"strconv"
	"strings"
)

// maxParams bounds the parameters read from one field.
const maxParams = 100

// mediaType is a Content-Type or Content-Disposition field (RFC 2045 §5.1,
// RFC 2183), its parameters decoded (RFC 2231). The first of two parameters of
// a name wins.
type mediaType struct {
	value  string // lower case, "type/subtype" or a disposition
	params map[string]string
}

func (m mediaType) param(name string) string { return m.params[name] }

// isType reports whether the media type begins with a type and slash.
func (m mediaType) isType(t string) bool { return strings.HasPrefix(m.value, t) }

// parseMedia reads a field value and never fails. Quotes that do not end,
// values with blanks in them and parameters without a value are all taken for
// what they most likely mean.
func parseMedia(v string) mediaType {
	value, rest := cutValue(v)
	m := mediaType{value: strings.ToLower(value)}
	if rest == "" {
		return m
	}
	m.params = map[string]string{}
	var pieces map[string][]piece
	for n := 0; rest != "" && n < maxParams; n++ {
		var name, val string
		name, val, rest = cutParam(rest)
		if name == "" {
			continue
		}
		if base, p, ok := splitPiece(name, val); ok {
			if pieces == nil {
				pieces = map[string][]piece{}
			}
			pieces[base] = append(pieces[base], p)
			continue
		}
		if _, dup := m.params[name]; !dup {
			m.params[name] = val
		}
	}
	for base, list := range pieces {
		m.params[base] = joinPieces(list) // the extended form wins (RFC 2231 §3, RFC 6266 §4.3)
	}
	return m
}

// cutValue parts what stands before the parameters from them. The semicolon
// between may be missing, and the value itself.
func cutValue(v string) (value, rest string) {
	v = strings.TrimLeft(skipComments(v), "\"'")
	i := strings.IndexAny(v, " \t\r\n;,(=\"'")
	switch {
	case i < 0:
		return v, ""
	case v[i] == '=':
		return "", v
	}
	rest = skipComments(strings.TrimLeft(v[i:], "\"'"))
	return v[:i], strings.TrimLeft(rest, ",")
}

// skipComments drops blanks and comments (RFC 5322 §3.2.2) that a value begins
// with.
func skipComments(s string) string {
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if !strings.HasPrefix(s, "(") {
			return s
		}
		end := strings.IndexByte(s, ')')
		if end < 0 {
			return ""
		}
		s = s[end+1:]
	}
}

// cutParam reads one "name=value" up to its semicolon, or to where the next
// parameter begins whose semicolon is missing.
func cutParam(s string) (name, value, rest string) {
	s = skipComments(strings.TrimLeft(s, " \t\r\n;"))
	i := strings.IndexAny(s, "=;")
	if i < 0 || s[i] == ';' {
		if i < 0 {
			return "", "", ""
		}
		return "", "", s[i+1:]
	}
	name = strings.ToLower(strings.TrimSpace(s[:i]))
	s = strings.TrimLeft(s[i+1:], " \t\r\n")
	if strings.HasPrefix(s, `"`) {
		value, rest = cutQuoted(s[1:])
		return name, value, rest
	}
	value, rest, _ = strings.Cut(s, ";")
	if n := nextParam(value); n >= 0 {
		value, rest = s[:n], s[n:]
	}
	value = strings.TrimSpace(value)
	if strings.Count(value, `"`) == 1 {
		value = strings.TrimSuffix(value, `"`)
	}
	return name, value, rest
}

// nextParam finds a parameter that follows a blank where its semicolon is
// missing, or -1. Only those are known that parts depend on: blanks and equal
// signs stand in names of files, too.
func nextParam(s string) int {
	const longest = 20 // octets of a name with its equal sign
	for at := 0; ; {
		i := strings.IndexAny(s[at:], " \t")
		if i < 0 {
			return -1
		}
		at += i + 1
		name, _, ok := strings.Cut(s[at:min(len(s), at+longest)], "=")
		if !ok {
			continue
		}
		switch base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), "*"); base {
		case "charset", "format", "delsp", "boundary", "name", "filename", "type", "method", "protocol", "micalg", "size":
			return at
		}
	}
}

// cutQuoted reads a quoted string whose opening quote is gone. A backslash
// escapes only a quote or itself: Windows paths come unescaped.
func cutQuoted(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case c == '"':
			return b.String(), behindQuoted(s[i+1:])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// behindQuoted is what follows a quoted value: the rest after its semicolon, or
// a parameter whose semicolon is missing.
func behindQuoted(s string) string {
	between, rest, _ := strings.Cut(s, ";")
	if n := nextParam(between); n >= 0 {
		return s[n:]
	}
	return rest
}

// piece is one part of a value that RFC 2231 splits or encodes.
type piece struct {
	index   int
	encoded bool
	value   string
}

// splitPiece recognises "name*", "name*0" and "name*0*".
func splitPiece(name, value string) (base string, p piece, ok bool) {
	base, tail, ok := strings.Cut(name, "*")
	if !ok || base == "" {
		return "", piece{}, false
	}
	p.value = value
	if tail == "" {
		p.encoded = true
		return base, p, true
	}
	digits, encoded := strings.CutSuffix(tail, "*")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 {
		return "", piece{}, false
	}
	p.index, p.encoded = n, encoded
	return base, p, true
}

// joinPieces puts a value together: octets first, then the charset, because a
// character may be split between pieces.
func joinPieces(list []piece) string {
	sort.SliceStable(list, func(i, j int) bool { return list[i].index < list[j].index })
	charset := ""
	var octets []byte
	if _, _, ok := extended(list[0].value); ok && !slices.ContainsFunc(list, func(p piece) bool { return p.encoded }) {
		for i := range list { // the asterisks that say so are missing
			list[i].encoded = true
		}
	}
	for i, p := range list {
		v := p.value
		if p.encoded {
			if i == 0 {
				if c, rest, ok := strings.Cut(v, "'"); ok {
					charset = c
					if _, text, ok := strings.Cut(rest, "'"); ok {
						v = text
					} else {
						v = rest
					}
				}
			}
			octets = appendPercent(octets, v)
			continue
		}
		octets = append(octets, v...)
	}
	return decodeCharset(octets, charset)
}

// extended parts the charset of an extended value from its text (RFC 2231 §4);
// ok is false when it has none that is known.
func extended(v string) (charset, text string, ok bool) {
	charset, rest, ok := strings.Cut(v, "'")
	if !ok {
		return "", "", false
	}
	language, text, ok := strings.Cut(rest, "'")
	name := charsetName(charset)
	if !ok || len(language) > 10 || charset == "" || name != "utf-8" && lookup(name) == nil {
		return "", "", false
	}
	return charset, text, true
}

func appendPercent(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				dst = append(dst, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		dst = append(dst, s[i])
	}
	return dst
}
