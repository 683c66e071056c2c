package ticketstore_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestDurabilityContract holds docs/durability.md to its word: every promise
// names tests that exist, and faults that a build can have with tests that find
// them; every long form names a target of the Makefile.
func TestDurabilityContract(t *testing.T) {
	doc, err := os.ReadFile("../docs/durability.md")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	promises, targets := 0, 0
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		switch {
		case len(cells) < 4 || cells[1] == "--" || cells[1] == " promise " || cells[1] == " target ":
		case len(cells) == 4:
			targets++
			if target := strings.TrimPrefix(strings.Trim(cells[1], " `"), "make "); !strings.Contains(string(makefile), "\n"+target+":") {
				t.Errorf("the Makefile has no target %s", target)
			}
		default:
			promises++
			if tests, faults := namesIn(t, cells[2]); tests == 0 || faults > 0 {
				t.Errorf("nothing holds it: %s", cells[1])
			}
			if tests, faults := namesIn(t, cells[3]); tests == 0 || faults == 0 {
				t.Errorf("nothing shows that what holds it can fail: %s", cells[1])
			}
		}
	}
	if promises < 15 || targets < 5 {
		t.Errorf("%d promises and %d targets were read", promises, targets)
	}
	if testExists(t, "ticketstore.TestNothing") || testExists(t, "TestModel") || faultExists(t, "no-fault") {
		t.Error("any name is taken for a test or a fault")
	}
}

// namesIn counts the tests and the faults that a cell names, each of which must exist.
func namesIn(t *testing.T, cell string) (tests, faults int) {
	t.Helper()
	for _, n := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		if strings.Contains(n[1], ".") {
			if tests++; !testExists(t, n[1]) {
				t.Errorf("no test is called %s", n[1])
			}
		} else if faults++; !faultExists(t, n[1]) {
			t.Errorf("no fault is called %s", n[1])
		}
	}
	return tests, faults
}

// faultExists reports whether a build with the tag "faulty" knows a fault.
func faultExists(t *testing.T, name string) bool {
	t.Helper()
	for _, folder := range []string{".", "../smtpd", "../internal/outbox"} {
		src, err := os.ReadFile(filepath.Join(folder, "faults_faulty.go"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(src), strconv.Quote(name)) {
			return true
		}
	}
	return false
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
