package message

import (
	"slices"
	"strings"

	"golang.org/x/net/html/atom"
)

// Mail programs say in HTML where a quotation and where a signature stands, by
// classes and ids that nobody sees. Text made of HTML carries these places as
// marks until it is split; they are control characters, which cleanText drops
// from everything that comes from outside, so that none can be forged.
const (
	quoteMark  = '\x1c' // at the beginning of the first line that is quoted
	signMark   = '\x1d' // at the beginning of a signature
	signedMark = '\x1e' // behind a signature
	allMarks   = "\x1c\x1d\x1e"
)

// quoteNames are classes and ids around or right above what is quoted.
var quoteNames = []string{
	"gmail_quote", "gmail_quote_container", "gmail_attr", "yahoo_quoted", "moz-cite-prefix", "moz-forward-container", "moz-email-headers-table",
	"outlookmessageheader", "protonmail_quote", "tutanota_quote", "zmail_extra", "front-blockquote", "freshdesk_quote",
	"ms-outlook-mobile-reference-message", "divrplyfwdmsg", "appendonsend", "olk_src_body_section",
	"mail-editor-reference-message-container", "isreplycontent", "isforwardcontent", "reply-intro", "replyintro", "stopspelling",
	"messagereplysection",
}

// signNames are classes and ids around a signature.
var signNames = []string{
	"gmail_signature", "moz-signature", "signature", "applemailsignature", "ms-outlook-mobile-signature", "protonmail_signature_block",
	"messagesignaturesection", "yahoo-signature", "composer_signature",
}

// textMark is a place in the text that is being written.
type textMark struct {
	at   int
	mark rune
}

// structure looks at an element for what a mail program says by it.
func (w *textWriter) structure(tag atom.Atom, at *attrs) {
	if w.signDepth > 0 && tag == w.signTag {
		w.signDepth++
	}
	if w.skip > 0 || w.quote > 0 {
		return
	}
	for _, names := range at.names {
		if names != "" {
			w.named(tag, names)
		}
	}
	if tag == atom.Div && outlookBorder(strings.ToLower(at.style)) || tag == atom.Hr && at.tabindex == "-1" {
		w.quoteBegins()
	}
}

// named looks at the classes, the id or the name of an element.
func (w *textWriter) named(tag atom.Atom, value string) {
	for name := range strings.FieldsSeq(value) {
		switch {
		case slices.Contains(quoteNames, name), name == "quote" && tag == atom.Div, strings.HasPrefix(name, "yahoo_quoted_"):
			w.quoteBegins()
		case w.signDepth == 0 && !w.quoted && slices.Contains(signNames, name):
			w.block(1)
			w.due, w.signTag, w.signDepth = signMark, tag, 1
		}
	}
}

// outlookBorder recognises the rule that Outlook draws above a header block.
func outlookBorder(style string) bool {
	style = strings.Join(strings.Fields(style), "")
	return strings.HasPrefix(style, "border:none;border-top:solid") && strings.Contains(style, "padding:3.0pt0") ||
		strings.HasPrefix(style, "border:none;border-left:solidblue")
}

// quoteBegins marks the next text as the first that is quoted. Only the
// outermost quotation counts.
func (w *textWriter) quoteBegins() {
	if w.quoted {
		return
	}
	w.block(1)
	w.quoted, w.due, w.signDepth = true, quoteMark, 0
}

// openQuote begins a block quotation. Editors also use its element to indent
// what the sender writes: without a border, by 40 pixels.
func (w *textWriter) openQuote(style string) {
	style = strings.ToLower(strings.Join(strings.Fields(style), ""))
	indent := strings.Contains(style, "40px") && strings.Contains(style, "border:none")
	w.block(1)
	for w.any && w.blank > 1 { // what stands above is not quoted, nor is the gap
		w.out.WriteString("\n" + strings.TrimRight(w.prefix(), " "))
		w.blank--
	}
	w.indents = append(w.indents, indent)
	if !indent {
		w.quote = min(w.quote+1, maxQuote)
	}
}

func (w *textWriter) closeQuote() {
	w.block(1)
	last := len(w.indents) - 1
	if last < 0 {
		return
	}
	if !w.indents[last] {
		w.quote = max(w.quote-1, 0)
		w.blank = max(w.blank, 2)
	}
	w.indents = w.indents[:last]
}

// placeMark puts a mark that is due where the next line begins.
func (w *textWriter) placeMark() {
	if w.due != 0 {
		w.marks = append(w.marks, textMark{w.out.Len(), w.due})
		w.due = 0
	}
}

// structureEnds handles the end of an element.
func (w *textWriter) structureEnds(tag atom.Atom) {
	if w.signDepth == 0 || tag != w.signTag {
		return
	}
	if w.signDepth--; w.signDepth > 0 {
		return
	}
	w.block(1)
	if w.due == signMark {
		w.due = 0 // an empty signature
		return
	}
	w.marks = append(w.marks, textMark{w.out.Len(), signedMark})
}

// marked returns the text with its marks.
func (w *textWriter) marked() string {
	w.flush()
	var b strings.Builder
	text, done := w.out.String(), 0
	for _, m := range w.marks {
		b.WriteString(cleanText(text[done:m.at]))
		b.WriteRune(m.mark)
		done = m.at
	}
	b.WriteString(cleanText(text[done:]))
	return b.String()
}

// hasMarks reports whether there are marks in a text.
func hasMarks(text string) bool {
	return strings.IndexByte(text, quoteMark) >= 0 || strings.IndexByte(text, signMark) >= 0 || strings.IndexByte(text, signedMark) >= 0
}

// dropMarks removes the marks from a text made of HTML.
func dropMarks(text string) string {
	if !hasMarks(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if r >= quoteMark && r <= signedMark {
			return -1
		}
		return r
	}, text)
}
