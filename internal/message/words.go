package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// decodeWords decodes the encoded words of a field value (RFC 2047) as
// generously as the mail in the world asks for: words inside quotes, words
// without white space between them, blanks within a word, a character split
// over two words, unknown charsets. Text outside of words that is not UTF-8 is
// read as windows-1252.
func decodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return toUTF8(s)
	}
	var d wordDecoder
	for {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		w, n := cutWord(s[i:])
		if n < 0 {
			break // no word can end any more
		}
		if n == 0 {
			d.plain(s[:i+2])
			s = s[i+2:]
			continue
		}
		d.plain(s[:i])
		d.word(w)
		s = s[i+n:]
	}
	d.plain(s)
	d.flush()
	return d.out.String()
}

// word is one encoded word, still encoded.
type word struct {
	charset string
	enc     byte // 'b' or 'q'
	text    string
}

// cutWord reads the encoded word that s begins with and returns its length, 0
// when it is none, -1 when there is no "?=" left in s.
func cutWord(s string) (word, int) {
	const maxCharset = 80
	rest := s[2:]
	i := strings.IndexByte(rest[:min(len(rest), maxCharset)], '?')
	if i <= 0 || i+2 >= len(rest) || rest[i+2] != '?' || strings.ContainsAny(rest[:i], " \t\"<>") {
		return word{}, 0
	}
	enc := rest[i+1] | 0x20
	if enc != 'b' && enc != 'q' {
		return word{}, 0
	}
	text := rest[i+3:]
	end, mark := wordEnd(text, enc), 2
	if end < 0 {
		if end, mark = openWord(text, enc); end < 0 {
			return word{}, -1
		}
	}
	charset, _, _ := strings.Cut(rest[:i], "*") // a language tag, RFC 2231 §5
	return word{charset, enc, text[:end]}, 2 + i + 3 + end + mark
}

// wordEnd finds the "?=" that ends a word. In the Q encoding it may also be a
// question mark before an encoded octet, which ought to be encoded itself.
func wordEnd(text string, enc byte) int {
	end := strings.Index(text, "?=")
	for enc == 'q' && end >= 0 && end+4 <= len(text) && unhex(text[end+2]) >= 0 && unhex(text[end+3]) >= 0 {
		rest := text[end+2:]
		if i := strings.IndexAny(rest, " \t\r\n"); i >= 0 {
			rest = rest[:i]
		}
		next := strings.Index(rest, "?=")
		if next < 0 || strings.Contains(rest[:next], "=?") {
			break
		}
		end += 2 + next
	}
	return end
}

// openWord finds the end of a word that lost its "?=": the next blank, if what
// stands before it can be nothing else. mark is the length of what is left of
// the end.
func openWord(text string, enc byte) (end, mark int) {
	if end = strings.IndexAny(text, " \t\r\n"); end < 0 {
		end = len(text)
	}
	body := strings.TrimRight(text[:end], "?")
	encoded := enc == 'q' && strings.Contains(body, "=")
	if enc == 'b' {
		encoded = len(body) >= 4
		for i := range len(body) {
			encoded = encoded && (base64Table[body[i]] < 64 || body[i] == '=')
		}
	}
	if !encoded {
		return -1, 0
	}
	return len(body), end - len(body)
}

// wordDecoder joins what belongs together before it is decoded.
type wordDecoder struct {
	out     strings.Builder
	charset string
	octets  []byte // of words of one charset
	base64  string // of words whose groups of four are not complete
	open    bool   // the last thing was a word
}

func (d *wordDecoder) plain(s string) {
	if s == "" || d.open && strings.Trim(s, " \t\r\n") == "" {
		return // white space between two words is not text; at the end it is trimmed anyway
	}
	d.flush()
	d.out.WriteString(toUTF8(s))
}

func (d *wordDecoder) word(w word) {
	if !d.open || !strings.EqualFold(d.charset, w.charset) {
		d.flush()
		d.charset = w.charset
	}
	d.open = true
	if w.enc == 'q' || isQ(w.text) {
		d.flushBase64()
		d.octets = appendQ(d.octets, w.text)
		return
	}
	d.base64 += w.text
	if len(d.base64)%4 == 0 || strings.HasSuffix(d.base64, "=") || len(d.base64) > 4096 {
		d.flushBase64()
	}
}

func (d *wordDecoder) flushBase64() {
	if d.base64 != "" {
		var b base64State
		d.octets = b.decode(d.octets, []byte(d.base64))
		d.octets = b.finish(d.octets)
		d.base64 = ""
	}
}

func (d *wordDecoder) flush() {
	d.flushBase64()
	if len(d.octets) > 0 {
		d.out.WriteString(decodeCharset(d.octets, d.charset))
		d.octets = d.octets[:0]
	}
	d.open = false
}

// isQ reports text of the Q encoding in a word that says it is base64, where
// an equal sign is at the end only, or at the end of a piece.
func isQ(s string) bool {
	i := strings.IndexByte(s, '=')
	if i < 0 || strings.TrimRight(s[i:], "=") == "" {
		return false
	}
	octets := 0
	for ; i+2 < len(s); i++ {
		if s[i] == '=' && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0 {
			octets++
		}
	}
	return octets > 1
}

// appendQ decodes the Q encoding (RFC 2047 §4.2).
func appendQ(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '_' {
			c = ' '
		} else if c == '=' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// toUTF8 reads octets without a declared charset.
func toUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return decodeCharset([]byte(s), "")
}

// oneLine makes a harmless single line: no control or bidirectional override
// characters, no runs of white space from folding.
func oneLine(s string) string {
	clean := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return strings.Trim(s, " ")
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r' || r == 0x2028 || r == 0x2029:
			return ' '
		case unicode.IsControl(r) || isBidi(r):
			return -1
		}
		return r
	}, s))
}

// isBidi reports characters that reorder what is shown after them.
func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
