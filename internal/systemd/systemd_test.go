package systemd

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// descriptors duplicates files to numbers in a row, as a manager does, and
// returns the first. The test that adopts them closes them.
func descriptors(t *testing.T, files ...*os.File) (first int) {
	t.Helper()
	first = 200
	for i, f := range files {
		if err := unix.Dup3(int(f.Fd()), first+i, 0); err != nil {
			t.Fatal(err)
		}
	}
	return first
}

func tcp(t *testing.T) (*os.File, net.Addr) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, l.Addr()
}

func isOpen(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

func TestAdoptedSocketOutlivesItsListener(t *testing.T) {
	f, addr := tcp(t)
	for round := range 2 {
		list, err := adopt(descriptors(t, f), 1, "smtp")
		if err != nil {
			t.Fatal(err)
		}
		if list[0].Name != "smtp" || list[0].Listener.Addr().String() != addr.String() {
			t.Errorf("got %q at %v, want smtp at %v", list[0].Name, list[0].Listener.Addr(), addr)
		}
		client, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		got, err := list[0].Listener.Accept()
		if err != nil || got.RemoteAddr().String() != client.LocalAddr().String() {
			t.Fatalf("round %d: accepted %v, %v", round, got, err)
		}
		got.Close()
		if err := CloseAll(list); err != nil {
			t.Error(err)
		}
		// Nobody accepts now, and yet nobody is refused.
		waiting, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatalf("round %d: refused between two processes: %v", round, err)
		}
		list, err = adopt(descriptors(t, f), 1, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err = list[0].Listener.Accept()
		if err != nil || got.RemoteAddr().String() != waiting.LocalAddr().String() {
			t.Errorf("round %d: the next process accepted %v, %v", round, got, err)
		}
		got.Close()
		waiting.Close()
		CloseAll(list)
	}
}

func TestAdoptRefusesWhatDoesNotListen(t *testing.T) {
	listening, _ := tcp(t)
	plain, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	connected := os.NewFile(uintptr(pair[0]), "connected")
	defer connected.Close()
	defer unix.Close(pair[1])
	for name, test := range map[string]struct {
		files []*os.File
		names string
		want  string
	}{
		"file":              {[]*os.File{listening, plain}, "smtp:smtps", `descriptor 201 ("smtps"): no socket`},
		"connected socket":  {[]*os.File{connected, listening}, "", `descriptor 200 (""): the socket does not listen`},
		"too few names":     {[]*os.File{listening, listening}, "smtp", "1 names for 2 sockets"},
		"too many names":    {[]*os.File{listening}, "smtp:", "2 names for 1 sockets"},
		"names, no sockets": {nil, "smtp", "1 names for 0 sockets"},
	} {
		t.Run(name, func(t *testing.T) {
			first := descriptors(t, test.files...)
			list, err := adopt(first, len(test.files), test.names)
			if err == nil || !strings.Contains(err.Error(), test.want) || len(list) > 0 {
				t.Errorf("got %v, %v, want %s", list, err, test.want)
			}
			for i := range test.files {
				if isOpen(first + i) {
					t.Errorf("descriptor %d stays open", first+i)
				}
			}
		})
	}
}

func TestReceiveReadsTheEnvironmentOnce(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for name, test := range map[string]struct{ pid, fds, names, problem string }{
		"nothing":          {},
		"none":             {pid: own, fds: "0"},
		"another's":        {pid: strconv.Itoa(os.Getppid()), fds: "1", names: "smtp"},
		"no number":        {pid: own, fds: "x", problem: "LISTEN_FDS"},
		"negative":         {pid: own, fds: "-1", problem: "LISTEN_FDS"},
		"more than is fit": {pid: own, fds: "65", problem: "LISTEN_FDS"},
		"missing":          {pid: own, problem: "LISTEN_FDS"},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range map[string]string{"LISTEN_PID": test.pid, "LISTEN_FDS": test.fds, "LISTEN_FDNAMES": test.names, "NOTIFY_SOCKET": "/nowhere"} {
				t.Setenv(k, v)
			}
			m, err := Receive()
			if test.problem == "" && (err != nil || len(m.Sockets) > 0) || test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)) {
				t.Errorf("got %v, %v", m, err)
			}
			for _, k := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET"} {
				if v, ok := os.LookupEnv(k); ok {
					t.Errorf("%s=%s is left to children", k, v)
				}
			}
		})
	}
}

func TestNotify(t *testing.T) {
	for name, path := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": "@mxdesk-test-" + strconv.Itoa(os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			t.Setenv("NOTIFY_SOCKET", path)
			m, err := Receive()
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, state := range []string{Ready, Reloading(), Stopping} {
				if err := m.Notify(state); err != nil {
					t.Fatal(err)
				}
				b := make([]byte, 1000)
				n, err := c.Read(b)
				if err != nil {
					t.Fatal(err)
				}
				said = append(said, regexp.MustCompile(`\d{3,}`).ReplaceAllString(string(b[:n]), "N"))
			}
			if diff := cmp.Diff([]string{"READY=1", "RELOADING=1\nMONOTONIC_USEC=N", "STOPPING=1"}, said); diff != "" {
				t.Error(diff)
			}
		})
	}
	if err := new(Manager).Notify(Ready); err != nil {
		t.Errorf("without a manager: %v", err)
	}
	if err := (&Manager{notify: "/nowhere/notify"}).Notify(Ready); err == nil {
		t.Error("a manager that is gone is no error")
	}
}

// TestNotifyDoesNotWaitForADeafManager: its queue is full, and it reads nothing.
func TestNotifyDoesNotWaitForADeafManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m := &Manager{notify: path}
	for range 10_000 {
		if err = m.Notify(Ready); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want that it took too long", err)
	}
}
