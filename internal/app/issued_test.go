package app

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"mxdesk/internal/config"
	"mxdesk/internal/issuer"
)

// authority is an ACME authority without a network. It gives certificates of
// one length, or none.
type authority struct {
	t      *testing.T
	host   string
	life   time.Duration
	down   error
	asked  []time.Duration // since the start
	start  time.Time
	serial int64
}

func (a *authority) issue(context.Context) ([]byte, error) {
	a.asked = append(a.asked, time.Since(a.start))
	if a.down != nil {
		return nil, a.down
	}
	a.serial++
	return a.certificate(), nil
}

// certificate is key and chain as PEM.
func (a *authority) certificate() []byte {
	key, err := issuer.NewKey()
	if err != nil {
		a.t.Fatal(err)
	}
	return bytes.Join([][]byte{privatePEM(a.t, key), a.sign(key)}, nil)
}

func (a *authority) sign(key *ecdsa.PrivateKey) []byte {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), DNSNames: []string{a.host},
		NotBefore: time.Now(), NotAfter: time.Now().Add(a.life),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func privatePEM(t *testing.T, key *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// newTestIssued is a certificate that comes from an authority of the test's own.
func newTestIssued(t *testing.T, data string, a *authority, log *bytes.Buffer) *issued {
	t.Helper()
	cfg := config.Default()
	cfg.Hostname = "mx.desk.test"
	cfg.Move(data)
	c := newIssued(cfg, zerolog.New(log))
	a.t, a.start = t, time.Now()
	if a.host == "" {
		a.host = cfg.Hostname
	}
	c.issue = a.issue
	return c
}

// during runs the certificate for a time.
func during(t *testing.T, c *issued, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := c.run(ctx); err != nil {
		t.Error(err)
	}
}

// serial is that of the certificate shown, 0 for none.
func serial(t *testing.T, c *issued) int64 {
	t.Helper()
	pair, err := c.get(&tls.ClientHelloInfo{ServerName: "another.name"})
	if c.there() != (err == nil) {
		t.Errorf("there is %v, get says %v", c.there(), err)
	}
	if err != nil {
		return 0
	}
	return pair.Leaf.SerialNumber.Int64()
}

func eventsIn(t *testing.T, log *bytes.Buffer) (list []string) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var e struct{ Event string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		list = append(list, e.Event)
	}
	log.Reset()
	return list
}

const day = 24 * time.Hour

// TestIssuedIsRenewed: in time, kept over a restart, and a restart asks nobody.
func TestIssuedIsRenewed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		a := &authority{life: 90 * day}
		c := newTestIssued(t, dir, a, &log)
		if serial(t, c) != 0 {
			t.Error("there is a certificate before any was asked for")
		}
		during(t, c, 130*day)
		if diff := cmp.Diff([]time.Duration{0, 60 * day, 120 * day}, a.asked); diff != "" {
			t.Errorf("asked at (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{EventCertificate, EventCertificate, EventCertificate}, eventsIn(t, &log)); diff != "" {
			t.Error(diff)
		}
		again := newTestIssued(t, dir, &authority{life: 6 * day, serial: 10}, &log)
		if got := serial(t, again); got != 3 {
			t.Errorf("after a restart number %d is shown, want 3", got)
		}
		during(t, again, 51*day)
		if got := serial(t, again); got != 11 {
			t.Errorf("number %d is shown, want the first after the restart", got)
		}
		for name, mode := range map[string]os.FileMode{"": 0o700, "certificate.pem": 0o600} {
			if info, err := os.Stat(c.file(name)); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v, %v, want mode %v", c.file(name), info.Mode(), err, mode)
			}
		}
	})
}

// TestIssuedInTrouble: an authority that fails is asked ever more seldom, and
// what there is stays.
func TestIssuedInTrouble(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		a := &authority{life: 90 * day}
		c := newTestIssued(t, dir, a, &log)
		during(t, c, day)
		eventsIn(t, &log)
		a.start, a.asked, a.down = time.Now(), nil, errors.New("no "+strings.Repeat("x", 1<<20))
		during(t, c, 59*day+3*time.Hour)
		m := time.Minute
		want := []time.Duration{0, 2 * m, 6 * m, 14 * m, 30 * m, 62 * m, 122 * m}
		for i := range want {
			want[i] += 59 * day
		}
		if diff := cmp.Diff(want, a.asked); diff != "" {
			t.Errorf("asked at (-want +got):\n%s", diff)
		}
		if log.Len() > len(want)*2000 {
			t.Errorf("an authority's words fill the log: %d octets", log.Len())
		}
		if got := eventsIn(t, &log); len(got) != len(want) || got[0] != EventCertificateBroken {
			t.Errorf("logged: %q", got)
		}
		if got := serial(t, c); got != 1 {
			t.Errorf("number %d is shown, want the old one", got)
		}
		a.down = nil
		c.lookNow() // as SIGHUP does
		c.lookNow()
		during(t, c, time.Second)
		if got := serial(t, c); got != 2 {
			t.Errorf("number %d is shown, want the new one", got)
		}
		c.lookNow()
		during(t, c, time.Second)
		if got := serial(t, c); got != 2 {
			t.Errorf("number %d is shown: one that is not due was asked for", got)
		}
	})
}

// TestIssuedRefuses: a certificate that is of no use is not put in the place of
// one that is.
func TestIssuedRefuses(t *testing.T) {
	for name, bad := range map[string]*authority{
		"ended":           {life: -time.Hour},
		"another's":       {life: 90 * day, host: "other.test"},
		"nothing":         {life: 90 * day, down: errors.New("none")},
		"ends as it came": {life: time.Second},
		"ends too soon":   {life: 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				c := newTestIssued(t, dir, bad, &log)
				during(t, c, time.Minute)
				if got := eventsIn(t, &log); len(got) != 1 || got[0] != EventCertificateBroken || c.there() {
					t.Errorf("logged %q, shown %v", got, c.there())
				}
			})
		})
	}
}

// TestIssuedFromDamagedFiles: what an earlier run left may be broken; that costs
// another request, not the start.
func TestIssuedFromDamagedFiles(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "torn": "-----BEGIN PRIVATE KEY-----\nMIGH"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var log bytes.Buffer
			c := newTestIssued(t, dir, &authority{}, &log)
			if err := c.keep("certificate.pem", []byte(content)); err != nil {
				t.Fatal(err)
			}
			c = newTestIssued(t, dir, &authority{}, &log)
			if got := eventsIn(t, &log); len(got) != 1 || got[0] != EventCertificateBroken || c.there() {
				t.Errorf("logged %q, shown %v", got, c.there())
			}
		})
	}
}

func TestAccountIsKept(t *testing.T) {
	dir := t.TempDir()
	c := newTestIssued(t, dir, &authority{}, new(bytes.Buffer))
	first, err := c.account()
	if err != nil {
		t.Fatal(err)
	}
	again, err := newTestIssued(t, dir, &authority{}, new(bytes.Buffer)).account()
	if err != nil || !first.Public().(*ecdsa.PublicKey).Equal(again.Public()) {
		t.Errorf("another account after a restart, %v", err)
	}
	if err := c.keep("account.pem", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.account(); err == nil || !strings.Contains(err.Error(), "account.pem holds no key") {
		t.Errorf("a broken account key: %v", err)
	}
}
