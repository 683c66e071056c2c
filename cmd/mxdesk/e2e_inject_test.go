package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"mxdesk/internal/api"
)

// injected is what happens to the k-th of some system calls, counted over all
// threads of the server from its first start on; see testdata/inject.
type injected struct {
	calls, what string
	k           int
}

func (i injected) String() string { return fmt.Sprintf("%s at call %d of %s", i.what, i.k, i.calls) }

const (
	writingCalls = "write,pwrite64"
	diskCalls    = writingCalls + ",fdatasync,fsync,ftruncate,renameat"
	outwardCalls = diskCalls + ",unlinkat,sendto"
)

// TestKillAtEverySystemCall kills the server at each system call, one after the
// other, by which it changes a file or tells somebody: in its first start, in
// one session, in one delivery and in its stop.
func TestKillAtEverySystemCall(t *testing.T) { inject(t, "kill", outwardCalls) }

// TestDiskErrorAtEverySystemCall lets each system call that writes to the disk
// fail, one after the other, alone or with all that follow until the disk has
// mended, or write less than it was asked to.
func TestDiskErrorAtEverySystemCall(t *testing.T) {
	for what, calls := range map[string]string{
		"EIO": diskCalls + ",unlinkat", "ENOSPC": diskCalls, "EROFS": diskCalls + ",unlinkat", "short": writingCalls, "torn": writingCalls,
		"ENOSPC+": diskCalls, "EROFS+": diskCalls + ",unlinkat",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			inject(t, what, calls)
		})
	}
}

// The system calls find a program that answers before it commits.
func TestSystemCallsFindFaults(t *testing.T) {
	const words = "was answered with 250 and is not in the store"
	from := "MXDESK_FIRST_CALL=20" // a good way into the first start
	findsFault(t, "TestKillAtEverySystemCall", "early-answer", words, "MXDESK_EVERY_CALL=1", from)
	findsFault(t, "TestDiskErrorAtEverySystemCall/EIO", "early-answer", words, "MXDESK_EVERY_CALL=1", from)
}

// inject tries calls from the first to the one that never comes. The short form
// leaves most of them out.
func inject(t *testing.T, what, calls string) {
	all := os.Getenv("MXDESK_EVERY_CALL") != ""
	in := &injection{t: t, tool: buildInject(t), bin: program(t, false)}
	hits := map[string]int{}
	runs := 0
	for k, misses := envNumber(t, "MXDESK_FIRST_CALL", 1), 0; misses < 2 && !t.Failed(); k++ {
		call := in.one(injected{calls, what, k})
		runs++
		switch {
		case call != "":
			hits[call]++
			misses = 0
		case all: // what is written differs from run to run
			misses++
		default:
			misses = 2
		}
		if !all {
			k += k / 4
		}
	}
	t.Logf("%s: %d runs, hit: %v", what, runs, hits)
	for call := range strings.SplitSeq(diskCalls, ",") {
		if hits[call] == 0 && all && strings.Contains(calls, call) {
			t.Errorf("no %s was hit", call)
		}
	}
}

// buildInject builds the program that injects.
func buildInject(t *testing.T) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		missing(t, "system calls are traced on amd64 only")
	}
	tool := filepath.Join(t.TempDir(), "inject")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", tool, "./testdata/inject").CombinedOutput(); err != nil {
		t.Fatalf("building inject: %v\n%s", err, out)
	}
	report := filepath.Join(t.TempDir(), "report")
	if out, err := exec.Command(tool, "write", "kill", "1", report, "/bin/echo", "traced").CombinedOutput(); err == nil {
		t.Skipf("processes cannot be traced here: %s", out)
	}
	return tool
}

// injection runs desks of its own, each up to one delivery.
type injection struct {
	t         *testing.T
	tool, bin string
}

var oneMailRaw = []byte("From: Ann <ann@customer.example>\r\nTo: support@desk.example\r\nSubject: one\r\nMessage-ID: <1@customer.example>\r\n\r\nHello\r\n")

