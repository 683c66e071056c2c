package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

const (
	fullDisk = 96 << 20 // size of the test's file system
	ballast  = 40 << 20 // of it, what somebody else has written
	oneMail  = 1 << 20
)

// TestDiskFull fills the disk with mail. The desk puts mail off before the disk
// is full, loses nothing of what it took, and goes on when there is room again.
func TestDiskFull(t *testing.T) {
	dir := tmpfs(t, fullDisk)
	d := harness(t)
	write(t, d.config, strings.Replace(loadConfig, "8MiB", "16MiB", 1))
	d.data = filepath.Join(dir, "data")
	other := filepath.Join(dir, "other")
	fill(t, other, ballast)
	server := d.start()
	taken := map[[32]byte]bool{}
	last := fillWithMail(t, server.addr, "serial", taken, 1)
	if want := "452 4.3.1 not enough disk space, please try again later"; last.words() != want {
		t.Errorf("a full desk says %q, want %q", last, want)
	}
	if len(taken) < 5 {
		t.Errorf("only %d mails of 1 MiB found room", len(taken))
	}
	wantStored(t, d, taken)
	serial := len(taken)

	fill(t, other, fullDisk) // not an octet left
	if got := sendNumbered(server.addr, "no room", 0, nil); got.code != 452 {
		t.Errorf("with a disk that is full to the last octet: %s, want 452", got)
	}
	if err := os.Truncate(other, 16<<20); err != nil {
		t.Fatal(err)
	}
	if got := sendNumbered(server.addr, "room again", 0, taken); got.code != 250 {
		t.Errorf("with room again: %s, want 250", got)
	}
	fillWithMail(t, server.addr, "crowd", taken, 16)
	t.Logf("%d mails of 1 MiB from one sender, %d more from a crowd", serial, len(taken)-serial)
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if got := sendNumbered(server.addr, "all is well", 0, taken); got.code != 250 {
		t.Errorf("with room again: %s, want 250", got)
	}
	wantStored(t, d, taken)
	d.check()
	server.stop(t)
	d.check()
	for _, e := range append(server.events(t, "smtp-trouble"), server.events(t, "smtp-no-disk")...) {
		if strings.Contains(e.Error, syscall.ENOSPC.Error()) {
			t.Errorf("the reserve was used up: %s", e.Error)
		}
	}
}

// The full disk finds a program that does not look how much of it is free.
func TestDiskFullFindsFaults(t *testing.T) {
	findsFault(t, "TestDiskFull", "no-reserve", "a full desk says")
}

// tmpfs mounts a file system of its own for the test.
func tmpfs(t *testing.T, size int) string {
	t.Helper()
	needRoot(t, "a file system of its own must be mounted")
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NODEV|syscall.MS_NOSUID, fmt.Sprintf("size=%d,mode=0755", size)); err != nil {
		missing(t, "mount is not permitted here: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmounting %s: %v", dir, err)
		}
	})
	return dir
}

// fill makes a file of this size, or as large as the disk lets it be.
func fill(t *testing.T, path string, size int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); size > 0; size -= len(block) {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

var takenLock sync.Mutex

// sendNumbered sends a mail of 1 MiB that does not announce its size, and notes
// it when it is taken.
func sendNumbered(addr, name string, n int, taken map[[32]byte]bool) reply {
	raw := fmt.Appendf(nil, "From: ann@customer.example\r\nSubject: %s %d\r\n\r\n", name, n)
	line := []byte(strings.Repeat("x", 78) + "\r\n")
	raw = append(raw, bytes.Repeat(line, oneMail/len(line))...)
	got := deliver(addr, "", "ann@customer.example", desk, raw)
	if got.code == 250 {
		takenLock.Lock()
		defer takenLock.Unlock()
		taken[sha256.Sum256(raw)] = true
	}
	return got
}

// fillWithMail sends mails from so many senders at once until each of them is
// put off. It returns the last answer.
func fillWithMail(t *testing.T, addr, name string, taken map[[32]byte]bool, senders int) (last reply) {
	t.Helper()
	var wg sync.WaitGroup
	answers := make([]reply, senders)
	for s := range senders {
		wg.Go(func() {
			for n := 0; n < fullDisk/oneMail; n++ {
				if answers[s] = sendNumbered(addr, fmt.Sprint(name, s), n, taken); answers[s].code != 250 {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, got := range answers {
		if got.code != 452 {
			t.Errorf("put off with %s, want 452", got)
		}
		last = got
	}
	return last
}

// wantStored wants every mail that was taken in the store, octet for octet.
func wantStored(t *testing.T, d *installation, taken map[[32]byte]bool) {
	t.Helper()
	stored := sums(storedMails(t, d))
	for sum := range taken {
		if stored[sum] != 1 {
			t.Errorf("a mail that was taken is %d times in the store", stored[sum])
		}
	}
	if len(stored) != len(taken) {
		t.Errorf("%d mails in the store, %d were taken", len(stored), len(taken))
	}
}
