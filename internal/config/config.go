// Package config reads the one configuration file: TOML, strict. A file goes
// through defaults, then the file, then validation; every problem is reported
// at once, each with its place and, for an unknown key, the nearest known one.
// The value that comes out is complete and is never changed afterwards.
//
// The tags of the structs below are the single source of the key names, the
// defaults and the reference text that "mxdesk config reference" prints.
package config

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"mxdesk/internal/address"
	"mxdesk/internal/tag"
)

// Config is a whole configuration.
type Config struct {
	File     string `toml:"-"` // that it was read from, if any
	Hostname string `toml:"hostname" default:"localhost" doc:"Name in the greeting, in HELO and in the fields mxdesk adds. Must resolve to this machine on a public desk."`
	DataDir  string `toml:"data" default:"mxdesk-data" doc:"Folder for everything mxdesk stores. It gets mode 0700, so it must be new, empty or a desk's; only hidden files and what this configuration names may stand in it, too. A relative path is relative to the working folder."`
	LogLevel string `toml:"log_level" default:"info" oneof:"debug info warn error" doc:"How much is logged."`
	// AuthservID defaults to Hostname.
	AuthservID string `toml:"authserv_id" doc:"Name in our Authentication-Results fields. Default: hostname."`

	SMTP     SMTP               `toml:"smtp" doc:"The door: where mail comes in."`
	Limits   Limits             `toml:"limits" doc:"Bounds for what a stranger can cost."`
	TLS      TLS                `toml:"tls" doc:"Certificate for STARTTLS and smtp.listen_tls: from two files, which are taken up within seconds when they change, or from an authority by ACME (RFC 8555)."`
	DNS      DNS                `toml:"dns" doc:"Name servers for SPF, DKIM, DMARC and MX."`
	Outbound Outbound           `toml:"outbound" doc:"How mail leaves."`
	Mailbox  map[string]Mailbox `toml:"mailbox" doc:"One table per mailbox. The key, of lower-case letters, digits, - and _, is permanent. At least one."`
	Relay    []Relay            `toml:"trusted_relay" doc:"Mail servers of yours in front of mxdesk, one table each. What they say about where a mail came from is believed: behind one, SPF looks at the server before it."`
	Rule     []Rule             `toml:"rule" doc:"Capture rules, in order."`
}

