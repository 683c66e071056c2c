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

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/api"
)

const (
	powerDiskSize = 96 << 20
	cutsEach      = 5 // of one disk; then a new one
	// startWrites is about how often the disk is written to until a server listens.
	startWrites = 25
)

// TestPowerCut runs the server on a disk with a volatile write cache and cuts
// the power under load: what was not flushed is lost, block by block and at
// random. A backup runs beside the load in every third round, and every third one
// ends in a compaction. After each cut holds what holds after a kill; see
// TestKillLoop. What was answered before the cut is there. At last a backup into
// the folder of those that were cut is whole.
//
// MXDESK_SEED makes other rounds.
func TestPowerCut(t *testing.T) {
	cuts, seed := powerCuts(t), uint64(envNumber(t, "MXDESK_SEED", 1))
	mails, real, cached, kept := 0, 0, 0, 0
	for done := 0; done < cuts; done += cutsEach {
		disk := newPowerDisk(t)
		d := disk.desk()
		l := &load{t: t, desk: d, corpus: uniqueMails(t)}
		disk.on(seed<<32 + uint64(done))
		server := d.start()
		rounds := min(cutsEach, cuts-done)
		for round := range rounds {
			l.round(round, server, disk.rnd.IntN(300), func() {
				l.endByPower(disk, server, round)
			})
			disk.off()
			disk.on(seed<<32 + uint64(done+round+1))
			server = d.start()
			d.check()
			again, known := l.sendAgain(server.addr)
			if l.wantOnce(round == rounds-1); t.Failed() {
				t.FailNow()
			}
			t.Logf("cut %d: %d blocks in the cache, %d of them survive; %d mails in all, %d sent again, %d of them known",
				done+round, disk.cached, disk.kept, len(l.mails), again, known)
			cached, kept = cached+disk.cached, kept+disk.kept
		}
		wantBackup(t, d, filepath.Join(disk.folder, "backup"))
		server.stop(t)
		d.check()
		disk.off()
		mails, real = mails+len(l.mails), real+l.real()
	}
	t.Logf("%d cuts, %d mails (%d of them real); %d of %d blocks in the cache were lost; no mail that was answered", cuts, mails, real, cached-kept, cached)
}

// powerCuts is how many cuts there are under load; there is one of each other
// kind for every five of them.
func powerCuts(t *testing.T) int { return envNumber(t, "MXDESK_POWER_CUTS", 10) }

// wantBackup makes a backup, restores it elsewhere and wants the same desk there.
func wantBackup(t *testing.T, d *installation, dir string) {
	t.Helper()
	d.must("store", "backup", dir)
	restored := &installation{t: t, bin: d.bin, config: d.config, data: filepath.Join(t.TempDir(), "restored")}
	restored.must("store", "restore", "--from", dir)
	want, got := d.check(), restored.check()
	if want.Tickets != got.Tickets || want.Actions != got.Actions || want.Records != got.Records {
		t.Errorf("a backup has %d tickets, %d actions and %d records; the desk has %d, %d and %d",
			got.Tickets, got.Actions, got.Records, want.Tickets, want.Actions, want.Records)
	}
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
	for n := range powerCuts(t) / cutsEach {
		disk := newPowerDisk(t)
		d := disk.desk()
		disk.on(uint64(n))
		disk.arm(disk.rnd.IntN(startWrites))
		p, _ := d.launch()
		disk.await()
		p.kill()
		disk.off()
		disk.on(uint64(n + 100_000))
		server := d.start()
		if got := deliver(server.addr, "", "ann@customer.example", desk, []byte("Subject: first\r\n\r\nHello\r\n")); got.code != 250 {
			t.Errorf("after a cut in the first start: %s", got)
		}
		d.check()
		server.stop(t)
		disk.off()
		t.Logf("cut %d: %d blocks in the cache, %d of them survive, %d writes never came", n, disk.cached, disk.kept, disk.missing)
	}
}

