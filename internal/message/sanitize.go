package message

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
)

// sanitize leaves of HTML what can be shown in a page without doing anything:
// no script, no form, no embedded content but images, and of these only what
// the mail brings along (cid:); a remote image would tell its server who reads
// the mail, and when.
func sanitize(s string) string { return policy().Sanitize(s) }

// policy is what is left of HTML. Building it costs more than using it, and a
// built policy may be used from several goroutines.
var policy = sync.OnceValue(newPolicy)

// cidOnly is the source of an image that stands in the same mail, by its
// content id or as it is.
var cidOnly = regexp.MustCompile(`^(?i:cid:)[^\s"'<>]+$|^(?i:data:image/(?:png|gif|jpe?g|webp|bmp);base64,)[A-Za-z0-9+/=\s]+$`)

func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowStandardURLs()
	p.AllowURLSchemes("http", "https", "mailto", "tel", "cid")
	p.AllowURLSchemeWithCustomPolicy("data", func(u *url.URL) bool { return cidOnly.MatchString(u.String()) })
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

// remoteLoads counts what HTML fetches without being asked: images, scripts,
// frames, style sheets, and what a style names.
func (b body) remoteLoads() int {
	const most = 1000
	if !b.hasRich() {
		return 0
	}
	n := 0
	z := html.NewTokenizer(strings.NewReader(b.joinRich()))
	style := false
	for n < most {
		switch z.Next() {
		case html.ErrorToken:
			return n
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			style = string(name) == "style"
			fetches := fetchesHref(string(name))
			refresh := string(name) == "meta"
			for range maxAttrs {
				if !more {
					break
				}
				var k, v []byte
				k, v, more = z.TagAttr()
				if n += loads(string(k), v, fetches); refresh && string(k) == "content" && bytes.Contains(bytes.ToLower(v), []byte("url=")) {
					n++
				}
			}
		case html.TextToken:
			if style {
				n += styleLoads(z.Raw())
			}
		case html.EndTagToken:
			style = false
		}
	}
	return n
}

// maxAttrs bounds the attributes of an element that are looked at.
const maxAttrs = 200

// fetchesHref reports elements that fetch what their href names, without a press.
func fetchesHref(name string) bool {
	switch name {
	case "link", "image", "use", "feimage":
		return true
	}
	return false
}

// loads counts what one attribute makes a reader fetch. fetches says that its
// element does so with an href.
func loads(name string, value []byte, fetches bool) int {
	switch name {
	case "src", "background", "poster", "srcset", "data", "lowsrc", "dynsrc", "manifest", "archive":
	case "href", "xlink:href":
		if !fetches {
			return 0
		}
	case "style":
		return styleLoads(value)
	default:
		return 0
	}
	if elsewhere(value) {
		return 1
	}
	return 0
}

// elsewhere reports an address on another host. Browsers take a backslash for a
// slash (WHATWG URL §4.4).
func elsewhere(value []byte) bool {
	v := bytes.ToLower(bytes.TrimLeft(value[:min(len(value), 100)], "\t\n\f\r \"'"))
	v = bytes.ReplaceAll(v, []byte("\\"), []byte("/"))
	return bytes.HasPrefix(v, []byte("http")) || bytes.HasPrefix(v, []byte("//")) || bytes.HasPrefix(v, []byte("ftp:"))
}

// styleLoads counts what a style fetches: by url(), by image-set() and by
// @import.
func styleLoads(css []byte) int {
	css = bytes.ToLower(css)
	n := bytes.Count(css, []byte("@import"))
	for _, sign := range [...]string{"url(", "image-set("} {
		for rest := css; ; {
			_, after, ok := bytes.Cut(rest, []byte(sign))
			if !ok {
				break
			}
			if elsewhere(after) {
				n++
			}
			rest = after
		}
	}
	return n
}
