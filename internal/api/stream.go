package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"mxdesk/ticketstore"
)

// portionSize is about how many octets of an answer are made at once, of one
// value more where that is larger.
const portionSize = 256 << 10

// array streams a JSON array, so that one of any length needs little memory. The
// client may read slowly and a view must not wait for it: values are added in a
// view until a portion is full, and sent behind it.
type array struct {
	w                 io.Writer
	made              bytes.Buffer
	enc               *json.Encoder
	n                 int    // values
	open, shut, empty string // what stands around the values, and in the place of all when there are none
}

func newArray(w http.ResponseWriter) *array { return newArrayIn(w, "[", "]\n", "[]\n") }

func newArrayIn(w http.ResponseWriter, open, shut, empty string) *array {
	w.Header().Set("Content-Type", "application/json")
	a := &array{w: w, open: open, shut: shut, empty: empty}
	a.enc = json.NewEncoder(&a.made)
	return a
}

func (a *array) add(v any) error {
	if a.n == 0 {
		a.made.WriteString(a.open)
	} else {
		a.made.WriteByte(',')
	}
	a.n++
	return a.enc.Encode(v)
}

// full reports whether it is time to send.
func (a *array) full() bool { return a.made.Len() >= portionSize }

// send writes what was added. It is not called in a view.
func (a *array) send() error {
	_, err := a.made.WriteTo(a.w)
	if a.made.Cap() > 2*portionSize {
		a.made = bytes.Buffer{}
	}
	return err
}

func (a *array) end() error {
	if a.n == 0 {
		a.made.WriteString(a.empty)
	} else {
		a.made.WriteString(a.shut)
	}
	return a.send()
}

// portions answers with what fill adds, as long as there is more: in a view until a
// portion is full, then in another.
func (s *server) portions(r *http.Request, out *array, more func() bool, fill func(ticketstore.View) error) error {
	for more() {
		if err := s.view(r, fill); err != nil {
			return err
		}
		if err := out.send(); err != nil {
			return err
		}
	}
	return out.end()
}

// numbered answers with what stands under the numbers from first to last, lowest
// first, and at most limit of it; 0: all. get returns nil for what is not wanted.
func (s *server) numbered(w http.ResponseWriter, r *http.Request, first, last uint64, limit int, get func(v ticketstore.View, n uint64) (any, error)) error {
	out := newArray(w)
	more := func() bool { return first <= last && (limit == 0 || out.n < limit) }
	return s.portions(r, out, more, func(v ticketstore.View) error {
		for ; more() && !out.full(); first++ {
			value, err := get(v, first)
			if errors.Is(err, ticketstore.ErrNotFound) || err == nil && value == nil {
				continue
			}
			if err != nil {
				return err
			}
			if err := out.add(value); err != nil {
				return err
			}
		}
		return nil
	})
}

// next are the numbers that the next new values will have.
func (s *server) next(r *http.Request) (next ticketstore.NextIDs, err error) {
	err = s.view(r, func(v ticketstore.View) error {
		next = v.Next()
		return nil
	})
	return next, err
}
