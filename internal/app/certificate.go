package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"mxdesk/internal/config"
)

// certificates is where the certificate of the door comes from. Its methods but
// run may be called at any time, from any goroutine.
type certificates interface {
	// get implements tls.Config.GetCertificate.
	get(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// there reports whether get has one to show.
	there() bool
	// lookNow looks for a new one at once.
	lookNow()
	// run does what there is to do in the background, until ctx ends.
	run(ctx context.Context) error
}

// findCertificates returns the source that is configured, nil for none.
func findCertificates(cfg *config.Config, log zerolog.Logger) (certificates, error) {
	switch {
	case cfg.TLS.ACME:
		return newIssued(cfg, log), nil
	case cfg.TLS.CertFile != "":
		c, err := loadCertificate(cfg.TLS, log)
		if err != nil {
			return nil, fmt.Errorf("loading the certificate: %w", err)
		}
		return c, nil
	}
	return nil, nil
}

// tlsConfig is how TLS is spoken with certificates of this source.
func tlsConfig(c certificates) *tls.Config {
	return &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12}
}

// certificateAge is how long a certificate is shown before its files are looked
// at again.
const certificateAge = 2 * time.Second

// certificate is the pair of a door, read again when its files have changed:
// certificates are renewed every few weeks, by programs that know nothing of
// this one.
type certificate struct {
	files config.TLS
	log   zerolog.Logger
	now   func() time.Time

	mu      sync.Mutex
	pair    *tls.Certificate // the last good one
	from    [2]os.FileInfo   // the files it was read from
	looked  time.Time        // when the files were last looked at
	trouble string           // what was wrong with them then
}

// loadCertificate reads a pair for the first time.
func loadCertificate(files config.TLS, log zerolog.Logger) (*certificate, error) {
	c := &certificate{files: files, log: log, now: time.Now}
	c.looked = c.now()
	return c, c.read()
}

// get implements tls.Config.GetCertificate. A handshake never fails for files
// that broke after the start: a renewal that went wrong must not cost mail.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= certificateAge {
		c.looked = now
		c.refresh()
	}
	return c.pair, nil
}

// there is true: without a pair there is no certificate.
func (c *certificate) there() bool { return true }

// run has nothing to do: the files are looked at on handshakes.
func (c *certificate) run(context.Context) error { return nil }

// lookNow looks at the files at once.
func (c *certificate) lookNow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = c.now()
	c.refresh()
}

// refresh looks at the files. What is wrong with them is logged once, and tried
// again at each look: a renewal that writes one file after the other ends well.
func (c *certificate) refresh() {
	if at, err := c.stat(); err == nil && same(at, c.from) {
		c.trouble = "" // a broken file was replaced by the old one
		return
	}
	err := c.read()
	switch {
	case err == nil:
		c.trouble = ""
		c.log.Info().Str("event", EventCertificate).Time("until", c.pair.Leaf.NotAfter).Msg("a new certificate is in use")
	case err.Error() != c.trouble:
		c.trouble = err.Error()
		c.log.Error().Str("event", EventCertificateBroken).Err(err).Msg("the new certificate is of no use; the old one stays")
	}
}

// read takes the pair from its files. They are looked at before they are read:
// a change in between is then a change to the next look.
func (c *certificate) read() error {
	from, err := c.stat()
	if err != nil {
		return err
	}
	pair, err := c.files.Load()
	if err != nil {
		return err
	}
	c.pair, c.from = pair, from
	return nil
}

func (c *certificate) stat() (at [2]os.FileInfo, err error) {
	for i, name := range []string{c.files.CertFile, c.files.KeyFile} {
		if at[i], err = os.Stat(name); err != nil {
			return at, err
		}
	}
	return at, nil
}

// same reports whether nothing was written or put in place of the files.
func same(a, b [2]os.FileInfo) bool {
	for i := range a {
		if !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()) {
			return false
		}
	}
	return true
}
