package remote

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net"
	"strings"
	"testing"
)

// named is a smarthost by name, as certificates want it.
func named(t *testing.T, s *script, mode Mode) *Smarthost {
	t.Helper()
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	host := plain(s)
	host.Addr, host.TLS = net.JoinHostPort("localhost", port), mode
	return host
}

func TestTLS(t *testing.T) {
	good, pool := authority(t, "localhost")
	other, otherPool := authority(t, "elsewhere.example")
	upgrade := join(opening, "S: 250-mx", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 go", "TLS")
	rest := join(envelope, sending, "S: 250 ok", closing)
	t.Run("STARTTLS", func(t *testing.T) {
		s := serve(t, good, join(upgrade, opening[1], "S: 250 mx", rest)...)
		host := named(t, s, "")
		host.RootCAs = pool
		if _, err := deliver(t, s, host, mail(t, content)); err != nil {
			t.Error(err)
		}
	})
	t.Run("implicit", func(t *testing.T) {
		s := serve(t, good, join("TLS", opening, "S: 250 mx", rest)...)
		host := named(t, s, Implicit)
		host.RootCAs = pool
		if _, err := deliver(t, s, host, mail(t, content)); err != nil {
			t.Error(err)
		}
	})
	t.Run("what was offered in plain text is forgotten", func(t *testing.T) {
		lines := join(opening, "S: 250-mx", "S: 250-SIZE 1", "S: 250-8BITMIME", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 go", "TLS", opening[1], "S: 250 mx", rest)
		s := serve(t, good, lines...)
		host := named(t, s, StartTLS)
		host.RootCAs = pool
		if _, err := deliver(t, s, host, mail(t, content)); err != nil {
			t.Error(err)
		}
	})
	bad := map[string]struct {
		lines       []string
		certificate tls.Certificate
		mode        Mode
		pool        bool // the pool of the other certificate
		err         error
	}{
		"not offered":            {lines: join(opening, "S: 250 mx", "STALL"), err: ErrNoTLS},
		"refused":                {lines: join(opening, "S: 250-mx", "S: 250 STARTTLS", "C: STARTTLS", "S: 454 4.7.0 not now", closing)},
		"text behind the reply":  {lines: join(opening, "S: 250-mx", "S: 250 STARTTLS", "C: STARTTLS", "s: 220 go\r\n250 injected\r\n", "STALL"), err: ErrPlainInTLS},
		"text instead of TLS":    {lines: join(opening, "S: 250-mx", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 go", "s: 250 injected\r\n", "STALL")},
		"unknown authority":      {lines: upgrade, certificate: good, pool: true},
		"another host's name":    {lines: upgrade, certificate: other, pool: true},
		"implicit, another host": {lines: []string{"TLS"}, certificate: other, mode: Implicit, pool: true},
		"implicit, plain server": {lines: []string{"S: 220 mx", "STALL"}, mode: Implicit},
	}
	for name, tt := range bad {
		t.Run(name, func(t *testing.T) {
			s := serve(t, tt.certificate, tt.lines...)
			host := named(t, s, tt.mode)
			host.RootCAs = pool
			if tt.pool {
				host.RootCAs = otherPool
			}
			_, err := host.Deliver(t.Context(), mail(t, content))
			<-s.done
			var e *Error
			if !errors.As(err, &e) || !e.Temporary || tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("got %v, want a temporary error by %v", err, tt.err)
			}
			if tt.err == nil && e.Phase != PhaseTLS && e.Phase != PhaseConnect {
				t.Errorf("phase %s", e.Phase)
			}
		})
	}
}

func TestAuth(t *testing.T) {
	const password = "pass word"
	b64 := base64.StdEncoding.EncodeToString
	plainLine := "C: AUTH PLAIN " + b64([]byte("\x00desk\x00"+password))
	loginLines := []string{"C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: " + b64([]byte("desk")), "S: 334 UGFzc3dvcmQ6", "C: " + b64([]byte(password))}
	rest := join(envelope, sending, "S: 250 ok", closing)
	hello := func(mechanisms string) []string { return join(opening, "S: 250-mx", "S: 250 AUTH "+mechanisms) }
	tests := map[string]struct {
		lines    []string
		password func() (string, error)
		want     string // of the error; none for success
	}{
		"PLAIN":          {lines: join(hello("LOGIN plain"), plainLine, "S: 235 ok", rest)},
		"LOGIN":          {lines: join(hello("CRAM-MD5 LOGIN"), loginLines, "S: 235 ok", rest)},
		"wrong":          {lines: join(hello("PLAIN"), plainLine, "S: 535 5.7.8 no", closing), want: "AUTH: 535 5.7.8 no"},
		"repeated to us": {lines: join(hello("PLAIN"), plainLine, "S: 535-5.7.8 pass word", "S: 535 is "+b64([]byte(password)), closing), want: "AUTH: 535 5.7.8 [hidden] is [hidden]"},
		"challenge":      {lines: join(hello("PLAIN"), plainLine, "S: 334 "+b64([]byte(password)), "STALL"), want: "code 334 to AUTH"},
		"nothing fits":   {lines: join(hello("CRAM-MD5"), "STALL"), want: ErrNoAuth.Error()},
		"not offered":    {lines: join(opening, "S: 250 mx", "STALL"), want: ErrNoAuth.Error()},
		"no password": {
			lines: join(hello("PLAIN"), "STALL"), want: "AUTH: password: no file",
			password: func() (string, error) { return "", errors.New("no file") },
		},
		"NUL": {
			lines: join(hello("PLAIN"), "STALL"), want: "holds a NUL",
			password: func() (string, error) { return "a\x00b", nil },
		},
		"repeated with garbage": {lines: join(hello("PLAIN"), plainLine, "S: pass word", "STALL"), want: "not SMTP"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, tls.Certificate{}, tt.lines...)
			host := plain(s)
			host.Username, host.Password = "desk", func() (string, error) { return password, nil }
			if tt.password != nil {
				host.Password = tt.password
			}
			_, err := deliver(t, s, host, mail(t, content))
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || !e.Temporary || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), password) || strings.Contains(err.Error(), b64([]byte(password))) {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

// elsewhere is a connection that claims to lead to another machine.
type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25} }

func TestNoPasswordInTheClear(t *testing.T) {
	asked := false
	d := &dialogue{
		Smarthost: &Smarthost{Addr: "mx.example:25", Username: "desk", Password: func() (string, error) { asked = true; return "x", nil }},
		ctx:       t.Context(), conn: elsewhere{}, extensions: map[string]string{"AUTH": "PLAIN"},
	}
	if err := d.auth(); !errors.Is(err, ErrAuthInClear) || asked {
		t.Errorf("got %v, asked for the password: %v", err, asked)
	}
}

func TestNoLineBreakInACommand(t *testing.T) {
	s := serve(t, tls.Certificate{}, "S: 220 mx", "DRAIN")
	host := plain(s)
	host.Hello = "desk.example\r\nMAIL FROM:<x@example.com>"
	_, err := deliver(t, s, host, mail(t, content))
	var e *Error
	if !errors.As(err, &e) || !e.Temporary || e.Phase != PhaseHello || s.body != "" {
		t.Errorf("%v; sent %q", err, s.body)
	}
}
