package mailauth

import (
	"context"
	"crypto/sha256"
	"io"
	"sort"
	"strings"
	"sync"

	"mxdesk/internal/address"
	"mxdesk/internal/message"
)

// view is a mail as signatures are verified over it: the header fields that
// message.ReadHeader read, so that all mean the same From field, and the body
// behind them, which is read once for each form in which it is signed. It may be used by
// several goroutines.
type view struct {
	in    Input
	all   []*signature            // as they stand in DKIM-Signature fields
	index func() map[string][]int // of fields, by name in lower case; made when it is first asked for

	*bodies
}

// bodies are the hashes of a mail's body, in the forms in which it may be signed.
type bodies struct{ simple, relaxed body }

// body is the hash of the mail's body in one form, made when it is first asked
// for.
type body struct {
	once sync.Once
	sum  []byte
	err  error
}

const signatureName = "DKIM-Signature"

func newView(in Input) *view {
	v := &view{in: in, bodies: new(bodies)}
	v.index = sync.OnceValue(v.byName)
	for i := range in.Header.Fields {
		if f := &in.Header.Fields[i]; plainName(f.Name) && isField(f, signatureName) {
			v.all = append(v.all, readSignature(i, f.Value))
		}
	}
	return v
}

// byName makes the index.
func (v *view) byName() map[string][]int {
	index := map[string][]int{}
	for i := range v.in.Header.Fields {
		f := &v.in.Header.Fields[i]
		if !plainName(f.Name) {
			continue // it could be taken for another
		}
		name := strings.ToLower(strings.TrimRight(f.Name, " \t"))
		index[name] = append(index[name], i)
	}
	return index
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

// choose picks the signatures to verify, in the order of the header. Those
// that could speak for the author come first.
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

// headerHash is what a signature signs (RFC 6376 §3.7): the fields it lists,
// of several with one name the lowest first, then its own field without the
// signature.
func (v *view) headerHash(s *signature) []byte {
	relaxed, _, _ := s.canonicalization()
	h := sha256.New()
	used := map[string]int{}
	for name := range strings.SplitSeq(s.tags["h"], ":") {
		name = strings.ToLower(name)
		at := v.index()[name]
		if n := used[name]; n < len(at) {
			io.WriteString(h, canonicalField(v.in.Header.Fields[at[len(at)-1-n]].Raw, relaxed))
			used[name]++
		}
	}
	own := canonicalField(withoutSignature(v.in.Header.Fields[s.field].Raw), relaxed)
	io.WriteString(h, strings.TrimSuffix(own, "\r\n"))
	return h.Sum(nil)
}

// bodyHash is the hash of the body in one of its forms.
func (v *view) bodyHash(ctx context.Context, relaxed bool) ([]byte, error) {
	b := &v.simple
	if relaxed {
		b = &v.relaxed
	}
	b.once.Do(func() {
		c := v.in.Content
		start := min(max(v.in.Header.End, 0), c.Size())
		b.sum, b.err = hashBody(ctx, io.NewSectionReader(c, start, c.Size()-start), relaxed)
	})
	return b.sum, b.err
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
		covered := 0
		for _, h := range signed {
			if strings.EqualFold(h, name) {
				covered++
			}
		}
		if covered > 0 && len(v.index()[strings.ToLower(name)]) > covered {
			return name
		}
	}
	return ""
}
