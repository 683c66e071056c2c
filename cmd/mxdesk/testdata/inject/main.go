//go:build linux && amd64

// Command inject runs a program and lets something happen to one of its system
// calls: the K-th of the named ones, counted over all its threads in the order in
// which they are made.
//
//	inject CALLS WHAT K REPORT PROGRAM [ARG…]
//
// CALLS are names with commas between them. WHAT is
//
//	kill     the program is killed in place of the call
//	EIO, ENOSPC, EROFS
//	         the call is not made, and fails with this
//	EIO+, ENOSPC+, EROFS+
//	         so do all behind it, until inject gets SIGUSR1
//	short    a write is made of the first half of its octets alone
//	torn     the same, and the next call fails with ENOSPC
//	clock    the clock is set by K seconds, once inject gets SIGUSR1, back again
//	         with the next and so on; CALLS must be clock_gettime
//
// With anything but kill only calls on files below / are counted, those for
// devices excepted. The call that was hit is named in the file REPORT, which is
// not made when there was none. inject passes SIGTERM on, and ends as the program
// does.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

var numbers = map[string]uint64{
	"write": unix.SYS_WRITE, "pwrite64": unix.SYS_PWRITE64, "fdatasync": unix.SYS_FDATASYNC, "fsync": unix.SYS_FSYNC,
	"ftruncate": unix.SYS_FTRUNCATE, "renameat": unix.SYS_RENAMEAT, "unlinkat": unix.SYS_UNLINKAT, "sendto": unix.SYS_SENDTO,
	"clock_gettime": unix.SYS_CLOCK_GETTIME,
}

var failures = map[string]syscall.Errno{"EIO": syscall.EIO, "ENOSPC": syscall.ENOSPC, "EROFS": syscall.EROFS}

// tracer runs the program.
type tracer struct {
	calls  map[uint64]string
	what   string
	set    atomic.Int64 // what is added to the clock, in seconds
	lasts  bool         // what happens goes on
	healed atomic.Bool  // or has ended
	left   int          // calls until the one that is hit
	report string
	main   int
	// inside: threads that are in a system call, with the error that it is to end
	// with, or 0.
	inside map[int]syscall.Errno
}

func main() {
	runtime.LockOSThread() // who attached must ask
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "inject:", err)
		os.Exit(125)
	}
	os.Exit(code)
}

func run(args []string) (code int, err error) {
	if len(args) < 5 {
		return 0, errors.New("usage: inject CALLS WHAT K REPORT PROGRAM [ARG…]")
	}
	t := &tracer{calls: map[uint64]string{}, report: args[3], inside: map[int]syscall.Errno{}}
	t.what, t.lasts = strings.CutSuffix(args[1], "+")
	for name := range strings.SplitSeq(args[0], ",") {
		n, ok := numbers[name]
		if !ok {
			return 0, fmt.Errorf("unknown call %q", name)
		}
		t.calls[n] = name
	}
	if t.left, err = strconv.Atoi(args[2]); err != nil {
		return 0, err
	}
	p, err := os.StartProcess(args[4], args[4:], &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: &syscall.SysProcAttr{Ptrace: true}})
	if err != nil {
		return 0, err
	}
	t.main = p.Pid
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGUSR1)
	go func() {
		for s := range signals {
			if s == syscall.SIGUSR1 {
				t.healed.Store(true)
				t.set.Store(int64(t.left) - t.set.Load())
				continue
			}
			_ = syscall.Kill(p.Pid, syscall.SIGTERM) // it may be gone
		}
	}()
	return t.follow()
}

