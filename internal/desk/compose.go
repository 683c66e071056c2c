package desk

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"mime"
	"mime/quotedprintable"
	"path"
	"slices"
	"strings"
	"time"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/internal/token"
	"mxdesk/templates"
	"mxdesk/ticketstore"
)

// File is an attachment of outgoing mail, already in transfer encoding, so
// that no large file is encoded inside a transaction.
type File struct {
	ticketstore.Attachment
	part []byte // header and base64 body of the MIME part
}

// maxFileName bounds an attachment's name, in octets.
const maxFileName = 200

// NewFile encodes an attachment. An empty media type is taken from the name.
func NewFile(name, mediaType string, content []byte) File {
	f, _ := newFile(name, mediaType, int64(len(content)), bytes.NewReader(content)) // which always can be read
	return f
}

// encodedSize is about how many octets so many become in a part.
func encodedSize(size int64) int64 { return size/57*78 + 1<<10 }

// memoryOf is what the files of a mail take in memory: each as a part, and once
// more in the body.
func memoryOf(list []message.Attachment) (octets int64) {
	for _, a := range list {
		octets += 2 * encodedSize(a.Size)
	}
	return octets
}

// newFile encodes an attachment of about some size as it is read.
func newFile(name, mediaType string, size int64, content io.Reader) (File, error) {
	name = safeName(name)
	if mt, _, err := mime.ParseMediaType(mediaType); err == nil && strings.Contains(mt, "/") && !strings.HasPrefix(mt, "multipart/") {
		mediaType = mt
	} else {
		mediaType, _, _ = mime.ParseMediaType(mime.TypeByExtension(strings.ToLower(path.Ext(name))))
	}
	if mediaType == "" || strings.HasPrefix(mediaType, "multipart/") || mediaType == "message/rfc822" {
		mediaType = "application/octet-stream"
	}
	var b bytes.Buffer
	b.Grow(int(encodedSize(size)))
	fmt.Fprintf(&b, "Content-Type: %s\r\n", foldParams(mime.FormatMediaType(mediaType, map[string]string{"name": name})))
	fmt.Fprintf(&b, "Content-Disposition: %s\r\n", foldParams(mime.FormatMediaType("attachment", map[string]string{"filename": name})))
	b.WriteString("Content-Transfer-Encoding: base64\r\n\r\n")
	enc := base64.NewEncoder(base64.StdEncoding, &lineWriter{w: &b})
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(enc, sum), content)
	enc.Close()
	b.WriteString("\r\n")
	return File{
		Attachment: ticketstore.Attachment{Name: name, Type: mediaType, Size: n, SHA256: fmt.Sprintf("%x", sum.Sum(nil))},
		part:       b.Bytes(),
	}, err
}

func foldParams(s string) string { return strings.ReplaceAll(s, "; ", ";\r\n ") }

func safeName(s string) string {
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:]
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "_"))
	if len(s) > maxFileName {
		s = strings.ToValidUTF8(s[len(s)-maxFileName:], "")
	}
	if strings.Trim(s, ". ") == "" {
		return "attachment"
	}
	return s
}

// lineWriter breaks base64 into lines of 76 (RFC 2045 §6.8).
type lineWriter struct {
	w   *bytes.Buffer
	col int
}

func (l *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if l.col == 76 {
			l.w.WriteString("\r\n")
			l.col = 0
		}
		k := min(76-l.col, len(p))
		l.w.Write(p[:k])
		l.col += k
		p = p[k:]
	}
	return n, nil
}

// readFiles encodes the attachments of a mail, for sending on.
func readFiles(m *message.Message, c ticketstore.Content) ([]File, error) {
	var files []File
	for _, a := range m.Attachments {
		r, _, err := message.Open(c, a.Path)
		if err != nil {
			return nil, fmt.Errorf("reading attachment %s: %w", a.Name, err)
		}
		f, err := newFile(a.Name, a.Type, a.Size, r)
		if err != nil {
			return nil, fmt.Errorf("reading attachment %s: %w", a.Name, err)
		}
		files = append(files, f)
	}
	return files, nil
}

