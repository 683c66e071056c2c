package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"mxdesk/internal/address"
	"mxdesk/internal/api"
	"mxdesk/ticketstore"
)

type contactCmd struct {
	Add    contactAddCmd    `cmd:"" help:"Add a contact, or change the one with this address."`
	List   contactListCmd   `cmd:"" help:"List contacts."`
	Show   contactShowCmd   `cmd:"" help:"Show a contact."`
	Import contactImportCmd `cmd:"" help:"Add contacts from a CSV file: kind,name,addresses,organisation,mailboxes."`
	Remove contactRemoveCmd `cmd:"" help:"Forget a contact; tickets stay."`
}

type contactAddCmd struct {
	Address      []address.Address `arg:"" help:"Addresses; the first is where mail goes."`
	Kind         string            `help:"agent, user or supplier; none: user, or what the contact is." placeholder:"KIND"`
	Name         string            `help:"Name." placeholder:"NAME"`
	Organisation string            `help:"Organisation." placeholder:"NAME"`
	Mailbox      []string          `help:"Mailbox that an agent works in; none: all." placeholder:"KEY"`
}

func (c *contactAddCmd) Run(e *env) error {
	return e.withDesk(true, func(cl *api.Client) error {
		var out ticketstore.Contact
		err := cl.Post(e.ctx, "/v1/contacts", ticketstore.Contact{
			Kind: ticketstore.ContactKind(c.Kind), Name: c.Name, Addresses: c.Address,
			Organisation: c.Organisation, Mailboxes: c.Mailbox,
		}, &out)
		if err != nil {
			return err
		}
		return e.result(out, func() { e.contactLine(&out) })
	})
}

type contactListCmd struct {
	Kind []string `help:"Only of this kind." placeholder:"KIND"`
}

func (c *contactListCmd) Run(e *env) error {
	return streamed(e, "/v1/contacts", url.Values{"kind": c.Kind}, e.contactLine)
}

type contactShowCmd struct {
	Address address.Address `arg:"" help:"One of the contact's addresses."`
}

func contactPath(a address.Address) string { return "/v1/contacts/" + url.PathEscape(a.String()) }

func (c *contactShowCmd) Run(e *env) error { return get(e, contactPath(c.Address), nil, e.contactLine) }

type contactRemoveCmd struct {
	Address address.Address `arg:"" help:"One of the contact's addresses."`
}

func (c *contactRemoveCmd) Run(e *env) error {
	return e.withDesk(false, func(cl *api.Client) error {
		var out ticketstore.Contact
		if err := cl.Delete(e.ctx, contactPath(c.Address), &out); err != nil {
			return err
		}
		return e.result(out, func() { e.contactLine(&out) })
	})
}

type contactImportCmd struct {
	File string `arg:"" help:"CSV file; - for standard input. Several addresses or mailboxes are divided by blanks."`
}

// Help is printed below the usage.
func (contactImportCmd) Help() string {
	return "A first line that begins with \"kind\" is a heading. Lines that are good are kept even when others are not: " +
		"every bad line is reported with its number, and the exit code is then 1. Mend those lines and import the file again; " +
		"a contact that is there already is changed, not added twice."
}

// Run adds line by line and reports every line that could not be added.
func (c *contactImportCmd) Run(e *env) error {
	if err := e.textOnly(); err != nil {
		return err
	}
	in, err := e.open(c.File, "the contacts")
	if err != nil {
		return err
	}
	defer in.Close() // only read
	r, err := c.reader(in)
	if err != nil {
		return err
	}
	return e.withDesk(true, func(cl *api.Client) error {
		added, failed := 0, 0
		for {
			row, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			line := 0
			var wrong *csv.ParseError
			switch {
			case errors.As(err, &wrong):
				line, err = wrong.StartLine, wrong.Err
			case err != nil: // no line follows
				return fmt.Errorf("reading the contacts: %w", err)
			default:
				if added+failed == 0 && strings.EqualFold(row[0], "kind") {
					continue
				}
				line, _ = r.FieldPos(0)
				if err = e.importRow(cl, row); err != nil && strings.Contains(row[0], ";") {
					err = fmt.Errorf("%w (use commas, not semicolons)", err)
				}
			}
			if err != nil {
				failed++
				fmt.Fprintf(e.stderr, "%s:%d: %s\n", c.File, line, safe(err.Error()))
				continue
			}
			added++
		}
		fmt.Fprintf(e.stderr, "%s added or changed, %s refused\n", count(added, "contact"), count(failed, "line"))
		if failed > 0 {
			return &exitError{exitFailed, errors.New("not all lines could be imported")}
		}
		return nil
	})
}

// reader reads CSV as spreadsheets write it: with a byte order mark in front
// and, in half of Europe, with semicolons. Those are refused: a line that has
// both could be read in two ways.
func (c *contactImportCmd) reader(in io.Reader) (*csv.Reader, error) {
	text := bufio.NewReader(in)
	if mark, _ := text.Peek(3); string(mark) == "\ufeff" {
		text.Discard(3)
	}
	first, err := text.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the contacts: %w", err)
	}
	if strings.Contains(first, ";") && !strings.Contains(first, ",") {
		return nil, fmt.Errorf("%s:1: the fields are divided by semicolons; use commas", c.File)
	}
	r := csv.NewReader(io.MultiReader(strings.NewReader(first), text))
	r.FieldsPerRecord, r.TrimLeadingSpace = -1, true
	return r, nil
}

