package message

import (
	"bytes"
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
	c = withLines(c)
	m := &Message{Header: *h}
	m.Problems = append([]string(nil), h.Problems...)
	root, problems := walk(c, h, lim)
	r := reader{src: c, msg: m, budget: lim.TextBytes, lim: lim, hint: likelyLanguage(h)}
	for _, p := range problems {
		r.note(p)
	}
	b := r.wrapped(r.body(root))
	if b.blank() {
		b = r.inner(root)
	}
	m.Text = b.text()
	if m.Text == "" {
		m.Text = r.shown(b, root)
	}
	if !lim.SkipHTML {
		m.HTML = b.html()
		m.RemoteLoads = b.remoteLoads()
	}
	markNoise(m.Attachments, b)
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
	c = withLines(c)
	h := ReadHeader(c, lim)
	root, _ := walk(c, h, lim)
	p := locate(root, path, c, lim)
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
	if p.open != nil {
		return p.open()
	}
	if p.src != nil {
		src = p.src
	}
	return transferReader(rangeReader(src, p.start, p.end), p.encoding)
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
	// spare is the message that a winmail.dat holds.
	spare        segment
	carriedMails int // read for their summaries
	carriedSize  int64
	buf          []byte // for reading attachments that are not encoded
	hint         string // the language that the sender is likely to write
}

func (r *reader) note(text string) { r.msg.Problems = addProblem(r.msg.Problems, text) }

