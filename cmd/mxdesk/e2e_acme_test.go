package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxdesk/internal/mailauth/dnstest"
)

// pebbleVersion is the ACME server of the tests: a small authority that checks
// what it gives certificates for, and refuses some requests at random.
const pebbleVersion = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1"

const acmeDesk = `hostname = "mx.desk.example"
[dns]
servers = []
[smtp]
listen = ["127.0.0.1:0"]
listen_tls = ["127.0.0.1:0"]
[tls]
acme = true
acme_directory = "https://%s/dir"
acme_email = "admin@desk.example"
acme_listen = %q
acme_ca_file = %q
[mailbox.support]
addresses = ["support@desk.example"]
`

// pebble is a local ACME authority, which may be started several times.
type pebble struct {
	t             *testing.T
	bin, dir, dns string
	addr, manage  string
	challenges    string // where it asks for the answers to its challenges
	certificate   string // of the authority's own server
	stop          func()
	trusted       *x509.CertPool // roots of all runs so far
}

// newPebble builds the authority and chooses its addresses.
func newPebble(t *testing.T) *pebble {
	t.Helper()
	p := &pebble{t: t, dir: t.TempDir(), stop: func() {}, trusted: x509.NewCertPool()}
	p.bin = filepath.Join(p.dir, "pebble")
	install := exec.Command("go", "install", pebbleVersion)
	install.Env = append(os.Environ(), "GOBIN="+p.dir)
	if out, err := install.CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("%s cannot be built: %v\n%s", pebbleVersion, err, out))
	}
	writeCertificate(t, p.dir, "localhost", net.IPv4(127, 0, 0, 1))
	p.certificate = filepath.Join(p.dir, "cert.pem")
	for _, addr := range []*string{&p.addr, &p.manage, &p.challenges} {
		*addr = freeAddr(t)
	}
	p.dns = dnstest.New(t, dnstest.Zone{"mx.desk.example": {A: []string{"127.0.0.1"}}}).Addr
	return p
}

// freeAddr is an address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs the authority until stop. Each run has a root of its own.
func (p *pebble) start() {
	p.t.Helper()
	_, port, err := net.SplitHostPort(p.challenges)
	if err != nil {
		p.t.Fatal(err)
	}
	conf := fmt.Sprintf(`{"pebble": {"listenAddress": %q, "managementListenAddress": %q, "certificate": %q, "privateKey": %q, "httpPort": %s, "tlsPort": 1, "keyAlgorithm": "ecdsa"}}`,
		p.addr, p.manage, p.certificate, filepath.Join(p.dir, "key.pem"), port)
	cmd := exec.Command(p.bin, "-config", write(p.t, filepath.Join(p.dir, "pebble.json"), conf), "-dnsserver", p.dns)
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.stop = func() {
		_ = cmd.Process.Kill() // it has ended already, at worst
		_ = cmd.Wait()
		p.stop = func() {}
	}
	p.t.Cleanup(func() { p.stop() })
	own := x509.NewCertPool()
	raw, err := os.ReadFile(p.certificate)
	if err != nil || !own.AppendCertsFromPEM(raw) {
		p.t.Fatalf("no certificate: %v", err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: own}, DisableKeepAlives: true}}
	eventually(p.t, "the authority shows its root", func() bool {
		answer, err := client.Get("https://" + p.manage + "/roots/0")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		raw, err := io.ReadAll(answer.Body)
		return err == nil && p.trusted.AppendCertsFromPEM(raw)
	})
}

// offered connects, and reports whether STARTTLS is offered; if so it does the
// handshake as a client that asks for a name, and trusts those roots alone; nil
// trusts everybody.
func offered(t *testing.T, addr, name string, roots *x509.CertPool) (*x509.Certificate, bool) {
	t.Helper()
	w, err := connect(addr, "")
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if got := w.say("EHLO client.example"); !strings.Contains(got.text, "STARTTLS") {
		w.want(t, 502, "STARTTLS")
		w.want(t, 221, "QUIT")
		return nil, false
	}
	w.want(t, 220, "STARTTLS")
	c := tls.Client(w.conn, &tls.Config{ServerName: name, RootCAs: roots, InsecureSkipVerify: roots == nil})
	if err := c.Handshake(); err != nil {
		t.Fatalf("handshake for %q: %v", name, err)
	}
	return c.ConnectionState().PeerCertificates[0], true
}

