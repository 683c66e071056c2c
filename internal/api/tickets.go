package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"mxdesk/internal/address"
	"mxdesk/internal/desk"
	"mxdesk/ticketstore"
)

func (s *server) listTickets(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f := ticketstore.TicketFilter{Mailbox: q.Get("mailbox"), Type: q.Get("type")}
	for _, word := range q["status"] {
		st, err := ticketstore.ParseStatus(word)
		if err != nil {
			return invalid(err.Error())
		}
		f.Status = append(f.Status, st)
	}
	if f.Mailbox != "" {
		if err := s.Desk.KnowsMailbox(f.Mailbox); err != nil {
			return err
		}
	}
	var err error
	if f.Requester, err = queryAddress(r, "requester"); err != nil {
		return err
	}
	if f.Assignee, err = queryAddress(r, "assignee"); err != nil {
		return err
	}
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	out := newArray(w)
	more := true
	return s.portions(r, out, func() bool { return more }, func(v ticketstore.View) error {
		more = false
		for t, err := range v.Tickets(f) {
			if err != nil {
				return err
			}
			if err := out.add(s.ticketOf(t)); err != nil {
				return err
			}
			if limit > 0 && out.n == limit {
				return nil
			}
			if f.Before = t.ID; out.full() {
				more = true
				return nil
			}
		}
		return nil
	})
}

// ticketOf is a stored ticket as the API shows it: lists and maps are empty, not
// missing.
func (s *server) ticketOf(t ticketstore.Ticket) Ticket {
	t.Linked, t.Followers, t.Labels, t.Marks = list(t.Linked), list(t.Followers), list(t.Labels), list(t.Marks)
	if t.Fields == nil {
		t.Fields = map[string]string{}
	}
	return Ticket{Ticket: t, Tag: s.Desk.Tag(&t)}
}

func (s *server) showTicket(w http.ResponseWriter, r *http.Request) error {
	id, err := ticketID(r)
	if err != nil {
		return err
	}
	return s.answerTicket(w, r, id)
}