// follow goes from stop to stop until the program has ended.
func (t *tracer) follow() (code int, err error) {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(t.main, &status, syscall.WALL, nil); err != nil {
		return 0, err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(t.main, options); err != nil {
		return 0, err
	}
	if t.what == "clock" {
		if err := t.hideClock(); err != nil {
			return 0, err
		}
	}
	_ = unix.PtraceSyscall(t.main, 0) // who has gone meanwhile is waited for below
	for {
		tid, err := syscall.Wait4(-1, &status, syscall.WALL, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		switch {
		case err != nil:
			return 0, err
		case status.Exited() || status.Signaled():
			delete(t.inside, tid)
			if tid == t.main {
				return ended(status), nil
			}
			continue
		}
		signal := status.StopSignal()
		switch {
		case signal == syscall.SIGTRAP|0x80:
			t.stopped(tid)
			signal = 0
		case signal == syscall.SIGTRAP, signal == syscall.SIGSTOP: // a new thread, on both sides
			signal = 0
		}
		_ = unix.PtraceSyscall(tid, int(signal))
	}
}

// ended is the code to end with: that of the program, or what a shell makes of a
// signal.
func ended(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// stopped is called where a thread enters a system call, and where it leaves it.
func (t *tracer) stopped(tid int) {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return // it was killed
	}
	failure, leaves := t.inside[tid]
	if leaves {
		delete(t.inside, tid)
		if t.what == "clock" && regs.Orig_rax == unix.SYS_CLOCK_GETTIME && regs.Rdi == unix.CLOCK_REALTIME {
			t.setClock(tid, uintptr(regs.Rsi))
		}
		if failure != 0 {
			regs.Rax = uint64(-int64(failure))
			_ = unix.PtraceSetRegs(tid, &regs)
		}
		return
	}
	t.inside[tid] = 0
	if t.what == "clock" {
		return
	}
	name := t.calls[regs.Orig_rax]
	if name == "" || t.what != "kill" && !onFile(tid, name, regs.Rdi) {
		return
	}
	t.left--
	switch {
	case t.left == 0:
		t.hit(tid, name, &regs)
	case t.left == -1 && t.what == "torn":
		t.fail(tid, &regs, syscall.ENOSPC)
	case t.left < 0 && t.lasts && !t.healed.Load():
		t.fail(tid, &regs, failures[t.what])
	}
}

// hit lets happen what is to happen.
func (t *tracer) hit(tid int, name string, regs *unix.PtraceRegs) {
	if err := os.WriteFile(t.report, []byte(name+"\n"), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "inject:", err)
	}
	switch t.what {
	case "kill":
		_ = syscall.Kill(t.main, syscall.SIGKILL)
	case "short", "torn":
		if regs.Rdx > 1 {
			regs.Rdx /= 2
			_ = unix.PtraceSetRegs(tid, regs)
		}
	default:
		t.fail(tid, regs, failures[t.what])
	}
}

// fail makes a call that is none, and notes what it is to end with.
func (t *tracer) fail(tid int, regs *unix.PtraceRegs, failure syscall.Errno) {
	regs.Orig_rax = ^uint64(0)
	if unix.PtraceSetRegs(tid, regs) == nil {
		t.inside[tid] = failure
	}
}

// onFile reports whether a call is for a file, or a name of one.
func onFile(tid int, name string, fd uint64) bool {
	if name == "renameat" || name == "unlinkat" {
		return true
	}
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, fd))
	return err == nil && strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "/dev/")
}

// hideClock takes from a program that has just begun the page by which it would
// read the clock without a system call: its entry in the list behind the
// environment on the stack.
func (t *tracer) hideClock() error {
	const sysinfo, ignored, word = 33, 1, 8
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(t.main, &regs); err != nil {
		return err
	}
	at := uintptr(regs.Rsp) + word // behind the number of arguments
	next := func() (v uint64, err error) {
		v, err = t.peek(t.main, at)
		at += word
		return v, err
	}
	for range 2 { // arguments and environment, each with a zero at its end
		for v := uint64(1); v != 0; {
			var err error
			if v, err = next(); err != nil {
				return err
			}
		}
	}
	for {
		kind, err := next()
		if err != nil || kind == 0 {
			return errors.Join(err, errors.New("the program has no page for its clock"))
		}
		if kind == sysinfo {
			return t.poke(t.main, at-word, ignored)
		}
		at += word
	}
}

// setClock changes the time that a thread was just told.
func (t *tracer) setClock(tid int, at uintptr) {
	if seconds, err := t.peek(tid, at); err == nil {
		_ = t.poke(tid, at, seconds+uint64(t.set.Load())) // who was killed needs no time
	}
}

func (t *tracer) peek(tid int, at uintptr) (uint64, error) {
	var b [8]byte
	_, err := unix.PtracePeekData(tid, at, b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

func (t *tracer) poke(tid int, at uintptr, v uint64) error {
	_, err := unix.PtracePokeData(tid, at, binary.LittleEndian.AppendUint64(nil, v))
	return err
}
