package message

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// htmlToText makes readable text of HTML. It works on tokens, not on a tree:
// the depth of hostile HTML costs nothing then.
func htmlToText(s string) string { return dropMarks(markedText(s)) }

// markedText is htmlToText with marks where the mail program says that a
// quotation or a signature stands.
func markedText(s string) string {
	w := textWriter{}
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return w.marked()
		case html.TextToken:
			if w.skip == 0 {
				w.text(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			w.start(z)
		case html.EndTagToken:
			name, _ := z.TagName()
			w.end(atom.Lookup(name))
		}
	}
}

// textWriter lays out text as it comes.
type textWriter struct {
	out    strings.Builder
	line   strings.Builder
	blank  int  // line ends owed before the next text
	space  bool // a blank owed
	skip   int  // depth in script, style and the like
	pre    int
	quote  int
	lists  []int // number of the next item, -1 without numbers
	href   string
	linked int // length of line where the link began
	any    bool

	// What the structure says; see structure.
	marks     []textMark
	due       rune // the mark that the next line gets
	quoted    bool // a quotation has begun
	signTag   atom.Atom
	signDepth int    // open elements signTag within a signature
	indents   []bool // of the open block quotations: only indented
}

// maxQuote bounds how deep quotation is shown.
const maxQuote = 20

func (w *textWriter) start(z *html.Tokenizer) {
	name, more := z.TagName()
	tag := atom.Lookup(name)
	switch tag {
	case atom.Div, atom.Hr, atom.Table, atom.Pre, atom.P, atom.Span:
		w.structure(tag, z, more)
	}
	switch tag {
	case atom.Script, atom.Style, atom.Head, atom.Title, atom.Template, atom.Noscript:
		if tag != atom.Noscript {
			w.skip++
		}
	case atom.Body:
		w.skip = 0
	case atom.Br:
		w.newline()
	case atom.Hr:
		w.block(1)
		w.text("________________________________")
		w.block(1)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Table, atom.Dl, atom.Figure:
		w.block(2)
	case atom.Div, atom.Tr, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Dt, atom.Dd, atom.Address, atom.Center, atom.Form:
		w.block(1)
	case atom.Td, atom.Th:
		w.space = w.line.Len() > 0
	case atom.Pre:
		w.block(2)
		w.pre++
	case atom.Blockquote:
		w.openQuote(attr(z, more, "style"))
	case atom.Ul:
		w.list(-1)
	case atom.Ol:
		w.list(1)
	case atom.Li:
		w.item()
	case atom.A:
		w.href, w.linked = attr(z, more, "href"), w.line.Len()
	case atom.Img:
		if alt := strings.TrimSpace(attr(z, more, "alt")); alt != "" && w.skip == 0 {
			w.text("[" + alt + "]")
		}
	}
}

func (w *textWriter) end(tag atom.Atom) {
	w.structureEnds(tag)
	switch tag {
	case atom.Script, atom.Style, atom.Head, atom.Title, atom.Template:
		w.skip = max(w.skip-1, 0)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Table, atom.Dl, atom.Figure:
		w.block(2)
	case atom.Div, atom.Tr, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Li, atom.Dt, atom.Dd, atom.Address, atom.Center, atom.Form:
		w.block(1)
	case atom.Pre:
		w.block(2)
		w.pre = max(w.pre-1, 0)
	case atom.Blockquote:
		w.closeQuote()
	case atom.Ul, atom.Ol:
		w.lists = w.lists[:max(len(w.lists)-1, 0)]
		w.block(1)
	case atom.A:
		w.link()
	}
}

func (w *textWriter) list(first int) {
	w.block(1)
	if len(w.lists) < maxQuote {
		w.lists = append(w.lists, first)
	}
}

func (w *textWriter) item() {
	w.block(1)
	mark := "* "
	if n := len(w.lists); n > 0 {
		mark = strings.Repeat("  ", n-1) + mark
		if w.lists[n-1] > 0 {
			mark = strings.Repeat("  ", n-1) + strconv.Itoa(w.lists[n-1]) + ". "
			w.lists[n-1]++
		}
	}
	w.prepare()
	w.line.WriteString(mark)
	w.space = false
}

// link writes the address behind a link's text unless the text says it.
func (w *textWriter) link() {
	href := strings.TrimSpace(w.href)
	w.href = ""
	if w.skip > 0 || len(href) > 2000 || !strings.HasPrefix(href, "http://") && !strings.HasPrefix(href, "https://") {
		return
	}
	shown := ""
	if w.linked <= w.line.Len() {
		shown = strings.TrimSpace(w.line.String()[w.linked:])
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(href, "https://"), "http://"), "/")
	if shown == "" || strings.Contains(shown, bare) || strings.HasSuffix(href, shown) {
		return
	}
	w.text(" <" + href + ">")
}

// text writes character data; white space collapses except in pre.
func (w *textWriter) text(s string) {
	if w.pre > 0 {
		for i, line := range strings.Split(s, "\n") {
			if i > 0 {
				w.newline()
			}
			if line != "" {
				w.prepare()
				w.line.WriteString(strings.TrimSuffix(line, "\r"))
			}
		}
		return
	}
	for s != "" {
		i := strings.IndexAny(s, " \t\r\n\f")
		if i == 0 {
			w.space = true
			s = strings.TrimLeft(s, " \t\r\n\f")
			continue
		}
		if i < 0 {
			i = len(s)
		}
		w.prepare()
		if w.space && w.line.Len() > 0 {
			w.line.WriteByte(' ')
		}
		w.space = false
		w.line.WriteString(strings.ReplaceAll(s[:i], "\u00a0", " "))
		s = s[i:]
	}
}

// block asks for at least n line ends before the next text.
func (w *textWriter) block(n int) {
	w.flush()
	w.blank = max(w.blank, n)
}

func (w *textWriter) newline() {
	if w.line.Len() > 0 {
		w.flush()
		w.blank = max(w.blank, 1)
		return
	}
	w.blank = min(w.blank+1, 3)
}

// prepare pays the line ends that are owed.
func (w *textWriter) prepare() {
	if w.blank == 0 {
		return
	}
	if w.any {
		w.out.WriteByte('\n')
		for range w.blank - 1 {
			w.out.WriteString(strings.TrimRight(w.prefix(), " ") + "\n")
		}
	}
	w.blank = 0
	w.placeMark()
}

func (w *textWriter) prefix() string { return strings.Repeat("> ", w.quote) }

// flush ends the line that is being written.
func (w *textWriter) flush() {
	w.space = false
	if w.line.Len() == 0 {
		return
	}
	w.out.WriteString(w.prefix())
	w.out.WriteString(strings.TrimRight(w.line.String(), " \t"))
	w.line.Reset()
	w.linked = 0
	w.any = true
}

// attr returns an attribute of the current tag.
func attr(z *html.Tokenizer, more bool, name string) string {
	for more {
		var k, v []byte
		k, v, more = z.TagAttr()
		if string(k) == name {
			return string(v)
		}
	}
	return ""
}

// metaCharset finds the charset that an HTML document declares for itself.
func metaCharset(b []byte) string {
	head := bytes.ToLower(b[:min(len(b), 2048)])
	i := bytes.Index(head, []byte("charset="))
	if i < 0 {
		return ""
	}
	v := bytes.TrimLeft(head[i+len("charset="):], "\"' ")
	if end := bytes.IndexAny(v, "\"' />;"); end >= 0 {
		v = v[:end]
	}
	return string(v)
}
