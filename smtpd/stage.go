package smtpd

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/emersion/go-smtp"
)

// stage is the net.Conn that go-smtp serves. A connection has one after the
// other: under TLS another than before, and a fresh one when go-smtp's state
// cannot be trusted any more.
//
// It hands on at most one line per Read, so go-smtp's buffer never runs ahead of
// the session and the phase known here is the phase of the octets read: command
// lines pass the gate, chunks pass as they are. The content behind DATA does not
// pass at all: the session reads it, see readData. All methods but Close are
// called by the goroutine that serves the connection.
type stage struct {
	*conn
	session *session     // nil before the first HELO
	helo    string       // checked
	esmtp   bool         // EHLO was said
	silent  int          // replies to swallow: what the client was told in an earlier stage
	resumed *transaction // what was open in that one
	line    string       // the last command handed on
	finals  int          // in LMTP, how often the next reply is said
	moved   bool         // the connection went on in another stage

	pending []byte    // a judged line on its way to go-smtp
	chunk   int64     // octets left of a BDAT chunk
	bodyEnd time.Time // when the mail must be complete
	scan    lineScan
	speed   meter

	fault *smtp.SMTPError // a body broke off: nothing more is read, and this is the last word
	ended bool            // the last word is said: nothing is read or written any more
	reply []byte          // lines of a reply that is not complete
}

// Read hands on one command line, or some octets of a chunk.
func (st *stage) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if st.ended {
		return 0, net.ErrClosed
	}
	if st.fault != nil { // go-smtp reads on, to the end of the body or for a command
		return 0, st.bye(st.fault)
	}
	if len(st.pending) == 0 {
		if st.chunk > 0 {
			return st.readChunk(p)
		}
		if err := st.nextCommand(); err != nil {
			st.ended = true
			if err != io.EOF {
				err = net.ErrClosed // anything else go-smtp would log as trouble of ours
			}
			return 0, err
		}
	}
	n := copy(p, st.pending)
	st.pending = st.pending[n:]
	return n, nil
}

// readChunk reads octets of a BDAT chunk. An error is remembered: what comes
// behind a body that broke off is never a command (it may be the rest of the
// body).
func (st *stage) readChunk(p []byte) (int, error) {
	b, err := st.fill(0, st.speed.deadline(time.Now(), st.bodyEnd))
	if err != nil {
		st.breakOff(err)
		return 0, st.fault
	}
	n := copy(p, b[:min(int64(len(b)), st.chunk)])
	st.scan.see(p[:n])
	st.speed.count(n, time.Now())
	st.earn(n)
	st.chunk -= int64(n)
	st.endChunk()
	st.in.discard(n)
	return n, nil
}

// breakOff ends the connection behind the next reply, because a body cannot
// be read to its end. It must not become io.EOF: go-smtp takes that in a BDAT
// chunk for the chunk's end.
func (st *stage) breakOff(cause error) {
	if st.fault != nil {
		return
	}
	if f := st.leaving(); f != nil && reason(cause) == "timeout" {
		st.logParting(f)
		st.fault = f.reply
		return
	}
	log := st.logOfMail()
	if reason(cause) == "timeout" && st.speed.slow(time.Now(), st.bodyEnd) {
		st.fault = say(421, 4, 7, 0, fmt.Sprintf("the content came slower than %d octets a second, closing", st.srv.cfg.MinDataRate))
		log.Info().Str("event", EventSlow).Msg("content came too slowly")
		return
	}
	event, why := EventAborted, "the content broke off"
	if reason(cause) == "timeout" {
		if event, why = st.overdue(); event == EventTimeout {
			event = EventAborted
		}
	}
	st.fault = say(421, 4, 4, 2, why+", closing")
	log.Info().Str("event", event).Str("reason", why).Str("error", cause.Error()).Msg("content broke off")
}