// outgoing is one mail to one or more people of one audience.
type outgoing struct {
	template  string
	audience  ticketstore.Audience
	to        []address.Mailbox // one item each
	cc        bool              // name all of them in the header
	automatic bool              // null return path, Auto-Submitted
	agent     bool              // to agents: audience is that of their answer
	data      templates.Data
	files     []File
}

// send renders a mail and adds one frozen item for each recipient.
func (w *work) send(t *ticketstore.Ticket, a *ticketstore.Action, o outgoing) error {
	if len(o.to) == 0 {
		return nil
	}
	box, err := w.mailboxOf(t)
	if err != nil {
		return err
	}
	w.fill(&o.data, t, box)
	mail, err := box.Templates.Render(o.template, o.data)
	if err != nil {
		return err
	}
	for _, warning := range mail.Warnings {
		a.Trace = append(a.Trace, "template "+o.template+": "+warning)
	}
	contentType, body := compose(mail, o.files)
	rec := ticketstore.Record{
		ID: w.next.Record, Kind: ticketstore.RecordBody,
		Meta:    ticketstore.MailMeta{Ticket: t.ID, Action: a.Seq},
		Content: ticketstore.Octets(body), Digest: sha256.Sum256(body),
	}
	w.next.Record++
	w.change.Records = append(w.change.Records, rec)
	for _, to := range o.to {
		it := ticketstore.OutboxItem{
			ID: w.next.Item, Ticket: t.ID, Action: a.Seq, Template: o.template, Audience: o.audience,
			To: to.Address, Body: rec.ID, State: ticketstore.ItemQueued, Created: w.now, Next: w.now, Attempts: []ticketstore.Attempt{},
		}
		w.next.Item++
		if err := w.address(&it, t, box, o, to, mail.Subject, contentType); err != nil {
			return err
		}
		w.change.Items = append(w.change.Items, it)
	}
	return nil
}

// fill sets what every template can show of the ticket.
func (w *work) fill(data *templates.Data, t *ticketstore.Ticket, box *Mailbox) {
	data.Desk = nameOf(box.From.Name, box.From.Address)
	data.Signature = box.Signature
	if data.Requester.Name = t.Requester.Name; data.Requester.Name == t.Requester.Address.String() {
		data.Requester.Name = "" // nobody is greeted by an address
	}
	data.Ticket = templates.Ticket{
		ID: t.ID.String(), Tag: w.d.Tag(t), Subject: t.Subject, Type: t.Type,
		Status: string(t.Status), Priority: t.Priority, Fields: t.Fields,
	}
}

// address writes the header of one item: the desk as sender on both sides, the
// signed reply address, Message-ID and return path.
func (w *work) address(it *ticketstore.OutboxItem, t *ticketstore.Ticket, box *Mailbox, o outgoing, to address.Mailbox, subject, contentType string) error {
	claim := token.Claim{Ticket: t.ID, Item: it.ID, Person: token.PersonOf(to.Address), Audience: o.audience, Agent: o.agent}
	from := box.From
	reply, err := from.Address.WithDetail(w.d.keys.Reply(claim))
	if err != nil {
		return fmt.Errorf("making the reply address: %w", err)
	}
	it.MessageID = w.d.keys.Message(claim) + "@" + string(from.Address.Domain())
	h := headerWriter{}
	h.b.Grow(1 << 10)
	h.mailboxes("From", from)
	if o.cc {
		h.mailboxes("To", o.to[0])
		h.mailboxes("Cc", o.to[1:]...)
	} else {
		h.mailboxes("To", to)
	}
	h.mailboxes("Reply-To", address.Mailbox{Name: from.Name, Address: reply})
	h.text("Subject", subject)
	h.raw("Date", w.now.Format(time.RFC1123Z))
	h.raw("Message-ID", "<"+it.MessageID+">")
	w.thread(&h, t, to.Address)
	if o.automatic {
		h.raw("Auto-Submitted", autoSubmitted(o.template))
		h.raw("X-Auto-Response-Suppress", "All")
	} else if it.Return, err = from.Address.WithDetail(w.d.keys.Bounce(claim)); err != nil {
		return fmt.Errorf("making the return path: %w", err)
	}
	h.raw(message.LoopField, w.d.cfg.Hostname)
	h.raw("MIME-Version", "1.0")
	h.b.WriteString(contentType)
	it.Header = h.b.String()
	return nil
}

