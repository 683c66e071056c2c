package desk

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	netmail "net/mail"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
	"mxdesk/templates"
)

// field reads what one header field says, as a mail program would.
func field(text string) *message.Message { return readBack(text + "\r\n\r\n") }

// wantFolded checks what holds for every header: CRLF, no line over 998, none
// over 78 that could have been folded, none empty, ASCII where no address is not.
func wantFolded(t *testing.T, header string) {
	t.Helper()
	rest := strings.ReplaceAll(header, "\r\n", "")
	if strings.ContainsAny(rest, "\r\n\x00") || !strings.HasSuffix(header, "\r\n") {
		t.Errorf("bare line ends in %q", header)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(header, "\r\n"), "\r\n") {
		value := line
		if name, v, ok := strings.Cut(line, ": "); ok && !strings.Contains(name, " ") {
			value = v
		}
		switch {
		case strings.TrimSpace(line) == "":
			t.Errorf("an empty line in %q", header)
		case len(line) > 998:
			t.Errorf("a line of %d octets: %.100q…", len(line), line)
		case len(line) > 78 && strings.Contains(strings.Trim(value, " "), " "):
			t.Errorf("a line of %d octets could be folded: %q", len(line), line)
		case strings.Contains(line, "=?") && len(line) > 76 && !strings.Contains(line, "<"):
			t.Errorf("an encoded word in a line of %d octets: %q", len(line), line)
		}
	}
}

func TestSubjectField(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "Printer on fire [ID:0000001]", "Subject: Printer on fire [ID:0000001]\r\n"},
		{"not ASCII, the tag stays readable", "Drücker [ID:0000001]", "Subject: =?utf-8?q?Dr=C3=BCcker_[ID:0000001]?=\r\n"},
		{"folded", strings.Repeat("word ", 20) + "end", "Subject: word word word word word word word word word word word word word word\r\n word word word word word word end\r\n"},
		{"looks encoded", "=?utf-8?q?x?=", "Subject: =?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?=\r\n"},
		{"line ends", "a\r\nBcc: b@c.example\n\nx", "Subject: a Bcc: b@c.example x\r\n"},
		{"control character", "a\x00b", "Subject: =?utf-8?q?a=00b?=\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var h headerWriter
			h.text("Subject", tc.in)
			if h.b.String() != tc.want {
				t.Errorf("%q, want %q", h.b.String(), tc.want)
			}
		})
	}
}

func TestLongSubjectsComeBack(t *testing.T) {
	for name, in := range map[string]string{
		"one endless word": strings.Repeat("x", 900),
		"Latin":            strings.TrimSpace(strings.Repeat("Grüße aus Köln ", 50)),
		"Japanese":         strings.Repeat("印刷機が燃えている", 30),
		"emoji":            strings.Repeat("🔥", 200),
	} {
		t.Run(name, func(t *testing.T) {
			var h headerWriter
			h.text("Subject", in)
			wantFolded(t, h.b.String())
			if got := field(h.b.String()).Subject; got != in {
				t.Errorf("came back as %q, want %q", got, in)
			}
		})
	}
}

// hostile are names that try to be more than a name.
var hostile = []string{
	"Ann", "Ann O'Neil, Dr.", `Ann "the \ boss"`, "Jörg <evil@x.example>, ", "Jörg, evil@x.example", "a\r\nBcc: evil@x.example", "a\nBcc: evil@x.example\n\nbody",
	"=?utf-8?q?=0D=0ABcc:_evil@x.example?=", "(comment", "名前", "\"", "\\", "a@b.example", "<a@b.example>", ",", ";:", "\x00\x1b[31m",
	strings.Repeat("long name ", 30), strings.Repeat("x", 500), strings.Repeat("ü", 500), "\xff\xfe", "trailing\\",
}

func TestMailboxesField(t *testing.T) {
	to := address.Mailbox{Address: at("a-rather-long-local-part-of-an-address@a-rather-long-domain.example")}
	for _, name := range hostile {
		t.Run(fmt.Sprintf("%.20q", name), func(t *testing.T) {
			var h headerWriter
			h.mailboxes("Cc", address.Mailbox{Name: name, Address: to.Address}, to, mailbox(name, ann))
			wantMailboxes(t, h.b.String(), name, to.Address, to.Address, at(ann))
		})
	}
}