// Mailboxes lists the mailboxes in the order of their keys.
func (c *Config) Mailboxes() []Mailbox {
	list := make([]Mailbox, 0, len(c.Mailbox))
	for _, m := range c.Mailbox {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Mailbox) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// Files lists the files, folders and sockets that the configuration names, and
// the one that it was read from.
func (c *Config) Files() []string {
	o := &c.Outbound
	all := []string{c.File, c.TLS.CertFile, c.TLS.KeyFile, c.TLS.ACMECAFile, o.CaptureDir, o.CAFile, o.PasswordFile}
	for _, m := range c.Mailboxes() {
		all = append(all, m.Templates)
	}
	for _, addr := range c.SMTP.ListenLMTP {
		if file, ok := strings.CutPrefix(addr, "unix:"); ok {
			all = append(all, file)
		}
	}
	return slices.DeleteFunc(all, func(path string) bool { return path == "" })
}

// TagPairs lists every pair that is recognised, at whichever mailbox: current
// ones first, then retired ones, none twice.
func (c *Config) TagPairs() []tag.Pair {
	var pairs []tag.Pair
	add := func(p tag.Pair) {
		if !slices.ContainsFunc(pairs, p.Same) {
			pairs = append(pairs, p)
		}
	}
	for _, m := range c.Mailboxes() {
		add(m.Tag())
	}
	for _, m := range c.Mailboxes() {
		for _, p := range m.retired {
			add(p)
		}
	}
	return pairs
}

// SMTP configures the listeners.
type SMTP struct {
	Listen         []string `toml:"listen" default:"127.0.0.1:2525" doc:"Addresses to listen on."`
	ListenTLS      []string `toml:"listen_tls" doc:"Addresses to listen on for clients that speak TLS from the first octet (port 465). Needs a certificate in [tls]."`
	ListenLMTP     []string `toml:"listen_lmtp" doc:"Addresses to listen on for LMTP from a mail server of the same site: HOST:PORT, or \"unix:/run/mxdesk/lmtp.sock\"; such a socket is open to its group."`
	TrustLoopback  bool     `toml:"trust_loopback" default:"false" doc:"Count senders from loopback as authenticated. For trying out, and for relays on this machine that have checked the sender."`
	MaxRecipients  int      `toml:"max_recipients" default:"100" min:"100" max:"10000" doc:"Recipients of one mail; at least 100 (RFC 5321 section 4.5.3.1.8)."`
	MaxConnections int      `toml:"max_connections" default:"1000" min:"1" max:"100000" doc:"Connections at once, in all."`
	PerIP          int      `toml:"max_connections_per_ip" default:"50" min:"1" max:"100000" doc:"Connections at once from one address."`
	PerNetwork     int      `toml:"max_connections_per_network" default:"200" min:"1" max:"100000" doc:"Connections at once from one IPv4 /24 or IPv6 /48; loopback is free."`
}

// Relay is a mail server of the same site.
type Relay struct {
	Networks   []string `toml:"networks" example:"192.0.2.25" doc:"Where it connects from: addresses, networks such as \"192.0.2.0/24\", or \"unix\" for a Unix socket. Required."`
	AuthservID string   `toml:"authserv_id" doc:"Name in the Authentication-Results fields that it adds. Those are then believed. Default: none are."`
	XClient    bool     `toml:"xclient" default:"false" doc:"Offer it XCLIENT, by which it says who its client is."`
	Proxy      bool     `toml:"proxy" default:"false" doc:"Expect the header of the PROXY protocol (version 1 or 2) in front of each of its connections."`

	networks []netip.Prefix
	unix     bool
}

// NetworkList holds the networks it connects from.
func (r Relay) NetworkList() []netip.Prefix { return slices.Clone(r.networks) }

// Unix reports whether it connects by a Unix socket.
func (r Relay) Unix() bool { return r.unix }

// Limits bounds one mail, one session and the disk.
type Limits struct {
	MessageSize    Size     `toml:"message_size" default:"35MiB" min:"1KiB" max:"1GiB" doc:"Largest mail accepted; RFC 5321 section 4.5.3.1.7 asks for 64KiB at least."`
	HeaderSize     Size     `toml:"header_size" default:"256KiB" min:"16KiB" max:"1MiB" doc:"Octets of a mail's header that are read. A longer one is refused by nobody: the mail is filed with what was read, never counts as authenticated, and says so."`
	MemorySpool    Size     `toml:"memory_spool" default:"4MiB" min:"1KiB" max:"64MiB" doc:"A mail up to this size is received in memory, a larger one in a temporary file; so is one of more than 1MiB when others take what there is for those in memory, a sixteenth of the limit below."`
	Memory         Size     `toml:"memory" default:"256MiB" min:"64MiB" max:"1TiB" doc:"Memory to stay within. Mails under way may take three quarters of it, counted at their worst (8MiB for one of more than 1MiB or memory_spool, of which 20 fit into the default); beyond that, mail is put off with 452. What is read of them may take three sixteenths, and mails wait their turn for it; so may the files of agents' mails that are sent on, and large requests of commands."`
	MinFreeDisk    Size     `toml:"min_free_disk" default:"64MiB" min:"0B" max:"1TiB" doc:"With less free disk, mail is put off with 452."`
	IdleTimeout    Duration `toml:"idle_timeout" default:"5m" min:"1s" max:"1h" doc:"Silence of a client before the connection ends (RFC 5321 section 4.5.3.2.7)."`
	SessionTimeout Duration `toml:"session_timeout" default:"1h" min:"1s" max:"24h" doc:"Longest connection."`
	DataTimeout    Duration `toml:"data_timeout" default:"10m" min:"1s" max:"24h" doc:"Longest transfer of one mail."`
	FreeErrors     int      `toml:"free_errors" default:"10" min:"1" max:"10000" doc:"Refused commands and recipients in one connection before each further command waits half a second."`
	MaxErrors      int      `toml:"max_errors" default:"50" min:"1" max:"10000" doc:"Refused commands and recipients in one connection before 421."`
	FreeIdle       int      `toml:"idle_commands" default:"100" min:"1" max:"100000" doc:"Commands in a row that lead nowhere (NOOP, RSET, VRFY ...); each further one counts as refused."`
	MailRate       int      `toml:"mails_per_minute" default:"120" min:"1" max:"1000000" doc:"Mails that one IPv4 address or IPv6 /64 may begin in a minute; more are put off with 450. Loopback is free."`
	RecipientRate  int      `toml:"recipients_per_minute" default:"600" min:"100" max:"1000000" doc:"Recipients that it may name in a minute, never less than smtp.max_recipients; more are put off with 452. Loopback is free."`
	MinDataRate    Size     `toml:"min_data_rate" default:"100" min:"1" max:"1MiB" doc:"Octets a second that content must come with, on the average of two minutes. Loopback is free."`
	AutoMailPerDay int      `toml:"automatic_mail_per_day" default:"20" min:"0" max:"10000" doc:"Automatic mails to one address in 24 hours."`
}

// TLS says where the certificate comes from: from files, by ACME, or there is
// none.
type TLS struct {
	CertFile string `toml:"cert_file" doc:"PEM file with the certificate chain."`
	KeyFile  string `toml:"key_file" doc:"PEM file with the private key; its mode must keep other users from reading it."`

	ACME          bool   `toml:"acme" default:"false" doc:"Fetch and renew a certificate for hostname by ACME, instead of the two files. It means agreeing to the authority's terms of service. The authority must reach acme_listen as port 80 of hostname (HTTP-01; TLS-ALPN-01 needs port 443, which no mail server has). STARTTLS is offered as soon as there is a certificate; mail comes in before."`
	ACMEDirectory string `toml:"acme_directory" default:"https://acme-v02.api.letsencrypt.org/directory" doc:"The authority's directory, an https URL."`
	ACMEEmail     string `toml:"acme_email" doc:"Address for the authority's warnings."`
	ACMEListen    string `toml:"acme_listen" default:":80" doc:"Where the authority's challenges are answered; open only while a certificate is asked for."`
	ACMECAFile    string `toml:"acme_ca_file" doc:"PEM file with the authorities that may vouch for acme_directory, for one of your own. Default: the machine's."`
}

// Used reports whether there is to be a certificate.
func (t TLS) Used() bool { return t.ACME || t.CertFile != "" }

// DNS configures name resolution.
type DNS struct {
	Servers []string `toml:"servers" default:"system" doc:"Resolvers as HOST:PORT. \"system\" uses the machine's; an empty list means no DNS: SPF, DKIM and DMARC are then not evaluated."`
	Budget  Duration `toml:"budget" default:"10s" min:"100ms" max:"1m" doc:"Time for all checks of one mail together."`
}

// Outbound says how mail leaves the desk.
type Outbound struct {
	Route        string   `toml:"route" default:"capture" oneof:"capture smarthost" doc:"Way out: \"capture\" writes each mail to a file and sends nothing; \"smarthost\" hands all mail to one server."`
	CaptureDir   string   `toml:"capture_dir" doc:"Folder for captured mails. Default: \"outgoing\" in the data folder."`
	Smarthost    string   `toml:"smarthost" doc:"HOST:PORT of the smarthost."`
	TLS          string   `toml:"tls" default:"starttls" oneof:"starttls implicit none" doc:"\"starttls\" (required), \"implicit\" (port 465) or \"none\"."`
	CAFile       string   `toml:"ca_file" doc:"PEM file with the authorities that may vouch for the smarthost. Default: the machine's."`
	Username     string   `toml:"username" doc:"User name at the smarthost; empty for none."`
	PasswordFile string   `toml:"password_file" doc:"File with the password, readable by its owner alone (mode 0600)."`
	MaxAge       Duration `toml:"max_age" default:"120h" min:"1m" max:"30d" doc:"How long a mail is tried before it bounces (RFC 5321 section 4.5.4.1)."`
	Concurrency  int      `toml:"concurrency" default:"10" min:"1" max:"100" doc:"Mails in delivery at once."`
}

// Mailbox is one address of the desk with its ways.
type Mailbox struct {
	Key         string   `toml:"-"`
	Addresses   []string `toml:"addresses" example:"support@localhost" doc:"Addresses that reach this mailbox; the first is the one it writes from. The part before the @ has at most 24 octets and no +, because signed reply addresses are made of it (support+2139.TOKEN@). Required."`
	Name        string   `toml:"name" doc:"Display name in From. Default: the key."`
	From        string   `toml:"from" doc:"From address of outgoing mail; not one of another mailbox. Default: the first of addresses."`
	Agents      []string `toml:"agents" doc:"Addresses of agents of this mailbox, besides those in the contacts."`
	TagStart    string   `toml:"tag_start" default:"[ID:" doc:"What stands before the ticket number in a subject."`
	TagEnd      string   `toml:"tag_end" default:"]" doc:"What stands after it."`
	RetiredTags []string `toml:"retired_tags" doc:"Earlier pairs that still match, each as \"START END\"; the last blank divides them."`
	Type        string   `toml:"type" default:"incident" doc:"Type of new tickets: incident, opportunity, project or your own word."`
	Priority    string   `toml:"priority" default:"normal" oneof:"low normal high urgent" doc:"Priority of new tickets."`
	Acknowledge string   `toml:"acknowledge" default:"authenticated" oneof:"authenticated not-failed never" doc:"Who gets an acknowledgement: \"authenticated\" senders, all but those that failed (\"not-failed\"), or \"never\"."`
	Templates   string   `toml:"templates" doc:"Folder whose files replace the built-in templates."`
	Language    string   `toml:"language" default:"en" oneof:"en de" doc:"Language of the built-in templates."`
	Signature   string   `toml:"signature" lines:"many" doc:"Text under every mail of this mailbox."`
	Unknown     string   `toml:"unknown" default:"create" oneof:"create triage hold refuse" doc:"Mail from an unknown sender: \"create\" a user and a ticket, \"triage\" (a ticket marked for a look, no user), \"hold\" or \"refuse\"."`
	Failed      string   `toml:"failed" oneof:"hold ticket" doc:"New mail that failed authentication: \"hold\" or \"ticket\". Default: hold where the sender's domain asks for quarantine or rejection, else a marked ticket."`
	ClosedAfter Duration `toml:"closed_after" default:"0s" min:"0s" max:"3650d" doc:"A reply to a ticket closed for longer than this opens a new, linked one; 0s means a reply always reopens."`
	Closed      bool     `toml:"closed" default:"false" doc:"Take no new mail: its addresses are refused, answers to signed reply addresses still come in. A mailbox that has tickets cannot be removed, only closed."`
	MessageSize Size     `toml:"message_size" default:"0B" min:"0B" max:"1GiB" doc:"Largest mail that this mailbox takes, when that is less than limits.message_size; 0B means no bound of its own."`
	FormSenders []string `toml:"form_senders" doc:"Addresses of web forms: mail authenticated as one of them counts as coming from its Reply-To."`

	// What [Parse] makes of the above.
	addresses, agents, formSenders []address.Address
	from                           address.Address
	retired                        []tag.Pair
}

// Tag is the pair that new subjects of the mailbox carry.
func (m Mailbox) Tag() tag.Pair { return tag.Pair{Start: m.TagStart, End: m.TagEnd} }

// RetiredPairs are the earlier pairs that still match.
func (m Mailbox) RetiredPairs() []tag.Pair { return slices.Clone(m.retired) }

// AddressList holds the addresses that reach the mailbox, at least one.
func (m Mailbox) AddressList() []address.Address { return slices.Clone(m.addresses) }

// AgentList holds the addresses of the mailbox's agents.
func (m Mailbox) AgentList() []address.Address { return slices.Clone(m.agents) }

// FormSenderList holds the addresses of web forms.
func (m Mailbox) FormSenderList() []address.Address { return slices.Clone(m.formSenders) }

// FromMailbox is what stands in From of the mailbox's mail.
func (m Mailbox) FromMailbox() address.Mailbox {
	return address.Mailbox{Name: m.Name, Address: m.from}
}

// Rule is one capture rule. Conditions left empty are met; all must be met.
type Rule struct {
	Name     string            `toml:"name" example:"order number" doc:"Shown in the trace of the mails it touched. Required."`
	Mailbox  string            `toml:"mailbox" doc:"Only in this mailbox."`
	From     string            `toml:"from" doc:"Only when the sender's address matches this RE2 expression."`
	To       string            `toml:"to" doc:"Only when a recipient address matches this RE2 expression."`
	Subject  string            `toml:"subject" doc:"Only when the subject matches this RE2 expression."`
	Body     string            `toml:"body" lines:"many" doc:"Only when the text matches this RE2 expression."`
	Capture  []Capture         `toml:"capture" doc:"Fields to take from the mail."`
	Type     string            `toml:"set_type" doc:"Type to set on a new ticket."`
	Priority string            `toml:"set_priority" oneof:"low normal high urgent" doc:"Priority to set on a new ticket."`
	Fields   map[string]string `toml:"set_fields" doc:"Fields to set."`
	Stop     bool              `toml:"stop" default:"false" doc:"Look at no further rule when this one applied."`

	conditions Conditions
}

// Conditions are the compiled expressions of a rule, nil where there is none.
// RE2 matches in linear time, whatever the mail holds.
type Conditions struct{ From, To, Subject, Body *regexp.Regexp }

// Conditions returns the compiled expressions.
func (r Rule) Conditions() Conditions { return r.conditions }

// Capture takes one field from the subject or the text.
type Capture struct {
	Field string `toml:"field" example:"order" doc:"Name of the field. Required."`
	In    string `toml:"in" default:"body" oneof:"subject body" doc:"\"subject\" or \"body\"."`
	Start string `toml:"start" lines:"many" example:"Order number:" doc:"Mark before the value."`
	End   string `toml:"end" lines:"many" doc:"Mark after the value; none means the end of the line."`
	Regex string `toml:"regex" lines:"many" doc:"RE2 expression; the value is its first group, or the whole match without one. Instead of start and end."`

	expression *regexp.Regexp
}

// Expression is the compiled regular expression, nil when the capture goes by
// marks.
func (c Capture) Expression() *regexp.Regexp { return c.expression }
