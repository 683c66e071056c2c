package app

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mxdesk/internal/config"
	"mxdesk/ticketstore"
)

// makeFolder makes the data folder of a configuration and closes it to others:
// a folder made by somebody else may be open to them, the mails are not. It must
// be new, empty or a desk's, for it would be closed to whoever uses it, too.
func makeFolder(cfg *config.Config) error {
	dir := cfg.DataDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	if !isDesk(dir) {
		if err := ticketstore.NotABackup(dir); err != nil {
			return err
		}
		if err := free(cfg); err != nil {
			return err
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("closing the data folder to others: %w", err)
	}
	return nil
}

// isDesk reports whether a folder holds a desk, or what is left of one.
func isDesk(dir string) bool {
	return slices.ContainsFunc([]string{"desk.db", "desk.journal"}, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
}

// free refuses a folder without a desk that is in use for something else.
func free(cfg *config.Config) error {
	dir := cfg.DataDir
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("looking at the data folder: %w", err)
	}
	if info.Mode()&os.ModeSticky != 0 {
		return fmt.Errorf("%w: %s is a folder for all users, and mxdesk would close it to them; name a folder of its own, as %s, with --data or the key data", ErrConfig, dir, filepath.Join(dir, "mxdesk"))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("looking at the data folder: %w", err)
	}
	own := ownNames(cfg)
	for _, e := range entries {
		if name := e.Name(); !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "desk.") && !slices.Contains(own, name) {
			return fmt.Errorf("%w: %s holds no desk but other things, such as %q, and mxdesk would close it to others; name a new or empty folder, as %s, with --data or the key data", ErrConfig, dir, name, filepath.Join(dir, "mxdesk"))
		}
	}
	return nil
}

// ownNames are what may stand in the folder of a desk that is not there yet or
// no more, besides hidden files and those that begin with "desk.": what a desk
// makes, what a file system has in its root, and what the configuration names.
func ownNames(cfg *config.Config) []string {
	names := []string{keysName, "segments", "spool", "acme", "outgoing", "control.sock", "restore.partial", "lost+found"}
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return names
	}
	for _, path := range cfg.Files() {
		if path, err = filepath.Abs(path); err != nil {
			continue
		}
		if rel, ok := strings.CutPrefix(path, dir+string(filepath.Separator)); ok {
			name, _, _ := strings.Cut(rel, string(filepath.Separator))
			names = append(names, name)
		}
	}
	return names
}
