package message

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

// Some parts hold other parts in a way that MIME knows nothing of: winmail.dat,
// an opaque signature, a multipart that was encoded as a whole, uuencoded files
// in a text. They are opened; what is found in them has a path of its own
// ("1.2!3": the third thing inside of part 1.2), by which Open finds it again
// in the raw mail.

// innerMark separates the path of a part from that of what was found in it.
const innerMark = "!"

// maxOpened bounds what is decoded into memory to be opened, in octets. A
// winmail.dat is not: it is read as a stream.
const maxOpened = 8 << 20

// opened is what was found inside of a part.
type opened struct {
	parts []*part // files
	root  *part   // a whole MIME entity
	text  string  // of the message that a TNEF stream is
	html  string
	whole bool // nothing else is in it: it need not be shown as a file itself
}

// openUp opens a part once and returns nil when there is nothing to open.
func (p *part) openUp(src io.ReaderAt, lim Limits) *opened {
	if p.inside != nil || p.depth >= lim.Depth {
		return p.inside
	}
	switch t := p.ctype.value; {
	case isTNEF(p):
		p.inside = p.openTNEF(src)
	case t == "application/pkcs7-mime", t == "application/x-pkcs7-mime":
		if content := signedContent(p.bytes(src, maxOpened)); content != nil {
			p.inside = p.openEntity(content, lim)
		}
	case p.multipart() && p.encoding != "" && len(p.children) == 0:
		head := "Content-Type: " + get(p.fields, "content-type") + "\r\n\r\n"
		p.inside = p.openEntity(append([]byte(head), p.bytes(src, maxOpened)...), lim)
	case t == "text/plain":
		_, files := cutUU(p.bytes(src, lim.TextBytes))
		p.inside = &opened{parts: p.uuParts(src, files)}
	}
	return p.inside
}

// bytes reads a part's octets, decoded, at most limit.
func (p *part) bytes(src io.ReaderAt, limit int64) []byte {
	b, err := io.ReadAll(io.LimitReader(p.reader(src), limit))
	if err != nil {
		return nil
	}
	return b
}

// member makes a part of a file that was found inside of p.
func (p *part) member(n int, mediatype, name string) *part {
	return &part{
		ctype: mediaType{value: mediatype}, path: p.path + innerMark + strconv.Itoa(n), depth: p.depth + 1,
		disp: mediaType{value: "attachment", params: map[string]string{"filename": name}},
	}
}

// openEntity walks a MIME entity that was decoded.
func (p *part) openEntity(content []byte, lim Limits) *opened {
	c := bytes.NewReader(content)
	h := ReadHeader(c, lim)
	if get(h.Fields, "content-type") == "" {
		return nil
	}
	root, _ := walk(c, h, lim)
	root.each(func(q *part) {
		q.path, q.src = strings.TrimSuffix(p.path+innerMark+q.path, innerMark), c
		q.depth += p.depth + 1
	})
	return &opened{root: root, whole: true}
}

func isTNEF(p *part) bool {
	switch p.ctype.value {
	case "application/ms-tnef", "application/vnd.ms-tnef":
		return true
	}
	return p.ctype.value == "application/octet-stream" && strings.EqualFold(rawName(p), "winmail.dat")
}

func (p *part) openTNEF(src io.ReaderAt) *opened {
	mail, ok := readTNEF(p.reader(src))
	if !ok {
		return nil
	}
	o := &opened{text: mail.text, html: mail.html}
	for i := range mail.members {
		a := &mail.members[i]
		if a.at < 0 && a.data == nil {
			continue
		}
		q := p.member(i+1, a.mediaType(), a.name)
		q.open = func() io.Reader { return bytes.NewReader(a.data) }
		switch {
		case a.message:
			q.ctype.value = "application/ms-tnef"
			q.disp.params["filename"] = a.subject()
		case a.data == nil:
			q.open = func() io.Reader { return sectionOf(p.reader(src), a.at, a.size) }
		}
		if a.cid != "" {
			q.fields = []Field{{Name: "Content-ID", Value: "<" + a.cid + ">"}}
			q.disp.value = "inline"
		}
		o.parts = append(o.parts, q)
	}
	o.whole = !mail.broken && (len(o.parts) > 0 || o.text != "" || o.html != "")
	return o
}