// nextCommand reads command lines until one is fit for go-smtp. The error it
// returns ends the connection; what there was to say is said.
func (st *stage) nextCommand() (err error) {
	defer func() { // go-smtp recovers in its commands, not in its reads
		if v := recover(); v != nil {
			st.log.Error().Str("event", EventTrouble).Str("error", fmt.Sprint(v)).Msg("panic while reading a command")
			err = st.bye(say(421, 4, 3, 0, "trouble on our side, closing"))
		}
	}()
	if st.session != nil && !st.session.settle() {
		return st.renew()
	}
	for {
		if st.errors > st.srv.cfg.FreeErrors {
			st.srv.pause(slowDown)
		}
		if f := st.leaving(); f != nil {
			return st.parting(f)
		}
		if st.quiet() {
			return st.park()
		}
		line, err := st.readLine(st.bodyEnd)
		if err != nil {
			return st.unread(err)
		}
		if f := st.leaving(); f != nil {
			return st.parting(f)
		}
		r := judge(line, st.dialogue())
		st.note(r)
		st.logRefusal(r)
		switch {
		case r.hostile != "":
			e := st.log.Info().Str("event", EventHostile).Str("reason", r.hostile)
			if r.verb != "" { // else it may be content
				e.Str("line", printable(string(line), 200))
			}
			e.Msg("connection ended")
			return st.bye(r.reply)
		case r.reply != nil:
			if err := st.answer(r.reply); err != nil {
				return err
			}
		case r.startTLS:
			return st.startTLS()
		case r.xclient != nil:
			return st.speakFor(r.xclient)
		default:
			st.pending = append([]byte(r.pass), '\r', '\n')
			return nil
		}
	}
}

// note keeps what a command line that passes says about the dialogue.
func (st *stage) note(r ruling) {
	st.noData = r.verb == "DATA" && r.reply != nil
	switch r.verb {
	case "NOOP", "VRFY", "EXPN", "HELP", "RSET", "HELO", "EHLO":
		st.idle++
	}
	if r.reply != nil {
		return
	}
	if r.helo != "" {
		st.helo, st.esmtp = r.helo, r.verb == "EHLO"
		if st.in.buffered() > 0 {
			st.log.Debug().Str("event", EventAhead).Str("helo", st.helo).Msg("commands sent before the answer to HELO")
		}
	}
	st.line = r.pass
	if r.verb == "BDAT" {
		st.beginChunk(r.chunk, r.last)
	}
}

// beginChunk expects the octets of a BDAT, be it in a transaction or one that
// go-smtp refuses and reads over.
func (st *stage) beginChunk(n int64, last bool) {
	if !st.chunking() {
		st.bodyEnd = time.Now().Add(st.srv.cfg.Data)
		st.scan, st.speed = lineScan{}, st.meter()
	}
	if st.session != nil {
		st.session.beginChunks(last)
	}
	st.chunk = n
	st.endChunk()
}

// endChunk forgets the time limit of a chunk that belongs to no mail.
func (st *stage) endChunk() {
	if st.chunk == 0 && !st.chunking() {
		st.bodyEnd = time.Time{}
	}
}

// dialogue sums up the phase for the gate.
func (st *stage) dialogue() dialogue {
	d := dialogue{
		greeted: st.session != nil, tls: st.tls != "", canTLS: st.srv.offersTLS(),
		hostname: st.srv.cfg.Hostname, limit: st.srv.maxMessage(),
		ahead: st.in.buffered() > 0, noData: st.noData,
		lmtp: st.way.lmtp, xclient: st.relay != nil && st.relay.XClient,
	}
	if st.session != nil {
		d.mail, d.rcpts, d.chunking = st.session.phase()
		d.full = d.rcpts >= st.srv.cfg.MaxRecipients
	}
	return d
}

func (st *stage) chunking() bool {
	if st.session == nil {
		return false
	}
	_, _, chunking := st.session.phase()
	return chunking
}