// autoSubmitted follows RFC 3834 §5: an acknowledgement answers a mail, a
// notification does not.
func autoSubmitted(template string) string {
	if template == templates.Acknowledgement {
		return "auto-replied"
	}
	return "auto-generated"
}

// Bounds of how far back an answer looks in a ticket's past. All of that is done
// while nobody else writes, and people who write to a ticket decide how long its
// past is.
const (
	lookItems   = 500
	lookActions = 50
	lookOctets  = 1 << 20 // of the actions' texts
)

// thread names the mails that this one follows in the recipient's own mailbox:
// what they sent last, and what we sent them before.
func (w *work) thread(h *headerWriter, t *ticketstore.Ticket, to address.Address) {
	const most = 8
	last := ""
	for a := range w.history(t) {
		if a.Direction == ticketstore.In && harmlessID(a.MessageID) && a.Actor.Address.Equal(to) {
			last = a.MessageID
			break
		}
	}
	var refs []string // newest first
	if last != "" {
		refs = append(refs, last)
	}
	for it := range w.items(t) {
		if len(refs) == most {
			break
		}
		if it.To.Equal(to) {
			refs = append(refs, it.MessageID)
		}
	}
	if len(refs) > 0 {
		slices.Reverse(refs)
		h.raw("In-Reply-To", "<"+refs[len(refs)-1]+">")
		h.raw("References", "<"+strings.Join(refs, ">\r\n <")+">")
	}
}

// items yields a ticket's outgoing items that were there before this change,
// newest first.
func (w *work) items(t *ticketstore.Ticket) iter.Seq[*ticketstore.OutboxItem] {
	return func(yield func(*ticketstore.OutboxItem) bool) {
		n := 0
		for it, err := range w.view.LastItemsOf(t.ID) {
			if n++; err == nil && !yield(&it) || n == lookItems {
				return
			}
		}
	}
}

// harmlessID reports whether a Message-ID from outside can stand in a header
// field of ours.
func harmlessID(id string) bool {
	return id != "" && len(id) < 500 && strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '<' || r == '>' }) < 0
}

// history yields a ticket's actions, newest first, those of this change too.
func (w *work) history(t *ticketstore.Ticket) iter.Seq[*ticketstore.Action] {
	return func(yield func(*ticketstore.Action) bool) {
		octets := 0
		for seq := t.LastSeq; seq > 0 && t.LastSeq-seq < lookActions && octets < lookOctets; seq-- {
			a := w.actionAt(t.ID, seq)
			if a == nil {
				continue
			}
			if octets += len(a.Text) + len(a.Fresh); !yield(a) {
				return
			}
		}
	}
}

// actionAt is one of a ticket's, nil when it cannot be read.
func (w *work) actionAt(id ticketstore.TicketID, seq uint32) *ticketstore.Action {
	if a := w.pending(id, seq); a != nil {
		return a
	}
	key := past{id, seq}
	if a, ok := w.read[key]; ok {
		return a
	}
	var found *ticketstore.Action
	if a, err := w.view.Action(id, seq); err == nil {
		found = &a
	}
	if w.read == nil {
		w.read = map[past]*ticketstore.Action{}
	}
	w.read[key] = found
	return found
}

func (w *work) pending(id ticketstore.TicketID, seq uint32) *ticketstore.Action {
	for i := range w.change.Actions {
		if a := &w.change.Actions[i]; a.Ticket == id && a.Seq == seq {
			return a
		}
	}
	return nil
}

