package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxdesk/internal/address"
	"mxdesk/internal/api"
	"mxdesk/internal/desk"
	"mxdesk/internal/message"
	"mxdesk/internal/router"
	"mxdesk/internal/tag"
	"mxdesk/internal/token"
	"mxdesk/templates"
	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// reader reads mails as the door does, every sender authenticated.
type reader struct{}

func (reader) Read(_ context.Context, env ticketstore.Envelope, c ticketstore.Content) desk.Inbound {
	h := message.ReadHeader(c, message.Limits{})
	return desk.Inbound{
		Envelope: env, Content: c, Message: message.Read(c, h, message.Limits{}), Now: env.Received,
		Verdict: ticketstore.Verdict{Auth: ticketstore.AuthAligned, Authenticated: true},
	}
}

func (reader) Admit(desk.Inbound) error { return nil }

func newHandler(t testing.TB) http.Handler {
	t.Helper()
	db := storetest.New(t)
	return handlerOn(t, db, db, nil)
}

func handlerOn(t testing.TB, store ticketstore.Store, keeper api.Keeper, requests *desk.Room) http.Handler {
	t.Helper()
	set, err := templates.Load("", "en")
	if err != nil {
		t.Fatal(err)
	}
	a, err := address.Parse("support@desk.example")
	if err != nil {
		t.Fatal(err)
	}
	d := desk.New(store, desk.Config{
		Hostname: "mx.desk.example",
		Rules: &router.Rules{Hostname: "mx.desk.example", Keys: token.New(), Mailboxes: []router.Mailbox{{
			Key: "support", Addresses: []address.Address{a}, Tag: tag.Pair{Start: "[ID:", End: "]"}, Type: "incident", Priority: "normal",
			Acknowledge: "authenticated", Unknown: "create",
		}}},
		Mailboxes: []desk.Mailbox{{Key: "support", From: address.Mailbox{Name: "Support", Address: a}, Templates: set}},
	})
	return api.New(api.Config{Desk: d, Keeper: keeper, Requests: requests, Reader: reader{}, Inspector: func([]string) api.Reader { return reader{} }, DefaultRecipient: a})
}

