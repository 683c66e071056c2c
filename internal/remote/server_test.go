package remote

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// authority makes a certificate for a host name and the pool that vouches for
// it.
func authority(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// script is a server that plays a transcript. Each line is one of
//
//	S: text    send the line
//	s: text    send the text without a line end
//	C: text    the client must send this line
//	BODY       read to the final dot and keep what was read
//	DRAIN      read whatever comes until the client closes
//	TLS        do the server's part of a handshake
//	STALL      say nothing until the client closes
//	CLOSE      close the connection
//	RESET      close it with RST
//	CUT        close it under TLS, without a word of TLS
//	ANOTHER    show another certificate from the next connection on
type script struct {
	addr    string
	another tls.Certificate
	body    string     // valid when done is closed
	done    chan error // the first difference from the transcript
}

func serve(t *testing.T, certificate tls.Certificate, lines ...string) *script {
	t.Helper()
	return serveEach(t, certificate, lines)
}

// serveEach plays one transcript for each connection, one behind the other.
func serveEach(t *testing.T, certificate tls.Certificate, transcripts ...[]string) *script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{addr: l.Addr().String(), done: make(chan error, 1)}
	go func() {
		defer l.Close()
		for _, lines := range transcripts {
			if err := s.accept(l, certificate, lines); err != nil {
				s.done <- err
				return
			}
			if slices.Contains(lines, "ANOTHER") {
				certificate = s.another
			}
		}
		s.done <- nil
	}()
	t.Cleanup(func() { l.Close() })
	return s
}

// accept plays a transcript on the next connection.
func (s *script) accept(l net.Listener, certificate tls.Certificate, lines []string) error {
	if tcp, ok := l.(*net.TCPListener); ok {
		_ = tcp.SetDeadline(time.Now().Add(20 * time.Second))
	}
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	p := &player{conn: conn, in: bufio.NewReader(conn), certificate: certificate, script: s}
	defer func() { p.conn.Close() }()
	return p.play(lines)
}

type player struct {
	conn        net.Conn
	in          *bufio.Reader
	certificate tls.Certificate
	script      *script
}

type difference struct{ got, want string }

func (d difference) Error() string { return "client sent " + d.got + ", script has " + d.want }

func (p *player) play(lines []string) error {
	for _, line := range lines {
		if err := p.step(line); err != nil {
			return err
		}
	}
	return nil
}

func (p *player) step(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "S:":
		_, err := p.conn.Write([]byte(rest + "\r\n"))
		return err
	case "s:":
		_, err := p.conn.Write([]byte(rest))
		return err
	case "C:":
		got, err := p.in.ReadString('\n')
		if err == nil && got != rest+"\r\n" {
			err = difference{got, rest}
		}
		return err
	case "BODY":
		var b strings.Builder
		for !strings.HasSuffix(b.String(), "\r\n.\r\n") {
			l, err := p.in.ReadString('\n')
			if b.WriteString(l); err != nil {
				return err
			}
		}
		p.script.body = b.String()
	case "TLS":
		conn := tls.Server(p.conn, &tls.Config{Certificates: []tls.Certificate{p.certificate}})
		p.conn, p.in = conn, bufio.NewReader(conn)
		return conn.Handshake()
	case "STALL", "DRAIN":
		var b strings.Builder
		_, _ = p.in.WriteTo(&b) // ends with the connection, in order or not
		p.script.body = b.String()
	case "CLOSE":
		return p.conn.Close()
	case "RESET", "CUT":
		conn := p.conn
		if c, ok := conn.(*tls.Conn); ok {
			conn = c.NetConn()
		}
		if c, ok := conn.(*net.TCPConn); ok && word == "RESET" {
			_ = c.SetLinger(0)
		}
		return conn.Close()
	}
	return nil
}
