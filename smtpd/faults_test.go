package smtpd

import (
	"testing"

	"mxdesk/ticketstore/storetest"
)

// The tests of durability find a door that breaks a rule.
func TestDoorTestsFindFaults(t *testing.T) {
	storetest.FindsFaults(t,
		storetest.Fault{Rule: "taken-trouble", Test: "TestReplies", Words: "got 250 2.0.0 accepted"},
		storetest.Fault{Rule: "taken-trouble", Test: "TestSpoolTroubleIsTemporary", Words: "250 2.0.0 accepted"},
		storetest.Fault{Rule: "no-reserve", Test: "TestFreeDiskThatCannotBeAskedPutsMailOff", Words: "--- FAIL"},
	)
}
