package message

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"mxdesk/internal/address"
)

type wantMailbox struct{ Name, Email string }

type wantAttachment struct {
	Filename    string
	ContentType string `json:"content_type"`
	Size        int64
	SHA256      string
	Contains    string
	Times       int
}

// wantMail is what a case of the folders mime and charset expects. From, To
// and the texts come in two shapes.
type wantMail struct {
	Subject     string
	From        json.RawMessage
	To          json.RawMessage
	Cc          []wantMailbox
	ReplyTo     []wantMailbox `json:"reply_to"`
	Text        json.RawMessage
	HTML        json.RawMessage
	Attachments []wantAttachment
}

// squash makes texts comparable: suites differ in line ends and blank lines.
func squash(s string) string { return strings.Join(strings.Fields(s), " ") }

func mailboxDiff(field string, got []address.Mailbox, want []wantMailbox) string {
	var g, w []string
	for _, m := range got {
		g = append(g, squash(m.Name)+"|"+strings.ToLower(m.Address.String()))
	}
	for _, m := range want {
		if m.Email != "" {
			w = append(w, squash(m.Name)+"|"+strings.ToLower(m.Email))
		}
	}
	if !slices.Equal(g, w) {
		return fmt.Sprintf("%s: got %q, want %q", field, g, w)
	}
	return ""
}

func (w *wantMail) diff(m *Message) string {
	if squash(m.Subject) != squash(w.Subject) {
		return fmt.Sprintf("subject: got %q, want %q", m.Subject, w.Subject)
	}
	var from wantMailbox
	if json.Unmarshal(w.From, &from) == nil && from.Email != "" {
		if d := mailboxDiff("from", []address.Mailbox{m.From}, []wantMailbox{from}); d != "" {
			return d
		}
	}
	var to []wantMailbox
	if json.Unmarshal(w.To, &to) == nil && w.To != nil {
		for _, d := range []string{mailboxDiff("to", m.To, to), mailboxDiff("cc", m.Cc, w.Cc), mailboxDiff("reply-to", m.ReplyTo, w.ReplyTo)} {
			if d != "" {
				return d
			}
		}
	}
	return w.textDiff(m)
}

func (w *wantMail) textDiff(m *Message) string {
	var text string
	if json.Unmarshal(w.Text, &text) == nil && text != "" && squash(text) != squash(m.Text) {
		return fmt.Sprintf("text: got %.300q, want %.300q", m.Text, text)
	}
	var rich string
	if json.Unmarshal(w.HTML, &rich) == nil && strings.TrimSpace(rich) != "" && m.HTML == "" {
		return "no HTML"
	}
	var how struct {
		How   string
		Value []any
	}
	if json.Unmarshal(w.Text, &how) == nil && how.How == "count" && len(how.Value) == 2 {
		if n := strings.Count(m.Text, how.Value[1].(string)); float64(n) != how.Value[0].(float64) {
			return fmt.Sprintf("text holds %q %d times, want %v: %.200q", how.Value[1], n, how.Value[0], m.Text)
		}
	}
	return ""
}

func (w *wantMail) attachmentDiff(m *Message, open func(path string) io.Reader) string {
	if w.Attachments == nil {
		return ""
	}
	var names []string
	for _, a := range m.Attachments {
		names = append(names, a.Name+"|"+a.Type)
	}
	if len(m.Attachments) != len(w.Attachments) {
		return fmt.Sprintf("attachments: got %q, want %v", names, w.Attachments)
	}
	for i, want := range w.Attachments {
		got := m.Attachments[i]
		switch {
		case want.Filename != "" && got.Name != safeName(squash(want.Filename)):
			return fmt.Sprintf("attachment %d: name %q, want %q", i, got.Name, want.Filename)
		case want.SHA256 != "" && got.SHA256 != want.SHA256:
			return fmt.Sprintf("attachment %d: size %d, want %d, or other octets", i, got.Size, want.Size)
		case want.ContentType != "" && got.Type != strings.ToLower(want.ContentType):
			return fmt.Sprintf("attachment %d: type %q, want %q", i, got.Type, want.ContentType)
		}
		b, err := io.ReadAll(open(got.Path))
		if err != nil || int64(len(b)) != got.Size {
			return fmt.Sprintf("attachment %d: opened %d octets, described %d: %v", i, len(b), got.Size, err)
		}
		if want.Contains != "" && strings.Count(string(b), want.Contains) != want.Times {
			return fmt.Sprintf("attachment %d: %q not there %d times", i, want.Contains, want.Times)
		}
	}
	return ""
}

