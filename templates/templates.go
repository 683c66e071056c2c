// Package templates turns an event of a ticket into the mail that tells of it:
// a subject, a plain text and an HTML text.
//
// The built-in templates are embedded, one set for each language. A mailbox may
// have a folder whose files replace them one by one: "<event>.txt" holds a
// first line "Subject: …", a blank line and the text, "<event>.html" the whole
// HTML part. Both are Go templates over [Data]. For most uses
//
//	set, err := templates.Load(folder, "en")
//	mail, err := set.Render(templates.AgentReply, data)
//
// is all there is. What a template must not get wrong is not left to it: the
// subject always carries the ticket's tag exactly once, values cannot add a
// header field or a tag of HTML, an acknowledgement to an unverified sender
// never repeats what that sender wrote, and a template that fails is replaced
// by the built-in one. To bound time and memory, the language is cut down: no
// define, block or template, no printf, and range only over .Attachments and
// .Ticket.Fields.
package templates

import (
	htmltemplate "html/template"
	texttemplate "text/template"
)

// The events that mail is sent for.
const (
	// Acknowledgement tells the requester that a ticket was opened.
	Acknowledgement = "acknowledgement"
	// AgentReply brings an agent's answer to the requester and the followers.
	AgentReply = "agent-reply"
	// UserUpdate tells agents what a user or a supplier wrote.
	UserUpdate = "user-update"
	// SupplierRequest brings an agent's question to the supplier.
	SupplierRequest = "supplier-request"
)

// Events lists every event, in the order of a ticket's life.
func Events() []string {
	return []string{Acknowledgement, AgentReply, UserUpdate, SupplierRequest}
}

// Languages lists the languages of the built-in templates.
func Languages() []string { return []string{fallbackLanguage, "de"} }

const fallbackLanguage = "en"

// Data is what a template can show. All of it is text: the caller formats
// times. Nobody's address is in it, so no template can give one away.
type Data struct {
	// Desk is the mailbox's display name.
	Desk   string
	Ticket Ticket
	// Requester is who the ticket is for.
	Requester Person
	// Author wrote Text.
	Author Person
	// Kind is the text under the author's name: "End user", "Agent", "Supplier".
	Kind string
	// Text is what is new: the author's words without quoted part and signature.
	Text string
	// Quoted is the message before this one, not yet marked as quoted: a
	// template writes {{quote .Quoted}}.
	Quoted   string
	QuotedBy string
	QuotedAt string
	// Signature is the mailbox's signature, without a "-- " line.
	Signature string
	// Marker is the line above which an agent answers. Where it is given, it
	// stands first in the mail, whatever the template does.
	Marker string
	// Attachments are the names of the files that come with Text.
	Attachments []string
	// Unverified says that nothing vouches for the author's address.
	Unverified bool
}

// Ticket is the part of a ticket that a template can show.
type Ticket struct {
	ID       string // zero-padded, such as "0002139"
	Tag      string // ID between its start and end tag, such as "[ID:0002139]"
	Subject  string
	Type     string
	Status   string
	Priority string
	Fields   map[string]string
}

// Person is someone a template can name.
type Person struct{ Name string }

// Mail is a rendered mail. All three texts are valid UTF-8.
type Mail struct {
	// Subject is one line of at most 900 octets without control characters. It
	// holds the ticket's tag exactly once.
	Subject string
	// Text ends each line in LF.
	Text string
	// HTML is a whole document without references to anything outside it. It is
	// empty when it would have been over 1 MiB.
	HTML string
	// Warnings says what had to be put right: a template that failed and was
	// replaced by the built-in one, a text that was cut.
	Warnings []string
}

// Set holds the templates of one mailbox. It never changes and may be used from
// several goroutines at once.
type Set struct {
	pages map[string]pair
}

// pair is the page in use for an event and the built-in one behind it.
type pair struct {
	use, builtin page
}

// page is the template of one event.
type page struct {
	name     string // file of the text, for warnings
	language string
	subject  *texttemplate.Template
	text     *texttemplate.Template
	html     *htmltemplate.Template // nil: made from the rendered text
}
