package message

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxHTMLText bounds the text made of HTML, in octets: marks of lists and
// quotes, repeated on each line, make more of it than there was.
const maxHTMLText = 1 << 20

// htmlToText makes readable text of HTML. It works on tokens, not on a tree:
// the depth of hostile HTML costs nothing then. What the HTML hides is left
// out, unless nothing else is in it, or what hides it never ends.
func htmlToText(s string) string { return dropMarks(markedText(s)) }

// markedText is htmlToText with marks where the mail program says that a
// quotation or a signature stands.
func markedText(s string) string {
	text, whole := convert(s, true)
	if whole && strings.Trim(text, allMarks+"\n") != "" {
		return text
	}
	text, _ = convert(s, false)
	return text
}

// convert reports in whole that nothing was hidden to the very end.
func convert(s string, hide bool) (text string, whole bool) {
	w := textWriter{hide: hide}
	z := html.NewTokenizer(strings.NewReader(s))
	for w.out.Len() < maxHTMLText {
		switch z.Next() {
		case html.ErrorToken:
			return w.marked(), w.hidden == ""
		case html.TextToken:
			if w.skip == 0 && w.hidden == "" {
				w.text(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			w.start(z)
		case html.EndTagToken:
			name, _ := z.TagName()
			w.end(name)
		}
	}
	return w.marked(), true
}

// hides reports an element that its attributes keep from being seen, as the
// preheaders of newsletters are.
func hides(style string) bool {
	style = strings.ToLower(strings.Join(strings.Fields(style), ""))
	for _, sign := range [...]string{"display:none", "visibility:hidden", "mso-hide:all", "max-height:0", "opacity:0;"} {
		if i := strings.Index(style, sign); i >= 0 && (i == 0 || style[i-1] == ';') {
			rest := style[i+len(sign):]
			if rest == "" || sign[len(sign)-1] == ';' || rest[0] == ';' || rest[0] == '!' || strings.HasPrefix(rest, "px") {
				return true
			}
		}
	}
	return strings.HasSuffix(style, "opacity:0") && !strings.HasSuffix(style, "-opacity:0")
}

// noSize reports an element of running text whose letters have no size. Blocks
// and cells are given none to close the gaps between those within them, which
// have a size of their own.
func noSize(tag atom.Atom, style string) bool {
	switch tag {
	case atom.Span, atom.P, atom.Font, atom.A, atom.B, atom.I, atom.Em, atom.Strong, atom.Small:
	default:
		return false
	}
	_, size, ok := strings.Cut(strings.ToLower(strings.Join(strings.Fields(style), "")), "font-size:0")
	return ok && (size == "" || strings.IndexByte(";!%pe", size[0]) >= 0)
}

// textWriter lays out text as it comes.
type textWriter struct {
	out    strings.Builder
	line   strings.Builder
	blank  int  // line ends owed before the next text
	space  bool // a blank owed
	bullet int  // length of line when it is only the mark of an item
	tab    bool // a tab owed, between cells
	skip   int  // depth in script, style and the like
	pre    int
	quote  int
	lists  []int // number of the next item, -1 without numbers
	href   string
	linked int // length of line where the link began
	any    bool
	hide   bool   // leave out what is hidden
	hidden string // the element that hides what is in it
	nested int    // elements of the same name within it

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
	if w.hidden != "" {
		if string(name) == w.hidden {
			w.nested++
		}
		return
	}
	var at attrs
	if more {
		at.read(z)
	}
	if w.hide && !voidElement(tag) && (at.hidden || hides(at.style) || noSize(tag, at.style)) {
		w.hidden, w.nested = string(name), 0
		return
	}
	switch tag {
	case atom.Div, atom.Hr, atom.Table, atom.Pre, atom.P, atom.Span:
		w.structure(tag, &at)
	}
	switch tag {
	case atom.Script, atom.Style, atom.Title, atom.Template:
		w.skip++
	case atom.Body:
		w.skip = 0
	case atom.Br:
		w.newline()
	case atom.Hr:
		w.block(1)
		w.text("________________________________")
		w.block(1)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Table, atom.Dl, atom.Figure:
		w.opens(2)
	case atom.Div, atom.Tr, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Dt, atom.Dd, atom.Address, atom.Center, atom.Form,
		atom.Main, atom.Nav, atom.Aside, atom.Fieldset, atom.Legend, atom.Details, atom.Summary, atom.Option:
		w.opens(1)
	case atom.Td, atom.Th:
		w.cell()
	case atom.Pre:
		w.block(2)
		w.pre++
	case atom.Blockquote:
		w.openQuote(at.style)
	case atom.Ul:
		w.list(-1)
	case atom.Ol:
		w.list(max(at.first(), 1))
	case atom.Li:
		w.item()
	case atom.A:
		w.href, w.linked = at.href, w.line.Len()
	case atom.Img:
		if alt := strings.TrimSpace(at.alt); alt != "" && w.skip == 0 {
			w.text("[" + alt + "]")
		}
	}
}

// cell separates what stands in a row.
func (w *textWriter) cell() {
	if w.line.Len() > 0 {
		w.space, w.tab = false, true
	}
}

// voidElement reports elements that have no end.
func voidElement(tag atom.Atom) bool {
	switch tag {
	case atom.Img, atom.Br, atom.Hr, atom.Input, atom.Meta, atom.Link, atom.Col, atom.Area, atom.Base, atom.Embed, atom.Source, atom.Body, atom.Html:
		return true
	}
	return false
}

func (w *textWriter) end(name []byte) {
	if w.hidden != "" {
		if string(name) != w.hidden {
			return
		}
		if w.nested--; w.nested < 0 {
			w.hidden = ""
		}
		return
	}
	tag := atom.Lookup(name)
	w.structureEnds(tag)
	switch tag {
	case atom.Script, atom.Style, atom.Title, atom.Template:
		w.skip = max(w.skip-1, 0)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Table, atom.Dl, atom.Figure:
		w.block(2)
	case atom.Div, atom.Tr, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Li, atom.Dt, atom.Dd, atom.Address, atom.Center, atom.Form,
		atom.Main, atom.Nav, atom.Aside, atom.Fieldset, atom.Legend, atom.Details, atom.Summary, atom.Option:
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
	w.space, w.bullet = false, w.line.Len()
}

// link writes the address behind a link's text unless the text says it.
func (w *textWriter) link() {
	href := strings.TrimSpace(w.href)
	w.href = ""
	scheme, rest, _ := strings.Cut(href, ":")
	scheme = strings.ToLower(scheme)
	if w.skip > 0 || len(href) > 2000 || scheme != "http" && scheme != "https" && scheme != "mailto" && scheme != "ftp" {
		return
	}
	shown := ""
	if w.linked <= w.line.Len() {
		shown = strings.TrimSpace(w.line.String()[w.linked:])
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(rest, "//"), "/")
	if scheme == "mailto" {
		bare, _, _ = strings.Cut(bare, "?")
		href = bare
	}
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
	if w.line.Len() == 0 && s != "" && filler(s) {
		if w.any && strings.Contains(s, "\u00a0") {
			w.blank = max(w.blank, 2) // how editors write an empty line
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
		switch {
		case w.line.Len() == 0:
		case w.tab:
			w.line.WriteByte('\t')
		case w.space:
			w.line.WriteByte(' ')
		}
		w.space, w.tab = false, false
		w.line.WriteString(plainBlanks.Replace(s[:i]))
		s = s[i:]
	}
}

// opens is block for an element that begins; the first one of an item stands
// behind its mark.
func (w *textWriter) opens(n int) {
	if w.bullet == 0 || w.line.Len() != w.bullet {
		w.block(n)
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
	w.space, w.tab = false, false
	if w.line.Len() == 0 {
		return
	}
	w.out.WriteString(w.prefix())
	w.out.WriteString(strings.TrimRight(w.line.String(), " \t\u200c"))
	w.line.Reset()
	w.linked, w.bullet = 0, 0
	w.any = true
}

// filler reports a text of blanks and signs without a width only.
func filler(s string) bool {
	return strings.Trim(s, " \t\r\n\f\u00a0\u200b\u200c\u034f\ufeff\u00ad") == ""
}

// plainBlanks makes plain blanks of others, and drops what has no width and is
// there to fill a preheader or to hint at a break.
var plainBlanks = strings.NewReplacer("\u00a0", " ", "\u034f", "", "\u200b", "", "\ufeff", "", "\u00ad", "")

// attrs are the attributes of an element that matter.
type attrs struct {
	style, href, alt, start, tabindex string
	names                             [3]string // class, id, name
	hidden                            bool
}

func (a *attrs) read(z *html.Tokenizer) {
	more := true
	for n := 0; more && n < maxAttrs; n++ {
		var k, v []byte
		k, v, more = z.TagAttr()
		switch string(k) {
		case "style":
			a.style = string(v)
		case "href":
			a.href = string(v)
		case "alt":
			a.alt = string(v)
		case "start":
			a.start = string(v)
		case "tabindex":
			a.tabindex = string(v)
		case "class":
			a.names[0] = strings.ToLower(string(v))
		case "id":
			a.names[1] = strings.ToLower(string(v))
		case "name":
			a.names[2] = strings.ToLower(string(v))
		case "hidden":
			a.hidden = true
		}
	}
}

// first is the number that a list begins with.
func (a *attrs) first() int {
	n, err := strconv.Atoi(a.start)
	if err != nil || n > 1_000_000 {
		return 0
	}
	return n
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
