package templates

import (
	"errors"
	"html"
	htmltemplate "html/template"
	"regexp"
	"strings"
)

// builtins are the functions of Go's template language that a template may
// use. They build no text, so that a value can grow only through the functions
// below, which are bounded.
func builtins() map[string]any {
	m := make(map[string]any)
	for _, name := range []string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index"} {
		m[name] = true // the parser asks only whether the name is known
	}
	return m
}

// maxValue bounds what one function returns, in octets.
const maxValue = maxOutput

var errValueTooLong = errors.New("value over 1 MiB")

// textFuncs are the functions of subjects and plain texts.
//
//	quote  marks each line as quoted, with "> "
//	lines  returns the text as it is; in HTML it keeps the line breaks
//	re     puts "Re: " before a subject that has no such prefix yet
func textFuncs() map[string]any {
	return map[string]any{
		"quote": quoteText,
		"lines": func(s string) string { return s },
		"re":    replySubject,
	}
}

// htmlFuncs are the functions of the same names for HTML.
func htmlFuncs() map[string]any {
	return map[string]any{
		"quote": func(s string) (htmltemplate.HTML, error) { return bounded(quoteOpen + markup(s) + quoteClose) },
		"lines": func(s string) (htmltemplate.HTML, error) { return bounded(markup(s)) },
		"re":    replySubject,
	}
}

func bounded(s string) (htmltemplate.HTML, error) {
	if len(s) > maxValue {
		return "", errValueTooLong
	}
	return htmltemplate.HTML(s), nil
}

// quoteText marks lines as RFC 3676 §4.5 has it: one ">" for each level, then a
// blank before text.
func quoteText(s string) (string, error) {
	var b strings.Builder
	b.Grow(len(s) + len("> ")*(1+strings.Count(s, "\n")))
	for line := range strings.Lines(strings.TrimRight(s, "\n")) {
		switch {
		case line == "\n", strings.HasPrefix(line, ">"):
			b.WriteByte('>')
		default:
			b.WriteString("> ")
		}
		b.WriteString(line)
		if b.Len() > maxValue {
			return "", errValueTooLong
		}
	}
	return b.String(), nil
}

// replySubject is the subject of an answer.
func replySubject(s string) string {
	word, _, found := strings.Cut(s, ":")
	if found {
		switch strings.ToLower(strings.TrimSpace(word)) {
		case "re", "aw", "sv", "antw":
			return s
		}
	}
	return "Re: " + s
}

const (
	quoteOpen  = `<blockquote style="margin:0 0 0 0.5em;padding:0 0 0 0.8em;border-left:2px solid #8c8c8c">`
	quoteClose = "</blockquote>"
	// maxQuoteDepth bounds how deep quotes nest in HTML; what is deeper keeps
	// its ">" marks.
	maxQuoteDepth = 8
)

// markup writes plain text as HTML: everything escaped, line breaks and
// indentation kept, lines that start with ">" as nested quotes.
func markup(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/8 + strings.Count(s, "\n")*len("<br>"))
	depth, fresh := 0, true
	for line := range strings.Lines(strings.TrimRight(s, "\n")) {
		level, rest := quoteLevel(strings.TrimSuffix(line, "\n"))
		if level != depth {
			fresh = true
		}
		for ; depth < level; depth++ {
			b.WriteString(quoteOpen)
		}
		for ; depth > level; depth-- {
			b.WriteString(quoteClose)
		}
		if !fresh {
			b.WriteString("<br>\n")
		}
		fresh = false
		b.WriteString(escapeLine(rest))
	}
	b.WriteString(strings.Repeat(quoteClose, depth))
	return b.String()
}

// quoteLevel counts the ">" marks before a line and removes them.
func quoteLevel(line string) (int, string) {
	level := 0
	for level < maxQuoteDepth && strings.HasPrefix(line, ">") {
		line = strings.TrimPrefix(line[1:], " ")
		level++
	}
	return level, line
}

var blanks = regexp.MustCompile(` {2,}`)

// escapeLine escapes one line and keeps runs of blanks from being folded: all
// but the last of a run become no-break spaces.
func escapeLine(s string) string {
	s = strings.ReplaceAll(html.EscapeString(s), "\t", "    ")
	if strings.Contains(s, "  ") {
		s = blanks.ReplaceAllStringFunc(s, func(run string) string {
			return strings.Repeat("&nbsp;", len(run)-1) + " "
		})
	}
	if strings.HasPrefix(s, " ") {
		s = "&nbsp;" + s[1:]
	}
	return s
}

// document makes an HTML part from a plain text.
func document(language, text string) string {
	return `<!DOCTYPE html>
<html lang="` + html.EscapeString(language) + `">
<head><meta charset="utf-8"><meta name="color-scheme" content="light dark"></head>
<body style="font-family:sans-serif;line-height:1.45">
<div>` + markup(text) + `</div>
</body>
</html>
`
}
