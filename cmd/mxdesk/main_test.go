package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes "mxdesk" a command of the test scripts: this test binary run
// again, so that no script needs a build. "mxdesk-as-another" is the same by a
// user to whom a folder of mode 0 is closed. It is the only TestMain of the package.
// The end-to-end tests that want the program as an operator has it build it when
// the first of them asks, and never here: a run of one script should not wait
// for a compiler.
func TestMain(m *testing.M) {
	testscript.Main(withPrograms{m}, map[string]func(){
		"mxdesk": func() {
			os.Exit(runArgs())
		},
		"mxdesk-as-another": func() {
			if os.Getuid() == 0 {
				if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(99)
				}
			}
			os.Exit(runArgs())
		},
	})
}

// nobody is a user who owns nothing here. For root no file is closed, so what a
// closed file does is tried as this one.
const nobody = 65534

func runArgs() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return run(ctx, nil, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}
