package ticketstore_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"mxdesk/ticketstore"
)

func TestOctetsAreContent(t *testing.T) {
	text := []byte("abcdefghij")
	if err := iotest.TestReader(io.NewSectionReader(ticketstore.Octets(text), 0, 10), text); err != nil {
		t.Error(err)
	}
	if n, err := ticketstore.Octets(text).ReadAt(make([]byte, 1), 10); n != 0 || err != io.EOF {
		t.Errorf("behind the end: %d, %v", n, err)
	}
}

// elsewhere is in memory up to a place, in runs.
type elsewhere struct {
	*bytes.Reader
	octets []byte
	end    int64
}

func (e elsewhere) Held(from int64) []byte {
	const run = 100 << 10
	if from < 0 || from >= e.end {
		return nil
	}
	return e.octets[from:min(e.end, (from/run+1)*run)]
}

func TestWriteContent(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcdef"), 20<<10) // several buffers
	for name, c := range map[string]ticketstore.Content{
		"in memory": ticketstore.Octets(text), "to be read": bytes.NewReader(text), "not in memory after all": elsewhere{bytes.NewReader(text), nil, 0},
		"in runs": elsewhere{bytes.NewReader(text), text, int64(len(text))},
		"in part": elsewhere{bytes.NewReader(text), text, int64(len(text)) / 2},
	} {
		t.Run(name, func(t *testing.T) {
			size := int64(len(text))
			for _, r := range [][2]int64{{0, size}, {0, 0}, {5, 6}, {size, size}, {100, size - 1}} {
				var b bytes.Buffer
				if err := ticketstore.WriteContent(&b, c, r[0], r[1]); err != nil || !bytes.Equal(b.Bytes(), text[r[0]:r[1]]) {
					t.Errorf("%v: %d octets, %v", r, b.Len(), err)
				}
			}
			if err := ticketstore.WriteContent(io.Discard, c, 0, size+1); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("more than there is: %v", err)
			}
		})
	}
}
