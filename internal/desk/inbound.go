package desk

import (
	"fmt"
	"time"

	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// Inbound is one mail at the door, checked and read, before any decision.
type Inbound struct {
	Envelope ticketstore.Envelope
	Content  ticketstore.Content // the octets as received, after dot-unstuffing
	Message  *message.Message
	Verdict  ticketstore.Verdict
	Now      time.Time // when it came in
}

// Receipt is what became of a mail that was taken.
type Receipt struct {
	Outcome string // new, update, duplicate, held or dropped
	Ticket  ticketstore.TicketID
	// Tag is the ticket's tag when the sender may be told, else empty.
	Tag string
}

// Text is what the sender's server is told behind "250 2.0.0".
func (r Receipt) Text() string {
	if r.Tag == "" {
		return "accepted"
	}
	return "accepted as " + r.Tag
}

// Refusal is an error that the sender is told as it stands: the reason is
// theirs to know and to mend. Any other error is our own trouble.
type Refusal struct {
	Code     int // SMTP reply code, 4xx or 5xx
	Enhanced [3]int
	Text     string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("%d %d.%d.%d %s", r.Code, r.Enhanced[0], r.Enhanced[1], r.Enhanced[2], r.Text)
}
