package smtpd

import (
	"net/netip"
	"strings"
	"time"

	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// Limits against mail loops (RFC 5321 §6.3).
const (
	maxReceived    = 100 // Received fields of a mail that is refused
	maxOwnReceived = 5   // of them, those that we wrote
)

// protocol is the word behind "with" in Received (RFC 3848, RFC 6531 §4.3).
func protocol(lmtp, esmtp, tls, utf8 bool) string {
	word := "SMTP"
	switch {
	case lmtp && utf8:
		word = "UTF8LMTP"
	case lmtp:
		word = "LMTP"
	case utf8:
		word = "UTF8SMTP"
	case esmtp:
		word = "ESMTP"
	}
	if tls {
		if word == "SMTP" {
			word = "ESMTP" // there is no word for TLS without EHLO
		}
		word += "S"
	}
	return word
}

// traceFields are the fields that stand on top of a mail we took (RFC 5321
// §4.4): Return-Path, results (an Authentication-Results field, or empty) and
// Received, with CRLF line ends.
func traceFields(env ticketstore.Envelope, hostname, results string) string {
	var b strings.Builder
	b.WriteString("Return-Path: <" + env.From.String() + ">\r\n")
	if results = strings.TrimRight(results, "\r\n"); results != "" {
		b.WriteString(results + "\r\n")
	}
	b.WriteString("Received: ")
	if from := fromClause(env); from != "" {
		b.WriteString(from + "\r\n\t")
	}
	b.WriteString("by " + token(hostname))
	if env.Protocol != "" {
		b.WriteString(" with " + token(env.Protocol))
	}
	if env.TLS != "" {
		b.WriteString(" (" + comment(env.TLS) + ")")
	}
	b.WriteString("\r\n\tid " + token(env.Transaction))
	if len(env.Recipients) == 1 { // more would tell each about the others
		b.WriteString("\r\n\tfor <" + env.Recipients[0].String() + ">")
	}
	b.WriteString(";\r\n\t" + env.Received.Format(time.RFC1123Z) + "\r\n")
	return b.String()
}

// fromClause names the client by what it said and by its address.
func fromClause(env ticketstore.Envelope) string {
	if env.Helo == "" && env.ClientIP == "" {
		return ""
	}
	helo := token(env.Helo)
	if helo == "" {
		helo = "unknown"
	}
	ip, err := netip.ParseAddr(env.ClientIP)
	if err != nil {
		return "from " + helo
	}
	if ip = ip.Unmap(); ip.Is6() {
		return "from " + helo + " ([IPv6:" + ip.String() + "])"
	}
	return "from " + helo + " ([" + ip.String() + "])"
}

// token keeps of s what may stand in a trace field outside comments and
// quotes, at most 255 octets.
func token(s string) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(`()<>\",;@`, r) {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 255)]
}

// comment keeps of s what may stand in a comment.
func comment(s string) string {
	return strings.TrimSpace(strings.NewReplacer("(", "", ")", "", `\`, "").Replace(printable(s, 100)))
}

// looping says why a mail goes in a circle, or is empty.
func looping(fields []message.Field, hostname string) string {
	all, own := 0, 0
	for _, f := range fields {
		if !strings.EqualFold(f.Name, "Received") {
			continue
		}
		all++
		if strings.EqualFold(receivedBy(f.Value), hostname) {
			own++
		}
	}
	switch {
	case all >= maxReceived:
		return "the mail goes in a circle: too many Received fields"
	case own > maxOwnReceived:
		return "the mail goes in a circle: it has been here too often"
	}
	return ""
}

// receivedBy is the host that wrote a Received field.
func receivedBy(value string) string {
	words := strings.Fields(value)
	for i := range len(words) - 1 {
		if strings.EqualFold(words[i], "by") {
			return strings.TrimSuffix(words[i+1], ";")
		}
	}
	return ""
}
