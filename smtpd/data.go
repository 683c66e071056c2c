package smtpd

import (
	"bytes"
	"io"
	"net"
	"time"
)

// endOfData is what go-smtp is shown in the place of content.
const endOfData = ".\r\n"

// readData reads the content that DATA announces to its end and gives it to
// keep, without the dots that the client put in front of others (RFC 5321
// §4.5.2). go-smtp would do so octet by octet, which takes longer than
// everything else that is done with a large mail; it finds an end of content
// right away instead. Of a client that could not be told to go ahead nothing is
// taken: it will not hear what became of its mail either.
func (st *stage) readData(keep func([]byte)) error {
	if st.ended {
		return net.ErrClosed
	}
	u := unstuffer{scan: &st.scan}
	for !u.ended {
		b, err := st.fill(0, st.speed.deadline(time.Now(), st.bodyEnd))
		if err != nil {
			st.breakOff(err)
			return st.fault
		}
		n := u.take(b, keep)
		st.speed.count(n, time.Now())
		st.earn(n)
		st.in.discard(n)
	}
	st.pending = []byte(endOfData)
	return nil
}

// unstuffer finds the end of content, which is CR LF . CR LF and nothing else,
// and takes out the dots in front of lines. A line begins behind CR LF alone,
// and behind a run of CRs an LF ends none: what servers disagree about must not
// end content here that goes on elsewhere. Such content is refused once it is
// complete; see lineScan.
type unstuffer struct {
	scan  *lineScan // is shown the lines on the way
	at    place
	ended bool
}

// place is where in a line the next octet stands.
type place uint8

const (
	lineStart place = iota
	behindDot       // at the start of a line
	behindDotCR
	behindCR
	behindCRs // two or more
	inLine
)

// take gives keep the content at the beginning of p and returns how many octets
// it has used: all of p, unless the content ended.
func (u *unstuffer) take(p []byte, keep func([]byte)) int {
	from := 0 // where the octets begin that keep has not been given
	line := 0 // where those begin that the scan has not seen
	give := func(to int) {
		if to > from {
			keep(p[from:to])
		}
	}
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch u.at {
		case lineStart:
			u.at = inLine
			switch c {
			case '.':
				give(i)
				from, u.at = i+1, behindDot
			case '\r':
				u.at = behindCR
			}
		case behindDot:
			u.at = inLine
			if c == '\r' {
				from, u.at = i+1, behindDotCR
			}
		case behindDotCR:
			if c == '\n' {
				u.ended = true
				u.scan.end(p[line : i+1])
				return i + 1
			}
			u.at = behindCR.next(c)
			u.scan.lone = true
		case behindCR, behindCRs:
			u.at = u.at.next(c)
			switch {
			case u.at == lineStart:
				u.scan.end(p[line : i+1])
				line = i + 1
			case c != '\n':
				u.scan.lone = true
			}
		case inLine:
			n := bytes.IndexByte(p[i:], '\r')
			if n < 0 {
				i = len(p)
				break
			}
			i += n
			u.at = behindCR
		}
	}
	give(len(p))
	u.scan.measure(p[line:])
	return len(p)
}

// next is the place behind an octet that follows a CR.
func (at place) next(c byte) place {
	switch {
	case c == '\r':
		return behindCRs
	case c == '\n' && at == behindCR:
		return lineStart
	}
	return inLine
}

// readChunks gives keep the content that go-smtp hands on from chunks (RFC
// 3030), until keep wants no more.
func readChunks(r io.Reader, keep func([]byte) bool) error {
	buf := make([]byte, leastRead)
	for {
		n, err := r.Read(buf)
		more := keep(buf[:n])
		if err == io.EOF || !more {
			return nil
		}
		if err != nil {
			return err
		}
		if n == len(buf) && n < readSize {
			buf = make([]byte, 2*n)
		}
	}
}
