package smtpd

import (
	"bytes"
	"io"
	"time"
)

// parkAfter is how long a client is silent between two commands before it waits
// outside of go-smtp, which holds 8 KiB of buffers and a deep stack for each.
const parkAfter = 300 * time.Millisecond

// quiet waits a moment for a whole command, and reports whether the client is
// better parked. An error of the connection shows itself at the next read.
func (st *stage) quiet() bool {
	if st.sock == nil || !st.bodyEnd.IsZero() {
		return false
	}
	for st.unfinished() {
		if err := st.awaitBriefly(st.srv.parkAfter); err != nil {
			return false
		}
		if err := st.in.more(); err != nil {
			st.mu.Lock()
			defer st.mu.Unlock()
			return reason(err) == "timeout" && time.Now().Before(st.deadline())
		}
		st.hear()
	}
	return false
}

// unfinished reports whether what waits is no whole command yet, and nothing
// that ends the connection either.
func (st *stage) unfinished() bool {
	b := st.in.waiting()
	return bytes.IndexByte(b, '\n') < 0 && len(b) < maxCommand && (!st.first || foreign(b) == "")
}

// awaitBriefly sets the deadline of the next read to d from now, or to the
// connection's own where that is sooner.
func (c *conn) awaitBriefly(d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = time.Time{}
	at := c.deadline()
	if soon := time.Now().Add(d); soon.Before(at) {
		at = soon
	}
	return c.raw.SetReadDeadline(at)
}

// park takes the connection out of go-smtp until its client says something.
func (st *stage) park() error {
	next := st.successor()
	st.moved = true
	st.srv.serves.Go(next.wait)
	return io.EOF
}

// successor is a fresh stage in which the dialogue goes on: go-smtp is told what
// it was told before, and its answers are swallowed.
func (st *stage) successor() *stage {
	next := &stage{conn: st.conn, helo: st.helo, esmtp: st.esmtp, silent: 1}
	if st.session == nil {
		return next
	}
	next.replay("EHLO " + st.helo)
	if next.resumed = st.session.handOver(); next.resumed != nil {
		for _, line := range next.resumed.lines {
			next.replay(line)
		}
	}
	return next
}

// replay has go-smtp read a line whose answer the client knows.
func (st *stage) replay(line string) {
	st.pending = append(append(st.pending, line...), '\r', '\n')
	st.silent++
}

// wait is a parked connection. It holds no buffer.
func (st *stage) wait() {
	st.srv.parked.Add(1)
	defer st.srv.parked.Add(-1)
	st.in.release()
	err := st.await(time.Time{})
	if err == nil {
		err = readable(st.sock)
	}
	if err != nil {
		st.silent = 0
		_ = st.unread(err)
		_ = st.conn.close()
		return
	}
	if !st.srv.dialogue(st.conn).hand(st) {
		_ = st.conn.close()
	}
}

// handOver takes the transaction out of a session that ends, so that another
// goes on with it; nil when none is open.
func (s *session) handOver() *transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx := s.tx
	s.tx = nil
	return tx
}
