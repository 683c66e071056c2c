package ticketstore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mxdesk/internal/address"
)

// TicketID numbers a ticket. IDs are global to a desk, start at 1 and are never
// used again. Zero is no ticket.
type TicketID uint64

// String is the ID as people see it: zero-padded to seven digits.
func (id TicketID) String() string { return fmt.Sprintf("%07d", uint64(id)) }

// ParseTicketID reads an ID with or without leading zeros.
func ParseTicketID(s string) (TicketID, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a ticket number", s)
	}
	return TicketID(n), nil
}

// Status is where a ticket stands.
type Status string

// The statuses. A user's update on waiting or solved makes the ticket open
// again.
const (
	StatusNew     Status = "new"
	StatusOpen    Status = "open"
	StatusWaiting Status = "waiting" // for the user
	StatusOnHold  Status = "on-hold" // for a supplier
	StatusSolved  Status = "solved"
	StatusClosed  Status = "closed"
)

// Statuses lists every status in the order of a ticket's life.
var Statuses = []Status{StatusNew, StatusOpen, StatusWaiting, StatusOnHold, StatusSolved, StatusClosed}

// ParseStatus reads a status as a person types it.
func ParseStatus(s string) (Status, error) {
	if st := Status(strings.ToLower(s)); slices.Contains(Statuses, st) {
		return st, nil
	}
	return "", fmt.Errorf("%q is not a status: use new, open, waiting, on-hold, solved or closed", s)
}

// Priorities lists the priorities a ticket can have, lowest first.
var Priorities = []string{"low", "normal", "high", "urgent"}

// Ticket is one case of the desk.
type Ticket struct {
	ID      TicketID `json:"id"`
	Type    string   `json:"type"`    // incident, opportunity, project or the desk's own
	Mailbox string   `json:"mailbox"` // key of the mailbox that answers
	// Linked are further mailboxes that the same mail was sent to.
	Linked       []string          `json:"linked"`
	Subject      string            `json:"subject"`
	Status       Status            `json:"status"`
	Priority     string            `json:"priority"`
	Requester    address.Mailbox   `json:"requester"`
	Assignee     address.Address   `json:"assignee"`
	Supplier     address.Address   `json:"supplier"`
	SupplierRef  string            `json:"supplier_reference"`
	Followers    []address.Mailbox `json:"followers"`
	Fields       map[string]string `json:"fields"`
	Labels       []string          `json:"tags"`
	Marks        []string          `json:"marks"` // why a person should look twice, such as "unverified sender"
	Candidate    TicketID          `json:"candidate,omitempty"`
	Created      time.Time         `json:"created"`
	Updated      time.Time         `json:"updated"`
	Closed       time.Time         `json:"closed,omitzero"`
	MergedInto   TicketID          `json:"merged_into,omitempty"`
	LastSeq      uint32            `json:"last_seq"` // of the newest action
	Version      uint64            `json:"version"`  // grows by one with each change
	Acknowledged bool              `json:"acknowledged"`
}

// Direction says which way an action went.
type Direction string

// The directions.
const (
	In       Direction = "in"
	Out      Direction = "out"
	Internal Direction = "internal"
)

// Outcome is an action's description, as shown.
type Outcome string

// The outcomes.
const (
	OutcomeOpened         Outcome = "Opened by e-mail"
	OutcomeCreated        Outcome = "Opened by an agent"
	OutcomeUserUpdate     Outcome = "User update"
	OutcomeAgentUpdate    Outcome = "Agent update"
	OutcomeSupplierUpdate Outcome = "Supplier update"
	OutcomeAutoReply      Outcome = "Auto-reply received"
	OutcomeFailed         Outcome = "Delivery failed"
	OutcomeMachine        Outcome = "Automatic mail received"
	OutcomeStatus         Outcome = "Status changed"
	OutcomeChanged        Outcome = "Ticket changed"
	OutcomeAssigned       Outcome = "Assigned"
	OutcomeNote           Outcome = "Note"
	OutcomeSupplierAsked  Outcome = "Supplier request"
	OutcomeMerged         Outcome = "Merged"
	OutcomeAcknowledged   Outcome = "Acknowledgement"
	OutcomeErased         Outcome = "Erased"
	OutcomeLost           Outcome = "Lost"
)

// ActorKind is the text under the name of who acted.
type ActorKind string

// The kinds of actor.
const (
	ActorUser     ActorKind = "End user"
	ActorAgent    ActorKind = "Agent"
	ActorSupplier ActorKind = "Supplier"
	ActorUnknown  ActorKind = "Unknown sender"
	ActorMachine  ActorKind = "Mail system"
	ActorDesk     ActorKind = "Desk"
)

