package message

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The tree of parts is found by a walker of our own instead of go-message's
// reader, for three reasons. That one stacks a reader per level, so its cost
// grows with the square of the depth; this one reads the mail once, line by
// line, whatever the depth. That one stops at the first defect (a part without
// a blank line, a boundary that never ends, a header it cannot parse), where
// mail programs go on and show the rest. And it streams, so that reading one
// attachment again means walking again; this one keeps offsets only, so that a
// mail of any size is read with a few kilobytes of memory.

// part is a node of the tree: a leaf with octets or a multipart.
type part struct {
	fields   []Field
	ctype    mediaType
	disp     mediaType
	encoding string
	path     string
	depth    int
	start    int64 // of the encoded octets
	end      int64
	boundary string
	other    string // a second boundary, see walker.adopt
	sniff    bool   // a multipart whose boundary is not known yet
	closed   bool   // its closing delimiter was seen
	children []*part
	// What a part that was opened (see inside.go) holds stands in the mail in
	// another encoding still: src replaces the mail, or open the octets.
	src    io.ReaderAt
	open   func() io.Reader
	inside *opened
}

func (p *part) multipart() bool { return p.ctype.isType("multipart/") }

// mimeVersion-less mails are read like the others: a Content-Type means what
// it says, with or without the field.
func newPart(fields []Field, parent string, path string, depth int) *part {
	p := &part{fields: fields, path: path, depth: depth}
	ctype := get(fields, "content-type")
	p.ctype = parseMedia(ctype)
	p.disp = parseMedia(get(fields, "content-disposition"))
	p.encoding = transferEncoding(get(fields, "content-transfer-encoding"))
	if p.ctype.value == "" || !strings.Contains(p.ctype.value, "/") {
		p.ctype.value = defaultType(p.ctype.value, parent)
	}
	if p.multipart() {
		if p.boundary = strings.TrimRight(p.ctype.param("boundary"), " \t\r\n"); len(p.boundary) > maxBoundary {
			p.boundary = ""
		}
		p.sniff = p.boundary == ""
	}
	return p
}

// defaultType is the type of a part that names none (RFC 2045 §5.2, RFC 2046
// §5.1.5) or only half of one.
func defaultType(half, parent string) string {
	switch half {
	case "":
		if parent == "multipart/digest" {
			return "message/rfc822"
		}
		return "text/plain"
	case "text":
		return "text/plain"
	case "html":
		return "text/html"
	case "multipart":
		return "multipart/mixed"
	}
	return "application/octet-stream"
}

// walker finds the parts of a mail.
type walker struct {
	lim      Limits
	src      io.ReaderAt
	lines    *lineReader
	stack    []*part // open multiparts, outermost first
	leaf     *part   // whose body is being read
	lastEnd  int64   // where the line before this one ends, without its line end
	count    int
	problems []string
	full     bool
	headers  int // octets of part headers still to be read
	fields   int // fields of parts still to be read
}

// walk builds the tree of a mail whose header has been read.
func walk(c Content, h *Header, lim Limits) (*part, []string) {
	w := &walker{lim: lim, src: c, count: 1, lastEnd: h.End, headers: maxPartHeaders, fields: maxPartFields}
	root := newPart(h.Fields, "", "", 0)
	root.start, root.end = h.End, c.Size()
	if root.ctype.value == "text/plain" && bareMultipart(c, h) {
		root.ctype.value, root.encoding, root.sniff = "multipart/mixed", "", true
		w.note("the mail does not say that it has parts")
	}
	if !root.multipart() {
		root.path = "1"
		return root, nil
	}
	w.stack = append(w.stack, root)
	w.lines = newLineReader(c, h.End, c.Size())
	defer w.lines.release()
	w.run()
	w.closeFrom(0, c.Size())
	if w.lines.err != nil && w.lines.err != io.EOF {
		w.note("the mail could not be read to its end")
	}
	return root, w.problems
}

func (w *walker) note(text string) { w.problems = addProblem(w.problems, text) }

func (w *walker) run() {
	for !w.full {
		if end, passed := w.lines.pass(); passed {
			w.lastEnd = end
		}
		l, ok := w.lines.next()
		if !ok {
			return
		}
		end := l.at + int64(len(trimEOL(l.data)))
		if l.start && len(l.data) > 2 && l.data[0] == '-' && l.data[1] == '-' && w.delimiter(l) {
			continue
		}
		w.lastEnd = end
	}
}

// delimiter handles a line that begins with two hyphens and reports whether it
// was a delimiter (RFC 2046 §5.1.1).
func (w *walker) delimiter(l linePiece) bool {
	text := bytes.TrimRight(trimEOL(l.data)[2:], " \t\r")
	if len(text) == 0 {
		return false
	}
	w.sniffBoundary(text)
	level, closing := w.match(text)
	next := l.at + int64(len(l.data))
	if level < 0 {
		if level = len(w.stack) - 1; len(w.stack[level].children) > 0 || !w.adopt(string(text)) {
			return false
		}
	}
	w.closeFrom(level+1, w.lastEnd)
	m := w.stack[level]
	if closing {
		m.closed = true
	} else {
		m.closed = false
		w.open(m, next)
	}
	w.lastEnd = w.lines.pos
	return true
}

