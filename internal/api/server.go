package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"mxdesk/internal/address"
	"mxdesk/internal/desk"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// maxRequest bounds a request's body: a mail or an answer with its attachments
// in base64.
const maxRequest = 128 << 20

// Reader reads a mail that came by another way than SMTP.
type Reader interface {
	Read(context.Context, ticketstore.Envelope, ticketstore.Content) desk.Inbound
	// Admit refuses, with a *desk.Refusal, what the door would not take either.
	Admit(desk.Inbound) error
}

// Keeper looks after a store.
type Keeper interface {
	Check(context.Context) (ticketstore.Report, error)
	Backup(ctx context.Context, dir string, progress func(ticketstore.Progress)) (ticketstore.BackupReport, error)
}

// Config is what the API serves.
type Config struct {
	Desk   *desk.Desk
	Keeper Keeper
	// Reader reads mails as the running desk does.
	Reader Reader
	// Inspector returns a Reader for inspections, which asks the name servers
	// given, or the running desk's when there are none.
	Inspector func(dns []string) Reader
	// Requests is for large requests. nil: no bound.
	Requests *desk.Room
	// DefaultRecipient is where an inspected mail without recipients goes.
	DefaultRecipient address.Address
}

// server answers requests.
type server struct {
	Config
	store ticketstore.Store
}

// New returns the API as a handler.
func New(cfg Config) http.Handler {
	s := &server{Config: cfg, store: cfg.Desk.Store()}
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /v1/tickets":               s.listTickets,
		"POST /v1/tickets":              s.newTicket,
		"GET /v1/tickets/{id}":          s.showTicket,
		"GET /v1/tickets/{id}/raw":      s.rawTicket,
		"POST /v1/tickets/{id}/reply":   s.reply,
		"POST /v1/tickets/{id}/note":    s.note,
		"POST /v1/tickets/{id}/set":     s.set,
		"POST /v1/tickets/{id}/status":  s.status,
		"POST /v1/tickets/{id}/assign":  s.assign,
		"POST /v1/tickets/{id}/merge":   s.merge,
		"POST /v1/tickets/{id}/erase":   s.erase,
		"GET /v1/contacts":              s.listContacts,
		"POST /v1/contacts":             s.saveContact,
		"GET /v1/contacts/{address}":    s.showContact,
		"DELETE /v1/contacts/{address}": s.removeContact,
		"GET /v1/outbox":                s.listItems,
		"GET /v1/outbox/{id}":           s.showItem,
		"POST /v1/outbox/{id}/retry":    s.retryItem,
		"GET /v1/held":                  s.listHeld,
		"GET /v1/held/{id}":             s.showHeld,
		"GET /v1/held/{id}/raw":         s.rawHeld,
		"POST /v1/held/{id}/release":    s.release,
		"POST /v1/held/{id}/drop":       s.drop,
		"POST /v1/held/{id}/erase":      s.eraseHeld,
		"POST /v1/deliver":              s.deliver,
		"POST /v1/inspect":              s.inspect,
		"GET /v1/store/check":           s.check,
		"POST /v1/store/backup":         s.backup,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
			a := &answer{ResponseWriter: w}
			if err := s.inTurn(h, a, r); err != nil {
				writeError(a, err)
			}
		})
	}
	return mux
}

const (
	// smallRequest is the size of a request that waits for no other, in octets.
	smallRequest = 1 << 20
	// requestCopies is how often the octets of a request may be in memory: as
	// received, as a file, as what is sent of it.
	requestCopies = 3
	// requestPatience is how long a large request waits for others, and how long its
	// client may then take to send it.
	requestPatience = time.Minute
)

// inTurn answers a request once there is room for it.
func (s *server) inTurn(h func(http.ResponseWriter, *http.Request) error, w http.ResponseWriter, r *http.Request) error {
	size := r.ContentLength
	if size < 0 {
		size = maxRequest // not known
	}
	if size > smallRequest {
		ctx, cancel := context.WithTimeout(r.Context(), requestPatience)
		defer cancel()
		give, err := s.Requests.Take(ctx, requestCopies*min(size, maxRequest))
		if err != nil {
			return err
		}
		defer give()
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(requestPatience)) // in process nothing is waited for
	}
	return h(w, r)
}