// quote puts the newest action that the audience may see, and that has a text,
// into the mail, leaving out the action that is being sent.
func (w *work) quote(data *templates.Data, t *ticketstore.Ticket, not uint32, sees func(*ticketstore.Action) bool) {
	for a := range w.history(t) {
		if a.Seq == not || a.Fresh == "" || !sees(a) {
			continue
		}
		data.Quoted, data.QuotedBy = clip(a.Fresh, maxQuote), a.Actor.Name
		data.QuotedAt = a.At.Format("2 January 2006 15:04 MST")
		return
	}
}

// Bounds of what other people's words add to a mail, in octets. Whole they stand
// in the ticket.
const (
	maxQuote = 8 << 10
	maxNews  = 64 << 10
)

// clip cuts a text at the end of a line where it can.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	s = s[:most]
	if i := strings.LastIndexByte(s, '\n'); i > most/2 {
		s = s[:i]
	}
	return strings.ToValidUTF8(s, "") + "\n[…]"
}

// compose builds the MIME body, RFC 2046 §5.1: plain text and HTML as
// alternatives, files behind them. It returns the Content-Type field (and what
// goes with it) and the octets after the blank line.
func compose(mail templates.Mail, files []File) (contentType string, body []byte) {
	size := len(mail.Text) + len(mail.HTML)
	size += size/8 + 1<<10 // what does not stand for itself is longer
	for _, f := range files {
		size += 100 + len(f.part)
	}
	var b bytes.Buffer
	b.Grow(size)
	contentType, inner := plainText, ""
	if mail.HTML != "" {
		inner = newBoundary()
		contentType = multipartField("alternative", inner)
	}
	if len(files) == 0 {
		writeTexts(&b, mail, inner)
		return contentType, b.Bytes()
	}
	outer := newBoundary()
	write(&b, "--", outer, "\r\n", contentType, "\r\n")
	writeTexts(&b, mail, inner)
	for _, f := range files {
		write(&b, "\r\n--", outer, "\r\n")
		b.Write(f.part)
	}
	write(&b, "\r\n--", outer, "--\r\n")
	return multipartField("mixed", outer), b.Bytes()
}

// writeTexts writes the plain text alone, or with the HTML as its alternative.
func writeTexts(b *bytes.Buffer, mail templates.Mail, boundary string) {
	if mail.HTML == "" {
		writeQuoted(b, mail.Text)
		return
	}
	write(b, "--", boundary, "\r\n", plainText, "\r\n")
	writeQuoted(b, mail.Text)
	write(b, "\r\n--", boundary, "\r\n", htmlText, "\r\n")
	writeQuoted(b, mail.HTML)
	write(b, "\r\n--", boundary, "--\r\n")
}

func write(b *bytes.Buffer, parts ...string) {
	for _, s := range parts {
		b.WriteString(s)
	}
}

// The fields of a part of text.
const (
	plainText = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
	htmlText  = "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"
)

func multipartField(subtype, boundary string) string {
	return "Content-Type: multipart/" + subtype + ";\r\n boundary=\"" + boundary + "\"\r\n"
}

// writeQuoted writes a text in quoted-printable (RFC 2045 §6.7), with CRLF for
// each LF. Most lines stand for themselves.
func writeQuoted(b *bytes.Buffer, text string) {
	qp := quotedprintable.NewWriter(b)
	for line := range strings.Lines(text) {
		words, ended := strings.CutSuffix(line, "\n")
		if isQuotedPrintable(words) {
			b.WriteString(words)
			if ended {
				b.WriteString("\r\n")
			}
			continue
		}
		qp.Write([]byte(words))
		if ended {
			qp.Write([]byte("\r\n")) // which it hands on with all that came before
		}
	}
	qp.Close()
}

// isQuotedPrintable reports a line that quoted-printable does not change.
func isQuotedPrintable(line string) bool {
	const most = 75 // octets before a soft line break
	if len(line) > most {
		return false
	}
	for i := range len(line) {
		if c := line[i]; c != ' ' && c != '\t' && (c < '!' || c > '~' || c == '=') {
			return false
		}
	}
	return line == "" || line[len(line)-1] > ' '
}

func newBoundary() string { return "=_" + rand.Text() }
