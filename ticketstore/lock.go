package ticketstore

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockWait is how long another process may take to end.
const lockWait = time.Second

// lockFolder keeps other processes from a folder until the file it returns is
// closed; ErrLocked when that takes longer than the wait. The folder itself is
// locked, and not a file in it: what writes the database anew puts another file
// in its place, and a process that waited for the old one would work on that.
func lockFolder(dir string, wait time.Duration) (*os.File, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if noLock {
		return d, nil
	}
	if err := lockFile(d, wait); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// lockFile locks a file that is open, with the lock that bbolt takes, too.
func lockFile(f *os.File, wait time.Duration) error {
	for until, pause := time.Now().Add(wait), 10*time.Millisecond; ; pause *= 2 {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			return fmt.Errorf("locking %s: %w; the data folder must be on a disk of this machine", f.Name(), err)
		case time.Now().After(until):
			return ErrLocked
		}
		time.Sleep(pause)
	}
}
