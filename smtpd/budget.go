package smtpd

import (
	"errors"
	"sync"
)

const (
	// largeMemory is what a large mail may cost while it is read and filed, in
	// octets: one in a file, or in memory in pieces. Taken at once, because a mail
	// that is put off late was sent for nothing.
	largeMemory = 8 << 20
	// textMemory is the part of that which text, HTML and records may take.
	textMemory = 4 << 20
	// copies is how often the octets of a small mail may be in memory: as received,
	// as text, as HTML, as a record.
	copies = 4
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
}

func newBudget(octets int64) *budget { return &budget{all: octets} }

// resize changes what a mail has taken from one number of octets to another, and
// reports whether that could be had.
func (b *budget) resize(from, to int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.allows(from, to) {
		return false
	}
	b.used += to - from
	b.large += ifLarge(to) - ifLarge(from)
	return true
}

// has reports whether a mail could have n octets now.
func (b *budget) has(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.allows(0, n)
}

// allows is called with mu held.
func (b *budget) allows(from, to int64) bool {
	if noBudget || to <= from {
		return true
	}
	if ifLarge(to) > 0 && b.large+to-ifLarge(from) > b.all/6*5 {
		return false
	}
	return b.used+to-from <= b.all
}

// ifLarge is what a mail takes of the part that large ones may have.
func ifLarge(taken int64) int64 {
	if taken < largeMemory {
		return 0
	}
	return taken
}

// memoryFor is what a mail of some size may cost.
func (c Config) memoryFor(size int64) int64 {
	switch {
	case size > c.MemorySpool:
		return largeMemory
	case size > oneRun:
		return max(largeMemory, size+textMemory)
	}
	return copies * size
}
