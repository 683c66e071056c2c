package remote

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Bounds on what a server may say. RFC 5321 §4.5.3.1.5 has 512 octets in a
// line; real servers say more.
const (
	maxReplyLine  = 2048
	maxReplyLines = 128
	maxReplyText  = 1000 // octets kept for people
)

// reply is one reply of a server (RFC 5321 §4.2).
type reply struct {
	code  int
	lines []string // text behind the code, not yet safe to show
}

// readReply reads one reply, of several lines or one.
func readReply(br *bufio.Reader) (reply, error) {
	var r reply
	for len(r.lines) < maxReplyLines {
		line, err := readLine(br)
		if err != nil {
			return reply{}, err
		}
		code, text, more, err := parseReplyLine(line)
		if err != nil {
			return reply{}, err
		}
		if r.code != 0 && code != r.code {
			return reply{}, fmt.Errorf("%w: code %d follows %d", ErrReply, code, r.code)
		}
		r.code = code
		r.lines = append(r.lines, text)
		if !more {
			return r, nil
		}
	}
	return reply{}, fmt.Errorf("%w: over %d lines", ErrReplyTooLong, maxReplyLines)
}

// readLine reads to LF and removes it with a CR before it. br's buffer is
// maxReplyLine long.
func readLine(br *bufio.Reader) (string, error) {
	line, err := br.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return "", fmt.Errorf("%w: a line over %d octets", ErrReplyTooLong, maxReplyLine)
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(line[:len(line)-1]), "\r"), nil
}

// parseReplyLine reads "250-text", "250 text" or "250".
func parseReplyLine(line string) (code int, text string, more bool, err error) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || !digit(line[1]) || !digit(line[2]) {
		return 0, "", false, fmt.Errorf("%w: no reply code", ErrReply)
	}
	code, _ = strconv.Atoi(line[:3]) // three digits
	if len(line) == 3 {
		return code, "", false, nil
	}
	if line[3] != ' ' && line[3] != '-' {
		return 0, "", false, fmt.Errorf("%w: no blank behind the code", ErrReply)
	}
	return code, line[4:], line[3] == '-', nil
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// text joins the lines: the code, then an enhanced status code only once, then
// the words. It is not yet safe to show.
func (r reply) text() string {
	first := enhanced(r.lines[0])
	words := make([]string, len(r.lines))
	for i, line := range r.lines {
		if i > 0 && first != "" && enhanced(line) == first {
			line = line[len(first):]
		}
		words[i] = line
	}
	return strconv.Itoa(r.code) + " " + strings.Join(words, " ")
}

// enhanced is the status code (RFC 3463) that a line begins with, or empty.
func enhanced(line string) string {
	word, _, _ := strings.Cut(line, " ")
	parts := strings.Split(word, ".")
	if len(parts) != 3 {
		return ""
	}
	for _, p := range parts {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n > 999 {
			return ""
		}
	}
	return word
}

// printable puts s on one line of at most maxReplyText octets: white space and
// control characters become one blank, what changes the direction of text or
// is not UTF-8 goes.
func printable(s string) string {
	var b strings.Builder
	blank := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			blank = true
			continue
		case unicode.Is(unicode.Cf, r):
			continue
		}
		if b.Len() > maxReplyText-8 {
			b.WriteString("…")
			break
		}
		if blank && b.Len() > 0 {
			b.WriteByte(' ')
		}
		blank = false
		b.WriteRune(r)
	}
	return b.String()
}
