package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"mxdesk/internal/api"
)

// TestBackupHoldsWhatWasAnswered begins a backup right behind an answer, when the
// mail stands in the journal alone: it is in what is restored, and so are those of
// before.
func TestBackupHoldsWhatWasAnswered(t *testing.T) {
	d := harness(t)
	server := d.start()
	to := filepath.Join(t.TempDir(), "backup")
	for round := 1; round <= 4; round++ {
		raw := fmt.Appendf(nil, "From: <ann@customer.example>\r\nSubject: Round %d\r\nMessage-ID: <%[1]d@customer.example>\r\n\r\nx\r\n", round)
		if got := deliver(server.addr, "", "ann@customer.example", desk, raw); got.code != 250 {
			t.Fatalf("round %d: %s", round, got)
		}
		d.must("store", "backup", to)
		restored := &installation{t: t, bin: d.bin, config: d.config, data: filepath.Join(t.TempDir(), "restored")}
		restored.must("store", "restore", "--from", to)
		there := map[string]int{}
		for _, line := range read[[]api.Ticket](restored, "ticket", "list") {
			there[line.Subject]++
		}
		for n := 1; n <= round; n++ {
			if name := fmt.Sprint("Round ", n); there[name] != 1 {
				t.Errorf("%s is %d times in the backup of round %d", name, there[name], round)
			}
		}
		restored.check()
	}
	server.stop(t)
	d.check()
}

// The backup finds a program that copies the database without what the journal
// alone holds.
func TestBackupFindsFaults(t *testing.T) {
	findsFault(t, "TestBackupHoldsWhatWasAnswered", "no-settle", "is 0 times in the backup of round")
}
