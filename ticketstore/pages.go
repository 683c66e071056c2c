package ticketstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// The layout of a bbolt file, as far as it must be known to read a damaged one:
// bbolt itself trusts its pages and ends the process, or reads something else,
// when one is not what it was. Numbers are in the machine's byte order.
//
//	page      id 8, flags 2, count 2, overflow 4, then count elements
//	branch    pos 4, key size 4, page 8
//	leaf      flags 4, pos 4, key size 4, value size 4
//	bucket    root page 8, sequence 8; root 0: the page stands behind it, inline
//	free      the free pages, 8 each, in order; when count is 65535, the
//	          number of them, 8, stands before
//	meta      magic 4, version 4, page size 4, flags 4, root 8, sequence 8,
//	          free list 8, pages 8, transaction 8, FNV-1a of all that 8
const (
	pageHead    = 16
	elementSize = 16
	bucketHead  = 16
	metaSize    = 64
	metaMagic   = 0xED0CDAED

	pageIsBranch   = 0x01
	pageIsLeaf     = 0x02
	pageIsFreeList = 0x10
	leafIsBucket   = 0x01

	noFreeList = math.MaxUint64 // none is stored: bbolt makes one of the tree when it opens the file

	maxDepth = 64 // of a tree; real ones have 3 to 6 levels
)

var order = binary.NativeEndian

// image is a bbolt file, mapped to be read.
type image struct {
	data     []byte
	pageSize int
	root     uint64
	free     uint64 // the page of the free list
	pages    uint64 // in use, the first of the unused ones
	tx       uint64
	metas    int // that are good; two, but in a file that was damaged
}

