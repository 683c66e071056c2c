package message

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf16"
)

// rtfDictionary is what the window of a compressed RTF begins with
// (MS-OXRTFCP §2.1.2.1).
const rtfDictionary = `{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0` +
	"\r\n" + `\par \pard\plain\f0\fs20\b\i\u\tab\tx`

// maxRTF bounds RTF after decompression, in octets; a reference of two octets
// stands for 17 at most, so that a short input cannot cost much either.
const maxRTF = 4 << 20

// inflateRTF decompresses RTF as Outlook stores it (MS-OXRTFCP). What is
// broken ends it.
func inflateRTF(b []byte) []byte {
	const header = 16
	if len(b) < header {
		return nil
	}
	size := min(int(binary.LittleEndian.Uint32(b[4:])), maxRTF)
	kind := binary.LittleEndian.Uint32(b[8:])
	b = b[header:]
	switch kind {
	case 0x414c454d: // not compressed
		return b[:min(size, len(b))]
	case 0x75465a4c:
	default:
		return nil
	}
	var window [4096]byte
	at := copy(window[:], rtfDictionary)
	out := make([]byte, 0, min(size, 17*len(b)))
	put := func(c byte) {
		out = append(out, c)
		window[at] = c
		at = (at + 1) % len(window)
	}
	for len(b) > 0 && len(out) < size {
		flags := b[0]
		b = b[1:]
		for bit := 0; bit < 8 && len(b) > 0; bit++ {
			if flags&(1<<bit) == 0 {
				put(b[0])
				b = b[1:]
				continue
			}
			if len(b) < 2 {
				return out
			}
			from, n := int(b[0])<<4|int(b[1])>>4, int(b[1]&15)+2
			if b = b[2:]; from == at {
				return out // the end mark
			}
			for ; n > 0; n-- {
				put(window[from])
				from = (from + 1) % len(window)
			}
		}
	}
	return out
}

// rtfState is what a group of RTF inherits.
type rtfState struct {
	skip    bool // a destination that is not text
	hidden  bool // \htmlrtf: only for readers without HTML
	tag     bool // \*\htmltag: only for readers with HTML
	unicode int  // octets that stand for a \u, \uc
}

type rtfReader struct {
	b       []byte
	state   rtfState
	stack   []rtfState
	html    bool // the RTF wraps HTML (MS-OXRTFEX)
	charset string
	octets  []byte // not decoded yet
	out     strings.Builder
	drop    int // octets still to be dropped behind a \u
	high    rune
	star    bool
}

// readRTF reads the text of an RTF document, or the HTML that it wraps.
func readRTF(b []byte) (text, html string) {
	r := rtfReader{b: b, charset: "windows-1252", state: rtfState{unicode: 1}}
	for len(r.b) > 0 {
		r.token()
	}
	r.flush()
	if r.html {
		return "", r.out.String()
	}
	return strings.TrimSpace(r.out.String()), ""
}

func (r *rtfReader) token() {
	c := r.b[0]
	r.b = r.b[1:]
	switch c {
	case '{':
		r.flush()
		if len(r.stack) < 100 {
			r.stack = append(r.stack, r.state)
		}
	case '}':
		r.flush()
		if n := len(r.stack); n > 0 {
			r.state, r.stack = r.stack[n-1], r.stack[:n-1]
		}
	case '\\':
		r.control()
	case '\r', '\n', 0:
	default:
		r.octet(c)
	}
}

func (r *rtfReader) octet(c byte) {
	if r.drop > 0 {
		r.drop--
		return
	}
	if r.shown() {
		r.octets = append(r.octets, c)
	}
}

func (r *rtfReader) shown() bool { return !r.state.skip && !(r.html && r.state.hidden) }

func (r *rtfReader) flush() {
	if len(r.octets) > 0 {
		r.out.WriteString(decodeCharset(r.octets, r.charset))
		r.octets = r.octets[:0]
	}
}

func (r *rtfReader) write(s string) {
	r.flush()
	if r.shown() {
		r.out.WriteString(s)
	}
}

// control reads what follows a backslash.
func (r *rtfReader) control() {
	if len(r.b) == 0 {
		return
	}
	c := r.b[0]
	if c < 'a' || c > 'z' {
		r.b = r.b[1:]
		r.symbol(c)
		return
	}
	n := 0
	for n < len(r.b) && n < 32 && r.b[n] >= 'a' && r.b[n] <= 'z' {
		n++
	}
	word := string(r.b[:n])
	r.b = r.b[n:]
	n = 0
	for n < len(r.b) && n < 10 && (r.b[n] >= '0' && r.b[n] <= '9' || n == 0 && r.b[n] == '-') {
		n++
	}
	num, err := strconv.Atoi(string(r.b[:n]))
	r.b = r.b[n:]
	if len(r.b) > 0 && r.b[0] == ' ' {
		r.b = r.b[1:]
	}
	r.word(word, num, err == nil)
	r.star = false
}

func (r *rtfReader) symbol(c byte) {
	switch c {
	case '\'':
		if len(r.b) >= 2 && unhex(r.b[0]) >= 0 && unhex(r.b[1]) >= 0 {
			v := byte(unhex(r.b[0])<<4 | unhex(r.b[1]))
			r.b = r.b[2:]
			r.octet(v)
		}
	case '*':
		r.star = true
	case '~':
		r.write(" ")
	case '_':
		r.write("-")
	case '\\', '{', '}':
		r.octet(c)
	}
}

func (r *rtfReader) word(word string, num int, has bool) {
	switch word {
	case "fromhtml":
		r.html = true
	case "ansicpg":
		if num > 0 {
			r.charset = codePageName(uint32(num))
		}
	case "htmlrtf":
		r.flush()
		r.state.hidden = !has || num != 0
	case "htmltag":
		r.flush()
		r.state.tag, r.state.skip = true, !r.html
	case "uc":
		r.state.unicode = max(num, 0)
	case "u":
		r.char(rune(uint16(num)))
		r.drop = r.state.unicode
	case "par", "line":
		if !r.state.tag || r.html {
			r.write("\n")
		}
	case "tab":
		r.write("\t")
	case "lquote", "rquote":
		r.write("'")
	case "ldblquote", "rdblquote":
		r.write(`"`)
	case "bullet":
		r.write("*")
	case "endash", "emdash":
		r.write("-")
	case "cell":
		r.write("\t")
	case "row":
		r.write("\n")
	case "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "generator", "listtable", "fldinst", "mhtmltag":
		r.flush()
		r.state.skip = true
	default:
		if r.star {
			r.flush()
			r.state.skip = true
		}
	}
}

// char writes a character, or half of one.
func (r *rtfReader) char(c rune) {
	if utf16.IsSurrogate(c) {
		if full := utf16.DecodeRune(r.high, c); full != '\uFFFD' {
			r.write(string(full))
			c = 0
		}
		r.high = c
		return
	}
	r.write(string(c))
}
