package ticketstore_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDurabilityContract holds docs/durability.md to its word: every promise
// names tests that exist, every long form a target of the Makefile.
func TestDurabilityContract(t *testing.T) {
	doc, err := os.ReadFile("../docs/durability.md")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile("`([^`]+)`")
	promises, targets := 0, 0
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 4 || cells[1] == "--" || cells[1] == " promise " || cells[1] == " target " {
			continue
		}
		if target, ok := strings.CutPrefix(strings.Trim(cells[1], " `"), "make "); ok {
			targets++
			if !strings.Contains(string(makefile), "\n"+target+":") {
				t.Errorf("the Makefile has no target %s", target)
			}
			continue
		}
		promises++
		tests := name.FindAllStringSubmatch(cells[2], -1)
		if len(tests) == 0 {
			t.Errorf("nothing holds it: %s", cells[1])
		}
		for _, n := range tests {
			if !testExists(t, n[1]) {
				t.Errorf("no test is called %s", n[1])
			}
		}
	}
	if promises < 15 || targets < 5 {
		t.Errorf("%d promises and %d targets were read", promises, targets)
	}
	if testExists(t, "ticketstore.TestNothing") || testExists(t, "TestModel") {
		t.Error("any name is taken for a test")
	}
}

// testExists reports whether there is a test of that name, its folder before it.
func testExists(t *testing.T, name string) bool {
	t.Helper()
	folder, test, ok := strings.Cut(name, ".")
	if !ok {
		return false
	}
	files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(src), "\nfunc "+test+"(t *testing.T)") {
			return true
		}
	}
	return false
}
