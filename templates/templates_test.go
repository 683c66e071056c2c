package templates

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t testing.TB, dir, language string) *Set {
	t.Helper()
	s, err := Load(dir, language)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func render(t testing.TB, s *Set, event string, d Data) Mail {
	t.Helper()
	m, err := s.Render(event, d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The files of testdata are whole mails, subject and text, as they must come
// out.
func TestBuiltinText(t *testing.T) {
	tests := map[string]struct {
		language, event string
		data            func(*Data)
	}{
		"agent reply":                             {"en", AgentReply, nil},
		"agent reply with nothing but a text":     {"de", AgentReply, func(d *Data) { *d = Data{Desk: "Hilfe", Ticket: Ticket{Tag: "[ID:0000001]"}, Text: "Ja."} }},
		"acknowledgement to an unverified sender": {"en", Acknowledgement, func(d *Data) { d.Unverified = true }},
		"user update": {"de", UserUpdate, func(d *Data) {
			d.Marker, d.Unverified, d.Attachments, d.Quoted = "-- oben antworten --", true, nil, ""
			d.Author, d.Kind = d.Requester, "End user"
		}},
		"supplier request": {"en", SupplierRequest, func(d *Data) { d.Attachments, d.Quoted = nil, "" }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			d := Sample()
			d.Marker = ""
			if tt.data != nil {
				tt.data(&d)
			}
			m := render(t, load(t, "", tt.language), tt.event, d)
			if diff := cmp.Diff(string(want), "Subject: "+m.Subject+"\n\n"+m.Text); diff != "" {
				t.Errorf("mail (-want +got):\n%s", diff)
			}
			if len(m.Warnings) > 0 {
				t.Errorf("warnings: %q", m.Warnings)
			}
		})
	}
}

// A user update tells of the requester only when there is a name.
func TestUserUpdateNamesTheRequester(t *testing.T) {
	tests := []struct{ language, label, name, want string }{
		{"en", "Requester", "Ada Muster", "\nSubject:   Toner\nRequester: Ada Muster\nStatus:    open\n"},
		{"en", "Requester", "", "\nSubject:   Toner\nStatus:    open\n"},
		{"de", "Anfragende", "Ada Muster", "\nBetreff:    Toner\nAnfragende: Ada Muster\nStatus:     open\n"},
		{"de", "Anfragende", "", "\nBetreff:    Toner\nStatus:     open\n"},
	}
	for _, tt := range tests {
		t.Run(tt.language+" "+tt.name, func(t *testing.T) {
			d := Sample()
			d.Requester.Name, d.Ticket.Subject = tt.name, "Toner"
			m := render(t, load(t, "", tt.language), UserUpdate, d)
			if !strings.Contains(m.Text, tt.want) {
				t.Errorf("want %q in\n%s", tt.want, m.Text)
			}
			if got := strings.Contains(m.HTML, "<td>"+tt.name+"</td>") && strings.Contains(m.HTML, ">"+tt.label+"<"); got != (tt.name != "") {
				t.Errorf("the HTML has %s: %t\n%s", tt.label, got, m.HTML)
			}
		})
	}
}

func TestBuiltinIsClean(t *testing.T) {
	for _, language := range Languages() {
		if p := Lint("", language); len(p) > 0 {
			t.Errorf("%s: %v", language, p)
		}
	}
}

func TestAnonymousAcknowledgementEchoesNothing(t *testing.T) {
	dir := folder(t, map[string]string{
		"acknowledgement.txt":  "Subject: {{.Ticket.Subject}} {{.Ticket.Tag}}\n\n{{.Requester.Name}}{{.Author.Name}}{{.Text}}{{.Quoted}}{{.QuotedBy}}{{.Ticket.Fields.serial}}{{range .Attachments}}{{.}}{{end}}.\n",
		"acknowledgement.html": "<p>{{.Requester.Name}}{{lines .Text}}{{quote .Quoted}}.</p>",
	})
	d := Sample()
	d.Unverified, d.Marker = true, ""
	m := render(t, load(t, dir, "en"), Acknowledgement, d)
	if m.Subject != "[ID:0002139]" || m.Text != ".\n" || strings.Contains(m.HTML, "Ada") || strings.Contains(m.HTML, "printer") {
		t.Errorf("the sender's words came back: %+v", m)
	}
}

func TestSubject(t *testing.T) {
	long := strings.Repeat("ä", 2000)
	tests := map[string]struct{ template, subject, want string }{
		"tag in place":             {"{{.Ticket.Tag}} {{.Ticket.Subject}}", "Toner", "[ID:0000007] Toner"},
		"tag forgotten":            {"{{.Ticket.Subject}}", "Toner", "Toner [ID:0000007]"},
		"tag twice":                {"{{.Ticket.Tag}} x {{.Ticket.Tag}}", "", "[ID:0000007] x"},
		"nothing":                  {"", "", "[ID:0000007]"},
		"tag in the subject":       {"{{.Ticket.Subject}}", "[ID:0000007] Toner", "Toner [ID:0000007]"},
		"another ticket's tag":     {"{{.Ticket.Subject}}", "Toner [id: 0000009]", "Toner [ID:0000007]"},
		"tags in each other":       {"{{.Ticket.Subject}}", "a [ID:00[ID:1]00009] b", "a b [ID:0000007]"},
		"header injection":         {"{{.Ticket.Subject}}", "a\r\nBcc: x@example.com", "a Bcc: x@example.com [ID:0000007]"},
		"control characters":       {"{{.Ticket.Subject}}", "a\x00b\x1bc\x7f\u0085d\u2028e", "a b c d e [ID:0000007]"},
		"direction override":       {"{{.Ticket.Subject}}", "a\u202egpj.exe\u2066\u200f", "agpj.exe [ID:0000007]"},
		"joiners stay":             {"{{.Ticket.Subject}}", "👩\u200d💻 می\u200cخواهم", "👩\u200d💻 می\u200cخواهم [ID:0000007]"},
		"bad UTF-8":                {"{{.Ticket.Subject}}", "a\xffb", "a\uFFFDb [ID:0000007]"},
		"line break in template":   {"{{.Text}}", "", "one two [ID:0000007]"},
		"no second Re":             {"{{re .Ticket.Subject}}", "AW: Toner", "AW: Toner [ID:0000007]"},
		"long subject":             {"{{.Ticket.Subject}}", long, strings.Repeat("ä", 248) + "… [ID:0000007]"},
		"long line before the tag": {long + "{{.Ticket.Tag}}", "", strings.Repeat("ä", 442) + "… [ID:0000007]"},
		"long line after the tag":  {"{{.Ticket.Tag}} " + long, "", "[ID:0000007] " + strings.Repeat("ä", 110) + "…"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"agent-reply.txt": "Subject: " + tt.template + "\n\n{{.Text}}\n"})
			d := Data{Ticket: Ticket{ID: "0000007", Tag: "[ID:0000007]", Subject: tt.subject}, Text: "one\ntwo"}
			m := render(t, load(t, dir, "en"), AgentReply, d)
			if m.Subject != tt.want {
				t.Errorf("got  %q\nwant %q", m.Subject, tt.want)
			}
			checkMail(t, d, m)
		})
	}
}

