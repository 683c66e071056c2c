package smtpd

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// maxSources is how many sources a rate remembers at least before it forgets
	// some early; it holds twice as many at most, each about 100 octets.
	maxSources = 20_000
	// rateWindow is the time in which content must reach its minimum in a calm
	// house. It is longer
	// than a lost connection of TCP takes to come back, and shorter than the three
	// minutes that a client waits for a block to go out (RFC 5321 §4.5.3.2.5).
	rateWindow = 2 * time.Minute
)

// rate bounds how often each source does something in a minute: a bucket that
// holds a minute's worth and fills up evenly. Of each it keeps only the time at
// which it is full again. After a minute of rest every bucket is full, so
// sources that were not seen for that long are forgotten without a loss: there
// are two generations, and the elder goes when the younger is a minute old or
// has maxSources entries.
type rate struct {
	each time.Duration // one token; 0 or less bounds nothing

	mu         sync.Mutex
	young, old map[netip.Prefix]time.Time
	born       time.Time // of young
}

func newRate(perMinute int) *rate {
	r := &rate{young: map[netip.Prefix]time.Time{}}
	if perMinute > 0 {
		r.each = max(time.Minute/time.Duration(perMinute), 1)
	}
	return r
}

// allow takes a token of ip's source at now, and reports whether there was one.
func (r *rate) allow(ip netip.Addr, now time.Time) bool {
	if r.each <= 0 {
		return true
	}
	src := source(ip)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= maxSources || now.Sub(r.born) >= time.Minute {
		r.old, r.young, r.born = r.young, map[netip.Prefix]time.Time{}, now
	}
	full, ok := r.young[src]
	if !ok {
		full = r.old[src]
	}
	if full.Before(now) {
		full = now
	}
	if full = full.Add(r.each); full.Sub(now) > time.Minute {
		return false
	}
	r.young[src] = full
	return true
}

// network is the wider source that connections are counted by: what one
// customer of a provider commonly holds.
func network(ip netip.Addr) netip.Prefix {
	bits := 24
	if ip.Is6() {
		bits = 48
	}
	p, _ := ip.Prefix(bits) // the zero prefix for no address
	return p
}

// meter watches the speed of content. Each portion of a window's worth must come
// within a window of the one before it.
type meter struct {
	window  time.Duration
	portion int64     // octets; 0 or less bounds nothing
	left    int64     // of the portion under way
	end     time.Time // when it must be there; zero when none has begun
}

func newMeter(perSecond int64, window time.Duration) meter {
	return meter{window: window, portion: max(0, perSecond) * int64(window/time.Second)}
}

// meter is one for content from this client.
func (c *conn) meter() meter {
	if !c.bounded() {
		return meter{}
	}
	return newMeter(c.srv.cfg.MinDataRate, c.srv.bounds().window)
}

// deadline is when the next octets must have come for the content not to be too
// slow, at most mailEnd. A portion whose time ended while nobody read begins
// anew: that was our own slowness, or the pause between two chunks.
func (m *meter) deadline(now, mailEnd time.Time) time.Time {
	if m.portion <= 0 {
		return mailEnd
	}
	if !now.Before(m.end) {
		m.left, m.end = m.portion, now.Add(m.window)
	}
	if !mailEnd.IsZero() && mailEnd.Before(m.end) {
		return mailEnd
	}
	return m.end
}

// count takes note of octets that came.
func (m *meter) count(n int, now time.Time) {
	if m.portion <= 0 {
		return
	}
	if m.left -= int64(n); m.left <= 0 {
		m.left, m.end = m.portion, now.Add(m.window)
	}
}

// slow reports whether a read that timed out did so for its speed.
func (m *meter) slow(now, mailEnd time.Time) bool {
	return m.portion > 0 && !now.Before(m.end) && (mailEnd.IsZero() || m.end.Before(mailEnd))
}