// A cut while the files of an older version are brought up to date loses
// nothing that was in them.
func TestPowerCutInMigration(t *testing.T) {
	fixtures, err := filepath.Glob("../../ticketstore/testdata/schema-*.tar.gz")
	if err != nil || len(fixtures) == 0 {
		t.Fatalf("no files of older versions: %v", err)
	}
	for n := range max(powerCuts(t)/cutsEach, len(fixtures)) {
		fixture := fixtures[n%len(fixtures)]
		whole := harness(t)
		extract(t, fixture, whole.data)
		server := whole.start()
		want := whole.contents()
		server.stop(t)

		disk := newPowerDisk(t)
		d := disk.desk()
		disk.on(uint64(n))
		extract(t, fixture, d.data)
		if out, err := exec.Command("sync", "-f", d.data).CombinedOutput(); err != nil {
			t.Fatalf("sync: %v\n%s", err, out)
		}
		disk.arm(disk.rnd.IntN(startWrites))
		p, _ := d.launch()
		disk.await()
		p.kill()
		disk.off()
		disk.on(uint64(n + 100_000))
		server = d.start()
		if diff := cmp.Diff(want, d.contents()); diff != "" {
			t.Errorf("%s after a cut (-whole +cut):\n%s", filepath.Base(fixture), diff)
		}
		if got := deliver(server.addr, "", "ann@customer.example", desk, []byte("Subject: first\r\n\r\nHello\r\n")); got.code != 250 {
			t.Errorf("after a cut in a migration: %s", got)
		}
		d.check()
		server.stop(t)
		disk.off()
		t.Logf("cut %d, %s: %d blocks in the cache, %d of them survive, %d writes never came", n, filepath.Base(fixture), disk.cached, disk.kept, disk.missing)
	}
}

// extract unpacks a desk's files into a folder that is not there yet.
func extract(t *testing.T, archive, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "keys.json"), "") // it is not among them
	if out, err := exec.Command("tar", "-xzf", archive, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
}

// contents is what a running desk shows of its tickets and mails.
func (d *installation) contents() map[string]string {
	d.t.Helper()
	c, shown := d.api(), map[string]string{}
	for _, line := range ask[[]api.Ticket](d, c, "/v1/tickets") {
		t := ask[api.Ticket](d, c, "/v1/tickets/%d", line.ID)
		shown[fmt.Sprint("ticket ", t.ID)] = fmt.Sprint(t.Subject, t.Status, t.Created, t.Requester)
		for _, a := range t.Actions {
			shown[fmt.Sprint("action ", t.ID, "/", a.Seq)] = fmt.Sprint(a.Outcome, a.Actor, a.Subject, a.Text)
		}
		for _, f := range d.filed(c, line.ID) {
			shown[fmt.Sprint("mail ", t.ID, "/", f.action.Seq)] = string(f.raw)
		}
	}
	for i, raw := range d.heldRaw(c) {
		shown[fmt.Sprint("held ", i)] = string(raw)
	}
	return shown
}

// The power cuts find a program that does not flush, and a disk that lies.
func TestPowerCutFindsFaults(t *testing.T) {
	findsFault(t, "TestPowerCut", "no-flush", "--- FAIL: TestPowerCut", "MXDESK_POWER_CUTS=5")
	findsFault(t, "TestPowerCut", "none", "--- FAIL: TestPowerCut", "MXDESK_POWER_CUTS=5", "POWERCUT_LYING=1")
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
	works        bool // it was mounted once
	cached, kept int  // blocks, at the last cut
	missing      int  // writes that it waited for in vain
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

// desk makes a desk on the disk.
func (p *powerDisk) desk() *installation {
	p.t.Helper()
	d := harness(p.t)
	d.data = filepath.Join(p.folder, "data")
	return d
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
		p.unable("FUSE cannot be mounted here")
	}
	dev, err := exec.Command("losetup", "-f", "--show", filepath.Join(p.fuse, "disk")).CombinedOutput()
	if err != nil {
		p.unable(fmt.Sprintf("no loop device can be had here: %s", dev))
	}
	p.loop = strings.TrimSpace(string(dev))
	if out, err := exec.Command("mount", "-t", "ext4", p.loop, p.folder).CombinedOutput(); err != nil {
		p.t.Fatalf("mounting what the cut has left: %v\n%s", err, out)
	}
	p.mounted, p.works = true, true
}

// unable skips the test, unless the disk has worked before.
func (p *powerDisk) unable(why string) {
	p.t.Helper()
	if p.works {
		p.t.Fatal(why)
	}
	p.t.Skip(why)
}

// cut cuts the power so many writes later, or after a moment without so many:
// nothing that comes behind is written.
func (p *powerDisk) cut(writes int) {
	p.t.Helper()
	p.arm(writes)
	p.await()
}

func (p *powerDisk) arm(writes int) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, "cut", writes); err != nil {
		p.t.Error(err)
	}
}

// await waits until the power is cut.
func (p *powerDisk) await() {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Error("the disk does not answer")
		return
	}
	if _, err := fmt.Sscanf(p.out.Text(), "cut %d %d %d", &p.cached, &p.kept, &p.missing); err != nil {
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
