package ticketstore

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzSegment opens a segment of any octets behind a good record. Whatever
// stands there, the good record is read back, what is cut is behind it, and a
// record appended afterwards is good, too.
func FuzzSegment(f *testing.F) {
	f.Cleanup(FailFlush(nil)) // what is tested is no matter of the disk
	good := func(id RecordID, body string) []byte {
		sum := sha256.Sum256([]byte(body))
		crc, _ := bodyCRC(bytes.NewReader([]byte(body)))
		h := head{kind: RecordMail, id: id, body: int64(len(body)), bodyCRC: crc, digest: sum}
		return append(encodeHead(h, []byte("{}")), body...)
	}
	first := good(1, "a mail")
	at := place{segment: 1, meta: 2, body: 6, digest: (&head{digest: sha256.Sum256([]byte("a mail"))}).digestStart()}
	f.Add([]byte{})
	f.Add(good(2, "another"))
	f.Add(good(2, "another")[:30])
	f.Add([]byte("MXR1\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, tail []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "000001.seg"), append(bytes.Clone(first), tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := openSegments(dir, 1<<20, at)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		if s.end < at.end() || s.end > at.end()+int64(len(tail)) {
			t.Fatalf("cut at %d", s.end)
		}
		next := Record{ID: 3, Kind: RecordMail, Content: bytes.NewReader([]byte("next")), Digest: sha256.Sum256([]byte("next"))}
		crc, err := bodyCRC(next.Content)
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.append(next, crc)
		if err == nil {
			err = errors.Join(s.write(), s.sync())
		}
		if err != nil {
			t.Fatal(err)
		}
		for id, at := range map[RecordID]place{1: at, 3: p} {
			if err := s.verify(id, at); err != nil {
				t.Errorf("record %d: %v", id, err)
			}
		}
	})
}
