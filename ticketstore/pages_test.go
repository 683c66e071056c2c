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
