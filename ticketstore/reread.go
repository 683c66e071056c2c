package ticketstore

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"mxdesk/internal/address"
)

// More numbers than these are never missing between two, however much was erased:
// a record that says so is none that the desk wrote.
const (
	farRecord = 1 << 32
	farTicket = 1 << 24 // also of held mails
	farEntry  = 1 << 16 // of a ticket
)

// fromMails makes actions, and held mails, again of the raw mails whose records
// name them, in the order of the numbers. A mail whose numbers cannot be is held.
func (r *repair) fromMails() error {
	type claim struct {
		record RecordID
		ticket TicketID
		action uint32
		held   HeldID
	}
	var claims []claim
	for key := range r.table(bRecords) {
		id := RecordID(binary.BigEndian.Uint64([]byte(key)))
		_, meta, ok := r.mailOf(id)
		_, there := r.table(bHeld)[string(key64(uint64(meta.Held)))]
		if ok && (meta.Ticket != 0 && r.actions[meta.Ticket][meta.Action] == nil || meta.Held != 0 && !there) {
			claims = append(claims, claim{id, meta.Ticket, meta.Action, meta.Held})
		}
	}
	slices.SortFunc(claims, func(x, y claim) int {
		return cmp.Or(cmp.Compare(x.ticket, y.ticket), cmp.Compare(x.action, y.action), cmp.Compare(x.held, y.held), cmp.Compare(x.record, y.record))
	})
	tickets, held := max(r.highest(bTickets), r.highest(bActions)), r.highest(bHeld)
	var of TicketID
	var entries uint32
	var strange []RecordID
	for _, c := range claims {
		x, meta, _ := r.mailOf(c.record)
		if c.ticket != of {
			of, entries = c.ticket, r.lastEntry(c.ticket)
		}
		_, there := r.table(bHeld)[string(key64(uint64(c.held)))]
		switch {
		case c.ticket != 0 && (c.action == 0 || far(uint64(c.ticket), tickets, farTicket) || far(uint64(c.action), uint64(entries), farEntry)),
			c.held != 0 && far(uint64(c.held), held, farTicket):
			strange = append(strange, c.record)
			continue
		case c.ticket != 0 && r.actions[c.ticket][c.action] == nil:
			r.file(x, &meta)
			tickets, entries = max(tickets, uint64(c.ticket)), max(entries, c.action)
		}
		if c.held != 0 && !there {
			r.hold(x, &meta, c.held, "it may have been decided on before")
			held = max(held, uint64(c.held))
		}
	}
	for _, id := range strange {
		x, meta, _ := r.mailOf(id)
		held++
		r.hold(x, &meta, HeldID(held), fmt.Sprintf("its record names ticket %d, entry %d, held mail %d, which cannot be", meta.Ticket, meta.Action, meta.Held))
		r.report.Notes = append(r.report.Notes, fmt.Sprintf("record %d names numbers that cannot be; its mail is held as number %d", id, held))
	}
	return nil
}

// far reports whether a number lies too far behind the last one that is known.
func far(n, last, most uint64) bool { return n > last && n-last > most }

// highest is the highest number in a table, or that it has given out.
func (r *repair) highest(name []byte) uint64 {
	n := r.sums[string(name)].Sequence
	for key := range r.table(name) {
		n = max(n, binary.BigEndian.Uint64([]byte(key)))
	}
	return n
}

// lastEntry is the last entry of a ticket that is known.
func (r *repair) lastEntry(id TicketID) (last uint32) {
	if t := r.tickets[id]; t != nil {
		last = t.LastSeq
	}
	for seq := range r.actions[id] {
		last = max(last, seq)
	}
	return last
}

// file makes the action of a mail again, and its ticket when that is lost.
func (r *repair) file(x raw, meta *MailMeta) {
	a := r.reread(x, meta)
	r.action(a)
	r.set(bActions, actionKey(a.Ticket, a.Seq), encode(a), fromSegments)
	if r.tickets[meta.Ticket] == nil {
		r.open(meta.Ticket, meta.Mailbox)
	}
}

// hold makes a held mail.
func (r *repair) hold(x raw, meta *MailMeta, id HeldID, reason string) {
	a := r.reread(x, meta)
	r.set(bHeld, key64(uint64(id)), encode(&HeldMail{
		ID: id, At: a.At, Record: x.id, Envelope: meta.Envelope, Verdict: meta.Verdict, Mailbox: meta.Mailbox,
		From: address.Mailbox{Address: meta.Envelope.From}, Subject: a.Subject, State: "held", Reason: "brought back by a repair; " + reason,
	}), fromSegments)
}

// mailOf is the whole record that a number now stands for, if it is a mail's.
func (r *repair) mailOf(id RecordID) (x raw, m MailMeta, ok bool) {
	p, err := decodePlace(r.table(bRecords)[string(key64(uint64(id)))].value)
	if err != nil || p.gone() {
		return x, m, false
	}
	for _, x := range slices.Concat(r.whole[id], r.copies[id]) {
		if x.digest == p.digest {
			m, ok = x.mailMeta()
			return x, m, ok
		}
	}
	return x, m, false
}

func (r *repair) reread(x raw, m *MailMeta) *Action {
	env, verdict := m.Envelope, m.Verdict
	a := &Action{
		Ticket: m.Ticket, Seq: m.Action, At: env.Received, Direction: In, Outcome: cmp.Or(m.Outcome, OutcomeMachine), Actor: m.Actor,
		Visibility: cmp.Or(m.Visibility, InternalOnly), Record: x.id, Envelope: &env, Verdict: &verdict, Attachments: []Attachment{},
		Trace: []string{"brought back from its raw mail by a repair"},
	}
	if a.Actor.Kind == "" {
		a.Actor = Actor{Kind: ActorUnknown, Name: cmp.Or(env.From.String(), "unknown"), Address: env.From}
	}
	if r.opt.Read != nil {
		r.opt.Read(a, io.NewSectionReader(x.file, x.bodyOffset(), x.body))
	}
	return a
}
