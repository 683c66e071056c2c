package message

import "unicode"

// sibling is the Windows page that senders mean who declare a page of ISO 8859
// and write octets that are control characters in it; "" for all others.
func sibling(name string) string {
	switch name {
	case "iso-8859-2":
		return "windows-1250"
	case "iso-8859-6":
		return "windows-1256"
	case "iso-8859-7":
		return "windows-1253"
	case "iso-8859-8":
		return "windows-1255"
	case "iso-8859-13", "iso-8859-4":
		return "windows-1257"
	case "iso-8859-15":
		return "windows-1252"
	}
	return ""
}

// hasC1 reports octets from 0x80 to 0x9f.
func hasC1(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 && c < 0xa0 {
			return true
		}
	}
	return false
}

// unlikely reports a text that its declared page makes nobody's writing of:
// more letters beyond ASCII than within in a Western one, capitals within
// words in a Cyrillic one. Old programs sent Russian and Chinese mail so.
func unlikely(name string, raw, text []byte) bool {
	const few = 5 * fewOctets
	head := raw[:min(len(raw), maxDetect)]
	high := len(head) - asciiCount(head)
	if high < few {
		return false
	}
	text = text[:min(len(text), 2*maxDetect)]
	switch name {
	case "windows-1252", "iso-8859-15":
		letters := 0
		for _, c := range head {
			if c|0x20 >= 'a' && c|0x20 <= 'z' {
				letters++
			}
		}
		return high > letters && scoreLatin(string(text)) < 0
	case "windows-1251", "koi8-r", "koi8-u", "iso-8859-5", "ibm866":
		letters := 0
		for _, r := range string(text) {
			if unicode.Is(unicode.Cyrillic, r) {
				letters++
			}
		}
		return letters >= few && scoreCyrillic(string(text)) < 0
	}
	return false
}