// unread ends a connection whose next command could not be read.
func (st *stage) unread(err error) error {
	switch {
	case err == errForeign:
		return net.ErrClosed
	case err == errLongLine:
		st.log.Info().Str("event", EventHostile).Str("reason", "command line too long").Msg("connection ended")
		return st.bye(say(500, 5, 5, 6, fmt.Sprintf("command line longer than %d octets, closing", maxCommand)))
	case st.leaving() != nil:
		return st.parting(st.leaving())
	case reason(err) == "timeout":
		event, why := st.overdue()
		st.log.Info().Str("event", event).Str("reason", why).Msg("no command in time")
		return st.bye(say(421, 4, 4, 2, why+", closing"))
	}
	return net.ErrClosed
}

// parting ends a connection that has to go.
func (st *stage) parting(f *farewell) error {
	st.logParting(f)
	return st.bye(f.reply)
}

// logParting logs once why the connection has to go.
func (st *stage) logParting(f *farewell) {
	if f.logged {
		return
	}
	f.logged = true
	st.log.WithLevel(levelOf(f.event)).Str("event", f.event).Str("reason", f.reply.Message).Msg("connection ended by us")
}

// bye says a last word and ends the dialogue.
func (st *stage) bye(last *smtp.SMTPError) error {
	_ = st.answer(last)
	st.ended = true
	return net.ErrClosed
}

// answer sends a reply of the gate.
func (st *stage) answer(r *smtp.SMTPError) error {
	e := r.EnhancedCode
	_, err := fmt.Fprintf(st, "%d %d.%d.%d %s\r\n", r.Code, e[0], e[1], e[2], r.Message)
	if err == nil && st.ended {
		err = net.ErrClosed
	}
	return err
}

// startTLS takes the connection into its second stage.
func (st *stage) startTLS() error {
	if st.in.buffered() > 0 { // RFC 3207 §6: it could be somebody else's plain text
		st.log.Info().Str("event", EventHostile).Str("reason", "commands behind STARTTLS").Msg("connection ended")
		return st.bye(say(503, 5, 5, 1, "commands behind STARTTLS, closing"))
	}
	if err := st.answer(say(220, 2, 0, 0, "start TLS now")); err != nil {
		return err
	}
	if !st.secure() {
		return net.ErrClosed
	}
	st.moved = st.srv.dialogue(st.conn).hand(&stage{conn: st.conn, silent: 1})
	return io.EOF
}

// renew goes on in a fresh stage, greeted as this one was.
func (st *stage) renew() error {
	st.moved = st.srv.dialogue(st.conn).hand(st.successor())
	return io.EOF
}

// speakFor takes a relay's word for who its client is (XCLIENT). The dialogue
// begins anew.
func (st *stage) speakFor(x *xclient) error {
	if x.addr {
		st.conn.speaksFor(x.ip)
	}
	if x.hasHelo {
		st.conn.relayHelo = x.helo
	}
	if event, why := st.srv.place(st.conn); why != "" {
		st.log.Info().Str("event", event).Str("reason", why).Msg("client turned away")
		return st.bye(say(421, 4, 7, 0, why+", please try again later"))
	}
	if err := st.write(fmt.Appendf(nil, "220 %s ESMTP\r\n", st.srv.cfg.Hostname)); err != nil {
		return net.ErrClosed
	}
	st.moved = st.srv.dialogue(st.conn).hand(&stage{conn: st.conn, silent: 1})
	return io.EOF
}

