//go:build faulty

package ticketstore

import (
	"os"
	"sync/atomic"
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
	noLock         = fault == "no-lock"
	noSeal         = fault == "no-seal"
	noSums         = fault == "no-sums"
	trustedRecords = fault == "trusted-records"
	quietRepair    = fault == "quiet-repair"
	noReserve      = fault == "no-reserve"
	trustedClock   = fault == "trusted-clock"
	givenAgain     = fault == "given-again"
	keptErased     = fault == "kept-erased"
	anySchema      = fault == "any-schema"
	timesWritten   = map[bool]int{false: 1, true: 2}[fault == "written-twice"]
)

// earlyBy is long enough for a kill to fall between, however fast the disk is.
const earlyBy = 30 * time.Millisecond

// lastChange and lossyUntil are times in nanoseconds.
var lastChange, lossyUntil atomic.Int64

func stoodStill() bool {
	if fault != "lossy-standstill" {
		return false
	}
	now := time.Now().UnixNano()
	if last := lastChange.Swap(now); last != 0 && now-last > int64(time.Second/2) {
		lossyUntil.Store(now + int64(time.Second/10))
	}
	return now < lossyUntil.Load()
}
