package message

import (
	"bufio"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
)

// TNEF is how Outlook and Exchange wrap a mail that was written in their own
// format (MS-OXTNEF): a stream of attributes, of which some hold MAPI
// properties. It is read as a stream, so that what is attached is never held
// in memory.

// The attributes that matter here.
const (
	tnefSignature   = 0x223e9f78
	tnefSubject     = 0x00018004
	tnefBody        = 0x0002800c
	tnefCodePage    = 0x00069007
	tnefMessage     = 0x00069003 // MAPI properties of the message
	tnefRendering   = 0x00069002 // begins an attachment
	tnefTitle       = 0x00018010
	tnefData        = 0x0006800f
	tnefAttachment  = 0x00069005 // MAPI properties of the attachment
	maxTNEFProps    = 4 << 20    // octets of one attribute held in memory
	maxTNEFMembers  = 1000
	maxTNEFCount    = 10_000 // properties of one attribute
	maxTNEFValues   = 1000   // values of one property
	maxTNEFLookedAt = 50_000 // attributes of a stream
)

// tnefMember is a file in a TNEF stream.
type tnefMember struct {
	name, mime, cid string
	hidden          bool
	at              int64 // of the octets in the stream; -1 when data holds them
	size            int64
	data            []byte
	message         bool // data is a TNEF stream itself: an attached message
}

// tnefMail is what a TNEF stream says.
type tnefMail struct {
	subject, text, html string
	members             []tnefMember
	broken              bool // it ended early or lies about its lengths
	codePage            uint32
}

// readTNEF reads a stream. ok is false when it is none.
func readTNEF(src io.Reader) (m tnefMail, ok bool) {
	r := &tnefReader{src: bufio.NewReaderSize(src, 16<<10)}
	if binary.LittleEndian.Uint32(r.take(4)) != tnefSignature {
		return tnefMail{}, false
	}
	r.take(2)
	for range maxTNEFLookedAt {
		head, err := r.src.Peek(9)
		if err != nil {
			m.broken = len(head) > 0
			return m, true
		}
		r.take(9)
		id, size := binary.LittleEndian.Uint32(head[1:5]), int64(binary.LittleEndian.Uint32(head[5:9]))
		r.attribute(&m, id, size)
		r.take(2) // the checksum protects from nothing
		if r.failed {
			m.broken = true
			return m, true
		}
	}
	m.broken = true
	return m, true
}

type tnefReader struct {
	src    *bufio.Reader
	at     int64
	failed bool
}

// take reads exactly n octets; zeros when there are not that many.
func (r *tnefReader) take(n int) []byte {
	b := make([]byte, n)
	got, err := io.ReadFull(r.src, b)
	r.at += int64(got)
	r.failed = r.failed || err != nil
	return b
}

func (r *tnefReader) skip(n int64) {
	got, err := io.CopyN(io.Discard, r.src, n)
	r.at += got
	r.failed = r.failed || err != nil
}

// attribute reads one attribute of a size.
func (r *tnefReader) attribute(m *tnefMail, id uint32, size int64) {
	var a *tnefMember
	if n := len(m.members); n > 0 {
		a = &m.members[n-1]
	}
	switch {
	case id == tnefRendering && len(m.members) < maxTNEFMembers:
		m.members = append(m.members, tnefMember{at: -1})
		r.skip(size)
	case id == tnefData && a != nil && a.data == nil:
		a.at, a.size = r.at, size
		before := r.at
		r.skip(size)
		a.size = r.at - before
	case size > maxTNEFProps:
		r.skip(size)
	case id == tnefSubject || id == tnefTitle && a != nil || id == tnefBody || id == tnefCodePage ||
		id == tnefMessage || id == tnefAttachment && a != nil:
		b, err := io.ReadAll(io.LimitReader(r.src, size))
		r.at += int64(len(b))
		r.failed = r.failed || err != nil || int64(len(b)) < size
		m.value(a, id, b)
	default:
		r.skip(size)
	}
}

// value takes what an attribute holds.
func (m *tnefMail) value(a *tnefMember, id uint32, b []byte) {
	switch id {
	case tnefCodePage:
		if len(b) >= 4 {
			m.codePage = binary.LittleEndian.Uint32(b)
		}
	case tnefSubject:
		m.subject = m.string8(b)
	case tnefBody:
		m.text = m.string8(b)
	case tnefTitle:
		if a.name == "" {
			a.name = m.string8(b)
		}
	case tnefMessage:
		eachProperty(b, m.property)
	case tnefAttachment:
		eachProperty(b, func(id, kind uint16, v []byte) { m.attachment(a, id, kind, v) })
	}
}

// string8 reads octets in the code page of the stream.
func (m *tnefMail) string8(b []byte) string {
	charset := ""
	if m.codePage != 0 {
		charset = codePageName(m.codePage)
	}
	s, _, _ := strings.Cut(decodeCharset(b, charset), "\x00")
	return s
}

