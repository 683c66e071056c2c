package message

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
)

// Read reads the body of a mail whose header is h. It never fails and never
// panics on a mail: what cannot be read is named in Problems, and the raw mail
// stands for the rest. It may read c twice, and keeps no more of it in memory
// than the text.
func Read(c Content, h *Header, lim Limits) *Message {
	lim = lim.withDefaults()
	m := &Message{Header: *h}
	m.Problems = append([]string(nil), h.Problems...)
	root, problems := walk(c, h, lim)
	r := reader{src: c, msg: m, budget: lim.TextBytes, lim: lim}
	for _, p := range problems {
		r.note(p)
	}
	b := r.body(root)
	if b.blank() {
		b = r.inner(root)
	}
	m.Text = b.text()
	if !lim.SkipHTML {
		m.HTML = b.html()
	}
	m.Unreadable = len(h.Fields) == 0 || m.Text == "" && !b.hasRich() && len(m.Attachments) == 0 && r.broken
	m.split()
	report, why := readBounce(c, root, m)
	m.Bounce = report
	m.Class, m.Reasons = classify(c, root, m, why)
	if m.passesOnAttached(root) {
		m.Forwarded = r.attachedForward(root)
	}
	return m
}

// Open returns the decoded octets of one attachment of a mail by its
// Attachment.Path, and what is known of it without reading it: Size and SHA256
// are not set.
func Open(c Content, path string) (io.Reader, Attachment, error) {
	lim := Limits{}.withDefaults()
	h := ReadHeader(c, lim)
	root, _ := walk(c, h, lim)
	p := root.find(path)
	if p == nil {
		return nil, Attachment{}, fmt.Errorf("attachment %q: %w", path, ErrNoPart)
	}
	return p.reader(c), describe(c, p), nil
}

// ErrNoPart is returned by Open for a path that the mail does not have.
var ErrNoPart = errors.New("no such part")

// find returns the part with a path, or nil.
func (p *part) find(path string) *part {
	if p.path == path && path != "" {
		return p
	}
	for _, c := range p.children {
		if found := c.find(path); found != nil {
			return found
		}
	}
	return nil
}

// reader gives the part's octets, decoded.
func (p *part) reader(src io.ReaderAt) io.Reader {
	return transferReader(io.NewSectionReader(src, p.start, max(p.end-p.start, 0)), p.encoding)
}

// reader collects the text and the attachments of a mail.
type reader struct {
	src    Content
	msg    *Message
	lim    Limits
	budget int64 // of text still to be kept
	broken bool
	// textOnly leaves attachments alone.
	textOnly bool
}

func (r *reader) note(text string) { r.msg.Problems = addProblem(r.msg.Problems, text) }

// segment is one readable thing in its forms.
type segment struct {
	plain, rich       string // plain text; HTML as it came
	hasPlain, hasRich bool
}

// body is the readable part of a subtree, in order.
type body []segment

// text joins the segments as plain text. What is made of HTML carries marks.
func (b body) text() string {
	var out []string
	for _, s := range b {
		t := s.plain
		if s.hasRich && strings.TrimSpace(t) == "" {
			t = markedText(s.rich)
		}
		if t = strings.Trim(t, "\n"); strings.TrimSpace(t) != "" {
			out = append(out, t)
		}
	}
	return strings.Join(out, "\n\n")
}

// blank reports that there is nothing to read.
func (b body) blank() bool {
	return !slices.ContainsFunc(b, func(s segment) bool {
		return strings.TrimSpace(s.plain) != "" || s.hasRich && strings.TrimSpace(s.rich) != ""
	})
}

func (b body) hasRich() bool {
	return slices.ContainsFunc(b, func(s segment) bool { return s.hasRich })
}

func (b body) hasPlain() bool {
	return slices.ContainsFunc(b, func(s segment) bool { return s.hasPlain })
}

// joinRich joins the segments as HTML, not sanitised.
func (b body) joinRich() string {
	if len(b) == 1 {
		return b[0].rich
	}
	var out strings.Builder
	for _, s := range b {
		switch {
		case s.hasRich:
			out.WriteString(s.rich)
		case strings.TrimSpace(s.plain) != "":
			out.WriteString("<pre>" + html.EscapeString(s.plain) + "</pre>")
		}
	}
	return out.String()
}

// html joins the segments as sanitised HTML; "" when none of them is HTML.
func (b body) html() string {
	if !b.hasRich() {
		return ""
	}
	return sanitize(b.joinRich())
}

// body reads a subtree. The depth of the tree bounds the recursion.
func (r *reader) body(p *part) body {
	if !p.multipart() {
		return r.leaf(p, false)
	}
	if len(p.children) == 0 {
		return r.noParts(p)
	}
	switch p.ctype.value {
	case "multipart/alternative":
		return r.alternative(p)
	case "multipart/related":
		return r.related(p)
	}
	var b body
	for i, c := range p.children {
		if c.multipart() {
			b = append(b, r.body(c)...)
		} else {
			b = append(b, r.leaf(c, i > 0)...)
		}
	}
	return b
}

// noParts reads a multipart in which no part was found: what is there is text.
func (r *reader) noParts(p *part) body {
	if p.end <= p.start {
		return nil
	}
	r.note("a multipart has no parts; it is read as text")
	q := &part{ctype: mediaType{value: "text/plain"}, encoding: p.encoding, path: p.path, start: p.start, end: p.end}
	if q.path == "" {
		q.path = "1"
	}
	return r.leaf(q, false)
}

