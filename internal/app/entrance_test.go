package app

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/config"
	"mxdesk/internal/systemd"
)

// fakeListener is a listener at an address, which knows whether it is open.
type fakeListener struct {
	net.Listener
	addr   string
	closed bool
}

func (l *fakeListener) Addr() net.Addr { return fakeAddr(l.addr) }
func (l *fakeListener) Close() error   { l.closed = true; return nil }

type fakeAddr string

func (fakeAddr) Network() string  { return "tcp" }
func (a fakeAddr) String() string { return string(a) }

func TestEntrances(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	used := taken.Addr().String()
	for name, test := range map[string]struct {
		listen, listenTLS []string
		noTLS             bool
		handed            []string // "name address"
		want              []string // "kind address", "*" for one opened here
		problem           string
	}{
		"none handed over": {listen: []string{"127.0.0.1:0"}, listenTLS: []string{"127.0.0.1:0"}, want: []string{"smtp *", "smtps *"}},
		"by name":          {listen: []string{used}, handed: []string{"smtp [::]:25"}, want: []string{"smtp [::]:25"}},
		"a kind is replaced as a whole, the other stays": {
			listen: []string{used, "127.0.0.1:25"}, listenTLS: []string{"127.0.0.1:0"},
			handed: []string{"smtp [::]:25"}, want: []string{"smtp [::]:25", "smtps *"},
		},
		"several, in the order of kinds": {
			listen: []string{used}, listenTLS: []string{used},
			handed: []string{"smtps [::]:465", "smtp [::]:25", "smtp [::]:587"}, want: []string{"smtp [::]:25", "smtp [::]:587", "smtps [::]:465"},
		},
		"a name counts more than a port": {
			listen: []string{"0.0.0.0:25"}, listenTLS: []string{"0.0.0.0:465"}, handed: []string{"smtp [::]:465", "smtps [::]:25"},
			want: []string{"smtp [::]:465", "smtps [::]:25"},
		},
		"by port":                              {listen: []string{"0.0.0.0:25"}, listenTLS: []string{"0.0.0.0:465"}, handed: []string{"mxdesk.socket [::]:465", "mxdesk.socket [::]:25"}, want: []string{"smtp [::]:25", "smtps [::]:465"}},
		"by port, without a name":              {listen: []string{"0.0.0.0:25"}, handed: []string{" [::]:25"}, want: []string{"smtp [::]:25"}},
		"a port that is not configured":        {listen: []string{"0.0.0.0:25"}, handed: []string{"mxdesk.socket [::]:2525"}, problem: `socket "mxdesk.socket" on [::]:2525 could be of any kind; set FileDescriptorName= to one of smtp, smtps`},
		"a port of two kinds":                  {listen: []string{"127.0.0.1:25"}, listenTLS: []string{"127.0.0.2:25"}, handed: []string{" [::]:25"}, problem: "could be of any kind"},
		"the end of a port is no port":         {listen: []string{"0.0.0.0:2525"}, handed: []string{" [::]:25"}, problem: "could be of any kind"},
		"TLS without a certificate":            {listen: []string{used}, noTLS: true, handed: []string{"smtp [::]:25", "smtps [::]:465"}, problem: `socket "smtps" is for TLS`},
		"what is handed over does not mend it": {listen: []string{used}, handed: []string{"smtps [::]:465"}, problem: "cannot listen on " + used},
		"a Unix socket, by name":               {listen: []string{used}, handed: []string{"smtp /run/socket"}, want: []string{"smtp /run/socket"}},
		"no port at all":                       {listen: []string{"0.0.0.0:25"}, handed: []string{" /run/socket"}, problem: "could be of any kind"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &App{cfg: &config.Config{}}
			a.cfg.SMTP.Listen, a.cfg.SMTP.ListenTLS = test.listen, test.listenTLS
			if !test.noTLS {
				a.door.TLS = &tls.Config{}
			}
			var handed []systemd.Socket
			var fakes []*fakeListener
			for _, h := range test.handed {
				name, addr, _ := strings.Cut(h, " ")
				fakes = append(fakes, &fakeListener{addr: addr})
				handed = append(handed, systemd.Socket{Name: name, Listener: fakes[len(fakes)-1]})
			}
			list, err := a.entrances(handed)
			if test.problem != "" {
				if err == nil || !strings.Contains(err.Error(), test.problem) || errors.Is(err, ErrSockets) == strings.Contains(test.problem, "cannot listen") {
					t.Errorf("error %v, want %s", err, test.problem)
				}
				for _, l := range fakes {
					if !l.closed {
						t.Errorf("%s stays open", l.addr)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer closeAll(list)
			var got []string
			for _, e := range list {
				addr := "*"
				if f, ok := e.listener.(*fakeListener); ok {
					addr = f.addr
				}
				got = append(got, e.Kind+" "+addr)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRemedy(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for addr, want := range map[string]string{
		taken.Addr().String():      "address already in use; stop what uses it, or set smtp.listen,",
		"192.0.2.1:25":             "cannot assign requested address; this machine has no such address: set smtp.listen,",
		"unix:" + dir + "/no/door": "no such file or directory; set smtp.listen,",
	} {
		l, err := listen(addr)
		if err == nil {
			_ = l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "cannot listen on "+addr+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", addr, err, want)
		}
	}
	if got := remedy(syscall.EACCES, false); !strings.HasPrefix(got, "a port below 1024 needs the capability CAP_NET_BIND_SERVICE") {
		t.Errorf("no permission for a port: %s", got)
	}
	if got := remedy(syscall.EACCES, true); !strings.HasPrefix(got, "let the user that mxdesk runs as write to its folder") {
		t.Errorf("no permission for a socket: %s", got)
	}
}
