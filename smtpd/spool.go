package smtpd

import (
	"bytes"
	"fmt"
	"os"
	"slices"
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
			s.mem = nil
			return
		}
		s.taken += more
	}
	if s.file == nil && s.size > s.cfg.MemorySpool {
		s.err = s.overflow()
	}
	switch {
	case s.err != nil:
	case s.file == nil:
		if cap(s.mem)-len(s.mem) < len(p) { // twice as much, and no more than will be used
			s.mem = slices.Grow(s.mem, int(min(max(int64(len(p)), s.size), s.cfg.MemorySpool-int64(len(s.mem)))))
		}
		s.mem = append(s.mem, p...)
	default:
		if _, err := s.file.Write(p); err != nil {
			s.err = fmt.Errorf("writing to the spool: %w", err)
		}
	}
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
	s.mem = nil
	return nil
}

// ReadAt reads content that is complete.
func (s *spool) ReadAt(p []byte, off int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, off)
	}
	return bytes.NewReader(s.mem).ReadAt(p, off)
}

// InMemory returns content that is complete, nil when it is in a file.
func (s *spool) InMemory() []byte { return s.mem }

// Size is the number of octets.
func (s *spool) Size() int64 { return s.size }

func (s *spool) close() {
	s.budget.give(s.taken)
	s.taken = 0
	if s.file != nil {
		_ = s.file.Close() // nothing in it is needed any more
	}
}
