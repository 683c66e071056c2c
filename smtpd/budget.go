package smtpd

import (
	"errors"
	"sync"
)

const (
	// largeMemory is what a large mail may cost while it is read and filed, in
	// octets, besides its own behind the first oneRun.
	largeMemory = 8 << 20
	// copies is how often the octets of a small mail may be in memory while it is
	// read and filed: as received, as text, as HTML, as a record.
	copies = 4
	// piecesShare is the part of all memory that pieces may take, besides: one in
	// so many.
	piecesShare = 12
)

// errNoMemory: the mails under way take all the memory that they may.
var errNoMemory = errors.New("the mails under way take all the memory there is for them")

// budget is the memory, in octets, that the content of all mails under way may
// take together. Large mails must leave a sixth of it, so that small ones come in
// beside them. Nobody waits for it: a sender that is put off comes again.
type budget struct {
	mu          sync.Mutex
	all         int64
	used, large int64 // by all mails, and by large ones
	pieces      int64 // octets
}

func newBudget(octets int64) *budget { return &budget{all: octets} }

// take takes n octets for a mail that will then have taken whole, and reports
// whether they could be had.
func (b *budget) take(n, whole int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.allows(n, whole) {
		return false
	}
	b.used += n
	if whole >= largeMemory {
		b.large += whole
	}
	return true
}

// give gives back all that a mail has taken.
func (b *budget) give(whole int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= whole
	if whole >= largeMemory {
		b.large -= whole
	}
}

// has reports whether a mail could have n octets now.
func (b *budget) has(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.allows(n, n)
}

// takePieces takes n pieces for a mail that would otherwise be in a file, and
// reports whether they could be had.
func (b *budget) takePieces(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	more := int64(n) * pieceSize
	if b.pieces+more > b.all/piecesShare && !noSpool {
		return false
	}
	b.pieces += more
	return true
}

// givePieces gives n pieces back.
func (b *budget) givePieces(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pieces -= int64(n) * pieceSize
}

// allows is called with mu held.
func (b *budget) allows(n, whole int64) bool {
	if noBudget {
		return true
	}
	if whole >= largeMemory && b.large+whole > b.all/6*5 {
		return false
	}
	return b.used+n <= b.all
}

// memoryFor is what a mail of some size may cost.
func (c Config) memoryFor(size int64) int64 {
	if size > min(c.MemorySpool, oneRun) {
		return largeMemory
	}
	return copies * size
}
