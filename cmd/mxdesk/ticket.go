package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"mxdesk/internal/address"
	"mxdesk/internal/api"
	"mxdesk/ticketstore"
)

type ticketCmd struct {
	New    ticketNewCmd    `cmd:"" help:"Open a ticket by hand; nothing is sent."`
	List   ticketListCmd   `cmd:"" help:"List tickets, newest first."`
	Show   ticketShowCmd   `cmd:"" help:"Show a ticket with its history."`
	Reply  ticketReplyCmd  `cmd:"" help:"Answer the user, or ask the supplier."`
	Note   ticketNoteCmd   `cmd:"" help:"Add an internal note."`
	Set    ticketSetCmd    `cmd:"" help:"Change subject, type, priority, supplier, fields, followers."`
	Status ticketStatusCmd `cmd:"" help:"Change the status: new, open, waiting, on-hold, solved, closed."`
	Assign ticketAssignCmd `cmd:"" help:"Give a ticket to an agent."`
	Merge  ticketMergeCmd  `cmd:"" help:"Close a ticket into another."`
	Erase  ticketEraseCmd  `cmd:"" help:"Take all that was said out of a ticket, for good; see store compact."`
	Raw    ticketRawCmd    `cmd:"" help:"Print the octets of a mail as received."`
}

// number is a ticket number, with or without zeros and with or without its tag.
type number struct{ ticketstore.TicketID }

func (n *number) UnmarshalText(b []byte) error {
	digits := strings.TrimFunc(string(b), func(r rune) bool { return r < '0' || r > '9' })
	id, err := ticketstore.ParseTicketID(digits)
	if err != nil {
		return fmt.Errorf("%q is not a ticket number", b)
	}
	n.TicketID = id
	return nil
}

func (n number) path(verb string) string {
	return "/v1/tickets/" + strconv.FormatUint(uint64(n.TicketID), 10) + verb
}

// asFlag says who acts.
type asFlag struct {
	As address.Address `help:"Agent who does it; none: the desk itself." placeholder:"ADDRESS"`
}

// textFlags are the ways to give a text.
type textFlags struct {
	Text *string `help:"The text; none: from --file or standard input." placeholder:"TEXT" xor:"text"`
	File string  `help:"File with the text, of at most 1 MiB; - for standard input." placeholder:"FILE" xor:"text"`
}

// maxText bounds a text from a file or a pipe, in octets.
const maxText = 1 << 20

func (f *textFlags) read(e *env) (string, error) {
	if f.Text != nil {
		return *f.Text, nil // even an empty one: a script must not wait for standard input
	}
	raw, err := e.read(f.File, "the text", maxText)
	return strings.ReplaceAll(string(raw), "\r\n", "\n"), err
}

type ticketNewCmd struct {
	asFlag
	textFlags
	Mailbox   string          `help:"Mailbox; may be left out when there is one." placeholder:"KEY"`
	Requester address.Address `required:"" help:"Who the ticket is for." placeholder:"ADDRESS"`
	Name      string          `help:"Name of the requester." placeholder:"NAME"`
	Subject   string          `required:"" help:"Subject." placeholder:"TEXT"`
	Type      string          `help:"Type; none: the mailbox's." placeholder:"TYPE"`
	Priority  string          `help:"low, normal, high or urgent." placeholder:"PRIORITY"`
}

func (c *ticketNewCmd) Run(e *env) error {
	text, err := c.read(e)
	if err != nil {
		return err
	}
	return e.withDesk(true, func(cl *api.Client) error {
		var t api.Ticket
		err := cl.Post(e.ctx, "/v1/tickets", api.NewTicket{
			As: c.As, Mailbox: c.Mailbox, Requester: address.Mailbox{Name: c.Name, Address: c.Requester},
			Subject: c.Subject, Text: text, Type: c.Type, Priority: c.Priority,
		}, &t)
		if err != nil {
			return err
		}
		return e.result(t, func() { fmt.Fprintln(e.stdout, t.Tag) })
	})
}

type ticketListCmd struct {
	Status    []string `help:"Only with this status; may be given more than once." placeholder:"STATUS"`
	Mailbox   string   `help:"Only of this mailbox." placeholder:"KEY"`
	Type      string   `help:"Only of this type." placeholder:"TYPE"`
	Requester string   `help:"Only of this requester." placeholder:"ADDRESS"`
	Assignee  string   `help:"Only of this agent." placeholder:"ADDRESS"`
	Limit     uint     `help:"At most so many; 0: all." default:"0" placeholder:"N"`
}

func (c *ticketListCmd) Run(e *env) error {
	q := url.Values{"status": c.Status}
	for k, v := range map[string]string{"mailbox": c.Mailbox, "type": c.Type, "requester": c.Requester, "assignee": c.Assignee} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if c.Limit != 0 {
		q.Set("limit", strconv.FormatUint(uint64(c.Limit), 10))
	}
	return streamed(e, "/v1/tickets", q, e.ticketLine)
}

type ticketShowCmd struct {
	ID number `arg:"" help:"Ticket number."`
}

func (c *ticketShowCmd) Run(e *env) error {
	return e.showTicket(http.MethodGet, c.ID.path(""), nil, e.ticket, e.action)
}

// onTicket asks the desk to do something to a ticket and prints what it is like
// then.
func (e *env) onTicket(path string, in any) error {
	return e.showTicket(http.MethodPost, path, in, e.ticketLine, nil)
}

