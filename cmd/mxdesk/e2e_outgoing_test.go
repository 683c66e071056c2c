package main

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxdesk/internal/api"
	"mxdesk/ticketstore"
)

// exit is a way out of the desk with the mailboxes at its end.
type exit struct {
	config string   // the [outbound] table
	files  []string // patterns of the files that hold arrived mails
}

// arrived is a mail as its recipient has it.
type arrived struct {
	item       api.Item
	raw        string
	header     mail.Header
	returnPath string
	text, html string
	words      string // subject, text and HTML, decoded
}

// decoded is a header field with its encoded words read.
func (m *arrived) decoded(t *testing.T, field string) string {
	t.Helper()
	s, err := new(mime.WordDecoder).DecodeHeader(m.header.Get(field))
	if err != nil {
		t.Errorf("%s: %v", field, err)
	}
	return s
}

// id is a field's Message-ID without its brackets.
func (m *arrived) id(field string) string { return strings.Trim(m.header.Get(field), "<>") }

// replyTo is the signed address for answers.
func (m *arrived) replyTo(t *testing.T) string {
	t.Helper()
	a, err := mail.ParseAddress(m.header.Get("Reply-To"))
	if err != nil {
		t.Fatalf("Reply-To %q: %v", m.header.Get("Reply-To"), err)
	}
	return a.Address
}

// outgoing waits until everything that the desk has to send is delivered, and
// at its recipients, and returns it in the order it was written.
func outgoing(t *testing.T, d *installation, e exit) []arrived {
	t.Helper()
	var items []api.Item
	eventually(t, "all mail has left", func() bool {
		items = read[[]api.Item](d, "outbox", "list")
		for _, it := range items {
			switch it.State {
			case ticketstore.ItemDelivered:
			case ticketstore.ItemQueued, ticketstore.ItemSending:
				return false
			default:
				t.Fatalf("item %d to %s is %s: %v", it.ID, it.To, it.State, it.Attempts)
			}
		}
		return true
	})
	var list []arrived
	eventually(t, "all mail is at its recipients", func() bool {
		byID := map[string]string{}
		for _, raw := range e.read(t) {
			m, err := mail.ReadMessage(strings.NewReader(raw))
			if err != nil {
				return false // still being written
			}
			byID[strings.Trim(m.Header.Get("Message-Id"), "<>")] = raw
		}
		list = nil
		for _, it := range items {
			if raw, ok := byID[it.MessageID]; ok {
				list = append(list, parse(t, it, raw))
			}
		}
		return len(list) == len(items)
	})
	return list
}

func (e exit) read(t *testing.T) (raws []string) {
	t.Helper()
	for _, pattern := range e.files {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if b, err := os.ReadFile(name); err == nil {
				raws = append(raws, string(b))
			}
		}
	}
	return raws
}

// parse reads a mail as a mail program does.
func parse(t *testing.T, it api.Item, raw string) arrived {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("item %d: %v\n%s", it.ID, err, raw)
	}
	a := arrived{item: it, raw: raw, header: m.Header, returnPath: strings.Trim(m.Header.Get("Return-Path"), "<>")}
	if to := m.Header.Get("Delivered-To"); to != it.To.String() {
		t.Errorf("item %d to %s was delivered to %s", it.ID, it.To, to)
	}
	a.parts(t, m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
	a.words = a.decoded(t, "Subject") + "\n" + a.text + "\n" + a.html
	return a
}

func (m *arrived) parts(t *testing.T, contentType, encoding string, body io.Reader) {
	t.Helper()
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatalf("item %d: Content-Type %q: %v", m.item.ID, contentType, err)
	}
	if strings.HasPrefix(mediaType, "multipart/") {
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatalf("item %d: %v", m.item.ID, err)
			}
			m.parts(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
		}
	}
	if encoding == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(body); err != nil {
		t.Fatalf("item %d: %v", m.item.ID, err)
	}
	switch text := strings.ReplaceAll(b.String(), "\r\n", "\n"); mediaType {
	case "text/plain":
		m.text += text
	case "text/html":
		m.html += text
	}
}
