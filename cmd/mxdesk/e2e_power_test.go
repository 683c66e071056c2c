package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	powerDiskSize = 96 << 20
	cutsEach      = 5 // of one disk; then a new one
)

// TestPowerCut runs the server on a disk with a volatile write cache and cuts
// the power under load: what was not flushed is lost, block by block and at
// random. A backup runs beside the load in every third round, and every third one
// ends in a compaction. After each cut holds what holds after a kill; see
// TestKillLoop. What was answered before the cut is there.
func TestPowerCut(t *testing.T) {
	cuts := envNumber(t, "MXDESK_POWER_CUTS", 3)
	mails, cached, kept := 0, 0, 0
	for done := 0; done < cuts; done += cutsEach {
		disk := newPowerDisk(t)
		d := harness(t)
		d.data = filepath.Join(disk.folder, "data")
		l := &load{t: t, desk: d}
		disk.on(uint64(done))
		server := d.start()
		for round := range min(cutsEach, cuts-done) {
			l.round(round, server, func() {
				l.endByPower(disk, server, round)
			})
			disk.off()
			disk.on(uint64(done + round + 1))
			server = d.start()
			d.check()
			again := l.sendAgain(server.addr)
			l.wantOnce(round)
			t.Logf("cut %d: %d blocks in the cache, %d of them survive; %d mails in all, %d sent again, %d of them known",
				done+round, disk.cached, disk.kept, len(l.mails), again.sent, again.known)
			cached, kept = cached+disk.cached, kept+disk.kept
		}
		l.wantAcknowledged()
		server.stop(t)
		d.check()
		disk.off()
		mails += len(l.mails)
	}
	t.Logf("%d cuts, %d mails; %d of %d blocks in the cache were lost; no mail that was answered", cuts, mails, cached-kept, cached)
}

// endByPower cuts the power while the server works, or while the store is
// compacted after it has stopped.
func (l *load) endByPower(disk *powerDisk, server *process, round int) {
	l.t.Helper()
	writes := 80
	switch round % 3 {
	case 1:
		backup := l.desk.command("store", "backup", filepath.Join(disk.folder, "backup"))
		if err := backup.Start(); err != nil {
			l.t.Error(err)
			return
		}
		defer func() { _ = backup.Wait() }() // its server is gone
	case 2:
		server.terminate(l.t)
		server.wait(l.t)
		compact := l.desk.command("store", "compact")
		if err := compact.Start(); err != nil {
			l.t.Error(err)
			return
		}
		defer func() {
			_ = compact.Process.Kill()
			_ = compact.Wait()
		}()
		writes = 15
	}
	l.over.Store(true)
	disk.cut(disk.rnd.IntN(writes))
	server.kill()
}

// A cut in the very first start leaves nothing, or an empty desk.
func TestPowerCutInFirstStart(t *testing.T) {
	for n := range 2 {
		disk := newPowerDisk(t)
		d := harness(t)
		d.data = filepath.Join(disk.folder, "data")
		disk.on(uint64(n))
		p, ready := d.launch()
		disk.cut(disk.rnd.IntN(25))
		p.kill()
		disk.off()
		disk.on(uint64(n + 100))
		server := d.start()
		if got := deliver(server.addr, "", "ann@customer.example", desk, []byte("Subject: first\r\n\r\nHello\r\n")); got.code != 250 {
			t.Errorf("after a cut in the first start: %s", got)
		}
		d.check()
		server.stop(t)
		disk.off()
		t.Logf("cut %d: listened before %v; %d blocks in the cache, %d of them survive", n, len(ready) > 0, disk.cached, disk.kept)
	}
}

// The power cuts find a program that does not flush, and a disk that lies.
func TestPowerCutFindsFaults(t *testing.T) {
	findsFault(t, "TestPowerCut", "no-flush", "--- FAIL: TestPowerCut", "MXDESK_POWER_CUTS=2")
	findsFault(t, "TestPowerCut", "none", "--- FAIL: TestPowerCut", "MXDESK_POWER_CUTS=2", "POWERCUT_LYING=1")
}

// powerDisk is an ext4 file system on a loop device on a file that the program
// in testdata/powercut serves.
type powerDisk struct {
	t      *testing.T
	folder string // where the file system is mounted
	fuse   string
	image  string
	helper string
	rnd    *rand.Rand

	cmd          *exec.Cmd
	in           io.WriteCloser
	out          *bufio.Scanner
	loop         string
	mounted      bool
	cached, kept int // of the last cut
}

func newPowerDisk(t *testing.T) *powerDisk {
	t.Helper()
	needRoot(t, "a disk of its own must be mounted")
	need(t, "losetup", "mkfs.ext4", "mount", "umount")
	for _, dev := range []string{"/dev/fuse", "/dev/loop-control"} {
		if _, err := os.Stat(dev); err != nil {
			t.Skipf("the kernel has no %s here", dev)
		}
	}
	dir := t.TempDir()
	p := &powerDisk{t: t, folder: filepath.Join(dir, "fs"), fuse: filepath.Join(dir, "fuse"), image: filepath.Join(dir, "image"), helper: filepath.Join(dir, "powercut")}
	build := exec.Command("go", "build", "-o", p.helper, ".")
	build.Dir = "testdata/powercut"
	if out, err := build.CombinedOutput(); err != nil {
		missing(t, "powercut cannot be built: "+string(out))
	}
	f, err := os.Create(p.image)
	if err == nil {
		err = errors.Join(f.Truncate(powerDiskSize), f.Close(), os.Mkdir(p.folder, 0o700), os.Mkdir(p.fuse, 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", p.image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}
	t.Cleanup(p.off)
	return p
}

// on gives the disk power, and mounts it.
func (p *powerDisk) on(seed uint64) {
	p.t.Helper()
	p.rnd = rand.New(rand.NewPCG(seed, 7))
	p.cmd = exec.Command(p.helper, p.fuse, p.image, fmt.Sprint(seed))
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	if !p.out.Scan() {
		p.t.Skip("FUSE cannot be mounted here")
	}
	dev, err := exec.Command("losetup", "-f", "--show", filepath.Join(p.fuse, "disk")).CombinedOutput()
	if err != nil {
		p.t.Skipf("no loop device can be had here: %s", dev)
	}
	p.loop = strings.TrimSpace(string(dev))
	if out, err := exec.Command("mount", "-t", "ext4", p.loop, p.folder).CombinedOutput(); err != nil {
		p.t.Fatalf("mounting what the cut has left: %v\n%s", err, out)
	}
	p.mounted = true
}

// cut cuts the power so many writes later: nothing that comes behind is written.
func (p *powerDisk) cut(writes int) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, "cut", writes); err != nil {
		p.t.Error(err)
		return
	}
	if !p.out.Scan() {
		p.t.Error("the disk does not answer")
		return
	}
	if _, err := fmt.Sscanf(p.out.Text(), "cut %d %d", &p.cached, &p.kept); err != nil {
		p.t.Error(err)
	}
}

// off takes the disk away.
func (p *powerDisk) off() {
	p.t.Helper()
	if p.mounted {
		eventually(p.t, "nobody uses the disk", func() bool { return exec.Command("umount", p.folder).Run() == nil })
		p.mounted = false
	}
	if p.loop != "" {
		if out, err := exec.Command("losetup", "-d", p.loop).CombinedOutput(); err != nil {
			p.t.Errorf("losetup -d: %v\n%s", err, out)
		}
		p.loop = ""
	}
	if p.cmd == nil {
		return
	}
	p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("powercut: %v", err)
	}
	p.cmd = nil
}
