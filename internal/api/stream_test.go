package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/api"
	"mxdesk/internal/desk"
	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// portions notes the largest run of octets that a handler writes at once.
type portions struct {
	*httptest.ResponseRecorder
	largest int
}

func (p *portions) Write(b []byte) (int, error) {
	p.largest = max(p.largest, len(b))
	return p.ResponseRecorder.Write(b)
}

// asked answers a request, which must succeed.
func asked(t *testing.T, h http.Handler, method, path, body string) *portions {
	t.Helper()
	p := &portions{ResponseRecorder: httptest.NewRecorder()}
	h.ServeHTTP(p, httptest.NewRequest(method, "http://mxdesk"+path, strings.NewReader(body)))
	if p.Code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, p.Code, p.Body)
	}
	return p
}

func deliver(t *testing.T, c *api.Client, raw string) api.Receipt {
	t.Helper()
	var r api.Receipt
	q := url.Values{"rcpt": {"support@desk.example"}, "mail_from": {"ann@user.example"}}
	if err := c.PostRaw(context.Background(), "/v1/deliver", q, strings.NewReader(raw), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// Anybody may send many long mails to a ticket: of what the desk answers with, no
// more than one and a portion is made at a time.
func TestAnswersComeInPortions(t *testing.T) {
	const most = 256<<10 + 100<<10
	h := newHandler(t)
	c := api.InProcess(h)
	long := strings.Repeat("long ", 10<<10)
	for i := range 40 {
		deliver(t, c, fmt.Sprintf("From: Ann <ann@user.example>\r\nTo: support@desk.example\r\nSubject: [ID:0000001] %d\r\nMessage-ID: <%d@user.example>\r\n\r\n%s\r\n", i, i, long))
	}
	for i := range 40 {
		name := strings.Repeat("x", 20<<10)
		asked(t, h, "POST", "/v1/contacts", fmt.Sprintf(`{"name":%q,"addresses":["c%d@user.example"]}`, name, i))
	}
	for path, all := range map[string]int{
		"GET /v1/tickets/1":          2 << 20,
		"POST /v1/tickets/1/status":  2 << 20,
		"GET /v1/contacts":           800 << 10,
		"GET /v1/contacts?kind=user": 800 << 10,
	} {
		method, path, _ := strings.Cut(path, " ")
		p := asked(t, h, method, path, `{"status":"solved"}`)
		if n := p.Body.Len(); n < all || p.largest > most {
			t.Errorf("%s: %d octets, %d of them at once", path, n, p.largest)
		}
	}
}

// What comes in portions is whole, in order, and each action has its own mails.
func TestTicketIsWhole(t *testing.T) {
	both(t, func(t *testing.T, c *api.Client) {
		ctx := context.Background()
		deliver(t, c, mail)
		var want []string
		for i := range 30 {
			var sent api.Sent
			text := fmt.Sprint(i, strings.Repeat(" words", 5<<10))
			if err := c.Post(ctx, "/v1/tickets/1/reply", api.Reply{Text: text}, &sent); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprint(sent.Action, " ", sent.Items[0].ID))
			if err := c.Post(ctx, "/v1/tickets/1/note", api.Note{Text: "noted"}, new(api.Ticket)); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprint(sent.Action+1))
		}
		var tk api.Ticket
		if err := c.Get(ctx, "/v1/tickets/1", nil, &tk); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range tk.Actions[1:] {
			line := fmt.Sprint(a.Seq)
			for _, d := range a.Deliveries {
				line += fmt.Sprint(" ", d.Item)
			}
			got = append(got, line)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if d := tk.Actions[0].Deliveries; len(d) != 1 || d[0].Template != "acknowledgement" || tk.Tag != "[ID:0000001]" {
			t.Errorf("the first action has sent %v; tag %s", d, tk.Tag)
		}
		for query, want := range map[string]string{
			"": "1 2 3 4", "limit=2": "30 31", "limit=100": "1 2 3 4", "state=queued&limit=1": "31", "state=bounced": "", "state=bounced&limit=1": "",
		} {
			q, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			var list []api.Item
			if err := c.Get(ctx, "/v1/outbox", q, &list); err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, it := range list {
				ids = append(ids, fmt.Sprint(it.ID))
			}
			if got := strings.Join(ids, " "); got != want && !strings.HasPrefix(got, want+" 5") {
				t.Errorf("outbox %q: %s, want %s", query, got, want)
			}
		}
	})
}

// broken is a store in which the fifth action of each ticket cannot be read.
type broken struct{ ticketstore.Store }

func (b broken) View(ctx context.Context, fn func(ticketstore.View) error) error {
	return b.Store.View(ctx, func(v ticketstore.View) error { return fn(brokenView{v}) })
}

type brokenView struct{ ticketstore.View }

func (v brokenView) Action(id ticketstore.TicketID, seq uint32) (ticketstore.Action, error) {
	if seq == 5 {
		return ticketstore.Action{}, errors.New("it cannot be read")
	}
	return v.View.Action(id, seq)
}

// An error in the middle of an answer stands in the place of the next value, and
// nobody can take what came before for all there is.
func TestErrorsInTheMiddle(t *testing.T) {
	db := storetest.New(t)
	h := handlerOn(t, broken{db}, db, nil)
	for i := range 4 {
		deliver(t, api.InProcess(h), fmt.Sprintf("From: Ann <ann@user.example>\r\nTo: support@desk.example\r\nSubject: [ID:0000001] %d\r\n\r\n%s\r\n", i, strings.Repeat("long ", 20<<10)))
	}
	asked(t, h, "POST", "/v1/tickets/1/note", `{"text":"the fifth"}`)
	p := asked(t, h, "GET", "/v1/tickets/1", "")
	if !strings.HasSuffix(p.Body.String(), "}\n"+`{"error":{"kind":"internal","text":"it cannot be read"}}`+"\n") {
		t.Errorf("the answer ends with %.200q", p.Body.String()[max(0, p.Body.Len()-200):])
	}
}

// A large request waits for memory that others have; a small one does not.
func TestLargeRequestsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storetest.New(t)
		room := desk.NewRoom(1 << 20)
		h := handlerOn(t, db, db, room)
		give, err := room.Take(context.Background(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		large := fmt.Sprintf(`{"requester":{"address":"ann@user.example"},"subject":"x","text":%q}`, strings.Repeat("x", 2<<20))
		asked(t, h, "POST", "/v1/tickets", `{"requester":{"address":"ann@user.example"},"subject":"x","text":"small"}`)
		p := httptest.NewRecorder() // of a client that waits for as long as it takes
		h.ServeHTTP(p, httptest.NewRequestWithContext(t.Context(), "POST", "http://mxdesk/v1/tickets", strings.NewReader(large)))
		if p.Code != http.StatusServiceUnavailable || !strings.Contains(p.Body.String(), `"kind":"transient"`) {
			t.Errorf("without room: %d %s", p.Code, p.Body)
		}
		give()
		asked(t, h, "POST", "/v1/tickets", large)
		asked(t, h, "POST", "/v1/tickets", large)
	})
}
