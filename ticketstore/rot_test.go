package ticketstore_test

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"mxdesk/ticketstore"
	"mxdesk/ticketstore/storetest"
)

// rounds is how often a test of chance is repeated: more in the long form.
func rounds(t *testing.T, name string, short int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return short
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number from 1", name, s)
	}
	return n
}

// TestBitRot turns a bit over or zeroes a page at random places of the store's
// files. Whatever is then read is what was written, or an error; and where
// anything is missing or was not read, opening or checking the store says so.
func TestBitRot(t *testing.T) {
	dir := t.TempDir()
	db := filled(t, dir, 60)
	good, failed := storetest.Dump(t, db)
	if failed > 0 {
		t.Fatal("a good desk cannot be read")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	cutGrowth(t, dir)
	seed := uint64(rounds(t, "MXDESK_SEED", 1))
	rnd := rand.New(rand.NewPCG(seed, 0))
	var tally struct{ harmless, refused, found, values, lost int }
	n := rounds(t, "MXDESK_ROT_ROUNDS", 100)
	for range n {
		bad := memory(t)
		copyTree(t, dir, bad)
		what := damage(t, bad, rnd)
		db, err := ticketstore.Open(bad, ticketstore.Options{MinFree: -1})
		if errors.Is(err, ticketstore.ErrDamaged) {
			tally.refused++
			continue
		}
		if err != nil {
			t.Errorf("%s: opening: %v", what, err)
			continue
		}
		got, failed := storetest.Dump(t, db)
		report, err := db.Check(t.Context())
		if err != nil {
			t.Errorf("%s: checking: %v", what, err)
		}
		for name, v := range got {
			if v != good[name] {
				t.Errorf("%s: %s is read as %s, written was %s", what, name, v, good[name])
			}
		}
		whole := maps.Equal(got, good)
		switch {
		case len(report.Problems) > 0:
			tally.found++
			tally.values += len(good)
			tally.lost += len(good) - len(got)
		case !whole || failed > 0:
			t.Errorf("%s: %d of %d values are read, %d errors, and the check finds nothing", what, len(got), len(good), failed)
		default:
			tally.harmless++
		}
		if err := db.Close(); err != nil {
			t.Errorf("%s: closing: %v", what, err)
		}
	}
	t.Logf("%d places: %d harmless, %d found when opening, %d by the check; there %d of %d values could not be read",
		n, tally.harmless, tally.refused, tally.found, tally.lost, tally.values)
	if tally.found+tally.refused < n/4 {
		t.Errorf("only %d of %d changes were found: the test hits nothing", tally.found+tally.refused, n)
	}
}

// cutGrowth takes away what the database of a folder has grown ahead, where
// there is nothing to damage and much to copy.
func cutGrowth(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "desk.db")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(raw, "\x00"))
	if err := os.Truncate(path, int64((used+4095)/4096*4096)); err != nil {
		t.Fatal(err)
	}
}

// damage changes a random place of the files in a folder, and says what.
func damage(t *testing.T, dir string, rnd *rand.Rand) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "segments", "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, filepath.Join(dir, "desk.db"), filepath.Join(dir, "desk.db"), filepath.Join(dir, "desk.db"))
	path := files[rnd.IntN(len(files))]
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := rnd.IntN(len(raw))
	what := "bit turned over"
	if rnd.IntN(3) > 0 {
		raw[at] ^= 1 << rnd.IntN(8)
	} else {
		what = "page zeroed"
		at -= at % 4096
		clear(raw[at:min(at+4096, len(raw))])
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return what + " at " + strconv.Itoa(at) + " of " + filepath.Base(path)
}

// Damage in the structure of the file is found when it is opened; it does not
// end the process.
func TestDamagedStructureIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := filled(t, dir, 50).Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "desk.db")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"empty":           {},
		"shorter":         good[:8192],
		"both metas gone": slices.Concat(make([]byte, 8192), good[8192:]),
		"no pages":        slices.Concat(good[:8192], make([]byte, len(good)-8192)),
		"not a database":  slices.Repeat([]byte("no\n"), 10000),
	} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := ticketstore.Open(dir, ticketstore.Options{MinFree: -1})
		if !errors.Is(err, ticketstore.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			db.Close()
		}
	}
}