// wantMailboxes checks a Cc field against two parsers: ours and Go's.
func wantMailboxes(t *testing.T, header, name string, want ...address.Address) {
	t.Helper()
	wantFolded(t, header)
	m := field(header)
	var got []string
	for _, x := range m.Cc {
		got = append(got, x.Address.String())
	}
	var wanted []string
	for _, a := range want {
		wanted = append(wanted, a.String())
	}
	if len(m.Fields) != 1 || !slices.Equal(got, wanted) {
		t.Errorf("read as %d fields with %q, want %q:\n%s", len(m.Fields), got, wanted, header)
	}
	if clean := oneLine(name); len(clean) < maxName && utf8.ValidString(clean) && strings.IndexFunc(clean, unicode.IsControl) < 0 && len(m.Cc) > 0 {
		if m.Cc[0].Name != clean {
			t.Errorf("the name came back as %q, want %q", m.Cc[0].Name, clean)
		}
	}
	parsed, err := netmail.ReadMessage(strings.NewReader(header + "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := parsed.Header.AddressList("Cc")
	if err != nil || len(list) != len(want) || list[0].Address != wanted[0] {
		t.Errorf("another parser reads %v, %v:\n%s", list, err, header)
	}
}

func TestNewFile(t *testing.T) {
	for _, tc := range []struct{ name, mediaType, wantName, wantType string }{
		{"a.pdf", "", "a.pdf", "application/pdf"},
		{"a", "", "a", "application/octet-stream"},
		{"a", "nonsense", "a", "application/octet-stream"},
		{"a", "text/plain\r\nBcc: x@y.example", "a", "application/octet-stream"},
		{"a", "multipart/mixed", "a", "application/octet-stream"},
		{"a.eml", "message/rfc822", "a.eml", "application/octet-stream"},
		{"../../etc/passwd", "text/plain; charset=x", "passwd", "text/plain"},
		{`C:\dir\a "b"; c.txt`, "text/plain", `a "b"; c.txt`, "text/plain"},
		{"..", "text/plain", "attachment", "text/plain"},
		{"a\r\nb\x00.txt", "text/plain", "ab.txt", "text/plain"},
		{strings.Repeat("ü", 300) + ".txt", "text/plain", strings.Repeat("ü", 98) + ".txt", "text/plain"},
	} {
		t.Run(fmt.Sprintf("%.20q %.12q", tc.name, tc.mediaType), func(t *testing.T) {
			content := bytes.Repeat([]byte("content\x00\xff"), 100)
			f := NewFile(tc.name, tc.mediaType, content)
			if f.Name != tc.wantName || f.Type != tc.wantType {
				t.Errorf("%q, %s; want %q, %s", f.Name, f.Type, tc.wantName, tc.wantType)
			}
			wantAttached(t, f, content)
		})
	}
}

// wantAttached composes a mail with the file and reads it back.
func wantAttached(t *testing.T, f File, content []byte) {
	t.Helper()
	contentType, body := compose(templates.Mail{Text: "text\n", HTML: "<p>text</p>\n"}, []File{f})
	raw := "MIME-Version: 1.0\r\n" + contentType + "\r\n" + string(body)
	m := readBack(raw)
	if len(m.Attachments) != 1 || m.Text != "text" && m.Text != "text\n" {
		t.Fatalf("text %q, attachments %+v, problems %v in\n%s", m.Text, m.Attachments, m.Problems, raw)
	}
	a := m.Attachments[0]
	if a.Type != f.Type || a.SHA256 != fmt.Sprintf("%x", sha256.Sum256(content)) {
		t.Errorf("attached as %s, want %s", a.Type, f.Type)
	}
	// The name is compared by another parser: ours makes it safe first.
	part, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(f.part))).ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	if _, params, err := mime.ParseMediaType(part.Get("Content-Disposition")); err != nil || params["filename"] != f.Name {
		t.Errorf("named %q, %v; want %q", params["filename"], err, f.Name)
	}
	r, _, err := message.Open(strings.NewReader(raw), a.Path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); !bytes.Equal(got, content) || err != nil {
		t.Errorf("%d octets came back, want %d; %v", len(got), len(content), err)
	}
	for line := range strings.SplitSeq(raw, "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("a line of %d octets or with a bare line end", len(line))
		}
	}
}

