package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"mxdesk/internal/config"
)

// pair is a certificate and its key, as files have them.
type pair struct{ cert, key []byte }

func newPair(t *testing.T, host string) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

// renewal is a certificate in files, with a clock and a log of the test's own.
type renewal struct {
	t     *testing.T
	files config.TLS
	now   time.Time
	log   bytes.Buffer
	*certificate
}

func newRenewal(t *testing.T, first pair) *renewal {
	dir := t.TempDir()
	r := &renewal{t: t, now: time.Now(), files: config.TLS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}}
	r.write(r.files.CertFile, first.cert)
	r.write(r.files.KeyFile, first.key)
	var err error
	if r.certificate, err = loadCertificate(r.files, zerolog.New(&r.log)); err != nil {
		t.Fatal(err)
	}
	r.certificate.now, r.looked = func() time.Time { return r.now }, r.now
	return r
}

// write puts a new file in the place of a file, as renewing programs do.
func (r *renewal) write(name string, content []byte) {
	r.t.Helper()
	if err := os.WriteFile(name+".new", content, 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		r.t.Fatal(err)
	}
}

// shown does a handshake and says for which host the certificate is.
func (r *renewal) shown() string {
	r.t.Helper()
	near, far := net.Pipe()
	done := make(chan error, 1)
	go func() {
		defer far.Close()
		done <- tls.Server(far, tlsConfig(r.certificate)).Handshake()
	}()
	c := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
	err := c.Handshake()
	near.Close()
	if serverErr := <-done; err != nil || serverErr != nil {
		r.t.Fatalf("client: %v, server: %v", err, serverErr)
	}
	return c.ConnectionState().PeerCertificates[0].DNSNames[0]
}

// events lists the events logged since the last call.
func (r *renewal) events() (list []string) {
	r.t.Helper()
	for line := range strings.Lines(r.log.String()) {
		var e struct{ Event, Message string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			r.t.Fatal(err)
		}
		list = append(list, e.Event)
	}
	r.log.Reset()
	return list
}

func TestCertificateIsRenewed(t *testing.T) {
	one, two := newPair(t, "one.example"), newPair(t, "two.example")
	type step struct {
		name      string
		cert, key []byte // nil stays as it is
		mode      os.FileMode
		remove    bool // the certificate
		wait      time.Duration
		want      string
		events    []string
	}
	used, broken := []string{EventCertificate}, []string{EventCertificateBroken}
	for name, steps := range map[string][]step{
		"new pair": {
			{name: "not looked at yet", cert: two.cert, key: two.key, wait: certificateAge - 1, want: "one.example"},
			{name: "looked at", wait: 1, want: "two.example", events: used},
			{name: "nothing new", wait: time.Hour, want: "two.example"},
		},
		"one file after the other": {
			{name: "certificate only", cert: two.cert, wait: certificateAge, want: "one.example", events: broken},
			{name: "both", key: two.key, wait: certificateAge, want: "two.example", events: used},
		},
		"broken, said once, mended": {
			{name: "broken", cert: []byte("no certificate"), wait: certificateAge, want: "one.example", events: broken},
			{name: "still broken", wait: certificateAge, want: "one.example"},
			{name: "written again as broken", cert: []byte("no certificate"), wait: certificateAge, want: "one.example"},
			{name: "mended", cert: one.cert, wait: certificateAge, want: "one.example", events: used},
			{name: "broken again", cert: []byte("no certificate"), wait: certificateAge, want: "one.example", events: broken},
		},
		"removed": {
			{name: "gone", remove: true, wait: certificateAge, want: "one.example", events: broken},
			{name: "back", cert: two.cert, key: two.key, wait: certificateAge, want: "two.example", events: used},
		},
		"key that everybody can read": {
			{name: "open", cert: two.cert, key: two.key, mode: 0o644, wait: certificateAge, want: "one.example", events: broken},
			{name: "closed", mode: 0o600, wait: certificateAge, want: "two.example", events: used},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRenewal(t, one)
			for _, s := range steps {
				if s.cert != nil {
					r.write(r.files.CertFile, s.cert)
				}
				if s.key != nil {
					r.write(r.files.KeyFile, s.key)
				}
				if s.mode != 0 {
					if err := os.Chmod(r.files.KeyFile, s.mode); err != nil {
						t.Fatal(err)
					}
				}
				if s.remove {
					if err := os.Remove(r.files.CertFile); err != nil {
						t.Fatal(err)
					}
				}
				r.now = r.now.Add(s.wait)
				if got := r.shown(); got != s.want {
					t.Errorf("%s: shown is %s, want %s", s.name, got, s.want)
				}
				if diff := cmp.Diff(s.events, r.events()); diff != "" {
					t.Errorf("%s: events (-want +got):\n%s", s.name, diff)
				}
			}
		})
	}
}

func TestEventsAreListedInTheDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for line := range strings.Lines(string(b)) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "`"); ok && strings.HasPrefix(line, "| `app-") {
			documented = append(documented, name)
		}
	}
	if diff := cmp.Diff(Events(), documented); diff != "" {
		t.Errorf("app.Events and docs/events.md differ (-code +docs):\n%s", diff)
	}
}
