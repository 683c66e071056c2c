package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tlsDesk is a desk with a certificate. The verbs are its files.
const tlsDesk = `hostname = "mx.desk.example"

[dns]
servers = []

[smtp]
listen = ["127.0.0.1:0"]
listen_tls = ["127.0.0.1:0"]

[tls]
cert_file = %q
key_file = %q

[mailbox.support]
addresses = ["support@desk.example"]
`

// secured is a running desk with a certificate.
type secured struct {
	*installation
	*process
	plain, implicit string // its addresses
	dir             string // of cert.pem and key.pem
}

func startSecured(t *testing.T) *secured {
	t.Helper()
	dir := t.TempDir()
	writeCertificate(t, dir, "mx.desk.example", net.IPv4(127, 0, 0, 1))
	d := install(t, fmt.Sprintf(tlsDesk, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")))
	p := d.start()
	plain, implicit, ok := strings.Cut(strings.TrimSuffix(p.addr, " (TLS)"), ", ")
	if !ok {
		t.Fatalf("mxdesk serve listens on %s only", p.addr)
	}
	return &secured{d, p, plain, implicit, dir}
}

// ways are how a client comes to TLS.
func (s *secured) ways() map[string]struct {
	addr           string
	swaks, openssl []string
} {
	return map[string]struct {
		addr           string
		swaks, openssl []string
	}{
		"STARTTLS": {s.plain, []string{"--tls"}, []string{"-starttls", "smtp", "-name", "client.example"}},
		"implicit": {s.implicit, []string{"--tls-on-connect"}, nil},
	}
}

// TestSwaksOverTLS: what comes in over TLS says so in the Received field of the
// raw mail.
func TestSwaksOverTLS(t *testing.T) {
	need(t, "swaks")
	if err := exec.Command("perl", "-MNet::SSLeay", "-e", "1").Run(); err != nil {
		missing(t, "swaks has no TLS: Perl has no Net::SSLeay")
	}
	desk := startSecured(t)
	received := regexp.MustCompile(`(?m)^Received: from client\.example \S+\s+by mx\.desk\.example with ESMTPS \(TLS 1\.[23] \w+\)\s`)
	for name, way := range desk.ways() {
		t.Run(name, func(t *testing.T) {
			args := append([]string{
				"--server", way.addr, "--helo", "client.example", "--from", "ann@client.example",
				"--to", "support@desk.example", "--h-Subject", "By " + name, "--body", "x",
			}, way.swaks...)
			out, err := exec.Command("swaks", args...).CombinedOutput()
			m := regexp.MustCompile(`250 .*accepted as \[ID:0*(\d+)\]`).FindSubmatch(out)
			if err != nil || m == nil {
				t.Fatalf("swaks: %v\n%s", err, out)
			}
			if raw := desk.must("ticket", "raw", "--trace", string(m[1])); !received.Match(raw) {
				t.Errorf("the mail begins with\n%.300s", raw)
			}
		})
	}
	desk.process.stop(t)
}

// handshake has openssl connect and leave, and returns what it saw.
func handshake(t *testing.T, addr string, options ...string) (seen string, ok bool) {
	t.Helper()
	cmd := exec.Command("openssl", append([]string{"s_client", "-connect", addr, "-servername", "mx.desk.example", "-crlf", "-ign_eof"}, options...)...)
	cmd.Stdin = strings.NewReader("QUIT\n")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err == nil
}

// TestOpensslOverTLS: a client that insists on a good certificate gets one, and
// the new one after a renewal, without a restart. A renewal that went wrong
// changes nothing.
func TestOpensslOverTLS(t *testing.T) {
	need(t, "openssl")
	desk := startSecured(t)
	authority := filepath.Join(desk.dir, "cert.pem")
	strict := func(more ...string) []string {
		return append([]string{"-CAfile", authority, "-verify_return_error", "-verify_hostname", "mx.desk.example"}, more...)
	}
	for name, way := range desk.ways() {
		t.Run(name, func(t *testing.T) {
			seen, ok := handshake(t, way.addr, strict(way.openssl...)...)
			if !ok || !strings.Contains(seen, "Verify return code: 0 (ok)") || !strings.Contains(seen, "221 2.0.0") {
				t.Errorf("no dialogue under TLS:\n%s", seen)
			}
			if seen, ok := handshake(t, way.addr, append(way.openssl, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")...); ok {
				t.Errorf("TLS 1.1 is spoken:\n%s", seen)
			}
		})
	}
	writeCertificate(t, desk.dir, "mx.desk.example", net.IPv4(127, 0, 0, 1))
	for name, way := range desk.ways() {
		eventually(t, "the new certificate is shown by "+name, func() bool {
			seen, ok := handshake(t, way.addr, strict(way.openssl...)...)
			return ok && strings.Contains(seen, "Verify return code: 0 (ok)")
		})
	}
	good, err := os.ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	write(t, authority, "no certificate")
	authority = write(t, filepath.Join(t.TempDir(), "good.pem"), string(good))
	way := desk.ways()["implicit"]
	eventually(t, "the broken certificate is noticed", func() bool {
		if seen, ok := handshake(t, way.addr, strict()...); !ok {
			t.Fatalf("a broken file cost a handshake:\n%s", seen)
		}
		return len(desk.events(t, "app-certificate-broken")) > 0
	})
	if seen, ok := handshake(t, way.addr, strict()...); !ok {
		t.Errorf("the old certificate did not stay:\n%s", seen)
	}
	desk.process.stop(t)
	if n := len(desk.events(t, "app-certificate-broken")); n != 1 {
		t.Errorf("the broken certificate was logged %d times", n)
	}
}
