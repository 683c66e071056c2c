// Package systemd is what a service manager and a process say to each other:
// listening sockets that were opened before the process and stay open behind it
// (sd_listen_fds(3)), and words about the process's state (sd_notify(3)). Any
// manager that speaks the same protocol will do; without one nothing happens.
//
// For most uses: [Receive] once at the start, then [Manager.Notify].
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// firstFD is where handed-over descriptors begin (SD_LISTEN_FDS_START).
	firstFD = 3
	// maxSockets bounds what is taken over: far more than a desk listens on.
	maxSockets = 64
	// hearing is how long the manager may take to hear a word: it must not hold up
	// a stop.
	hearing = time.Second
)

// Socket is a listening socket that the manager holds too: closing Listener
// refuses no client, who waits for the next process instead.
type Socket struct {
	// Name is FileDescriptorName= of the socket unit: the unit's own name when it
	// sets none, empty when the manager names nothing.
	Name     string
	Listener net.Listener
}

// Manager is the service manager's side. The zero value is none.
type Manager struct {
	Sockets []Socket // in the manager's order; the receiver closes their listeners
	notify  string   // path of its datagram socket, "@" first for an abstract one
}

// Receive takes what the manager left for this process, and takes it out of the
// environment: no child and no second call finds it again. Sockets meant for
// another process are not touched. On an error no socket stays open.
func Receive() (*Manager, error) {
	m := &Manager{notify: os.Getenv("NOTIFY_SOCKET")}
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{"NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, fmt.Errorf("clearing %s: %w", name, err)
		}
	}
	if pid == "" || pid != strconv.Itoa(os.Getpid()) {
		return m, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxSockets {
		return nil, fmt.Errorf("LISTEN_FDS is %.20q, not a number from 0 to %d", count, maxSockets)
	}
	m.Sockets, err = adopt(firstFD, n, names)
	return m, err
}

// adopt makes listeners of n descriptors from first on.
func adopt(first, n int, names string) ([]Socket, error) {
	list := make([]Socket, 0, n)
	var errs []error
	given := make([]string, n)
	if names != "" {
		if given = strings.Split(names, ":"); len(given) != n {
			errs = append(errs, fmt.Errorf("LISTEN_FDNAMES has %d names for %d sockets", len(given), n))
			given = make([]string, n)
		}
	}
	for i := range n {
		s := Socket{Name: given[i]}
		var err error
		if s.Listener, err = listener(first + i); err != nil {
			errs = append(errs, fmt.Errorf("descriptor %d (%.40q): %w", first+i, s.Name, err))
			continue
		}
		list = append(list, s)
	}
	if len(errs) > 0 {
		return nil, errors.Join(append(errs, CloseAll(list))...)
	}
	return list, nil
}

// listener takes over one descriptor, which is closed in any case: the listener
// has a duplicate.
func listener(fd int) (net.Listener, error) {
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "handed-over socket")
	defer f.Close()
	if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil {
		return nil, fmt.Errorf("no socket: %w", err)
	} else if listens == 0 {
		return nil, errors.New("the socket does not listen: use ListenStream=, and Accept=no")
	}
	return net.FileListener(f)
}

// CloseAll closes sockets that nobody is going to serve.
func CloseAll(list []Socket) error {
	var errs []error
	for _, s := range list {
		errs = append(errs, s.Listener.Close())
	}
	return errors.Join(errs...)
}

// Notify tells the manager about a state, such as [Ready]. Without a manager
// that asked for it, nothing happens. One that does not listen costs a second.
func (m *Manager) Notify(state string) error {
	if m.notify == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.notify, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notifying the service manager: %w", err)
	}
	defer c.Close()
	if err := c.SetWriteDeadline(time.Now().Add(hearing)); err != nil {
		return fmt.Errorf("notifying the service manager: %w", err)
	}
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("notifying the service manager: %w", err)
	}
	return nil
}

// The states of a process.
const (
	Ready    = "READY=1"    // it serves, after a start or a reload
	Stopping = "STOPPING=1" // it ends in order
)

// Reloading is the state of a process that reads its configuration again, to be
// followed by [Ready]. The manager tells one reload from another by the time.
func Reloading() string {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // it exists on every Linux
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000)
}
