package mailauth

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Sizes of RSA keys that count (RFC 8301 §3.2); larger ones only cost time.
const (
	minKeyBits = 1024
	maxKeyBits = 4096
)

// Why a key record (RFC 6376 §3.6.1) cannot be used.
var (
	errKeyForm      = errors.New("is no key record")
	errKeyVersion   = errors.New("is of an unknown version")
	errKeyRevoked   = errors.New("was revoked")
	errKeyHash      = errors.New("is not for the hash algorithm sha256")
	errKeyService   = errors.New("is not for mail: it is for another service (s=)")
	errKeyAlgorithm = errors.New("is for another algorithm than the signature's")
	errKeyData      = errors.New("cannot be read")
	errKeySize      = fmt.Errorf("does not have %d to %d bits", minKeyBits, maxKeyBits)
)

// key is a public key with what its owner says of its use.
type key struct {
	public  crypto.PublicKey // *rsa.PublicKey or ed25519.PublicKey
	testing bool             // t=y: treat the mail as if it were not signed
	strict  bool             // t=s: no identity in a subdomain
}

// parseKey reads a key record for an algorithm: rsa or ed25519.
func parseKey(record, algorithm string) (key, error) {
	tags, problem := readTags(record)
	if problem != "" {
		return key{}, errKeyForm
	}
	data, ok := tags["p"]
	version, versioned := tags["v"]
	kind, ok2 := tags["k"]
	if !ok2 {
		kind = "rsa"
	}
	switch {
	case versioned && (version != "DKIM1" || !strings.HasPrefix(strings.TrimSpace(record), "v")):
		return key{}, errKeyVersion
	case !ok:
		return key{}, errKeyForm
	case data == "":
		return key{}, errKeyRevoked
	case kind != algorithm:
		return key{}, errKeyAlgorithm
	case !lists(tags, "h", "sha256"):
		return key{}, errKeyHash
	case !lists(tags, "s", "email") && !lists(tags, "s", "*"):
		return key{}, errKeyService
	}
	public, err := parsePublic(data, algorithm)
	if err != nil {
		return key{}, err
	}
	_, flagged := tags["t"]
	return key{
		public: public, testing: flagged && lists(tags, "t", "y"), strict: flagged && lists(tags, "t", "s"),
	}, nil
}

// lists reports whether a tag's list holds a value; a tag that is not there
// allows everything.
func lists(tags map[string]string, tag, value string) bool {
	list, ok := tags[tag]
	if !ok {
		return true
	}
	for v := range strings.SplitSeq(list, ":") {
		if v == value {
			return true
		}
	}
	return false
}

// parsePublic reads the key itself. RFC 6376 can be read as asking for either
// form of an RSA key, and both are in use.
func parsePublic(data, algorithm string) (crypto.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, errKeyData
	}
	if algorithm == "ed25519" {
		if len(der) != ed25519.PublicKeySize {
			return nil, errKeyData
		}
		return ed25519.PublicKey(der), nil
	}
	var public *rsa.PublicKey
	if parsed, err := x509.ParsePKIXPublicKey(der); err == nil {
		public, _ = parsed.(*rsa.PublicKey)
	} else if public, err = x509.ParsePKCS1PublicKey(der); err != nil {
		return nil, errKeyData
	}
	if public == nil {
		return nil, errKeyData
	}
	if bits := public.N.BitLen(); bits < minKeyBits || bits > maxKeyBits {
		return nil, fmt.Errorf("%w: it has %d bits", errKeySize, bits)
	}
	return public, nil
}

// verifies reports whether a signature over a SHA-256 hash is good.
func (k key) verifies(sum, signature []byte) bool {
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum, signature) == nil
	case ed25519.PublicKey: // RFC 8463 §3: the hash is what is signed
		return len(sum) == sha256.Size && ed25519.Verify(public, sum, signature)
	}
	return false
}

// fetchKey looks up the key of a signature.
func (s *signature) fetchKey(ctx context.Context, d dns) {
	name := s.selector + "._domainkey." + string(s.domain)
	records, err := d.LookupTXT(ctx, name)
	switch {
	case notFound(err):
		s.refuse(resultPermError, "there is no key at "+name)
		return
	case err != nil:
		s.refuse(resultTempError, dnsTrouble(err))
		return
	case len(records) != 1:
		s.refuse(resultPermError, fmt.Sprintf("there are %d records at %s instead of one key", len(records), name))
		return
	}
	algorithm, _, _ := strings.Cut(s.tags["a"], "-")
	s.key, err = parseKey(records[0], algorithm)
	switch {
	case errors.Is(err, errKeySize):
		s.refuse(resultPolicy, "the key at "+name+" "+err.Error())
	case err != nil:
		s.refuse(resultPermError, "the key at "+name+" "+err.Error())
	}
}
