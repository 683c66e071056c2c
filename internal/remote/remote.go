// Package remote hands one mail to one recipient's next server: to a smarthost
// by SMTP, or to a folder of files for trying out.
//
// [Smarthost] speaks the client side of RFC 5321 itself. It is a short
// dialogue, and every step of it has its own deadline, its own bound on what
// the other side may say, and its own answer to the question whether trying
// again later makes sense. A connection serves one mail after the other, and is
// kept for a few seconds when there is none. [Capture] takes the same mail and writes a file.
package remote

import (
	"errors"
	"fmt"
	"io"

	"mxdesk/internal/address"
)

// Mail is one mail on its way to one recipient.
type Mail struct {
	// Name identifies the mail in file names; Smarthost ignores it.
	Name string
	// From is the return path; zero is the null reverse-path (RFC 5321 §4.5.5).
	From address.Address
	To   address.Address
	// UTF8 says that the header holds UTF-8, so that the server must know
	// SMTPUTF8 (RFC 6531). Addresses that need it are found without it.
	UTF8 bool
	// Size is the number of octets of Content. A content of any other length
	// is not delivered.
	Size int64
	// Content is the mail, header and body, lines ending in CRLF. It is read
	// once.
	Content io.Reader
}

// Result says who took a mail.
type Result struct {
	Host  string // name and port, as configured
	Reply string // the final reply, as in "250 2.0.0 queued as ABC"
}

// Phase is a step of the dialogue.
type Phase string

// The phases, in order.
const (
	PhaseConnect  Phase = "connect"
	PhaseGreeting Phase = "greeting"
	PhaseHello    Phase = "EHLO"
	PhaseTLS      Phase = "STARTTLS"
	PhaseAuth     Phase = "AUTH"
	PhaseMail     Phase = "MAIL"
	PhaseRcpt     Phase = "RCPT"
	PhaseData     Phase = "DATA"
	PhaseEnd      Phase = "end of data"
	PhaseFile     Phase = "file"
)

// The reasons of our own for which a delivery does not succeed. An Error wraps
// one of them, an error of the network, or nothing when the remote refused.
var (
	ErrNoTLS        = errors.New("the server does not offer STARTTLS")
	ErrPlainInTLS   = errors.New("the server sent plain text after its reply to STARTTLS")
	ErrNoAuth       = errors.New("the server offers no AUTH PLAIN and no AUTH LOGIN")
	ErrAuthInClear  = errors.New("a password is sent over TLS or loopback only")
	ErrNoUTF8       = errors.New("the server does not offer SMTPUTF8, which this mail needs")
	ErrNo8Bit       = errors.New("the server does not offer 8BITMIME, which this mail needs")
	ErrTooLarge     = errors.New("the mail is larger than the server allows")
	ErrReply        = errors.New("the server's reply is not SMTP")
	ErrReplyTooLong = errors.New("the server's reply is too long")
	ErrContent      = errors.New("the mail could not be read in full")
)

// Error is a delivery that did not succeed.
type Error struct {
	// Temporary says that the same mail may be taken later. What lies in our
	// configuration or in the connection is always temporary: no mail bounces
	// for an expired password.
	Temporary bool
	Host      string
	Phase     Phase
	// Reply holds the remote's own words, code first: printable, one line, at
	// most 1000 octets, without our password. Empty when it said nothing.
	Reply string
	// Err is the cause when it was not a reply.
	Err error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Host, e.Phase, e.Text())
}

// Text is the remote's own words or, when it said nothing, the cause.
func (e *Error) Text() string {
	switch {
	case e.Reply != "":
		return e.Reply
	case e.Err != nil:
		return printable(e.Err.Error())
	}
	return "no reply"
}

func (e *Error) Unwrap() error { return e.Err }
