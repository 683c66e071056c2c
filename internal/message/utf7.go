package message

import (
	"strings"
	"unicode/utf16"
)

// decodeUTF7 reads UTF-7 (RFC 2152). Octets beyond ASCII, which it does not
// have, and broken sequences are kept as they are.
func decodeUTF7(b []byte) string {
	var out strings.Builder
	for i := 0; i < len(b); {
		if b[i] != '+' {
			start := i
			for i < len(b) && b[i] != '+' {
				i++
			}
			out.WriteString(sniff(b[start:i], ""))
			continue
		}
		end := i + 1
		for end < len(b) && b[end] != '-' && b[end] != '_' && base64Table[b[end]] < 64 {
			end++
		}
		out.WriteString(decodeUTF7Run(b[i+1:end], end < len(b) && b[end] == '-'))
		if i = end; i < len(b) && b[i] == '-' {
			i++
		}
	}
	return out.String()
}

// decodeUTF7Run reads what stands between "+" and its end; "+-" is a plus.
func decodeUTF7Run(run []byte, closed bool) string {
	if len(run) == 0 {
		return "+"
	}
	var s base64State
	octets := s.decode(nil, run)
	if len(octets) < 2 {
		if closed {
			return "+" + string(run) + "-"
		}
		return "+" + string(run)
	}
	units := make([]uint16, len(octets)/2)
	for i := range units {
		units[i] = uint16(octets[2*i])<<8 | uint16(octets[2*i+1])
	}
	return string(utf16.Decode(units))
}
