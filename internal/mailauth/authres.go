package mailauth

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// results is an Authentication-Results field that was read (RFC 8601 §2.2).
type results struct {
	id   string
	list []methodResult
}

// methodResult is what a field says of one method.
type methodResult struct {
	method string // in lower case; "" when it is of a version that is not known
	result string // in lower case
	// properties are its values by name, as in "smtp.mailfrom", in lower case.
	// A value that was quoted as a whole stands here without its quotes.
	properties map[string]string
}

// Bounds for a field that is read.
const (
	maxResults      = 100
	maxResultsValue = 16 << 10 // octets
)

var (
	errResultsLong  = errors.New("it is too long")
	errResultsOctet = errors.New("it holds octets that no field may hold")
	errResultsID    = errors.New("it does not begin with one clear name")
	errResultsForm  = errors.New("it is not in the form of RFC 8601")
	errResultsTwice = errors.New("it says one thing twice, in two ways")
)

// readResults reads the value of a field. Comments, folding, quotes and
// versions may stand wherever RFC 8601 lets them, and some more that servers
// write: an empty result at the end, and properties without a type. What two
// readers could take for different things is an error for the whole field.
func readResults(value string) (results, error) {
	if len(value) > maxResultsValue {
		return results{}, errResultsLong
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, isControl) {
		return results{}, errResultsOctet
	}
	id, ok := readID(value)
	if !ok {
		return results{}, errResultsID
	}
	r := results{id: id}
	p := &resultsParser{rest: value}
	if !p.skipID() {
		return results{}, errResultsID
	}
	for p.next(';') {
		if len(r.list) == maxResults {
			return results{}, errResultsLong
		}
		one, err := p.result()
		if err != nil {
			return results{}, err
		}
		if one.method != "" {
			r.list = append(r.list, one)
		}
	}
	if p.rest != "" || p.broken {
		return results{}, errResultsForm
	}
	return r, nil
}

func isControl(r rune) bool {
	return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029'
}

// resultsParser works through a value. Once it is broken it stands still.
type resultsParser struct {
	rest   string
	broken bool
}

// skip passes over white space and comments.
func (p *resultsParser) skip() {
	rest, ok := skipComments(p.rest)
	if !ok {
		p.broken = true
	}
	p.rest = rest
}

// next takes one octet, behind white space and comments.
func (p *resultsParser) next(c byte) bool {
	p.skip()
	if p.broken || p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// skipID passes over what readID has read; a version other than 1 is refused.
func (p *resultsParser) skipID() bool {
	p.skip()
	if strings.HasPrefix(p.rest, `"`) {
		_, p.rest, _ = cutQuoted(p.rest)
	} else {
		_, p.rest = cutToken(p.rest)
	}
	p.skip()
	version, rest := cutDigits(p.rest)
	p.rest = rest
	return !p.broken && (version == "" || version == "1")
}

func cutDigits(s string) (digits, rest string) {
	rest = strings.TrimLeft(s, "0123456789")
	return s[:len(s)-len(rest)], rest
}

// keyword takes the name of a method, result or property.
func (p *resultsParser) keyword() string {
	p.skip()
	n := 0
	for n < len(p.rest) && (isAlphanumeric(p.rest[n]) || n > 0 && strings.IndexByte("-_", p.rest[n]) >= 0) {
		n++
	}
	word := strings.ToLower(p.rest[:n])
	p.rest = p.rest[n:]
	return word
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// result reads one method's result up to the next semicolon. "none", which
// stands for no results at all, and nothing give a result without a method.
func (p *resultsParser) result() (methodResult, error) {
	one := methodResult{method: p.keyword(), properties: map[string]string{}}
	if one.method == "" && p.ends() || one.method == "none" && p.ends() {
		return methodResult{}, nil
	}
	known := true
	if one.method != "" && p.next('/') {
		p.skip()
		version, rest := cutDigits(p.rest)
		p.rest, known = rest, version == "1"
	}
	if one.method == "" || !p.next('=') {
		return methodResult{}, errResultsForm
	}
	if one.result = p.keyword(); one.result == "" {
		return methodResult{}, errResultsForm
	}
	for !p.ends() {
		if err := p.property(one.properties); err != nil {
			return methodResult{}, err
		}
	}
	if p.broken {
		return methodResult{}, errResultsForm
	}
	if !known {
		return methodResult{}, nil
	}
	return one, nil
}

// ends reports whether nothing more of this result follows.
func (p *resultsParser) ends() bool {
	p.skip()
	return p.broken || p.rest == "" || p.rest[0] == ';'
}

// property reads "type.name=value", or a name alone such as "reason".
func (p *resultsParser) property(into map[string]string) error {
	name := p.keyword()
	if name != "" && p.next('.') {
		second := p.keyword()
		if second == "" {
			return errResultsForm
		}
		name += "." + second
	}
	if name == "" || !p.next('=') {
		return errResultsForm
	}
	value, ok := p.value()
	if !ok {
		return errResultsForm
	}
	if before, twice := into[name]; twice && before != value {
		return errResultsTwice
	}
	into[name] = value
	return nil
}

// value takes one value: text and quoted strings up to white space, a comment
// or a semicolon.
func (p *resultsParser) value() (string, bool) {
	p.skip()
	start := p.rest
	if strings.HasPrefix(start, `"`) {
		text, rest, ok := cutQuoted(start)
		if !ok {
			return "", false
		}
		if p.rest = rest; valueEnds(rest) {
			return text, true
		}
	}
	for !valueEnds(p.rest) {
		switch p.rest[0] {
		case '"':
			_, rest, ok := cutQuoted(p.rest)
			if !ok {
				return "", false
			}
			p.rest = rest
		case '\\', ')':
			return "", false
		default:
			p.rest = p.rest[1:]
		}
	}
	return start[:len(start)-len(p.rest)], true
}

func valueEnds(s string) bool { return s == "" || strings.IndexByte(" \t\r\n;(", s[0]) >= 0 }