// Write sends what go-smtp or the gate says, a whole reply at a time. It counts
// the replies that refuse for good, and is deaf behind the last word.
func (st *stage) Write(p []byte) (int, error) {
	if st.ended {
		return len(p), nil
	}
	st.reply = append(st.reply, p...)
	if len(p) > 3 && p[3] == '-' {
		return len(p), nil
	}
	line := st.reply
	st.reply = nil
	if st.silent > 0 {
		st.silent--
		return len(p), nil
	}
	said := bytes.Repeat(st.inOurWords(line), max(1, st.finals))
	st.finals = 0
	if err := st.write(said); err != nil {
		if f := st.leaving(); f != nil { // the client does not read
			st.logParting(f)
		}
		st.ended = true
		return 0, err
	}
	if st.fault != nil {
		st.ended = true
	}
	st.count(line[0] == '5')
	return len(p), nil
}

// inOurWords says what go-smtp says as RFC 5321 has it: the answer to HELO and
// EHLO begins with our name (§4.1.1.1), MAIL and RCPT have their own enhanced
// codes (RFC 3463 §3.2), and none repeats what the client sent. SIZE names our
// limit (RFC 1870 §3): go-smtp has none, because it can refuse a mail only
// before its end is read.
func (st *stage) inOurWords(reply []byte) []byte {
	switch {
	case bytes.HasPrefix(reply, []byte("250-Hello ")):
		_, rest, _ := bytes.Cut(reply, []byte("\r\n"))
		if !st.srv.offersTLS() {
			rest = bytes.Replace(rest, []byte("250-STARTTLS\r\n"), nil, 1)
		}
		rest = bytes.Replace(rest, []byte("250-SIZE\r\n"), fmt.Appendf(nil, "250-SIZE %d\r\n", st.srv.maxMessage()), 1)
		first := "250-" + st.srv.cfg.Hostname + " at your service\r\n"
		if st.relay != nil && st.relay.XClient {
			first += "250-" + xclientOffer + "\r\n"
		}
		return append([]byte(first), rest...)
	case bytes.HasPrefix(reply, []byte("250 2.0.0 Hello ")):
		return []byte("250 " + st.srv.cfg.Hostname + " at your service\r\n")
	case bytes.HasPrefix(reply, []byte("250 2.0.0 Roger, ")):
		return []byte("250 2.1.0 sender accepted\r\n")
	case bytes.HasPrefix(reply, []byte("250 2.0.0 I'll make sure ")):
		return []byte("250 2.1.5 recipient accepted\r\n")
	case bytes.HasPrefix(reply, []byte("250 2.0.0 I have successfully ")):
		return []byte("250 2.0.0 ok\r\n")
	case bytes.HasPrefix(reply, []byte("502 5.5.1 Missing RCPT TO ")): // BDAT, read over
		return []byte("503 5.5.1 no valid recipients\r\n")
	}
	return reply
}

// count ends a connection that got too much wrong.
func (st *stage) count(refused bool) {
	if free := st.srv.cfg.FreeIdle; st.idle > free {
		st.idle, refused = free, true
	}
	if !refused || st.ended {
		return
	}
	st.errors++
	if st.errors == st.srv.cfg.FreeErrors+1 {
		st.log.Info().Str("event", EventSlowedDown).Int("errors", st.errors).Msg("further commands have to wait")
	}
	if st.errors >= st.srv.bounds().maxErrors {
		st.log.Info().Str("event", EventErrors).Int("errors", st.errors).Msg("connection ended")
		_ = st.bye(say(421, 4, 7, 0, "too many errors, closing"))
	}
}

// Close ends the connection, unless it went on in another stage. What a client sent
// behind its QUIT is not read any more.
func (st *stage) Close() error {
	st.ended = true
	if st.moved {
		return nil
	}
	return st.conn.close()
}

// The rest of net.Conn. Deadlines are set by Read and Write alone.

// LocalAddr is the address of this side.
func (st *stage) LocalAddr() net.Addr { return st.raw.LocalAddr() }

// RemoteAddr is the client's address.
func (st *stage) RemoteAddr() net.Addr { return st.raw.RemoteAddr() }

// SetDeadline does nothing.
func (st *stage) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (st *stage) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (st *stage) SetWriteDeadline(time.Time) error { return nil }
