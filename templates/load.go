package templates

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"
	"unicode/utf8"
)

//go:embed en/*.txt en/*.html de/*.txt de/*.html
var builtin embed.FS

// maxFile bounds a template file, in octets.
const maxFile = 64 << 10

// Load reads the templates of a mailbox: the files of dir, which may be empty
// for none, over the built-in templates of the language, over the English ones.
// The error joins every [Problem] that is not a note.
func Load(dir, language string) (*Set, error) {
	l, err := newLoader(dir, language)
	if err != nil {
		return nil, err
	}
	set := l.load()
	var errs []error
	for _, p := range l.problems {
		if !p.Note {
			errs = append(errs, p)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return set, nil
}

// loader collects templates and every problem with them.
type loader struct {
	dir      string   // as given, for messages
	files    fs.FS    // nil without a folder
	names    []string // of the folder, sorted
	language string
	problems []Problem
}

func newLoader(dir, language string) (*loader, error) {
	l := &loader{dir: dir, language: builtinLanguage(language)}
	if len(language) > maxLanguage {
		return nil, fmt.Errorf("%q is not a language", language[:maxLanguage])
	}
	if dir == "" {
		return l, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	for _, e := range entries {
		l.names = append(l.names, e.Name())
	}
	l.files = os.DirFS(dir)
	return l, nil
}

// builtinLanguage is the built-in language that serves a language tag best.
func builtinLanguage(tag string) string {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if slices.Contains(Languages(), primary) {
		return primary
	}
	return fallbackLanguage
}

func (l *loader) load() *Set {
	s := &Set{pages: make(map[string]pair)}
	for _, event := range Events() {
		text := l.read(builtin, l.language, event+".txt")
		html := l.read(builtin, l.language, event+".html")
		b := l.page(event, text, html)
		s.pages[event] = pair{use: l.override(event, b, text, html), builtin: b}
	}
	return s
}

// override is the page of an event with the files of the folder in place.
func (l *loader) override(event string, b page, text, html *source) page {
	hasText, hasHTML := slices.Contains(l.names, event+".txt"), slices.Contains(l.names, event+".html")
	if !hasText && !hasHTML {
		return b
	}
	if hasText {
		text, html = l.read(l.files, "", event+".txt"), nil
	}
	if hasHTML {
		html = l.read(l.files, "", event+".html")
	}
	if !hasText {
		l.note(filepath.Join(l.dir, event+".html"), 0, "there is no %s.txt beside it: the text part stays the built-in one", event)
	}
	return l.page(event, text, html)
}

// read returns a file as a source, nil after reporting what is wrong with it.
func (l *loader) read(files fs.FS, folder, name string) *source {
	shown := filepath.Join(l.dir, name)
	if files == fs.FS(builtin) {
		shown = "built-in " + folder + "/" + name
	}
	f, err := files.Open(path.Join(folder, name))
	if err != nil {
		l.problems = append(l.problems, Problem{File: shown, Text: err.Error()})
		return nil
	}
	defer f.Close() // only read
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		l.problems = append(l.problems, Problem{File: shown, Text: err.Error()})
		return nil
	case len(b) > maxFile:
		l.problems = append(l.problems, Problem{File: shown, Text: "over 64 KiB"})
		return nil
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(b), "\ufeff"), "\r\n", "\n")
	if i := invalidUTF8(text); i >= 0 {
		l.problems = append(l.problems, Problem{File: shown, Line: 1 + strings.Count(text[:i], "\n"), Text: "not UTF-8"})
		return nil
	}
	return &source{file: shown, line: 1, text: text}
}

// invalidUTF8 is the place of the first octet that is not UTF-8, or -1.
func invalidUTF8(s string) int {
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return i
		}
	}
	return -1
}

// page makes the page of an event. html may be nil; text may be nil only after
// a problem was reported.
func (l *loader) page(event string, text, html *source) page {
	p := page{language: l.language}
	if text != nil {
		p.name = text.file
		subject, body, ok := l.split(*text)
		if ok {
			p.subject = l.text(event, subject, true)
			p.text = l.text(event, body, false)
		}
	}
	if html != nil {
		p.html = l.html(event, *html)
	}
	return p
}

var subjectField = regexp.MustCompile(`(?i)^subject:[ \t]*`)

// split takes the subject off a text file.
func (l *loader) split(src source) (subject, body source, ok bool) {
	first, rest, _ := strings.Cut(src.text, "\n")
	field := subjectField.FindString(first)
	if field == "" {
		l.problem(src.file, 1, `the first line must be "Subject: …"`)
		return subject, body, false
	}
	blank, rest, _ := strings.Cut(rest, "\n")
	if strings.TrimSpace(blank) != "" {
		l.problem(src.file, 2, "a blank line must follow the subject")
		return subject, body, false
	}
	subject = source{file: src.file, line: 1, text: strings.TrimSpace(first[len(field):])}
	body = source{file: src.file, line: 3, text: rest}
	return subject, body, true
}

// text reads a template of plain text, or of a subject.
func (l *loader) text(event string, src source, subject bool) *texttemplate.Template {
	tree, c := parseSource(src, textFuncs())
	l.problems = append(l.problems, c.problems...)
	if len(c.problems) > 0 {
		return nil
	}
	switch {
	case subject && src.text == "":
		l.note(src.file, src.line, "the subject is empty but for the ticket's tag")
	case subject && !c.seen["Ticket.Tag"]:
		l.note(src.file, src.line, "no {{.Ticket.Tag}} in the subject: it will be put at the end")
	case !subject && event != Acknowledgement && !c.seen["Text"]:
		l.problem(src.file, src.line, "no {{.Text}}: what was written would not be sent")
	}
	t, err := texttemplate.New(src.file).Option("missingkey=zero").Funcs(textFuncs()).AddParseTree(src.file, tree)
	if err != nil {
		l.problem(src.file, src.line, "%v", err)
		return nil
	}
	l.try(src, t)
	return t
}

// html reads a template of HTML. What is wrong with its context (an unclosed
// tag, a value inside a script) shows when it is first executed.
func (l *loader) html(event string, src source) *htmltemplate.Template {
	tree, c := parseSource(src, htmlFuncs())
	l.problems = append(l.problems, c.problems...)
	if len(c.problems) > 0 {
		return nil
	}
	if event != Acknowledgement && !c.seen["Text"] {
		l.problem(src.file, src.line, "no {{lines .Text}}: what was written would not be sent")
	}
	for _, at := range remoteContent.FindAllStringIndex(src.text, -1) {
		line := 1 + strings.Count(src.text[:at[0]], "\n")
		l.note(src.file, line, "loads something from elsewhere: most mail programs block it")
	}
	t, err := htmltemplate.New(src.file).Option("missingkey=zero").Funcs(htmlFuncs()).AddParseTree(src.file, tree)
	if err != nil {
		l.problem(src.file, src.line, "%v", err)
		return nil
	}
	l.try(src, t)
	return t
}

// remoteContent finds images, styles and scripts that are not in the mail.
var remoteContent = regexp.MustCompile(`(?i)(<(img|script|link|iframe|audio|video|object|embed)\b|url\(|@import)`)

var executeError = regexp.MustCompile(`(?:html/)?template: ?.*?:(\d+)(?::\d+)?: (?s:(.*))`)

// try executes a template over sample data.
func (l *loader) try(src source, t interface {
	Execute(io.Writer, any) error
},
) {
	for _, d := range []Data{Sample(), {}} {
		if _, err := execute(t, &d, 0); err != nil {
			line, text := located(src, err)
			l.problem(src.file, line, "%s", text)
			return
		}
	}
}