// checkMail holds what is true of every mail, whatever the values.
func checkMail(t *testing.T, d Data, m Mail) {
	t.Helper()
	if n := strings.Count(m.Subject, d.Ticket.Tag); n != 1 {
		t.Errorf("the subject has the tag %d times: %q", n, m.Subject)
	}
	if len(m.Subject) > maxSubject || strings.ContainsFunc(m.Subject, func(r rune) bool { return unicode.IsControl(r) || hidden(r) }) {
		t.Errorf("bad subject: %q", m.Subject)
	}
	if strings.ContainsAny(m.Text, "\r\x00") || m.Text != "" && !strings.HasSuffix(m.Text, "\n") {
		t.Errorf("bad text: %q", m.Text)
	}
	for name, s := range map[string]string{"subject": m.Subject, "text": m.Text, "HTML": m.HTML} {
		if !utf8.ValidString(s) || len(s) > maxOutput+maxWord+100 {
			t.Errorf("%s: bad UTF-8 or %d octets", name, len(s))
		}
	}
	if marker := oneLine(d.Marker, maxWord); !strings.HasPrefix(m.Text, marker) {
		t.Errorf("marker %q does not stand first: %.100q", marker, m.Text)
	}
}

func TestHTMLEscapes(t *testing.T) {
	d := Sample()
	evil := `<script>alert(1)</script>"'&<img src=x onerror=y>`
	d.Text, d.Quoted, d.Signature, d.Requester.Name, d.Author.Name = evil, evil, evil, evil, evil
	d.Ticket.Subject, d.Attachments, d.Ticket.Fields = evil, []string{evil}, map[string]string{evil: evil}
	for _, language := range Languages() {
		for _, event := range Events() {
			m := render(t, load(t, "", language), event, d)
			if strings.Contains(m.HTML, "<script") || strings.Contains(m.HTML, "<img") {
				t.Errorf("%s/%s: %s", language, event, m.HTML)
			}
			if !strings.Contains(m.HTML, "&lt;script&gt;") {
				t.Errorf("%s/%s: the value is missing", language, event)
			}
		}
	}
}