// answerTicket answers with a ticket as it is now. Its actions, of which anybody
// may have sent many and long ones, follow a portion at a time.
func (s *server) answerTicket(w http.ResponseWriter, r *http.Request, id ticketstore.TicketID) error {
	var t Ticket
	var sent []sentItem
	err := s.view(r, func(v ticketstore.View) error {
		stored, err := v.Ticket(id)
		if err != nil {
			return err
		}
		t = s.ticketOf(stored)
		sent, err = sentItems(v, id)
		return err
	})
	if err != nil {
		return err
	}
	head, err := json.Marshal(t)
	if err != nil {
		return err
	}
	out := newArrayIn(w, string(head[:len(head)-1])+`,"actions":[`, "]}\n", string(head)+"\n")
	seq := uint32(1)
	more := func() bool { return seq <= t.LastSeq }
	return s.portions(r, out, more, func(v ticketstore.View) error {
		for ; more() && !out.full(); seq++ {
			a, err := v.Action(id, seq)
			if errors.Is(err, ticketstore.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if a.Captured == nil {
				a.Captured = map[string]string{}
			}
			var of []sentItem
			of, sent = sentBy(seq, sent)
			list, err := deliveries(v, of)
			if err != nil {
				return err
			}
			if err := out.add(Action{Action: a, Deliveries: list}); err != nil {
				return err
			}
		}
		return nil
	})
}

// sentItem is an outgoing item and the action that it came of.
type sentItem struct {
	action uint32
	item   ticketstore.ItemID
}

// sentItems lists the outgoing items of a ticket, in the order of its actions.
func sentItems(v ticketstore.View, id ticketstore.TicketID) (list []sentItem, err error) {
	for it, err := range v.ItemsOf(id) {
		if err != nil {
			return nil, err
		}
		list = append(list, sentItem{it.Action, it.ID})
	}
	slices.SortStableFunc(list, func(a, b sentItem) int { return cmp.Compare(a.action, b.action) })
	return list, nil
}

// sentBy divides a list into the items of an action and those of later ones.
func sentBy(action uint32, list []sentItem) (of, later []sentItem) {
	begin, _ := slices.BinarySearchFunc(list, action, func(s sentItem, n uint32) int { return cmp.Compare(s.action, n) })
	end := begin
	for end < len(list) && list[end].action == action {
		end++
	}
	return list[begin:end], list[end:]
}

func deliveries(v ticketstore.View, sent []sentItem) ([]Delivery, error) {
	list := []Delivery{}
	for _, s := range sent {
		it, err := v.Item(s.item)
		if err != nil {
			return nil, err
		}
		d := Delivery{Item: it.ID, To: it.To, Template: it.Template, State: it.State}
		if n := len(it.Attempts); n > 0 {
			d.Reply = it.Attempts[n-1].Reply
		}
		list = append(list, d)
	}
	return list, nil
}

// rawTicket writes the octets of a mail in a ticket, the first one unless an
// action is named; with trace, what mxdesk put on top stands before them.
func (s *server) rawTicket(w http.ResponseWriter, r *http.Request) error {
	id, err := ticketID(r)
	if err != nil {
		return err
	}
	want := uint64(0)
	if q := r.URL.Query().Get("action"); q != "" {
		if want, err = strconv.ParseUint(q, 10, 32); err != nil {
			return invalid("action: " + strconv.Quote(q) + " is not the number of an action")
		}
	}
	var found ticketstore.Action
	var c ticketstore.Content
	err = s.view(r, func(v ticketstore.View) error {
		if _, err := v.Ticket(id); err != nil {
			return err
		}
		for a, err := range v.Actions(id) {
			if err != nil {
				return err
			}
			if a.Record != 0 && (want == 0 || uint64(a.Seq) == want) {
				found = a
				c, err = v.Content(a.Record)
				return err
			}
		}
		if want == 0 {
			return &Error{Kind: "not-found", Text: "ticket " + id.String() + " holds no received mail"}
		}
		return &Error{Kind: "not-found", Text: fmt.Sprintf("action %d of ticket %s is no received mail", want, id)}
	})
	if err != nil {
		return err
	}
	return writeRaw(w, r, found.Envelope, c)
}

func writeRaw(w http.ResponseWriter, r *http.Request, env *ticketstore.Envelope, c ticketstore.Content) error {
	w.Header().Set("Content-Type", "message/rfc822")
	if r.URL.Query().Get("trace") == "1" && env != nil {
		if _, err := io.WriteString(w, env.Trace); err != nil {
			return err
		}
	}
	_, err := io.Copy(w, io.NewSectionReader(c, 0, c.Size()))
	return err
}

func (s *server) newTicket(w http.ResponseWriter, r *http.Request) error {
	var n NewTicket
	if err := readJSON(r, &n); err != nil {
		return err
	}
	id, err := s.Desk.Open(r.Context(), desk.NewTicket(n))
	if err != nil {
		return err
	}
	return s.answerTicket(w, r, id)
}

func people(list []address.Address) (out []address.Mailbox) {
	for _, a := range list {
		out = append(out, address.Mailbox{Address: a})
	}
	return out
}

func (s *server) reply(w http.ResponseWriter, r *http.Request) error {
	id, err := ticketID(r)
	if err != nil {
		return err
	}
	var q Reply
	if err := readJSON(r, &q); err != nil {
		return err
	}
	if q.Status != "" {
		if q.Status, err = ticketstore.ParseStatus(string(q.Status)); err != nil {
			return invalid(err.Error())
		}
	}
	req := desk.Reply{
		Ticket: id, As: q.As, Text: q.Text, Status: q.Status, Cc: people(q.Cc),
		Template: q.Template, ToSupplier: q.ToSupplier, Supplier: q.Supplier,
	}
	for _, f := range q.Files {
		req.Files = append(req.Files, desk.NewFile(f.Name, f.Type, f.Content))
	}
	sent, err := s.Desk.Reply(r.Context(), req)
	if err != nil {
		return err
	}
	out := Sent{Ticket: sent.Ticket, Action: sent.Action, Items: []Item{}}
	err = s.view(r, func(v ticketstore.View) error {
		for _, id := range sent.Items {
			it, err := v.Item(id)
			if err != nil {
				return err
			}
			out.Items = append(out.Items, itemOf(&it))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, out)
}

// onTicket carries out a request on a ticket and answers with the ticket.
func onTicket[T any](s *server, w http.ResponseWriter, r *http.Request, do func(ticketstore.TicketID, *T) error) error {
	id, err := ticketID(r)
	if err != nil {
		return err
	}
	var q T
	if err := readJSON(r, &q); err != nil {
		return err
	}
	if err := do(id, &q); err != nil {
		return err
	}
	return s.answerTicket(w, r, id)
}

func (s *server) note(w http.ResponseWriter, r *http.Request) error {
	return onTicket(s, w, r, func(id ticketstore.TicketID, q *Note) error {
		return s.Desk.Note(r.Context(), id, q.As, q.Text)
	})
}

func (s *server) erase(w http.ResponseWriter, r *http.Request) error {
	return onTicket(s, w, r, func(id ticketstore.TicketID, q *Erase) error {
		return s.Desk.Erase(r.Context(), id, q.As)
	})
}

func (s *server) status(w http.ResponseWriter, r *http.Request) error {
	return onTicket(s, w, r, func(id ticketstore.TicketID, q *Status) error {
		st, err := ticketstore.ParseStatus(string(q.Status))
		if err != nil {
			return invalid(err.Error())
		}
		return s.Desk.SetStatus(r.Context(), id, q.As, st)
	})
}

func (s *server) assign(w http.ResponseWriter, r *http.Request) error {
	return onTicket(s, w, r, func(id ticketstore.TicketID, q *Assign) error {
		return s.Desk.Assign(r.Context(), id, q.As, q.To)
	})
}

func (s *server) merge(w http.ResponseWriter, r *http.Request) error {
	return onTicket(s, w, r, func(id ticketstore.TicketID, q *Merge) error {
		return s.Desk.Merge(r.Context(), id, q.Into, q.As)
	})
}

func (s *server) set(w http.ResponseWriter, r *http.Request) error {
	return onTicket(s, w, r, func(id ticketstore.TicketID, q *Set) error {
		return s.Desk.Change(r.Context(), id, q.As, desk.Set{
			Subject: q.Subject, Type: q.Type, Priority: q.Priority, Supplier: q.Supplier, SupplierRef: q.SupplierRef,
			Fields: q.Fields, Follow: people(q.Follow), Unfollow: q.Unfollow,
		})
	})
}
