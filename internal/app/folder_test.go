package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"mxdesk/internal/config"
)

func TestDataFolder(t *testing.T) {
	for name, test := range map[string]struct {
		files   []string // in the folder; a folder when they end in /
		mode    fs.FileMode
		problem string
	}{
		"empty":                                {mode: 0o755},
		"a desk, with things beside it":        {files: []string{"desk.db", "notes.txt"}, mode: 0o755},
		"what is left of a desk":               {files: []string{"desk.journal", "notes.txt"}, mode: 0o755},
		"a first start that broke off":         {files: []string{"desk.db.new", "segments/", "spool/"}, mode: 0o755},
		"keys from a backup":                   {files: []string{"keys.json"}, mode: 0o755},
		"the root of a file system":            {files: []string{"lost+found/", ".Trash-0/"}, mode: 0o755},
		"what the configuration names":         {files: []string{"site.toml", "tls/", "texts/", "password", "ca.pem", "door"}, mode: 0o755},
		"other things":                         {files: []string{"letter.odt"}, mode: 0o755, problem: `holds no desk but other things, such as "letter.odt"`},
		"other things, beside what it may be":  {files: []string{"keys.json", "www/"}, mode: 0o755, problem: `such as "www"`},
		"other things that are closed already": {files: []string{"letter.odt"}, mode: 0o700, problem: `such as "letter.odt"`},
		"a folder for all users":               {mode: 0o777 | fs.ModeSticky, problem: "is a folder for all users"},
		"a desk in a folder for all users":     {files: []string{"desk.db"}, mode: 0o777 | fs.ModeSticky},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			for _, f := range test.files {
				path := filepath.Join(dir, f)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(f, "/") {
					path = filepath.Join(path, "x")
					if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chmod(dir, test.mode)); err != nil {
				t.Fatal(err)
			}
			cfg := config.Default()
			cfg.Move(dir)
			cfg.File = filepath.Join(dir, "site.toml")
			cfg.TLS.CertFile, cfg.TLS.KeyFile = filepath.Join(dir, "tls/cert.pem"), filepath.Join(dir, "tls/key.pem")
			cfg.Outbound.PasswordFile, cfg.Outbound.CAFile = filepath.Join(dir, "password"), filepath.Join(dir, "ca.pem")
			cfg.SMTP.ListenLMTP = []string{"unix:" + filepath.Join(dir, "door")}
			box := cfg.Mailbox["support"]
			box.Templates = filepath.Join(dir, "texts")
			cfg.Mailbox["support"] = box

			err := makeFolder(cfg)
			info, statErr := os.Stat(dir)
			if statErr != nil {
				t.Fatal(statErr)
			}
			if test.problem == "" {
				if err != nil || info.Mode().Perm() != 0o700 {
					t.Errorf("error %v, mode %v; want none and 0700", err, info.Mode())
				}
				return
			}
			if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), test.problem) || !strings.Contains(err.Error(), filepath.Join(dir, "mxdesk")) {
				t.Errorf("error %v, want that of a configuration with %q and another folder", err, test.problem)
			}
			if got := info.Mode() & (fs.ModePerm | fs.ModeSticky); got != test.mode {
				t.Errorf("mode %v, want %v as before", got, test.mode)
			}
		})
	}
}

func TestForeignFolderIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letter.odt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Move(dir)
	if a, err := Open(cfg, zerolog.Nop()); !errors.Is(err, ErrConfig) {
		t.Errorf("error %v, want %v", err, ErrConfig)
		if err == nil {
			_ = a.Close()
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v; want the letter alone", entries, err)
	}
}
