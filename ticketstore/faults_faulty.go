//go:build faulty

package ticketstore

import (
	"os"
	"time"
)

// The rule that this process breaks is named in the environment: early-answer,
// no-flush, forgetful or no-catch-up.
var (
	earlyAnswer   = os.Getenv("MXDESK_FAULT") == "early-answer"
	noFlush       = os.Getenv("MXDESK_FAULT") == "no-flush"
	forgetfulSeen = os.Getenv("MXDESK_FAULT") == "forgetful"
	noCatchUp     = os.Getenv("MXDESK_FAULT") == "no-catch-up"
)

// earlyBy is long enough for a kill to fall between, however fast the disk is.
const earlyBy = 30 * time.Millisecond
