package smtpd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-smtp"

	"mxdesk/internal/desk"
	"mxdesk/ticketstore"
)

// maxReplyText bounds the text of a reply: a reply line has at most 512 octets
// (RFC 5321 §4.5.3.1.5).
const maxReplyText = 400

// say makes a reply of our own words.
func say(code int, class, subject, detail int, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: text}
}

func tooLarge(limit int64) *smtp.SMTPError {
	return say(552, 5, 3, 4, fmt.Sprintf("the mail is larger than %d octets", limit))
}

// accepted is the reply to a mail that is on disk. go-smtp answers with any
// *smtp.SMTPError as it stands, so this is how the ticket tag gets into the 250.
func accepted(r desk.Receipt) *smtp.SMTPError {
	return say(250, 2, 0, 0, printable(r.Text(), maxReplyText))
}

// toReply is the one boundary between our errors and a client. A reply and a
// *desk.Refusal, wrapped or not, are told in their words; a full disk is 452 (RFC
// 5321 §4.2.3); anything else is our own trouble: 451, the sender keeps the
// mail, and the cause stays in the log. Each ends with the transaction's id, by
// which the operator finds it in the log.
// The result is always a bare *smtp.SMTPError, because go-smtp recognises
// nothing else and makes a permanent refusal of what it does not know.
func toReply(err error, tx string) *smtp.SMTPError {
	r := inWords(err)
	if takenTrouble && r.Code/100 == 4 {
		return accepted(desk.Receipt{})
	}
	return &smtp.SMTPError{Code: r.Code, EnhancedCode: r.EnhancedCode, Message: r.Message + " (" + tx + ")"}
}

// inWords is the reply to err without the id.
func inWords(err error) *smtp.SMTPError {
	if own, ok := errors.AsType[*smtp.SMTPError](err); ok {
		return own
	}
	if errors.Is(err, ticketstore.ErrFull) {
		return noRoom()
	}
	r, ok := errors.AsType[*desk.Refusal](err)
	if !ok || r.Code < 400 || r.Code > 599 {
		return trouble()
	}
	e := smtp.EnhancedCode(r.Enhanced)
	if e[0] != r.Code/100 || e[1] < 0 || e[1] > 999 || e[2] < 0 || e[2] > 999 {
		e = smtp.EnhancedCode{r.Code / 100, 0, 0}
	}
	text := printable(r.Text, maxReplyText)
	if text == "" {
		text = "refused"
	}
	return &smtp.SMTPError{Code: r.Code, EnhancedCode: e, Message: text}
}

// isTrouble reports whether err is ours and not the sender's.
func isTrouble(err error) bool {
	_, own := errors.AsType[*smtp.SMTPError](err)
	_, refusal := errors.AsType[*desk.Refusal](err)
	return !own && !refusal
}

// eventOf is the event of trouble that puts a mail off: a full disk has its own.
func eventOf(err error) string {
	if errors.Is(err, ticketstore.ErrFull) {
		return EventNoDisk
	}
	return EventTrouble
}

// noRoom puts a mail off until the disk has room again.
func noRoom() *smtp.SMTPError {
	return say(452, 4, 3, 1, "not enough disk space, please try again later")
}

func trouble() *smtp.SMTPError {
	return say(451, 4, 3, 0, "trouble on our side, please try again later")
}

// printable keeps the printable ASCII of s, one line of at most limit octets.
// Everything else becomes a question mark, line ends a blank.
func printable(s string, limit int) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\r', r == '\n', r == '\t':
			return ' '
		case r < ' ', r > '~':
			return '?'
		}
		return r
	}, s))
	if len(s) > limit {
		return s[:limit-3] + "..."
	}
	return s
}
