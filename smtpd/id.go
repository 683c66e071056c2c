package smtpd

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// idAlphabet is in the order of its octets, so that ids sort by time.
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// idEncoding is base32 without padding; it is never changed.
var idEncoding = base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding)

// newID makes a short id: 13 letters and digits, five octets of time in
// milliseconds and three of chance.
func newID(now time.Time) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(now.UnixMilli())<<24)
	_, _ = rand.Read(b[5:]) // never fails, by its contract
	return idEncoding.EncodeToString(b[:])
}
