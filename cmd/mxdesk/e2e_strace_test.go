package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mxdesk/internal/api"
)

// injected is what happens to the k-th call of a system call in any thread of
// the server, from its first start on.
type injected struct {
	call, what string // what: as strace writes it, such as error=EIO
	k          int
}

func (i injected) String() string { return fmt.Sprintf("%s:%s:when=%d", i.call, i.what, i.k) }

// TestKillAtEverySystemCall kills the server at each system call, one after the
// other, by which it changes a file or tells a client: in its first start, in one
// session and in one delivery.
func TestKillAtEverySystemCall(t *testing.T) {
	inject(t, "signal=KILL", "write", "pwrite64", "fdatasync", "fsync", "renameat", "ftruncate", "sendto")
}

// TestDiskErrorAtEverySystemCall lets each system call that writes to the disk
// fail, one after the other.
func TestDiskErrorAtEverySystemCall(t *testing.T) {
	t.Run("EIO", func(t *testing.T) {
		inject(t, "error=EIO", "pwrite64", "fdatasync", "fsync", "ftruncate", "renameat")
	})
	t.Run("ENOSPC", func(t *testing.T) { inject(t, "error=ENOSPC", "pwrite64", "ftruncate") })
}

// The system calls find a program that answers before it commits.
func TestSystemCallsFindFaults(t *testing.T) {
	findsFault(t, "TestKillAtEverySystemCall/calls/pwrite64", "early-answer", "was answered with 250 and is not in the store", "MXDESK_EVERY_CALL=1")
}

// inject tries calls from the first to the one that never comes. The short form
// leaves most of them out.
func inject(t *testing.T, what string, calls ...string) {
	need(t, "strace")
	if out, err := exec.Command("strace", "-f", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("processes cannot be traced here: %s", out)
	}
	all := os.Getenv("MXDESK_EVERY_CALL") != ""
	bin := program(t, false)
	var mu sync.Mutex
	tried, hit := 0, map[string]int{}
	t.Run("calls", func(t *testing.T) {
		for _, call := range calls {
			t.Run(call, func(t *testing.T) {
				t.Parallel()
				for k, misses := 1, 0; misses < 2; k++ {
					came := injectOne(t, bin, injected{call, what, k})
					mu.Lock()
					tried++
					if came {
						hit[call]++
						misses = 0
					} else {
						misses++
					}
					mu.Unlock()
					if !all {
						k += k
						misses *= 2
					}
				}
			})
		}
	})
	t.Logf("%s: %d runs, hit: %v", what, tried, hit)
	if len(hit) == 0 {
		t.Error("not one call was hit")
	}
}

// injectOne runs a desk of its own up to one delivery, with one call injected,
// then starts it again and looks for the mail. It reports whether the call came.
func injectOne(t *testing.T, bin string, in injected) (came bool) {
	t.Helper()
	dir := t.TempDir()
	d := &installation{t: t, bin: bin, data: filepath.Join(dir, "data"), config: write(t, filepath.Join(dir, "mxdesk.toml"), loadConfig)}
	log := filepath.Join(dir, "strace")
	d.manage = func(serve *exec.Cmd) {
		serve.Args = append([]string{"strace", "-f", "-qq", "-o", log, "-e", "trace=" + in.call, "-e", "inject=" + in.String()}, serve.Args...)
		serve.Path, _ = exec.LookPath("strace") // need has found it
		serve.Env = append(serve.Env, "GOMAXPROCS=1")
	}
	p, ready := d.launch()
	d.manage = nil
	raw := []byte("From: Ann <ann@customer.example>\r\nTo: support@desk.example\r\nSubject: one\r\nMessage-ID: <1@customer.example>\r\n\r\nHello\r\n")
	var got reply
	select {
	case addr := <-ready:
		got = deliver(addr, "", "ann@customer.example", desk, raw)
		p.letDeliver(d)
		p.endTraced(t)
	case <-p.exited:
	case <-time.After(patience):
		t.Fatalf("%v: the server neither starts nor ends", in)
	}
	if got.code/100 == 5 {
		t.Errorf("%v: the mail is refused for good: %s", in, got)
	}
	if code := p.code(); strings.HasPrefix(in.what, "error") && code != 0 && code != exitTryAgain && (code != exitFailed || got.code != 0) {
		t.Errorf("%v: a server that listened ended with %d", in, code)
	}
	words, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	afterInjection(t, d, in, got, raw)
	return bytes.Contains(words, []byte("INJECTED")) || bytes.Contains(words, []byte("killed by SIGKILL"))
}

// afterInjection starts the desk again and sends the mail once more: whatever
// happened, it is there once, and the store is sound.
func afterInjection(t *testing.T, d *installation, in injected, got reply, raw []byte) {
	t.Helper()
	server := d.start()
	if n := len(read[[]api.Ticket](d, "ticket", "list")); n > 1 || n == 0 && got.code == 250 {
		t.Errorf("%v: a mail was answered with %d and is not in the store, or not once: %d tickets", in, got.code, n)
		if n == 0 {
			t.Errorf("%v: it was answered with 250 and is not in the store", in)
		}
	}
	if again := deliver(server.addr, "", "ann@customer.example", desk, raw); again.code != 250 {
		t.Errorf("%v: sent again: %s", in, again)
	}
	if n := len(read[[]api.Ticket](d, "ticket", "list")); n != 1 {
		t.Errorf("%v: sent again there are %d tickets", in, n)
	}
	if d.ticket(1).LastSeq != 1 {
		t.Errorf("%v: sent again it was filed twice", in)
	}
	for _, it := range read[[]api.Item](d, "outbox", "list") {
		if !it.State.Due() && it.State != "delivered" {
			t.Errorf("%v: outgoing mail %d is %s", in, it.ID, it.State)
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

// endTraced stops the server under strace as an operator does.
func (p *process) endTraced(t *testing.T) {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", p.cmd.Process.Pid))
	if err == nil {
		for _, s := range strings.Fields(string(raw)) {
			if pid, err := strconv.Atoi(s); err == nil {
				_ = syscall.Kill(pid, syscall.SIGTERM) // it may be gone
			}
		}
	}
	p.wait(t)
}
