package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"strings"
	"testing"
	"time"
)

// wire is an SMTP client that does what it is told and adds nothing of its own,
// so that the octets the desk gets are the octets of the test.
type wire struct {
	conn net.Conn
	r    *textproto.Reader
}

func newWire(conn net.Conn) *wire {
	return &wire{conn: conn, r: textproto.NewReader(bufio.NewReader(conn))}
}

// reply is what a server answers. Code is 0 when the connection broke.
type reply struct {
	code int
	text string
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.code, r.text) }

// replyID is what a refusal ends with: the id under which the log has it.
var replyID = regexp.MustCompile(` \(m[0-9a-z]{12}\)$`)

// words is the reply without the id at its end.
func (r reply) words() string { return replyID.ReplaceAllString(r.String(), "") }

// connect opens a connection from a source address on loopback, "" for any, and
// reads the greeting.
func connect(addr, source string) (*wire, error) { return connectWith(addr, source, "") }

// connectWith is connect, with octets to send in front of everything else.
func connectWith(addr, source, before string) (*wire, error) {
	d := net.Dialer{Timeout: patience}
	if source != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(source)}
	}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, before); err != nil {
		conn.Close()
		return nil, err
	}
	w := newWire(conn)
	if got := w.answer(); got.code != 220 {
		conn.Close()
		return nil, fmt.Errorf("greeted with %s", got)
	}
	return w, nil
}

// mustConnect is connect, and EHLO.
func mustConnect(t *testing.T, addr, source string) *wire {
	t.Helper()
	w, err := connect(addr, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	w.want(t, 250, "EHLO client.example")
	return w
}

func (w *wire) close() { _ = w.conn.Close() }

// answer reads one reply.
func (w *wire) answer() reply {
	_ = w.conn.SetDeadline(time.Now().Add(patience))
	code, text, err := w.r.ReadResponse(0)
	if err != nil && code == 0 {
		return reply{0, err.Error()}
	}
	return reply{code, text}
}

// say sends one command and reads its reply.
func (w *wire) say(command string) reply {
	if _, err := io.WriteString(w.conn, command+"\r\n"); err != nil {
		return reply{0, err.Error()}
	}
	return w.answer()
}

// want is say, and fails on another code.
func (w *wire) want(t *testing.T, code int, command string) reply {
	t.Helper()
	got := w.say(command)
	if got.code != code {
		t.Fatalf("%s: %s, want %d", command, got, code)
	}
	return got
}

// send carries out one transaction in an open session. It gives the first
// reply that says no, or the one to the mail.
func (w *wire) send(from, to string, raw []byte) reply {
	for _, step := range []struct {
		command string
		code    int
	}{
		{"MAIL FROM:<" + from + "> BODY=8BITMIME", 250},
		{"RCPT TO:<" + to + ">", 250},
		{"DATA", 354},
	} {
		if got := w.say(step.command); got.code != step.code {
			return got
		}
	}
	if _, err := w.conn.Write(stuffed(raw)); err != nil {
		return reply{0, err.Error()}
	}
	return w.answer()
}

// stuffed makes content out of a mail whose lines end in CRLF, the last one
// excepted: dots doubled at the start of lines, the final dot at the end (RFC
// 5321 §4.5.2).
func stuffed(raw []byte) []byte {
	s := "\r\n" + string(raw)
	s = strings.ReplaceAll(s, "\r\n.", "\r\n..")[2:]
	if s != "" && !strings.HasSuffix(s, "\r\n") {
		s += "\r\n"
	}
	return []byte(s + ".\r\n")
}

// deliver sends one mail in a session of its own.
func deliver(addr, source, from, to string, raw []byte) reply {
	w, err := connect(addr, source)
	if err != nil {
		return reply{0, err.Error()}
	}
	defer w.close()
	if got := w.say("EHLO client.example"); got.code != 250 {
		return got
	}
	got := w.send(from, to, raw)
	if got.code != 0 {
		w.say("QUIT")
	}
	return got
}
