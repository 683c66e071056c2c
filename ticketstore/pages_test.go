package ticketstore

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// Several goroutines find in a deep tree what one finds.
func TestWalkTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep")
	b, err := openBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	err = b.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{"a", "b"} {
			bucket, err := tx.CreateBucket([]byte(name))
			for i := uint32(0); i < 60000 && err == nil; i++ {
				err = bucket.Put(binary.BigEndian.AppendUint32(nil, i), []byte("some value"))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || b.Close() != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkPages(path); err != nil {
		t.Fatalf("a good file: %v", err)
	}
	problems := func(walk func(*image, *walker)) (list []string) {
		im, err := openImage(path)
		if err != nil {
			t.Fatal(err)
		}
		defer im.close()
		var mu sync.Mutex
		walk(im, &walker{problem: func(err error) {
			mu.Lock()
			defer mu.Unlock()
			list = append(list, err.Error())
		}})
		slices.Sort(list)
		return list
	}
	for page := 2; page < 700; page += 41 {
		bad := slices.Clone(good)
		clear(bad[page*4096 : (page+1)*4096])
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		alone, together := problems((*image).walk), problems((*image).walkTogether)
		if !slices.Equal(alone, together) {
			t.Errorf("page %d: one finds %q, several %q", page, alone, together)
		}
		if err := checkPages(path); (err == nil) != (len(alone) == 0) {
			t.Errorf("page %d: %q, and the check says %v", page, alone, err)
		}
	}
}

// What the list of free pages names is written to: a page in use must not stand
// in it.
func TestListOfFreePages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "freed")
	b, err := openBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(*bolt.Bucket, []byte) error{
		func(b *bolt.Bucket, k []byte) error { return b.Put(k, make([]byte, 100)) },
		(*bolt.Bucket).Delete,
	} {
		err := b.Update(func(tx *bolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("a"))
			for i := uint32(0); i < 5000 && err == nil; i++ {
				err = change(bucket, binary.BigEndian.AppendUint32(nil, i))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	im, err := openImage(path)
	if err != nil {
		t.Fatal(err)
	}
	defer im.close()
	if im.free == noFreeList {
		t.Fatal("no list is stored")
	}
	list := int(im.free) * im.pageSize
	first := list + pageHead
	if n := order.Uint16(good[list+10:]); n < 100 {
		t.Fatalf("%d pages are free: the test needs more", n)
	}
	for name, c := range map[string]struct {
		damage func(b []byte)
		found  bool
	}{
		"nothing":         {func([]byte) {}, false},
		"a page in use":   {func(b []byte) { order.PutUint64(b[first:], im.root) }, true},
		"the list itself": {func(b []byte) { order.PutUint64(b[first:], im.free) }, true},
		"a page twice":    {func(b []byte) { copy(b[first+8:first+16], b[first:]) }, true},
		"a meta page":     {func(b []byte) { order.PutUint64(b[first:], 1) }, true},
		"beyond the file": {func(b []byte) { order.PutUint64(b[first+8*int(order.Uint16(b[list+10:])-1):], im.pages) }, true},
		"more than there": {func(b []byte) { order.PutUint16(b[list+10:], 60000) }, true},
		"a long count":    {func(b []byte) { order.PutUint16(b[list+10:], 65535); order.PutUint64(b[first:], 1<<60) }, true},
		"another kind":    {func(b []byte) { order.PutUint16(b[list+8:], pageIsLeaf) }, true},
		"zeroed":          {func(b []byte) { clear(b[list : list+im.pageSize]) }, true},
		"one less":        {func(b []byte) { order.PutUint16(b[list+10:], order.Uint16(b[list+10:])-1) }, false},
	} {
		bad := slices.Clone(good)
		c.damage(bad)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := checkPages(path); (err != nil) != c.found {
			t.Errorf("%s: %v", name, err)
		}
	}
}
