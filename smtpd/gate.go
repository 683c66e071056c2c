package smtpd

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-smtp"

	"mxdesk/internal/address"
)

// dialogue is where a session stands, as the gate needs to know it.
type dialogue struct {
	greeted  bool // HELO or EHLO was accepted
	mail     bool // MAIL was accepted: a transaction is open
	rcpts    int  // recipients accepted
	full     bool // as many as one mail may have
	chunking bool // the transaction has begun with BDAT
	tls      bool // TLS is active
	canTLS   bool // STARTTLS is offered
	ahead    bool // more has come than the line that is judged
	noData   bool // the command before was DATA, and it was refused
	lmtp     bool // the client speaks LMTP
	xclient  bool // XCLIENT is offered
	hostname string
	limit    int64 // octets of the largest mail
}

// ruling is what becomes of one command line: it is answered here, or handed
// on to go-smtp, perhaps rewritten.
type ruling struct {
	reply    *smtp.SMTPError // answer; nil hands pass on
	event    string          // that tells of the refusal; empty: EventCommand
	about    string          // the address or size that was refused
	pass     string          // line for go-smtp, without line end
	verb     string          // in capitals; empty when it is not known
	helo     string          // checked argument of HELO or EHLO
	chunk    int64           // octets of content that follow a BDAT
	last     bool            // it is the last one of its mail
	startTLS bool
	xclient  *xclient
	hostile  string // why the connection ends behind the reply
}

// judge looks at one command line before go-smtp does. go-smtp answers
// sequence errors with 502, counts hardly any error, takes any octets as an
// address or a name, and runs the content of a BDAT that it does not
// understand as commands; none of that may be reached.
func judge(line []byte, d dialogue) ruling {
	if !cleanLine(line) {
		r := ruling{reply: say(501, 5, 5, 2, "command holds octets that are not text")}
		if len(line) > 4 && bytes.EqualFold(line[:4], []byte("BDAT")) {
			r.verb, r.hostile = "BDAT", "malformed BDAT"
		}
		r.content(d)
		return r
	}
	text := strings.TrimRight(string(line), " ")
	verb, arg, _ := strings.Cut(text, " ")
	arg = strings.TrimLeft(arg, " ")
	r := ruling{verb: strings.ToUpper(verb), pass: text}
	switch r.verb {
	case "HELO", "EHLO", "LHLO":
		r.hello(arg, d)
	case "MAIL":
		r.mail(arg, d)
	case "RCPT":
		r.rcpt(arg, d)
	case "DATA":
		r.data(arg, d)
	case "BDAT":
		r.bdat(arg)
	case "STARTTLS":
		r.tls(arg, d)
	case "RSET", "NOOP", "VRFY", "QUIT":
	case "HELP": // RFC 5321 §4.1.1.8
		r.reply = say(214, 2, 0, 0, "this server takes mail for its own addresses; its language is that of RFC 5321")
	case "EXPN":
		r.reply = say(502, 5, 5, 1, "there are no lists to expand")
	case "XCLIENT":
		r.client(arg, d)
	case "AUTH":
		r.reply = say(502, 5, 5, 1, "there is nothing to log in to")
	default:
		r.verb = ""
		r.reply = say(500, 5, 5, 1, "command not known")
	}
	r.content(d)
	return r
}

// content ends a connection on which content was sent without waiting for leave,
// and leave was not given: its lines must not be run as commands. DATA ends a
// group of commands that are sent ahead (RFC 2920 §3.1), so what has come behind
// it is content, and so is what is no command at all.
func (r *ruling) content(d dialogue) {
	if r.verb == "DATA" && r.reply != nil && d.ahead || r.verb == "" && d.noData {
		r.hostile = "content without leave"
		r.reply = say(503, 5, 5, 1, "the content was not asked for, closing")
	}
}

// refuse answers with reply, and says which event tells of it and what it is about.
func (r *ruling) refuse(event, about string, reply *smtp.SMTPError) {
	r.event, r.about, r.reply = event, about, reply
}

// cleanLine reports whether a line is UTF-8 text without control characters.
func cleanLine(line []byte) bool {
	return utf8.Valid(line) && bytes.IndexFunc(line, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) < 0
}

// hello reads HELO, EHLO or, in LMTP and only there, LHLO (RFC 2033 §4.1).
func (r *ruling) hello(arg string, d dialogue) {
	switch lhlo := r.verb == "LHLO"; {
	case d.lmtp && !lhlo:
		r.reply = say(500, 5, 5, 1, "this is LMTP: say LHLO")
		return
	case !d.lmtp && lhlo:
		r.reply = say(500, 5, 5, 1, "this is no LMTP: say EHLO")
		return
	case lhlo:
		r.verb = "EHLO"
	}
	name, _, _ := strings.Cut(arg, " ")
	domain, err := address.ParseDomain(name)
	if err != nil {
		r.reply = say(501, 5, 5, 2, "say "+r.verb+" with your host name or address literal")
		return
	}
	r.helo, r.pass = string(domain), r.verb+" "+name
}