// overSocket serves a handler on the control socket of a folder.
func overSocket(t testing.TB, h http.Handler, dir string) *api.Client {
	t.Helper()
	l, err := api.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(srv.Close(), <-done); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	c, err := api.Dial(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// both runs a test on a client in process and on one over the socket: they
// must not differ.
func both(t *testing.T, test func(*testing.T, *api.Client)) {
	t.Run("in process", func(t *testing.T) { test(t, api.InProcess(newHandler(t))) })
	t.Run("socket", func(t *testing.T) { test(t, overSocket(t, newHandler(t), t.TempDir())) })
}

const mail = "From: Ann <ann@user.example>\r\nTo: support@desk.example\r\nSubject: Printer\r\nMessage-ID: <1@user.example>\r\n\r\nHelp!\r\n"

func TestOneCodePathForBothWays(t *testing.T) {
	both(t, func(t *testing.T, c *api.Client) {
		ctx := context.Background()
		var r api.Receipt
		if err := c.PostRaw(ctx, "/v1/deliver", url.Values{"rcpt": {"support@desk.example"}, "mail_from": {"ann@user.example"}}, strings.NewReader(mail), &r); err != nil {
			t.Fatal(err)
		}
		if want := (api.Receipt{Outcome: "new", Ticket: 1, Tag: "[ID:0000001]", SMTP: api.SMTP{Code: 250, Enhanced: "2.0.0", Text: "accepted as [ID:0000001]"}}); r != want {
			t.Errorf("receipt %+v, want %+v", r, want)
		}
		body, err := c.Open(ctx, http.MethodGet, "/v1/tickets/1/raw", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		if raw, err := io.ReadAll(body); string(raw) != mail || err != nil {
			t.Errorf("raw mail %q, %v", raw, err)
		}
		var tk api.Ticket
		if err := c.Post(ctx, "/v1/tickets/1/status", api.Status{Status: "solved"}, &tk); err != nil || tk.Status != ticketstore.StatusSolved || len(tk.Actions) != 2 {
			t.Errorf("%v, %+v", err, tk)
		}
	})
}

func TestErrorsHaveAKind(t *testing.T) {
	both(t, func(t *testing.T, c *api.Client) {
		for _, tc := range []struct{ method, path, body, kind, text string }{
			{"GET", "/v1/tickets/7", "", "not-found", "ticket 0000007: not found"},
			{"GET", "/v1/tickets/x", "", "invalid", `"x" is not a ticket number`},
			{"GET", "/v1/tickets/0", "", "invalid", "not a ticket number"},
			{"GET", "/v1/tickets?status=bogus", "", "invalid", "is not a status"},
			{"GET", "/v1/tickets?limit=-1", "", "invalid", `limit: "-1" is not a number from 0 up`},
			{"GET", "/v1/tickets?mailbox=none", "", "invalid", `there is no mailbox "none"; there are support`},
			{"GET", "/v1/tickets?requester=x", "", "invalid", "requester: "},
			{"GET", "/v1/tickets/1/raw?action=x", "", "invalid", "not the number of an action"},
			{"POST", "/v1/tickets", `{"mailbox":"none","requester":{"address":"a@b.example"},"subject":"x"}`, "invalid", `there is no mailbox "none"; there are support`},
			{"POST", "/v1/tickets", `{"subjekt":"x"}`, "invalid", `"subjekt"`},
			{"POST", "/v1/tickets", `{`, "invalid", "not the JSON expected"},
			{"POST", "/v1/tickets", `{"requester":{"address":"nonsense"}}`, "invalid", "nonsense"},
			{"POST", "/v1/tickets/7/note", `{"text":"x"}`, "not-found", "0000007"},
			{"POST", "/v1/contacts", `{"kind":"boss","addresses":["a@b.example"]}`, "invalid", "use agent, user or supplier"},
			{"POST", "/v1/contacts", `{}`, "invalid", "a contact needs an address"},
			{"DELETE", "/v1/contacts/a@b.example", "", "not-found", "not found"},
			{"GET", "/v1/contacts/nonsense", "", "invalid", "nonsense"},
			{"GET", "/v1/outbox/0", "", "invalid", "not the number of an outgoing item"},
			{"GET", "/v1/outbox/9", "", "not-found", "not found"},
			{"POST", "/v1/held/9/release", "{}", "not-found", "not found"},
			{"POST", "/v1/held/9/drop", "{}", "not-found", "not found"},
			{"POST", "/v1/held/9/erase", "{}", "not-found", "not found"},
			{"POST", "/v1/deliver", "", "invalid", "no recipient"},
			{"POST", "/v1/deliver?rcpt=no@desk.example", mail, "refused", "550 5.1.1 no such address here"},
			{"POST", "/v1/inspect?now=x", mail, "invalid", "2026-03-01T12:00:00Z"},
			{"POST", "/v1/inspect?ip=x", mail, "invalid", "not an IP address"},
			{"GET", "/v1/none", "", "internal", "404"},
			{"DELETE", "/v1/tickets/1", "", "internal", "405"},
		} {
			t.Run(tc.method+" "+tc.path, func(t *testing.T) {
				path, query, _ := strings.Cut(tc.path, "?")
				q, err := url.ParseQuery(query)
				if err != nil {
					t.Fatal(err)
				}
				body, err := c.Open(context.Background(), tc.method, path, q, strings.NewReader(tc.body))
				if err == nil {
					body.Close()
				}
				var no *api.Error
				if !errors.As(err, &no) || no.Kind != tc.kind || !strings.Contains(no.Text, tc.text) || strings.Contains(no.Text, "invalid request") {
					t.Errorf("%v (%+v), want %s %q", err, no, tc.kind, tc.text)
				}
			})
		}
	})
}

// A list is read in portions; none is left out or comes twice.
// full is a store on a disk that has no room for a record.
type full struct{ ticketstore.Store }

func (full) Update(context.Context, func(ticketstore.View) (ticketstore.Change, error)) error {
	return fmt.Errorf("%w: 7 MiB more must be free in the file system of /desk", ticketstore.ErrFull)
}

func TestLowDiskNamesItsSetting(t *testing.T) {
	db := storetest.New(t)
	c := api.InProcess(handlerOn(t, full{db}, db, nil))
	err := c.Post(context.Background(), "/v1/tickets", json.RawMessage(`{"requester":{"address":"a@b.example"},"subject":"x"}`), nil)
	var no *api.Error
	const want = "disk space is low: 7 MiB more must be free in the file system of /desk; make room, or set limits.min_free_disk to less"
	if !errors.As(err, &no) || no.Kind != "transient" || no.Text != want {
		t.Errorf("%v (%+v), want transient %s", err, no, want)
	}
}

func TestLongListsAreWhole(t *testing.T) {
	h := newHandler(t)
	c := api.InProcess(h)
	const n = 1003
	for i := range n {
		var tk api.Ticket
		a, err := address.Parse(fmt.Sprintf("user%d@user.example", i%2))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Post(context.Background(), "/v1/tickets", api.NewTicket{Requester: address.Mailbox{Address: a}, Subject: "x", Text: "x"}, &tk); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]int{"": n, "limit=1": 1, "limit=500": 500, "limit=501": 501, "limit=1003": n, "limit=5000": n, "requester=user0@user.example": 502, "status=closed": 0} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		var list []api.Ticket
		if err := c.Get(context.Background(), "/v1/tickets", q, &list); err != nil || len(list) != want {
			t.Errorf("%q: %d tickets, %v; want %d", query, len(list), err, want)
		}
		for i := 1; i < len(list); i++ {
			if list[i].ID >= list[i-1].ID {
				t.Fatalf("%q: ticket %d comes after %d", query, list[i].ID, list[i-1].ID)
			}
		}
	}
}

// The contract has no null where a list or an object is promised.
func TestInspectionHasNoNulls(t *testing.T) {
	c := api.InProcess(newHandler(t))
	for name, raw := range map[string]string{"mail": mail, "empty": "", "no header": "text\n", "no recipient of ours": mail} {
		q := url.Values{}
		if name == "no recipient of ours" {
			q.Set("rcpt", "someone@elsewhere.example")
		}
		var v map[string]any
		if err := c.PostRaw(context.Background(), "/v1/inspect", q, strings.NewReader(raw), &v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		noNulls(t, name, v)
	}
}

// A mail without an envelope is somebody's unless it says that it is nobody's.
func TestInspectionSender(t *testing.T) {
	c := api.InProcess(newHandler(t))
	for raw, want := range map[string]message.Class{
		"Subject: hello\n\nno author":                      message.Human,
		"From: no address\n\nhello":                        message.Human,
		"Return-Path: <>\nFrom: a@example.org\n\nhello":    message.AutoReply,
		"Return-Path: < >\nFrom: a@example.org\n\nhello":   message.AutoReply,
		"Return-Path: <b@x>\nFrom: a@example.org\n\nhello": message.Human,
	} {
		var v api.Inspection
		if err := c.PostRaw(context.Background(), "/v1/inspect", url.Values{}, strings.NewReader(raw), &v); err != nil {
			t.Fatal(err)
		}
		if got := v.Message.Machine.Class; got != want {
			t.Errorf("%q is %s %q, want %s", raw, got, v.Message.Machine.Reasons, want)
		}
	}
}

func noNulls(t *testing.T, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			noNulls(t, path+"."+k, x)
		}
	case []any:
		for i, x := range v {
			noNulls(t, fmt.Sprint(path, ".", i), x)
		}
	case nil:
		if !strings.HasSuffix(path, ".message.bounce") && !strings.HasSuffix(path, ".message.forwarded") {
			t.Errorf("%s is null", path)
		}
	}
}

func TestSocket(t *testing.T) {
	t.Run("for its owner alone, in a folder of any length", func(t *testing.T) {
		dir := t.TempDir()
		for range 5 {
			dir = filepath.Join(dir, strings.Repeat("long", 10))
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		c := overSocket(t, newHandler(t), dir)
		st, err := os.Stat(filepath.Join(dir, "control.sock"))
		if err != nil || st.Mode().Perm() != 0o600 || st.Mode()&os.ModeSocket == 0 {
			t.Errorf("socket %v, %v", st, err)
		}
		var list []json.RawMessage
		if err := c.Get(context.Background(), "/v1/held", nil, &list); err != nil {
			t.Error(err)
		}
	})
	t.Run("one that is left over is replaced, and removed at the end", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "control.sock")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := api.Dial(context.Background(), dir); !errors.Is(err, api.ErrUnreachable) {
			t.Errorf("dialling what is no socket: %v", err)
		}
		l, err := api.Listen(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is still there: %v", err)
		}
	})
	t.Run("no folder", func(t *testing.T) {
		if _, err := api.Dial(context.Background(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, api.ErrUnreachable) {
			t.Errorf("%v, want ErrUnreachable", err)
		}
	})
	t.Run("a server that is gone", func(t *testing.T) {
		dir := t.TempDir()
		l, err := api.Listen(dir)
		if err != nil {
			t.Fatal(err)
		}
		c, err := api.Dial(context.Background(), dir)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Get(ctx, "/v1/held", nil, nil); !errors.Is(err, api.ErrUnreachable) {
			t.Errorf("%v, want ErrUnreachable", err)
		}
	})
}
