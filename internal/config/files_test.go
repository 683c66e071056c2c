package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const mailboxText = "\n[mailbox.support]\naddresses = [\"support@example.com\"]\n"

func TestPasswordFile(t *testing.T) {
	tests := []struct {
		name    string
		mode    os.FileMode
		content string
		want    string // part of the problem, or none
	}{
		{"owner only", 0o600, "hunter2", ""},
		{"owner, reading only", 0o400, "hunter2", ""},
		{"group can read", 0o640, "hunter2", "mode 0640"},
		{"all can read", 0o604, "hunter2", "mode 0604"},
		{"group can write", 0o620, "hunter2", "set its mode to 0600"},
		{"empty", 0o600, "", "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "password")
			if err := os.WriteFile(name, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(name, tt.mode); err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprintf("[outbound]\nroute = \"smarthost\"\nsmarthost = \"smtp.example.com:587\"\nusername = \"desk\"\npassword_file = %q\n", name) + mailboxText
			c, err := Parse("test.toml", []byte(text))
			check(t, err, tt.want)
			if err == nil && (!strings.Contains(c.Show(), name) || strings.Contains(c.Show(), tt.content)) {
				t.Errorf("Show has no name, or the password:\n%s", c.Show())
			}
		})
	}
	t.Run("folder", func(t *testing.T) {
		_, err := Parse("test.toml", []byte(fmt.Sprintf("outbound.username = \"desk\"\noutbound.password_file = %q\n", t.TempDir())+mailboxText))
		check(t, err, "outbound.password_file: is not a regular file")
	})
}

// check compares an error with a part of its text; an empty part means none.
func check(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
}

func TestCertificate(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, "a")
	writePair(t, dir, "b")
	tests := []struct{ name, cert, key, ca, want string }{
		{"pair", "a.crt", "a.key", "a.crt", ""},
		{"key of another", "a.crt", "b.key", "a.crt", "no usable pair"},
		{"exchanged", "a.key", "a.crt", "a.crt", "no usable pair"},
		{"missing key", "a.crt", "c.key", "a.crt", "tls.key_file"},
		{"missing certificate", "c.crt", "a.key", "a.crt", "tls.cert_file"},
		{"missing authority", "a.crt", "a.key", "c.crt", "outbound.ca_file"},
		{"authority is a key", "a.crt", "a.key", "a.key", "holds no certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := func(name string) string { return filepath.Join(dir, name) }
			text := fmt.Sprintf("[tls]\ncert_file = %q\nkey_file = %q\n[outbound]\nca_file = %q\n", in(tt.cert), in(tt.key), in(tt.ca)) + mailboxText
			_, err := Parse("test.toml", []byte(text))
			check(t, err, tt.want)
		})
	}
}

func TestKeyMode(t *testing.T) {
	tests := []struct {
		name string
		mode os.FileMode
		want string // part of the problem, or none
	}{
		{"owner only", 0o600, ""},
		{"group can read", 0o640, ""},
		{"all can read", 0o644, "tls.key_file: every user of this machine can read the key (mode 0644); run chmod 600 "},
		{"others, not the group", 0o604, "mode 0604"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writePair(t, dir, "a")
			cert, key := filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")
			if err := os.Chmod(key, tt.mode); err != nil {
				t.Fatal(err)
			}
			// A certificate is no secret.
			if err := os.Chmod(cert, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Parse("test.toml", []byte(fmt.Sprintf("[tls]\ncert_file = %q\nkey_file = %q\n", cert, key)+mailboxText))
			check(t, err, tt.want)
		})
	}
}

// writePair makes a self-signed certificate and its key.
func writePair(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".crt": {Type: "CERTIFICATE", Bytes: cert},
		name + ".key": {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSmarthostPassword(t *testing.T) {
	name := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(name, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, host, tls, want string }{
		{"TLS", "smtp.example.com:465", "implicit", ""},
		{"clear", "smtp.example.com:25", "none", "in clear"},
		{"clear on loopback", "127.0.0.1:25", "none", ""},
		{"clear on loopback by name", "localhost:25", "none", ""},
		{"clear on IPv6 loopback", "[::1]:25", "none", ""},
		{"name that looks like loopback", "127.0.0.1.example.com:25", "none", "in clear"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := fmt.Sprintf("[outbound]\nroute = \"smarthost\"\nsmarthost = %q\ntls = %q\nusername = \"desk\"\npassword_file = %q\n", tt.host, tt.tls, name) + mailboxText
			_, err := Parse("test.toml", []byte(text))
			check(t, err, tt.want)
		})
	}
}