// openImage maps a file and reads its newest good meta page.
func openImage(path string) (*image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the mapping stays
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() < 2*int64(os.Getpagesize()) {
		return nil, fmt.Errorf("%w: %s is too short to be a database", ErrDamaged, path)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping %s: %w", path, err)
	}
	im := &image{data: data}
	for _, size := range []int{os.Getpagesize(), 4096, 8192, 16384, 65536} {
		if im.readMetas(size); im.metas > 0 {
			return im, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("%w: %s has no good meta page", ErrDamaged, path), im.close())
}

func (im *image) close() error { return unix.Munmap(im.data) }

// readMetas reads both meta pages of a file with pages of this size.
func (im *image) readMetas(size int) {
	for n := range 2 {
		at := n*size + pageHead
		if at+metaSize > len(im.data) {
			return
		}
		m := im.data[at : at+metaSize]
		h := fnv.New64a()
		h.Write(m[:metaSize-8])
		if order.Uint32(m) != metaMagic || order.Uint32(m[8:]) != uint32(size) || order.Uint64(m[56:]) != h.Sum64() {
			continue
		}
		im.metas++
		if tx := order.Uint64(m[48:]); im.metas == 1 || tx > im.tx {
			im.pageSize, im.root, im.free = size, order.Uint64(m[16:]), order.Uint64(m[32:])
			im.pages, im.tx = order.Uint64(m[40:]), tx
		}
	}
}

// walk looks at every page of the tree under the newest meta page.
func (im *image) walk(w *walker) {
	w.image, w.seen = im, make([]atomic.Bool, im.pages)
	w.guarded(func() { w.tree(im.root, nil, keyRange{}, 0) })
	w.others.Wait()
}

// walkTogether is walk on all processors: pages are waited for, one by one, by
// who looks at them. The walker's functions must bear it.
func (im *image) walkTogether(w *walker) {
	w.helpers = make(chan struct{}, runtime.GOMAXPROCS(0)-1)
	im.walk(w)
}

// walker looks at the pages of a tree without trusting any of them.
type walker struct {
	*image
	// problem is told what is wrong, in words.
	problem func(error)
	// leaf is told of each entry, with the names of the buckets above; may be nil.
	leaf func(path [][]byte, key, value []byte)
	// bucket is told of each bucket and its sequence; may be nil.
	bucket func(path [][]byte, sequence uint64)
	seen   []atomic.Bool // by page
	// helpers holds an element for each goroutine at work besides the first.
	helpers chan struct{}
	others  sync.WaitGroup
}

// keyRange is where the keys of a page must lie; nil: no bound.
type keyRange struct{ from, to []byte }

func (w *walker) badf(page uint64, format string, args ...any) {
	w.problem(fmt.Errorf("page %d: "+format, append([]any{page}, args...)...))
}

// guarded runs fn. A fault while it reads the mapping, as from a disk that
// cannot be read, is a problem and no crash.
func (w *walker) guarded(fn func()) {
	if err := guard(func() error { fn(); return nil }); err != nil {
		w.problem(err)
	}
}

func (w *walker) tree(id uint64, path [][]byte, keys keyRange, depth int) {
	page, ok := w.page(id, depth)
	if !ok {
		return
	}
	w.content(id, page, path, keys, depth)
}

// page returns the octets of a page with its overflow, if it can be one.
func (w *walker) page(id uint64, depth int) ([]byte, bool) {
	size := uint64(w.pageSize)
	if id < 2 || id >= w.pages || (id+1)*size > uint64(len(w.data)) || depth > maxDepth {
		w.badf(id, "is referred to and cannot be there")
		return nil, false
	}
	p := w.data[id*size:]
	span := uint64(order.Uint32(p[12:])) + 1
	if order.Uint64(p) != id || id+span > w.pages || span*size > uint64(len(p)) {
		w.badf(id, "its head is damaged")
		return nil, false
	}
	for i := range span {
		if w.seen[id+i].Swap(true) {
			w.badf(id+i, "is referred to twice")
			return nil, false
		}
	}
	return p[:span*size], true
}

// content looks at the elements of a page.
func (w *walker) content(id uint64, p []byte, path [][]byte, keys keyRange, depth int) {
	flags, n := order.Uint16(p[8:]), int(order.Uint16(p[10:]))
	if flags != pageIsBranch && flags != pageIsLeaf || pageHead+n*elementSize > len(p) || flags == pageIsBranch && n == 0 {
		w.badf(id, "its head is damaged")
		return
	}
	inner := flags == pageIsBranch || w.leaf != nil
	var before []byte
	for i := range n {
		e, ok := readElement(p, i, flags)
		switch {
		case !ok:
			w.badf(id, "element %d is damaged", i)
			continue
		case i > 0 && bytes.Compare(before, e.key) >= 0,
			keys.from != nil && bytes.Compare(e.key, keys.from) < 0,
			keys.to != nil && bytes.Compare(e.key, keys.to) >= 0:
			w.badf(id, "the key of element %d is out of order", i)
		}
		before = e.key
		inner = inner || e.bucket
	}
	if inner {
		w.inner(id, p, path, keys, depth)
	}
}

// inner goes on with what the elements of a page lead to.
func (w *walker) inner(id uint64, p []byte, path [][]byte, keys keyRange, depth int) {
	flags, n := order.Uint16(p[8:]), int(order.Uint16(p[10:]))
	for i := range n {
		e, ok := readElement(p, i, flags)
		switch {
		case !ok:
		case flags == pageIsBranch:
			to := keys.to
			if i+1 < n {
				if next, ok := readElement(p, i+1, flags); ok {
					to = next.key
				}
			}
			w.below(e.page, path, keyRange{e.key, to}, depth+1)
		case e.bucket:
			w.inside(id, e, path, depth)
		case w.leaf != nil:
			w.leaf(path, e.key, e.value)
		}
	}
}

// below looks at a page under a branch. Of one that leads on, another goroutine
// takes care if it is at leisure: one for each leaf would cost more than it gives.
func (w *walker) below(id uint64, path [][]byte, keys keyRange, depth int) {
	at := id*uint64(w.pageSize) + 8
	if id >= w.pages || at+2 > uint64(len(w.data)) || order.Uint16(w.data[at:]) != pageIsBranch {
		w.tree(id, path, keys, depth)
		return
	}
	select {
	case w.helpers <- struct{}{}:
		w.others.Go(func() {
			w.guarded(func() { w.tree(id, path, keys, depth) })
			<-w.helpers
		})
	default:
		w.tree(id, path, keys, depth)
	}
}

// inside looks into a bucket.
func (w *walker) inside(id uint64, e element, path [][]byte, depth int) {
	if len(e.value) < bucketHead {
		w.badf(id, "bucket %q is damaged", e.key)
		return
	}
	path = append(path[:len(path):len(path)], e.key)
	if w.bucket != nil {
		w.bucket(path, order.Uint64(e.value[8:]))
	}
	if root := order.Uint64(e.value); root != 0 {
		w.tree(root, path, keyRange{}, depth+1)
		return
	}
	inline := e.value[bucketHead:]
	if len(inline) < pageHead || order.Uint16(inline[8:]) != pageIsLeaf {
		w.badf(id, "bucket %q is damaged", e.key)
		return
	}
	w.content(id, inline, path, keyRange{}, depth+1)
}

// freeList looks at the stored list of free pages, behind a walk: bbolt writes to
// whatever it names. A page that is neither in the tree nor in the list does no
// harm.
func (w *walker) freeList() {
	if w.free == noFreeList {
		return
	}
	p, ok := w.page(w.free, 0)
	if !ok {
		return
	}
	n, ids := uint64(order.Uint16(p[10:])), p[pageHead:]
	if n == math.MaxUint16 && len(ids) >= 8 {
		n, ids = order.Uint64(ids), ids[8:]
	}
	if order.Uint16(p[8:]) != pageIsFreeList || n > uint64(len(ids)/8) {
		w.badf(w.free, "the list of free pages is damaged")
		return
	}
	before := uint64(1)
	for i := range n {
		id := order.Uint64(ids[8*i:])
		if id <= before || id >= w.pages || w.seen[id].Load() {
			w.badf(w.free, "element %d of the list of free pages is none of them", i)
			return
		}
		before = id
	}
}

// element is one of a page.
type element struct {
	key, value []byte
	page       uint64 // of a branch
	bucket     bool
}

func readElement(p []byte, i int, flags uint16) (element, bool) {
	at := pageHead + i*elementSize
	raw := p[at : at+elementSize]
	if flags == pageIsBranch {
		from, n := uint64(at)+uint64(order.Uint32(raw)), uint64(order.Uint32(raw[4:]))
		if from+n > uint64(len(p)) {
			return element{}, false
		}
		return element{key: p[from : from+n], page: order.Uint64(raw[8:])}, true
	}
	from := uint64(at) + uint64(order.Uint32(raw[4:]))
	k, v := uint64(order.Uint32(raw[8:])), uint64(order.Uint32(raw[12:]))
	if from+k+v > uint64(len(p)) || order.Uint32(raw)&^leafIsBucket != 0 {
		return element{}, false
	}
	return element{key: p[from : from+k], value: p[from+k : from+k+v], bucket: order.Uint32(raw) == leafIsBucket}, true
}

// checkPages looks at the structure of a file that nobody has open.
func checkPages(path string) error {
	im, err := openImage(path)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var first error
	n := 0
	w := &walker{problem: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if n++; first == nil {
			first = err
		}
	}}
	im.walkTogether(w)
	w.guarded(w.freeList)
	if first != nil {
		first = fmt.Errorf("%w: %s: %w (and %d more)", ErrDamaged, path, first, n-1)
	}
	return errors.Join(first, im.close())
}

// checkSnapshot looks at the structure of what a transaction sees.
func checkSnapshot(tx *bolt.Tx, path string, problem func(error)) error {
	im, err := openImage(path)
	if err != nil {
		return err
	}
	if im.metas < 2 {
		problem(errors.New("one of the two meta pages is damaged; the next change writes it anew"))
	}
	if im.tx != uint64(tx.ID()) {
		im.free = noFreeList // a later one's, and it may be written over
	}
	im.root, im.pages = uint64(tx.Cursor().Bucket().RootPage()), uint64(len(im.data)/im.pageSize)
	w := &walker{problem: problem}
	im.walk(w)
	w.guarded(w.freeList)
	return im.close()
}

// guard runs fn. A panic of bbolt over a page that makes no sense, or a fault
// while one is read, becomes an error.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // a fault: the address is not mapped, or cannot be read
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		case string: // how bbolt says that a page is not what it must be
			err = fmt.Errorf("%w: %s", ErrDamaged, p)
		default:
			panic(p)
		}
	}()
	return fn()
}