func TestMarkup(t *testing.T) {
	q := func(s string) string { return quoteOpen + s + quoteClose }
	tests := map[string]struct{ text, want string }{
		"lines":        {"a\n\nb", "a<br>\n<br>\nb"},
		"indent":       {" a\n\tb  c", "&nbsp;a<br>\n&nbsp;&nbsp;&nbsp; b&nbsp; c"},
		"quote":        {"a\n> b\n>c\nd", "a" + q("b<br>\nc") + "d"},
		"nested quote": {"> a\n> > b\n>> c\n> d", q("a" + q("b<br>\nc") + "d")},
		"deep":         {strings.Repeat(">", 10) + "a", strings.Repeat(quoteOpen, 8) + "&gt;&gt;a" + strings.Repeat(quoteClose, 8)},
		"empty":        {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := markup(tt.text); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestQuoteText(t *testing.T) {
	got, err := quoteText("a\n\n> b\n\n")
	if want := "> a\n>\n>> b"; got != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestOverride(t *testing.T) {
	dir := folder(t, map[string]string{"agent-reply.txt": "Subject: S {{.Ticket.Tag}}\r\n\r\nDear all,\r\n{{.Text}}\r\n> q\r\n"})
	s := load(t, dir, "de-AT")
	d := Sample()
	d.Text, d.Marker = "1 < 2", ""
	m := render(t, s, AgentReply, d)
	if m.Subject != "S [ID:0002139]" || m.Text != "Dear all,\n1 < 2\n> q\n" {
		t.Errorf("%+v", m)
	}
	if !strings.Contains(m.HTML, "Dear all,<br>\n1 &lt; 2"+quoteOpen+"q"+quoteClose) || !strings.Contains(m.HTML, `lang="de"`) {
		t.Errorf("HTML is not made from the text: %s", m.HTML)
	}
	if m := render(t, s, Acknowledgement, d); !strings.Contains(m.Text, "Guten Tag Ada Muster,") {
		t.Errorf("a missing file is not replaced by the built-in one: %s", m.Text)
	}
}

func TestHTMLOnly(t *testing.T) {
	dir := folder(t, map[string]string{"agent-reply.html": "<p>only {{lines .Text}}</p>"})
	m := render(t, load(t, dir, "en"), AgentReply, Sample())
	want := "<p>##- Please type your answer above this line -##</p>\n<p>only Please switch the printer off and on again.<br>\n<br>\nDoes it print then?</p>"
	if m.HTML != want || !strings.Contains(m.Text, "Please switch") {
		t.Errorf("%+v", m)
	}
}

func TestFallback(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"fails for these values": {"{{index .Attachments 5}}", "error calling index"},
		"grows too long":         {strings.Repeat("{{quote .Text}}\n", 10), "output over 1 MiB"},
		"one value too long":     {"{{quote .Text" + strings.Repeat(" | quote", 20) + "}}", "value over 1 MiB"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{
				"agent-reply.txt": "Subject: mine\n\n{{.Text}}{{if eq .Kind \"Test\"}}" + tt.text + "{{end}}",
			})
			s := load(t, dir, "en")
			d := Sample()
			if m := render(t, s, AgentReply, d); m.Subject != "mine [ID:0002139]" || len(m.Warnings) > 0 {
				t.Fatalf("the template does not work at all: %+v", m)
			}
			d.Text, d.Kind = strings.Repeat("x\n", 100_000), "Test"
			m := render(t, s, AgentReply, d)
			if len(m.Warnings) == 0 || !strings.Contains(m.Warnings[0], tt.want) {
				t.Fatalf("warnings: %q", m.Warnings)
			}
			if !strings.HasPrefix(m.Subject, "Re: Printer") || !strings.Contains(m.Text, "x\nx\n") {
				t.Errorf("not the built-in mail: %.200q", m.Text)
			}
		})
	}
}

func TestLongValues(t *testing.T) {
	d := Sample()
	d.Text, d.Quoted = strings.Repeat("\n\"", 400_000), strings.Repeat("\n", 100)+strings.Repeat(">", 200_000)
	for _, event := range Events() {
		m := render(t, load(t, "", "en"), event, d)
		checkMail(t, d, m)
		if len(m.Warnings) == 0 {
			t.Errorf("%s: nothing said about what was cut", event)
		}
	}
	d.Text = strings.Repeat("\n\"", 200_000)
	if m := render(t, load(t, "", "en"), AgentReply, d); m.HTML != "" || len(m.Warnings) != 2 {
		t.Errorf("HTML of %d octets, warnings %q", len(m.HTML), m.Warnings)
	}
}

func TestRenderRefuses(t *testing.T) {
	s := load(t, "", "en")
	if _, err := s.Render("agent-reply.txt", Sample()); !errors.Is(err, ErrEvent) {
		t.Errorf("unknown event: %v", err)
	}
	for _, tag := range []string{"", "[ID:1\n]", " x ", strings.Repeat("x", 201)} {
		d := Sample()
		d.Ticket.Tag = tag
		if _, err := s.Render(AgentReply, d); !errors.Is(err, ErrTag) {
			t.Errorf("tag %q: %v", tag, err)
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add("Printer", "[ID:0000001]", "text", "> quoted", "name", "marker", false)
	f.Add("a\r\nBcc: b\u202e", "!1", "<script>\x00", "\xff\n\n>>", "{{.Text}}", "</p>", true)
	f.Add("[ID:0000001[ID:0000001]]", "[ID:0000001]", "", "", "", "\n", false)
	set := load(f, "", "en")
	f.Fuzz(func(t *testing.T, subject, tag, text, quoted, name, marker string, unverified bool) {
		d := Data{
			Desk: name, Ticket: Ticket{ID: "0000001", Tag: tag, Subject: subject, Fields: map[string]string{name: text}},
			Requester: Person{name}, Author: Person{name}, Kind: name, Text: text, Quoted: quoted, QuotedBy: name,
			QuotedAt: name, Signature: quoted, Marker: marker, Attachments: []string{name}, Unverified: unverified,
		}
		for _, event := range Events() {
			m, err := set.Render(event, d)
			if errors.Is(err, ErrTag) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			checkMail(t, d, m)
			if strings.Contains(m.HTML, "<script") {
				t.Errorf("%s: %s", event, m.HTML)
			}
		}
	})
}
