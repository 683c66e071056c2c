// Package api is the JSON API of a desk. The command line speaks it: over the
// Unix socket of a running server, or in process when none runs, so that there
// is one code path for both. The shapes below are a contract: fields are added,
// never changed or removed.
package api

import (
	"mxdesk/internal/address"
	"mxdesk/internal/desk"
	"mxdesk/internal/message"
	"mxdesk/internal/router"
	"mxdesk/ticketstore"
)

// Ticket is a ticket as the API shows it.
type Ticket struct {
	ticketstore.Ticket
	Tag     string   `json:"tag"`
	Actions []Action `json:"actions,omitempty"`
}

// Action is an entry of a ticket with what became of the mails it sent.
type Action struct {
	ticketstore.Action
	Deliveries []Delivery `json:"deliveries"`
}

// Delivery is the state of one outgoing mail of an action.
type Delivery struct {
	Item     ticketstore.ItemID    `json:"id"`
	To       address.Address       `json:"to"`
	Template string                `json:"template"`
	State    ticketstore.ItemState `json:"state"`
	Reply    string                `json:"reply"` // the remote's last words
}

// Item is an outgoing mail.
type Item struct {
	ID        ticketstore.ItemID    `json:"id"`
	Ticket    ticketstore.TicketID  `json:"ticket"`
	Action    uint32                `json:"action"`
	To        address.Address       `json:"to"`
	Template  string                `json:"template"`
	Audience  ticketstore.Audience  `json:"audience"`
	Return    address.Address       `json:"return_path"`
	MessageID string                `json:"message_id"`
	State     ticketstore.ItemState `json:"state"`
	Attempts  []ticketstore.Attempt `json:"attempts"`
	LeftOut   uint32                `json:"attempts_left_out,omitempty"` // between the first and the newest
	Next      string                `json:"next"`                        // RFC 3339, empty when it rests
	Note      string                `json:"note,omitempty"`
	Header    string                `json:"header,omitempty"` // only when one item is asked for
}

// NewTicket asks for a ticket opened by hand.
type NewTicket struct {
	As        address.Address `json:"as"`
	Mailbox   string          `json:"mailbox"`
	Requester address.Mailbox `json:"requester"`
	Subject   string          `json:"subject"`
	Text      string          `json:"text"`
	Type      string          `json:"type"`
	Priority  string          `json:"priority"`
}

// File is an attachment to send.
type File struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Content []byte `json:"content"`
}

// Reply asks for an answer to be sent.
type Reply struct {
	As         address.Address    `json:"as"`
	Text       string             `json:"text"`
	Status     ticketstore.Status `json:"status"`
	Cc         []address.Address  `json:"cc"`
	Files      []File             `json:"files"`
	Template   string             `json:"template"`
	ToSupplier bool               `json:"to_supplier"`
	Supplier   address.Address    `json:"supplier"`
}

// Sent says what an answer became.
type Sent struct {
	Ticket ticketstore.TicketID `json:"ticket"`
	Action uint32               `json:"action"`
	Items  []Item               `json:"items"`
}

// Note asks for an internal note.
type Note struct {
	As   address.Address `json:"as"`
	Text string          `json:"text"`
}

// Erase asks to take out of a ticket what was said in it.
type Erase struct {
	As address.Address `json:"as"`
}

// Status asks for another status.
type Status struct {
	As     address.Address    `json:"as"`
	Status ticketstore.Status `json:"status"`
}

// Assign asks for another assignee; an empty one takes the ticket from its
// assignee.
type Assign struct {
	As address.Address `json:"as"`
	To address.Address `json:"to"`
}

// Merge asks for a ticket to be merged into another.
type Merge struct {
	As   address.Address      `json:"as"`
	Into ticketstore.TicketID `json:"into"`
}

// Set asks for properties to be changed; what is null or empty stays.
type Set struct {
	As          address.Address   `json:"as"`
	Subject     string            `json:"subject"`
	Type        string            `json:"type"`
	Priority    string            `json:"priority"`
	Supplier    *address.Address  `json:"supplier"`
	SupplierRef *string           `json:"supplier_reference"`
	Fields      map[string]string `json:"fields"`
	Follow      []address.Address `json:"follow"`
	Unfollow    []address.Address `json:"unfollow"`
}

// Held is a held mail with its readable text, for who decides on it.
type Held struct {
	ticketstore.HeldMail
	Text string `json:"text"`
}

// By names who decides on a held mail.
type By struct {
	As address.Address `json:"as"`
}

