package ticketstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// leaveToOwner gives what root has made of a store to whom its folder belongs, and
// of other files those that are named: the server, which runs as they, could not
// open it. They may have put anything into the folder meanwhile, so nothing is
// followed out of it, and only what is root's own changes hands.
func leaveToOwner(dir string, others ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	owner, err := ownerOf(root.Stat("."))
	if err != nil || owner.Uid == 0 {
		return err
	}
	names := append([]string{segmentsName}, others...)
	entries, err := fs.ReadDir(root.FS(), ".")
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "desk.") {
			names = append(names, e.Name())
		}
	}
	if info, serr := root.Lstat(segmentsName); serr == nil && info.IsDir() {
		segments, serr := fs.ReadDir(root.FS(), segmentsName)
		for _, e := range segments {
			if _, err := segmentNumber(e.Name()); err == nil {
				names = append(names, filepath.Join(segmentsName, e.Name()))
			}
		}
		err = errors.Join(err, serr)
	}
	for _, name := range names {
		info, lerr := root.Lstat(name)
		st, serr := ownerOf(info, lerr)
		switch {
		case errors.Is(serr, fs.ErrNotExist):
		case serr != nil:
			err = errors.Join(err, serr)
		case st.Uid != 0, !info.IsDir() && (!info.Mode().IsRegular() || st.Nlink > 1):
		default:
			if cerr := root.Lchown(name, int(owner.Uid), int(owner.Gid)); !errors.Is(cerr, fs.ErrPermission) { // in a container root may not be able to
				err = errors.Join(err, cerr)
			}
		}
	}
	return err
}

func ownerOf(info fs.FileInfo, err error) (*syscall.Stat_t, error) {
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, fmt.Errorf("%s: its owner is not known", info.Name())
	}
	return st, nil
}
