package ticketstore

import (
	"slices"
	"time"

	"mxdesk/internal/address"
)

// ItemID numbers an outgoing item; zero is none.
type ItemID uint64

// ItemState is where an outgoing item stands.
type ItemState string

// The states of an outgoing item. Queued, sending and deferred items are due at
// their Next time; the others rest.
const (
	ItemQueued     ItemState = "queued"
	ItemSending    ItemState = "sending"
	ItemDeferred   ItemState = "deferred"
	ItemDelivered  ItemState = "delivered"
	ItemBounced    ItemState = "bounced"
	ItemSuppressed ItemState = "suppressed"
	ItemHeld       ItemState = "held"
	ItemCancelled  ItemState = "cancelled"
)

// Due reports whether an item in this state waits for its Next time.
func (s ItemState) Due() bool { return s == ItemQueued || s == ItemSending || s == ItemDeferred }

// Audience is the party that a mail of ours and its answers are for.
type Audience string

// The audiences.
const (
	AudienceUser     Audience = "user"
	AudienceSupplier Audience = "supplier"
	AudienceAgent    Audience = "agent"
)

// OutboxItem is one mail to one recipient, frozen when it was committed: a
// retry sends the same octets.
type OutboxItem struct {
	ID        ItemID          `json:"id"`
	Ticket    TicketID        `json:"ticket"`
	Action    uint32          `json:"action"`
	Template  string          `json:"template"`
	Audience  Audience        `json:"audience"`
	To        address.Address `json:"to"`
	Return    address.Address `json:"return_path"` // zero: the null reverse-path
	MessageID string          `json:"message_id"`
	// Header is the mail's header, CRLF line ends, without the blank line.
	Header string `json:"header"`
	// Body is the record that holds what follows the blank line; recipients of
	// one action share it.
	Body     RecordID  `json:"body"`
	State    ItemState `json:"state"`
	Created  time.Time `json:"created"`
	Next     time.Time `json:"next,omitzero"`
	Attempts []Attempt `json:"attempts"`
	Note     string    `json:"note,omitempty"` // why it is held, suppressed or cancelled
	// LeftOut is how many attempts between the first and the newest are not kept.
	LeftOut uint32 `json:"attempts_left_out,omitempty"`
}

// maxAttempts is how many attempts an item keeps. In five days there are 36.
const maxAttempts = 50

// Try adds an attempt. Of many, the first half and the newest are kept.
func (it *OutboxItem) Try(a Attempt) {
	all := append(slices.Clip(it.Attempts), a)
	if over := len(all) - maxAttempts; over > 0 {
		all = slices.Delete(all, maxAttempts/2, maxAttempts/2+over)
		it.LeftOut += uint32(over)
	}
	it.Attempts = all
}

// Tried is the number of all attempts.
func (it *OutboxItem) Tried() int { return len(it.Attempts) + int(it.LeftOut) }

// Attempt is one try to hand an item over, with the remote's own words.
type Attempt struct {
	At    time.Time `json:"at"`
	Host  string    `json:"host"`
	Reply string    `json:"reply"`
}

// HeldID numbers a held mail; zero is none.
type HeldID uint64

// HeldErased is the state of a held mail whose raw mail was erased.
const HeldErased = "erased"

// HeldMail is an incoming mail that waits for a person's decision.
type HeldMail struct {
	ID       HeldID            `json:"id"`
	At       time.Time         `json:"at"`
	Record   RecordID          `json:"record"`
	Envelope Envelope          `json:"envelope"`
	Verdict  Verdict           `json:"verdict"`
	Mailbox  string            `json:"mailbox"`
	From     address.Mailbox   `json:"from"`
	Subject  string            `json:"subject"`
	Ticket   TicketID          `json:"ticket,omitempty"` // that it points to
	Reason   string            `json:"reason"`
	State    string            `json:"state"` // held, released, dropped or HeldErased
	Released TicketID          `json:"released,omitempty"`
	By       string            `json:"by,omitempty"` // who decided
	Match    Match             `json:"match"`
	Captured map[string]string `json:"captured,omitempty"`
}
