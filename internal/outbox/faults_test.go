package outbox

import (
	"testing"

	"mxdesk/ticketstore/storetest"
)

// The tests of durability find an outbox that does not write down what it begins,
// and a store that waits for whatever a wrong clock has put off.
func TestOutboxTestsFindFaults(t *testing.T) {
	storetest.FindsFaults(t,
		storetest.Fault{Rule: "forgotten-claim", Test: "TestCrashInTheMiddle", Words: "State:queued"},
		storetest.Fault{Rule: "trusted-clock", Test: "TestClockIsSet", Words: "afterwards: deferred"},
		storetest.Fault{Rule: "trusted-clock", Test: "TestClockIsSetBackAfterACrash", Words: "0 deliveries"},
	)
}
