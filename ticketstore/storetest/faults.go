package storetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Fault is a rule that a build with the tag "faulty" can break, by the name that
// MXDESK_FAULT has for it, and the test that finds it with these words.
type Fault struct {
	Rule, Test, Words string
	Flags             []string // more of them for the run of the test
}

// FindsFaults shows that tests can fail: it runs those of the package under test
// once more, built with the tag "faulty", each on its fault.
func FindsFaults(t *testing.T, faults ...Fault) {
	t.Helper()
	if os.Getenv("MXDESK_FAULT") != "" {
		t.Skip("this is such a run")
	}
	bin := filepath.Join(t.TempDir(), "faulty.test")
	if out, err := exec.Command("go", "test", "-c", "-tags", "faulty", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	for _, f := range faults {
		t.Run(f.Rule+" by "+f.Test, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(bin, append([]string{"-test.run=^" + f.Test + "$"}, f.Flags...)...)
			cmd.Env = append(os.Environ(), "MXDESK_FAULT="+f.Rule)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), f.Words) {
				t.Errorf("not found (%v):\n%s", err, out[:min(len(out), 2000)])
			}
		})
	}
}
