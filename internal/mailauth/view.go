package mailauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
)

// Bounds that keep the library's work linear: it joins folded lines and looks
// for signed fields by walking over all of them.
const (
	maxFields     = 2000     // header fields of a mail
	maxFieldLines = 2000     // lines of one folded field
	maxHeader     = 1 << 20  // octets of all fields
	maxBlankLines = 16 << 10 // empty lines in a row within the body
	chunkSize     = 32 << 10 // octets read at once
)

var (
	errManyFields  = fmt.Errorf("the mail has more than %d header fields", maxFields)
	errManyLines   = fmt.Errorf("a header field has more than %d lines", maxFieldLines)
	errLargeHeader = errors.New("the header is too large")
	errBlankLines  = errors.New("the body has too many empty lines in a row")
)

// view is a mail as signatures are verified over it: the header that
// message.ReadHeader read, so that both always mean the same From field, and
// every line end CRLF.
type view struct {
	in         Input
	signatures int // fields that are one
	all        []*signature
	err        error // why nothing can be verified
}

const signatureName = "DKIM-Signature"

func newView(in Input) *view {
	v := &view{in: in}
	size := 0
	for i := range in.Header.Fields {
		f := &in.Header.Fields[i]
		size += len(f.Raw)
		if strings.Count(f.Raw, "\n") > maxFieldLines {
			v.err = errManyLines
		}
		if !isField(f, signatureName) {
			continue
		}
		if v.signatures++; v.signatures <= maxFields {
			v.all = append(v.all, readSignature(i, f.Value))
		}
	}
	switch {
	case len(in.Header.Fields) > maxFields:
		v.err = errManyFields
	case size > maxHeader:
		v.err = errLargeHeader
	}
	return v
}

// isField compares a field's name, which may have white space behind it (RFC
// 5322 §4.5).
func isField(f *message.Field, name string) bool {
	return strings.EqualFold(strings.TrimRight(f.Name, " \t"), name)
}

// plainName reports whether every reader takes the name for the same.
func plainName(name string) bool {
	name = strings.TrimRight(name, " \t")
	for i := range len(name) {
		if name[i] <= ' ' || name[i] >= 0x7f {
			return false
		}
	}
	return name != ""
}

// choose picks the signatures to verify, in the order of the header.
func (v *view) choose(author address.Domain) []*signature {
	list := append([]*signature(nil), v.all...)
	sort.SliceStable(list, func(i, j int) bool {
		return rank(author, list[i].domain) < rank(author, list[j].domain)
	})
	list = list[:min(len(list), maxSignatures)]
	sort.Slice(list, func(i, j int) bool { return list[i].field < list[j].field })
	return list
}

func rank(author, d address.Domain) int {
	switch {
	case author != "" && author == d:
		return 0
	case mayAlign(author, d):
		return 1
	}
	return 2
}

// header writes the header section with CRLF line ends and the blank line. Of
// the signatures only the chosen ones are there; fields with names that could
// be taken for others are left out.
func (v *view) header(chosen []*signature) string {
	keep := map[int]bool{}
	for _, s := range chosen {
		keep[s.field] = true
	}
	var b strings.Builder
	for i := range v.in.Header.Fields {
		f := &v.in.Header.Fields[i]
		if !plainName(f.Name) || isField(f, signatureName) && !keep[i] {
			continue
		}
		for line := range strings.SplitSeq(f.Raw, "\n") {
			if line = strings.TrimSuffix(line, "\r"); line != "" {
				b.WriteString(line)
				b.WriteString("\r\n")
			}
		}
	}
	b.WriteString("\r\n")
	return b.String()
}

// singleFields are those that a mail has once and that a reader acts on (RFC
// 5322 §3.6, RFC 2045 §3).
func singleFields() []string {
	return []string{
		"From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References",
		"MIME-Version", "Content-Type", "Content-Transfer-Encoding",
	}
}

// added names a field of which the mail holds more than the signature covers,
// although it covers one. A signature stays good when such a field is put on
// top, where most readers look first (RFC 6376 §8.15): somebody else's old
// mail would carry a new subject.
func (v *view) added(s *signature) string {
	signed := strings.Split(s.tags["h"], ":")
	for _, name := range singleFields() {
		covered, present := 0, 0
		for _, h := range signed {
			if strings.EqualFold(h, name) {
				covered++
			}
		}
		for i := range v.in.Header.Fields {
			if covered > 0 && isField(&v.in.Header.Fields[i], name) {
				present++
			}
		}
		if present > covered {
			return name
		}
	}
	return ""
}

func (v *view) body(ctx context.Context) *bodyReader {
	c := v.in.Content
	start := min(max(v.in.Header.End, 0), c.Size())
	return &bodyReader{ctx: ctx, r: io.NewSectionReader(c, start, c.Size()-start)}
}

// bodyReader reads a body with CRLF line ends and at most one at its end:
// both canonicalisations ignore empty lines there (RFC 6376 §3.4.3, §3.4.4).
// It ends early instead of failing; err then says why.
type bodyReader struct {
	ctx   context.Context
	r     io.Reader
	err   error
	buf   []byte // read
	made  []byte // normalised
	out   []byte // what of made is still to be handed out
	empty int    // line ends held back
	cr    bool   // the last octet was a CR
	done  bool
}

func (b *bodyReader) Read(p []byte) (int, error) {
	for len(b.out) == 0 && !b.done {
		b.fill()
	}
	if len(b.out) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.out)
	b.out = b.out[n:]
	return n, nil
}

// fill reads and normalises one chunk.
func (b *bodyReader) fill() {
	if b.buf == nil {
		b.buf = make([]byte, chunkSize)
	}
	if err := b.ctx.Err(); err != nil {
		b.fail(err)
		return
	}
	n, err := b.r.Read(b.buf)
	b.made = b.made[:0]
	for _, c := range b.buf[:n] {
		b.octet(c)
	}
	switch {
	case b.done:
	case err == io.EOF:
		b.end()
	case err != nil:
		b.fail(err)
	}
	b.out = b.made
}

func (b *bodyReader) octet(c byte) {
	if c == '\n' {
		b.empty++
		b.cr = false
		return
	}
	if b.cr { // a CR that ended no line
		b.flush()
		b.made = append(b.made, '\r')
	}
	if b.cr = c == '\r'; b.cr {
		return
	}
	if b.empty > 0 {
		b.flush()
	}
	b.made = append(b.made, c)
}

// flush writes the line ends held back, now that something follows them.
func (b *bodyReader) flush() {
	if b.empty > maxBlankLines {
		b.fail(errBlankLines)
	}
	for ; b.empty > 0 && !b.done; b.empty-- {
		b.made = append(b.made, '\r', '\n')
	}
}

func (b *bodyReader) end() {
	if b.cr {
		b.flush()
		b.made = append(b.made, '\r')
	}
	if b.empty > 0 && !b.done {
		b.made = append(b.made, '\r', '\n')
	}
	b.done = true
}

func (b *bodyReader) fail(err error) {
	if b.err == nil {
		b.err = err
	}
	b.done = true
}
