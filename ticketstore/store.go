package ticketstore

import (
	"context"
	"errors"
	"iter"
	"time"

	"mxdesk/internal/address"
)

// The errors callers tell apart. Everything else is an I/O error or a bug.
var (
	// ErrNotFound: what was asked for does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the change was made from an outdated view of the store.
	ErrConflict = errors.New("changed by someone else meanwhile")
	// ErrFull: too little disk space is left to take more mail. It passes by
	// itself when space is freed.
	ErrFull = errors.New("disk space is low")
	// ErrLocked: another process has the store open.
	ErrLocked = errors.New("the store is in use by another process")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
	// ErrFailed: a commit met an I/O error, so what is on disk is unknown. The
	// store takes no more changes; the process must end and start again.
	ErrFailed = errors.New("the store failed while writing")
	// ErrDamaged: what is read is not what was stored. "store check" says what
	// is damaged, "store repair" brings back what it can.
	ErrDamaged = errors.New("the store is damaged")
	// ErrGone: these octets were erased, or lost and given up by a repair.
	ErrGone = errors.New("its octets are gone")
	// ErrRefused: this cannot be done as things are; the text says why.
	ErrRefused = errors.New("refused")
	// ErrSchema: the file was written by a newer mxdesk.
	ErrSchema = errors.New("the store was written by a newer version of mxdesk")
)

// Store keeps a desk. All methods may be called from several goroutines.
type Store interface {
	// View calls fn with a consistent snapshot. Values read from it may be kept;
	// the View itself may not. fn must not wait for the network.
	View(ctx context.Context, fn func(View) error) error
	// Update calls fn with a view that includes every change applied before,
	// and applies the Change it returns, whole or not at all. It returns when
	// the change is on disk; one that holds nothing costs no flush. When fn returns
	// an error nothing is changed and that error is returned. fn runs alone, on this
	// or another caller's goroutine: it must be quick and wait for nothing. A ctx that
	// ends while the change is being written has no effect.
	Update(ctx context.Context, fn func(View) (Change, error)) error
	// Content opens a record that an Update before has put into the store, as
	// View.Content does. It asks for no snapshot, which costs more under load.
	Content(ctx context.Context, id RecordID) (Content, error)
	// Wake delivers a token after an Update that left outgoing items due.
	Wake() <-chan struct{}
	// Close waits for changes under way and releases the store.
	Close() error
}

// View reads a desk. Methods that look for one thing return ErrNotFound when
// it is not there.
type View interface {
	Ticket(TicketID) (Ticket, error)
	// Tickets yields the tickets that the filter lets through, newest first.
	Tickets(TicketFilter) iter.Seq2[Ticket, error]
	Action(TicketID, uint32) (Action, error)
	// Actions yields a ticket's actions, oldest first.
	Actions(TicketID) iter.Seq2[Action, error]
	// TicketsByMessageID finds the tickets in which mails with this foreign
	// Message-ID (without angle brackets) were filed, oldest first. Honest
	// senders give each mail an ID of its own; others copy one.
	TicketsByMessageID(string) ([]TicketID, error)
	// Seen finds what became of a mail with this key in the last 7 days.
	Seen(MailKey) (Seen, error)
	Contact(ContactID) (Contact, error)
	ContactByAddress(address.Address) (Contact, error)
	Contacts() iter.Seq2[Contact, error]
	// Agents yields the contacts that are agents, oldest first.
	Agents() iter.Seq2[Contact, error]
	Item(ItemID) (OutboxItem, error)
	// Items yields all outgoing items, newest first.
	Items() iter.Seq2[OutboxItem, error]
	// ItemsOf yields the outgoing items of a ticket, oldest first.
	ItemsOf(TicketID) iter.Seq2[OutboxItem, error]
	// LastItemsOf yields them newest first.
	LastItemsOf(TicketID) iter.Seq2[OutboxItem, error]
	// DueItems returns up to limit items whose next attempt is due, most overdue
	// first, without those that skip tells to leave out; nil: all. An item whose next
	// attempt lies more than a day ahead is due, too: the clock was set back.
	DueItems(now time.Time, limit int, skip func(ItemID) bool) ([]OutboxItem, error)
	// NextDue is when the next item falls due; false when none waits.
	NextDue() (time.Time, bool)
	Held(HeldID) (HeldMail, error)
	// HeldMails yields held mails, newest first, those decided on too.
	HeldMails() iter.Seq2[HeldMail, error]
	// Content opens a record whose checksum is right; ErrDamaged otherwise. It
	// stays readable after the View has ended.
	Content(RecordID) (Content, error)
	// Mailboxes yields the keys of all mailboxes that have ever had a ticket, each
	// with its first one.
	Mailboxes() iter.Seq2[string, TicketID]
	// AutoMails counts the automatic mails to an address on the day of at (UTC).
	AutoMails(to address.Address, at time.Time) int
	// Next returns the IDs that the next new values must take.
	Next() NextIDs
}