type ticketReplyCmd struct {
	ID number `arg:"" help:"Ticket number."`
	asFlag
	textFlags
	Status     string            `help:"Status to set; none: waiting, or on-hold with --to-supplier." placeholder:"STATUS"`
	Cc         []address.Address `help:"Follower to add; may be given more than once." placeholder:"ADDRESS"`
	Attach     []string          `help:"File to attach; may be given more than once." placeholder:"FILE" sep:"none"`
	Template   string            `help:"Template instead of the usual one." placeholder:"NAME"`
	ToSupplier bool              `help:"Ask the ticket's supplier instead of answering the user."`
	Supplier   address.Address   `help:"Set the ticket's supplier first." placeholder:"ADDRESS"`
}

func (c *ticketReplyCmd) Run(e *env) error {
	text, err := c.read(e)
	if err != nil {
		return err
	}
	req := api.Reply{
		As: c.As, Text: text, Status: ticketstore.Status(c.Status), Cc: c.Cc,
		Template: c.Template, ToSupplier: c.ToSupplier, Supplier: c.Supplier,
	}
	for _, name := range c.Attach {
		content, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("reading the attachment: %w", err)
		}
		req.Files = append(req.Files, api.File{Name: filepath.Base(name), Content: content})
	}
	return post(e, c.ID.path("/reply"), req, func(s *api.Sent) {
		for i := range s.Items {
			fmt.Fprintf(e.stdout, "%s to %s: %s\n", s.Items[i].Template, safe(s.Items[i].To.String()), s.Items[i].State)
		}
	})
}

type ticketNoteCmd struct {
	ID number `arg:"" help:"Ticket number."`
	asFlag
	textFlags
}

func (c *ticketNoteCmd) Run(e *env) error {
	text, err := c.read(e)
	if err != nil {
		return err
	}
	return e.onTicket(c.ID.path("/note"), api.Note{As: c.As, Text: text})
}

type ticketEraseCmd struct {
	ID number `arg:"" help:"Ticket number."`
	asFlag
}

func (c *ticketEraseCmd) Run(e *env) error {
	return e.erased(e.onTicket(c.ID.path("/erase"), api.Erase{As: c.As}))
}

// erased says of an erasure, unless it failed, what is left of it.
func (e *env) erased(err error) error {
	if err == nil {
		fmt.Fprintln(e.stderr, "Its octets stay in the files until \"mxdesk store compact\", and in backups made before.")
	}
	return err
}

type ticketStatusCmd struct {
	ID     number `arg:"" help:"Ticket number."`
	Status string `arg:"" help:"new, open, waiting, on-hold, solved or closed."`
	asFlag
}

func (c *ticketStatusCmd) Run(e *env) error {
	return e.onTicket(c.ID.path("/status"), api.Status{As: c.As, Status: ticketstore.Status(c.Status)})
}

type ticketAssignCmd struct {
	ID    number `arg:"" help:"Ticket number."`
	Agent string `arg:"" help:"Address of the agent; - takes the ticket from whoever has it."`
	asFlag
}

func (c *ticketAssignCmd) Run(e *env) error {
	var to address.Address
	if c.Agent != "-" {
		var err error
		if to, err = address.Parse(c.Agent); err != nil {
			return &exitError{exitUsage, err}
		}
	}
	return e.onTicket(c.ID.path("/assign"), api.Assign{As: c.As, To: to})
}

type ticketMergeCmd struct {
	ID   number `arg:"" help:"Ticket to close."`
	Into number `arg:"" help:"Ticket that goes on."`
	asFlag
}

func (c *ticketMergeCmd) Run(e *env) error {
	return e.onTicket(c.ID.path("/merge"), api.Merge{As: c.As, Into: c.Into.TicketID})
}

type ticketRawCmd struct {
	ID     number `arg:"" help:"Ticket number."`
	Action uint32 `help:"Number of the action; none: the first mail." placeholder:"N"`
	Trace  bool   `help:"With the fields that mxdesk put on top."`
}

func (c *ticketRawCmd) Run(e *env) error {
	q := url.Values{}
	if c.Action != 0 {
		q.Set("action", strconv.Itoa(int(c.Action)))
	}
	if c.Trace {
		q.Set("trace", "1")
	}
	return e.raw(c.ID.path("/raw"), q)
}

type ticketSetCmd struct {
	ID number `arg:"" help:"Ticket number."`
	asFlag
	Subject   string            `help:"Subject." placeholder:"TEXT"`
	Type      string            `help:"Type." placeholder:"TYPE"`
	Priority  string            `help:"low, normal, high or urgent." placeholder:"PRIORITY"`
	Supplier  *string           `help:"Address of the supplier; empty: none." placeholder:"ADDRESS"`
	Reference *string           `help:"The supplier's own number." placeholder:"TEXT"`
	Field     map[string]string `help:"Field to set; an empty value removes it." placeholder:"NAME=VALUE"`
	Follow    []address.Address `help:"Follower to add." placeholder:"ADDRESS"`
	Unfollow  []address.Address `help:"Follower to remove." placeholder:"ADDRESS"`
}

func (c *ticketSetCmd) Run(e *env) error {
	req := api.Set{
		As: c.As, Subject: c.Subject, Type: c.Type, Priority: c.Priority, SupplierRef: c.Reference,
		Fields: c.Field, Follow: c.Follow, Unfollow: c.Unfollow,
	}
	if c.Supplier != nil {
		var a address.Address
		if err := a.UnmarshalText([]byte(*c.Supplier)); err != nil {
			return &exitError{exitUsage, err}
		}
		req.Supplier = &a
	}
	return e.onTicket(c.ID.path("/set"), req)
}
