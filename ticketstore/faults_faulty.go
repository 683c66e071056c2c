//go:build faulty

package ticketstore

import (
	"os"
	"time"
)

// The rule that this process breaks is named in the environment: early-answer,
// no-flush, forgetful, no-catch-up, no-seal or no-reserve.
var (
	earlyAnswer   = os.Getenv("MXDESK_FAULT") == "early-answer"
	noFlush       = os.Getenv("MXDESK_FAULT") == "no-flush"
	forgetfulSeen = os.Getenv("MXDESK_FAULT") == "forgetful"
	noCatchUp     = os.Getenv("MXDESK_FAULT") == "no-catch-up"
	noSeal        = os.Getenv("MXDESK_FAULT") == "no-seal"
	noReserve     = os.Getenv("MXDESK_FAULT") == "no-reserve"
)

// earlyBy is long enough for a kill to fall between, however fast the disk is.
const earlyBy = 30 * time.Millisecond