// alternative keeps the plain and the rich form of one text, and everything
// that is neither as attachments (RFC 2046 §5.1.4).
func (r *reader) alternative(p *part) body {
	var s segment
	var more body
	for _, c := range p.children {
		b := r.body(c)
		switch {
		case b.hasRich():
			s.rich, s.hasRich = b.joinRich(), true
			if !s.hasPlain && b.hasPlain() {
				s.plain, s.hasPlain = b.text(), true
			}
		case len(b) == 0 || s.hasPlain && (c.ctype.value == "text/enriched" || c.ctype.value == "text/richtext"):
		case strings.TrimSpace(s.plain) == "":
			s.plain, s.hasPlain = b.text(), true
		default:
			more = append(more, b...)
		}
	}
	switch {
	case s.hasRich:
		return body{s} // further plain texts say what the HTML says
	case s.hasPlain:
		return append(body{s}, more...)
	}
	return nil
}

// related reads the root of a compound object (RFC 2387); the rest of it are
// attachments that the root shows.
func (r *reader) related(p *part) body {
	root := 0
	if start := strings.Trim(p.ctype.param("start"), "<> "); start != "" {
		for i, c := range p.children {
			if contentID(c) == start {
				root = i
			}
		}
	}
	var b body
	for i, c := range p.children {
		switch {
		case i == root:
			b = append(b, r.body(c)...)
		case c.multipart():
			b = append(b, r.body(c)...)
		default:
			r.attach(c, true)
		}
	}
	return b
}

// inner is what a mail says whose own text is blank: the mail that it carries,
// or the words that were put into a delivery report.
func (r *reader) inner(root *part) body {
	var b body
	root.each(func(p *part) {
		switch {
		case len(b) > 0:
		case p.ctype.value == "message/rfc822" && p.depth < r.lim.Depth:
			b = r.carried(p)
		case p.ctype.value == "message/delivery-status":
			b = body{{plain: r.readText(p), hasPlain: true}}
		}
		if b.blank() {
			b = nil
		}
	})
	return b
}

// maxCarried bounds the mail within a mail that is read for its text.
const maxCarried = 4 << 20

// carried reads the text of a mail that is an attachment. Its own attachments
// stay within it.
func (r *reader) carried(p *part) body {
	c := p.content(r.src, maxCarried)
	h := ReadHeader(c, r.lim)
	root, _ := walk(c, h, r.lim)
	in := reader{src: c, msg: &Message{}, budget: r.budget, lim: r.lim, textOnly: true}
	b := in.body(root)
	r.budget = in.budget
	return b
}

// leaf reads a part that is not a multipart: as text when it is meant to be
// read, else as an attachment. later says that other parts stand before it.
func (r *reader) leaf(p *part, later bool) body {
	if !readable(p, later) {
		r.attach(p, false)
		return nil
	}
	text := r.readText(p)
	switch p.ctype.value {
	case "text/html":
		return body{{rich: text, hasRich: true}}
	case "text/enriched", "text/richtext":
		text = htmlToText(text) // its marks look like HTML's (RFC 1896)
	}
	if p.depth > 0 && rawName(p) != "" {
		r.attach(p, true) // a file that is shown is still a file
	}
	return body{{plain: text, hasPlain: true}}
}

// readable reports whether a part is text to be shown.
func readable(p *part, later bool) bool {
	switch p.ctype.value {
	case "text/plain", "text/html", "text/enriched", "text/richtext", "text/x-amp-html":
	default:
		return false
	}
	if p.ctype.value == "text/x-amp-html" || p.disp.value == "attachment" {
		return false
	}
	return !later || rawName(p) == ""
}

// readText reads and decodes a text part within the budget.
func (r *reader) readText(p *part) string {
	raw, err := io.ReadAll(io.LimitReader(p.reader(r.src), r.budget+1))
	if err != nil {
		r.broken = true
		r.note("a part of the text could not be read")
	}
	if int64(len(raw)) > r.budget {
		raw = raw[:r.budget]
		r.note("the text is too long and was cut; the raw mail has all of it")
	}
	charset := p.ctype.param("charset")
	if charset == "" && p.ctype.value == "text/html" {
		charset = metaCharset(raw)
	}
	text := cleanText(decodeCharset(raw, charset))
	if int64(len(text)) > r.budget {
		text = strings.ToValidUTF8(text[:r.budget], "")
		r.note("the text is too long and was cut; the raw mail has all of it")
	}
	r.budget -= int64(len(text))
	if p.ctype.value == "text/plain" && strings.EqualFold(p.ctype.param("format"), "flowed") {
		text = unflow(text, strings.EqualFold(p.ctype.param("delsp"), "yes"))
	}
	return text
}

// attach adds a part to the attachments; its octets are counted and hashed but
// not kept.
func (r *reader) attach(p *part, shown bool) {
	if r.textOnly {
		return
	}
	a := describe(r.src, p)
	sum := sha256.New()
	n, err := io.Copy(sum, p.reader(r.src))
	if err != nil {
		r.broken = true
		r.note("an attachment could not be read to its end")
	}
	a.Size, a.SHA256 = n, hex.EncodeToString(sum.Sum(nil))
	a.Inline = a.Inline || shown && p.disp.value != "attachment"
	r.msg.Attachments = append(r.msg.Attachments, a)
}

// describe says what a part is without reading it.
func describe(src io.ReaderAt, p *part) Attachment {
	return Attachment{
		Name:      fileName(src, p),
		Type:      p.ctype.value,
		Inline:    p.disp.value == "inline",
		ContentID: contentID(p),
		Path:      p.path,
	}
}

func contentID(p *part) string {
	return strings.Trim(oneLine(get(p.fields, "content-id")), "<> \t\"")
}
