package remote

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Capture delivers to a folder: one ".eml" file for each mail, headed by the
// envelope as Return-Path and Delivered-To. Nothing leaves the machine.
type Capture struct {
	Dir string // created with mode 0700 when it does not exist
}

// Deliver writes the mail under its name, mode 0600. The file appears whole or
// not at all; a mail of the same name is replaced, since a retry is the same
// mail.
func (c Capture) Deliver(ctx context.Context, m Mail) (Result, error) {
	name := fileName(m.Name)
	if err := c.write(ctx, name, m); err != nil {
		return Result{}, &Error{Temporary: true, Host: "capture", Phase: PhaseFile, Err: err}
	}
	return Result{Host: "capture", Reply: "250 written to " + name}, nil
}

func (c Capture) write(ctx context.Context, name string, m Mail) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(c.Dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // in vain once it is renamed
	if err := fill(f, m); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(c.Dir, name)); err != nil {
		return err
	}
	return syncDir(c.Dir)
}

func fill(f *os.File, m Mail) error {
	if _, err := fmt.Fprintf(f, "Return-Path: <%s>\r\nDelivered-To: %s\r\n", m.From, m.To); err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(source{m.Content}, m.Size+1))
	if err != nil {
		return err
	}
	if n != m.Size {
		return fmt.Errorf("%w: %d octets or more, expected %d", ErrContent, n, m.Size)
	}
	return f.Sync()
}

// syncDir makes a rename in the folder last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() // only synced
	return d.Sync()
}

// maxName bounds a file name, in octets, with room for ".eml".
const maxName = 200

// fileName makes a name safe in any folder of any file system.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-+=@._", r):
			return r
		}
		return '_'
	}, strings.TrimSuffix(name, ".eml"))
	name = name[:min(len(name), maxName)]
	if name == "" || name[0] == '.' || name[0] == '-' {
		name = "_" + name
	}
	return name + ".eml"
}
