package smtpd

import (
	"time"

	"github.com/emersion/go-smtp"
)

// phase is what a connection is about. It says who may be sent away when.
type phase int

const (
	idling     phase = iota // no transaction is open
	addressing              // MAIL was accepted
	sending                 // content is on its way
	deciding                // it is complete
)

// enter says that another phase begins. A mail that was complete has paid for its
// client's place, whatever became of it; the next one begins without a debt.
func (c *conn) enter(p phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.phase == deciding:
		c.paid, c.again = time.Now(), false
	case p == addressing && !c.again:
		c.paid, c.again = time.Now(), true
	}
	c.phase = p
}

// farewell is why a connection has to end, and what the client is told.
type farewell struct {
	event  string
	reply  *smtp.SMTPError
	ends   phase // the last phase that is not waited for
	logged bool  // used by the goroutine that serves the connection only
}

// leave makes the connection end as soon as its phase lets it. When that is now,
// it wakes at once to say good-bye, or within lastWord when its client does not
// read. The first reason stands.
func (c *conn) leave(f farewell) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = &f
	}
	if c.going() {
		_ = c.raw.SetReadDeadline(time.Unix(1, 0)) // a dead connection wakes by itself
		_ = c.raw.SetWriteDeadline(c.writeDeadline())
	}
}

// leaving is why the connection has to end now, or nil.
func (c *conn) leaving() *farewell {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.going() {
		return nil
	}
	return c.last
}

// going reports whether the connection has to end now. It is called with mu held.
func (c *conn) going() bool { return c.last != nil && c.phase <= c.last.ends }

func (c *conn) evicted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last != nil && c.last.event == EventEvicted
}
