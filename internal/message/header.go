package message

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"mxdesk/internal/address"
)

// ReadHeader reads the header section of a mail (RFC 5322 §2.2). It never
// fails: what cannot be read is named in Problems.
//
// It accepts bare LF, bare CR, a leading byte order mark or mbox "From " line (RFC 4155), leading blank
// lines, a missing blank line before the body and octets that are not ASCII.
// Whatever of this could make another reader see another author sets FromErr.
func ReadHeader(c Content, lim Limits) *Header {
	lim = lim.withDefaults()
	c = withLines(c)
	sec := readSection(c, 0, c.Size(), lim.HeaderBytes, true)
	if sec.misplaced() {
		sec = sec.join(readSection(c, sec.end, c.Size(), lim.HeaderBytes, true))
	}
	h := &Header{Fields: sec.fields, Problems: sec.problems, End: sec.end, Cut: sec.cut}
	h.From, h.FromErr = readFrom(sec)
	if h.FromErr != nil {
		h.Problems = addProblem(h.Problems, "From: "+h.FromErr.Error())
	}
	h.readFields()
	return h
}

// readFields fills in everything but From. Of a field that is there twice the
// first that says something counts.
func (h *Header) readFields() {
	declared := textCharset(h.Fields)
	for i := range h.Fields {
		f := &h.Fields[i]
		switch {
		case f.is("to"):
			h.To = append(h.To, readList(f.Value, declared)...)
		case f.is("cc"):
			h.Cc = append(h.Cc, readList(f.Value, declared)...)
		case f.is("reply-to"):
			h.ReplyTo = append(h.ReplyTo, readList(f.Value, declared)...)
		case f.is("subject") && h.Subject == "":
			h.Subject = oneLine(decodeWords(rawText(f.Value, declared)))
		case f.is("date") && h.Date.IsZero():
			h.Date, _ = parseDate(f.Value)
		case f.is("message-id") && h.MessageID == "":
			h.MessageID = firstID(f.Value)
		case f.is("in-reply-to"):
			h.InReplyTo = appendIDs(h.InReplyTo, f.Value)
		case f.is("references"):
			h.References = appendIDs(h.References, f.Value)
		}
	}
	if h.Date.IsZero() && strings.TrimSpace(h.Get("date")) != "" {
		h.Problems = addProblem(h.Problems, "the Date field cannot be read")
	}
	if strings.Contains(h.Subject, replacement) {
		h.Problems = addProblem(h.Problems, "the subject holds characters that cannot be read")
	}
}

// replacement stands in a text for what its charset does not have.
const replacement = "\uFFFD"

// Get returns the unfolded value of the first field of that name, in any
// case, or "".
func (h *Header) Get(name string) string { return get(h.Fields, name) }

// All returns the unfolded values of all fields of that name, in order.
func (h *Header) All(name string) []string {
	var all []string
	for i := range h.Fields {
		if h.Fields[i].is(name) {
			all = append(all, h.Fields[i].Value)
		}
	}
	return all
}

// Has reports whether there is a field of that name.
func (h *Header) Has(name string) bool {
	for i := range h.Fields {
		if h.Fields[i].is(name) {
			return true
		}
	}
	return false
}

// is compares the field's name; "From :" is a From here, because other readers
// take it for one (RFC 5322 §4.5).
func (f *Field) is(name string) bool {
	own := f.Name
	for own != "" && (own[len(own)-1] == ' ' || own[len(own)-1] == '\t') {
		own = own[:len(own)-1]
	}
	if len(own) != len(name) || name == "" {
		return false
	}
	last := len(name) - 1 // most names differ there
	return (own[last]^name[last])&^('a'-'A') == 0 && strings.EqualFold(own, name)
}

// get returns the value of the first field of a name that is not empty.
func get(fields []Field, name string) string {
	for i := range fields {
		if fields[i].is(name) && fields[i].Value != "" {
			return fields[i].Value
		}
	}
	return ""
}

// errFieldName is why a From field is not clean although its value is.
var errFieldName = errors.New("the field's name is malformed")

// readFrom finds every field that any reader might take for From.
func readFrom(sec section) (address.Mailbox, error) {
	var values []string
	malformed := sec.ambiguous
	for i := range sec.fields {
		name := sec.fields[i].Name
		if !strings.EqualFold(visible(name), "from") {
			continue
		}
		if !strings.EqualFold(name, "from") {
			malformed = errFieldName
		}
		if len(sec.fields[i].Raw) >= maxField {
			malformed = errTooLarge
		}
		value := sec.fields[i].Value
		if !utf8.ValidString(value) {
			raw := value
			if value = rawText(raw, textCharset(sec.fields)); specials(raw) != specials(value) {
				malformed = errHalf
			}
		}
		values = append(values, value)
	}
	from, err := address.ParseFrom(values, decodeWords)
	if err == nil && malformed != nil {
		err = fmt.Errorf("%w: %w", address.ErrAmbiguous, malformed)
	}
	return from, err
}

// specials counts the characters that mean something in a list of addresses.
func specials(s string) (n int) {
	for i := range len(s) {
		if strings.IndexByte("\"\\<>@,;:()", s[i]) >= 0 {
			n++
		}
	}
	return n
}

// visible drops everything from a field name that a lax reader might drop.
func visible(name string) string {
	clean := true
	for i := range len(name) {
		if name[i] <= ' ' || name[i] >= 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return name
	}
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return -1
		}
		return r
	}, name)
}

