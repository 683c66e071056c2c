//go:build faulty

package smtpd

import (
	"bytes"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// The rule that this process breaks is named in the environment.
var (
	fault        = os.Getenv("MXDESK_FAULT")
	noBudget     = fault == "no-budget"
	noSpool      = fault == "no-spool"
	noReserve    = fault == "no-reserve"
	noRetry      = fault == "no-retry"
	takenTrouble = fault == "taken-trouble"
)

var leaked struct {
	sync.Mutex
	memory [][]byte
}

func leak(c *conn) {
	switch fault {
	case "leaked-goroutine":
		go func() { select {} }()
	case "leaked-descriptor":
		_ = c.sock.Control(func(fd uintptr) { _, _ = unix.Dup(int(fd)) }) // the socket may be gone
	case "leaked-memory":
		leaked.Lock()
		defer leaked.Unlock()
		leaked.memory = append(leaked.memory, bytes.Repeat([]byte("x"), 256<<10))
	}
}