// match finds the innermost multipart that a delimiter belongs to; one that is
// closed already counts only when no open one wants it.
func (w *walker) match(text []byte) (level int, closing bool) {
	late := -1
	for i := len(w.stack) - 1; i >= 0; i-- {
		m := w.stack[i]
		is, end := m.delimits(text)
		switch {
		case !is:
		case m.closed:
			if !end && late < 0 {
				late = i
			}
		default:
			return i, end
		}
	}
	return late, false
}

// delimits reports whether a line, without its hyphens, is a delimiter of the
// multipart, and whether it is the closing one.
func (p *part) delimits(text []byte) (is, end bool) {
	for _, b := range [...]string{p.boundary, p.other} {
		if b == "" || !bytes.HasPrefix(text, []byte(b)) {
			continue
		}
		if rest := string(text[len(b):]); rest == "" || rest == "--" {
			return true, rest != ""
		}
	}
	return false, false
}

// bareMultipart reports a body that begins with a part although the header
// says nothing of it: a program on the way lost the Content-Type.
func bareMultipart(c Content, h *Header) bool {
	if strings.Contains(get(h.Fields, "content-type"), "/") {
		return false
	}
	lines := newLineReader(c, h.End, min(c.Size(), h.End+2048))
	defer lines.release()
	last := linePiece{}
	for range 8 {
		l, ok := lines.next()
		if !ok {
			return false
		}
		if isContentField(l.data) && last.start {
			return true
		}
		last = linePiece{start: len(l.data) > 5 && l.data[0] == '-' && l.data[1] == '-'}
	}
	return false
}

func isContentField(line []byte) bool {
	const prefix = "content-"
	return len(line) > len(prefix) && strings.EqualFold(string(line[:len(prefix)]), prefix) && bytes.IndexByte(line, ':') > 0
}

// adopt takes a line for a delimiter of the innermost multipart although it is
// not the one that it names: none of its parts came yet, and a part's header
// follows. The named boundary goes on counting.
func (w *walker) adopt(text string) bool {
	m := w.stack[len(w.stack)-1]
	if len(m.children) > 0 || m.closed || m.other != "" || len(text) > maxBoundary || !isContentField(w.lines.peek()) {
		return false
	}
	m.other = text
	w.note("a multipart names another boundary than it has")
	return true
}

// sniffBoundary takes the first line that looks like a delimiter for the one
// of a multipart that names no boundary.
func (w *walker) sniffBoundary(text []byte) {
	m := w.stack[len(w.stack)-1]
	if !m.sniff || m.boundary != "" || len(text) > 200 || bytes.ContainsAny(text, " \t") || len(bytes.Trim(text, "-=_*")) < 3 {
		return
	}
	m.boundary = string(text)
	w.note("a multipart names no boundary; it was found in the text")
}

// closeFrom ends the leaf and all multiparts at and above a level of the stack.
func (w *walker) closeFrom(level int, end int64) {
	if w.leaf != nil {
		w.leaf.end = max(end, w.leaf.start)
		w.leaf = nil
	}
	for _, m := range w.stack[level:] {
		m.end = max(end, m.start)
		if !m.closed && len(m.children) > 0 {
			w.note("a multipart does not end with its closing boundary")
		}
	}
	w.stack = w.stack[:level]
}

// open begins a part of m behind a delimiter.
func (w *walker) open(m *part, at int64) {
	if w.count >= w.lim.Parts {
		w.note(fmt.Sprintf("the mail has more than %d parts; the rest is not shown", w.lim.Parts))
		w.full = true
		w.closeFrom(0, at)
		return
	}
	w.count++
	sec := w.section()
	path := strconv.Itoa(len(m.children) + 1)
	if m.path != "" {
		path = m.path + "." + path
	}
	p := newPart(sec.fields, m.ctype.value, path, m.depth+1)
	p.start, p.end = sec.end, sec.end
	m.children = append(m.children, p)
	w.lines.seek(sec.end)
	w.lastEnd = sec.end
	if p.multipart() && p.depth < w.lim.Depth {
		w.stack = append(w.stack, p)
		return
	}
	if p.multipart() {
		w.note(fmt.Sprintf("the mail nests more than %d parts; the innermost is kept as an attachment", w.lim.Depth))
		p.ctype.value = "application/octet-stream"
	}
	w.leaf = p
}

// section reads a part's header, up to the blank line or the next delimiter,
// whichever comes first. It reads line by line: a thousand parts without a
// blank line must not each read on to the limit.
func (w *walker) section() section {
	at := w.lines.pos
	var raw []byte
	cut := false
	end := at
	for {
		l, ok := w.lines.next()
		if !ok {
			break
		}
		line := trimEOL(l.data)
		if l.start && bytes.HasPrefix(line, []byte("--")) {
			if level, _ := w.match(bytes.TrimRight(line[2:], " \t\r")); level >= 0 {
				break
			}
		}
		end = l.at + int64(len(l.data))
		if cut = cut || len(raw)+len(l.data) > min(w.lim.HeaderBytes, w.headers); !cut {
			raw = append(raw, l.data...)
		}
		if l.start && len(line) == 0 {
			break
		}
	}
	p := sectionParser{text: string(raw), most: max(w.fields, 1)}
	p.parse()
	w.headers -= len(raw)
	w.fields -= len(p.sec.fields)
	p.sec.end = at + int64(p.at)
	if cut || p.cut {
		w.note("the header of a part is too large and was cut")
		p.sec.end = end
	}
	for _, problem := range p.sec.problems {
		w.note("in a part: " + problem)
	}
	return p.sec
}
