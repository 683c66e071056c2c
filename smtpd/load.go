package smtpd

import (
	"cmp"
	"sync/atomic"
	"time"
)

// level says how full the house is. It alone decides which set of bounds is in
// force, so that strangers who occupy connections cannot keep others out: the
// fuller it is, the less patience there is with silence and errors.
type level int32

const (
	calm    level = iota // as configured
	busy                 // from half of the connections on
	crowded              // from four fifths on
)

// String names the level in the log.
func (l level) String() string { return [...]string{"calm", "busy", "crowded"}[l] }

// bounds are the limits that depend on the level.
type bounds struct {
	idle, session time.Duration
	maxErrors     int
	window        time.Duration // see meter
}

// boundsAt makes the bounds of a level. None is ever looser than configured.
func (c Config) boundsAt(l level) bounds {
	b := bounds{idle: c.Idle, session: c.Session, maxErrors: c.MaxErrors, window: rateWindow}
	switch l {
	case busy:
		b.idle, b.session = min(b.idle, time.Minute), min(b.session, 20*time.Minute)
		b.maxErrors = min(b.maxErrors, 20)
	case crowded:
		b.idle, b.session = min(b.idle, 10*time.Second), min(b.session, 5*time.Minute)
		b.maxErrors = min(b.maxErrors, 5)
		b.window = rateWindow / 10
	}
	return b
}

// load is the level in force.
type load struct {
	sets [3]bounds // of each level
	at   atomic.Int32
}

func (l *load) set(c Config) {
	for i := range l.sets {
		l.sets[i] = c.boundsAt(level(i))
	}
}

// bounds are those in force.
func (s *Server) bounds() *bounds { return &s.load.sets[s.load.at.Load()] }

// weigh finds the level for the number of connections. It goes up at one half and
// at four fifths, and down again somewhat lower, so that it does not flutter. It
// is called with mu held.
func (s *Server) weigh() {
	n, most := len(s.conns), s.cfg.MaxConnections
	now, was := calm, level(s.load.at.Load())
	switch {
	case n*5 >= most*4, was == crowded && n*10 >= most*7:
		now = crowded
	case n*2 >= most, was != calm && n*5 >= most*2:
		now = busy
	}
	if now == was {
		return
	}
	s.load.at.Store(int32(now))
	s.log.Info().Str("event", EventLoad).Str("level", now.String()).Int("connections", n).Msg("the load has changed")
	if now > was && !s.stopping {
		for c := range s.conns {
			c.hurry()
		}
	}
}

// A full house sends somebody away for a newcomer. That is a client without a
// transaction that has been silent for evictAfter, or any that has had its place
// for evictUnpaid longer than it has paid for. A place is paid by mails, and by
// content that comes, evictRate octets for a second: who keeps a transaction open
// without one coming, or lets content drip, does not hold a place for longer.
//
// Those who wait for such a place can be many from one network, and each has
// evictUnpaid for itself once it is in. So a newcomer from a network with few
// clients here takes the place of one from a network with many as soon as that
// has gone evictAfter without paying.
//
// evictSample connections are looked at, more when none of those can go.
const (
	evictSample = 64
	evictAfter  = 2 * time.Second
	evictUnpaid = 30 * time.Second
	evictRate   = 1000
	evictShare  = 50 // a network has many when it has this part of the house
)

// overdueSince is when a client last did what would keep it from being sent away.
// overdue means that it may go for anybody, late that it may go for a newcomer
// from a smaller network.
func (c *conn) overdueSince(now time.Time) (at time.Time, overdue, late bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed, c.last != nil, c.phase == deciding:
		return now, false, false
	case c.phase == idling && now.Sub(c.heard) > evictAfter:
		return c.heard, true, true
	}
	owes := now.Sub(c.paid)
	return c.paid, owes > evictUnpaid, owes > evictAfter
}

// evict ends a connection for a newcomer, and reports whether there was one to
// end. It is called with mu held.
func (s *Server) evict(newcomer *conn) bool {
	var overdue, late *conn
	now := time.Now()
	longest := now
	many := max(2*(s.networks[network(newcomer.ip)]+1), s.cfg.MaxConnections/evictShare)
	n := 0
	for c := range s.conns { // in random order
		at, isOverdue, isLate := c.overdueSince(now)
		if isOverdue && at.Before(longest) {
			overdue, longest = c, at
		}
		if share := s.networks[network(c.placed)]; isLate && c.counts && share > many {
			late, many = c, share
		}
		if n++; n >= evictSample && (overdue != nil || late != nil) || n >= 16*evictSample {
			break
		}
	}
	victim := cmp.Or(late, overdue)
	if victim == nil {
		return false
	}
	victim.leave(farewell{event: EventEvicted, ends: sending, reply: say(421, 4, 7, 0, "too many connections, and no mail came from you; please try again later")})
	s.evicting++
	return true
}