// body reads a subtree. The depth of the tree bounds the recursion.
func (r *reader) body(p *part) body {
	if !p.multipart() {
		return r.leaf(p, false)
	}
	if len(p.children) == 0 {
		if o := p.openUp(r.src, r.lim); o != nil && o.root != nil {
			return r.body(o.root)
		}
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
	root := max(slices.IndexFunc(p.children, func(c *part) bool { return c.multipart() || readable(c, false) }), 0)
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

// wrapped adds what a winmail.dat says to a body that has less.
func (r *reader) wrapped(b body) body {
	switch {
	case b.blank() && (r.spare.hasPlain || r.spare.hasRich):
		return body{r.spare}
	case len(b) == 1 && !b.hasRich() && r.spare.hasRich:
		b[0].rich, b[0].hasRich = r.spare.rich, true
	}
	return b
}

// inner is what a mail says whose own text is blank: the mails that it
// carries, the words that were put into a delivery report, or a text that was
// marked as an attachment without a name.
func (r *reader) inner(root *part) body {
	var b body
	root.each(func(p *part) {
		var found body
		switch {
		case p.ctype.value == "message/rfc822" && p.depth < r.lim.Depth && len(b) < maxCarriedMail && r.budget > 0:
			found = r.carried(p)
		case len(b) > 0:
		case p.ctype.value == "message/delivery-status":
			found = body{{plain: r.readText(p), hasPlain: true}}
		case p.ctype.isType("text/") && rawName(p) == "" && r.summary(p) == "":
			found = r.textLeaf(p)
		}
		if !found.blank() {
			b = append(b, found...)
		}
	})
	if len(b) > 0 {
		return b
	}
	for _, a := range r.msg.Attachments {
		if a.Text != "" && a.Type != "message/rfc822" {
			b = append(b, segment{plain: a.Text, hasPlain: true})
		}
	}
	return b
}

// shown names what a mail shows that has no text at all.
func (r *reader) shown(b body, root *part) string {
	var lines []string
	if root.ctype.value == "multipart/encrypted" || strings.HasSuffix(root.ctype.value, "pkcs7-mime") {
		lines = append(lines, "[encrypted]")
	}
	for _, a := range r.msg.Attachments {
		if strings.HasPrefix(a.Type, "image/") {
			lines = append(lines, "[image: "+a.Name+"]")
		}
	}
	if len(lines) == 0 && b.hasRich() && strings.Contains(strings.ToLower(b.joinRich()), "<img") {
		lines = append(lines, "[image]")
	}
	return strings.Join(lines, "\n")
}

// maxCarried bounds the mail within a mail that is read for its text.
const maxCarried = 4 << 20

// carried reads the text of a mail that is an attachment. Its own attachments
// stay within it.
func (r *reader) carried(p *part) body {
	c := p.content(r.src, maxCarried)
	h := ReadHeader(c, r.lim)
	root, _ := walk(c, h, r.lim)
	in := reader{src: c, msg: &Message{}, budget: r.budget, lim: r.lim, textOnly: true, hint: likelyLanguage(h)}
	b := in.body(root)
	r.budget = in.budget
	return b
}

// leaf reads a part that is not a multipart: as text when it is meant to be
// read, else as an attachment. later says that other parts stand before it.
func (r *reader) leaf(p *part, later bool) body {
	if !readable(p, later) && !(p.depth == 0 && p.ctype.isType("text/") && p.disp.value != "attachment" && rawName(p) == "" && !structured(p.ctype.value)) {
		return r.file(p)
	}
	if p.depth > 0 && rawName(p) != "" {
		r.attach(p, true) // a file that is shown is still a file
	}
	return r.textLeaf(p)
}

// structured reports text that is for programs.
func structured(mediatype string) bool {
	switch mediatype {
	case "text/calendar", "text/vcard", "text/x-vcard", "text/directory", "text/csv", "text/rfc822-headers", "text/xml", "text/css", "text/javascript", "text/rtf":
		return true
	}
	return false
}

// textLeaf reads a part as text.
func (r *reader) textLeaf(p *part) body {
	text := r.readText(p)
	switch p.ctype.value {
	case "text/html":
		if strings.IndexByte(text, '<') < 0 { // text that was only called HTML
			return body{{plain: plainBlanks.Replace(html.UnescapeString(text)), rich: text, hasPlain: true, hasRich: true}}
		}
		return body{{rich: text, hasRich: true}}
	case "text/enriched", "text/richtext":
		text = htmlToText(text) // its marks look like HTML's (RFC 1896)
	case "text/plain":
		if textType([]byte(text[:min(len(text), 100)])) == "text/html" && strings.Contains(text, "</") {
			return body{{rich: text, hasRich: true}} // HTML that was only called text
		}
	}
	return body{{plain: text, hasPlain: true}}
}

// file reads a part that is not text: what is inside of it when it can be
// opened, else the part itself as an attachment.
func (r *reader) file(p *part) body {
	o := p.openUp(r.src, r.lim)
	if o == nil || r.textOnly && o.root == nil {
		r.attach(p, false)
		return nil
	}
	if o.root != nil {
		return r.body(o.root)
	}
	if isTNEF(p) {
		if o.text != "" && !r.spare.hasPlain {
			r.spare.plain, r.spare.hasPlain = cutText(cleanText(o.text), int(r.budget)), true
		}
		if o.html != "" && !r.spare.hasRich {
			r.spare.rich, r.spare.hasRich = cutText(cleanText(o.html), int(r.budget)), true
		}
	}
	for _, q := range o.parts {
		if len(r.msg.Attachments) < r.lim.Parts {
			r.file(q)
		}
	}
	if !o.whole {
		r.attach(p, false)
	}
	return nil
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
	if p.encoding == "base64" && p.src == nil && p.open == nil && proseFor64(r.src, p) {
		plain := *p
		plain.encoding = ""
		p = &plain
		r.note("a part of the text says that it is base64 and is not")
	}
	octets := p.reader(r.src)
	raw, err := r.textOctets(octets, p.end-p.start)
	if err != nil {
		r.broken = true
		r.note("a part of the text could not be read")
	}
	if foot := afterBase64(octets); len(foot) > 0 {
		raw = append(append(raw, '\n'), foot...)
		r.note("text that is not encoded follows a part's encoded text")
	}
	if int64(len(raw)) > r.budget {
		raw = raw[:r.budget]
		r.note("the text is too long and was cut; the raw mail has all of it")
	}
	if p.ctype.value == "text/plain" {
		var files []uuFile
		if raw, files = cutUU(raw); !r.textOnly {
			for _, q := range p.uuParts(r.src, files) {
				r.attach(q, false)
			}
		}
	}
	charset := p.ctype.param("charset")
	if charset == "" && p.ctype.value == "text/html" {
		charset = metaCharset(raw)
	}
	text := cleanText(decodeHinted(raw, charset, r.hint))
	if int64(len(text)) > r.budget {
		text = strings.ToValidUTF8(text[:r.budget], "")
		r.note("the text is too long and was cut; the raw mail has all of it")
	}
	if strings.Contains(text, replacement) && !bytes.Contains(raw, []byte(replacement)) {
		r.note("some characters of the text cannot be read in its charset " + oneLine(toUTF8(charset)))
	}
	r.budget -= int64(len(text))
	if p.ctype.value == "text/plain" && strings.EqualFold(p.ctype.param("format"), "flowed") {
		text = unflow(text, strings.EqualFold(p.ctype.param("delsp"), "yes"))
	}
	return text
}

// textOctets reads the octets of a text, one more than the budget at most. expected
// is how many there may be.
func (r *reader) textOctets(octets io.Reader, expected int64) ([]byte, error) {
	if run, ok := octets.(*runReader); ok {
		if b := run.rest(r.budget + 1); b != nil {
			return b, nil
		}
	}
	var all bytes.Buffer
	all.Grow(int(min(max(expected, 0), r.budget)) + bytes.MinRead)
	_, err := all.ReadFrom(io.LimitReader(octets, r.budget+1))
	return all.Bytes(), err
}