// Every mail of a desk with hostile people is whole: the tag stands once in the
// subject, the header has each field once, text and line ends are right.
func TestMailsOfHostilePeople(t *testing.T) {
	for i, name := range hostile {
		h := newStaffed(t)
		r := h.take(letter{From: "ann" + fmt.Sprint(i) + "@user.example", Subject: "x"})
		h.must(h.Change(context.Background(), r.Ticket, address.Address{}, Set{Subject: "x" + name, Follow: []address.Mailbox{mailbox(name, ben)}}))
		_, err := h.Reply(context.Background(), Reply{Ticket: r.Ticket, Text: "line\r\n.\r\n" + name, Files: []File{NewFile(name, "", []byte(name))}})
		h.must(err)
		for _, it := range h.items() {
			wantWhole(t, h.octets(it))
		}
	}
}

func wantWhole(t *testing.T, raw string) {
	t.Helper()
	header, _, ok := strings.Cut(raw, "\r\n\r\n")
	if !ok {
		t.Fatalf("no blank line in %q", raw)
	}
	wantFolded(t, header+"\r\n")
	m := readBack(raw)
	seen := map[string]bool{}
	for _, f := range m.Fields {
		if seen[f.Name] {
			t.Errorf("two fields %s:\n%s", f.Name, header)
		}
		seen[f.Name] = true
	}
	for _, name := range []string{"From", "To", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "X-Mxdesk-Loop"} {
		if !seen[name] {
			t.Errorf("no field %s:\n%s", name, header)
		}
	}
	if seen["Bcc"] || strings.Count(m.Subject, "[ID:0000001]") != 1 || strings.Count(m.Subject, "[ID:") != 1 || m.FromErr != nil || m.Date.IsZero() {
		t.Errorf("subject %q, from %v:\n%s", m.Subject, m.FromErr, header)
	}
	if rest := strings.ReplaceAll(raw, "\r\n", ""); strings.ContainsAny(rest, "\r\n") {
		t.Errorf("bare line ends in %q", raw)
	}
}

func TestMailGoesIntoTheThread(t *testing.T) {
	h := opened(t)
	ack := h.told(ann)
	h.take(letter{From: ann, Subject: "[ID:1]", ID: "second@user.example"})
	_, err := h.Reply(context.Background(), Reply{Ticket: 1, Text: "x"})
	h.must(err)
	m := h.read(h.told(ann))
	if !slices.Equal(m.InReplyTo, []string{"second@user.example"}) || !slices.Equal(m.References, []string{ack.MessageID, "second@user.example"}) {
		t.Errorf("In-Reply-To %q, References %q", m.InReplyTo, m.References)
	}
	n := h.read(h.told(ada))
	if slices.Contains(n.References, "second@user.example") {
		t.Errorf("the agent's mail refers to one they never got: %q", n.References)
	}
}

func FuzzCompose(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, s, s)
	}
	f.Add("Ann", "Re: x [ID:0000001]", "1@sender.example> <2@sender.example")
	h := &harness{TB: f}
	f.Fuzz(func(t *testing.T, name, subject, id string) {
		h.TB = t
		var w headerWriter
		w.mailboxes("Cc", mailbox(name, ben), mailbox(name, ann))
		wantMailboxes(t, w.b.String(), name, at(ben), at(ann))
		w = headerWriter{}
		w.text("Subject", subject)
		wantFolded(t, w.b.String())
		if m := field(w.b.String()); len(m.Fields) != 1 {
			t.Errorf("%d fields in %q", len(m.Fields), w.b.String())
		} else if clean := oneLine(subject); utf8.ValidString(clean) && strings.IndexFunc(clean, unicode.IsControl) < 0 && len(clean) < 900 && m.Subject != clean {
			t.Errorf("the subject came back as %q, want %q", m.Subject, clean)
		}
		if harmlessID(id) {
			if m := field("References: <" + id + ">"); len(m.Fields) != 1 || len(m.References) > 1 {
				t.Errorf("the Message-ID %q is %d references in %d fields", id, len(m.References), len(m.Fields))
			}
		}
		content := []byte(subject)
		wantAttached(t, NewFile(name, id, content), content)
	})
}
