// Package issuer asks an ACME authority (RFC 8555) for the certificate of one
// host name. It proves that the name is its own by HTTP on port 80 (HTTP-01,
// RFC 8555 §8.3): the other way that needs no DNS, TLS-ALPN-01, is asked for on
// port 443, where a mail server does not listen.
//
// It keeps nothing: account key and certificate belong to the caller, who also
// decides when to ask again.
package issuer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/crypto/acme"
)

const (
	// patience bounds one request for a certificate as a whole, and oneAnswer one
	// of the authority's answers to it.
	patience  = 5 * time.Minute
	oneAnswer = 30 * time.Second
	// maxAnswer is the largest answer of the authority that is read, in octets.
	maxAnswer = 1 << 20
)

// Issuer asks one authority about one name. Calling Issue means agreeing to the
// authority's terms of service.
type Issuer struct {
	Host      string         // the name in the certificate
	Directory string         // URL of the authority's directory
	Email     string         // for the authority's warnings; empty for none
	Listen    string         // where challenges are answered, such as ":80"
	Account   crypto.Signer  // key of the account, which is made when there is none
	RootCAs   *x509.CertPool // who vouches for the authority; nil for the machine's
}

// NewKey makes a key, for an account or a certificate.
func NewKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// Issue gets a new certificate and returns its key and its chain as PEM, the
// key first. It takes seconds to minutes, and listens on Listen only meanwhile.
// When it returns, nothing of it goes on.
func (i *Issuer) Issue(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: i.RootCAs},
		TLSHandshakeTimeout: oneAnswer, MaxResponseHeaderBytes: maxAnswer,
	}
	defer transport.CloseIdleConnections()
	client := &acme.Client{
		Key: i.Account, DirectoryURL: i.Directory, UserAgent: "mxdesk",
		HTTPClient: &http.Client{Transport: bounded{transport}, Timeout: oneAnswer},
	}
	order, err := i.order(ctx, client)
	if err != nil {
		return nil, err
	}
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{i.Host}}, key)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	chain, _, err := client.CreateCertFromOrder(ctx, order, request, true)
	if err != nil {
		return nil, fmt.Errorf("fetching the certificate: %w", err)
	}
	return encode(key, chain)
}

// order registers, orders, and proves the name.
func (i *Issuer) order(ctx context.Context, client *acme.Client) (*acme.Order, error) {
	account := &acme.Account{}
	if i.Email != "" {
		account.Contact = []string{"mailto:" + i.Email}
	}
	if _, err := client.Register(ctx, account, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return nil, fmt.Errorf("registering at the authority: %w", err)
	}
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(i.Host))
	if err != nil {
		return nil, fmt.Errorf("ordering: %w", err)
	}
	door, err := openDoor(i.Listen)
	if err != nil {
		return nil, err
	}
	defer door.close()
	for _, url := range order.AuthzURLs {
		if err := prove(ctx, client, door, url); err != nil {
			return nil, fmt.Errorf("proving that %s is ours: %w", i.Host, err)
		}
	}
	if order, err = client.WaitOrder(ctx, order.URI); err != nil {
		return nil, fmt.Errorf("waiting for the order: %w", err)
	}
	return order, nil
}

// prove meets the challenge of one authorization.
func prove(ctx context.Context, client *acme.Client, door *door, url string) error {
	z, err := client.GetAuthorization(ctx, url)
	if err != nil || z.Status == acme.StatusValid {
		return err
	}
	for _, c := range z.Challenges {
		if c.Type != "http-01" {
			continue
		}
		answer, err := client.HTTP01ChallengeResponse(c.Token)
		if err != nil {
			return err
		}
		door.expect(client.HTTP01ChallengePath(c.Token), answer)
		if _, err := client.Accept(ctx, c); err != nil {
			return err
		}
		_, err = client.WaitAuthorization(ctx, z.URI)
		return err
	}
	return errors.New("the authority offers no challenge of type http-01")
}

// encode writes a key and a chain as PEM.
func encode(key crypto.Signer, chain [][]byte) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("writing the key: %w", err)
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for _, der := range chain {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out, nil
}

// bounded cuts what the authority says after maxAnswer octets.
type bounded struct{ http.RoundTripper }

// RoundTrip is part of http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = cutBody{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	return answer, err
}

type cutBody struct {
	io.Reader
	io.Closer
}
