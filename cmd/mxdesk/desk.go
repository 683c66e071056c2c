package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"mxdesk/internal/api"
	"mxdesk/internal/app"
	"mxdesk/internal/config"
	"mxdesk/ticketstore"
)

// config loads the configuration, or the built-in one, and applies --data.
func (e *env) config() (*config.Config, error) {
	c := config.Default()
	if e.cli.Config != "" {
		var err error
		if c, err = config.Load(e.cli.Config); err != nil {
			return nil, &exitError{exitConfig, err}
		}
	}
	if e.cli.Data != "" {
		c.Move(e.cli.Data)
	}
	return c, nil
}

// logger logs to stderr: for people on a terminal, as JSON otherwise.
func (e *env) logger(level string) zerolog.Logger {
	w := e.stderr
	if f, ok := w.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05"}
	}
	l, err := zerolog.ParseLevel(level)
	if err != nil {
		l = zerolog.InfoLevel
	}
	return zerolog.New(w).Level(l).With().Timestamp().Logger()
}

// open opens a file, or standard input for "" and "-"; what says in errors what
// it holds. Who is at a terminal is told that the command waits for them.
func (e *env) open(name, what string) (io.ReadCloser, error) {
	if name != "" && name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", what, err)
		}
		return f, nil
	}
	if f, ok := e.stdin.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		fmt.Fprintln(e.stderr, "Reading from the terminal; end with Ctrl-D on a line of its own.")
	}
	return io.NopCloser(e.stdin), nil
}

// read reads what open opens, at most limit octets: more is refused, not cut.
func (e *env) read(name, what string, limit int) ([]byte, error) {
	in, err := e.open(name, what)
	if err != nil {
		return nil, err
	}
	defer in.Close() // only read
	raw, err := io.ReadAll(io.LimitReader(in, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	if len(raw) > limit {
		if name == "" || name == "-" {
			name = "standard input"
		}
		return nil, &exitError{exitUsage, fmt.Errorf("reading %s: %s holds more than %d MiB", what, name, limit>>20)}
	}
	return raw, nil
}

// withDesk runs fn with a client: of the running server, or of this process
// when none runs. create says whether a desk may be made where there is none.
func (e *env) withDesk(create bool, fn func(*api.Client) error) error {
	cfg, err := e.config()
	if err != nil {
		return err
	}
	c, err := api.Dial(e.ctx, cfg.DataDir)
	if err == nil {
		return fn(c)
	}
	has, err := hasStore(cfg.DataDir)
	if err != nil {
		return closedOff(cfg.DataDir, err)
	}
	if !create && !has {
		return &exitError{exitUnreachable, fmt.Errorf("there is no desk in %s: run \"mxdesk serve\", or name its folder with --data", cfg.DataDir)}
	}
	a, err := app.Open(cfg, e.logger("warn"))
	switch {
	case errors.Is(err, ticketstore.ErrLocked):
		return busy(cfg.DataDir)
	case errors.Is(err, fs.ErrPermission):
		return closedOff(cfg.DataDir, err)
	case err != nil:
		return err
	}
	return errors.Join(fn(a.Client()), a.Close())
}

// hasStore reports whether a folder holds a desk. The error says that this
// cannot be known, which is not the same as no, or that it holds a backup.
func hasStore(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, "desk.db"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, ticketstore.NotABackup(dir)
	}
	return err == nil, err
}

// closedOff says that a data folder is of no use to this user.
func closedOff(dir string, err error) error {
	if errors.Is(err, ticketstore.ErrRefused) { // it says what to do
		return err
	}
	hint := "name the desk's folder with --data"
	if errors.Is(err, fs.ErrPermission) {
		hint = "run this as the user that the server runs as"
	}
	return &exitError{exitUnreachable, fmt.Errorf("the desk in %s cannot be opened: %w; %s", dir, err, hint)}
}

// busy says what to do about a store that is in use by a process that cannot be
// spoken to.
func busy(dir string) error {
	socket := filepath.Join(dir, "control.sock")
	if _, err := os.Lstat(socket); errors.Is(err, fs.ErrNotExist) {
		return &exitError{exitUnreachable, fmt.Errorf("a server has the desk in %s open, but its control socket %s is missing; unless it is just starting or stopping, restart the server", dir, socket)}
	}
	return &exitError{exitUnreachable, fmt.Errorf("a server has the desk in %s open and does not answer on its control socket; is it starting or stopping?", dir)}
}

// json reports whether the output is to be JSON.
func (e *env) json() bool { return e.cli.Output == "json" }

// textOnly refuses --output json for a command without it: a script that parses
// what it gets is better told so at once.
func (e *env) textOnly() error {
	if e.json() {
		return &exitError{exitUsage, errors.New("this command has no JSON output: leave out --output json")}
	}
	return nil
}

// printJSON prints a value as JSON.
func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// result prints what a command did: as JSON, or by the function for people.
func (e *env) result(v any, people func()) error {
	if e.json() {
		return e.printJSON(v)
	}
	people()
	return nil
}

// get reads a value from the desk and prints it.
func get[T any](e *env, path string, q url.Values, people func(*T)) error {
	return e.withDesk(false, func(c *api.Client) error {
		var v T
		if err := c.Get(e.ctx, path, q, &v); err != nil {
			return err
		}
		return e.result(v, func() { people(&v) })
	})
}

// post asks the desk for something and prints what came of it.
func post[T any](e *env, path string, in any, people func(*T)) error {
	return e.withDesk(false, func(c *api.Client) error {
		var v T
		if err := c.Post(e.ctx, path, in, &v); err != nil {
			return err
		}
		return e.result(v, func() { people(&v) })
	})
}

// raw copies octets from the desk to stdout.
func (e *env) raw(path string, q url.Values) error {
	if err := e.textOnly(); err != nil {
		return err
	}
	return e.withDesk(false, func(c *api.Client) error {
		body, err := c.Open(e.ctx, http.MethodGet, path, q, nil)
		if err != nil {
			return err
		}
		defer body.Close()
		_, err = io.Copy(e.stdout, body)
		return err
	})
}
