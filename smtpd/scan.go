package smtpd

import (
	"bytes"
	"fmt"
)

// lineScan looks for what makes content unfit: lone CRs, which may hide an end
// of data from one server and not from another, and lines beyond maxLine. It
// sees the content as it came: a chunk at a time, or, behind DATA, the lines
// that unstuffer finds in it.
type lineScan struct {
	cr   bool // the last octet was CR
	lone bool // a CR without LF was seen
	run  int  // octets since the last LF
	long bool // a line was too long
}

func (s *lineScan) see(p []byte) {
	if len(p) == 0 {
		return
	}
	s.measure(p)
	if s.cr && p[0] != '\n' {
		s.lone = true
	}
	s.cr = p[len(p)-1] == '\r'
	for !s.lone {
		i := bytes.IndexByte(p, '\r')
		if i < 0 || i+1 == len(p) {
			return
		}
		s.lone = p[i+1] != '\n'
		p = p[i+1:]
	}
}

// end sees what was not seen yet of a line that ends with CR LF.
func (s *lineScan) end(p []byte) {
	if s.run+len(p) > maxLine { // unless LFs end lines within it
		s.measure(p)
	}
	s.run = 0
}

// measure sees octets that hold no lone CR, or of which that is known.
func (s *lineScan) measure(p []byte) {
	for !s.long {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			s.run += len(p)
			s.long = s.run > maxLine
			return
		}
		s.long = s.run+i+1 > maxLine
		s.run, p = 0, p[i+1:]
	}
}

// unfit refuses content that is complete, or returns nil.
func (s *lineScan) unfit() error {
	switch {
	case s.lone || s.cr:
		return say(554, 5, 6, 0, "the mail holds a carriage return that ends no line; lines end in CR LF")
	case s.long:
		return say(554, 5, 6, 0, fmt.Sprintf("the mail holds a line of more than %d octets", maxLine))
	}
	return nil
}
