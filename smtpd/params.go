package smtpd

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/emersion/go-smtp"
)

// mailParams reads the parameters of MAIL. Those that the answer to EHLO offers
// are taken, each once: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531).
// Any other is refused with 555 (RFC 5321 §4.1.1.11). A size beyond 64 bits is
// the greatest number.
func mailParams(params string) (size uint64, refusal *smtp.SMTPError) {
	seen := map[string]bool{}
	for param := range strings.FieldsSeq(params) {
		key, value, valued := strings.Cut(param, "=")
		key = strings.ToUpper(key)
		var ok bool
		switch key {
		case "SIZE":
			size, ok = paramSize(value)
		case "BODY":
			if strings.EqualFold(value, "BINARYMIME") {
				return 0, notOffered("BODY=BINARYMIME")
			}
			ok = strings.EqualFold(value, "7BIT") || strings.EqualFold(value, "8BITMIME")
		case "SMTPUTF8":
			ok = !valued
		case "":
		default:
			return 0, notOffered(key)
		}
		if !ok || seen[key] {
			return 0, say(501, 5, 5, 4, "malformed parameter "+printable(key, 40))
		}
		seen[key] = true
	}
	return size, nil
}

// paramSize reads one to twenty digits (RFC 1870 §5).
func paramSize(value string) (uint64, bool) {
	if len(value) == 0 || len(value) > 20 || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.ParseUint(value, 10, 64) // out of range: the greatest number
	return n, true
}

// rcptParams refuses any parameter of RCPT: none is offered.
func rcptParams(params string) *smtp.SMTPError {
	for param := range strings.FieldsSeq(params) {
		key, _, _ := strings.Cut(param, "=")
		return notOffered(strings.ToUpper(key))
	}
	return nil
}

func notOffered(key string) *smtp.SMTPError {
	return say(555, 5, 5, 4, fmt.Sprintf("parameter %s is not offered here", printable(key, 40)))
}
