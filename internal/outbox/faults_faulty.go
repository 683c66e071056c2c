//go:build faulty

package outbox

import "os"

// The rule that this process breaks is named in the environment.
var forgottenClaim = os.Getenv("MXDESK_FAULT") == "forgotten-claim"
