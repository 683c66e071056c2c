package mailauth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"strings"
)

// canonicalField is a header field as a signature covers it (RFC 6376 §3.4.1,
// §3.4.2), with CRLF at its end. Line ends are CRLF however they came in.
func canonicalField(raw string, relaxed bool) string {
	var b strings.Builder
	if !relaxed {
		for line := range strings.SplitSeq(raw, "\n") {
			if line = strings.TrimSuffix(line, "\r"); line != "" {
				b.WriteString(line)
				b.WriteString("\r\n")
			}
		}
		return b.String()
	}
	name, value, _ := strings.Cut(raw, ":")
	b.WriteString(strings.ToLower(strings.TrimRight(name, " \t\r\n")))
	b.WriteByte(':')
	start, space := b.Len(), false
	for line := range strings.SplitSeq(value, "\n") {
		line = strings.TrimSuffix(line, "\r")
		for i := range len(line) {
			switch {
			case line[i] == ' ' || line[i] == '\t':
				space = true
				continue
			case space && b.Len() > start:
				b.WriteByte(' ')
			}
			space = false
			b.WriteByte(line[i])
		}
	}
	b.WriteString("\r\n")
	return b.String()
}

// withoutSignature is a signature's field with the value of its b= tag removed
// (RFC 6376 §3.5).
func withoutSignature(raw string) string {
	colon := strings.IndexByte(raw, ':') + 1
	var b strings.Builder
	b.WriteString(raw[:colon])
	for i, tag := range strings.Split(raw[colon:], ";") {
		if i > 0 {
			b.WriteByte(';')
		}
		if name, _, ok := strings.Cut(tag, "="); ok && strings.TrimSpace(name) == "b" {
			tag = name + "="
		}
		b.WriteString(tag)
	}
	return b.String()
}

// bodyHash hashes one form of a body while it is read (RFC 6376 §3.4.3,
// §3.4.4).
type bodyHash struct {
	hash    hash.Hash
	relaxed bool
	out     []byte
	ends    int  // line ends held back, as those at the end do not count
	space   bool // white space held back, as that at the end of a line does not count
	some    bool // there was something else
}

// text takes a part of a line without its end.
func (b *bodyHash) text(p []byte) {
	if !b.relaxed {
		if len(p) > 0 {
			b.write(p)
		}
		return
	}
	for len(p) > 0 {
		n := 0
		for n < len(p) && p[n] != ' ' && p[n] != '\t' {
			n++
		}
		if n > 0 {
			b.write(p[:n])
		}
		for p = p[n:]; len(p) > 0 && (p[0] == ' ' || p[0] == '\t'); p = p[1:] {
			b.space = true
		}
	}
}

func (b *bodyHash) end() { b.ends, b.space = b.ends+1, false }

func (b *bodyHash) write(p []byte) {
	for ; b.ends > 0; b.ends-- {
		b.out = append(b.out, '\r', '\n')
		b.drain(chunkSize)
	}
	if b.space {
		b.out = append(b.out, ' ')
	}
	b.out = append(b.out, p...)
	b.space, b.some = false, true
	b.drain(chunkSize)
}

func (b *bodyHash) drain(limit int) {
	if len(b.out) >= limit {
		b.hash.Write(b.out)
		b.out = b.out[:0]
	}
}

func (b *bodyHash) sum() []byte {
	if b.some || !b.relaxed {
		b.out = append(b.out, '\r', '\n')
	}
	b.drain(0)
	return b.hash.Sum(nil)
}

const chunkSize = 32 << 10 // octets read and hashed at once

// hashBody reads a body and returns its hash.
func hashBody(ctx context.Context, r io.Reader, relaxed bool) ([]byte, error) {
	l := lines{to: &bodyHash{hash: sha256.New(), relaxed: relaxed}}
	buf := make([]byte, chunkSize)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := r.Read(buf)
		l.feed(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if l.cr {
		l.to.text([]byte{'\r'})
	}
	return l.to.sum(), nil
}

// lines splits what it is fed at LF and CRLF. Another CR belongs to its line.
type lines struct {
	to *bodyHash
	cr bool // the last octet was a CR that may belong to a line end
}

func (l *lines) feed(p []byte) {
	for len(p) > 0 {
		if l.cr && p[0] != '\n' {
			l.to.text([]byte{'\r'})
		}
		n := bytes.IndexByte(p, '\n')
		line := p
		if n >= 0 {
			line = p[:n]
		}
		if l.cr = bytes.HasSuffix(line, []byte{'\r'}); l.cr {
			line = line[:len(line)-1]
		}
		l.to.text(line)
		if n < 0 {
			return
		}
		l.cr = false
		l.to.end()
		p = p[n+1:]
	}
}