func (e *env) importRow(cl *api.Client, row []string) error {
	for len(row) < 5 {
		row = append(row, "")
	}
	c := ticketstore.Contact{Kind: ticketstore.ContactKind(row[0]), Name: row[1], Organisation: row[3], Mailboxes: strings.Fields(row[4])}
	for s := range strings.FieldsSeq(row[2]) {
		a, err := address.Parse(s)
		if err != nil {
			return err
		}
		c.Addresses = append(c.Addresses, a)
	}
	return cl.Post(e.ctx, "/v1/contacts", c, &c)
}

type outboxCmd struct {
	List  outboxListCmd  `cmd:"" help:"List outgoing mails, oldest first."`
	Show  outboxShowCmd  `cmd:"" help:"Show an outgoing mail."`
	Retry outboxRetryCmd `cmd:"" help:"Try an outgoing mail again now."`
}

type outboxListCmd struct {
	State []string `help:"Only in this state: queued, sending, deferred, delivered, bounced, …" placeholder:"STATE"`
	Limit uint     `help:"At most so many, the newest; 0: all." default:"0" placeholder:"N"`
}

func (c *outboxListCmd) Run(e *env) error {
	q := url.Values{"state": c.State}
	if c.Limit != 0 {
		q.Set("limit", strconv.FormatUint(uint64(c.Limit), 10))
	}
	return streamed(e, "/v1/outbox", q, e.itemLine)
}

type outboxShowCmd struct {
	ID uint64 `arg:"" help:"Number of the outgoing mail."`
}

func (c *outboxShowCmd) Run(e *env) error {
	return get(e, "/v1/outbox/"+strconv.FormatUint(c.ID, 10), nil, func(it *api.Item) {
		e.itemLine(it)
		for _, a := range it.Attempts {
			fmt.Fprintf(e.stdout, "        %s  %s  %s\n", when(a.At), safe(a.Host), safe(a.Reply))
		}
		if it.LeftOut > 0 {
			fmt.Fprintf(e.stdout, "        and %s between the first and the newest\n", count(int(it.LeftOut), "attempt"))
		}
		if it.Next != "" {
			fmt.Fprintf(e.stdout, "        next attempt %s\n", it.Next)
		}
		fmt.Fprint(e.stdout, "\n", block(strings.ReplaceAll(it.Header, "\r", ""), "    "))
	})
}

type outboxRetryCmd struct {
	ID uint64 `arg:"" help:"Number of the outgoing mail."`
}

func (c *outboxRetryCmd) Run(e *env) error {
	return post(e, "/v1/outbox/"+strconv.FormatUint(c.ID, 10)+"/retry", struct{}{}, e.itemLine)
}

type heldCmd struct {
	List    heldListCmd    `cmd:"" help:"List held mails."`
	Show    heldShowCmd    `cmd:"" help:"Show a held mail and its text; --raw: its octets as received."`
	Release heldReleaseCmd `cmd:"" help:"File a held mail: you vouch for its sender."`
	Drop    heldDropCmd    `cmd:"" help:"Decide not to file a held mail; it stays in the store until it is erased."`
	Erase   heldEraseCmd   `cmd:"" help:"Take what a held mail says out, for good, and so drop it; see store compact."`
}

type heldListCmd struct {
	All bool `help:"Those decided on, too."`
}

func (c *heldListCmd) Run(e *env) error {
	q := url.Values{}
	if !c.All {
		q.Set("state", "held")
	}
	return streamed(e, "/v1/held", q, e.heldLine)
}

func heldPath(id uint64, verb string) string {
	return "/v1/held/" + strconv.FormatUint(id, 10) + verb
}

type heldShowCmd struct {
	ID  uint64 `arg:"" help:"Number of the held mail."`
	Raw bool   `help:"Print its octets as received."`
}

func (c *heldShowCmd) Run(e *env) error {
	if c.Raw {
		return e.raw(heldPath(c.ID, "/raw"), nil)
	}
	return get(e, heldPath(c.ID, ""), nil, func(h *api.Held) {
		e.heldLine(&h.HeldMail)
		fmt.Fprintf(e.stdout, "        sender %s: %s\n", h.Verdict.Auth, safe(h.Verdict.Reason))
		if h.Ticket != 0 {
			fmt.Fprintf(e.stdout, "        points to ticket %s\n", h.Ticket)
		}
		if strings.TrimSpace(h.Text) != "" {
			fmt.Fprint(e.stdout, "\n", block(h.Text, "    "))
		}
	})
}

type heldReleaseCmd struct {
	ID uint64 `arg:"" help:"Number of the held mail."`
	asFlag
}

func (c *heldReleaseCmd) Run(e *env) error {
	return post(e, heldPath(c.ID, "/release"), api.By{As: c.As}, func(r *api.Receipt) {
		fmt.Fprintf(e.stdout, "%s %s\n", r.Outcome, r.Tag)
	})
}

type heldDropCmd struct {
	ID uint64 `arg:"" help:"Number of the held mail."`
	asFlag
}

func (c *heldDropCmd) Run(e *env) error {
	return post(e, heldPath(c.ID, "/drop"), api.By{As: c.As}, e.heldLine)
}

type heldEraseCmd struct {
	ID uint64 `arg:"" help:"Number of the held mail."`
	asFlag
}

func (c *heldEraseCmd) Run(e *env) error {
	return e.erased(post(e, heldPath(c.ID, "/erase"), api.By{As: c.As}, e.heldLine))
}
