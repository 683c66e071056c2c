package ticketstore_test

import (
	"testing"

	"mxdesk/ticketstore/storetest"
)

// The tests of the store find a program that breaks a rule: one that cannot fail
// shows nothing.
func TestStoreTestsFindFaults(t *testing.T) {
	short := []string{"-rapid.nofailfile", "-rapid.shrinktime=1s"} // nobody needs the simplest case
	hangs := []string{"-test.timeout=5s"}
	storetest.FindsFaults(t,
		storetest.Fault{Rule: "forgetful", Test: "TestModel", Words: "mail seen", Flags: short},
		storetest.Fault{Rule: "no-catch-up", Test: "TestModel", Words: "[rapid] failed after", Flags: short},
		storetest.Fault{Rule: "early-answer", Test: "TestModel", Words: "[rapid] failed after", Flags: short},
		storetest.Fault{Rule: "deaf-flush", Test: "TestFailedFlushStopsTheStoreForGood", Words: "update on a failing disk"},
		storetest.Fault{Rule: "no-reserve", Test: "TestLowDiskRefusesRecordsAndPassesByItself", Words: "--- FAIL"},
		storetest.Fault{Rule: "kept-tail", Test: "TestTornTailIsCut", Words: "octets of"},
		storetest.Fault{Rule: "no-lock", Test: "TestStoreIsPassedOn", Words: "tickets are kept"},
		storetest.Fault{Rule: "no-seal", Test: "TestBitRot", Words: "written was"},
		storetest.Fault{Rule: "no-sums", Test: "TestCheckFindsDamage", Words: "is not found"},
		storetest.Fault{Rule: "trusted-records", Test: "TestRecordInAMailIsNotBelieved", Words: "is believed"},
		storetest.Fault{Rule: "quiet-repair", Test: "TestRepairOfBitRot", Words: "the repair says nothing"},
		storetest.Fault{Rule: "no-settle", Test: "TestBackupBesideChanges", Words: "not found"},
		storetest.Fault{Rule: "exclusive-reads", Test: "TestBackupBesideChanges", Words: "test timed out", Flags: hangs},
		storetest.Fault{Rule: "exclusive-reads", Test: "TestCheckBesideChanges", Words: "test timed out", Flags: hangs},
		storetest.Fault{Rule: "no-sums", Test: "TestRestoreFindsDamage", Words: "restored with"},
		storetest.Fault{Rule: "given-again", Test: "TestRestoredDeskLeavesNumbersOut", Words: "next are"},
		storetest.Fault{Rule: "given-again", Test: "TestBackupOfAnotherHistory", Words: "restored are"},
		storetest.Fault{Rule: "kept-erased", Test: "TestErasedTextIsGone", Words: "the raw mail"},
		storetest.Fault{Rule: "kept-erased", Test: "TestRepairBringsNothingErasedBack", Words: "the text is back"},
		storetest.Fault{Rule: "kept-erased", Test: "TestRepairKeepsErased", Words: "the raw mail"},
		storetest.Fault{Rule: "any-schema", Test: "TestLaterSchemaIsRefused", Words: "opening"},
	)
}
