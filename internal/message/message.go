// Package message turns the octets of a mail into a [Message] in two steps:
// the header first, because the door needs the From field to authenticate the
// sender, then the body: readable text, sanitised HTML, the list of
// attachments, what is new and what is quoted, what kind of machine sent it.
//
// Nothing here ever refuses a mail. What cannot be read is noted in Problems;
// when hardly anything can, Unreadable is set and the raw mail stands for it.
package message

import (
	"io"
	"time"

	"mxdesk/internal/address"
)

// Content is the octets of a mail, in memory or in a file. It may be read from
// several goroutines at once.
type Content interface {
	io.ReaderAt
	Size() int64
}

// Limits bound the work that one hostile mail can cause. Zero values mean the
// defaults named with each field.
type Limits struct {
	Depth       int   // of nested parts: 20
	Parts       int   // in all: 1000
	HeaderBytes int   // of the mail and of each part: 256 KiB; of one field always 64 KiB
	TextBytes   int64 // of decoded text kept: 1 MiB; the rest is cut and noted
	// SkipHTML leaves Message.HTML empty. Sanitising costs more than all the
	// rest; who needs the HTML reads the mail again.
	SkipHTML bool
}

// Class says what kind of sender wrote a mail.
type Class string

// The classes. Everything but Human is machine mail: it is filed and never
// acts, is never answered and changes no status.
const (
	Human        Class = "human"
	AutoReply    Class = "auto-reply"
	Bounce       Class = "bounce"
	Disposition  Class = "disposition"
	Challenge    Class = "challenge"
	List         Class = "list"
	Bulk         Class = "bulk"
	Calendar     Class = "calendar"
	Loop         Class = "loop"
	Notification Class = "notification"
)

// Header is what the header section of a mail says.
type Header struct {
	// Fields are all fields in order, unfolded, values undecoded.
	Fields []Field
	// From is the best reading of the author. FromErr is nil only when there is
	// exactly one From field with exactly one mailbox: only then may anything be
	// decided by it.
	From    address.Mailbox
	FromErr error
	To      []address.Mailbox
	Cc      []address.Mailbox
	ReplyTo []address.Mailbox
	Subject string    // decoded, one line
	Date    time.Time // zero when missing or unreadable
	// MessageID, InReplyTo and References are without angle brackets.
	MessageID  string
	InReplyTo  []string
	References []string
	// Problems are in words for a person.
	Problems []string
	// End is the offset of the body: behind the blank line.
	End int64
	// Cut means that Fields are not all: the header, or a field, is beyond the
	// limits.
	Cut bool
}

// Field is one header field as received, without its line end.
type Field struct {
	Name  string // as written
	Value string // unfolded, without leading white space
	Raw   string // name, colon and value with the folding kept
}

// Message is a whole mail, read.
type Message struct {
	Header
	Text      string // whole readable text, LF line ends; made from HTML when there is no plain part
	Fresh     string // Text without quoted part and signature
	Quoted    string
	Signature string
	HTML      string // sanitised, or empty; see Limits.SkipHTML
	// RemoteLoads counts what the HTML would fetch from elsewhere when it is
	// shown. HTML has none of it any more. Not counted with SkipHTML.
	RemoteLoads int
	Attachments []Attachment
	Class       Class
	Reasons     []string // for Class
	Bounce      *BounceReport
	Forwarded   *Forwarded
	Unreadable  bool
	// Above is the text above our reply marker, when HasMarker.
	Above     string
	HasMarker bool
	// PassedOn reports that another mail is passed on by hand in the text, whether
	// or not its header could be read into Forwarded.
	PassedOn bool
	// Inline reports that the sender's own lines stand between quoted ones, so
	// that Fresh cannot be told apart from what others wrote.
	Inline bool
}

// Marker is the line that mails to agents carry: an answer stands above it.
const Marker = "##- Please type your answer above this line -##"

// Attachment is a part that is not the readable text. Its octets are read
// from the raw mail by Open.
type Attachment struct {
	Name      string // safe: no path, no control character, never empty
	Type      string // media type, lower case
	Size      int64  // decoded octets
	SHA256    string // of the decoded octets, hex
	Inline    bool
	ContentID string // without angle brackets
	Path      string // such as "1.2", counted from 1 at each level; "1.2!3" is the third thing found inside of 1.2
	Sniffed   string // media type by the first octets, or empty when they do not say
	Noise     bool   // nobody sent it on purpose: the logo of a signature, a cryptographic signature
	Text      string // of a mail, an appointment, a visiting card: what a person would read in it; at most 16 KiB
}

// BounceReport is what a delivery failure says.
type BounceReport struct {
	Recipients []BouncedRecipient
	MessageID  string // of the mail that came back, without angle brackets
}

// BouncedRecipient is the fate of one recipient.
type BouncedRecipient struct {
	Address string // as reported
	Action  string // failed, delayed, delivered, relayed, expanded; complaint when it called the mail spam
	Status  string // RFC 3463, such as 5.1.1
	Reply   string // the remote's words
	// Kind says what to do about the recipient: hard, no mail to it will arrive;
	// soft, another or a later one may; full, the mailbox is full; spam, the
	// content or the sender was refused as unwanted; unknown.
	Kind string
}

// Forwarded is the mail that this one passes on by hand, in its text or as an
// attachment. What the text does not show is empty.
type Forwarded struct {
	From    address.Mailbox
	Date    string // RFC 3339, or the words of the mail program where they cannot be read
	Subject string
	Text    string
}
