package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"mxdesk/internal/api"
	"mxdesk/ticketstore"
)

// What is printed as it comes is what would be printed at once.
func TestTicketJSON(t *testing.T) {
	for n := range 4 {
		want := api.Ticket{Ticket: ticketstore.Ticket{ID: 7, Subject: "a <b> & c", Fields: map[string]string{"x": "y"}}, Tag: "[ID:0000007]"}
		for i := range n {
			want.Actions = append(want.Actions, api.Action{
				Action:     ticketstore.Action{Seq: uint32(i + 1), Text: "one\n<two>", Attachments: []ticketstore.Attachment{{Name: "a"}}},
				Deliveries: []api.Delivery{},
			})
		}
		var whole, streamed bytes.Buffer
		e := &env{cli: &cli{}, stdout: &whole}
		if err := e.printJSON(want); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if err := ticketJSON(&streamed, newAnswer(io.NopCloser(bytes.NewReader(raw)))); err != nil {
			t.Fatal(err)
		}
		if streamed.String() != whole.String() {
			t.Errorf("%d actions:\n%s\nwant\n%s", n, streamed.String(), whole.String())
		}
	}
}

// An answer that ends too soon, or in an error, is not taken for whole.
func TestBrokenAnswers(t *testing.T) {
	const failed = `{"error":{"kind":"transient","text":"the store failed"}}`
	tests := map[string]struct{ answer, words string }{
		"a list":              {`[{"id":1}` + "\n,\n" + `{"id":2}]`, ""},
		"an empty list":       {`[]`, ""},
		"a list cut":          {`[{"id":1}` + "\n", "EOF"},
		"a list cut in one":   {`[{"id":1},{"id"`, "EOF"},
		"a list with error":   {`[{"id":1}` + "\n" + failed, "the store failed"},
		"a ticket":            {`{"id":1,"actions":[{"seq":1}]}`, ""},
		"without actions":     {`{"id":1}`, ""},
		"a ticket cut":        {`{"id":1,"actions":[{"seq":1}`, "EOF"},
		"a ticket cut late":   {`{"id":1,"actions":[{"seq":1}]`, "EOF"},
		"cut before actions":  {`{"id":1`, "EOF"},
		"a ticket with error": {`{"id":1,"actions":[{"seq":1}` + "\n" + failed, "the store failed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAnswer(io.NopCloser(strings.NewReader(tt.answer)))
			n := 0
			var err error
			if strings.HasPrefix(tt.answer, "[") {
				err = each(a, func(*api.Ticket) error { n++; return nil })
			} else {
				err = ticketOf(a, func(tk *api.Ticket) error { n += int(tk.ID); return nil }, func(*api.Action) error { return nil })
			}
			if tt.words == "" && (err != nil || n != strings.Count(tt.answer, `"id"`)) {
				t.Errorf("%d values, %v", n, err)
			}
			if tt.words != "" && (err == nil || !strings.Contains(err.Error(), tt.words)) {
				t.Errorf("error %v, want one about %q", err, tt.words)
			}
			var no *api.Error
			if strings.Contains(tt.answer, failed) && (!errors.As(err, &no) || no.Kind != "transient") {
				t.Errorf("error %v is not the desk's", err)
			}
		})
	}
}