// TestACME: mail comes in without a certificate, TLS is offered once there is
// one, a restart keeps it, it is renewed when it is time, and an authority that
// is gone costs neither mail nor TLS.
func TestACME(t *testing.T) {
	p := newPebble(t)
	d := install(t, fmt.Sprintf(acmeDesk, p.addr, p.challenges, p.certificate))
	server := d.start() // the authority does not run yet
	plain, _, _ := strings.Cut(server.addr, ", ")
	if _, ok := offered(t, plain, "", nil); ok {
		t.Error("STARTTLS is offered without a certificate")
	}
	if got := deliver(plain, "", "ann@client.example", "support@desk.example", []byte("Subject: before\r\n\r\nx\r\n")); got.code != 250 {
		t.Errorf("mail without a certificate: %s", got)
	}
	eventually(t, "the missing authority is in the log", func() bool { return len(server.events(t, "app-certificate-broken")) > 0 })

	p.start()
	server.hangup(t) // try again now
	eventually(t, "STARTTLS is offered", func() bool { _, ok := offered(t, plain, "mx.desk.example", p.trusted); return ok })
	first, _ := offered(t, plain, "mx.desk.example", p.trusted)
	for _, name := range []string{"", "mail.other.example", "localhost"} {
		if got, _ := offered(t, plain, name, nil); !got.Equal(first) {
			t.Errorf("a client that asks for %q is shown another certificate", name)
		}
	}
	if conn, err := net.Dial("tcp", p.challenges); err == nil {
		conn.Close()
		t.Error("the listener for challenges is open behind the challenge")
	}
	server.stop(t)
	p.stop()

	server = d.start() // without the authority
	plain, implicit, _ := strings.Cut(strings.TrimSuffix(server.addr, " (TLS)"), ", ")
	if got, ok := offered(t, plain, "mx.desk.example", p.trusted); !ok || !got.Equal(first) {
		t.Error("a restart has lost the certificate")
	}
	c, err := tls.Dial("tcp", implicit, &tls.Config{ServerName: "mx.desk.example", RootCAs: p.trusted})
	if err != nil {
		t.Fatalf("implicit TLS: %v", err)
	}
	c.Close()
	server.stop(t)

	ends := d.ageCertificate(t)
	p.start()
	server = d.start()
	plain, _, _ = strings.Cut(server.addr, ", ")
	eventually(t, "the certificate is renewed", func() bool {
		got, ok := offered(t, plain, "mx.desk.example", nil)
		return ok && got.NotAfter.After(ends)
	})
	if got, _ := offered(t, plain, "mx.desk.example", p.trusted); got.Equal(first) {
		t.Error("the first certificate is shown again")
	}
	server.stop(t)
}

// ageCertificate puts a certificate that ends within the day in the place of
// the one that was kept, and wants the files to be for their owner alone.
func (d *installation) ageCertificate(t *testing.T) (ends time.Time) {
	t.Helper()
	kept, err := filepath.Glob(filepath.Join(d.data, "acme", "*", "*.pem"))
	if err != nil || len(kept) != 2 {
		t.Fatalf("files %q, %v", kept, err)
	}
	for _, path := range append(kept, filepath.Join(d.data, "acme"), filepath.Dir(kept[0])) {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	dir := t.TempDir()
	writeAged(t, dir, "mx.desk.example", net.IPv4(127, 0, 0, 1), 89*24*time.Hour)
	var both []byte
	for _, name := range []string{"key.pem", "cert.pem"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, raw...)
	}
	write(t, filepath.Join(filepath.Dir(kept[0]), "certificate.pem"), string(both))
	_, chain := pem.Decode(both)
	block, _ := pem.Decode(chain)
	old, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return old.NotAfter
}