// NextIDs are the IDs that new values of a Change take, counting up from here.
type NextIDs struct {
	Ticket  TicketID
	Contact ContactID
	Item    ItemID
	Held    HeldID
	Record  RecordID
}

// TicketFilter chooses tickets. The zero value lets all through.
type TicketFilter struct {
	Status    []Status
	Mailbox   string
	Type      string
	Requester address.Address
	Assignee  address.Address
	// Before leaves out this ticket and those opened after it.
	Before TicketID
}

// Change is everything one operation writes. A ticket's Version must be one
// more than the stored one's (1 for a new ticket), an action's Seq must follow
// the ticket's last, and new IDs must be those of View.Next.
type Change struct {
	Records    []Record
	Tickets    []Ticket
	Actions    []Action
	MessageIDs []MessageRef
	Seen       []Seen
	Contacts   []Contact
	Forget     []ContactID // contacts to remove
	Items      []OutboxItem
	Held       []HeldMail
	// Erase takes texts, raw mails and outgoing mails out of the actions that
	// these tickets have so far. For good: the octets are in the files until
	// Compact, but nothing refers to them. EraseHeld does so with the raw mails
	// of held mails.
	Erase     []TicketID
	EraseHeld []HeldID
	AutoMails []address.Address // automatic mails to count, at the time At
	At        time.Time
}

// isEmpty reports whether a change writes nothing.
func (c *Change) isEmpty() bool {
	return len(c.Records)+len(c.Tickets)+len(c.Actions)+len(c.MessageIDs)+len(c.Seen)+len(c.Contacts)+
		len(c.Forget)+len(c.Items)+len(c.Held)+len(c.Erase)+len(c.EraseHeld)+len(c.AutoMails) == 0
}

// RecordKind says what a record holds.
type RecordKind uint8

// The kinds of record.
const (
	RecordMail RecordKind = 1 // a raw mail as received
	RecordBody RecordKind = 2 // the body of outgoing items
)

// Record is a run of octets for the segments. Meta goes with it, so that a
// lost database can be rebuilt from the segments alone; of an outgoing body it
// says the ticket and the action.
type Record struct {
	ID      RecordID
	Kind    RecordKind
	Meta    MailMeta
	Content Content
	// Digest tells the content from any other: a SHA-256 that covers all of it,
	// made by the caller outside of the transaction. Nothing is checked by it.
	Digest [32]byte
}

// MailMeta is the Meta of a raw mail's record: with the mail itself, all that is
// needed to make its action again. Fields are only ever added; records written
// before have them empty.
type MailMeta struct {
	Envelope Envelope `json:"envelope"`
	Verdict  Verdict  `json:"verdict"`
	Ticket   TicketID `json:"ticket,omitempty"`
	Action   uint32   `json:"action,omitempty"`
	Held     HeldID   `json:"held,omitempty"`
	// Mailbox is that of the ticket, or the one the held mail came to.
	Mailbox    string     `json:"mailbox,omitempty"`
	Outcome    Outcome    `json:"outcome,omitempty"`
	Actor      Actor      `json:"actor,omitzero"`
	Visibility Visibility `json:"visibility,omitempty"`
}

// MessageRef says in which ticket a mail with this Message-ID stands.
type MessageRef struct {
	MessageID string
	Ticket    TicketID
	Action    uint32
}

// MailKey identifies a mail by content and envelope, for idempotency.
type MailKey [32]byte

// Seen is what became of a mail: the answer for the sender who tries again.
type Seen struct {
	Key       MailKey   `json:"-"`
	At        time.Time `json:"at"`
	Ticket    TicketID  `json:"ticket,omitempty"`
	Held      HeldID    `json:"held,omitempty"`
	Mailboxes []string  `json:"mailboxes"`
	Outcome   string    `json:"outcome"`
	// Told is the tag that the sender was told, empty when none.
	Told string `json:"told,omitempty"`
}
