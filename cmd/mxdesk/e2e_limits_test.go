package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// under starts serve with limits of its own.
func under(t *testing.T, d *installation, limits ...string) {
	t.Helper()
	need(t, "prlimit")
	d.manage = func(serve *exec.Cmd) {
		serve.Args = append(append([]string{"prlimit"}, limits...), serve.Args...)
		serve.Path, _ = exec.LookPath("prlimit") // need has found it
	}
}

// A limit on the size of files is one more way to run out of room, and one that
// makes writes short: mail is put off or the server ends with 75, and nothing is
// lost.
func TestFileSizeLimit(t *testing.T) {
	for _, octets := range []int{8 << 20, 9<<20 + 777, 12<<20 + 4095, 17<<20 + 1} {
		t.Run(fmt.Sprint(octets), func(t *testing.T) { limitFiles(t, octets) })
	}
}

func limitFiles(t *testing.T, octets int) {
	d := harness(t)
	under(t, d, fmt.Sprint("--fsize=", octets))
	server := d.start()
	taken := map[[32]byte]bool{}
	last := reply{code: 250}
	for n := 0; n < 20 && last.code == 250; n++ {
		last = sendNumbered(server.addr, "limited", n, taken)
	}
	if last.code == 250 || last.code/100 == 5 || len(taken) == 0 {
		t.Errorf("%d mails of 1 MiB were taken, then: %s", len(taken), last)
	}
	_ = server.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	server.wait(t)
	if code := server.code(); code != 0 && code != exitTryAgain {
		t.Errorf("the server ended with %d", code)
	}
	t.Logf("%d mails of 1 MiB were taken, then: %s; exit code %d", len(taken), last, server.code())
	d.manage = nil
	server = d.start()
	if got := sendNumbered(server.addr, "free again", 0, taken); got.code != 250 {
		t.Errorf("without the limit: %s", got)
	}
	wantStored(t, d, taken)
	d.check()
	server.stop(t)
}