// one runs a desk up to one delivery, with one call injected, then starts it
// again and looks for the mail. It returns the call that was hit, if any.
func (in *injection) one(i injected) (call string) {
	t := in.t
	t.Helper()
	dir := t.TempDir()
	defer func() { _ = os.RemoveAll(dir) }() // there are hundreds
	d := &installation{t: t, bin: in.bin, data: filepath.Join(dir, "data"), config: write(t, filepath.Join(dir, "mxdesk.toml"), loadConfig)}
	report := filepath.Join(dir, "report")
	d.manage = func(serve *exec.Cmd) {
		serve.Args = append([]string{in.tool, i.calls, i.what, fmt.Sprint(i.k), report}, serve.Args...)
		serve.Path = in.tool
	}
	p, ready := d.launch()
	d.manage = nil
	var got reply
	select {
	case addr := <-ready:
		got = deliver(addr, "", "ann@customer.example", desk, oneMailRaw)
		p.letDeliver(d)
		in.goesOn(i, p, addr, got)
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		p.wait(t)
	case <-p.exited:
	case <-time.After(patience):
		t.Fatalf("%v: the server neither starts nor ends", i)
	}
	if got.code/100 == 5 {
		t.Errorf("%v: the mail is refused for good: %s", i, got)
	}
	code := p.code()
	if i.what != "kill" && code != 0 && code != exitTryAgain && (code != exitFailed || got.code != 0) {
		t.Errorf("%v: a server that listened ended with %d:\n%s", i, code, tail(p.stderr(), 5))
	}
	if i.what == "short" && (code != 0 || got.code != 250) {
		t.Errorf("%v: answered %s, ended with %d", i, got, code)
	}
	in.afterwards(d, i, got)
	name, err := os.ReadFile(report)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// goesOn wants a server that has put the mail off, and still runs, to take it
// within five seconds, or to end.
func (in *injection) goesOn(i injected, p *process, addr string, got reply) {
	_ = p.cmd.Process.Signal(syscall.SIGUSR1) // the disk is well again; the server may be gone
	if got.code/100 != 4 {
		return
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(pollPause) {
		select {
		case <-p.exited:
			return
		default:
		}
		if deliver(addr, "", "ann@customer.example", desk, oneMailRaw).code == 250 {
			return
		}
	}
	in.t.Errorf("%v: the server neither goes on nor ends", i)
}

// afterwards starts the desk again and sends the mail once more: whatever
// happened, it is there once, and the store is sound.
func (in *injection) afterwards(d *installation, i injected, got reply) {
	t := in.t
	t.Helper()
	server := d.start()
	if n := len(read[[]api.Ticket](d, "ticket", "list")); n > 1 || n == 0 && got.code == 250 {
		t.Errorf("%v: a mail was answered with %d, there are %d tickets", i, got.code, n)
		if n == 0 {
			t.Errorf("%v: it was answered with 250 and is not in the store", i)
		}
	}
	if again := deliver(server.addr, "", "ann@customer.example", desk, oneMailRaw); again.code != 250 {
		t.Errorf("%v: sent again: %s", i, again)
	}
	if n := len(read[[]api.Ticket](d, "ticket", "list")); n != 1 {
		t.Errorf("%v: sent again there are %d tickets", i, n)
	}
	if d.ticket(1).LastSeq != 1 {
		t.Errorf("%v: sent again it was filed twice", i)
	}
	for _, it := range read[[]api.Item](d, "outbox", "list") {
		if !it.State.Due() && it.State != "delivered" {
			t.Errorf("%v: outgoing mail %d is %s", i, it.ID, it.State)
		}
	}
	d.check()
	server.stop(t)
}

// letDeliver waits until the acknowledgement has left, or the server has ended.
// An attempt that failed is made again in a minute, which is not waited for.
func (p *process) letDeliver(d *installation) {
	for range 100 {
		select {
		case <-p.exited:
			return
		case <-time.After(pollPause):
		}
		if files, err := filepath.Glob(filepath.Join(d.data, "outgoing", "*.eml")); err == nil && len(files) == 2 {
			return
		}
	}
}
