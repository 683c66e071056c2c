package router

import (
	"fmt"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// The outcomes of a mail.
const (
	OutcomeNew       = "new"
	OutcomeUpdate    = "update"
	OutcomeDuplicate = "duplicate"
	OutcomeHeld      = "held"
	OutcomeRefused   = "refused"
	OutcomeDropped   = "dropped"
)

// The ways a mail finds its ticket.
const (
	ByBounce     = "bounce"
	ByReply      = "reply-address"
	ByMessageID  = "message-id"
	ByTag        = "tag"
	ByRetiredTag = "retired-tag"
	ByStored     = "stored-message-id"
	ByNone       = "none"
)

// Who is the sender, as far as addresses tell.
type Who struct {
	Kind    Role            `json:"kind"`
	Name    string          `json:"name"`
	Address address.Address `json:"address"`
	Token   Token           `json:"token"`
	Belongs bool            `json:"belongs"`
}

// Acts is what an agent's mail is allowed to do, beyond being filed.
type Acts struct {
	// Audience is the party that the mail it answers was for; empty when only
	// the last notification to this agent can tell.
	Audience ticketstore.Audience
}

// Refusal is a reason that the sender is told.
type Refusal struct {
	Code     int
	Enhanced [3]int
	Text     string
}

// Decision is what becomes of a mail, and why.
type Decision struct {
	Outcome string
	Ticket  ticketstore.Ticket // the one it is filed in, as stored; zero for a new one
	Mailbox string             // that answers
	Linked  []string           // further mailboxes of ours that it was sent to
	Match   ticketstore.Match
	Who     Who
	Class   message.Class // of the sender's kind; anything but human never acts
	Reasons []string      // for Class

	Action     ticketstore.Outcome
	ActorKind  ticketstore.ActorKind
	Visibility ticketstore.Visibility
	Status     ticketstore.Status // after it
	Acts       *Acts              // set when an agent speaks for the desk
	Notify     bool               // tell the agents
	Bounced    ticketstore.ItemID // of ours, that this mail reports on

	Captured    Captured
	Candidate   ticketstore.TicketID // that a new ticket records
	Contact     bool                 // make the sender a user
	Marks       []string             // for a new ticket
	Acknowledge bool
	Unanswered  string // why there is no acknowledgement
	Quiet       bool   // the sender is not told the ticket

	HoldReason string
	Refusal    *Refusal
	Trace      []string
}

func (d *Decision) tracef(format string, args ...any) {
	d.Trace = append(d.Trace, fmt.Sprintf(format, args...))
}
