package storetest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

// Fill puts a small desk into a store: something in every table. The same each
// time, but for what was there before.
func Fill(t testing.TB, s ticketstore.Store, tickets int) {
	t.Helper()
	ann, bob := addr(t, "ann@example.org"), addr(t, "bob@desk.example")
	update := func(fn func(ticketstore.View) (ticketstore.Change, error)) {
		t.Helper()
		if err := s.Update(context.Background(), fn); err != nil {
			t.Fatal(err)
		}
	}
	update(func(v ticketstore.View) (ticketstore.Change, error) {
		id := v.Next().Contact
		if id > 1 {
			return ticketstore.Change{}, nil // a second helping
		}
		return ticketstore.Change{At: now, Contacts: []ticketstore.Contact{
			{ID: id, Kind: ticketstore.KindUser, Name: "Ann", Addresses: []address.Address{ann}},
			{ID: id + 1, Kind: ticketstore.KindAgent, Name: "Bob", Addresses: []address.Address{bob}},
		}}, nil
	})
	for range tickets {
		update(func(v ticketstore.View) (ticketstore.Change, error) { return sampleTicket(v, ann), nil })
	}
	update(func(v ticketstore.View) (ticketstore.Change, error) {
		n := v.Next()
		return ticketstore.Change{
			At: now, Records: []ticketstore.Record{Record(n.Record, "held octets")},
			Held: []ticketstore.HeldMail{{ID: n.Held, At: now, Record: n.Record, State: "held", Subject: "forged", Mailbox: "support"}},
		}, nil
	})
}

// sampleTicket opens a ticket by a mail that is acknowledged and remembered.
func sampleTicket(v ticketstore.View, from address.Address) ticketstore.Change {
	n := v.Next()
	id := n.Ticket
	rec := Record(n.Record, fmt.Sprintf("From: %s\r\nSubject: case %d\r\n\r\nThe text of case %d.\r\n", from, id, id))
	env := ticketstore.Envelope{From: from, Received: now}
	rec.Meta = ticketstore.MailMeta{Ticket: id, Action: 1, Envelope: env}
	body := Record(n.Record+1, fmt.Sprintf("We have your mail %d.\r\n", id))
	body.Kind = ticketstore.RecordBody
	at := now.Add(time.Duration(id%1000) * time.Minute) // what was seen is known for a week
	return ticketstore.Change{
		At: at, Records: []ticketstore.Record{rec, body},
		Tickets: []ticketstore.Ticket{{
			ID: id, Version: 1, LastSeq: 1, Mailbox: "support", Subject: fmt.Sprint("case ", id), Status: ticketstore.StatusNew,
			Requester: address.Mailbox{Name: "Ann", Address: from}, Created: at, Updated: at,
		}},
		Actions: []ticketstore.Action{{
			Ticket: id, Seq: 1, At: at, Direction: ticketstore.In, Outcome: ticketstore.OutcomeOpened, Visibility: ticketstore.Public,
			Record: n.Record, Text: fmt.Sprintf("The text of case %d.", id), MessageID: messageID(id), Envelope: &env,
		}},
		MessageIDs: []ticketstore.MessageRef{{MessageID: messageID(id), Ticket: id, Action: 1}},
		Seen:       []ticketstore.Seen{{Key: mailKey(id), At: at, Ticket: id, Mailboxes: []string{"support"}, Outcome: "new"}},
		AutoMails:  []address.Address{from},
		Items: []ticketstore.OutboxItem{{
			ID: n.Item, Ticket: id, Action: 1, Template: "acknowledgement", To: from, MessageID: fmt.Sprintf("ack%d@desk.example", id),
			Header: "Subject: we have it\r\n", Body: n.Record + 1, State: ticketstore.ItemQueued, Created: at, Next: at,
		}},
	}
}

func messageID(id ticketstore.TicketID) string { return fmt.Sprintf("m%d@example.org", id) }

func mailKey(id ticketstore.TicketID) (k ticketstore.MailKey) {
	binary.LittleEndian.PutUint64(k[:], uint64(id))
	return k
}

// Dump reads everything that Fill wrote and whatever else is numbered, by name.
// What cannot be read is missing and counted: the caller tells what is
// wrong by comparing two dumps.
func Dump(t interface{ Helper() }, s ticketstore.Store) (values map[string]string, failed int) {
	t.Helper()
	d := dump{values: map[string]string{}}
	err := s.View(context.Background(), func(v ticketstore.View) error {
		d.view = v
		d.tickets()
		d.rest()
		return nil
	})
	if err != nil {
		d.failed++
	}
	return d.values, d.failed
}

type dump struct {
	view   ticketstore.View
	values map[string]string
	failed int
}

func (d *dump) add(name string, v any, err error) {
	if err != nil {
		if !errors.Is(err, ticketstore.ErrNotFound) {
			d.failed++
		}
		return
	}
	raw, err := json.Marshal(v)
	if err != nil {
		raw = []byte(err.Error())
	}
	d.values[name] = string(raw)
}

func (d *dump) record(id ticketstore.RecordID) {
	c, err := d.view.Content(id)
	if err != nil {
		d.add("", nil, err)
		return
	}
	raw, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	d.add(fmt.Sprint("record ", id), raw, err)
}

func (d *dump) tickets() {
	var ids []ticketstore.TicketID // also of those that cannot be listed
	for id := ticketstore.TicketID(1); id < 1000 && id <= d.view.Next().Ticket; id++ {
		ids = append(ids, id)
	}
	for t, err := range d.view.Tickets(ticketstore.TicketFilter{}) {
		if d.add(fmt.Sprint("listed ticket ", uint64(t.ID)), t, err); err == nil && t.ID >= 1000 {
			ids = append(ids, t.ID)
		}
	}
	for _, id := range ids {
		t, err := d.view.Ticket(id)
		d.add(fmt.Sprint("ticket ", uint64(id)), t, err)
		for a, err := range d.view.Actions(id) {
			d.add(actionName(id, a.Seq), a, err)
		}
		list, err := d.view.TicketsByMessageID(messageID(id))
		if err == nil && len(list) == 0 {
			err = ticketstore.ErrNotFound
		}
		d.add(fmt.Sprint("tickets of message ", uint64(id)), list, err)
		seen, err := d.view.Seen(mailKey(id))
		d.add(fmt.Sprint("mail seen ", uint64(id)), seen, err)
	}
}

func actionName(id ticketstore.TicketID, seq uint32) string {
	return fmt.Sprintf("action %d/%d", id, seq)
}

func (d *dump) rest() {
	for c, err := range d.view.Contacts() {
		d.add(fmt.Sprint("contact ", c.ID), c, err)
		if len(c.Addresses) > 0 {
			found, err := d.view.ContactByAddress(c.Addresses[0])
			d.add("contact by "+c.Addresses[0].String(), found, err)
		}
	}
	for it, err := range d.view.Items() {
		d.add(fmt.Sprint("item ", it.ID), it, err)
	}
	for h, err := range d.view.HeldMails() {
		d.add(fmt.Sprint("held ", h.ID), h, err)
	}
	for id := ticketstore.RecordID(1); id < d.view.Next().Record && id < 5000; id++ {
		d.record(id)
	}
}
