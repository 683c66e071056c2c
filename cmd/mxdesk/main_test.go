package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes "mxdesk" a command of the test scripts: this test binary run
// again, so that no script needs a build. It is the only TestMain of the package.
// The end-to-end tests that want the program as an operator has it build their
// own binary, lazily through a sync.Once, and never here: a run of one script
// should not wait for a compiler.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"mxdesk": func() {
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
			code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
			stop()
			os.Exit(code)
		},
	})
}