// Actor is who did something: what kind of party, by which name, from which
// address. Kind and Name are never empty.
type Actor struct {
	Kind    ActorKind       `json:"kind"`
	Name    string          `json:"name"`
	Address address.Address `json:"address"`
}

// Visibility says who may read an action. What is not public never leaves to
// the user.
type Visibility string

// The visibilities.
const (
	Public       Visibility = "public"   // the user and the agents
	InternalOnly Visibility = "internal" // agents
	SupplierOnly Visibility = "supplier" // agents; sent to or by the supplier
)

// Attachment is a file of a mail, or of a reply.
type Attachment struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Size      int64  `json:"size"` // octets, decoded
	SHA256    string `json:"sha256"`
	Inline    bool   `json:"inline"`
	ContentID string `json:"content_id,omitempty"`
	// Path is the part's place in the raw mail, such as "1.2", counted from 1 at
	// each level; the decoding chain is that part's transfer encoding.
	Path string `json:"path,omitempty"`
	// Sniffed is the media type by the first octets, whatever the sender says.
	Sniffed string `json:"sniffed_type,omitempty"`
	// Noise: nobody sent it on purpose, such as the logo of a signature.
	Noise bool `json:"noise,omitempty"`
	// Text is what a person would read in a mail, an appointment or a visiting
	// card that is attached.
	Text string `json:"text,omitempty"`
}

// Match says how a mail found its ticket.
type Match struct {
	By       string     `json:"by"` // the words of the inspect contract, "none" when nothing matched
	Reason   string     `json:"reason"`
	Rejected []Rejected `json:"rejected"`
}

// Rejected is a ticket that a mail pointed to and was not filed in.
type Rejected struct {
	By     string   `json:"by"`
	Ticket TicketID `json:"ticket"`
	Reason string   `json:"reason"`
}

// Action is one entry of a ticket's history. Actions are only ever added,
// and never changed but by an erasure.
type Action struct {
	Ticket      TicketID          `json:"ticket"`
	Seq         uint32            `json:"seq"` // from 1 in each ticket
	At          time.Time         `json:"at"`
	Direction   Direction         `json:"direction"`
	Outcome     Outcome           `json:"outcome"`
	Actor       Actor             `json:"actor"`
	Visibility  Visibility        `json:"visibility"`
	Subject     string            `json:"subject,omitempty"`
	Text        string            `json:"text"`
	Fresh       string            `json:"fresh"`
	Attachments []Attachment      `json:"attachments"`
	Record      RecordID          `json:"record,omitempty"` // the raw mail
	Envelope    *Envelope         `json:"envelope,omitempty"`
	MessageID   string            `json:"message_id,omitempty"`
	References  []string          `json:"references,omitempty"`
	Verdict     *Verdict          `json:"verdict"`
	Machine     string            `json:"machine,omitempty"` // class when not human
	Unreadable  bool              `json:"unreadable,omitempty"`
	Match       *Match            `json:"match"`
	Captured    map[string]string `json:"captured"`
	Trace       []string          `json:"trace,omitempty"` // the rules that spoke, in order
}

// Envelope is what the SMTP dialogue said about a mail, apart from its content.
type Envelope struct {
	Transaction string            `json:"transaction"` // id in the log, the Received field and the reply
	Connection  string            `json:"connection"`
	From        address.Address   `json:"from"` // zero: the null reverse-path
	Recipients  []address.Address `json:"recipients"`
	ClientIP    string            `json:"client_ip"`
	Relay       string            `json:"relay,omitempty"` // the trusted relay that handed it in: its address or "unix"
	Helo        string            `json:"helo"`
	TLS         string            `json:"tls,omitempty"` // version and cipher suite, empty for plain text
	// Protocol is the word behind "with" in the Received field (RFC 5321 §4.4,
	// RFC 6531 §4.3): SMTP, ESMTP, ESMTPS, UTF8SMTP … Empty for a mail that was
	// handed in on this machine.
	Protocol string    `json:"protocol,omitempty"`
	Received time.Time `json:"received"`
	// Trace holds the fields that mxdesk puts on top of the raw mail
	// (Return-Path, Authentication-Results, Received), with CRLF line ends.
	Trace string `json:"trace,omitempty"`
	// Distrusted holds incoming fields that claim to be ours.
	Distrusted []string `json:"distrusted,omitempty"`
}
