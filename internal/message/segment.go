package message

import (
	"html"
	"slices"
	"strings"
)

// segment is one readable thing in its forms.
type segment struct {
	plain, rich       string // plain text; HTML as it came
	hasPlain, hasRich bool
}

// body is the readable part of a subtree, in order.
type body []segment

// text joins the segments as plain text. What is made of HTML carries marks.
func (b body) text() string {
	var out []string
	for _, s := range b {
		t := s.text()
		if t = strings.Trim(t, "\n"); strings.TrimSpace(t) != "" {
			out = append(out, t)
		}
	}
	return strings.Join(out, "\n\n")
}

// text is the plain form unless it says nothing. What is made of HTML carries
// marks.
func (s segment) text() string {
	if !s.hasRich {
		return s.plain
	}
	if strings.TrimSpace(s.plain) == "" {
		return markedText(s.rich)
	}
	if excuse(s.plain) {
		if t := markedText(s.rich); len(t) > len(s.plain) && !strings.Contains(squeezed(t), squeezed(s.plain)) {
			return t
		}
	}
	return s.plain
}

// excuse reports a plain text that may only say that the mail wants to be read
// as HTML.
func excuse(plain string) bool {
	const longest = 600
	return len(plain) < longest && strings.Contains(strings.ToLower(plain), "html")
}

func squeezed(s string) string { return strings.Join(strings.Fields(s), " ") }

// blank reports that there is nothing to read.
func (b body) blank() bool {
	return !slices.ContainsFunc(b, func(s segment) bool {
		return strings.TrimSpace(s.plain) != "" || s.hasRich && strings.TrimSpace(s.rich) != ""
	})
}

func (b body) hasRich() bool {
	return slices.ContainsFunc(b, func(s segment) bool { return s.hasRich })
}

func (b body) hasPlain() bool {
	return slices.ContainsFunc(b, func(s segment) bool { return s.hasPlain })
}

// joinRich joins the segments as HTML, not sanitised.
func (b body) joinRich() string {
	if len(b) == 1 {
		return b[0].rich
	}
	var out strings.Builder
	for _, s := range b {
		switch {
		case s.hasRich:
			out.WriteString(s.rich)
		case strings.TrimSpace(s.plain) != "":
			out.WriteString("<pre>" + html.EscapeString(s.plain) + "</pre>")
		}
	}
	return out.String()
}

// html joins the segments as sanitised HTML; "" when none of them is HTML.
func (b body) html() string {
	if !b.hasRich() {
		return ""
	}
	return sanitize(b.joinRich())
}
