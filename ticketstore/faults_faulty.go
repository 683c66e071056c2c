//go:build faulty

package ticketstore

import (
	"os"
	"time"
)

// The rule that this process breaks is named in the environment.
var (
	fault          = os.Getenv("MXDESK_FAULT")
	earlyAnswer    = fault == "early-answer"
	noFlush        = fault == "no-flush"
	deafFlush      = fault == "deaf-flush"
	forgetfulSeen  = fault == "forgetful"
	noCatchUp      = fault == "no-catch-up"
	noSettle       = fault == "no-settle"
	exclusiveReads = fault == "exclusive-reads"
	keptTail       = fault == "kept-tail"
	noSeal         = fault == "no-seal"
	noSums         = fault == "no-sums"
	quietRepair    = fault == "quiet-repair"
	noReserve      = fault == "no-reserve"
	trustedClock   = fault == "trusted-clock"
	keptErased     = fault == "kept-erased"
	anySchema      = fault == "any-schema"
)

// earlyBy is long enough for a kill to fall between, however fast the disk is.
const earlyBy = 30 * time.Millisecond