// Error is how the API says no. Kind is for machines, Text for people.
type Error struct {
	Kind string `json:"kind"` // invalid, not-found, conflict, refused, transient or internal
	Text string `json:"text"`
}

func (e *Error) Error() string { return e.Text }

// errorOf is what is said about an error, and the HTTP status for it.
func errorOf(err error) (Error, int) {
	e, status := Error{Kind: "internal", Text: err.Error()}, http.StatusInternalServerError
	var no *desk.Refusal
	var own *Error
	switch {
	case errors.As(err, &own):
		e, status = *own, http.StatusBadRequest
		if own.Kind == "not-found" {
			status = http.StatusNotFound
		}
	case errors.As(err, &no):
		e.Kind, status = "refused", http.StatusUnprocessableEntity
	case errors.Is(err, ticketstore.ErrNotFound):
		e.Kind, status = "not-found", http.StatusNotFound
	case errors.Is(err, ticketstore.ErrConflict), errors.Is(err, ticketstore.ErrRefused):
		e.Kind, status = "conflict", http.StatusConflict
	case errors.Is(err, desk.ErrInvalid):
		e.Kind, status = "invalid", http.StatusBadRequest
		e.Text = strings.TrimPrefix(e.Text, desk.ErrInvalid.Error()+": ")
	case errors.Is(err, ticketstore.ErrFull):
		e.Kind, status = "transient", http.StatusServiceUnavailable
		e.Text += "; make room, or set limits.min_free_disk to less"
	case errors.Is(err, desk.ErrBusy), errors.Is(err, ticketstore.ErrClosed), errors.Is(err, ticketstore.ErrFailed):
		e.Kind, status = "transient", http.StatusServiceUnavailable
	}
	return e, status
}

// answer knows whether anything was written.
type answer struct {
	http.ResponseWriter
	begun bool
}

func (a *answer) WriteHeader(status int) {
	a.begun = true
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// writeError says an error. In an answer that has begun it stands in the place of
// the next value, where none like it can be.
func writeError(a *answer, err error) {
	e, status := errorOf(err)
	if !a.begun {
		a.Header().Set("Content-Type", "application/json")
		a.WriteHeader(status)
	}
	json.NewEncoder(a).Encode(map[string]Error{"error": e})
}

func invalid(text string) error { return &Error{Kind: "invalid", Text: text} }

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

// readJSON reads a request strictly: a misspelt field is an error, not a wish
// ignored.
func readJSON(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return invalid("the request is not the JSON expected: " + err.Error())
	}
	return nil
}

func ticketID(r *http.Request) (ticketstore.TicketID, error) {
	id, err := ticketstore.ParseTicketID(r.PathValue("id"))
	if err != nil {
		return 0, invalid(err.Error())
	}
	return id, nil
}

func number[T ~uint64](r *http.Request, what string) (T, error) {
	n, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil || n == 0 {
		return 0, invalid(strconv.Quote(r.PathValue("id")) + " is not the number of " + what)
	}
	return T(n), nil
}

func queryAddress(r *http.Request, name string) (address.Address, error) {
	s := r.URL.Query().Get(name)
	if s == "" || s == "<>" {
		return address.Address{}, nil
	}
	a, err := address.Parse(s)
	if err != nil {
		return a, invalid(name + ": " + err.Error())
	}
	return a, nil
}

