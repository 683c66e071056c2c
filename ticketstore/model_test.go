package ticketstore_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"mxdesk/ticketstore/storetest"
)

// memory is a folder in memory, where the machine has such: for tests that make
// a great many stores and ask nothing of the disk.
func memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "mxdesk")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestModel is short unless -rapid.checks says how long; see "make model".
func TestModel(t *testing.T) {
	long := false
	flag.Visit(func(f *flag.Flag) { long = long || f.Name == "rapid.checks" })
	if !long {
		if err := flag.Set("rapid.checks", "30"); err != nil {
			t.Fatal(err)
		}
	}
	counts := map[string]int{}
	storetest.Model(t, memory(t), func(op string) { counts[op]++ })
	list, all := storetest.Operations(counts)
	t.Logf("%d operations: %s", all, strings.Join(list, ", "))
}
