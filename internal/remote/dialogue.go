package remote

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dialogue is one delivery to a smarthost.
type dialogue struct {
	*Smarthost
	ctx        context.Context
	timeouts   Timeouts
	conn       net.Conn
	in         *bufio.Reader
	phase      Phase
	secure     bool              // conn is TLS
	orderly    bool              // the server waits for the next command
	extensions map[string]string // keyword in upper case -> parameters
	secrets    []string          // never to be shown
}

// run is the whole dialogue; it returns the final reply.
func (d *dialogue) run(m Mail) (string, error) {
	steps := []func() error{d.connect, d.greeting, d.hello}
	if d.TLS == StartTLS || d.TLS == "" {
		steps = append(steps, d.starttls)
	}
	if d.Username != "" {
		steps = append(steps, d.auth)
	}
	steps = append(steps, func() error { return d.envelope(m) })
	for _, step := range steps {
		if err := step(); err != nil {
			return "", err
		}
	}
	return d.data(m)
}

func (d *dialogue) greeting() error {
	d.phase = PhaseGreeting
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

// envelope sends MAIL and RCPT, together when the server allows it (RFC 2920).
func (d *dialogue) envelope(m Mail) error {
	d.phase = PhaseMail
	mail, err := d.mailCommand(m)
	if err != nil {
		return err
	}
	rcpt := "RCPT TO:<" + m.To.String() + ">"
	if _, ok := d.extensions["PIPELINING"]; ok {
		if err := d.send(mail, rcpt); err != nil {
			return err
		}
		_, err := d.expect(completed)
		d.deadline(d.timeouts.Command)
		if err != nil {
			if d.orderly { // take the answer to RCPT out of QUIT's way
				_, rcptErr := readReply(d.in)
				d.orderly = rcptErr == nil
			}
			return err
		}
		d.phase = PhaseRcpt
		_, err = d.expect(completed)
		return err
	}
	if _, err := d.command(mail, completed); err != nil {
		return err
	}
	d.phase = PhaseRcpt
	_, err = d.command(rcpt, completed)
	return err
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
		fmt.Fprintf(&b, " SIZE=%d", m.Size)
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

// data sends the mail and returns the final reply.
func (d *dialogue) data(m Mail) (string, error) {
	d.phase = PhaseData
	if _, err := d.command("DATA", intermediate); err != nil {
		return "", err
	}
	d.orderly = false // from here on a QUIT would be part of the mail
	if err := d.content(m); err != nil {
		return "", err
	}
	d.phase = PhaseEnd
	d.deadline(d.timeouts.End)
	r, err := d.expect(completed)
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

// command sends one command and reads its reply.
func (d *dialogue) command(line string, class int) (reply, error) {
	if err := d.send(line); err != nil {
		return reply{}, err
	}
	return d.expect(class)
}

// send writes commands in one go and sets the time for the first reply.
func (d *dialogue) send(lines ...string) error {
	d.orderly = false
	for _, line := range lines {
		if strings.ContainsAny(line, "\r\n\x00") {
			return d.broken(errors.New("a command may not hold a line break"))
		}
	}
	d.deadline(d.timeouts.Command)
	if _, err := d.conn.Write([]byte(strings.Join(lines, "\r\n") + "\r\n")); err != nil {
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
	if r.code/100 == class {
		d.orderly = true
		return r, nil
	}
	if r.code < 400 {
		return reply{}, d.broken(fmt.Errorf("%w: code %d to %s", ErrReply, r.code, d.phase))
	}
	d.orderly = r.code != 421 // after which the server closes (RFC 5321 §3.8)
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
	d.orderly = false
	if d.ctx.Err() != nil {
		err = context.Cause(d.ctx)
	}
	return &Error{Temporary: true, Host: d.Addr, Phase: d.phase, Err: err}
}

// lost is broken for a failed write. A server that closes often says why first.
func (d *dialogue) lost(err error) error {
	if d.ctx.Err() == nil {
		d.deadline(min(quitTimeout, d.timeouts.Command))
		if r, said := d.expect(completed); r.code >= 400 {
			d.orderly = false
			return said
		}
	}
	return d.broken(err)
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
