package config

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"strings"

	"mxdesk/internal/address"
)

// Load reads the pair anew, as strictly as a configuration that names it.
func (t TLS) Load() (*tls.Certificate, error) {
	p := &problems{file: "tls"}
	pair := t.check(p)
	if len(p.list) > 0 {
		texts := make([]string, len(p.list))
		for i, one := range p.list {
			texts[i] = one.Key + ": " + one.Text
		}
		return nil, errors.New(strings.Join(texts, "; "))
	}
	if pair == nil {
		return nil, errors.New("no certificate is configured")
	}
	return pair, nil
}

// check returns the pair when there is nothing wrong with it.
func (t TLS) check(p *problems) *tls.Certificate {
	cert, key := t.CertFile, t.KeyFile
	switch {
	case cert == "" && key == "" || t.ACME: // see checkACME
	case cert == "":
		p.add("tls.cert_file", "missing: key_file needs it")
	case key == "":
		p.add("tls.key_file", "missing: cert_file needs it")
	default:
		certPEM, err1 := readSmall(cert)
		if err1 != nil {
			p.add("tls.cert_file", "%s", err1)
		}
		keyPEM, err2 := readSmall(key)
		if err2 != nil {
			p.add("tls.key_file", "%s", err2)
		}
		checkKeyMode(p, key, keyPEM)
		if err1 != nil || err2 != nil {
			return nil
		}
		pair, err := tls.X509KeyPair(certPEM, keyPEM)
		if err == nil {
			return &pair
		}
		p.add("tls.cert_file", "no usable pair with key_file: %s", err)
	}
	return nil
}

// checkKeyMode refuses a key that every user of the machine can read. The group
// may: that is how a server without root shares a key with what renews it. A
// file that holds no key is another problem's.
func checkKeyMode(p *problems, name string, content []byte) {
	if !bytes.Contains(content, []byte("PRIVATE KEY-----")) {
		return
	}
	if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o004 != 0 {
		p.add("tls.key_file", "every user of this machine can read the key (mode %04o); run chmod 600 %s", info.Mode().Perm(), name)
	}
}

// checkACME checks what is needed to ask an authority.
func (c *Config) checkACME(p *problems) {
	t := &c.TLS
	if !t.ACME {
		return
	}
	if t.CertFile != "" || t.KeyFile != "" {
		p.add("tls.acme", "is instead of cert_file and key_file: set one or the other")
	}
	if !strings.Contains(c.Hostname, ".") {
		p.add("tls.acme", "no authority gives a certificate for hostname %q: set the name that the world knows", clip(c.Hostname))
	}
	if u, err := url.Parse(t.ACMEDirectory); err != nil || u.Scheme != "https" || u.Host == "" {
		p.add("tls.acme_directory", "%q is not an https URL", clip(t.ACMEDirectory))
	}
	if t.ACMEEmail != "" {
		if _, err := address.Parse(t.ACMEEmail); err != nil {
			p.add("tls.acme_email", "%q is not a mail address", clip(t.ACMEEmail))
		}
	}
	if _, err := t.Authorities(); err != nil {
		p.add("tls.acme_ca_file", "%s", err)
	}
}

// Authorities are those that may vouch for the ACME directory, nil for the
// machine's.
func (t TLS) Authorities() (*x509.CertPool, error) { return authorities(t.ACMECAFile) }

// Authorities are those that may vouch for the smarthost, nil for the machine's.
func (o Outbound) Authorities() (*x509.CertPool, error) { return authorities(o.CAFile) }

// authorities reads a file of certificates; no file gives nil.
func authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("holds no certificate in PEM form")
	}
	return pool, nil
}
