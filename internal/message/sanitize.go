package message

import (
	"regexp"
	"sync"

	"github.com/microcosm-cc/bluemonday"
)

// sanitize leaves of HTML what can be shown in a page without doing anything:
// no script, no form, no embedded content but images, and of these only what
// the mail brings along (cid:); a remote image would tell its server who reads
// the mail, and when.
func sanitize(s string) string { return policy().Sanitize(s) }

// policy is what is left of HTML. Building it costs more than using it, and a
// built policy may be used from several goroutines.
var policy = sync.OnceValue(newPolicy)

// cidOnly is the source of an image that stands in the same mail.
var cidOnly = regexp.MustCompile(`^(?i:cid:)[^\s"'<>]+$`)

func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowStandardURLs()
	p.AllowURLSchemes("http", "https", "mailto", "tel", "cid")
	p.AllowElements("p", "br", "div", "span", "hr", "pre", "blockquote", "b", "i", "u", "s", "em", "strong", "strike", "small", "big",
		"sub", "sup", "code", "tt", "kbd", "samp", "var", "del", "ins", "q", "cite", "abbr", "address", "center", "font",
		"h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "header", "footer", "figure", "figcaption")
	p.AllowLists()
	p.AllowTables()
	p.AllowAttrs("href").OnElements("a")
	p.RequireNoReferrerOnLinks(true)
	p.RequireNoFollowOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)
	p.AllowAttrs("src").Matching(cidOnly).OnElements("img")
	p.AllowAttrs("alt", "title").OnElements("img", "a", "abbr")
	p.AllowAttrs("width", "height").Matching(bluemonday.NumberOrPercent).OnElements("img", "table", "td", "th")
	p.AllowAttrs("align").Matching(bluemonday.ImageAlign).OnElements("img", "p", "div", "td", "th", "tr", "table")
	p.AllowAttrs("dir").Matching(bluemonday.Direction).Globally()
	p.AllowAttrs("style").Matching(plainStyle).Globally()
	return p
}

// plainStyle is a style attribute that only says how text looks: colours, as
// in "my answers are in red", weights, sizes and margins. It can load nothing
// (no url), and move nothing over the page that shows the mail (no position).
// An attribute with anything else in it is dropped whole: judging each
// declaration needs a CSS parser, which took half the time of reading a mail.
var plainStyle = regexp.MustCompile(`(?i)^\s*(?:(?:color|background|background-color|font|font-(?:weight|style|size|family|variant)|text-(?:align|decoration|indent)` +
	`|line-height|white-space|vertical-align|word-(?:wrap|break)|border-collapse|(?:margin|padding)(?:-(?:top|right|bottom|left))?|mso-[a-z-]+)` +
	`\s*:\s*(?:[a-z0-9#%,.\s'"!_]|rgba?\([0-9.,%\s]*\)|-[a-z])*(?:;\s*|$))*$`)
