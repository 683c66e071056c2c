package message

import (
	"bytes"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cleanText gives text LF line ends and drops what no reader should get: NUL
// and other control characters, the byte order mark.
func cleanText(s string) string {
	var b strings.Builder
	done := 0 // how much of s is in b
	for i := 0; i < len(s); i++ {
		if i+8 <= len(s) && plainOctets(s[i:i+8]) {
			i += 7
			continue
		}
		if unsuspicious[s[i]] {
			continue
		}
		c := s[i]
		if c == 0xef && !strings.HasPrefix(s[i:], bom) {
			continue
		}
		if b.Cap() == 0 {
			b.Grow(len(s))
		}
		b.WriteString(s[done:i])
		switch {
		case c == '\r' && (i+1 == len(s) || s[i+1] != '\n'), c == '\f':
			b.WriteByte('\n')
		case c == 0xef:
			i += len(bom) - 1
		}
		done = i + 1
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

// plainOctets reports that eight octets are all signs and letters of ASCII.
func plainOctets(s string) bool {
	_ = s[7]
	v := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	const ones = 0x0101010101010101
	return (v|(v+ones)|(v-' '*ones))&(0x80*ones) == 0 // beyond ASCII, DEL, below the blank
}

// unsuspicious are the octets that cleanText lets pass without a closer look.
var unsuspicious = makeUnsuspicious()

func makeUnsuspicious() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != 0x7f && c != int(bom[0]) || c == '\n' || c == '\t'
	}
	return t
}

// proseFor64 reports a part that is called base64 and is not encoded at all:
// words with blanks between them, which would decode to nothing that is text.
func proseFor64(src io.ReaderAt, p *part) bool {
	const enough = 240 // octets
	head, _ := readRange(src, p.start, min(p.end, p.start+enough))
	blanks, run := 0, 0
	for i, c := range head {
		switch {
		case c == ' ' && run > 0 && i+1 < len(head) && head[i+1] > ' ':
			blanks++
			run = 0
		case c <= ' ':
			run = 0
		default:
			if run++; run > 40 {
				return false // a line of base64
			}
		}
	}
	if blanks < 2 {
		return false
	}
	decoded, _ := io.ReadAll(transferReader(bytes.NewReader(head), "base64"))
	return !utf8.Valid(decoded) || bytes.IndexFunc(decoded, func(r rune) bool { return r < ' ' && !unicode.IsSpace(r) }) >= 0
}

// bom is the byte order mark in UTF-8.
const bom = "\xef\xbb\xbf"

// unflow joins the paragraphs of format=flowed text (RFC 3676 §4). delsp says
// that the blank which marks a soft line break is not part of the text.
func unflow(text string, delsp bool) string {
	var out strings.Builder
	out.Grow(len(text))
	open, depth := false, 0
	for line := range strings.SplitSeq(text, "\n") {
		quotes := 0
		for quotes < len(line) && line[quotes] == '>' {
			quotes++
		}
		body := line[quotes:]
		body = strings.TrimPrefix(body, " ") // stuffing
		sig := body == "-- "
		soft := strings.HasSuffix(body, " ") && !sig
		if soft && delsp {
			body = body[:len(body)-1]
		}
		if open && quotes == depth && !sig {
			out.WriteString(body)
		} else {
			if out.Len() > 0 || open {
				out.WriteByte('\n')
			}
			writeQuotes(&out, quotes, body)
		}
		open, depth = soft, quotes
	}
	return out.String()
}

func writeQuotes(out *strings.Builder, n int, body string) {
	out.WriteString(strings.Repeat(">", n))
	if n > 0 && body != "" {
		out.WriteByte(' ')
	}
	out.WriteString(body)
}
