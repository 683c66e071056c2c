// Package smtpd is the door: it listens for SMTP (RFC 5321), keeps hostile
// clients from costing much, receives a mail, reads and authenticates it, and
// hands it to the desk. "250" is said only when the desk has it on disk; every
// refusal says why, and all trouble of our own is a 4xx, so that the sender's
// server keeps the mail.
//
// The dialogue is go-smtp's. What go-smtp has no hook for stands in front of it,
// in a net.Conn: deadlines, connection limits, the end of a connection whose
// body broke off, and a look at each command line before go-smtp parses it.
//
// For most uses: [New], [Server.Serve], [Server.Shutdown]. [Intake] is the same
// reading of a mail without SMTP.
package smtpd

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/rs/zerolog"

	"mxdesk/internal/address"
	"mxdesk/internal/desk"
	"mxdesk/internal/mailauth"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// Desk is what the door needs of the desk. Its methods are called from many
// goroutines and must give up when their context ends.
type Desk interface {
	// Recipient returns nil when the address is one of ours (mailbox,
	// plus-address, signed reply or bounce address, postmaster, abuse), a
	// *desk.Refusal to tell the sender, any other error for our own trouble. size
	// is what the sender announced, in octets, 0 for nothing.
	Recipient(ctx context.Context, a address.Address, size int64) error
	// MaxMessage is the size of the largest mail that any mailbox takes, in
	// octets; 0 or less leaves it to Config.MaxMessage.
	MaxMessage() int64
	// Accept decides and commits. A nil error means that the mail is on disk; a
	// *desk.Refusal is told to the sender; any other error is our own trouble.
	Accept(ctx context.Context, in desk.Inbound) (desk.Receipt, error)
}

// Authenticator computes what SPF, DKIM and DMARC say about a mail, within a
// time budget of its own.
type Authenticator interface {
	Check(ctx context.Context, in mailauth.Input) ticketstore.Verdict
	// Distrusted are the fields that claim to be ours, or a relay's, and are not.
	Distrusted(in mailauth.Input) []message.Field
}

// Config configures the door. Zero values mean the defaults named with each
// field.
type Config struct {
	// Hostname is the name in the greeting and in Received fields: "localhost".
	Hostname string
	// AuthservID is the name in our Authentication-Results fields (RFC 8601
	// §2.5): Hostname.
	AuthservID string
	// TLS holds the certificate for STARTTLS and ServeTLS; nil offers neither.
	// Versions below TLS 1.2 are never spoken.
	TLS *tls.Config
	// OfferTLS reports whether STARTTLS is offered now, for a certificate that may
	// come later; nil means always, with TLS.
	OfferTLS func() bool
	// Relays are mail servers of ours in front of the door.
	Relays []Relay
	// MaxRecipients is how many recipients one mail may have: 100, and never
	// less (RFC 5321 §4.5.3.1.8).
	MaxRecipients int
	// MaxConnections bounds connections at once: 1000. A fuller house has less patience: see load.go.
	MaxConnections int
	// MaxPerIP bounds connections at once from one IPv4 address or IPv6 /64: 50.
	MaxPerIP int
	// MaxPerNetwork bounds connections at once from one IPv4 /24 or IPv6 /48:
	// 200; negative means no bound.
	MaxPerNetwork int
	// MailsPerMinute and RecipientsPerMinute bound what one IPv4 address or IPv6
	// /64 may ask for with MAIL and with RCPT: 120 and 600, never less than
	// MaxRecipients; negative means no bound. A whole minute's worth may come at
	// once; what is beyond is put off.
	MailsPerMinute, RecipientsPerMinute int
	// MinDataRate is how many octets of content a client must send in a second,
	// on the average of two minutes: 100; negative means no bound.
	MinDataRate int64
	// Clients on this machine, and relays, are free of the four bounds above, and
	// relays of MaxPerIP: they bring the mail of all the world from one address.

	// FreeErrors is how many commands of one connection are refused for good
	// before each further command has to wait half a second: 10.
	FreeErrors int
	// MaxErrors is how many are refused before the connection ends: 50.
	MaxErrors int
	// FreeIdle is how many commands in a row that lead nowhere (NOOP, RSET, VRFY
	// …) are free; each further one counts as refused: 100.
	FreeIdle int
	// MaxMessage is the size of the largest mail, in octets: 35 MiB.
	MaxMessage int64
	// MemorySpool is the size up to which a mail is received in memory, in
	// octets: 4 MiB. A larger one goes to an unnamed file in SpoolDir.
	MemorySpool int64
	// ContentMemory is what all mails under way may take of memory, in octets,
	// each counted at its worst: 192 MiB, of which 20 large mails take 160.
	// Besides, the octets of large mails may take a twelfth of it, and what is read
	// of mails a fourth.
	ContentMemory int64
	// MinFreeDisk is the free disk, in octets, below which mail is put off: 0,
	// no check.
	MinFreeDisk int64
	// SpoolDir is the folder for mails being received: the system's folder for
	// temporary files.
	SpoolDir string
	// Idle is how long a client may be silent: 5 minutes (RFC 5321
	// §4.5.3.2.7). It also bounds each question to the desk.
	Idle time.Duration
	// Session is how long a connection may last: 1 hour.
	Session time.Duration
	// Data is how long the transfer of one mail may take: 10 minutes.
	Data time.Duration
	// Limits bounds the work of reading one mail.
	Limits message.Limits
	// Log takes the events of [Events].
	Log zerolog.Logger
	// FreeDisk returns the free disk in octets; nil means no check.
	FreeDisk func() (int64, error)
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	def(&c.Hostname, "localhost")
	def(&c.AuthservID, c.Hostname)
	c.MaxRecipients = max(c.MaxRecipients, 100)
	def(&c.MaxConnections, 1000)
	def(&c.MaxPerIP, 50)
	def(&c.MaxPerNetwork, 200)
	def(&c.MailsPerMinute, 120)
	def(&c.RecipientsPerMinute, 600)
	if c.RecipientsPerMinute > 0 {
		c.RecipientsPerMinute = max(c.RecipientsPerMinute, c.MaxRecipients)
	}
	def(&c.MinDataRate, 100)
	def(&c.FreeErrors, 10)
	def(&c.MaxErrors, 50)
	def(&c.FreeIdle, 100)
	def(&c.MaxMessage, 35<<20)
	def(&c.MemorySpool, 4<<20)
	def(&c.ContentMemory, 192<<20)
	def(&c.Idle, 5*time.Minute)
	def(&c.Session, time.Hour)
	def(&c.Data, 10*time.Minute)
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
		c.TLS.MinVersion = max(c.TLS.MinVersion, tls.VersionTLS12)
	}
	return c
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