func (m *tnefMail) text16(kind uint16, v []byte) string {
	if kind != mapiUnicode {
		return m.string8(v)
	}
	units := make([]uint16, len(v)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(v[2*i:])
	}
	s, _, _ := strings.Cut(string(utf16.Decode(units)), "\x00")
	return s
}

// MAPI property types (MS-OXCDATA §2.11.1) and the properties read here
// (MS-OXPROPS).
const (
	mapiString8 = 0x1e
	mapiUnicode = 0x1f
	mapiObject  = 0x0d
	mapiBinary  = 0x102

	propSubject     = 0x0037
	propBody        = 0x1000
	propRTF         = 0x1009
	propHTML        = 0x1013
	propCPID        = 0x3fde
	propDisplayName = 0x3001
	propData        = 0x3701
	propFileName    = 0x3704
	propLongName    = 0x3707
	propMimeTag     = 0x370e
	propContentID   = 0x3712
	propHidden      = 0x7ffe
)

func (m *tnefMail) property(id, kind uint16, v []byte) {
	switch id {
	case propCPID:
		if len(v) >= 4 && binary.LittleEndian.Uint32(v) != 0 {
			m.codePage = binary.LittleEndian.Uint32(v)
		}
	case propSubject:
		m.subject = m.text16(kind, v)
	case propBody:
		m.text = m.text16(kind, v)
	case propHTML:
		if kind == mapiBinary {
			m.html = decodeCharset(v, metaOr(v, codePageName(m.codePage)))
		} else {
			m.html = m.text16(kind, v)
		}
	case propRTF:
		if m.html != "" && m.text != "" {
			return
		}
		text, html := readRTF(inflateRTF(v))
		if m.html == "" {
			m.html = html
		}
		if m.text == "" {
			m.text = text
		}
	}
}

func metaOr(doc []byte, charset string) string {
	if meta := metaCharset(doc); meta != "" {
		return meta
	}
	return charset
}

func (m *tnefMail) attachment(a *tnefMember, id, kind uint16, v []byte) {
	switch id {
	case propLongName:
		a.name = m.text16(kind, v)
	case propFileName, propDisplayName:
		if a.name == "" {
			a.name = m.text16(kind, v)
		}
	case propMimeTag:
		a.mime = strings.ToLower(m.text16(kind, v))
	case propContentID:
		a.cid = strings.Trim(m.text16(kind, v), "<>")
	case propHidden:
		a.hidden = len(v) > 0 && v[0] != 0
	case propData:
		if kind == mapiObject && len(v) > 16 {
			v = v[16:] // the interface of the object
		}
		a.data, a.size, a.at = v, int64(len(v)), -1
		a.message = len(v) > 4 && binary.LittleEndian.Uint32(v) == tnefSignature
	}
}

// eachProperty calls f for the first value of each MAPI property. Lengths that
// cannot be true end the list.
func eachProperty(b []byte, f func(id, kind uint16, value []byte)) {
	p := propReader{b: b}
	for n := min(p.u32(), maxTNEFCount); n > 0 && !p.failed; n-- {
		head := p.u32()
		kind, id := uint16(head), uint16(head>>16)
		if id >= 0x8000 { // a named property
			p.take(16)
			if p.u32() == 0 {
				p.take(4)
			} else {
				p.padded(int(p.u32()))
			}
		}
		count := uint32(1)
		size := fixedSize(kind &^ 0x1000)
		if kind&0x1000 != 0 || size == 0 {
			count = p.u32()
		}
		for i := uint32(0); i < count && !p.failed; i++ {
			length := size
			if size == 0 {
				length = int(p.u32())
			}
			v := p.padded(length)
			if i == 0 && !p.failed {
				f(id, kind, v)
			}
			if i > maxTNEFValues {
				p.failed = true
			}
		}
	}
}

// fixedSize is the size of a value of a type, 0 when its length is written
// before it, in octets.
func fixedSize(kind uint16) int {
	switch kind {
	case mapiString8, mapiUnicode, mapiObject, mapiBinary:
		return 0
	case 0x05, 0x06, 0x07, 0x14, 0x40:
		return 8
	case 0x48:
		return 16
	}
	return 4
}

type propReader struct {
	b      []byte
	failed bool
}

func (p *propReader) take(n int) []byte {
	if n < 0 || n > len(p.b) {
		p.failed, p.b = true, nil
		return nil
	}
	v := p.b[:n]
	p.b = p.b[n:]
	return v
}

// padded reads n octets and what fills them up to a multiple of four.
func (p *propReader) padded(n int) []byte {
	v := p.take(n)
	p.take(min((4-n%4)%4, len(p.b)))
	return v
}

func (p *propReader) u32() uint32 {
	if v := p.take(4); v != nil {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}
