package message

import (
	"io"
	"strings"
)

// transferReader undoes a Content-Transfer-Encoding (RFC 2045 §6). Nothing in
// it fails on broken input: a decoder that stops at the first bad octet would
// lose the rest of a mail that every mail program shows.
func transferReader(r io.Reader, encoding string) io.Reader {
	switch encoding {
	case "base64":
		return &decodeReader{src: r, step: new(base64State)}
	case "quoted-printable":
		return &decodeReader{src: r, step: new(quotedState)}
	case "uuencode":
		return &decodeReader{src: r, step: new(uuState)}
	}
	return r
}

// transferEncoding names the encoding that a field's value means; unknown
// ones, and values that a mail program put there by mistake, mean none.
func transferEncoding(v string) string {
	if i := strings.IndexAny(v, ";("); i >= 0 {
		v = v[:i]
	}
	v = strings.ToLower(strings.Join(strings.Fields(v), ""))
	switch strings.Trim(v, `"'.`) {
	case "base64", "base-64", "b64":
		return "base64"
	case "quoted-printable", "quotedprintable", "quoted_printable", "qp":
		return "quoted-printable"
	case "x-uuencode", "uuencode", "x-uue", "uue":
		return "uuencode"
	}
	return ""
}

// step decodes a stream piece by piece, appending to dst.
type step interface {
	decode(dst, src []byte) []byte
	finish(dst []byte) []byte
}

// decodeReader drives a step.
type decodeReader struct {
	src  io.Reader
	step step
	in   []byte
	buf  []byte // storage of out
	out  []byte // decoded, not yet read
	err  error
}

func (d *decodeReader) Read(p []byte) (int, error) {
	for len(d.out) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		d.more()
	}
	n := copy(p, d.out)
	d.out = d.out[n:]
	return n, nil
}

// WriteTo writes all that is left without another copy of it.
func (d *decodeReader) WriteTo(w io.Writer) (written int64, err error) {
	for {
		n, err := w.Write(d.out)
		written += int64(n)
		d.out = d.out[n:]
		switch {
		case err != nil:
			return written, err
		case d.err == io.EOF:
			return written, nil
		case d.err != nil:
			return written, d.err
		}
		d.more()
	}
}

// more decodes a piece. What was decoded before has been taken.
func (d *decodeReader) more() {
	in, err := d.piece()
	d.buf = d.step.decode(d.buf[:0], in)
	if err != nil {
		d.err = err
		d.buf = d.step.finish(d.buf)
	}
	d.out = d.buf
}

// piece reads what is decoded at once.
func (d *decodeReader) piece() ([]byte, error) {
	const most = 16 << 10
	if r, ok := d.src.(*runReader); ok {
		b := r.next(most)
		if len(b) == 0 {
			return nil, io.EOF
		}
		return b, nil
	}
	if d.in == nil {
		d.in = make([]byte, most)
	}
	n, err := d.src.Read(d.in)
	return d.in[:n], err
}

// quotedState decodes quoted-printable (RFC 2045 §6.7).
type quotedState struct {
	held []byte // an escape not complete yet, or blanks that may end a line
}

func (q *quotedState) decode(dst, src []byte) []byte {
	for _, c := range src {
		if len(q.held) == 0 && c != '=' && c != ' ' && c != '\t' {
			dst = append(dst, c)
			continue
		}
		dst = q.one(dst, c)
	}
	return dst
}

// one takes an octet when something is held or must be.
func (q *quotedState) one(dst []byte, c byte) []byte {
	if len(q.held) > 0 && q.held[0] == '=' {
		return q.escape(dst, c)
	}
	switch c {
	case ' ', '\t':
		if len(q.held) > 1000 {
			dst, q.held = append(dst, q.held...), q.held[:0]
		}
		q.held = append(q.held, c)
	case '\r', '\n': // blanks at the end of a line were added on the way
		q.held = q.held[:0]
		dst = append(dst, c)
	case '=':
		dst = append(dst, q.held...)
		q.held = append(q.held[:0], c)
	default:
		dst = append(dst, q.held...)
		q.held = q.held[:0]
		dst = append(dst, c)
	}
	return dst
}

// escape takes an octet behind "=".
func (q *quotedState) escape(dst []byte, c byte) []byte {
	last := q.held[len(q.held)-1]
	switch {
	case c == '\n': // a soft line break, with whatever blanks before it
		q.held = q.held[:0]
		return dst
	case last == '=' && unhex(c) >= 0:
		q.held = append(q.held, c)
		return dst
	case len(q.held) == 2 && unhex(last) >= 0 && unhex(c) >= 0:
		q.held = q.held[:0]
		return append(dst, byte(unhex(last)<<4|unhex(c)))
	case (last == '=' || last == ' ' || last == '\t' || last == '\r') && (c == ' ' || c == '\t' || c == '\r') && len(q.held) < 100:
		q.held = append(q.held, c)
		return dst
	}
	dst = append(dst, q.held...) // no escape after all
	q.held = q.held[:0]
	return q.decode(dst, []byte{c})
}

func (q *quotedState) finish(dst []byte) []byte {
	if len(q.held) > 0 && q.held[0] != '=' || len(q.held) > 1 && unhex(q.held[1]) >= 0 {
		dst = append(dst, q.held...)
	}
	q.held = q.held[:0]
	return dst
}

// uuState decodes uuencode: the lines between "begin" and "end". A line longer
// than the format allows is cut.
type uuState struct {
	line  []byte
	begun bool
	ended bool
}

func (u *uuState) decode(dst, src []byte) []byte {
	for _, c := range src {
		if c != '\n' {
			if len(u.line) < 256 {
				u.line = append(u.line, c)
			}
			continue
		}
		dst = u.finish(dst)
	}
	return dst
}

func (u *uuState) finish(dst []byte) []byte {
	line := strings.TrimRight(string(u.line), "\r")
	u.line = u.line[:0]
	switch {
	case u.ended || line == "":
	case !u.begun:
		u.begun = strings.HasPrefix(line, "begin ")
	case line == "end" || line[0] == '`':
		u.ended = line == "end"
	default:
		dst = appendUU(dst, line)
	}
	return dst
}

func appendUU(dst []byte, line string) []byte {
	n := int(line[0]-' ') & 0x3f
	for i := 1; n > 0 && i < len(line); i += 4 {
		var v uint32
		for j := i; j < i+4; j++ {
			v <<= 6
			if j < len(line) {
				v |= uint32(line[j]-' ') & 0x3f
			}
		}
		for shift := 16; shift >= 0 && n > 0; shift -= 8 {
			dst = append(dst, byte(v>>shift))
			n--
		}
	}
	return dst
}
