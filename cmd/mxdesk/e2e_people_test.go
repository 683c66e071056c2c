package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"mxdesk/internal/mailauth/dnstest"
)

// person writes to the desk, from a server of their own: an address on loopback
// by which SPF knows it.
type person struct {
	name, address string
	server        string             // where their mail comes from
	key           ed25519.PrivateKey // signs their mail, when there is one
}

func (p *person) String() string { return p.name + " <" + p.address + ">" }

func (p *person) domain() string { return p.address[strings.IndexByte(p.address, '@')+1:] }

// as is the same person's address written by a server that is not theirs.
func (p *person) as(server string) *person {
	return &person{name: p.name, address: p.address, server: server}
}

// zone is what DNS says about the domains of people. Those with a key are
// protected by DKIM and DMARC, those with a server by SPF and DMARC, others by
// nothing.
func zone(people ...*person) dnstest.Zone {
	z := dnstest.Zone{}
	for _, p := range people {
		records := []string{"unrelated"}
		switch {
		case p.key != nil:
			public := base64.StdEncoding.EncodeToString(p.key.Public().(ed25519.PublicKey))
			z["desk._domainkey."+p.domain()] = dnstest.Records{TXT: []string{"v=DKIM1; k=ed25519; p=" + public}}
			z["_dmarc."+p.domain()] = dnstest.Records{TXT: []string{"v=DMARC1; p=reject"}}
		case p.server != "":
			records = append(records, "v=spf1 ip4:"+p.server+" -all")
			z["_dmarc."+p.domain()] = dnstest.Records{TXT: []string{"v=DMARC1; p=none"}}
		}
		z[p.domain()] = dnstest.Records{TXT: records}
	}
	return z
}

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// letter is a mail that a person writes.
type letter struct {
	from    *person
	to      string
	subject string
	text    string
	fields  []string // further header fields, "Name: value"
	null    bool     // null return path, as machines have
}

func (l *letter) envelopeFrom() string {
	if l.null {
		return ""
	}
	return l.from.address
}

// raw is the letter with CRLF line ends, a Message-ID of its own, and a
// signature when its writer has a key.
func (l *letter) raw(t *testing.T) []byte {
	t.Helper()
	var b strings.Builder
	for _, f := range append([]string{
		"From: " + l.from.String(), "To: " + l.to, "Subject: " + l.subject,
		"Date: " + time.Now().Format(time.RFC1123Z), fmt.Sprintf("Message-ID: <%s@%s>", rand.Text(), l.from.domain()),
		"MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit",
	}, l.fields...) {
		b.WriteString(f + "\r\n")
	}
	b.WriteString("\r\n" + strings.ReplaceAll(l.text, "\n", "\r\n") + "\r\n")
	if l.from.key == nil {
		return []byte(b.String())
	}
	var signed bytes.Buffer
	err := dkim.Sign(&signed, strings.NewReader(b.String()), &dkim.SignOptions{
		Domain: l.from.domain(), Selector: "desk", Signer: l.from.key,
	})
	if err != nil {
		t.Fatal(err)
	}
	return signed.Bytes()
}

// client hands a letter to the desk at addr and returns the reply to it.
type client func(t *testing.T, addr string, l letter) reply

// byWire is the test's own client.
func byWire(t *testing.T, addr string, l letter) reply {
	t.Helper()
	return deliver(addr, l.from.server, l.envelopeFrom(), l.to, l.raw(t))
}

var pythonSays = regexp.MustCompile(`^(\d{3}) (.*)`)

// byPython is Python's smtplib.
func byPython(t *testing.T, addr string, l letter) reply {
	t.Helper()
	host, port, _ := strings.Cut(addr, ":")
	cmd := exec.Command("python3", "testdata/e2e/send.py", host, port, l.from.server, l.envelopeFrom(), l.to)
	cmd.Stdin = bytes.NewReader(l.raw(t))
	out, err := cmd.CombinedOutput()
	return heard(t, "python3", pythonSays, out, err)
}

var swaksSays = regexp.MustCompile(`(?m)^ -> \.\n<[-*~]. +(\d{3}) (.*)`)

// bySwaks is swaks, which writes the mail itself.
func bySwaks(t *testing.T, addr string, l letter) reply {
	t.Helper()
	args := []string{
		"--server", addr, "--local-interface", l.from.server, "--helo", "client.example",
		"--from", l.envelopeFrom(), "--to", l.to, "--body", l.text, "--h-From", l.from.String(), "--h-Subject", l.subject,
	}
	for _, f := range l.fields {
		args = append(args, "--add-header", f)
	}
	out, err := exec.Command("swaks", args...).CombinedOutput()
	return heard(t, "swaks", swaksSays, out, err)
}

// heard finds the reply to a mail in what a client printed.
func heard(t *testing.T, who string, says *regexp.Regexp, out []byte, err error) reply {
	t.Helper()
	m := says.FindSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("%s: %v\n%s", who, err, out)
	}
	var r reply
	fmt.Sscan(string(m[1]), &r.code)
	r.text = strings.TrimSpace(string(m[2]))
	return r
}
