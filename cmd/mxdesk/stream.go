package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"mxdesk/internal/api"
)

// answer is an answer of the desk that is read as it comes.
type answer struct {
	body io.ReadCloser
	dec  *json.Decoder
}

func newAnswer(body io.ReadCloser) *answer { return &answer{body, json.NewDecoder(body)} }

// broken says why an answer cannot be read to its end: in the desk's words, which
// then stand in the place of the next value, or in those of an error.
func (a *answer) broken(err error) error {
	var e struct{ Error api.Error }
	rest := io.LimitReader(io.MultiReader(a.dec.Buffered(), a.body), 1<<20)
	if json.NewDecoder(rest).Decode(&e) == nil && e.Error.Text != "" {
		return &e.Error
	}
	return fmt.Errorf("reading the server's answer: %w", err)
}

// skip reads a bracket.
func (a *answer) skip() error {
	if _, err := a.dec.Token(); err != nil {
		return a.broken(err)
	}
	return nil
}

// each calls fn for each value of an array.
func each[T any](a *answer, fn func(*T) error) error {
	if err := a.skip(); err != nil {
		return err
	}
	for a.dec.More() {
		var v T
		if err := a.dec.Decode(&v); err != nil {
			return a.broken(err)
		}
		if err := fn(&v); err != nil {
			return err
		}
	}
	return a.skip() // else the answer ended too soon
}

// streamed prints a list: a JSON array, or a line for each value.
func streamed[T any](e *env, path string, q url.Values, line func(*T)) error {
	return e.withDesk(false, func(c *api.Client) error {
		body, err := c.Open(e.ctx, http.MethodGet, path, q, nil)
		if err != nil {
			return err
		}
		defer body.Close()
		n := 0
		err = each(newAnswer(body), func(v *T) error {
			n++
			if !e.json() {
				line(v)
				return nil
			}
			raw, err := json.Marshal(v)
			if err != nil {
				return err
			}
			sep := ",\n "
			if n == 1 {
				sep = "["
			}
			_, err = fmt.Fprintf(e.stdout, "%s%s", sep, raw)
			return err
		})
		if err != nil || !e.json() {
			return err
		}
		if n == 0 {
			_, err = fmt.Fprintln(e.stdout, "[]")
		} else {
			_, err = fmt.Fprintln(e.stdout, "]")
		}
		return err
	})
}

// ticketOf reads a ticket: head is called with all of it but its actions, then
// action with each of them. Without action it reads no further than the head.
func ticketOf(a *answer, head func(*api.Ticket) error, action func(*api.Action) error) error {
	if err := a.skip(); err != nil {
		return err
	}
	fields, told := map[string]json.RawMessage{}, false
	for a.dec.More() {
		name, err := a.dec.Token()
		if err != nil {
			return a.broken(err)
		}
		if name == "actions" {
			told = true
			if err := headOf(fields, head); err != nil || action == nil {
				return err
			}
			if err := each(a, action); err != nil {
				return err
			}
			continue
		}
		var raw json.RawMessage
		if err := a.dec.Decode(&raw); err != nil {
			return a.broken(err)
		}
		fields[fmt.Sprint(name)] = raw
	}
	if err := a.skip(); err != nil || told {
		return err
	}
	return headOf(fields, head)
}

func headOf(fields map[string]json.RawMessage, head func(*api.Ticket) error) error {
	raw, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	var t api.Ticket
	if err := json.Unmarshal(raw, &t); err != nil {
		return fmt.Errorf("reading the server's answer: %w", err)
	}
	return head(&t)
}

// showTicket prints a ticket that the desk answers with, as it comes: as JSON, or
// by the functions for people.
func (e *env) showTicket(method, path string, in any, head func(*api.Ticket), action func(*api.Action)) error {
	var sent io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(raw)
	}
	return e.withDesk(false, func(c *api.Client) error {
		body, err := c.Open(e.ctx, method, path, nil, sent)
		if err != nil {
			return err
		}
		defer body.Close()
		if e.json() {
			return ticketJSON(e.stdout, newAnswer(body))
		}
		var each func(*api.Action) error
		if action != nil {
			each = func(a *api.Action) error { action(a); return nil }
		}
		return ticketOf(newAnswer(body), func(t *api.Ticket) error { head(t); return nil }, each)
	})
}

// ticketJSON prints a ticket as printJSON would, an action at a time.
func ticketJSON(w io.Writer, a *answer) error {
	var made bytes.Buffer
	print := func(before, prefix string, v any, more int) error {
		made.Reset()
		made.WriteString(before)
		enc := json.NewEncoder(&made)
		enc.SetIndent(prefix, "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return err
		}
		made.Truncate(made.Len() - more)
		_, err := made.WriteTo(w)
		return err
	}
	n := 0
	err := ticketOf(a, func(t *api.Ticket) error {
		return print("", "", t, len("\n}\n"))
	}, func(v *api.Action) error {
		before := ",\n    "
		if n == 0 {
			before = ",\n  \"actions\": [\n    "
		}
		n++
		return print(before, "    ", v, len("\n"))
	})
	if err != nil {
		return err
	}
	end := "\n}\n"
	if n > 0 {
		end = "\n  ]" + end
	}
	_, err = io.WriteString(w, end)
	return err
}
