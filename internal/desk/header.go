package desk

import (
	"fmt"
	"strings"

	"mxdesk/internal/address"
)

const (
	// maxName bounds a display name in a header, and in a ticket that is written
	// anew with every mail, in octets.
	maxName = 200
	// maxLine is where header lines are folded (RFC 5322 §2.1.1).
	maxLine = 78
	// maxWord is the longest run without a blank that stands in a header as it
	// is; a longer one could not be folded.
	maxWord = 60
)

// headerWriter writes header fields with CRLF, folded and encoded.
type headerWriter struct{ b strings.Builder }

// raw writes a value made by us, in ASCII.
func (h *headerWriter) raw(name, value string) {
	h.write(name, ": ", value, "\r\n")
}

func (h *headerWriter) write(parts ...string) {
	for _, s := range parts {
		h.b.WriteString(s)
	}
}

// text writes a value from outside: folded at blanks, and encoded by RFC 2047
// where it is not plain.
func (h *headerWriter) text(name, value string) {
	value = oneLine(value)
	if !plain(value) {
		h.raw(name, encodedWords(value, len(name)+2, textSafe))
		return
	}
	h.write(name, ":")
	col := len(name) + 1
	for i, word := range strings.Split(value, " ") {
		if col+1+len(word) > maxLine && i > 0 {
			h.write("\r\n")
			col = 0
		}
		h.write(" ", word)
		col += 1 + len(word)
	}
	h.write("\r\n")
}

// mailboxes writes a list of mailboxes, one a line.
func (h *headerWriter) mailboxes(name string, list ...address.Mailbox) {
	if len(list) == 0 {
		return
	}
	h.write(name, ": ")
	col := len(name) + 2
	for i, m := range list {
		if i > 0 {
			h.write(",\r\n ")
			col = 1
		}
		h.write(mailboxText(m, col))
	}
	h.write("\r\n")
}

// shortName cuts a name.
func shortName(s string) string {
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "")
	}
	return s
}

// mailboxText is a mailbox as it stands in a field from column col on.
func mailboxText(m address.Mailbox, col int) string {
	m.Name = shortName(oneLine(m.Name))
	addr := m.Address.String()
	if m.Name == "" || m.Name == addr {
		return addr
	}
	text := m.String() // phrase, blank, angle
	angle := text[len(text)-len(addr)-len("<>"):]
	phrase := text[:len(text)-len(angle)-len(" ")]
	if !plain(m.Name) || col+len(phrase) > maxLine {
		phrase = encodedWords(m.Name, col, phraseSafe)
	}
	last := phrase[strings.LastIndexByte(phrase, '\n')+1:]
	if len(last) == len(phrase) {
		col += len(phrase)
	} else {
		col = len(last)
	}
	if col+1+len(angle) > maxLine-1 { // a comma may follow
		return phrase + "\r\n " + angle
	}
	return phrase + " " + angle
}

// plain reports whether a text can stand in a header as it is: printable
// ASCII, nothing that would be read as an encoded word, no endless word.
func plain(s string) bool {
	if strings.Contains(s, "=?") {
		return false
	}
	run := 0
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
		if run++; s[i] == ' ' {
			run = 0
		}
		if run > maxWord {
			return false
		}
	}
	return true
}

// textSafe reports the octets that stand for themselves in an encoded word of
// an unstructured field, so that a tag can be read in the raw mail.
func textSafe(r rune) bool { return r > ' ' && r <= '~' && r != '=' && r != '?' && r != '_' }

// phraseSafe is textSafe for a display name, where RFC 2047 §5 (3) allows less:
// a name must not look like an address.
func phraseSafe(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r < 0x80 && strings.ContainsRune("!*+-/", r)
}

// encodedWords encodes a text by RFC 2047, no line over 76 octets (§2), the
// first beginning at column col. No character is divided.
func encodedWords(s string, col int, safe func(rune) bool) string {
	const begin, end, most = "=?utf-8?q?", "?=", 76
	var b strings.Builder
	b.WriteString(begin)
	col += len(begin)
	for _, r := range s {
		c := quotedRune(r, safe)
		if col+len(c)+len(end) > most {
			b.WriteString(end + "\r\n " + begin)
			col = 1 + len(begin)
		}
		b.WriteString(c)
		col += len(c)
	}
	return b.String() + end
}

func quotedRune(r rune, safe func(rune) bool) string {
	switch {
	case r == ' ':
		return "_"
	case safe(r):
		return string(r)
	}
	var b strings.Builder
	for _, c := range []byte(string(r)) {
		fmt.Fprintf(&b, "=%02X", c)
	}
	return b.String()
}
