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
	for version := 1; version < ticketstore.Schema; version++ {
		dir, whole := t.TempDir(), t.TempDir()
		unpack(t, fmt.Sprintf("testdata/schema-%d.tar.gz", version), dir)
		copyTree(t, dir, whole)
		want, _ := storetest.Dump(t, storetest.Open(t, whole))
		check := func(what, dir string) {
			t.Helper()
			db := storetest.Open(t, dir)
			got, _ := storetest.Dump(t, db)
			if names := differing(got, want); len(names) > 0 || len(got) != len(want) {
				t.Errorf("schema %d, %s: other are %q", version, what, names)
			}
			if id, err := put(t.Context(), db, "after"); err != nil || id != 4 {
				t.Errorf("schema %d, %s: ticket %s, %v", version, what, id, err)
			}
		}
		cut := func(at int) (n int) {
			copied := t.TempDir()
			copyTree(t, dir, copied)
			n = ticketstore.CutMigration(t, copied, at)
			check(fmt.Sprint("cut at ", at), copied)
			return n
		}
		all := cut(-1)
		if all < 20 {
			t.Errorf("schema %d: the fixture has %d entries", version, all)
		}
		for at := 0; at < all; at += 3 {
			cut(at)
		}
		// What a power cut leaves: octets of the new file that are not what was written.
		for _, size := range []int{0, 100, 4096, 40000} {
			copied := t.TempDir()
			copyTree(t, dir, copied)
			if err := os.WriteFile(filepath.Join(copied, "desk.db.new"), bytes.Repeat([]byte{0xed}, size), 0o600); err != nil {
				t.Fatal(err)
			}
			check(fmt.Sprintf("%d octets of a new file", size), copied)
		}
	}
}

// What is damaged in a store of schema 2 stays so when it is migrated, for the
// check to find, and harms nothing else.
func TestMigrationKeepsDamage(t *testing.T) {
	dir := damagedFixture(t)
	db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got, failed := storetest.Dump(t, db)
	r, err := db.Check(t.Context())
	if err != nil || len(r.Problems) == 0 || failed == 0 || got["action 2/1"] != "" {
		t.Errorf("the damage is gone: %+v, %v, %d failed, %s", r, err, failed, got["action 2/1"])
	}
	whole, _ := storetest.Dump(t, filled(t, t.TempDir(), fixtureTickets))
	delete(whole, "action 2/1")
	if names := differing(got, whole); len(names) > 0 {
		t.Errorf("also other are %q", names)
	}
}

// A damaged store of schema 2 can be repaired, and then is one of this schema.
func TestRepairOfSchema2(t *testing.T) {
	dir := damagedFixture(t)
	db, r := repaired(t, dir, "")
	defer db.Close()
	if r.Recovered["loose pages"] != 1 || len(r.Lost) > 0 { // the damage was written to another page
		t.Errorf("%+v", r)
	}
	got, failed := storetest.Dump(t, db)
	whole, _ := storetest.Dump(t, filled(t, t.TempDir(), fixtureTickets))
	if names := differing(got, whole); len(names) > 0 || failed > 0 {
		t.Errorf("%d failed, other are %q", failed, names)
	}
}

// damagedFixture is a store of schema 2 with a damaged action, the first of
// ticket 2.
func damagedFixture(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	unpack(t, "testdata/schema-2.tar.gz", dir)
	ticketstore.Damage(t, dir, "actions", []byte{0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1})
	return dir
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
	from, dir := t.TempDir(), t.TempDir()
	filled(t, from, fixtureTickets)
	copyTree(t, from, dir) // as a crash leaves it: much is in the journal only
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
