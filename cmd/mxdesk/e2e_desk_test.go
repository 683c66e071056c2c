package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mxdesk/internal/api"
	"mxdesk/ticketstore"
)

// process is a running "mxdesk serve".
type process struct {
	addr   string        // of its SMTP listener
	took   time.Duration // until it listened
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended and stderr is read

	mu    sync.Mutex
	lines []string // of stderr
}

// installation is a desk on disk: a program, a configuration, a data folder.
type installation struct {
	t      *testing.T
	bin    string // the server
	config string
	data   string
	// manage changes how serve is started, as a service manager does; nil changes
	// nothing.
	manage func(*exec.Cmd)
}

// install makes a desk with this configuration; "smtp.listen" must be on port 0.
func install(t *testing.T, config string) *installation {
	t.Helper()
	dir := t.TempDir()
	return &installation{
		t: t, bin: program(t, raced()), data: filepath.Join(dir, "data"),
		config: write(t, filepath.Join(dir, "mxdesk.toml"), config),
	}
}

// start runs the server and returns when it listens. The server ends with the
// test.
func (d *installation) start() *process {
	d.t.Helper()
	began := time.Now()
	p, ready := d.launch()
	select {
	case p.addr = <-ready:
		p.took = time.Since(began)
		return p
	case <-p.exited:
		d.t.Fatalf("mxdesk serve ended at once, code %d:\n%s", p.code(), p.stderr())
	case <-time.After(patience):
		d.t.Fatalf("mxdesk serve does not say where it listens:\n%s", p.stderr())
	}
	return nil
}

// launch runs the server; ready delivers its address from its first words.
func (d *installation) launch() (p *process, ready chan string) {
	d.t.Helper()
	p, ready = &process{exited: make(chan struct{})}, make(chan string, 1)
	p.cmd = d.command("serve")
	p.cmd.Path, p.cmd.Args[0] = d.bin, d.bin
	if d.manage != nil {
		d.manage(p.cmd)
	}
	out, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		p.read(out, ready)
		_ = p.cmd.Wait() // the code is looked at where it matters
	}()
	d.t.Cleanup(func() {
		p.kill()
		if strings.Contains(p.stderr(), "WARNING: DATA RACE") {
			d.t.Errorf("the server has a race:\n%s", p.stderr())
		}
		if d.t.Failed() {
			d.t.Logf("the last words of the server:\n%s", tail(p.stderr(), 40))
		}
	})
	return p, ready
}

func (p *process) read(r io.Reader, ready chan<- string) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, s.Text())
		p.mu.Unlock()
		if rest, ok := strings.CutPrefix(s.Text(), "mxdesk takes mail on "); ok {
			addr, _, _ := strings.Cut(rest, ";")
			ready <- addr
		}
	}
}

func (p *process) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// events are the lines of the log with this event. The log is complete once the
// process has ended.
func (p *process) events(t *testing.T, name string) (list []event) {
	t.Helper()
	for line := range strings.Lines(p.stderr()) {
		var e event
		if json.Unmarshal([]byte(line), &e) == nil && e.Event == name {
			list = append(list, e)
		}
	}
	return list
}

// event is a line of the log.
type event struct {
	Event   string
	Outcome string
	Ticket  ticketstore.TicketID
	Reason  string
	Error   string
	Conn    string
	Tx      string
}

// code is the exit code, -1 when a signal ended the process.
func (p *process) code() int { return p.cmd.ProcessState.ExitCode() }

// kill ends the process as a power cut does, and waits for it.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it has ended already, at worst
	<-p.exited
}

// terminate asks the process to stop, without waiting.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	switch err := p.cmd.Process.Signal(syscall.SIGTERM); {
	case errors.Is(err, os.ErrProcessDone):
		t.Errorf("the server ended before it was told to:\n%s", tail(p.stderr(), 20))
	case err != nil:
		t.Fatal(err)
	}
}

// hangup asks the process to read its configuration again.
func (p *process) hangup(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// stop ends the process as an operator does, and wants it to say that all went
// well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.terminate(t)
	p.wait(t)
	if p.code() != 0 {
		t.Errorf("serve ended with code %d:\n%s", p.code(), tail(p.stderr(), 20))
	}
}

func (p *process) wait(t *testing.T) {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		t.Fatalf("the server does not stop:\n%s", tail(p.stderr(), 20))
	}
}

// result is what a command gave.
type result struct {
	stdout []byte
	stderr string
	code   int
}

// command is mxdesk with these arguments. Under the race detector a program
// would sleep for a second before it ends.
func (d *installation) command(args ...string) *exec.Cmd {
	d.t.Helper()
	cmd := exec.Command(program(d.t, false), append(args, "--config", d.config, "--data", d.data)...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	return cmd
}

// run runs a command on the desk.
func (d *installation) run(args ...string) result {
	d.t.Helper()
	var out, errs bytes.Buffer
	cmd := d.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
	return result{out.Bytes(), errs.String(), cmd.ProcessState.ExitCode()}
}

// must runs a command that has to succeed, and returns its output.
func (d *installation) must(args ...string) []byte {
	d.t.Helper()
	r := d.run(args...)
	if r.code != 0 {
		d.t.Fatalf("mxdesk %s: code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// read runs a command that has to succeed, and decodes its JSON.
func read[T any](d *installation, args ...string) (v T) {
	d.t.Helper()
	out := d.must(append(args, "-o", "json")...)
	if err := json.Unmarshal(out, &v); err != nil {
		d.t.Fatalf("mxdesk %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return v
}

func (d *installation) ticket(id ticketstore.TicketID) api.Ticket {
	d.t.Helper()
	return read[api.Ticket](d, "ticket", "show", fmt.Sprint(uint64(id)))
}

// api is a client of the running server, for questions that are too many to ask
// each by a command.
func (d *installation) api() *api.Client {
	d.t.Helper()
	c, err := api.Dial(d.t.Context(), d.data)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

// ask reads a value from the running server.
func ask[T any](d *installation, c *api.Client, path string, args ...any) (v T) {
	d.t.Helper()
	if err := c.Get(d.t.Context(), fmt.Sprintf(path, args...), nil, &v); err != nil {
		d.t.Fatal(err)
	}
	return v
}

// octets reads what the running server gives back as it was received.
func (d *installation) octets(c *api.Client, path string, q url.Values) []byte {
	d.t.Helper()
	body, err := c.Open(d.t.Context(), http.MethodGet, path, q, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer body.Close()
	raw, err := io.ReadAll(body)
	if err != nil {
		d.t.Fatal(err)
	}
	return raw
}

// check wants the store to be sound.
func (d *installation) check() ticketstore.Report {
	d.t.Helper()
	r := d.run("store", "check", "-o", "json")
	var report ticketstore.Report
	if err := json.Unmarshal(r.stdout, &report); err != nil || r.code != 0 {
		d.t.Fatalf("store check: code %d, %v\n%s%s", r.code, err, r.stdout, r.stderr)
	}
	return report
}

// tail is the end of a text.
func tail(s string, lines int) string {
	all := strings.Split(s, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
