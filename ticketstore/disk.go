package ticketstore

import (
	"os"

	"golang.org/x/sys/unix"
)

// flush puts a file's data on disk. Tests replace it to see a disk fail.
var flush = func(f *os.File) error {
	if noFlush {
		return nil
	}
	return unix.Fdatasync(int(f.Fd()))
}

// unflushed is why a flush failed. What is on disk is unknown then, and trying
// again may succeed without it: Linux tells such an error once.
type unflushed struct{ error }

func (u unflushed) Unwrap() error { return u.error }

// syncDir puts a folder's entries on disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := flushDir(d); err != nil {
		return unflushed{err}
	}
	return nil
}

// flushDir is as flush for a folder.
var flushDir = (*os.File).Sync

// FreeDisk is the number of octets that an unprivileged process can still
// write in the file system of dir.
func FreeDisk(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}
