// Command powercut serves a disk with a volatile write cache, as a file in a
// FUSE folder, for tests of what a power cut leaves. What is written is lost
// with a cut, block by block and at random, until the file is flushed.
//
//	powercut FOLDER IMAGE SEED
//
// The disk has the content and the size of the file IMAGE and is FOLDER/disk. A
// line "cut N" on standard input cuts the power N writes later, or after a
// moment without so many: IMAGE gets what survives, a line on standard output
// says how many blocks were in the cache, how many of them got through and how
// many of the N writes never came, and what is written from then on goes
// nowhere. The end of standard input unmounts
// the folder.
package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

const block = 4096

// disk is the file. Blocks in the cache keep every version since the last
// flush: any of them, or none, may be what a cut leaves.
type disk struct {
	fs.Inode
	mu    sync.Mutex
	now   []byte
	safe  []byte
	cache map[int64][][]byte
	rnd   *rand.Rand
	dead  bool
	armed int           // writes until the cut; negative: none is to come
	done  chan struct{} // closed by the cut

	cached, kept, missing int
	// lying: a flush does nothing. The harness must find that out.
	lying bool
}

var (
	_ fs.NodeOpener    = (*disk)(nil)
	_ fs.NodeReader    = (*disk)(nil)
	_ fs.NodeWriter    = (*disk)(nil)
	_ fs.NodeFsyncer   = (*disk)(nil)
	_ fs.NodeGetattrer = (*disk)(nil)
	_ fs.NodeSetattrer = (*disk)(nil)
	_ fs.NodeAllocater = (*disk)(nil)
)

func (d *disk) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o600, uint64(len(d.now))
	return 0
}

// Setattr takes what the kernel tells of times and changes nothing.
func (d *disk) Setattr(ctx context.Context, f fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return d.Getattr(ctx, f, out)
}

func (d *disk) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (d *disk) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	if off < int64(len(d.now)) {
		n = copy(dest, d.now[off:])
	}
	return fuse.ReadResultData(dest[:n]), 0
}

func (d *disk) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if off+int64(len(data)) > int64(len(d.now)) {
		return 0, syscall.ENOSPC
	}
	copy(d.now[off:], data)
	d.changed(off, int64(len(data)))
	if d.armed == 0 {
		d.cut()
	}
	d.armed--
	return uint32(len(data)), 0
}

// changed puts the blocks of a range into the cache as they are now.
func (d *disk) changed(off, size int64) {
	for b := off / block * block; b < off+size; b += block {
		d.cache[b] = append(d.cache[b], append([]byte(nil), d.now[b:b+block]...))
	}
}

// Allocate is how the kernel discards blocks, or zeroes them.
func (d *disk) Allocate(_ context.Context, _ fs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	const punchOrZero = 0x02 | 0x10
	if mode&punchOrZero == 0 {
		return syscall.EOPNOTSUPP
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	end := min(off+size, uint64(len(d.now)))
	clear(d.now[off:end])
	d.changed(int64(off), int64(end-off))
	return 0
}

func (d *disk) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead || d.lying {
		return 0
	}
	for b := range d.cache {
		copy(d.safe[b:b+block], d.now[b:])
	}
	clear(d.cache)
	return 0
}

// cutAfter cuts the power after so many more writes. A disk that nobody writes
// to is not waited for.
func (d *disk) cutAfter(writes int) {
	d.mu.Lock()
	d.armed = writes
	d.mu.Unlock()
	select {
	case <-d.done:
	case <-time.After(2 * time.Second):
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut()
}

// cut decides what of the cache gets through.
func (d *disk) cut() {
	if d.dead {
		return
	}
	keep := d.rnd.Float64() // of this cut
	for b, versions := range d.cache {
		if d.rnd.Float64() < keep {
			copy(d.safe[b:], versions[d.rnd.IntN(len(versions))])
			d.kept++
		}
	}
	d.cached, d.missing = len(d.cache), max(d.armed, 0)
	d.dead = true
	close(d.done)
}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "powercut:", err)
		os.Exit(1)
	}
}

func run(dir, path, seed string) error {
	n, err := strconv.ParseUint(seed, 10, 64)
	if err != nil {
		return err
	}
	image, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	d := &disk{
		now: append([]byte(nil), image...), safe: image, cache: map[int64][][]byte{},
		rnd: rand.New(rand.NewPCG(n, 1)), lying: os.Getenv("POWERCUT_LYING") != "", armed: -1, done: make(chan struct{}),
	}
	root := &fs.Inode{}
	server, err := fs.Mount(dir, root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "powercut", MaxWrite: 256 << 10},
		OnAdd: func(ctx context.Context) {
			root.AddChild("disk", root.NewPersistentInode(ctx, d, fs.StableAttr{Mode: syscall.S_IFREG}), true)
		},
	})
	if err != nil {
		return fmt.Errorf("mounting %s: %w", dir, err)
	}
	fmt.Println("ready", filepath.Join(dir, "disk"))
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		writes := 0
		if _, err := fmt.Sscanf(lines.Text(), "cut %d", &writes); err != nil {
			return err
		}
		d.cutAfter(writes)
		if err := os.WriteFile(path, d.safe, 0o600); err != nil {
			return err
		}
		fmt.Println("cut", d.cached, d.kept, d.missing)
	}
	for tries := 0; ; tries++ { // the kernel lets a loop device go a little later
		if err := server.Unmount(); err == nil || tries > 1000 {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}