// A file system that the kernel makes read-only under load, as it does after an
// error of the disk: no mail is lost or refused for good, and once it is mounted
// anew all goes on.
func TestReadOnlyUnderLoad(t *testing.T) {
	needRoot(t, "a file system of its own must be mounted")
	need(t, "mkfs.ext4", "mount", "umount", "e2fsck")
	dir := t.TempDir()
	image, folder := filepath.Join(dir, "image"), filepath.Join(dir, "fs")
	f, err := os.Create(image)
	if err == nil {
		err = errors.Join(f.Truncate(fullDisk), f.Close(), os.Mkdir(folder, 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	command := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
	}
	command("mkfs.ext4", "-q", "-F", image)
	mount := []string{"-t", "ext4", "-o", "loop,errors=remount-ro", image, folder}
	if out, err := exec.Command("mount", mount...).CombinedOutput(); err != nil {
		missing(t, "no loop device can be mounted here: "+string(out))
	}
	unmount := func() {
		eventually(t, "nobody uses the disk", func() bool { return exec.Command("umount", folder).Run() == nil })
	}
	t.Cleanup(func() { _ = exec.Command("umount", folder).Run() }) // it may be unmounted
	d := harness(t)
	d.data = filepath.Join(folder, "data")
	l := &load{t: t, desk: d, corpus: uniqueMails(t)}
	server := d.start()
	l.round(0, server, 200, func() { command("mount", "-o", "remount,abort", folder) })
	got := deliver(server.addr, "", "ann@customer.example", desk, []byte("Subject: too late\r\n\r\nx\r\n"))
	if got.code != 0 && got.code/100 != 4 {
		t.Errorf("on a file system that is read-only: %s", got)
	}
	_ = server.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	server.wait(t)
	if code := server.code(); code != 0 && code != exitTryAgain {
		t.Errorf("the server ended with %d:\n%s", code, tail(server.stderr(), 5))
	}
	unmount()
	_ = exec.Command("e2fsck", "-fy", image).Run() // says 1 for what it has mended
	command("mount", mount...)
	server = d.start()
	d.check()
	again, known := l.sendAgain(server.addr)
	l.wantOnce(true)
	server.stop(t)
	d.check()
	unmount()
	t.Logf("%d mails, %d sent again and %d of them known; a mail in between: %s", len(l.mails), again, known, got)
}

// Without a free inode mail is put off or taken, and what is taken is there; with
// one again all goes on by itself.
func TestNoInodes(t *testing.T) {
	dir := tmpfs(t, fullDisk)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d,nr_inodes=60", fullDisk)); err != nil {
		missing(t, "inodes cannot be limited here: "+err.Error())
	}
	d := harness(t)
	d.data = filepath.Join(dir, "data")
	server := d.start()
	var used []string
	for n := 0; ; n++ {
		path := filepath.Join(dir, fmt.Sprint("inode", n))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			break
		}
		used = append(used, path)
	}
	taken := map[[32]byte]bool{}
	if got := sendNumbered(server.addr, "no inode", 0, taken); got.code/100 != 4 && got.code != 250 {
		t.Errorf("without an inode: %s", got)
	}
	for _, path := range used {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	end := time.Now().Add(5 * time.Second)
	got := sendNumbered(server.addr, "inode again", 0, taken)
	for ; got.code != 250 && time.Now().Before(end); time.Sleep(pollPause) {
		got = sendNumbered(server.addr, "inode again", 0, taken)
	}
	if got.code != 250 {
		t.Errorf("with inodes again: %s", got)
	}
	wantStored(t, d, taken)
	d.check()
	server.stop(t)
}

// With 64 descriptors and as many senders some have to wait; what is answered
// is there once, and so is the rest when it comes again.
func TestFewDescriptors(t *testing.T) {
	d := harness(t)
	under(t, d, "--nofile=64")
	l := &load{t: t, desk: d}
	server := d.start()
	l.round(0, server, 300, func() { server.terminate(t); server.wait(t) })
	if server.code() != 0 {
		t.Errorf("the server ended with %d:\n%s", server.code(), tail(server.stderr(), 20))
	}
	d.manage = nil
	server = d.start()
	again, _ := l.sendAgain(server.addr)
	l.wantOnce(true)
	d.check()
	t.Logf("%d mails, %d sent again", len(l.mails), again)
}

// A server that stands still under load for a while goes on as if nothing had been.
func TestStandstill(t *testing.T) {
	d := harness(t)
	l := &load{t: t, desk: d}
	server := d.start()
	pause := time.Duration(envNumber(t, "MXDESK_STANDSTILL", 1)) * time.Second
	l.round(0, server, 200, func() {
		for _, step := range []struct {
			signal syscall.Signal
			then   time.Duration
		}{{syscall.SIGSTOP, pause}, {syscall.SIGCONT, time.Second}} {
			if err := server.cmd.Process.Signal(step.signal); err != nil {
				t.Error(err)
			}
			time.Sleep(step.then) // the standstill itself, and some time of work behind it
		}
		server.terminate(t)
	})
	server.wait(t)
	server = d.start()
	again, known := l.sendAgain(server.addr)
	l.wantOnce(true)
	d.check()
	server.stop(t)
	t.Logf("a standstill of %v, %d mails, %d sent again and %d of them known", pause, len(l.mails), again, known)
}

// Want of everything finds a program that tells of what it puts off that it is
// taken, one that gives up when it has no descriptor for a client, and one that
// loses what waited out a standstill.
func TestLimitsFindFaults(t *testing.T) {
	findsFault(t, "TestNoInodes", "taken-trouble", "a mail that was taken is 0 times in the store")
	findsFault(t, "TestFewDescriptors", "no-retry", "the server ended")
	findsFault(t, "TestStandstill", "lossy-standstill", "is 0 times in the store")
}
