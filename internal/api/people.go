package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

func (s *server) listContacts(w http.ResponseWriter, r *http.Request) error {
	kinds := r.URL.Query()["kind"]
	all := []ticketstore.Contact{}
	err := s.view(r, func(v ticketstore.View) error {
		for c, err := range v.Contacts() {
			if err != nil {
				return err
			}
			if wanted(kinds, string(c.Kind)) {
				all = append(all, c)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(all)
	return writeJSON(w, all)
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
		Return: it.Return, MessageID: it.MessageID, State: it.State, Attempts: list(it.Attempts), Note: it.Note,
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
	all := []Item{}
	err = s.view(r, func(v ticketstore.View) error {
		for it, err := range v.Items() {
			if err != nil {
				return err
			}
			if wanted(states, string(it.State)) {
				all = append(all, itemOf(&it))
			}
			if limit > 0 && len(all) == limit {
				break
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(all)
	return writeJSON(w, all)
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
	all := []ticketstore.HeldMail{}
	err := s.view(r, func(v ticketstore.View) error {
		for h, err := range v.HeldMails() {
			if err != nil {
				return err
			}
			if wanted(states, h.State) {
				all = append(all, h)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(all)
	return writeJSON(w, all)
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
