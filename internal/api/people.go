package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

func (s *server) listContacts(w http.ResponseWriter, r *http.Request) error {
	kinds := r.URL.Query()["kind"]
	next, err := s.next(r)
	if err != nil {
		return err
	}
	return s.numbered(w, r, 1, uint64(next.Contact)-1, 0, func(v ticketstore.View, n uint64) (any, error) {
		c, err := v.Contact(ticketstore.ContactID(n))
		if err != nil || !wanted(kinds, string(c.Kind)) {
			return nil, err
		}
		return c, nil
	})
}

func (s *server) saveContact(w http.ResponseWriter, r *http.Request) error {
	var c ticketstore.Contact
	if err := readJSON(r, &c); err != nil {
		return err
	}
	if c.Kind != "" {
		if _, err := ticketstore.ParseContactKind(string(c.Kind)); err != nil {
			return invalid(err.Error())
		}
	}
	c, err := s.Desk.SaveContact(r.Context(), c)
	if err != nil {
		return err
	}
	return writeJSON(w, c)
}

func pathAddress(r *http.Request) (address.Address, error) {
	a, err := address.Parse(r.PathValue("address"))
	if err != nil {
		return a, invalid(err.Error())
	}
	return a, nil
}

func (s *server) showContact(w http.ResponseWriter, r *http.Request) error {
	a, err := pathAddress(r)
	if err != nil {
		return err
	}
	var c ticketstore.Contact
	if err := s.view(r, func(v ticketstore.View) error { c, err = v.ContactByAddress(a); return err }); err != nil {
		return err
	}
	return writeJSON(w, c)
}

func (s *server) removeContact(w http.ResponseWriter, r *http.Request) error {
	a, err := pathAddress(r)
	if err != nil {
		return err
	}
	c, err := s.Desk.RemoveContact(r.Context(), a)
	if err != nil {
		return err
	}
	return writeJSON(w, c)
}

func itemOf(it *ticketstore.OutboxItem) Item {
	w := Item{
		ID: it.ID, Ticket: it.Ticket, Action: it.Action, To: it.To, Template: it.Template, Audience: it.Audience,
		Return: it.Return, MessageID: it.MessageID, State: it.State, Attempts: list(it.Attempts), LeftOut: it.LeftOut, Note: it.Note,
	}
	if it.State.Due() {
		w.Next = it.Next.Format(time.RFC3339)
	}
	return w
}

func (s *server) listItems(w http.ResponseWriter, r *http.Request) error {
	states := r.URL.Query()["state"]
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	first, last := uint64(1), uint64(0)
	err = s.view(r, func(v ticketstore.View) error {
		last = uint64(v.Next().Item) - 1
		if limit == 0 {
			return nil
		}
		n := 0
		for it, err := range v.Items() {
			if err != nil {
				return err
			}
			if !wanted(states, string(it.State)) {
				continue
			}
			if first, n = uint64(it.ID), n+1; n == limit {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.numbered(w, r, first, last, limit, func(v ticketstore.View, n uint64) (any, error) {
		it, err := v.Item(ticketstore.ItemID(n))
		if err != nil || !wanted(states, string(it.State)) {
			return nil, err
		}
		return itemOf(&it), nil
	})
}

func (s *server) showItem(w http.ResponseWriter, r *http.Request) error {
	id, err := number[ticketstore.ItemID](r, "an outgoing item")
	if err != nil {
		return err
	}
	var it ticketstore.OutboxItem
	if err := s.view(r, func(v ticketstore.View) error { it, err = v.Item(id); return err }); err != nil {
		return err
	}
	out := itemOf(&it)
	out.Header = it.Header
	return writeJSON(w, out)
}

func (s *server) retryItem(w http.ResponseWriter, r *http.Request) error {
	id, err := number[ticketstore.ItemID](r, "an outgoing item")
	if err != nil {
		return err
	}
	if err := s.Desk.RetryItem(r.Context(), id); err != nil {
		return err
	}
	return s.showItem(w, r)
}

func (s *server) listHeld(w http.ResponseWriter, r *http.Request) error {
	states := r.URL.Query()["state"]
	next, err := s.next(r)
	if err != nil {
		return err
	}
	return s.numbered(w, r, 1, uint64(next.Held)-1, 0, func(v ticketstore.View, n uint64) (any, error) {
		h, err := v.Held(ticketstore.HeldID(n))
		if err != nil || !wanted(states, h.State) {
			return nil, err
		}
		return h, nil
	})
}

func (s *server) held(r *http.Request) (ticketstore.HeldMail, ticketstore.Content, error) {
	id, err := number[ticketstore.HeldID](r, "a held mail")
	if err != nil {
		return ticketstore.HeldMail{}, nil, err
	}
	return s.Desk.Held(r.Context(), id)
}

func (s *server) showHeld(w http.ResponseWriter, r *http.Request) error {
	h, c, err := s.held(r)
	if errors.Is(err, ticketstore.ErrGone) {
		return writeJSON(w, Held{HeldMail: h})
	}
	if err != nil {
		return err
	}
	lim := message.Limits{SkipHTML: true}
	return writeJSON(w, Held{HeldMail: h, Text: message.Read(c, message.ReadHeader(c, lim), lim).Text})
}

func (s *server) rawHeld(w http.ResponseWriter, r *http.Request) error {
	h, c, err := s.held(r)
	if err != nil {
		return err
	}
	return writeRaw(w, r, &h.Envelope, c)
}

// release reads the held mail anew, with the verdict it had at the door.
func (s *server) release(w http.ResponseWriter, r *http.Request) error {
	var by By
	if err := readJSON(r, &by); err != nil {
		return err
	}
	h, c, err := s.held(r)
	if err != nil {
		return err
	}
	in := s.Reader.Read(r.Context(), h.Envelope, c)
	in.Envelope, in.Verdict = h.Envelope, h.Verdict
	rcpt, err := s.Desk.Release(r.Context(), h.ID, by.As, in)
	if err != nil {
		return err
	}
	return writeJSON(w, receipt(rcpt))
}

func (s *server) drop(w http.ResponseWriter, r *http.Request) error {
	return s.decide(w, r, s.Desk.Drop)
}

func (s *server) eraseHeld(w http.ResponseWriter, r *http.Request) error {
	return s.decide(w, r, s.Desk.EraseHeld)
}

// decide does to a held mail what is asked for, and answers with what it is then.
func (s *server) decide(w http.ResponseWriter, r *http.Request, do func(context.Context, ticketstore.HeldID, address.Address) error) error {
	var by By
	if err := readJSON(r, &by); err != nil {
		return err
	}
	id, err := number[ticketstore.HeldID](r, "a held mail")
	if err != nil {
		return err
	}
	if err := do(r.Context(), id, by.As); err != nil {
		return err
	}
	return s.showHeld(w, r)
}
