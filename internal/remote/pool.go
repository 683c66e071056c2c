package remote

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	defaultKeep          = 10
	defaultPerConnection = 100
)

// pool holds the connections of a smarthost that are between two mails. The one
// used last is taken first, so that a pool larger than it need be shrinks.
type pool struct {
	mu     sync.Mutex
	idle   []*dialogue // the longest idle first
	timer  *time.Timer // until the first of idle is too old; nil when there is none
	closed bool
	ends   sync.WaitGroup // the timer, and connections that are being closed
}

// take returns an open connection, nil when there is none.
func (s *Smarthost) take() *dialogue {
	p := &s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	d := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return d
}

// putBack keeps a connection for the next mail, or closes it.
func (s *Smarthost) putBack(d *dialogue) {
	if !s.reusable(d) || !s.keep(d) {
		d.close()
	}
}

// reusable reports whether another mail may go over a connection. One on which
// something unexpected was said is not used again; nor is one whose mail's context
// is closing it.
func (s *Smarthost) reusable(d *dialogue) bool {
	most := s.PerConnection
	if most <= 0 {
		most = defaultPerConnection
	}
	return d.mails > 0 && d.mails < most && !d.spent && d.orderly() && d.in.Buffered() == 0 && d.detach()
}

// keep puts a connection into the pool; it reports whether there was room.
func (s *Smarthost) keep(d *dialogue) bool {
	p := &s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	most := s.Keep
	if most == 0 {
		most = defaultKeep
	}
	if p.closed || len(p.idle) >= most {
		return false
	}
	d.ctx, d.idleSince = context.Background(), time.Now()
	p.idle = append(p.idle, d)
	if p.timer == nil {
		s.watch()
	}
	return true
}

// watch has the connections closed that are idle for too long. The caller holds
// the lock.
func (s *Smarthost) watch() {
	p := &s.pool
	p.timer = nil
	if len(p.idle) > 0 && !p.closed {
		first := p.idle[0]
		p.ends.Add(1)
		p.timer = time.AfterFunc(time.Until(first.idleSince.Add(first.timeouts.Idle)), s.expire)
	}
}

// expire closes what is idle for too long.
func (s *Smarthost) expire() {
	p := &s.pool
	defer p.ends.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && time.Since(p.idle[n].idleSince) >= p.idle[n].timeouts.Idle {
		p.ends.Go(p.idle[n].close)
		n++
	}
	p.idle = slices.Delete(p.idle, 0, n)
	s.watch()
}

// Close says QUIT over the connections that are kept, and waits until they are
// closed: seconds, if the server does not answer. A delivery under way closes its
// connection itself; one that comes later has a connection of its own.
func (s *Smarthost) Close() {
	p := &s.pool
	p.mu.Lock()
	p.closed = true
	if p.timer != nil && p.timer.Stop() {
		p.ends.Done()
	}
	for _, d := range p.idle {
		p.ends.Go(d.close)
	}
	p.idle, p.timer = nil, nil
	p.mu.Unlock()
	p.ends.Wait()
}
