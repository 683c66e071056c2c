package ticketstore_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

var writeFixture = flag.Bool("fixture", false, "write the fixture of this schema version")

const fixtureTickets = 3

// TestEverySchemaOpens opens a desk of each schema version that ever was. The
// fixtures stay for good; a new schema adds one:
//
//	go test ./ticketstore -run TestEverySchemaOpens -fixture
func TestEverySchemaOpens(t *testing.T) {
	want, failed := storetest.Dump(t, filled(t, t.TempDir(), fixtureTickets))
	if failed > 0 {
		t.Fatal("a new desk cannot be read")
	}
	for n := 1; n <= ticketstore.Schema; n++ {
		t.Run(fmt.Sprint("schema ", n), func(t *testing.T) {
			dir := t.TempDir()
			name := fmt.Sprintf("testdata/schema-%d.tar.gz", n)
			if n == ticketstore.Schema && *writeFixture {
				pack(t, name)
			}
			unpack(t, name, dir)
			got, failed := storetest.Dump(t, storetest.Open(t, dir))
			if failed > 0 {
				t.Errorf("%d values cannot be read", failed)
			}
			for _, name := range []string{"ticket 3", "action 3/1", "held 1", "contact by bob@desk.example", "mail seen 2", "tickets of message 1", "item 2", "record 1"} {
				if n == 1 && (name == "item 2" || name == "action 3/1") {
					continue // that desk's outgoing mails have no body of their own
				}
				if got[name] == "" || got[name] != want[name] && n > 1 {
					t.Errorf("%s: %s, want %s", name, got[name], want[name])
				}
			}
		})
	}
}

// A migration that is cut short at any moment leaves the old file or the new.
func TestMigrationIsCutShort(t *testing.T) {
	dir := t.TempDir()
	unpack(t, "testdata/schema-1.tar.gz", dir)
	// What a cut leaves: a part of the new file beside the old one.
	for _, size := range []int{0, 100, 4096, 40000} {
		part := bytes.Repeat([]byte{0xed}, size)
		if err := os.WriteFile(filepath.Join(dir, "desk.db.new"), part, 0o600); err != nil {
			t.Fatal(err)
		}
		copied := t.TempDir()
		copyTree(t, dir, copied)
		db := storetest.Open(t, copied)
		if id, err := put(t.Context(), db, "after"); err != nil || id != 4 {
			t.Errorf("with %d octets of a new file: ticket %s, %v", size, id, err)
		}
	}
}

// A store of a later schema is left alone.
func TestLaterSchemaIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := filled(t, dir, 1).Close(); err != nil {
		t.Fatal(err)
	}
	ticketstore.SetSchema(t, dir, ticketstore.Schema+1)
	if _, err := ticketstore.Open(dir, ticketstore.Options{}); !errors.Is(err, ticketstore.ErrSchema) {
		t.Errorf("opening: %v", err)
	}
}

// filled opens a store with a small desk in it.
func filled(t testing.TB, dir string, tickets int) *ticketstore.DB {
	t.Helper()
	db := storetest.Open(t, dir)
	storetest.Fill(t, db, tickets)
	return db
}

func pack(t *testing.T, name string) {
	t.Helper()
	dir := t.TempDir()
	if err := filled(t, dir, fixtureTickets).Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	if err := errors.Join(w.AddFS(os.DirFS(dir)), w.Close(), z.Close(), os.WriteFile(name, out.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, name, dir string) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil && h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(filepath.Join(dir, h.Name), 0o700)
		} else if err == nil {
			var body []byte
			if body, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(filepath.Join(dir, h.Name), body, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// copyTree copies a folder's files, as they are at this moment.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), raw, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
