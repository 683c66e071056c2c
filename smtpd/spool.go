package smtpd

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"slices"
	"sync"
)

// Chunks are read in portions that begin at leastRead octets and double up to
// readSize as long as it comes: a client that stalls early has cost little.
const (
	leastRead = 1 << 10
	readSize  = 32 << 10
)

// The memory of a spool is one run of octets while it is small: that is read the
// fastest. What is behind the first octets of a large mail lies in pieces, which
// never have to be copied to grow, as long as there are any for it.
const (
	oneRun    = 1 << 20
	pieceSize = 256 << 10
)

// spool holds the content of a mail: in memory while it is not large, else in a
// file that has no name, so that nothing is left behind however we end. It is a
// ticketstore.Content.
type spool struct {
	cfg    *Config
	budget *budget
	taken  int64 // octets of the budget
	size   int64 // octets seen
	mem    []byte
	lent   *[]byte   // mem is of it; nil: mem is the spool's own
	pieces []*[]byte // of pieceSize, behind oneRun octets of mem
	file   *os.File
	err    error // why the content could not be kept
}

func (s *Server) newSpool() *spool { return &spool{cfg: &s.cfg, budget: s.memory} }

// keep takes octets of the content. An error of the disk stays in err, because
// the content must be read over anyway.
func (s *spool) keep(p []byte) {
	s.size += int64(len(p))
	if s.err != nil || s.tooLarge() {
		return
	}
	if all := s.cfg.memoryFor(s.size); all > s.taken {
		more := all - s.taken
		if !s.budget.take(more, all) {
			s.err = errNoMemory
			s.forget()
			s.budget.give(s.taken) // at once: the rest of the content is only read over
			s.taken = 0
			return
		}
		s.taken += more
	}
	if s.file == nil && !s.makeRoom() {
		s.err = s.overflow(s.size - int64(len(p)))
	}
	switch {
	case s.err != nil:
	case s.file == nil:
		s.hold(p, int(s.size)-len(p))
	default:
		if _, err := s.file.Write(p); err != nil {
			s.err = fmt.Errorf("writing to the spool: %w", err)
		}
	}
}

// makeRoom has as many pieces as the octets seen need, and reports whether they
// may stay in memory.
func (s *spool) makeRoom() bool {
	if s.size > s.cfg.MemorySpool && !noSpool {
		return false
	}
	more := int((s.size-oneRun+pieceSize-1)/pieceSize) - len(s.pieces)
	if more > 0 && !s.budget.takePieces(more) {
		return false
	}
	for ; more > 0; more-- {
		s.pieces = append(s.pieces, lend(pieceSize))
	}
	return true
}

// hold takes octets into memory, which begin at a place of the content.
func (s *spool) hold(p []byte, at int) {
	if n := min(len(p), oneRun-at); n > 0 {
		s.grow(at + n)
		s.mem = append(s.mem, p[:n]...)
		p, at = p[n:], at+n
	}
	for len(p) > 0 {
		i, off := (at-oneRun)/pieceSize, (at-oneRun)%pieceSize
		n := copy((*s.pieces[i])[off:], p)
		p, at = p[n:], at+n
	}
}

// held is what memory holds from a place on, of size octets, as far as it lies in
// one run.
func (s *spool) held(from, size int64) []byte {
	if from < int64(len(s.mem)) {
		return s.mem[from:]
	}
	i, off := (from-oneRun)/pieceSize, (from-oneRun)%pieceSize
	if from < oneRun || from >= size || i >= int64(len(s.pieces)) {
		return nil
	}
	return (*s.pieces[i])[off:min(pieceSize, size-oneRun-i*pieceSize)]
}

// grow makes room for n octets of one run.
func (s *spool) grow(n int) {
	switch {
	case n <= cap(s.mem):
	case n < leastLent:
		s.mem = slices.Grow(s.mem, n-len(s.mem))
	default:
		larger := lend(n)
		mem := append((*larger)[:0], s.mem...)
		giveBack(s.lent)
		s.mem, s.lent = mem, larger
	}
}

// forget gives memory back.
func (s *spool) forget() {
	giveBack(s.lent)
	for _, m := range s.pieces {
		giveBack(m)
	}
	s.budget.givePieces(len(s.pieces))
	s.mem, s.lent, s.pieces = nil, nil, nil
}

// leastLent is from how many octets on a spool's memory is used again.
const leastLent = 8 << 10

// shelves are the memory of spools that are closed, those of 1<<i octets on the
// i-th. A mail of some hundred kilobytes, which comes in small pieces, would
// otherwise leave twice its size behind.
var shelves [bits.UintSize]sync.Pool

// lend returns memory for n octets, and for less than twice as many.
func lend(n int) *[]byte {
	shelf := bits.Len(uint(n - 1))
	if m, ok := shelves[shelf].Get().(*[]byte); ok {
		return m
	}
	m := make([]byte, 1<<shelf)
	return &m
}

// giveBack ends the use of memory that was lent, if any was.
func giveBack(m *[]byte) {
	if m != nil {
		shelves[bits.Len(uint(cap(*m)-1))].Put(m)
	}
}

func (s *spool) tooLarge() bool { return s.size > s.cfg.MaxMessage }

// overflow moves the octets that came so far into a file, which is created with
// mode 0600 and loses its name at once.
func (s *spool) overflow(octets int64) error {
	f, err := os.CreateTemp(s.cfg.SpoolDir, "mail-*.tmp")
	if err != nil {
		return fmt.Errorf("creating a spool file: %w", err)
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("unlinking a spool file: %w", err)
	}
	for at := int64(0); at < octets; {
		n, err := f.Write(s.held(at, octets))
		if err != nil {
			return fmt.Errorf("writing to the spool: %w", err)
		}
		at += int64(n)
	}
	s.forget()
	return nil
}

// ReadAt reads content that is complete.
func (s *spool) ReadAt(p []byte, off int64) (n int, err error) {
	if s.file != nil {
		return s.file.ReadAt(p, off)
	}
	if off < 0 {
		return 0, errors.New("reading before the beginning of a mail")
	}
	for n < len(p) {
		b := s.held(off+int64(n), s.size)
		if len(b) == 0 {
			return n, io.EOF
		}
		n += copy(p[n:], b)
	}
	return n, nil
}

// Held returns content that is complete, from a place on and as far as it lies in
// one run; nil when it is in a file. It is valid until the spool is closed.
func (s *spool) Held(from int64) []byte {
	if from < 0 {
		return nil
	}
	return slices.Clip(s.held(from, s.size))
}

// Size is the number of octets.
func (s *spool) Size() int64 { return s.size }

// close ends the use of the content: its memory will hold another mail.
func (s *spool) close() {
	s.budget.give(s.taken)
	s.taken = 0
	s.forget()
	if s.file != nil {
		_ = s.file.Close() // nothing in it is needed any more
	}
}
