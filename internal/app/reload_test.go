package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"mxdesk/internal/address"
	"mxdesk/internal/config"
)

const reloadBase = "hostname = \"mx.desk.test\"\ndata = %q\n[dns]\nservers = []\n[mailbox.support]\naddresses = [\"support@desk.test\"]\n"

func TestReload(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "agent-reply.txt"), []byte("Subject: {{.Nothing\n\nx\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const sales = "[mailbox.sales]\naddresses = [\"sales@desk.test\"]\n"
	for name, test := range map[string]struct {
		old, now string // put in the place of old, "" at the end
		problem  string // none: it is taken
		restart  bool
	}{
		"nothing new":     {},
		"mailbox":         {now: sales},
		"bound on mail":   {now: sales + "[limits]\nautomatic_mail_per_day = 3\n"},
		"name servers":    {old: "servers = []", now: "servers = [\"127.0.0.1:5353\"]\nbudget = \"1s\""},
		"empty list":      {now: sales + "[smtp]\nlisten_tls = []\n"},
		"syntax":          {now: sales + "[", problem: "test.toml:"},
		"unknown key":     {now: sales + "nonsense = 1\n", problem: "nonsense"},
		"broken template": {now: sales + fmt.Sprintf("templates = %q\n", folder), problem: "templates of mailbox sales"},
		"listener":        {now: sales + "[smtp]\nlisten = [\"127.0.0.1:2526\"]\n", problem: "smtp.listen", restart: true},
		"host name":       {old: "mx.desk.test", now: "other.test", problem: "hostname, authserv_id", restart: true},
		"mailbox lost":    {old: "mailbox.support", now: "mailbox.other", problem: ": mailbox.support removed", restart: true},
		"other limits":    {now: sales + "[limits]\nmax_errors = 7\nautomatic_mail_per_day = 3\n", problem: ": limits.max_errors", restart: true},
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf(reloadBase, t.TempDir())
			load := func() (*config.Config, error) { return config.Parse("test.toml", []byte(text)) }
			cfg, err := load()
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			a, err := Open(cfg, zerolog.New(&log))
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			before := a.current.Load()
			if test.old != "" {
				text = strings.ReplaceAll(text, test.old, test.now)
			} else {
				text += test.now
			}
			err = a.Reload(load)
			event := EventReloaded
			if test.problem != "" {
				event = EventReloadRefused
			}
			switch {
			case test.problem == "" && (err != nil || a.current.Load() == before):
				t.Errorf("not taken: %v", err)
			case test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem) || a.current.Load() != before):
				t.Errorf("error %v, want %s", err, test.problem)
			case errors.Is(err, ErrRestart) != test.restart:
				t.Errorf("asks for a restart: %v", err)
			}
			if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), `"`+event+`"`) {
				t.Errorf("logged:\n%s", log.String())
			}
			taken := test.problem == "" && strings.Contains(test.now, "sales@desk.test")
			to, err := address.Parse("sales@desk.test")
			if err != nil {
				t.Fatal(err)
			}
			if err := (currentDesk{a}).Recipient(context.Background(), to, 0); (err == nil) != taken {
				t.Errorf("mail to the new mailbox: %v", err)
			}
		})
	}
}

// Every key that may change exists; a misspelt one would ask for a restart.
func TestLooseKeysExist(t *testing.T) {
	reference := "\n" + config.Reference()
	for key := range loose {
		name := key[strings.LastIndex(key, ".")+1:]
		if !strings.Contains(reference, name+" = ") && !strings.Contains(reference, "["+name) {
			t.Errorf("there is no key %s", key)
		}
	}
}
