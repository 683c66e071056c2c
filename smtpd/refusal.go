package smtpd

import "github.com/rs/zerolog"

// maxLogged bounds what is logged of an address that is none, in octets.
const maxLogged = 320

// logRefusal logs what the gate refused: an address and a size with an event of
// their own, any other command by its name alone, because its argument may be a
// password that was meant for another server. A command out of order mostly
// follows from one that was refused before it, so it is told only to who looks
// for it. Recipients beyond the limit are logged once for a mail.
func (st *stage) logRefusal(r ruling) {
	if r.reply == nil || r.reply.Code < 400 || r.hostile != "" {
		return
	}
	level := zerolog.InfoLevel
	if r.reply.Code == 503 {
		level = zerolog.DebugLevel
	}
	about := r.about[:min(len(r.about), maxLogged)]
	log := func(log zerolog.Logger, event string) *zerolog.Event {
		return log.WithLevel(level).Str("event", event).Int("code", r.reply.Code).Str("error", r.reply.Message)
	}
	switch r.event {
	case EventSender:
		log(st.log, r.event).Str("from", about).Msg("sender refused")
	case EventTooLarge:
		log(st.log, r.event).Str("size", about).Msg("mail refused for its size")
	case EventRecipient:
		tx, _ := st.session.current(false)
		log(tx.log, r.event).Str("from", tx.from.String()).Str("to", about).Msg("recipient refused")
	case EventFull:
		if tx, first := st.session.current(true); first {
			log(tx.log, r.event).Str("from", tx.from.String()).Str("to", about).Msg("recipient put off")
		}
	default:
		log(st.log, EventCommand).Str("command", printable(r.verb, 40)).Msg("command refused")
	}
}

// logOfMail is the log of the open transaction, else that of the connection.
func (st *stage) logOfMail() zerolog.Logger {
	if st.session == nil {
		return st.log
	}
	st.session.mu.Lock()
	defer st.session.mu.Unlock()
	if st.session.tx == nil {
		return st.log
	}
	return st.session.tx.log
}

// current is the open transaction. With full it is marked as one that has too
// many recipients; first is false when it was before.
func (s *session) current(full bool) (tx *transaction, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first = !s.tx.full
	s.tx.full = s.tx.full || full
	return s.tx, first
}
