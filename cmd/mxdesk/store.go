package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/mattn/go-isatty"

	"mxdesk/internal/api"
	"mxdesk/internal/app"
	"mxdesk/ticketstore"
)

type storeCmd struct {
	Check   storeCheckCmd   `cmd:"" help:"Verify structure, references and checksums; exit 7 when something is wrong."`
	Backup  storeBackupCmd  `cmd:"" help:"Copy the store into a folder while the desk works; again into the same: only what is new of the mails."`
	Compact storeCompactCmd `cmd:"" help:"Write the files anew without what was erased, and remove the databases that a repair has kept; no server may run."`
	Repair  storeRepairCmd  `cmd:"" help:"Make a damaged store whole, and say what could not be brought back; no server may run. Exit 7 when something is lost."`
	Restore storeRestoreCmd `cmd:"" help:"Make an empty data folder what a backup holds."`
}

// AfterApply refuses an empty --data or --config: a store is not to be taken for
// the one that is meant.
func (storeCmd) AfterApply(k *kong.Context) error {
	for _, p := range k.Path {
		if f := p.Flag; f != nil && (f.Name == "data" || f.Name == "config") && k.FlagValue(f) == "" {
			return fmt.Errorf("--%s: %w", f.Name, errNoName)
		}
	}
	return nil
}

var errNoName = errors.New("its name is empty; give one (is a variable of a script not set?)")

// folder is the name of one. The empty name would mean the working folder.
type folder string

func (f *folder) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		return errNoName
	}
	*f = folder(b)
	return nil
}

type storeCheckCmd struct{}

func (storeCheckCmd) Run(e *env) error {
	err := e.withDesk(false, func(c *api.Client) error {
		var r ticketstore.Report
		if err := c.Get(e.ctx, "/v1/store/check", nil, &r); err != nil {
			return err
		}
		return e.report(r)
	})
	if errors.Is(err, ticketstore.ErrDamaged) { // so that it cannot be opened
		return e.report(ticketstore.Report{Problems: []string{err.Error()}})
	}
	return err
}

// report prints what a check found, and is an error when that is bad.
func (e *env) report(r ticketstore.Report) error {
	err := e.result(r, func() {
		fmt.Fprintf(e.stdout, "%s, %s, %s, %s, %s\n%s, %d octets; %s nothing refers to\n",
			count(r.Tickets, "ticket"), count(r.Actions, "action"), count(r.Contacts, "contact"), count(r.Items, "outgoing mail"),
			count(r.Held, "held mail"), count(r.Records, "record"), r.Octets, count(r.Unreferenced, "record"))
		e.problems(r.Problems)
	})
	if err == nil && len(r.Problems) > 0 {
		return &exitError{exitProblems, errors.New("the store has " + count(len(r.Problems)+r.More, "problem"))}
	}
	return err
}

func (e *env) problems(list []string) {
	for _, p := range list {
		fmt.Fprintln(e.stdout, "problem:", safe(p))
	}
}

type storeBackupCmd struct {
	Dir folder `arg:"" help:"Folder, made when missing."`
}

func (c *storeBackupCmd) Run(e *env) error {
	dir, err := filepath.Abs(string(c.Dir))
	if err != nil {
		return err
	}
	var r ticketstore.BackupReport
	p := e.progress()
	err = e.withDesk(false, func(d *api.Client) error {
		return d.PostLong(e.ctx, "/v1/store/backup", api.BackupRequest{Dir: dir}, &r, p.show)
	})
	p.end()
	if err != nil {
		return err
	}
	err = e.result(r, func() {
		fmt.Fprintf(e.stdout, "Backup in %s: database %d octets, mails %d octets, %d of them new\n", dir, r.Database, r.Segments, r.Copied)
		e.problems(r.Problems)
	})
	if err == nil && len(r.Problems) > 0 {
		return &exitError{exitProblems, errors.New("the store has " + count(len(r.Problems), "damaged record") + "; the backup has them as they are")}
	}
	return err
}

type storeCompactCmd struct{}

func (storeCompactCmd) Run(e *env) error {
	cfg, err := e.config()
	if err != nil {
		return err
	}
	has, err := hasStore(cfg.DataDir)
	if err != nil {
		return closedOff(cfg.DataDir, err)
	}
	if !has {
		return &exitError{exitUnreachable, fmt.Errorf("there is no desk in %s: name its folder with --data", cfg.DataDir)}
	}
	p := e.progress()
	r, err := ticketstore.Compact(e.ctx, cfg.DataDir, ticketstore.Options{}, p.show)
	p.end()
	if errors.Is(err, ticketstore.ErrLocked) {
		return &exitError{exitConflict, fmt.Errorf("a server has the desk in %s open: stop it, compact, start it again; its mail waits at the senders meanwhile", cfg.DataDir)}
	}
	if err != nil {
		return err
	}
	return e.result(r, func() {
		fmt.Fprintf(e.stdout, "Compacted: database %d to %d octets, mails %d to %d\n", r.DatabaseBefore, r.DatabaseAfter, r.SegmentsBefore, r.SegmentsAfter)
		for _, name := range r.Removed {
			fmt.Fprintf(e.stdout, "Removed %s, a database that a repair had kept as it was found\n", name)
		}
	})
}

