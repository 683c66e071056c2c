package message

import (
	"bytes"
	"io"
	"sync"
)

// lineReader reads the lines of a range of a mail and knows where each begins.
// A line longer than its buffer comes in pieces: only the first has start set.
type lineReader struct {
	src  io.ReaderAt
	pos  int64 // offset of buf[r]
	end  int64 // of the range
	lent *[lineBuffer]byte
	buf  []byte // of lent, or a piece of the mail itself
	r, w int
	mid  bool // the next piece continues a line
	err  error
}

// linePiece is what next returns: octets with their line end, if any.
type linePiece struct {
	data  []byte // valid until the next call
	at    int64  // offset of data[0]
	start bool   // data begins a line
}

const lineBuffer = 32 << 10

// lineBuffers are not in use.
var lineBuffers = sync.Pool{New: func() any { return new([lineBuffer]byte) }}

// newLineReader reads the lines between two offsets. It may be released when
// nothing of what it returned is used any more.
func newLineReader(src io.ReaderAt, from, to int64) *lineReader {
	if inMemory(src, from, to) != nil {
		return &lineReader{src: src, pos: from, end: to}
	}
	buf, _ := lineBuffers.Get().(*[lineBuffer]byte)
	return &lineReader{src: src, pos: from, end: to, lent: buf, buf: buf[:max(min(to-from, lineBuffer), 0)]}
}

// release gives the buffer back. The reader is at its end then.
func (l *lineReader) release() {
	if l.lent != nil {
		lineBuffers.Put(l.lent)
	}
	l.lent, l.buf, l.r, l.w = nil, nil, 0, 0
	l.end = l.pos
}

// next returns the next line or piece of one, false at the end. A read error
// ends the mail: what was read before it counts.
func (l *lineReader) next() (linePiece, bool) {
	for {
		if i := bytes.IndexByte(l.buf[l.r:l.w], '\n'); i >= 0 {
			return l.take(i+1, false), true
		}
		if l.w-l.r == len(l.buf) && l.w > 0 {
			return l.take(l.w-l.r, true), true
		}
		if !l.fill() {
			if l.r == l.w {
				return linePiece{}, false
			}
			return l.take(l.w-l.r, false), true
		}
	}
}

// pass passes over the whole lines that wait before one that begins with two
// hyphens. It returns the offset where the last of them ends, without its line
// end; false when there is none.
func (l *lineReader) pass() (end int64, passed bool) {
	b := l.buf[l.r:l.w]
	n := 0 // octets to pass over
	for at := 0; ; at++ {
		i := bytes.IndexByte(b[at:], '-')
		if i < 0 {
			n = bytes.LastIndexByte(b, '\n') + 1
			break
		}
		at += i
		if at+1 < len(b) && b[at+1] != '-' {
			continue
		}
		if at == 0 && l.mid {
			continue
		}
		if at == 0 || b[at-1] == '\n' {
			n = at
			break
		}
	}
	if n == 0 {
		return 0, false
	}
	end = l.pos + int64(len(trimEOL(b[:n])))
	l.r += n
	l.pos += int64(n)
	l.mid = false
	return end, true
}

func (l *lineReader) take(n int, mid bool) linePiece {
	p := linePiece{data: l.buf[l.r : l.r+n], at: l.pos, start: !l.mid}
	l.r += n
	l.pos += int64(n)
	l.mid = mid
	return p
}

// fill reads more and reports whether it got any.
func (l *lineReader) fill() bool {
	if l.err != nil {
		return false
	}
	if l.lent == nil {
		return l.move()
	}
	copy(l.buf, l.buf[l.r:l.w])
	l.w -= l.r
	l.r = 0
	room := min(int64(len(l.buf)-l.w), l.end-l.pos-int64(l.w))
	if room <= 0 {
		return false
	}
	n, err := l.src.ReadAt(l.buf[l.w:l.w+int(room)], l.pos+int64(l.w))
	l.w += n
	if err != nil {
		l.err = err
	}
	return n > 0
}

// move is fill for a mail that is in memory: it has buf begin at pos.
func (l *lineReader) move() bool {
	had := l.w - l.r
	l.buf = inMemory(l.src, l.pos, min(l.pos+lineBuffer, l.end))
	l.r, l.w = 0, len(l.buf)
	return l.w > had
}

// trimEOL cuts the line end, LF or CRLF.
func trimEOL(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
		if n > 1 && b[n-2] == '\r' {
			b = b[:n-2]
		}
	}
	return b
}

// peek returns the beginning of what next will return. It ends the validity of
// what next returned before.
func (l *lineReader) peek() []byte {
	const enough = 100
	for l.w-l.r < enough && l.fill() {
	}
	line, _, _ := bytes.Cut(l.buf[l.r:l.w], []byte("\n"))
	return line
}

// seek moves the reader to an offset, keeping what is buffered behind it.
func (l *lineReader) seek(at int64) {
	if d := at - l.pos; d >= 0 && d <= int64(l.w-l.r) {
		l.r += int(d)
	} else {
		l.r, l.w = 0, 0
	}
	l.pos = at
	l.mid = false
}

// withLines lets a mail whose lines end in a bare CR be read like any other:
// each of them is then a line feed. The octets of a binary attachment in it
// were not spared by what made the mail so either.
func withLines(c Content) Content {
	const soon, reach = 128, 1024 // most mails end their first line soon
	if head, _ := readRange(c, 0, min(c.Size(), soon)); bytes.IndexByte(head, '\n') >= 0 {
		return c
	}
	head, err := readRange(c, 0, min(c.Size(), reach))
	if int64(len(head)) < c.Size() {
		head = bytes.TrimSuffix(head, []byte("\r")) // its line feed may be next
	}
	if err != nil && err != io.EOF || bytes.IndexByte(head, '\n') >= 0 || bytes.IndexByte(head, '\r') < 0 {
		return c
	}
	return bareCR{c}
}

// bareCR is a mail whose line ends are CR.
type bareCR struct{ Content }

func (c bareCR) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Content.ReadAt(p, off)
	for i, b := range p[:n] {
		if b == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}
