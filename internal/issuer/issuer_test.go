package issuer

import (
	"bufio"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// A connection of the test authority lingers for half a second when it is closed,
// and ends by itself.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

func TestDoorAnswersChallengesOnly(t *testing.T) {
	d := &door{answers: map[string]string{}}
	d.expect("/.well-known/acme-challenge/abc", "abc.thumb")
	for _, test := range []struct {
		method, target string
		code           int
		body           string
	}{
		{"GET", "/.well-known/acme-challenge/abc", 200, "abc.thumb"},
		{"GET", "/.well-known/acme-challenge/abc?x=y", 200, "abc.thumb"},
		{"GET", "/.well-known/acme-challenge/ab", 404, ""},
		{"GET", "/.well-known/acme-challenge/", 404, ""},
		{"GET", "/.well-known/acme-challenge/abc/", 404, ""},
		{"GET", "/.well-known/acme-challenge/x/../abc", 404, ""},
		{"POST", "/.well-known/acme-challenge/abc", 404, ""},
		{"GET", "/", 404, ""},
		{"GET", "http://other.example/", 404, ""},
	} {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest(test.method, test.target, nil))
		if w.Code != test.code || w.Body.String() != test.body || w.Header().Get("Location") != "" {
			t.Errorf("%s %s: %d %q", test.method, test.target, w.Code, w.Body)
		}
	}
}

// TestDoorIsShutBehindTheAuthority: who is connected does not hold it up.
func TestDoorIsShutBehindTheAuthority(t *testing.T) {
	d, err := openDoor("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := d.addr.String()
	silent, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	long, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer long.Close()
	fmt.Fprintf(long, "GET / HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", strings.Repeat("x", maxQuestion+8<<10))
	answer, err := http.ReadResponse(bufio.NewReader(long), nil)
	if err != nil || answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a long question is answered with %v, %v", answer, err)
	}
	d.close()
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("it is still open")
	}
}

// authority serves one answer for everything, under TLS.
func authority(t *testing.T, h http.HandlerFunc) *Issuer {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	i := &Issuer{Host: "mx.desk.test", Directory: s.URL, Listen: "127.0.0.1:0", Account: key}
	i.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return i
}

func TestIssueFromBadAuthority(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"no directory":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") },
		"no JSON":        func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"refuses":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"never-ending":   func(w http.ResponseWriter, r *http.Request) { endless(w, `{"newNonce":"`) },
		"endless blanks": func(w http.ResponseWriter, r *http.Request) { endless(w, " ") },
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := authority(t, h).Issue(t.Context()); err == nil {
				t.Errorf("gave %q", out)
			}
		})
	}
	t.Run("unknown authority", func(t *testing.T) {
		i := authority(t, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
		i.RootCAs = nil
		if _, err := i.Issue(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("its certificate was taken: %v", err)
		}
	})
}

// endless writes until the reader has enough.
func endless(w io.Writer, first string) {
	_, err := io.WriteString(w, first)
	for block := strings.Repeat(" ", 64<<10); err == nil; {
		_, err = io.WriteString(w, block)
	}
}

// TestIssueEndsWithItsContext: a stop does not wait for a silent authority.
func TestIssueEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	i := authority(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := i.Issue(ctx); err == nil {
		t.Error("no error")
	}
}

func TestEncode(t *testing.T) {
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	out, err := encode(key, [][]byte{{1}, {2}})
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for b, rest := pem.Decode(out); b != nil; b, rest = pem.Decode(rest) {
		types = append(types, b.Type)
	}
	if got := strings.Join(types, ", "); got != "PRIVATE KEY, CERTIFICATE, CERTIFICATE" {
		t.Errorf("blocks %s", got)
	}
}