type storeRepairCmd struct {
	Backup folder `help:"Folder of the last backup." placeholder:"DIR"`
}

func (c *storeRepairCmd) Run(e *env) error {
	cfg, err := e.config()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "segments")); err != nil {
		return closedOff(cfg.DataDir, err)
	}
	r, err := ticketstore.Repair(e.ctx, cfg.DataDir, ticketstore.RepairOptions{Backup: string(c.Backup), Read: app.Reread})
	if errors.Is(err, ticketstore.ErrLocked) {
		return &exitError{exitConflict, fmt.Errorf("a server has the desk in %s open: stop it first", cfg.DataDir)}
	}
	if err != nil {
		return err
	}
	err = e.result(r, func() {
		fmt.Fprintf(e.stdout, "Kept %d entries", r.Kept)
		for _, from := range slices.Sorted(maps.Keys(r.Recovered)) {
			fmt.Fprintf(e.stdout, ", %d from %s", r.Recovered[from], from)
		}
		fmt.Fprintln(e.stdout)
		for _, n := range r.Notes {
			fmt.Fprintln(e.stdout, "note:", safe(n))
		}
		for _, l := range r.Lost {
			fmt.Fprintln(e.stdout, "lost:", safe(l))
		}
		if r.Damaged != "" {
			fmt.Fprintf(e.stdout, "The database as it was found is %s; \"mxdesk store compact\" removes it\n", r.Damaged)
		}
	})
	if err == nil && len(r.Lost) > 0 {
		return &exitError{exitProblems, errors.New("the store is whole again, but for what is lost")}
	}
	return err
}

type storeRestoreCmd struct {
	From   folder `required:"" help:"Folder of the backup." placeholder:"DIR"`
	Verify bool   `help:"Then check the restored store as \"store check\" does."`
}

func (c *storeRestoreCmd) Run(e *env) error {
	cfg, err := e.config()
	if err != nil {
		return err
	}
	p := e.progress()
	r, err := ticketstore.Restore(e.ctx, string(c.From), cfg.DataDir, p.show)
	p.end()
	switch {
	case errors.Is(err, ticketstore.ErrDamaged): // what is read is the backup, not a store
		return &exitError{exitProblems, fmt.Errorf("the backup in %s is damaged: %s; restore another one", c.From, strings.TrimPrefix(err.Error(), ticketstore.ErrDamaged.Error()+": "))}
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("restoring %s to %s: %w; run this as a user who may read the one and write to the other", c.From, cfg.DataDir, err)
	case err != nil:
		return err
	}
	if !c.Verify {
		return e.result(r, func() {
			fmt.Fprintf(e.stdout, "Restored to %s: %s, %d octets; the next ticket is %s\n", cfg.DataDir, count(r.Files, "file"), r.Octets, r.Next)
		})
	}
	fmt.Fprintf(e.stderr, "Restored to %s: %s, %d octets; checking\n", cfg.DataDir, count(r.Files, "file"), r.Octets)
	db, err := ticketstore.Open(cfg.DataDir, ticketstore.Options{MinFree: -1})
	if err != nil {
		return err
	}
	found, err := db.Check(e.ctx)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	return e.report(found)
}

// progress shows how far something long is, on standard error: a bar on a
// terminal, elsewhere a line when a step is done.
func (e *env) progress() *progress {
	f, ok := e.stderr.(*os.File)
	return &progress{w: e.stderr, bar: ok && isatty.IsTerminal(f.Fd())}
}

type progress struct {
	w    io.Writer
	bar  bool
	open bool // a bar stands on the last line
}

func (p *progress) show(s ticketstore.Progress) {
	const width = 30
	switch {
	case p.bar && s.Total > 0:
		full := int(min(s.Done, s.Total) * width / s.Total)
		fmt.Fprintf(p.w, "\r%-10s [%s%s] %3d%%", s.Step, strings.Repeat("#", full), strings.Repeat(" ", width-full), min(s.Done, s.Total)*100/s.Total)
		p.open = true
		if s.Done >= s.Total {
			p.end()
		}
	case !p.bar && s.Done >= s.Total && s.Total == 1: // a step whose octets nobody counts
		fmt.Fprintf(p.w, "%s: done\n", s.Step)
	case !p.bar && s.Done >= s.Total:
		fmt.Fprintf(p.w, "%s: %d octets\n", s.Step, s.Done)
	}
}

// end leaves the line of a bar.
func (p *progress) end() {
	if p.open {
		fmt.Fprintln(p.w)
		p.open = false
	}
}
