package api

import (
	"fmt"
	"io"
	"net/http"
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
	// The client may read slowly and a view must not wait for it: the list is
	// read in portions, each from a view of its own.
	out := newArray(w)
	for after := ticketstore.TicketID(0); ; {
		page, err := s.page(r, f, after, portion(limit, out.n))
		if err != nil {
			return err
		}
		for _, t := range page {
			if err := out.add(s.ticketOf(t)); err != nil {
				return err
			}
			after = t.ID
		}
		if len(page) < pageSize || limit > 0 && out.n >= limit {
			return out.end()
		}
	}
}

const pageSize = 500

// ticketOf is a stored ticket as the API shows it: lists and maps are empty, not
// missing.
func (s *server) ticketOf(t ticketstore.Ticket) Ticket {
	t.Linked, t.Followers, t.Labels, t.Marks = list(t.Linked), list(t.Followers), list(t.Labels), list(t.Marks)
	if t.Fields == nil {
		t.Fields = map[string]string{}
	}
	return Ticket{Ticket: t, Tag: s.Desk.Tag(&t)}
}

func portion(limit, have int) int {
	if limit == 0 {
		return pageSize
	}
	return min(pageSize, limit-have)
}

// page reads up to n tickets older than the ticket after.
func (s *server) page(r *http.Request, f ticketstore.TicketFilter, after ticketstore.TicketID, n int) (list []ticketstore.Ticket, err error) {
	f.Before = after
	err = s.view(r, func(v ticketstore.View) error {
		for t, err := range v.Tickets(f) {
			if err != nil {
				return err
			}
			if list = append(list, t); len(list) == n {
				return nil
			}
		}
		return nil
	})
	return list, err
}

func (s *server) showTicket(w http.ResponseWriter, r *http.Request) error {
	id, err := ticketID(r)
	if err != nil {
		return err
	}
	t, err := s.ticket(r, id)
	if err != nil {
		return err
	}
	return writeJSON(w, t)
}

func (s *server) ticket(r *http.Request, id ticketstore.TicketID) (t Ticket, err error) {
	err = s.view(r, func(v ticketstore.View) error {
		stored, err := v.Ticket(id)
		if err != nil {
			return err
		}
		t = s.ticketOf(stored)
		sent := map[uint32][]Delivery{}
		for it, err := range v.ItemsOf(id) {
			if err != nil {
				return err
			}
			d := Delivery{Item: it.ID, To: it.To, Template: it.Template, State: it.State}
			if n := len(it.Attempts); n > 0 {
				d.Reply = it.Attempts[n-1].Reply
			}
			sent[it.Action] = append(sent[it.Action], d)
		}
		for a, err := range v.Actions(id) {
			if err != nil {
				return err
			}
			if a.Captured == nil {
				a.Captured = map[string]string{}
			}
			t.Actions = append(t.Actions, Action{Action: a, Deliveries: list(sent[a.Seq])})
		}
		return nil
	})
	return t, err
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
	t, err := s.ticket(r, id)
	if err != nil {
		return err
	}
	return writeJSON(w, t)
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
	t, err := s.ticket(r, id)
	if err != nil {
		return err
	}
	return writeJSON(w, t)
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