// client reads XCLIENT, from relays that it is offered to.
func (r *ruling) client(arg string, d dialogue) {
	x, ok := parseXClient(arg)
	switch {
	case !d.xclient:
		r.reply = say(550, 5, 7, 0, "XCLIENT is not offered to you")
	case d.mail:
		r.reply = say(503, 5, 5, 1, "a transaction is open")
	case !ok:
		r.reply = say(501, 5, 5, 4, "malformed XCLIENT")
	default:
		r.xclient = &x
	}
}

func (r *ruling) mail(arg string, d dialogue) {
	switch {
	case !d.greeted:
		r.reply = say(503, 5, 5, 1, "say EHLO first")
		return
	case d.mail:
		r.reply = say(503, 5, 5, 1, "a transaction is open already")
		return
	}
	p, err := parsePath(arg, "FROM:")
	if err != nil {
		r.reply = say(501, 5, 5, 2, "expected MAIL FROM:<address>")
		return
	}
	if p.mailbox != "" {
		if _, err := parseMailbox(p.mailbox); err != nil {
			r.refuse(EventSender, p.mailbox, say(553, 5, 1, 7, "the sender's address is malformed"))
			return
		}
	}
	size, refusal := mailParams(p.params)
	switch {
	case refusal != nil:
		r.reply = refusal
		return
	case size > uint64(d.limit):
		r.refuse(EventTooLarge, strconv.FormatUint(size, 10), tooLarge(d.limit))
		return
	}
	r.pass = "MAIL FROM:<" + p.mailbox + ">" + p.params
}

func (r *ruling) rcpt(arg string, d dialogue) {
	switch {
	case !d.mail:
		r.reply = say(503, 5, 5, 1, "say MAIL first")
		return
	case d.chunking:
		r.reply = say(503, 5, 5, 1, "the content has begun")
		return
	}
	p, err := parsePath(arg, "TO:")
	if err != nil || p.mailbox == "" {
		r.reply = say(501, 5, 5, 2, "expected RCPT TO:<address>")
		return
	}
	if strings.EqualFold(p.mailbox, "postmaster") { // RFC 5321 §4.5.1: without a domain
		p.mailbox += "@" + d.hostname
	}
	if _, err := parseMailbox(p.mailbox); err != nil {
		r.refuse(EventRecipient, p.mailbox, say(553, 5, 1, 3, "the recipient's address is malformed"))
		return
	}
	if r.reply = rcptParams(p.params); r.reply != nil {
		return
	}
	if d.full { // RFC 5321 §4.5.3.1.10
		r.refuse(EventFull, p.mailbox, say(452, 4, 5, 3, "one mail may have no more recipients, send it to the others in another"))
		return
	}
	r.pass = "RCPT TO:<" + p.mailbox + ">" + p.params
}

func (r *ruling) data(arg string, d dialogue) {
	switch {
	case arg != "":
		r.reply = say(501, 5, 5, 4, "DATA takes no argument")
	case !d.mail:
		r.reply = say(503, 5, 5, 1, "say MAIL first")
	case d.rcpts == 0:
		r.reply = say(503, 5, 5, 1, "no valid recipients")
	case d.chunking:
		r.reply = say(503, 5, 5, 1, "the content has begun with BDAT")
	}
}

// bdat reads the size of a chunk (RFC 3030 §2). Without it nobody knows where
// the next command begins, so the connection ends.
func (r *ruling) bdat(arg string) {
	size, last, _ := strings.Cut(arg, " ")
	n, err := strconv.ParseUint(size, 10, 32)
	if err != nil || last != "" && !strings.EqualFold(strings.TrimSpace(last), "LAST") {
		r.reply = say(501, 5, 5, 4, "expected BDAT size [LAST]")
		r.hostile = "malformed BDAT"
		return
	}
	r.chunk, r.last = int64(n), last != ""
}

func (r *ruling) tls(arg string, d dialogue) {
	switch {
	case arg != "":
		r.reply = say(501, 5, 5, 4, "STARTTLS takes no argument")
	case d.tls:
		r.reply = say(503, 5, 5, 1, "TLS is active already")
	case !d.canTLS:
		r.reply = say(502, 5, 5, 1, "TLS is not offered")
	case d.mail:
		r.reply = say(503, 5, 5, 1, "a transaction is open")
	default:
		r.startTLS = true
	}
}

// foreign names the protocol that a connection's first octets belong to when
// that is not SMTP, else it is empty. A web browser can be made to post SMTP
// commands, so a request is not read to its end.
func foreign(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if c := b[0]; c < ' ' && c != '\r' && c != '\n' || c >= 0x7f {
		if c == 0x16 {
			return "TLS"
		}
		return "binary"
	}
	for _, method := range []string{"GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "OPTIONS ", "CONNECT ", "PATCH ", "TRACE ", "PRI "} {
		if len(b) >= len(method) && strings.EqualFold(string(b[:len(method)]), method) {
			return "HTTP"
		}
	}
	if bytes.HasPrefix(b, []byte("SSH-")) {
		return "SSH"
	}
	return ""
}
