package templates

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestLint(t *testing.T) {
	const head = "Subject: x {{.Ticket.Tag}}\n\n"
	tests := map[string]struct {
		file, text string
		want       []string // "line: text", a note with "note: " before
	}{
		"fails without values":     {"agent-reply.txt", head + "{{with .Text}}{{.}}{{end}}{{range $n, $v := .Ticket.Fields}}{{$n}}{{$v}}{{end}}{{.Ticket.Fields.serial}}{{(index .Attachments 0) | len}}", []string{"3: error calling index"}},
		"good with every node":     {"agent-reply.txt", head + "{{/* c */}}{{with $x := .Text}}{{$x}}{{else}}-{{end}}{{range .Attachments}}{{if not .}}{{continue}}{{end}}{{$.Desk}}{{break}}{{else}}{{(.Ticket).ID}}{{end}}", nil},
		"parse error":              {"agent-reply.txt", head + "a\n{{.Text}}\n{{if}}\n{{end}}", []string{"5: missing value for if"}},
		"parse error in subject":   {"agent-reply.txt", "Subject: {{.Ticket.Tag\n\n{{.Text}}", []string{"1: unclosed action"}},
		"unknown field":            {"agent-reply.txt", head + "{{.Text}}\n{{.Ticket.Nummer}}", []string{"4: unknown field .Nummer"}},
		"unknown field below with": {"agent-reply.txt", head + "{{.Text}}{{with .Ticket}}{{if .ID}}\n{{.Desk}}{{end}}{{end}}", []string{"4: unknown field .Desk"}},
		"unknown field of a name":  {"agent-reply.txt", head + "{{.Text}}{{.Author.Name.First}}", []string{"3: unknown field .First"}},
		"unknown field of a root":  {"agent-reply.txt", head + "{{.Text}}{{range .Attachments}}{{$.Tag}}{{end}}", []string{"3: unknown field .Tag"}},
		"unknown field, two types": {"agent-reply.txt", head + "{{$x := .Text}}{{$x = .Ticket}}{{$x}}", nil},
		"no address":               {"user-update.txt", head + "{{.Text}}{{.Author.Address}}", []string{"3: unknown field .Address"}},
		"no subject":               {"agent-reply.txt", "{{.Text}}\n", []string{`1: the first line must be "Subject: …"`}},
		"no blank line":            {"agent-reply.txt", "Subject: x\nBcc: y\n\n{{.Text}}", []string{"2: a blank line must follow the subject"}},
		"no tag":                   {"agent-reply.txt", "subject: x\n\n{{.Text}}", []string{"note: 1: no {{.Ticket.Tag}} in the subject: it will be put at the end"}},
		"empty subject":            {"agent-reply.txt", "Subject:\n\n{{.Text}}", []string{"note: 1: the subject is empty but for the ticket's tag"}},
		"no text":                  {"agent-reply.txt", head + "Hello", []string{"3: no {{.Text}}: what was written would not be sent"}},
		"no text is fine":          {"acknowledgement.txt", head + "Hello", nil},
		"define":                   {"agent-reply.txt", head + "{{.Text}}\n{{define \"x\"}}a{{end}}", []string{"4: define and block cannot be used here"}},
		"recursion":                {"agent-reply.txt", head + "{{.Text}}\n{{template \"agent-reply.txt\" .}}", []string{"4: template cannot be used here"}},
		"range over a number":      {"agent-reply.txt", head + "{{.Text}}{{range 1000000000000}}{{end}}", []string{"3: range can only go over .Attachments and .Ticket.Fields"}},
		"range over a variable":    {"agent-reply.txt", head + "{{.Text}}{{$n := 1000000000000}}{{range $n}}{{end}}", []string{"3: range can only go over .Attachments and .Ticket.Fields"}},
		"range in a range":         {"agent-reply.txt", head + "{{.Text}}{{range .Attachments}}\n{{range $.Attachments}}{{end}}{{end}}", []string{"4: a range cannot stand within another"}},
		"printf":                   {"agent-reply.txt", head + "{{.Text}}{{printf \"%1000000d\" 1}}", []string{`3: function "printf" not defined`}},
		"call":                     {"agent-reply.txt", head + "{{.Text}}{{call .Text}}", []string{`3: function "call" not defined`}},
		"not UTF-8":                {"agent-reply.txt", head + "{{.Text}}\n\xff", []string{"4: not UTF-8"}},
		"too large":                {"agent-reply.txt", head + "{{.Text}}" + strings.Repeat("x", maxFile), []string{"0: over 64 KiB"}},
		"unknown file":             {"agent-replay.txt", head, []string{"note: 0: no event reads this file; known are acknowledgement.txt, acknowledgement.html, agent-reply.txt, agent-reply.html, user-update.txt, user-update.html, supplier-request.txt, supplier-request.html"}},
		"HTML without text":        {"agent-reply.html", "<p>{{lines .Text}}</p>", []string{"note: 0: there is no agent-reply.txt beside it: the text part stays the built-in one"}},
		"HTML that is not closed":  {"agent-reply.html", "<p>{{lines .Text}}\n<a href='", []string{"note: 0: there is no agent-reply.txt beside it: the text part stays the built-in one", "1: ends in a non-text context"}},
		"remote image":             {"acknowledgement.html", "a\n<IMG src='https://example.com/a.png'>", []string{"note: 0: there is no acknowledgement.txt beside it: the text part stays the built-in one", "note: 2: loads something from elsewhere: most mail programs block it"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{tt.file: tt.text})
			path := filepath.Join(dir, tt.file)
			problems, hard := Lint(dir, "en"), 0
			if len(problems) != len(tt.want) {
				t.Fatalf("got %v, want %q", problems, tt.want)
			}
			for i, p := range problems {
				want, note := strings.CutPrefix(tt.want[i], "note: ")
				line, text, _ := strings.Cut(want, ": ")
				if p.File != path || strconv.Itoa(p.Line) != line || p.Note != note || !strings.Contains(p.Text, text) {
					t.Errorf("got %+v, want %q", p, tt.want[i])
				}
				if !p.Note {
					hard++
				}
			}
			_, err := Load(dir, "en")
			if (err != nil) != (hard > 0) {
				t.Errorf("Load: %v, but there are %d problems", err, hard)
			}
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("Load does not name the file: %v", err)
			}
		})
	}
}

