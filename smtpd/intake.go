package smtpd

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"mxdesk/internal/desk"
	"mxdesk/internal/mailauth"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// Intake reads a mail that came in, by SMTP or otherwise: header, verdict, body,
// trace fields. It decides nothing.
type Intake struct {
	auth Authenticator
	cfg  Config
	log  zerolog.Logger
}

// NewIntake makes an Intake. Of cfg it uses Hostname, AuthservID, MaxMessage, Limits
// and Log.
func NewIntake(auth Authenticator, cfg Config) *Intake {
	cfg = cfg.withDefaults()
	return &Intake{auth: auth, cfg: cfg, log: cfg.Log}
}

// Read reads the mail in c, which must stay readable as long as the result is
// used. env says what is known about where it came from; Read fills in its
// Trace and Distrusted, and Transaction and Received when they are empty. It
// never fails: what cannot be read makes a Message marked as Unreadable.
func (i *Intake) Read(ctx context.Context, env ticketstore.Envelope, c ticketstore.Content) desk.Inbound {
	in, _ := i.read(ctx, env, c, new(textShare)) // which nothing waits for
	return in
}

// read is Read within a share of memory, which is in use as long as the result
// is. The error is that of a context that ended while it waited for memory.
func (i *Intake) read(ctx context.Context, env ticketstore.Envelope, c ticketstore.Content, memory *textShare) (desk.Inbound, error) {
	if env.Received.IsZero() {
		env.Received = time.Now()
	}
	if env.Transaction == "" {
		env.Transaction = newID(env.Received)
	}
	h := i.readHeader(env, c)
	ip, _ := netip.ParseAddr(env.ClientIP) // invalid: not known
	in := mailauth.Input{
		ClientIP: ip.Unmap(),
		Relay:    env.Relay,
		Helo:     env.Helo,
		MailFrom: env.From,
		Header:   h,
		Content:  c,
		Now:      env.Received,
	}
	verdict := i.auth.Check(ctx, in)
	env.Trace = traceFields(env, i.cfg.Hostname, mailauth.ResultsField(i.cfg.AuthservID, in, verdict))
	for _, f := range i.auth.Distrusted(in) {
		env.Distrusted = append(env.Distrusted, f.Raw)
	}
	if err := memory.take(ctx, c.Size()); err != nil { // behind all waiting for DNS
		return desk.Inbound{}, err
	}
	m := i.readBody(env, c, h)
	memory.keep(m)
	return desk.Inbound{Envelope: env, Content: c, Message: m, Verdict: verdict, Now: env.Received}, nil
}

// Admit refuses what nobody may send, by whatever way it came: a mail that is
// larger than the limit, or that goes in a circle (RFC 5321 §6.3).
func (i *Intake) Admit(in desk.Inbound) error {
	if in.Content.Size() > i.cfg.MaxMessage {
		r := tooLarge(i.cfg.MaxMessage)
		return &desk.Refusal{Code: r.Code, Enhanced: r.EnhancedCode, Text: r.Message}
	}
	if why := looping(in.Message.Fields, i.cfg.Hostname); why != "" {
		return &desk.Refusal{Code: 554, Enhanced: [3]int{5, 4, 6}, Text: why}
	}
	return nil
}

// readHeader reads the header; a mail that breaks the reader has none.
func (i *Intake) readHeader(env ticketstore.Envelope, c ticketstore.Content) (h *message.Header) {
	defer func() {
		if v := recover(); v != nil {
			i.unreadable(env, v)
			h = &message.Header{FromErr: fmt.Errorf("the header cannot be read"), Problems: []string{"the header cannot be read"}}
		}
	}()
	return message.ReadHeader(c, i.cfg.Limits)
}

// readBody reads the body. A mail that breaks the reader would come back for
// days if it were put off, so it goes to the desk as unreadable.
func (i *Intake) readBody(env ticketstore.Envelope, c ticketstore.Content, h *message.Header) (m *message.Message) {
	defer func() {
		if v := recover(); v != nil {
			i.unreadable(env, v)
			m = &message.Message{Header: *h, Class: message.Human, Unreadable: true}
			m.Problems = append(m.Problems, "the body cannot be read")
		}
	}()
	return message.Read(c, h, i.cfg.Limits)
}

func (i *Intake) unreadable(env ticketstore.Envelope, cause any) {
	i.log.Error().Str("event", EventUnreadable).Str("conn", env.Connection).Str("tx", env.Transaction).
		Str("error", fmt.Sprint(cause)).Msg("panic while reading a mail")
}
