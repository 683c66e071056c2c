package message

import (
	"strings"
	"unicode"
)

// maxIDs bounds References; a longer thread keeps its oldest and newest.
const maxIDs = 200

// firstID reads a Message-ID field (RFC 5322 §3.6.4) and returns it without
// angle brackets; a field without brackets is taken as it is.
func firstID(v string) string {
	ids := appendIDs(nil, v)
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}

// appendIDs reads a list of message identifiers. Anything between angle
// brackets counts; outside of brackets only words that hold an "@".
func appendIDs(ids []string, v string) []string {
	for v != "" {
		open := strings.IndexByte(v, '<')
		if open < 0 {
			return appendBare(ids, v)
		}
		ids = appendBare(ids, v[:open])
		v = v[open+1:]
		end := strings.IndexByte(v, '>')
		if end < 0 {
			end = len(v)
		}
		ids = appendID(ids, v[:end])
		v = v[min(end+1, len(v)):]
	}
	return ids
}

func appendBare(ids []string, v string) []string {
	if !strings.Contains(v, "@") {
		return ids
	}
	for w := range strings.FieldsSeq(v) {
		if w = strings.Trim(w, ",;\"'()"); strings.Contains(w, "@") {
			ids = appendID(ids, w)
		}
	}
	return ids
}

// appendID adds an identifier without the white space that folding left in it.
func appendID(ids []string, id string) []string {
	id = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, toUTF8(id))
	if id == "" || len(id) > 998 {
		return ids
	}
	if len(ids) >= maxIDs {
		ids = append(ids[:maxIDs/2], ids[maxIDs/2+1:]...)
	}
	return append(ids, id)
}
