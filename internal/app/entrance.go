package app

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"mxdesk/internal/systemd"
)

// The kinds of listeners, which are also the names by which a service manager
// hands over their sockets.
const (
	SMTP  = "smtp"  // smtp.listen: in clear, with STARTTLS
	SMTPS = "smtps" // smtp.listen_tls: TLS from the first octet
	LMTP  = "lmtp"  // smtp.listen_lmtp
)

// ErrSockets: handed-over sockets do not fit the configuration.
var ErrSockets = errors.New("the sockets of the service manager do not fit the configuration")

// Entrance is a place where mail comes in.
type Entrance struct {
	Kind     string // [SMTP], [SMTPS] or [LMTP]
	listener net.Listener
}

// Addr is where it listens.
func (e Entrance) Addr() net.Addr { return e.listener.Addr() }

// wanted is what the configuration says about one kind of listener.
type wanted struct {
	kind  string
	addrs []string
}

func (a *App) wanted() []wanted {
	return []wanted{{SMTP, a.cfg.SMTP.Listen}, {SMTPS, a.cfg.SMTP.ListenTLS}, {LMTP, a.cfg.SMTP.ListenLMTP}}
}

// entrances opens all listeners of the door, or none. A socket that was handed
// over takes the place of every configured address of its kind. They come in the
// order of the kinds.
func (a *App) entrances(handed []systemd.Socket) (list []Entrance, err error) {
	given := map[string][]Entrance{}
	for _, s := range handed {
		kind, err := kindOf(s, a.wanted())
		if err == nil && kind == SMTPS && a.door.TLS == nil {
			err = fmt.Errorf("%w: socket %q is for TLS, and [tls] names no certificate", ErrSockets, s.Name)
		}
		if err != nil {
			return nil, errors.Join(err, systemd.CloseAll(handed))
		}
		given[kind] = append(given[kind], Entrance{kind, s.Listener})
	}
	for _, w := range a.wanted() {
		if len(given[w.kind]) > 0 {
			list = append(list, given[w.kind]...)
			continue
		}
		for _, addr := range w.addrs {
			l, err := listen(addr)
			if err != nil {
				return nil, errors.Join(err, closeAll(list), systemd.CloseAll(handed))
			}
			list = append(list, Entrance{w.kind, l})
		}
	}
	return list, nil
}

// kindOf tells what a handed-over socket is for: by its name, and when that is no
// kind (a socket unit gives its own name if it is told none), by its port, which
// must be one that a single kind is configured with.
func kindOf(s systemd.Socket, kinds []wanted) (string, error) {
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		port = "none"
	}
	var found, names []string
	for _, w := range kinds {
		if w.kind == s.Name {
			return w.kind, nil
		}
		names = append(names, w.kind)
		if slices.ContainsFunc(w.addrs, func(addr string) bool { return strings.HasSuffix(addr, ":"+port) }) {
			found = append(found, w.kind)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return "", fmt.Errorf("%w: socket %q on %v could be of any kind; set FileDescriptorName= to one of %s", ErrSockets, s.Name, s.Listener.Addr(), strings.Join(names, ", "))
}

// listen opens one listener.
func listen(addr string) (net.Listener, error) {
	file, unix := strings.CutPrefix(addr, "unix:")
	open := func() (net.Listener, error) { return net.Listen("tcp", addr) }
	if unix {
		open = func() (net.Listener, error) { return listenUnix(file) }
	}
	l, err := open()
	if err == nil {
		return l, nil
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		err = sys.Err
	}
	return nil, fmt.Errorf("cannot listen on %s: %w; %s", addr, err, remedy(err, unix))
}

// remedy says what to do about a listener that could not be opened.
func remedy(err error, unix bool) string {
	const set = "set smtp.listen, smtp.listen_tls or smtp.listen_lmtp to another address"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "stop what uses it, or " + set
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address: " + set
	case errors.Is(err, fs.ErrPermission) && unix:
		return "let the user that mxdesk runs as write to its folder, or " + set
	case errors.Is(err, fs.ErrPermission):
		return "a port below 1024 needs the capability CAP_NET_BIND_SERVICE or a socket unit (contrib/systemd has both), or " + set
	}
	return set
}

// listenUnix opens a Unix socket for its owner and group. A socket that a killed
// server left behind is taken away, one that somebody answers at is not.
func listenUnix(file string) (net.Listener, error) {
	if conn, err := net.Dial("unix", file); err == nil {
		return nil, errors.Join(syscall.EADDRINUSE, conn.Close())
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		if info, err := os.Lstat(file); err == nil && info.Mode().Type() == os.ModeSocket {
			if err := os.Remove(file); err != nil {
				return nil, err
			}
		}
	}
	l, err := net.Listen("unix", file)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(file, 0o660); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func closeAll(list []Entrance) error {
	var errs []error
	for _, e := range list {
		errs = append(errs, e.listener.Close())
	}
	return errors.Join(errs...)
}
