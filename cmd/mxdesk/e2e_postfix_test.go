package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// postfixMain is a Postfix of the test's own: one smarthost on loopback that
// demands STARTTLS and delivers to folders. Nothing leaves it: every domain
// that it does not know is an error.
const postfixMain = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/log/mail.log
maillog_file_prefixes = %[1]s/log
myhostname = smarthost.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_transport = error:5.1.1 there are no local users
default_transport = error:5.1.2 nothing leaves this machine
relay_transport = error:5.1.2 nothing leaves this machine
virtual_mailbox_domains = %[2]s
virtual_mailbox_maps = texthash:%[1]s/mailboxes
virtual_mailbox_base = %[1]s/mail
virtual_minimum_uid = 1
virtual_uid_maps = static:%[3]d
virtual_gid_maps = static:%[4]d
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = %[1]s/cert.pem
smtpd_tls_key_file = %[1]s/key.pem
`

const postfixMaster = `127.0.0.1:%d inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
`

// startPostfix runs a smarthost with a mailbox for each of the people. It ends
// with the test.
func startPostfix(t *testing.T, people ...*person) exit {
	t.Helper()
	need(t, "postfix", "postconf")
	needRoot(t, "Postfix starts as root only")
	dir := openFolder(t)
	var boxes, domains strings.Builder
	for _, p := range people {
		fmt.Fprintf(&boxes, "%s %s/\n", p.address, p.address)
		fmt.Fprintf(&domains, "%s ", p.domain())
	}
	for _, sub := range []string{"etc", "queue", "data", "log", "mail"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	uid, gid := ownerOfMail(t)
	for sub, id := range map[string][2]int{"data": {postfixUser(t), -1}, "mail": {uid, gid}} {
		if err := os.Chown(filepath.Join(dir, sub), id[0], id[1]); err != nil {
			t.Fatal(err)
		}
	}
	writeCertificate(t, dir, "smarthost.example", net.IPv4(127, 0, 0, 1))
	write(t, filepath.Join(dir, "mailboxes"), boxes.String())
	etc := filepath.Join(dir, "etc")
	write(t, filepath.Join(etc, "main.cf"), fmt.Sprintf(postfixMain, dir, domains.String(), uid, gid))
	port := unusedPort(t)
	write(t, filepath.Join(etc, "master.cf"), fmt.Sprintf(postfixMaster, port))
	if out, err := exec.Command("postfix", "-c", etc, "start").CombinedOutput(); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log", "mail.log"))
		t.Fatalf("postfix start: %v\n%s%s", err, out, log)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("postfix", "-c", etc, "stop").CombinedOutput(); err != nil {
			t.Errorf("postfix stop: %v\n%s", err, out)
		}
		if log, err := os.ReadFile(filepath.Join(dir, "log", "mail.log")); err == nil && t.Failed() {
			t.Logf("the log of Postfix:\n%s", tail(string(log), 40))
		}
	})
	return exit{
		config: fmt.Sprintf("[outbound]\nroute = \"smarthost\"\nsmarthost = \"127.0.0.1:%d\"\ntls = \"starttls\"\nca_file = %q\n", port, filepath.Join(dir, "cert.pem")),
		files:  []string{filepath.Join(dir, "mail", "*", "new", "*")},
	}
}

// openFolder is a temporary folder that other users can enter: Postfix does
// most of its work as one.
func openFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func userID(t *testing.T, flag, name string) int {
	t.Helper()
	out, err := exec.Command("id", flag, name).Output()
	if err != nil {
		missing(t, "there is no user "+name)
	}
	var n int
	if _, err := fmt.Sscan(string(out), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func postfixUser(t *testing.T) int { return userID(t, "-u", "postfix") }

// ownerOfMail is who writes the delivered mails: not root, which Postfix
// refuses.
func ownerOfMail(t *testing.T) (uid, gid int) {
	return userID(t, "-u", "nobody"), userID(t, "-g", "nobody")
}

// unusedPort is a port that was free a moment ago; Postfix cannot choose one.
func unusedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// writeCertificate makes cert.pem and key.pem for a host, which vouches for
// itself.
func writeCertificate(t *testing.T, dir, host string, ip net.IP) {
	t.Helper()
	writeAged(t, dir, host, ip, time.Hour)
}

// writeAged is writeCertificate for one that was made some time ago. It ends in a
// day.
func writeAged(t *testing.T, dir, host string, ip net.IP, age time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, IPAddresses: []net.IP{ip},
		NotBefore: time.Now().Add(-age), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