// sectionOf is part of a stream.
func sectionOf(r io.Reader, from, size int64) io.Reader {
	if _, err := io.CopyN(io.Discard, r, from); err != nil {
		return bytes.NewReader(nil)
	}
	return io.LimitReader(r, size)
}

// mediaType is what the stream says, or what the name does.
func (a *tnefMember) mediaType() string {
	if strings.Contains(a.mime, "/") {
		return a.mime
	}
	return typeOfName(a.name)
}

// subject names an attached message.
func (a *tnefMember) subject() string {
	if mail, ok := readTNEF(bytes.NewReader(a.data)); ok && mail.subject != "" {
		return strings.ReplaceAll(mail.subject, "/", "-") + ".dat"
	}
	return a.name
}

// maxUU bounds the files in one text; a reader passes over those before it.
const maxUU = 100

// uuFile is a uuencoded file in a text.
type uuFile struct {
	name    string
	at, end int // of its lines
}

// cutUU takes uuencoded files out of a text.
func cutUU(text []byte) (rest []byte, files []uuFile) {
	const mark = "begin "
	if !bytes.Contains(text, []byte(mark)) {
		return text, nil
	}
	for at := 0; at < len(text); {
		line, next := nextLine(text, at)
		name, ok := uuBegin(line)
		if !ok || len(files) >= maxUU {
			rest = append(rest, text[at:next]...)
			at = next
			continue
		}
		end, ok := uuEnd(text, next)
		if !ok {
			rest = append(rest, text[at:next]...)
			at = next
			continue
		}
		f := uuFile{name, at, end}
		if end == len(text) {
			f.end = 1 << 40 // the text may have been cut within the file, which says itself where it ends
		}
		files = append(files, f)
		at = end
	}
	return rest, files
}

func nextLine(b []byte, at int) (line []byte, next int) {
	i := bytes.IndexByte(b[at:], '\n')
	if i < 0 {
		return b[at:], len(b)
	}
	return bytes.TrimRight(b[at:at+i], "\r"), at + i + 1
}

// uuBegin reads "begin 644 name".
func uuBegin(line []byte) (name string, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("begin "))
	if !ok || len(line) > 300 {
		return "", false
	}
	mode, file, ok := bytes.Cut(rest, []byte(" "))
	if !ok || len(mode) < 3 || len(mode) > 4 || bytes.Trim(mode, "01234567") != nil && len(bytes.Trim(mode, "01234567")) > 0 {
		return "", false
	}
	return string(bytes.TrimSpace(file)), true
}

// uuEnd finds the end of the encoded lines; ok is false when the first of them
// is none.
func uuEnd(text []byte, at int) (end int, ok bool) {
	lines := 0
	for at < len(text) {
		line, next := nextLine(text, at)
		if string(line) == "end" {
			return next, true
		}
		if !uuLine(line) {
			return at, lines > 0
		}
		lines++
		at = next
	}
	return at, lines > 0
}

// uuLine reports a line whose length is the one that its first character says,
// give or take what programs add or cut.
func uuLine(line []byte) bool {
	if len(line) == 0 || len(line) > 90 || line[0] < ' ' || line[0] > '`' {
		return false
	}
	n := int(line[0]-' ') & 0x3f
	need := (n + 2) / 3 * 4
	return len(line)-1 >= need-3 && len(line)-1 <= need+2
}

func (p *part) uuParts(src io.ReaderAt, files []uuFile) (parts []*part) {
	for i, f := range files {
		q := p.member(i+1, typeOfName(f.name), f.name)
		q.open = func() io.Reader {
			return transferReader(sectionOf(p.reader(src), int64(f.at), int64(f.end-f.at)), "uuencode")
		}
		parts = append(parts, q)
	}
	return parts
}

// locate returns the part with a path, opening what must be, or nil.
func locate(root *part, path string, src io.ReaderAt, lim Limits) *part {
	p := root
	steps := strings.Split(path, innerMark)
	for i := range steps {
		prefix := strings.Join(steps[:i+1], innerMark)
		if p = p.find(prefix); p == nil || i == len(steps)-1 {
			return p
		}
		o := p.openUp(src, lim)
		if o == nil {
			return nil
		}
		p = &part{children: o.parts}
		if o.root != nil {
			p.children = append(p.children, o.root)
		}
	}
	return nil
}