// mailRequest is a mail in a request's body, with its envelope in the query.
func mailRequest(r *http.Request, fallback address.Address) (env ticketstore.Envelope, c ticketstore.Content, err error) {
	q := r.URL.Query()
	for _, s := range q["rcpt"] {
		a, err := address.Parse(s)
		if err != nil {
			return env, nil, invalid("rcpt: " + err.Error())
		}
		env.Recipients = append(env.Recipients, a)
	}
	if len(env.Recipients) == 0 && !fallback.IsZero() {
		env.Recipients = []address.Address{fallback}
	}
	if len(env.Recipients) == 0 {
		return env, nil, invalid("no recipient: name one with rcpt")
	}
	if env.From, err = queryAddress(r, "mail_from"); err != nil {
		return env, nil, err
	}
	if ip := q.Get("ip"); ip != "" {
		if _, err := netip.ParseAddr(ip); err != nil {
			return env, nil, invalid("ip: " + strconv.Quote(ip) + " is not an IP address")
		}
		env.ClientIP = ip
	}
	env.Helo = q.Get("helo")
	env.Received = time.Now()
	if s := q.Get("now"); s != "" {
		if env.Received, err = time.Parse(time.RFC3339, s); err != nil {
			return env, nil, invalid("now: write a time as in 2026-03-01T12:00:00Z")
		}
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return env, nil, invalid("reading the mail: " + err.Error())
	}
	c = bytes.NewReader(raw)
	if !q.Has("mail_from") {
		env.From = sentFrom(c)
	}
	return env, c, nil
}

// nobody stands for a sender who cannot be known (RFC 2606 §2).
func nobody() address.Address {
	a, err := address.New("unknown", "sender.invalid")
	if err != nil {
		return address.Address{}
	}
	return a
}

// sentFrom is the envelope sender of a mail that came without one: what its
// Return-Path says, as the server that delivered it wrote it (RFC 5321 §4.4),
// else its author. An author that cannot be read is somebody all the same: the
// null reverse-path would make a machine of them.
func sentFrom(c ticketstore.Content) address.Address {
	h := message.ReadHeader(c, message.Limits{})
	if path := strings.Join(strings.Fields(h.Get("Return-Path")), ""); path != "" {
		a, err := address.Parse(strings.Trim(path, "<>"))
		if err == nil || path == "<>" {
			return a
		}
	}
	if h.From.Address.IsZero() {
		return nobody()
	}
	return h.From.Address
}

func (s *server) deliver(w http.ResponseWriter, r *http.Request) error {
	env, c, err := mailRequest(r, address.Address{})
	if err != nil {
		return err
	}
	for _, a := range env.Recipients {
		if err := s.Desk.Recipient(r.Context(), a, c.Size()); err != nil {
			return err
		}
	}
	in := s.Reader.Read(r.Context(), env, c)
	if err := s.Reader.Admit(in); err != nil {
		return err
	}
	rcpt, err := s.Desk.Accept(r.Context(), in)
	if errors.Is(err, desk.ErrInvalid) {
		return &Error{Kind: "transient", Text: err.Error()} // the desk is set up wrongly, which is not the mail's fault
	}
	if err != nil {
		return err
	}
	return writeJSON(w, receipt(rcpt))
}

func receipt(r desk.Receipt) Receipt {
	return Receipt{Outcome: r.Outcome, Ticket: r.Ticket, Tag: r.Tag, SMTP: smtpOf(r, nil)}
}

func (s *server) inspect(w http.ResponseWriter, r *http.Request) error {
	env, c, err := mailRequest(r, s.DefaultRecipient)
	if err != nil {
		return err
	}
	reader := s.Inspector(r.URL.Query()["dns"])
	in := reader.Read(r.Context(), env, c)
	out, err := s.Desk.Inspect(r.Context(), in)
	if err != nil {
		return err
	}
	if no, ok := errors.AsType[*desk.Refusal](reader.Admit(in)); ok {
		out = refusedAtTheDoor(&out.Decision, no)
	}
	return writeJSON(w, inspection(&in, &out))
}

func (s *server) view(r *http.Request, fn func(ticketstore.View) error) error {
	return s.store.View(r.Context(), fn)
}

// limitOf is the number of values asked for; 0 means all.
func limitOf(r *http.Request) (int, error) {
	s := r.URL.Query().Get("limit")
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, invalid("limit: " + strconv.Quote(s) + " is not a number from 0 up")
	}
	return n, nil
}

func wanted(words []string, word string) bool { return len(words) == 0 || slices.Contains(words, word) }
