package message

import (
	"strings"

	"mxdesk/internal/address"
)

// lastResort takes the recipient from where it stands when no system named it:
// from a report within the mail that came back, from the report's own return
// path (VERP), else from the mail that came back,
// when that had one recipient only.
func (b *bounceReader) lastResort() {
	for _, text := range b.returned { // the report itself may be wrapped once more
		if strings.Contains(strings.ToLower(text), "\nfinal-recipient:") {
			b.deliveryStatus(fromField(text, "final-recipient:", "original-recipient:"))
		}
	}
	if len(b.report.Recipients) > 0 {
		return
	}
	list := b.verp()
	if len(list) == 0 {
		list = b.originalRecipients()
	}
	if len(list) != 1 {
		return
	}
	b.report.add(BouncedRecipient{Address: list[0], Action: actionInWords(b.msg), Reply: b.reason()})
}

// verp finds a recipient that the sender has written into its return path, as
// in bounces+user=example.org@lists.example.net.
func (b *bounceReader) verp() []string {
	var to []string
	for _, m := range b.msg.To {
		to = append(to, m.Address.String())
	}
	for _, name := range [...]string{"Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To"} {
		to = append(to, b.msg.All(name)...)
	}
	for _, a := range to {
		local, _, _ := strings.Cut(strings.Trim(a, "<> "), "@")
		at := strings.LastIndexByte(local, '=')
		if at < 0 {
			continue
		}
		user := local[:at]
		for _, sep := range [...]string{"+", "-"} {
			if _, after, ok := strings.Cut(user, sep); ok && after != "" {
				user = after
				break
			}
		}
		if v := cleanAddress(user + "@" + local[at+1:]); strings.Contains(v, ".") {
			return []string{v}
		}
	}
	return nil
}

// originalRecipients are whom the mail that came back was for.
func (b *bounceReader) originalRecipients() (list []string) {
	for _, text := range b.returned {
		p := sectionParser{text: text, top: true}
		p.parse()
		for _, name := range [...]string{"x-original-to", "to"} {
			v := get(p.sec.fields, name)
			if v == "" {
				continue
			}
			for _, m := range address.ParseList(v[:min(len(v), 4096)], decodeWords) {
				list = append(list, m.Address.String())
			}
			if len(list) > 0 {
				return list
			}
		}
	}
	return nil
}

// cleanAddress reads an address as reports write it and returns it as it was
// spelled, or "" when it is none.
func cleanAddress(v string) string {
	v = strings.Trim(oneLine(toUTF8(v)), "<>()[]{}\"'`,;: \t*")
	if i := strings.IndexAny(v, " \t<>\""); i >= 0 && !strings.HasPrefix(v, "\"") {
		v = v[:i]
	}
	for _, prefix := range [...]string{"mailto:", "smtp:", "smtp=", "rfc822;", "rfc822:"} {
		if len(v) > len(prefix) && strings.EqualFold(v[:len(prefix)], prefix) {
			v = strings.TrimSpace(v[len(prefix):])
		}
	}
	v = encapsulated(strings.TrimRight(v, ".-,;:"))
	if _, err := address.Parse(v); err != nil {
		return ""
	}
	return v
}

// encapsulated undoes the way in which Exchange wraps foreign addresses:
// IMCEAINVALID-user+40example+2Eorg@internal.example.net.
func encapsulated(v string) string {
	if len(v) < 6 || !strings.EqualFold(v[:5], "IMCEA") {
		return v
	}
	kind, rest, ok := strings.Cut(v, "-")
	if !ok || strings.EqualFold(kind, "IMCEAEX") {
		return v
	}
	local, _, _ := strings.Cut(rest, "@")
	var out strings.Builder
	for i := 0; i < len(local); i++ {
		if local[i] == '+' && i+2 < len(local) {
			if hi, lo := unhex(local[i+1]), unhex(local[i+2]); hi >= 0 && lo >= 0 {
				out.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		out.WriteByte(local[i])
	}
	if s := out.String(); strings.Contains(s, "@") {
		return toUTF8(s)
	}
	return v
}
