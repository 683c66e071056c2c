package address

import (
	"errors"
	"fmt"
	"strings"
)

// Why a From field cannot be trusted to name one author. ParseFrom wraps one
// of them; mail with such a From is stored and shown but never authenticated.
var (
	ErrNoFrom      = errors.New("there is no From field")
	ErrTwoFrom     = errors.New("there is more than one From field")
	ErrManyMailbox = errors.New("the From field names more than one mailbox")
	ErrGroup       = errors.New("the From field holds a group")
	ErrRoute       = errors.New("the From field holds a source route")
	ErrEncodedWord = errors.New("the From field has an encoded word inside the address")
	ErrControl     = errors.New("the From field holds a control character")
	ErrAmbiguous   = errors.New("the From field can be read in more than one way")
	errNoMailbox   = errors.New("no mailbox")
)

// Bounds of the work that one value can cause. Nothing behind them is read.
const (
	maxListMailbox  = 1000
	maxListEntry    = 10000 // readable or not
	maxEntryWord    = 1000
	maxCommentDepth = 32
)

// Decoder turns the RFC 2047 encoded words of a display name into text.
type Decoder func(string) string

// ParseFrom reads the values of all From fields of a mail (RFC 5322 §3.6.2,
// unfolded, without the field name). It returns an error unless there is
// exactly one field with exactly one mailbox, written in one unambiguous way.
// The mailbox is the best reading for a person even when err is set, and may
// then be zero; only err == nil may be used to decide who wrote the mail.
func ParseFrom(values []string, decode Decoder) (Mailbox, error) {
	if len(values) == 0 {
		return Mailbox{}, ErrNoFrom
	}
	list, strict := parseList(values[0], decode)
	var first Mailbox
	if len(list) > 0 {
		first = list[0]
	}
	switch {
	case len(values) > 1:
		return first, ErrTwoFrom
	case strings.ContainsFunc(values[0], func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return first, ErrControl
	case strict != nil:
		return first, strict
	case len(list) == 0:
		return first, fmt.Errorf("%w in From", errNoMailbox)
	case len(list) > 1:
		return first, ErrManyMailbox
	}
	return first, nil
}

// ParseList reads an address list (To, Cc, Reply-To) as forgivingly as can be:
// what cannot be read is left out. It returns at most 1000 mailboxes.
func ParseList(value string, decode Decoder) []Mailbox {
	list, _ := parseList(value, decode)
	return list
}

// parser walks one structured field body (RFC 5322 §3.2).
type parser struct {
	s string
	i int
	// unclosed: no ">" is left, so that an address in angles ends at its comma.
	unclosed bool
}

func (p *parser) done() bool { return p.i >= len(p.s) }

func (p *parser) peek() byte {
	if p.done() {
		return 0
	}
	return p.s[p.i]
}

// addrSpec reads local@domain without white space or comments.
func (p *parser) addrSpec() (local, domain string, err error) {
	if p.peek() == '"' {
		if local, err = p.quoted(); err != nil {
			return "", "", err
		}
	} else {
		start := p.i
		for !p.done() && (isAtext(p.peek()) || p.peek() == '.') {
			p.i++
		}
		if local = p.s[start:p.i]; !isDotAtom(local) {
			return "", "", ErrSyntax
		}
	}
	if p.peek() != '@' {
		return "", "", fmt.Errorf("%w: no domain", ErrSyntax)
	}
	p.i++
	return local, p.domain(), nil
}

func (p *parser) domain() string {
	start := p.i
	if p.peek() == '[' {
		for !p.done() && p.peek() != ']' {
			p.i++
		}
		p.i = min(p.i+1, len(p.s))
		return p.s[start:p.i]
	}
	for !p.done() && (isAtext(p.peek()) || p.peek() == '.') {
		p.i++
	}
	return p.s[start:p.i]
}

// quoted reads a quoted-string and returns what it means.
func (p *parser) quoted() (string, error) {
	var b strings.Builder
	for p.i++; !p.done(); p.i++ {
		switch c := p.peek(); c {
		case '"':
			p.i++
			return b.String(), nil
		case '\\':
			if p.i++; p.done() {
				return "", ErrSyntax
			}
			b.WriteByte(p.peek())
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ErrSyntax
}

// comment skips a comment, nested ones too, and returns its text. ok is false
// when it does not end, or is nested too deep to be a person's.
func (p *parser) comment() (text string, ok bool) {
	depth, start := 0, p.i+1
	for ; !p.done(); p.i++ {
		switch p.peek() {
		case '\\':
			p.i++
		case '(':
			if depth++; depth > maxCommentDepth {
				p.i = len(p.s)
				return "", false
			}
		case ')':
			if depth--; depth == 0 {
				p.i++
				return p.s[start : p.i-1], true
			}
		}
	}
	p.i = len(p.s) // a backslash at the very end leads past it
	return "", false
}

// entry is one mailbox as it is being read from a list.
type entry struct {
	words   []string // the display name, or a bare address, word by word
	at      bool     // words holds an unquoted "@"
	angle   string   // what stands between < and >
	angles  int
	comment string
	named   int // of words, those before the angle
}

// listReader collects the mailboxes of a list, and the first thing that a
// strict reader would refuse.
type listReader struct {
	decode  Decoder
	list    []Mailbox
	strict  error
	e       entry
	surname string // of an unquoted "Lee, Ann <ann@x.y>"
	entries int
}

func (l *listReader) refuse(err error) {
	if l.strict == nil {
		l.strict = err
	}
}

// flush ends an entry.
func (l *listReader) flush() {
	e, surname := &l.e, l.surname
	l.surname = ""
	l.entries++
	defer func() { l.e = entry{} }()
	if several := e.bareList(); several != nil {
		l.list = append(l.list, several...)
		l.refuse(ErrManyMailbox)
		return
	}
	m, err := e.mailbox(l.decode)
	if surname != "" && e.angles > 0 && m.Name != "" {
		m.Name = name(surname, l.decode) + ", " + m.Name
	}
	if m.Address.IsZero() && !e.at && e.angles == 0 && len(e.words) < 4 {
		l.surname = strings.Join(e.words, " ")
	}
	if !m.Address.IsZero() {
		l.list = append(l.list, m)
	}
	if err != nil && !errors.Is(err, errNoMailbox) {
		l.refuse(err)
	}
	if e.angles > 1 || e.angles == 1 && e.at && !e.repeats(m.Address) {
		l.refuse(ErrAmbiguous)
	}
}

// divide ends an entry that has its address where another one begins: the comma
// between was forgotten.
func (l *listReader) divide() {
	l.refuse(ErrAmbiguous)
	next := entry{words: l.e.words[l.e.named:]}
	l.e.words = l.e.words[:l.e.named]
	l.flush()
	l.e = next
}

// parseList reads mailboxes and returns the first thing that a strict reader
// would refuse.
func parseList(value string, decode Decoder) ([]Mailbox, error) {
	p := parser{s: value}
	l := listReader{decode: decode}
	for !p.done() && len(l.list) < maxListMailbox {
		if l.entries >= maxListEntry {
			l.refuse(ErrManyMailbox)
			return l.list, l.strict
		}
		switch c := p.peek(); c {
		case ' ', '\t', '\r', '\n':
			p.i++
		case ',':
			p.i++
			l.flush()
		case ';', ':':
			p.i++
			l.refuse(ErrGroup)
			switch {
			case c == ';':
				l.flush()
			case !l.e.dropScheme():
				l.e = entry{} // the group's name
			}
		case '(':
			p.commentIn(&l.e, l.refuse)
		case '"':
			p.quotedWord(&l.e, l.refuse)
		case '<':
			if l.e.angles > 0 && l.e.angle != "" {
				l.divide()
			}
			p.angle(&l.e, l.refuse)
		default:
			p.word(&l.e, l.refuse)
		}
	}
	l.flush()
	return l.list, l.strict
}

func (p *parser) commentIn(e *entry, refuse func(error)) {
	text, ok := p.comment()
	if !ok || strings.IndexByte(text, '<') >= 0 {
		refuse(ErrAmbiguous) // a reader who knows no comments sees an address here
	}
	e.comment = text
}

func (p *parser) quotedWord(e *entry, refuse func(error)) {
	start := p.i
	w, err := p.quoted()
	if err != nil {
		refuse(ErrAmbiguous)
	}
	if p.peek() == '@' { // a bare address with a quoted local part
		p.i++
		p.domain()
		e.at = true
		e.add(p.s[start:p.i], refuse)
		return
	}
	if e.angles > 0 {
		refuse(ErrAmbiguous)
	}
	e.add(w, refuse)
}

func (p *parser) angle(e *entry, refuse func(error)) {
	start := p.i + 1
	for p.i++; !p.done() && p.peek() != '>' && !(p.unclosed && p.peek() == ','); {
		switch p.peek() {
		case '"':
			if _, err := p.quoted(); err != nil {
				refuse(ErrAmbiguous)
			}
		case '(':
			refuse(ErrAmbiguous)
			p.i++
		default:
			p.i++
		}
	}
	if p.done() {
		refuse(ErrAmbiguous)
		if !p.unclosed {
			p.unclosed = true
			if i := strings.IndexByte(p.s[start:], ','); i >= 0 {
				p.i = start + i
			}
		}
	}
	end := min(p.i, len(p.s))
	if p.peek() == '>' {
		p.i++
	}
	if e.angles++; e.angles > 1 {
		return // refused when the entry ends; looking at the first again and again would cost time
	}
	e.angle, e.named = strings.Trim(p.s[start:end], " \t\r\n"), len(e.words)
	if strings.HasPrefix(e.angle, "@") {
		refuse(ErrRoute)
		if i := strings.LastIndexByte(e.angle, ':'); i >= 0 {
			e.angle = e.angle[i+1:]
		}
	}
	if strings.Contains(e.angle, "=?") {
		refuse(ErrEncodedWord)
	}
}

func (p *parser) word(e *entry, refuse func(error)) {
	start := p.i
	for !p.done() && strings.IndexByte(" \t\r\n,;:<\"", p.peek()) < 0 {
		if p.peek() == '(' && p.i > start {
			break
		}
		p.i++
	}
	if p.i == start {
		p.i++
	}
	w := p.s[start:p.i]
	if e.angles > 0 || strings.IndexByte(w, '\\') >= 0 { // a backslash means something inside quotes only
		refuse(ErrAmbiguous)
	}
	if w == ">" && e.angles > 0 {
		return // one too many
	}
	if strings.ContainsRune(w, '@') {
		e.at = true
	}
	e.add(w, refuse)
}

// dropScheme takes back the "mailto" before a colon, which names no group, and
// reports whether it was there.
func (e *entry) dropScheme() bool {
	last := len(e.words) - 1
	if last < 0 || !strings.EqualFold(strings.TrimLeft(e.words[last], "[("), "mailto") {
		return false
	}
	e.words = e.words[:last]
	return true
}

func (e *entry) add(word string, refuse func(error)) {
	if len(e.words) >= maxEntryWord {
		refuse(ErrAmbiguous)
		return
	}
	e.words = append(e.words, word)
}

// repeats reports whether the display name is the very address that stands
// between the angle brackets, as some programs write it: "a@b.c <a@b.c>".
func (e *entry) repeats(a Address) bool {
	if len(e.words) != 1 || a.IsZero() {
		return false
	}
	w, err := Parse(strings.Trim(e.words[0], "'"))
	return err == nil && w == a
}

// mailbox makes the mailbox of an entry. With an error it is the best guess,
// or zero.
func (e *entry) mailbox(decode Decoder) (Mailbox, error) {
	switch {
	case e.angles > 0:
		a, err := Parse(e.angle)
		if err != nil {
			return e.repair(decode, err)
		}
		return Mailbox{Name: name(strings.Join(e.words, " "), decode), Address: a}, nil
	case len(e.words) == 0 && e.comment == "":
		return Mailbox{}, errNoMailbox
	case len(e.words) == 0:
		return e.repair(decode, errNoMailbox)
	}
	return e.bare(decode)
}

// name decodes a display name and makes it one harmless line.
func name(s string, decode Decoder) string {
	if decode != nil {
		s = decode(s)
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e || r == 0x200f:
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
