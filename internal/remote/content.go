package remote

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// blockSize is how much is written under one deadline.
const blockSize = 32 << 10

// content sends the mail and the final dot. A mail that cannot be read in full
// must not end in a dot, or the server would deliver a part of it.
func (d *dialogue) content(m Mail) error {
	_, eightBit := d.extensions["8BITMIME"]
	out := bufio.NewWriterSize(&blocks{d}, blockSize)
	w := &dotWriter{out: out, sevenBit: !eightBit, start: true}
	n, err := io.Copy(w, io.LimitReader(source{m.Content}, m.Size+1))
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
	for i, c := range p {
		if err := w.octet(c); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func (w *dotWriter) octet(c byte) error {
	if c >= 0x80 && w.sevenBit {
		return ErrNo8Bit
	}
	if c == '\n' && w.cr {
		w.cr = false
		return nil
	}
	w.cr = c == '\r'
	if c == '\r' || c == '\n' {
		w.start = true
		_, err := w.out.WriteString("\r\n")
		return err
	}
	if c == '.' && w.start {
		if err := w.out.WriteByte('.'); err != nil {
			return err
		}
	}
	w.start = false
	return w.out.WriteByte(c)
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