func readList(value, declared string) []address.Mailbox {
	return address.ParseList(rawText(value, declared), decodeWords)
}

// textCharset is the charset that a mail declares for its text, or "".
func textCharset(fields []Field) string {
	ctype := parseMedia(get(fields, "content-type"))
	if !ctype.isType("text/") {
		return ""
	}
	return ctype.param("charset")
}

// rawText reads a field value whose octets are not encoded as they ought to be:
// UTF-8 or ISO-2022-JP when they are that, else the charset of the text, because
// who writes the one without encoding it writes the other in the same program.
func rawText(value, declared string) string {
	if utf8.ValidString(value) {
		if strings.IndexByte(value, esc) >= 0 && escapes2022([]byte(value)) {
			return decode2022([]byte(value))
		}
		return value
	}
	if shifting(charsetName(declared)) {
		declared = ""
	}
	return decodeCharset([]byte(value), declared)
}

// section is a header section as it was found.
type section struct {
	fields   []Field
	problems []string
	end      int64 // offset of the body
	cut      bool  // fields, or parts of them, are beyond the limits and left out
	// ambiguous is set when the section holds lines that two readers may take
	// for different things.
	ambiguous error
}

// The ways a header section can be ambiguous.
var (
	errNotField   = errors.New("the header holds a line that is no field")
	errLoneCR     = errors.New("the header holds a carriage return that ends no line")
	errBlankStart = errors.New("the header begins with a blank line")
	errBlankLine  = errors.New("a blank line stands within the header")
	errHalf       = errors.New("an octet of the From field is a special character, or half of another one")
	errTooLarge   = errors.New("the header is too large")
)

// misplaced reports a header that a blank line seems to have cut: nothing in
// it is what a mail's author writes.
func (s section) misplaced() bool {
	if len(s.fields) == 0 {
		return false
	}
	for _, name := range [...]string{"from", "to", "subject", "date", "message-id", "content-type"} {
		if get(s.fields, name) != "" {
			return false
		}
	}
	return true
}

// join adds the fields behind a misplaced blank line, when what stands there
// is the rest of a header.
func (s section) join(rest section) section {
	if get(rest.fields, "from") == "" || get(rest.fields, "subject")+get(rest.fields, "date")+get(rest.fields, "to") == "" {
		return s
	}
	return section{
		fields: append(s.fields, rest.fields...), end: rest.end, cut: s.cut || rest.cut, ambiguous: errBlankLine,
		problems: append(s.problems, "a blank line stands within the header"),
	}
}

// readSection reads a header section from an offset. top allows what is found
// only at the start of a whole mail.
func readSection(src io.ReaderAt, from, to int64, limit int, top bool) section {
	raw, cut := headerBytes(src, from, to, limit, top)
	p := sectionParser{text: string(raw), top: top}
	p.parse()
	p.sec.end = from + int64(p.at)
	if cut || p.cut {
		p.sec.cut, p.sec.ambiguous = true, errTooLarge
		p.sec.problems = addProblem(p.sec.problems, "the header is too large and was cut")
		p.sec.end = skipHeader(src, p.sec.end, to)
	}
	return p.sec
}

// headerBytes reads until the blank line that ends the section, at most limit.
// cut reports that the limit came first.
func headerBytes(src io.ReaderAt, from, to int64, limit int, top bool) (raw []byte, cut bool) {
	want := min(int64(limit), to-from)
	if b := inMemory(src, from, from+want); b != nil {
		if i := blankLine(b, 0, top); i >= 0 {
			return b[:i], false
		}
		return b, want < to-from
	}
	buf := make([]byte, 0, min(want, 4096))
	seen := 0
	for {
		n := int(min(int64(cap(buf)), want))
		got, err := src.ReadAt(buf[len(buf):n], from+int64(len(buf)))
		buf = buf[:len(buf)+got]
		if i := blankLine(buf, max(seen-4, 0), top); i >= 0 {
			return buf[:i], false
		}
		seen = len(buf)
		if err != nil || got == 0 || int64(len(buf)) == want {
			return buf, int64(len(buf)) == want && want < to-from
		}
		grown := make([]byte, len(buf), min(want, int64(4*cap(buf))))
		copy(grown, buf)
		buf = grown
	}
}

// blankLine returns the offset behind the first blank line at or after from,
// or -1. At the start of a mail blank lines are skipped.
func blankLine(b []byte, from int, top bool) int {
	if from == 0 {
		switch {
		case top:
			for from < len(b) && (b[from] == '\r' || b[from] == '\n') {
				from++
			}
		case bytes.HasPrefix(b, []byte("\n")):
			return 1
		case bytes.HasPrefix(b, []byte("\r\n")):
			return 2
		}
	}
	for {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return -1
		}
		from += i + 1
		switch rest := b[from:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return from + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return from + 2
		}
	}
}

// skipHeader finds the body behind a section that was cut.
func skipHeader(src io.ReaderAt, from, to int64) int64 {
	lines := newLineReader(src, from, to)
	defer lines.release()
	first := true
	for {
		l, ok := lines.next()
		if !ok {
			return to
		}
		if !first && l.start && len(trimEOL(l.data)) == 0 {
			return l.at + int64(len(l.data))
		}
		first = false
	}
}
