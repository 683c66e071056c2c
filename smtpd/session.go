package smtpd

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"

	"mxdesk/internal/address"
	"mxdesk/internal/desk"
	"mxdesk/ticketstore"
)

// session is go-smtp's view of one stage: the envelope of the mail on its way.
//
// With BDAT, go-smtp runs Data in a goroutine of its own and lets RSET and
// MAIL go on beside it. So the transaction is guarded, Data works on a copy,
// and a mail is committed only when its content is complete and the
// transaction that it began in is still the open one. Moreover a Data that was
// given up hands its result to whatever mail is next, so the stage is left
// then; see settle.
type session struct {
	srv *Server
	st  *stage

	mu      sync.Mutex
	tx      *transaction // nil: none is open
	givenUp *transaction // its chunks were not completed
}

// transaction is one mail between MAIL and its end. What stands in it is
// changed only under the session's lock.
type transaction struct {
	id       string
	from     address.Address
	rcpts    []address.Address
	utf8     bool // SMTPUTF8 was asked for
	size     int64
	lines    []string // MAIL and RCPT as they were accepted
	chunking bool
	full     bool          // it had too many recipients, and that is in the log
	last     bool          // its last chunk is on its way
	started  chan struct{} // closed when Data runs for its chunks
	finished chan struct{} // closed when that Data is over
	complete bool          // its content came to its end, so go-smtp takes the result
	log      zerolog.Logger
}

// phase says where the dialogue stands.
func (s *session) phase() (mail bool, rcpts int, chunking bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx == nil {
		return false, 0, false
	}
	return true, len(s.tx.lines) - 1, s.tx.chunking
}

// beginChunks marks the transaction as one whose content comes by BDAT.
func (s *session) beginChunks(last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tx != nil {
		s.tx.last = last
	}
	if s.tx != nil && len(s.tx.rcpts) > 0 && !s.tx.chunking {
		s.tx.chunking = true
		s.st.enter(sending)
		s.tx.started, s.tx.finished = make(chan struct{}), make(chan struct{})
	}
}

// settle is called before each command. It waits until a Data that go-smtp
// starts for chunks runs, because it fails on a session that is gone by then,
// and until one that was given up is over. In that case it returns false: the
// stage must end.
func (s *session) settle() bool {
	s.mu.Lock()
	tx, givenUp := s.tx, s.givenUp
	s.mu.Unlock()
	if tx != nil && tx.chunking {
		<-tx.started
	}
	if givenUp != nil {
		<-givenUp.finished
	}
	return givenUp == nil
}

// Mail opens a transaction.
func (s *session) Mail(from string, opts *smtp.MailOptions) error {
	if s.st.silent > 0 {
		return s.resume()
	}
	if s.st.bounded() && !s.srv.mails.allow(s.st.ip, time.Now()) {
		s.putOff(0, EventMailRate, from)
		return say(450, 4, 7, 1, "too many mails from your address, please try again in a minute")
	}
	if err := s.srv.roomOnDisk(opts.Size); err != nil {
		s.st.log.Warn().Str("event", eventOf(err)).Str("from", from).Str("error", err.Error()).Msg("mail put off")
		return noRoom()
	}
	if !s.srv.memory.has(s.srv.cfg.memoryFor(opts.Size)) {
		return busyNow(s.st.log)
	}
	var sender address.Address
	if from != "" {
		var err error
		if sender, err = envelopeAddress(from, opts.UTF8); err != nil {
			r := addressReply(err, 7)
			s.st.log.Info().Str("event", EventSender).Str("from", from).Int("code", r.Code).Str("error", err.Error()).Msg("sender refused")
			return r
		}
	}
	id := newID(time.Now())
	s.mu.Lock()
	s.tx = &transaction{id: id, from: sender, utf8: opts.UTF8, size: opts.Size, lines: []string{s.st.line}, log: s.st.log.With().Str("tx", id).Logger()}
	s.mu.Unlock()
	s.st.enter(addressing)
	return nil
}

// resume opens the transaction that was open in the stage before.
func (s *session) resume() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tx = s.st.resumed
	return nil
}

