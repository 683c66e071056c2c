package desk

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/semaphore"
)

// ErrBusy: others have had the memory for too long; it passes by itself.
var ErrBusy = errors.New("others take the memory there is")

// Room is memory, in octets, for what must be held whole. Who finds none waits,
// first come, first served. The nil Room has no bound.
type Room struct {
	all  int64
	free *semaphore.Weighted
}

// NewRoom makes a Room.
func NewRoom(octets int64) *Room { return &Room{octets, semaphore.NewWeighted(octets)} }

// Take waits for n octets, or all there are, and returns what gives them back.
// ErrBusy says that ctx has ended before.
func (r *Room) Take(ctx context.Context, n int64) (give func(), err error) {
	if r == nil {
		return func() {}, nil
	}
	n = min(n, r.all)
	if err := r.free.Acquire(ctx, n); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return func() { r.free.Release(n) }, nil
}

// errFiles ends a decision that sends a mail's files on before they were read.
var errFiles = errors.New("the mail's files are needed")

// decided runs decide, which decides on the mail in a transaction. When the
// mail's files are to be sent on, which happens to those of agents alone, they
// are encoded, outside of any transaction and in their turn, and decide runs once
// more.
func (m *mail) decided(ctx context.Context, room *Room, decide func() error) error {
	err := decide()
	if !errors.Is(err, errFiles) {
		return err
	}
	give, err := room.Take(ctx, memoryOf(m.Message.Attachments))
	if err != nil {
		return err
	}
	defer give()
	m.files, m.fileErr = readFiles(m.Message, m.Content)
	m.filed = true
	return decide()
}