func TestLanguages(t *testing.T) {
	if p := Lint("", "fr-CH"); len(p) != 1 || !p[0].Note {
		t.Errorf("no built-in language: %v", p)
	}
	if p := Lint("", "de-AT"); len(p) != 0 {
		t.Errorf("de-AT: %v", p)
	}
	if _, err := Load("", strings.Repeat("x", 36)); err == nil {
		t.Error("an endless language was accepted")
	}
}

func TestFolderMissing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nowhere")
	if _, err := Load(dir, "en"); !os.IsNotExist(err) && (err == nil || !strings.Contains(err.Error(), "nowhere")) {
		t.Errorf("Load: %v", err)
	}
	if p := Lint(dir, "en"); len(p) != 1 || p[0].Note {
		t.Errorf("Lint: %v", p)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("Subject: {{.Ticket.Tag}}\n\n{{.Text}}", "<p>{{lines .Text}}</p>")
	f.Add("Subject: {{with $x := .Ticket}}{{$x.ID}}{{end}}\n\n{{range .Attachments}}{{.}}{{end}}", "{{quote .Quoted")
	f.Fuzz(func(t *testing.T, text, html string) {
		dir := folder(t, map[string]string{"agent-reply.txt": text, "agent-reply.html": html})
		s, err := Load(dir, "en")
		if err != nil {
			return
		}
		d := Sample()
		m := render(t, s, AgentReply, d)
		checkMail(t, d, m)
	})
}
