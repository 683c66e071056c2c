package systemd

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestUnits: systemd understands every line of the units that come with mxdesk.
// What it does not understand it passes over, so its words are looked at, not
// its exit code.
func TestUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	units, err := filepath.Glob("../../contrib/systemd/mxdesk.*")
	if err != nil || len(units) != 2 {
		t.Fatalf("units %q, %v", units, err)
	}
	dir := t.TempDir()
	args := []string{"verify"}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		// The program need not be installed where it is tested.
		text = bytes.ReplaceAll(text, []byte("/usr/local/bin/mxdesk"), []byte("/bin/true"))
		args = append(args, filepath.Join(dir, filepath.Base(unit)))
		if err := os.WriteFile(args[len(args)-1], text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// What it says of other units of the machine is not ours to judge.
	if out, err := exec.Command("systemd-analyze", args...).CombinedOutput(); err != nil || bytes.Contains(out, []byte("mxdesk")) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
