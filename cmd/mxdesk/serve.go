package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"

	"mxdesk/internal/app"
	"mxdesk/internal/config"
	"mxdesk/internal/systemd"
	"mxdesk/ticketstore"
)

type serveCmd struct{}

func (serveCmd) Run(e *env) error {
	if err := e.textOnly(); err != nil {
		return err
	}
	cfg, err := e.config()
	if err != nil {
		return err
	}
	manager, err := systemd.Receive()
	if err != nil {
		return err
	}
	hangup, release := e.hangups()
	defer release()
	a, err := app.Open(cfg, e.logger(cfg.LogLevel))
	if errors.Is(err, ticketstore.ErrLocked) {
		return &exitError{exitConflict, fmt.Errorf("another mxdesk serves the desk in %s: stop it, or name another folder with --data", cfg.DataDir)}
	}
	if err != nil {
		return unusable(cfg.DataDir, err)
	}
	stayWithin(int64(cfg.Limits.Memory))
	tell := e.teller(manager)
	reloading := e.reload(a, hangup, tell)
	err = a.Run(e.ctx, app.Options{
		Sockets: manager.Sockets, Hurry: e.hurry,
		Ready: func(at []app.Entrance) {
			e.banner(cfg, at)
			tell(systemd.Ready)
		},
		Stopping: func() { tell(systemd.Stopping) },
	})
	reloading()
	return errors.Join(err, a.Close())
}

// unusable says what to do about a data folder that this user, or nobody, can
// write to; any other error is returned as it is.
func unusable(dir string, err error) error {
	var at *fs.PathError
	if !errors.As(err, &at) || !strings.HasPrefix(at.Path, dir) && !strings.HasPrefix(dir, at.Path) {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; give %s to the user that this runs as, or name another folder with --data or the key data", err, dir)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w; name another folder with --data or the key data", err)
	}
	return err
}

// teller tells the service manager about a state. A manager that cannot be told
// is no reason to stop: it finds out by itself.
func (e *env) teller(m *systemd.Manager) func(state string) {
	return func(state string) {
		if err := m.Notify(state); err != nil {
			fmt.Fprintln(e.stderr, "mxdesk:", err)
		}
	}
}

// garbage is how much of it is let lie, in percent of what is in use, while there
// is memory enough. A desk has some 10 MiB in use and makes that much garbage
// every few dozen mails: Go's own 100 would have it collected all the time.
const garbage = 200

// stayWithin has the garbage collector work less, and harder before the memory,
// in octets, is full, unless GOGC and GOMEMLIMIT say otherwise. An eighth is left
// for what it does not see.
func stayWithin(memory int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory / 8 * 7)
	}
}

// hangups catches SIGHUP. Without a configuration file there is nothing to read
// again, and the signal means that the terminal of somebody who tries mxdesk is
// gone: it ends the server, as it ends any program.
func (e *env) hangups() (signals chan os.Signal, release func()) {
	signals = make(chan os.Signal, 1)
	if e.cli.Config == "" || signal.Ignored(syscall.SIGHUP) {
		return signals, func() {}
	}
	signal.Notify(signals, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}

// reload reads the configuration again at every signal, until stop, which waits
// for one that is being read.
func (e *env) reload(a *app.App, signals <-chan os.Signal, tell func(state string)) (stop func()) {
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-signals:
				tell(systemd.Reloading())
				_ = a.Reload(e.config) // it is in the log
				tell(systemd.Ready)
			case <-end:
				return
			}
		}
	})
	return func() { close(end); wg.Wait() }
}

// banner says what runs and what to try next.
func (e *env) banner(cfg *config.Config, at []app.Entrance) {
	var where []string
	for i, a := range at {
		where = append(where, a.Addr().String())
		switch a.Kind {
		case app.SMTPS:
			where[i] += " (TLS)"
		case app.LMTP:
			where[i] += " (LMTP)"
		}
	}
	p := func(format string, args ...any) { fmt.Fprintf(e.stderr, format+"\n", args...) }
	p("mxdesk takes mail on %s; data in %s", strings.Join(where, ", "), cfg.DataDir)
	if cfg.SMTP.TrustLoopback {
		p("Senders on this machine count as authenticated (smtp.trust_loopback).")
	}
	if len(cfg.DNS.Servers) == 0 {
		p("No DNS: SPF, DKIM and DMARC are not evaluated.")
	}
	if cfg.Outbound.Route == "capture" {
		p("Outgoing mail is not sent but written to %s", cfg.Outbound.CaptureDir)
	}
	if e.cli.Config != "" || len(at) == 0 {
		return
	}
	self := e.self()
	to := cfg.Mailboxes()[0].AddressList()[0].String()
	host, port, _ := net.SplitHostPort(at[0].Addr().String())
	p(`
Try it from another terminal:

  swaks --server %[1]s:%[2]s --from ann@example.org --to %[3]s --h-Subject "Printer on fire" --body "Help!"

or, without swaks:

  python3 -c 'import smtplib; smtplib.SMTP("%[1]s", %[2]s).sendmail("ann@example.org", "%[3]s", "From: Ann <ann@example.org>\nTo: %[3]s\nSubject: Printer on fire\n\nHelp!\n")'

Then see the ticket, and answer it:

  %[4]s ticket show 1
  %[4]s ticket reply 1 --text "Have you tried water?"

The answer lies in %[5]s. Send a reply with its subject, and it is filed in the
same ticket. Stop with Ctrl-C.
`, host, port, to, self, cfg.Outbound.CaptureDir)
}

// self is how this program was called, for commands to copy.
func (e *env) self() string {
	name := "mxdesk"
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, "go-build") {
		name = "go run ./cmd/mxdesk"
	} else if len(os.Args) > 0 && strings.Contains(os.Args[0], "/") {
		name = os.Args[0]
	}
	if e.cli.Data != "" {
		name += " --data " + e.cli.Data
	}
	return name
}