// Rcpt asks the desk about one recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	tx := s.tx
	s.mu.Unlock()
	if tx == nil {
		return say(503, 5, 5, 1, "say MAIL first")
	}
	if s.st.silent > 0 { // accepted in the stage before
		return nil
	}
	if s.st.bounded() && !s.srv.rcpts.allow(s.st.ip, time.Now()) {
		s.putOff(1, EventRcptRate, tx.from.String())
		return say(452, 4, 7, 1, "too many recipients from your address, please try again in a minute")
	}
	a, err := envelopeAddress(to, tx.utf8)
	if err != nil {
		r := addressReply(err, 3)
		tx.log.Info().Str("event", EventRecipient).Str("from", tx.from.String()).Str("to", to).Int("code", r.Code).Str("error", err.Error()).Msg("recipient refused")
		return r
	}
	ctx, cancel := context.WithTimeout(s.srv.base, s.srv.cfg.Idle)
	defer cancel()
	if err := s.srv.desk.Recipient(ctx, a, tx.size); err != nil {
		r := toReply(err, tx.id)
		event, level := EventRecipient, zerolog.InfoLevel
		if isTrouble(err) {
			event, level = EventTrouble, zerolog.ErrorLevel
		}
		tx.log.WithLevel(level).Str("event", event).Str("from", tx.from.String()).Str("to", a.String()).Int("code", r.Code).Str("error", err.Error()).Msg("recipient refused")
		return r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	tx.lines = append(tx.lines, s.st.line)
	if !slices.ContainsFunc(tx.rcpts, a.Equal) {
		tx.rcpts = append(tx.rcpts, a)
	}
	return nil
}

// putOff logs that a client goes over a rate, once for a connection: a command
// put off costs the client nothing, so it must not fill the log. For the same
// reason it counts as one that led nowhere.
func (s *session) putOff(kind int, event, from string) {
	s.st.idle++
	if s.st.told[kind] {
		return
	}
	s.st.told[kind] = true
	s.st.log.Info().Str("event", event).Str("from", from).Msg("put off for its rate")
}

// Reset forgets the transaction. It must not call back into go-smtp.
func (s *session) Reset() {
	s.st.bodyEnd = time.Time{}
	s.drop()
}

// Logout ends the session.
func (s *session) Logout() error {
	s.drop()
	return nil
}

func (s *session) drop() {
	s.mu.Lock()
	tx := s.tx
	s.tx = nil
	if tx != nil && tx.chunking && !tx.complete {
		s.givenUp = tx
	}
	s.mu.Unlock()
	if tx != nil {
		s.st.enter(idling)
	}
}

// Data receives the content and hands the mail to the desk. After DATA it reads
// to the end whatever happens, so that no octet of the content is left for the
// dialogue; a chunk is read over by go-smtp.
func (s *session) Data(r io.Reader) error {
	_, chunked := r.(*io.PipeReader)
	s.mu.Lock()
	tx := s.tx
	if tx == nil {
		tx = s.givenUp
	}
	s.mu.Unlock()
	if tx == nil {
		return s.decline(chunked, say(503, 5, 5, 1, "say MAIL first"))
	}
	if chunked {
		close(tx.started)
		defer close(tx.finished)
	} else {
		s.st.enter(sending)
		s.st.bodyEnd, s.st.scan = time.Now().Add(s.srv.cfg.Data), lineScan{}
		s.st.speed = s.st.meter()
	}
	if !s.srv.begin() {
		return s.decline(chunked, say(421, 4, 3, 2, "the server stops, please try again later"))
	}
	defer s.srv.end()
	content := s.srv.newSpool()
	defer content.close()
	if err := s.read(r, chunked, content); err != nil {
		return s.brokenOff(tx, err, chunked)
	}
	if !chunked || !content.tooLarge() {
		s.mu.Lock()
		tx.complete = true
		s.mu.Unlock()
	}
	receipt, err := s.take(tx, content)
	s.answerEach(tx)
	return s.outcome(tx, content.Size(), receipt, err)
}

// decline answers for content that nobody reads. Behind DATA the connection ends
// with that, because the content would be read as commands.
func (s *session) decline(chunked bool, r *smtp.SMTPError) error {
	if !chunked {
		s.st.fault = r
	}
	return r
}

// read receives the content. A chunk that makes it too large is read no further:
// go-smtp reads over the rest.
func (s *session) read(r io.Reader, chunked bool, content *spool) error {
	if !chunked {
		return s.st.readData(content.keep)
	}
	return readChunks(r, func(p []byte) bool {
		content.keep(p)
		return !content.tooLarge()
	})
}

// answerEach has the reply that comes now said for each recipient that was
// accepted, as LMTP wants it (RFC 2033 §4.2). Behind a chunk that is not the
// last there is one reply, whatever it says.
func (s *session) answerEach(tx *transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.st.way.lmtp && (!tx.chunking || tx.last) {
		s.st.finals = len(tx.lines) - 1
	}
}

// brokenOff answers for content that did not come to its end.
func (s *session) brokenOff(tx *transaction, err error, chunked bool) error {
	if chunked { // the goroutine that reads the connection has answered
		tx.log.Info().Str("event", EventAborted).Str("error", err.Error()).Msg("content not completed")
		return err
	}
	s.st.breakOff(err)
	return s.st.fault
}

