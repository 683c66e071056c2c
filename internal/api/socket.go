package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

// socketName is the control socket's name in the data folder.
const socketName = "control.sock"

// Socket addresses are limited to about 100 octets, paths of data folders are
// not: the folder is opened, and the socket is addressed through it.
func inFolder(dir string, fn func(socket string) error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return fn(fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName))
}

// Listen opens the control socket of a data folder for its owner alone. The
// caller must hold the store's lock: a socket that is left over is removed.
func Listen(dir string) (net.Listener, error) {
	if err := os.Remove(filepath.Join(dir, socketName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var l *net.UnixListener
	err := inFolder(dir, func(socket string) (err error) {
		if l, err = net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"}); err != nil {
			return err
		}
		l.SetUnlinkOnClose(false)
		return os.Chmod(socket, 0o600)
	})
	if err != nil {
		return nil, err
	}
	return &control{Listener: l, path: filepath.Join(dir, socketName)}, nil
}

// control removes its socket when it is closed. One that cannot be removed does
// no harm: nobody answers there, and the next start takes it away.
type control struct {
	net.Listener
	path string
}

func (c *control) Close() error {
	err := c.Listener.Close()
	_ = os.Remove(c.path)
	return err
}

// Dial returns a client for the server of a data folder, or ErrUnreachable when
// none answers there.
func Dial(ctx context.Context, dir string) (*Client, error) {
	dial := func(ctx context.Context) (conn net.Conn, err error) {
		var d net.Dialer
		err = inFolder(dir, func(socket string) error {
			conn, err = d.DialContext(ctx, "unix", socket)
			return err
		})
		return conn, err
	}
	conn, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	conn.Close()
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}}, nil
}
