package desk

import (
	"testing"

	"mxdesk/ticketstore/storetest"
)

// The tests of durability find a store that forgets which mails it has seen.
func TestDeskTestsFindFaults(t *testing.T) {
	storetest.FindsFaults(t,
		storetest.Fault{Rule: "forgetful", Test: "TestAcceptTheSameMailAgain", Words: "want {Outcome:duplicate"},
		storetest.Fault{Rule: "forgetful", Test: "TestClockIsSet", Words: "sent again"},
	)
}
