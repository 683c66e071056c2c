package smtpd

import (
	"bytes"
	"fmt"
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

// spool holds the content of a mail: in memory while it is small, else in a
// file that has no name, so that nothing is left behind however we end. It is a
// ticketstore.Content.
type spool struct {
	cfg    *Config
	budget *budget
	taken  int64 // octets of the budget
	size   int64 // octets seen
	mem    []byte
	lent   *[]byte // mem is of it; nil: mem is the spool's own
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
			return
		}
		s.taken += more
	}
	if s.file == nil && s.size > s.cfg.MemorySpool && !noSpool {
		s.err = s.overflow()
	}
	switch {
	case s.err != nil:
	case s.file == nil:
		s.grow(len(s.mem) + len(p))
		s.mem = append(s.mem, p...)
	default:
		if _, err := s.file.Write(p); err != nil {
			s.err = fmt.Errorf("writing to the spool: %w", err)
		}
	}
}

// grow makes room for n octets in all.
func (s *spool) grow(n int) {
	switch {
	case n <= cap(s.mem):
	case n < leastLent:
		s.mem = slices.Grow(s.mem, n-len(s.mem))
	default:
		larger := lend(n)
		mem := append((*larger)[:0], s.mem...)
		s.forget()
		s.mem, s.lent = mem, larger
	}
}

// forget gives memory back.
func (s *spool) forget() {
	if s.lent != nil {
		shelves[bits.Len(uint(cap(*s.lent)-1))].Put(s.lent)
	}
	s.mem, s.lent = nil, nil
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

func (s *spool) tooLarge() bool { return s.size > s.cfg.MaxMessage }

// overflow moves what came so far into a file, which is created with mode 0600
// and loses its name at once.
func (s *spool) overflow() error {
	f, err := os.CreateTemp(s.cfg.SpoolDir, "mail-*.tmp")
	if err != nil {
		return fmt.Errorf("creating a spool file: %w", err)
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("unlinking a spool file: %w", err)
	}
	if _, err := f.Write(s.mem); err != nil {
		return fmt.Errorf("writing to the spool: %w", err)
	}
	s.forget()
	return nil
}

// ReadAt reads content that is complete.
func (s *spool) ReadAt(p []byte, off int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, off)
	}
	return bytes.NewReader(s.mem).ReadAt(p, off)
}

// InMemory returns content that is complete, nil when it is in a file. It is
// valid until the spool is closed.
func (s *spool) InMemory() []byte { return slices.Clip(s.mem) }

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
