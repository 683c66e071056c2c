package app

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"mxdesk/internal/config"
	"mxdesk/internal/issuer"
)

const (
	// renewBefore is when a certificate is renewed, before its end or the last
	// third of its life, whichever is later.
	renewBefore = 30 * 24 * time.Hour
	// An attempt that went wrong is followed by another after a pause that grows
	// from one bound to the other: authorities count failures in an hour.
	firstRetry, lastRetry = 2 * time.Minute, time.Hour
)

var errNoCertificate = errors.New("there is no certificate yet")

// issued is a certificate that an ACME authority gives. It is fetched and
// renewed in the background: a handshake only ever sees what is there, and no
// trouble with the authority costs mail.
type issued struct {
	host  string
	dir   string // keeps the certificate over restarts; one for each authority
	log   zerolog.Logger
	issue func(context.Context) ([]byte, error) // gets key and chain as PEM

	pair  atomic.Pointer[tls.Certificate] // nil until there is one
	retry chan struct{}                   // asks for an attempt now, if one is due
}

// newIssued makes the certificate of a configuration. It takes what an earlier
// run has left, and asks nobody.
func newIssued(cfg *config.Config, log zerolog.Logger) *issued {
	id := sha256.Sum256([]byte(cfg.TLS.ACMEDirectory))
	c := &issued{
		host: cfg.Hostname, log: log, retry: make(chan struct{}, 1),
		dir: filepath.Join(cfg.DataDir, "acme", hex.EncodeToString(id[:8])),
	}
	c.issue = func(ctx context.Context) ([]byte, error) {
		account, err := c.account()
		if err != nil {
			return nil, err
		}
		roots, err := cfg.TLS.Authorities()
		if err != nil {
			return nil, fmt.Errorf("the authorities in %s: %w", cfg.TLS.ACMECAFile, err)
		}
		i := &issuer.Issuer{
			Host: cfg.Hostname, Directory: cfg.TLS.ACMEDirectory, Email: cfg.TLS.ACMEEmail,
			Listen: cfg.TLS.ACMEListen, Account: account, RootCAs: roots,
		}
		return i.Issue(ctx)
	}
	if err := c.load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.log.Error().Str("event", EventCertificateBroken).Err(err).Msg("the certificate of an earlier run is of no use")
	}
	return c
}

// load takes the certificate of an earlier run.
func (c *issued) load() error {
	raw, err := os.ReadFile(c.file("certificate.pem"))
	if err != nil {
		return err
	}
	pair, err := c.read(raw)
	if err == nil {
		c.pair.Store(pair)
	}
	return err
}

func (c *issued) file(name string) string { return filepath.Join(c.dir, name) }

// get implements tls.Config.GetCertificate. Whatever name the client asks for,
// or none, there is one certificate: senders know this host by many names, and
// most look at none.
func (c *issued) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if pair := c.pair.Load(); pair != nil {
		return pair, nil
	}
	return nil, errNoCertificate
}

// there reports whether there is a certificate to show.
func (c *issued) there() bool { return c.pair.Load() != nil }

// lookNow tries again at once what has failed.
func (c *issued) lookNow() {
	select {
	case c.retry <- struct{}{}:
	default: // it was asked for already
	}
}

// run fetches the certificate and renews it until ctx ends.
func (c *issued) run(ctx context.Context) error {
	next, pause := c.due(), time.Duration(0)
	for {
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-c.retry:
			timer.Stop()
			next = c.due()
			continue
		case <-timer.C:
		}
		if err := c.renew(ctx); err == nil {
			pause = 0
			next = c.due()
		} else if ctx.Err() == nil {
			pause = min(max(2*pause, firstRetry), lastRetry)
			next = time.Now().Add(pause)
			c.log.Error().Str("event", EventCertificateBroken).Str("error", clip(err.Error())).Time("next", next).Msg("the authority gives no certificate; the old one stays, if there is one")
		}
	}
}

// due is when to ask for a certificate: at once when there is none.
func (c *issued) due() time.Time {
	pair := c.pair.Load()
	if pair == nil {
		return time.Time{}
	}
	return renewAt(pair)
}

// renewAt is when a certificate is to be renewed.
func renewAt(pair *tls.Certificate) time.Time {
	life := pair.Leaf.NotAfter.Sub(pair.Leaf.NotBefore)
	return pair.Leaf.NotAfter.Add(-min(renewBefore, life/3))
}

// renew gets a certificate and keeps it. One that would soon be due for renewal
// is an error, or the authority would be asked without end.
func (c *issued) renew(ctx context.Context) error {
	raw, err := c.issue(ctx)
	if err != nil {
		return err
	}
	pair, err := c.read(raw)
	if err != nil {
		return err
	}
	if time.Until(renewAt(pair)) < firstRetry {
		return fmt.Errorf("the authority gave a certificate that ends on %v", pair.Leaf.NotAfter)
	}
	c.pair.Store(pair)
	c.log.Info().Str("event", EventCertificate).Time("until", pair.Leaf.NotAfter).Msg("a new certificate is in use")
	if err := c.keep("certificate.pem", raw); err != nil { // asking for another would not mend it
		c.log.Error().Str("event", EventCertificateBroken).Err(err).Msg("the new certificate is in use, but could not be kept")
	}
	return nil
}

// read takes key and chain from PEM, if they are for this host.
func (c *issued) read(raw []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(raw, raw)
	if err != nil {
		return nil, err
	}
	return &pair, pair.Leaf.VerifyHostname(c.host)
}

// account is the key of the account, made when there is none.
func (c *issued) account() (crypto.Signer, error) {
	raw, err := os.ReadFile(c.file("account.pem"))
	if errors.Is(err, fs.ErrNotExist) {
		return c.newAccount()
	}
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(raw); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if signer, ok := key.(crypto.Signer); ok {
				return signer, nil
			}
		}
	}
	return nil, fmt.Errorf("%s holds no key; remove it, and a new account is made", c.file("account.pem"))
}

func (c *issued) newAccount() (crypto.Signer, error) {
	key, err := issuer.NewKey()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, c.keep("account.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// keep writes a file as a whole, for the owner alone.
func (c *issued) keep(name string, raw []byte) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("keeping %s: %w", name, err)
	}
	tmp, err := os.CreateTemp(c.dir, ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("keeping %s: %w", name, err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(raw)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("keeping %s: %w", name, err)
	}
	return os.Rename(tmp.Name(), c.file(name))
}

// clip keeps an authority's words short in the log.
func clip(s string) string {
	const most = 1000
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
