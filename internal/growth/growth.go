// Package growth fills a store as years of mail would, so that it can be seen
// what a full one costs.
//
// The tickets are made up: each has a mail that opened it, an acknowledgement
// that was delivered, and answers to and fro, with texts of a few hundred octets
// that differ from each other. The same numbers always give the same desk.
package growth

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"mxdesk/internal/address"
	"mxdesk/ticketstore"
)

// Shape is how large a desk is to be.
type Shape struct {
	Tickets int // besides those that are there
	Actions int // of each ticket, at least 1. Every second one was sent by an agent
}

// begin is when the first ticket was opened; the next follow a minute apart.
var begin = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	people  = 50_000 // who write to the desk
	batch   = 50     // tickets in one change
	writers = 4      // changes at once, so that they share a flush
)

// Fill puts made-up tickets into a store and returns their payload: the octets
// of raw mails, of outgoing bodies and of texts, each text counted once.
func Fill(ctx context.Context, s ticketstore.Store, shape Shape) (payload int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	todo := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range writers {
		wg.Go(func() {
			for n := range todo {
				octets, err := add(ctx, s, n, shape.Actions)
				if err != nil {
					cancel(err)
				}
				mu.Lock()
				payload += octets
				mu.Unlock()
			}
		})
	}
	for left := shape.Tickets; left > 0 && ctx.Err() == nil; left -= batch {
		todo <- min(left, batch)
	}
	close(todo)
	wg.Wait()
	return payload, context.Cause(ctx)
}

// add puts n tickets into the store, in one change.
func add(ctx context.Context, s ticketstore.Store, n, actions int) (payload int64, err error) {
	err = s.Update(ctx, func(v ticketstore.View) (ticketstore.Change, error) {
		w := writer{next: v.Next()}
		for range n {
			if err := w.ticket(actions); err != nil {
				return ticketstore.Change{}, err
			}
		}
		payload = w.payload
		return w.change, nil
	})
	if err != nil {
		return 0, fmt.Errorf("adding tickets: %w", err)
	}
	return payload, nil
}

// Mail takes one mail as a desk does that opens a ticket for it and queues an
// acknowledgement.
func Mail(ctx context.Context, s ticketstore.Store) error {
	_, err := add(ctx, s, 1, 1)
	return err
}

// writer makes one change.
type writer struct {
	next    ticketstore.NextIDs
	change  ticketstore.Change
	payload int64
	r       *rand.Rand
}

func (w *writer) ticket(actions int) error {
	id := w.next.Ticket
	w.next.Ticket++
	w.r = rand.New(rand.NewPCG(uint64(id), 1))
	from, err := address.Parse(fmt.Sprintf("user%d@client%d.example", w.r.IntN(people), w.r.IntN(100)))
	if err != nil {
		return err
	}
	at := begin.Add(time.Duration(id) * time.Minute)
	t := ticketstore.Ticket{
		ID: id, Type: "incident", Mailbox: "support", Subject: w.words(6), Status: w.status(), Priority: "normal",
		Requester: address.Mailbox{Name: "User", Address: from}, Created: at, Updated: at,
		LastSeq: uint32(actions), Version: 1, Acknowledged: true,
	}
	w.change.At = at
	w.change.Tickets = append(w.change.Tickets, t)
	for seq := range uint32(actions) {
		w.action(&t, seq+1)
	}
	return nil
}

// header is that of a mail which came over two servers and was signed.
func (w *writer) header(t *ticketstore.Ticket, messageID string) string {
	var b strings.Builder
	at := t.Created.Format(time.RFC1123Z)
	for i := range 2 {
		fmt.Fprintf(&b, "Received: from mx%d.client.example (mx%d.client.example [192.0.2.%d])\r\n\tby relay.client.example with ESMTPS id %016X\r\n\tfor <support@desk.example>; %s\r\n", i, i, w.r.IntN(250), w.r.Uint64(), at)
	}
	b.WriteString("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=client.example; s=s1;\r\n\th=from:to:subject:date:message-id; bh=")
	for i := range 24 { // a hash and a signature of 2048 bits
		if i == 3 {
			b.WriteString(";\r\n\tb=")
		}
		fmt.Fprintf(&b, "%016x", w.r.Uint64())
	}
	fmt.Fprintf(&b, "\r\nDate: %s\r\nFrom: User <%s>\r\nTo: <support@desk.example>\r\nMessage-ID: <%s>\r\n", at, t.Requester.Address, messageID)
	fmt.Fprintf(&b, "Subject: %s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", t.Subject)
	return b.String()
}

