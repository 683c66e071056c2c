package ticketstore_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The tests of the store find a program that breaks a rule: one that cannot fail
// shows nothing. They are run once more, built with the tag "faulty".
func TestStoreTestsFindFaults(t *testing.T) {
	if os.Getenv("MXDESK_FAULT") != "" {
		t.Skip("this is such a run")
	}
	bin := filepath.Join(t.TempDir(), "faulty.test")
	if out, err := exec.Command("go", "test", "-c", "-tags", "faulty", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	for _, f := range []struct{ fault, test, words string }{
		{"forgetful", "TestModel", "mail seen"},
		{"no-catch-up", "TestModel", "want {"},
		{"early-answer", "TestModel", "want {"},
		{"no-seal", "TestBitRot", "written was"},
		{"no-reserve", "TestLowDiskRefusesRecordsAndPassesByItself", "--- FAIL"},
	} {
		t.Run(f.fault+" by "+f.test, func(t *testing.T) {
			cmd := exec.Command(bin, "-test.run=^"+f.test+"$", "-rapid.nofailfile")
			cmd.Env = append(os.Environ(), "MXDESK_FAULT="+f.fault)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), f.words) {
				t.Errorf("not found (%v):\n%s", err, out[:min(len(out), 2000)])
			}
		})
	}
}
