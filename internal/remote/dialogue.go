package remote

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dialogue is a connection to a smarthost and what is said over it: an opening,
// then one mail after the other.
type dialogue struct {
	*Smarthost
	ctx        context.Context // of the mail under way
	detach     func() bool     // takes ctx off conn; false: conn is being closed
	timeouts   Timeouts
	raw        net.Conn // what conn is without TLS
	conn       net.Conn
	in         *bufio.Reader
	out        *bufio.Writer // for content; nil before the first
	line       []byte        // for commands
	block      []byte        // for content
	phase      Phase
	secure     bool              // conn is TLS
	owed       int               // replies that the server has yet to give
	over       bool              // nothing more can be said
	gone       bool              // it was the server that ended it
	begun      bool              // a mail that has no final reply
	spent      bool              // no other mail is to go over it
	extensions map[string]string // keyword in upper case -> parameters
	secrets    []string          // never to be shown
	mails      int               // that were offered
	idleSince  time.Time
}

// orderly reports whether the server waits for the next command.
func (d *dialogue) orderly() bool { return !d.over && d.owed == 0 }

// open connects, greets, and does what the configuration asks for: TLS and AUTH
// hold for all mails of the connection.
func (d *dialogue) open() error {
	steps := []func() error{d.connect, d.greeting, d.hello}
	if d.TLS == StartTLS || d.TLS == "" {
		steps = append(steps, d.starttls)
	}
	if d.Username != "" {
		steps = append(steps, d.auth)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (d *dialogue) greeting() error {
	d.phase, d.owed = PhaseGreeting, 1
	d.deadline(d.timeouts.Command)
	_, err := d.expect(completed)
	return err
}

// hello greets with EHLO and notes what the server offers. A server that does
// not know EHLO offers nothing (RFC 5321 §3.2).
func (d *dialogue) hello() error {
	d.phase = PhaseHello
	d.extensions = map[string]string{}
	name := d.Hello
	if name == "" {
		name = "localhost"
	}
	r, err := d.command("EHLO "+name, completed)
	if r.code == 500 || r.code == 502 {
		_, err = d.command("HELO "+name, completed)
		return err
	}
	if err != nil {
		return err
	}
	for _, line := range r.lines[1:] {
		keyword, parameters, _ := strings.Cut(line, " ")
		d.extensions[strings.ToUpper(keyword)] = parameters
	}
	return nil
}

// auth proves who we are, by PLAIN (RFC 4616) or else LOGIN.
func (d *dialogue) auth() error {
	d.phase = PhaseAuth
	if !d.secure && !d.loopback() {
		return d.broken(ErrAuthInClear)
	}
	password := ""
	if d.Password != nil {
		var err error
		if password, err = d.Password(); err != nil {
			return d.broken(fmt.Errorf("password: %w", err))
		}
	}
	if strings.ContainsRune(d.Username+password, 0) {
		return d.broken(errors.New("user name or password holds a NUL"))
	}
	b64 := base64.StdEncoding.EncodeToString
	plain := b64([]byte("\x00" + d.Username + "\x00" + password))
	d.secrets = []string{plain, b64([]byte(password)), password}
	offered := strings.Fields(strings.ToUpper(d.extensions["AUTH"]))
	switch {
	case slices.Contains(offered, "PLAIN"):
		_, err := d.command("AUTH PLAIN "+plain, completed)
		return err
	case slices.Contains(offered, "LOGIN"):
		return d.login(b64([]byte(d.Username)), b64([]byte(password)))
	}
	return d.broken(ErrNoAuth)
}

func (d *dialogue) login(username, password string) error {
	if _, err := d.command("AUTH LOGIN", intermediate); err != nil {
		return err
	}
	if _, err := d.command(username, intermediate); err != nil {
		return err
	}
	_, err := d.command(password, completed)
	return err
}

// loopback reports whether the other end is this machine.
func (d *dialogue) loopback() bool {
	a, ok := d.conn.RemoteAddr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// step is a command and the class of the reply that lets the dialogue go on.
type step struct {
	phase Phase
	line  string
	class int
}

const reset = "RSET"

// envelope says MAIL, RCPT and DATA. When it returns nil, the server waits for
// the content. A server that knows PIPELINING (RFC 2920) gets them at once.
func (d *dialogue) envelope(m Mail) error {
	d.mails++
	d.phase = PhaseMail
	mail, err := d.mailCommand(m)
	if err != nil {
		return err
	}
	steps := make([]step, 0, 4)
	if d.begun { // the last mail was refused halfway (RFC 5321 §4.1.4)
		steps = append(steps, step{PhaseMail, reset, completed})
	}
	steps = append(steps,
		step{PhaseMail, mail, completed},
		step{PhaseRcpt, "RCPT TO:<" + m.To.String() + ">", completed},
		step{PhaseData, "DATA", intermediate})
	d.begun = true
	together := 1
	if _, ok := d.extensions["PIPELINING"]; ok {
		together = len(steps)
	}
	for group := range slices.Chunk(steps, together) {
		if err := d.exchange(group); err != nil {
			return err
		}
	}
	return nil
}

// exchange sends commands in one go and reads their replies, up to the first
// that is not as wanted.
func (d *dialogue) exchange(group []step) error {
	d.phase = group[0].phase
	if err := d.send(group...); err != nil {
		return err
	}
	for i, s := range group {
		d.phase = s.phase
		if i > 0 && d.in.Buffered() == 0 {
			d.deadline(d.timeouts.Command)
		}
		if r, err := d.expect(s.class); err != nil {
			// It may be this connection that has had enough mails.
			d.spent = s.phase == PhaseMail && r.code/100 == 4
			if s.line == reset { // it cannot be refused; another connection will do
				d.over, d.gone = true, true
			}
			gone := d.gone
			d.skip(group[i+1:])
			d.gone = gone // of this refusal, not of what came behind it
			return err
		}
	}
	return nil
}

// skip reads the replies to commands that are out behind one that was refused. A
// server that waits for content nevertheless gets none (RFC 2920 §3.1), unless
// it took the recipient: then an empty mail could arrive.
func (d *dialogue) skip(steps []step) {
	taken := false
	for _, s := range steps {
		if d.over {
			return
		}
		d.deadline(min(quitTimeout, d.timeouts.Command))
		r, err := d.expect(s.class)
		switch {
		case err != nil && r.code < 400:
			d.over = true
		case err == nil && s.phase == PhaseRcpt:
			taken = true
		case err == nil && s.phase == PhaseData:
			d.over = taken || !d.nothing()
		}
	}
}

// nothing ends the data of a mail without recipients before it has begun. It
// reports whether the server refused that, as it must.
func (d *dialogue) nothing() bool {
	if _, err := d.command(".", completed); err == nil || d.over {
		return false
	}
	d.begun = false
	return true
}

// mailCommand is MAIL with the parameters that the server understands.
func (d *dialogue) mailCommand(m Mail) (string, error) {
	var b strings.Builder
	b.WriteString("MAIL FROM:<" + m.From.String() + ">")
	if limit, ok := d.extensions["SIZE"]; ok {
		// No number, or 0, means no fixed limit (RFC 1870 §3).
		if n, err := strconv.ParseInt(limit, 10, 64); err == nil && n > 0 && m.Size > n {
			return "", d.refused(fmt.Errorf("%w: %d octets, allowed are %d", ErrTooLarge, m.Size, n))
		}
		b.WriteString(" SIZE=" + strconv.FormatInt(m.Size, 10))
	}
	if _, ok := d.extensions["8BITMIME"]; ok {
		b.WriteString(" BODY=8BITMIME")
	}
	if m.UTF8 || !m.From.IsASCII() || !m.To.IsASCII() {
		if _, ok := d.extensions["SMTPUTF8"]; !ok {
			return "", d.refused(ErrNoUTF8)
		}
		b.WriteString(" SMTPUTF8")
	}
	return b.String(), nil
}

// data sends the content of a mail and returns the final reply.
func (d *dialogue) data(m Mail) (string, error) {
	d.owed = 1 // from here on a QUIT would be part of the mail
	if err := d.content(m); err != nil {
		return "", err
	}
	d.phase = PhaseEnd
	d.deadline(d.timeouts.End)
	r, err := d.expect(completed)
	d.begun = false
	if err != nil {
		return "", err
	}
	return d.words(r), nil
}

// The first digits of replies that let a dialogue go on (RFC 5321 §4.2.1).
const (
	completed    = 2
	intermediate = 3
)

// command sends one command of the current phase and reads its reply.
func (d *dialogue) command(line string, class int) (reply, error) {
	if err := d.send(step{line: line}); err != nil {
		return reply{}, err
	}
	return d.expect(class)
}

// send writes commands in one go and sets the time for the first reply.
func (d *dialogue) send(steps ...step) error {
	d.line = d.line[:0]
	for _, s := range steps {
		if strings.ContainsAny(s.line, "\r\n\x00") {
			return d.broken(errors.New("a command may not hold a line break"))
		}
		d.line = append(append(d.line, s.line...), "\r\n"...)
	}
	d.owed += len(steps)
	d.deadline(d.timeouts.Command)
	if _, err := d.conn.Write(d.line); err != nil {
		return d.lost(err)
	}
	return nil
}

// expect reads a reply and turns any but one of the class into an error.
func (d *dialogue) expect(class int) (reply, error) {
	r, err := readReply(d.in)
	if err != nil {
		return reply{}, d.broken(err)
	}
	d.owed--
	if r.code/100 == class {
		return r, nil
	}
	if r.code < 400 {
		return reply{}, d.broken(fmt.Errorf("%w: code %d to %s", ErrReply, r.code, d.phase))
	}
	if r.code == 421 { // after which the server closes (RFC 5321 §3.8)
		d.over, d.gone = true, true
	}
	return r, &Error{Temporary: d.passing(r.code), Host: d.Addr, Phase: d.phase, Reply: d.words(r)}
}

// passing tells whether a refusal may not hold for the same mail later. Until
// the envelope it is about us or the server, and so is every demand for
// authentication or TLS (RFC 4954 §6), whenever it comes.
func (d *dialogue) passing(code int) bool {
	switch {
	case code < 500:
		return true
	case code == 530, code == 534, code == 535, code == 538:
		return true
	}
	switch d.phase {
	case PhaseMail, PhaseRcpt, PhaseData, PhaseEnd:
		return false
	}
	return true
}

// deadline gives everything up to the next call this much time.
func (d *dialogue) deadline(timeout time.Duration) {
	// An error means that the connection is closed, which the next use tells.
	_ = d.conn.SetDeadline(time.Now().Add(timeout))
}

// broken is an error of the connection or the configuration. When the context
// ended, that is the cause and not what became of the connection then.
func (d *dialogue) broken(err error) error {
	d.over = true
	d.gone = d.gone || ended(err)
	if d.ctx.Err() != nil {
		err = context.Cause(d.ctx)
	}
	return &Error{Temporary: true, Host: d.Addr, Phase: d.phase, Err: err}
}

// ended reports whether an error says that the other side has closed.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// lost is broken for a failed write. A server that closes often says why first.
func (d *dialogue) lost(err error) error {
	failed := d.broken(err)
	if d.ctx.Err() == nil {
		d.deadline(min(quitTimeout, d.timeouts.Command))
		if r, said := d.expect(completed); r.code >= 400 {
			return said
		}
	}
	return failed
}

// refused is an error that will be the same next time.
func (d *dialogue) refused(err error) error {
	return &Error{Host: d.Addr, Phase: d.phase, Err: err}
}

// words is a reply as people see it, without our password should the server
// repeat it.
func (d *dialogue) words(r reply) string {
	s := r.text()
	for _, secret := range d.secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[hidden]")
		}
	}
	return printable(s)
}