// status makes most tickets closed ones.
func (w *writer) status() ticketstore.Status {
	if w.r.IntN(20) > 0 {
		return ticketstore.StatusClosed
	}
	return ticketstore.StatusOpen
}

// action is one mail of a conversation, with what goes out because of it.
func (w *writer) action(t *ticketstore.Ticket, seq uint32) {
	text := w.words(40 + w.r.IntN(100))
	messageID := fmt.Sprintf("%016x.%d@client.example", w.r.Uint64(), t.ID)
	a := ticketstore.Action{
		Ticket: t.ID, Seq: seq, At: t.Created.Add(time.Duration(seq) * time.Hour), Visibility: ticketstore.Public,
		Text: text, Fresh: text, Subject: t.Subject, MessageID: messageID, Attachments: []ticketstore.Attachment{},
	}
	w.payload += int64(len(a.Text)) // Fresh is the same once more
	if seq%2 == 1 {
		a.Direction, a.Outcome = ticketstore.In, ticketstore.OutcomeUserUpdate
		a.Actor = ticketstore.Actor{Kind: ticketstore.ActorUser, Name: "User", Address: t.Requester.Address}
		a.Envelope = &ticketstore.Envelope{From: t.Requester.Address, ClientIP: "192.0.2.1", Helo: "client.example", Received: a.At}
		a.Record = w.record(ticketstore.RecordMail, w.header(t, messageID)+text)
		w.change.MessageIDs = append(w.change.MessageIDs, ticketstore.MessageRef{MessageID: messageID, Ticket: t.ID, Action: seq})
		var key ticketstore.MailKey
		binary.BigEndian.PutUint64(key[:], w.r.Uint64())
		binary.BigEndian.PutUint64(key[8:], uint64(t.ID)<<16+uint64(seq))
		w.change.Seen = append(w.change.Seen, ticketstore.Seen{Key: key, At: a.At, Ticket: t.ID, Mailboxes: []string{t.Mailbox}, Outcome: "new"})
	} else {
		a.Direction, a.Outcome = ticketstore.Out, ticketstore.OutcomeAgentUpdate
		a.Actor = ticketstore.Actor{Kind: ticketstore.ActorAgent, Name: "Agent"}
	}
	if seq%2 == 0 || seq == 1 { // an answer, or the acknowledgement
		w.item(t, &a, w.record(ticketstore.RecordBody, text))
	}
	w.change.Actions = append(w.change.Actions, a)
}

func (w *writer) item(t *ticketstore.Ticket, a *ticketstore.Action, body ticketstore.RecordID) {
	w.change.Items = append(w.change.Items, ticketstore.OutboxItem{
		ID: w.next.Item, Ticket: t.ID, Action: a.Seq, Template: "agent-reply", To: t.Requester.Address,
		Header: "From: Support <support@desk.example>\r\nSubject: " + t.Subject + "\r\n", MessageID: a.MessageID,
		Body: body, State: ticketstore.ItemDelivered, Created: a.At,
		Attempts: []ticketstore.Attempt{{At: a.At, Host: "smarthost.example:587", Reply: "250 2.0.0 queued"}},
	})
	w.next.Item++
}

func (w *writer) record(kind ticketstore.RecordKind, octets string) ticketstore.RecordID {
	id := w.next.Record
	w.next.Record++
	w.payload += int64(len(octets))
	w.change.Records = append(w.change.Records, ticketstore.Record{
		ID: id, Kind: kind, Content: ticketstore.Octets(octets), Digest: sha256.Sum256([]byte(octets)),
	})
	return id
}

var vocabulary = strings.Fields("account again answer browser button call change client delivery desk device error file form invoice keyboard letter login machine message network number office order page password phone printer problem question report request screen server software station status system tablet ticket update window work")

func (w *writer) words(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(" \n"[min(1, i%12/11)])
		}
		b.WriteString(vocabulary[w.r.IntN(len(vocabulary))])
	}
	return b.String()
}