// take checks complete content, reads the mail and has the desk decide.
func (s *session) take(tx *transaction, content *spool) (desk.Receipt, error) {
	if content.tooLarge() {
		return desk.Receipt{}, tooLarge(s.srv.cfg.MaxMessage)
	}
	if err := s.st.scan.unfit(); err != nil {
		return desk.Receipt{}, err
	}
	if errors.Is(content.err, errNoMemory) {
		return desk.Receipt{}, busyNow(tx.log)
	}
	if content.err != nil {
		tx.log.Error().Str("event", EventTrouble).Str("error", content.err.Error()).Msg("mail not received")
		if errors.Is(content.err, syscall.ENOSPC) || errors.Is(content.err, syscall.EDQUOT) {
			return desk.Receipt{}, say(452, 4, 3, 1, "not enough room for the mail, please try again later")
		}
		return desk.Receipt{}, say(451, 4, 3, 0, "the mail could not be kept here, please try again later")
	}
	env, open := s.envelope(tx)
	if !open {
		return desk.Receipt{}, say(451, 4, 3, 0, "the transaction was given up")
	}
	ctx, cancel := context.WithTimeout(s.srv.base, s.srv.cfg.Idle)
	defer cancel()
	memory := textShare{of: s.srv.texts}
	defer memory.give()
	in, err := s.srv.intake.read(ctx, env, content, &memory)
	if err != nil {
		return desk.Receipt{}, busyNow(tx.log)
	}
	if in.Message.Cut {
		tx.log.Info().Str("event", EventHeaderCut).Msg("the header is larger than what is read of it")
	}
	if err := s.srv.intake.Admit(in); err != nil {
		return desk.Receipt{}, err
	}
	receipt, err := s.srv.desk.Accept(ctx, in)
	if errors.Is(err, desk.ErrBusy) {
		err = busyNow(tx.log)
	}
	return receipt, err
}

// envelope copies what the dialogue said about the mail, which is now decided
// about. open is false when the transaction is not the session's open one any more.
func (s *session) envelope(tx *transaction) (env ticketstore.Envelope, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.st.conn
	if open = s.tx == tx; open {
		c.enter(deciding)
	}
	return ticketstore.Envelope{
		Transaction: tx.id,
		Connection:  c.id,
		From:        tx.from,
		Recipients:  slices.Clone(tx.rcpts),
		ClientIP:    c.client(),
		Helo:        cmp.Or(c.relayHelo, s.st.helo),
		Relay:       c.peer,
		TLS:         c.tls,
		Protocol:    protocol(c.way.lmtp, s.st.esmtp, c.tls != "", tx.utf8),
		Received:    time.Now(),
	}, open
}

// outcome logs what became of a mail and makes the reply.
func (s *session) outcome(tx *transaction, size int64, receipt desk.Receipt, err error) error {
	log := func(e *zerolog.Event, event string) *zerolog.Event {
		to := make([]string, len(tx.rcpts))
		for i, a := range tx.rcpts {
			to[i] = a.String()
		}
		return e.Str("event", event).Str("from", tx.from.String()).Strs("to", to).Int64("size", size)
	}
	if err == nil {
		s.st.idle = 0
		log(tx.log.Info(), EventAccepted).Str("outcome", receipt.Outcome).Uint64("ticket", uint64(receipt.Ticket)).Msg("mail accepted")
		return accepted(receipt)
	}
	r := toReply(err, tx.id)
	if isTrouble(err) {
		log(tx.log.Error(), eventOf(err)).Str("error", err.Error()).Msg("mail not accepted")
	} else {
		log(tx.log.Info(), EventRefused).Int("code", r.Code).Str("reason", inWords(err).Message).Msg("mail refused")
	}
	return r
}

// busyNow puts a mail off until others are done.
func busyNow(log zerolog.Logger) error {
	log.Warn().Str("event", EventNoMemory).Msg("mail put off, others take all the memory")
	return say(452, 4, 3, 1, "too much mail at once, please try again later")
}

// errNeedsUTF8 reports an address that needs SMTPUTF8 (RFC 6531 §3.5).
var errNeedsUTF8 = errors.New("address needs SMTPUTF8")

// envelopeAddress reads an address that go-smtp has unquoted.
func envelopeAddress(s string, utf8 bool) (address.Address, error) {
	if !utf8 && strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) >= 0 {
		return address.Address{}, errNeedsUTF8
	}
	return address.ParseUnquoted(s)
}

// addressReply refuses an address; detail is that of RFC 3463 §3.2: 7 for a
// sender, 3 for a recipient.
func addressReply(err error, detail int) *smtp.SMTPError {
	if errors.Is(err, errNeedsUTF8) {
		return say(553, 5, 6, 7, "an address beyond ASCII needs SMTPUTF8")
	}
	return say(553, 5, 1, detail, "the address is malformed")
}
