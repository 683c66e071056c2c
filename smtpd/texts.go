package smtpd

import (
	"context"

	"golang.org/x/sync/semaphore"

	"mxdesk/internal/message"
)

const (
	// textsShare is the part of what content may take that may be taken besides, by
	// what is read of mails: one in so many.
	textsShare = 4
	// textGrowth is how many octets may be in memory for one of a mail while it is
	// read: a line break in a quoted HTML text is five, and becomes forty in the
	// text, which is there twice or more.
	textGrowth = 20
	// textMost is as far as that goes, in octets, because texts are cut.
	textMost = 8 << 20
)

// texts is the memory, in octets, for what is read of mails, from then on until
// they are filed. Who finds none waits, first come, first served: the content is
// here, and with a few at a time all are done as soon.
type texts struct {
	all  int64
	free *semaphore.Weighted
}

func newTexts(octets int64) *texts {
	return &texts{octets, semaphore.NewWeighted(octets)}
}

// textShare is what one mail has of it. The zero value is of a mail for which
// there is no bound.
type textShare struct {
	of    *texts
	taken int64
}

// take waits for what reading a mail of some size may need.
func (s *textShare) take(ctx context.Context, size int64) error {
	if s.of == nil || noBudget {
		return nil
	}
	n := min(textGrowth*size, textMost, s.of.all)
	if err := s.of.free.Acquire(ctx, n); err != nil {
		return err
	}
	s.taken = n
	return nil
}

// keep gives back what is not needed for a mail that was read: its text is there,
// what is new in it, and both once more in a record.
func (s *textShare) keep(m *message.Message) {
	if n := min(s.taken, 3*int64(len(m.Text))); n < s.taken {
		s.of.free.Release(s.taken - n)
		s.taken = n
	}
}

// give gives everything back.
func (s *textShare) give() {
	if s.taken > 0 {
		s.of.free.Release(s.taken)
		s.taken = 0
	}
}
