package remote

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	blockSize = 32 << 10 // written under one deadline
	readSize  = 16 << 10 // of the content
)

// content sends the mail and the final dot. A mail that cannot be read in full
// must not end in a dot, or the server would deliver a part of it.
func (d *dialogue) content(m Mail) error {
	_, eightBit := d.extensions["8BITMIME"]
	if d.out == nil {
		d.out, d.block = bufio.NewWriterSize(&blocks{d}, blockSize), make([]byte, readSize)
	}
	w := &dotWriter{out: d.out, sevenBit: !eightBit, start: true}
	n, err := io.CopyBuffer(w, io.LimitReader(source{m.Content}, m.Size+1), d.block)
	if err == nil && n != m.Size {
		err = fmt.Errorf("%w: %d octets or more, expected %d", ErrContent, n, m.Size)
	}
	if err == nil {
		err = w.close()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNo8Bit):
		return d.refused(err)
	case errors.Is(err, ErrContent):
		return d.broken(err)
	}
	return d.lost(err)
}

// source tells errors of the mail's own storage from those of the network.
type source struct{ io.Reader }

func (s source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", ErrContent, err)
	}
	return n, err
}

// blocks writes to the connection, each block under its own deadline.
type blocks struct{ d *dialogue }

func (b *blocks) Write(p []byte) (int, error) {
	b.d.deadline(b.d.timeouts.Block)
	return b.d.conn.Write(p)
}

// dotWriter makes content safe for DATA: a dot at the start of a line is
// doubled (RFC 5321 §4.5.2), and every CR or LF becomes CRLF, so that no server
// sees an end of data where there is none (§4.1.1.4).
type dotWriter struct {
	out      *bufio.Writer
	sevenBit bool // refuse octets over 127 (RFC 6152 §3)
	start    bool // of a line
	cr       bool // a CR was written as CRLF; an LF that follows is part of it
}

// Write never returns a short count without an error.
func (w *dotWriter) Write(p []byte) (int, error) {
	if w.sevenBit && slices.ContainsFunc(p, func(c byte) bool { return c >= 0x80 }) {
		return 0, ErrNo8Bit
	}
	for rest := p; len(rest) > 0; {
		line := rest
		if n := bytes.IndexByte(rest, '\n'); n >= 0 {
			line = rest[:n+1]
		}
		n, err := w.line(line)
		if err != nil {
			return len(p) - len(rest) + n, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// line writes octets of which at most the last is an LF. It returns how many of
// them are written.
func (w *dotWriter) line(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var did int
		did, err = w.piece(p[n:])
		n += did
	}
	return n, err
}

// piece writes the line end that p begins with, or what stands before the next
// one. It returns how much of p that is.
func (w *dotWriter) piece(p []byte) (n int, err error) {
	ended := w.cr
	w.cr = p[0] == '\r'
	switch {
	case p[0] == '\n' && ended:
		return 1, nil
	case p[0] == '\r' || p[0] == '\n':
		w.start = true
		_, err = w.out.WriteString("\r\n")
		return 1, err
	case p[0] == '.' && w.start:
		if err := w.out.WriteByte('.'); err != nil {
			return 0, err
		}
	}
	w.start = false
	if n = bytes.IndexByte(p, '\r'); n < 0 {
		n = len(bytes.TrimSuffix(p, []byte{'\n'}))
	}
	_, err = w.out.Write(p[:n])
	return n, err
}

// close ends the last line, writes the final dot and flushes.
func (w *dotWriter) close() error {
	end := ".\r\n"
	if !w.start {
		end = "\r\n.\r\n"
	}
	if _, err := w.out.WriteString(end); err != nil {
		return err
	}
	return w.out.Flush()
}