func runMail(t *testing.T, folder string, floor int, known map[string]string) {
	s := score{known: known}
	for _, file := range corpusFiles(t, folder, ".eml") {
		var want wantMail
		if !expected(t, file, &want) {
			continue
		}
		raw := readFile(t, file)
		m := readAll(raw)
		diff := want.diff(m)
		if diff == "" {
			diff = want.attachmentDiff(m, func(path string) io.Reader {
				r, _, err := Open(strings.NewReader(string(raw)), path)
				if err != nil {
					t.Fatal(err)
				}
				return r
			})
		}
		s.result(t, caseName(file), diff)
	}
	s.report(t, floor)
}

func TestCorpusMIME(t *testing.T) {
	const (
		nested  = "the suite joins the text of an attached mail to the text; here the mail stays an attachment, with its own text in the field text"
		report  = "the suite hides the parts of a delivery report; here they are attachments, so that nothing is out of sight"
		dropped = "the suite drops octets beyond ASCII that no charset is declared for; here they are read, nothing is dropped silently"
		address = "the suite takes a name for an address, or an address for a name"
		excuse  = "the plain part only asks for a program that shows HTML; the HTML is read"
	)
	runMail(t, "mime", 106, map[string]string{
		"attachment_2_base64":                                      nested,
		"attachment_7bit":                                          "the suite counts the line end before the boundary, which belongs to the boundary (RFC 2046 §5.1.1)",
		"attachment_8bit":                                          nested,
		"attachment_emails-attachment_message_rfc822":              nested,
		"error_emails-content_transfer_encoding_7-bit":             "the suite keeps a C1 control character that means a letter in windows-1252",
		"error_emails-content_transfer_encoding_plain":             dropped,
		"error_emails-invalid_subject_characters":                  dropped,
		"error_emails-missing_body":                                address,
		"error_emails-missing_content_disposition":                 "the suite knows no attachment without a disposition; the image would be out of sight",
		"mime_emails-raw_email_with_mimepart_without_content_type": nested,
		"multipart_report_emails-multi_address_bounce1":            nested,
		"multipart_report_emails-multi_address_bounce2":            nested,
		"multipart_report_emails-multipart_report_multiple_status": nested,
		"multipart_report_emails-report_422":                       report,
		"multipart_report_emails-report_530":                       report,
		"php-m0008":                                                excuse,
		"php-m0025":                                                excuse,
		"php-m0020":                                                "the suite names a part without a name in its own way; here it has the ending of its type",
		"plain_emails-mix_caps_content_type":                       address,
		"plain_emails-raw_email6":                                  dropped,
		"plain_emails-raw_email_incorrect_header":                  "the suite ends the header at the first bad line; fields follow, so it goes on here",
		"plain_emails-raw_email_with_at_display_name":              address,
		"rfc2822-example10":                                        address,
		"rfc2822-example13":                                        "the suite takes the obsolete fields for text",
		"rfc2822-example14":                                        "the suite drops the blank between text and an encoded word",
		"rfc6532-utf8_headers":                                     "domains are kept in A-labels",
		"text_with_content_id":                                     "the suite lists a mail's only text as an attachment as well, because it has a Content-ID",
	})
}

func TestCorpusCharset(t *testing.T) { runMail(t, "charset", 29, nil) }