// Receipt says what became of a mail.
type Receipt struct {
	Outcome string               `json:"outcome"`
	Ticket  ticketstore.TicketID `json:"ticket"`
	Tag     string               `json:"tag"`
	SMTP    SMTP                 `json:"smtp"`
}

// SMTP is what the sender's server is told.
type SMTP struct {
	Code     int    `json:"code"`
	Enhanced string `json:"enhanced"`
	Text     string `json:"text"`
}

// Inspection is what would happen to a mail, and why.
type Inspection struct {
	File     string              `json:"file,omitempty"`
	Message  Message             `json:"message"`
	Verdict  ticketstore.Verdict `json:"verdict"`
	Decision Decision            `json:"decision"`
}

// Message is a mail as mxdesk reads it.
type Message struct {
	Subject     string                   `json:"subject"`
	From        address.Mailbox          `json:"from"`
	To          []address.Mailbox        `json:"to"`
	Cc          []address.Mailbox        `json:"cc"`
	ReplyTo     []address.Mailbox        `json:"reply_to"`
	Date        string                   `json:"date"`
	MessageID   string                   `json:"message_id"`
	InReplyTo   []string                 `json:"in_reply_to"`
	References  []string                 `json:"references"`
	Text        string                   `json:"text"`
	Fresh       string                   `json:"fresh"`
	Quoted      string                   `json:"quoted"`
	Signature   string                   `json:"signature"`
	HTML        string                   `json:"html"`
	RemoteLoads int                      `json:"remote_loads,omitempty"`
	Attachments []ticketstore.Attachment `json:"attachments"`
	Machine     Machine                  `json:"machine"`
	Bounce      *Bounce                  `json:"bounce"`
	Forwarded   *Forwarded               `json:"forwarded"`
	Unreadable  bool                     `json:"unreadable"`
	Problems    []string                 `json:"problems"`
}

// Machine says what kind of sender wrote a mail.
type Machine struct {
	Class   message.Class `json:"class"`
	Reasons []string      `json:"reasons"`
}

// Bounce is what a delivery failure reports.
type Bounce struct {
	Recipients []BouncedRecipient `json:"recipients"`
	MessageID  string             `json:"message_id"`
}

// BouncedRecipient is the fate of one recipient.
type BouncedRecipient struct {
	Address string `json:"address"`
	Action  string `json:"action"`
	Status  string `json:"status"`
	Reply   string `json:"reply"`
	Kind    string `json:"kind"`
}

// Forwarded is the mail that another passes on. Date is in the form of RFC 3339,
// or the words that stand in the mail where they cannot be read.
type Forwarded struct {
	From    address.Mailbox `json:"from"`
	Date    string          `json:"date"`
	Subject string          `json:"subject"`
	Text    string          `json:"text"`
}

// Decision is what would become of a mail.
type Decision struct {
	Outcome  string               `json:"outcome"`
	Ticket   ticketstore.TicketID `json:"ticket"`
	Tag      string               `json:"tag"`
	Mailbox  string               `json:"mailbox"`
	Match    ticketstore.Match    `json:"match"`
	Who      router.Who           `json:"who"`
	Captured map[string]string    `json:"captured"`
	Action   DecidedAction        `json:"action"`
	Status   string               `json:"status"`
	Replies  []DecidedReply       `json:"replies"`
	SMTP     SMTP                 `json:"smtp"`
	Trace    []string             `json:"trace"`
	// What the ticket would be like; empty when no ticket is touched.
	Type      string               `json:"type"`
	Priority  string               `json:"priority"`
	Marks     []string             `json:"marks"`
	Linked    []string             `json:"linked"`
	Candidate ticketstore.TicketID `json:"candidate"`
}

// DecidedAction is the entry that the ticket would get.
type DecidedAction struct {
	Outcome    ticketstore.Outcome    `json:"outcome"`
	Visibility ticketstore.Visibility `json:"visibility"`
}

// DecidedReply is a mail that would leave, or the reason why it would not.
type DecidedReply struct {
	Template   string          `json:"template"`
	To         address.Address `json:"to"`
	Suppressed string          `json:"suppressed"`
}

// smtpOf is what the sender's server is told.
func smtpOf(r desk.Receipt, no *desk.Refusal) SMTP {
	if no != nil {
		return SMTP{no.Code, enhanced(no.Enhanced), no.Text}
	}
	return SMTP{250, "2.0.0", r.Text()}
}

// list makes an empty list of a missing one: the contract has no nulls there.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
