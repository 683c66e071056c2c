package ticketstore

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// sweep removes what a manifest does not name: the files of older backups, and
// what one that broke off has left or has added to a segment. Whatever has a name
// that no backup gives stays.
func (b *backup) sweep(m *Manifest) error {
	used := map[string]bool{}
	for _, f := range m.Files {
		used[f.File] = true
	}
	for _, s := range m.Segments {
		used[s.File] = true
		path := filepath.Join(b.dir, s.File)
		if st, err := os.Stat(path); err == nil && st.Size() > s.size() {
			if err := os.Truncate(path, s.size()); err != nil {
				return err
			}
		}
	}
	for _, folder := range []string{"", segmentsName} {
		entries, err := os.ReadDir(filepath.Join(b.dir, folder))
		if err != nil {
			return err
		}
		for _, e := range entries {
			name := filepath.Join(folder, e.Name())
			if used[name] || !b.ours(name) {
				continue
			}
			if err := os.Remove(filepath.Join(b.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// copyName is the name of a file's copy in the backup with this mark.
func copyName(name, mark string) string {
	ext := filepath.Ext(name)
	return strings.TrimSuffix(name, ext) + "-" + mark + ext
}

// ours reports whether a backup gives such a name to a file.
func (b *backup) ours(name string) bool {
	copied := func(of string) bool {
		ext := filepath.Ext(of)
		mark, begins := strings.CutPrefix(name, strings.TrimSuffix(of, ext)+"-")
		mark, ends := strings.CutSuffix(mark, ext)
		_, err := time.Parse(markFormat, mark)
		return begins && ends && err == nil
	}
	if filepath.Dir(name) == segmentsName {
		number, _, _ := strings.Cut(strings.TrimSuffix(name, segmentSuffix), "-")
		_, err := segmentNumber(filepath.Base(number) + segmentSuffix)
		return err == nil && (name == number+segmentSuffix || copied(number+segmentSuffix))
	}
	return name == manifestName+freshSuffix || copied(dbName) || slices.ContainsFunc(b.live.opt.Beside, copied)
}
