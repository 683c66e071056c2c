package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mxdesk/internal/api"
	"mxdesk/ticketstore"
)

// TestScript runs the command line as scripts do: each file in testdata/script
// is one area. Every script has a work folder of its own and no desk. Besides
// the usual commands there are
//
//	code N COMMAND [ARG…]   run a command that must exit with N
//	json FILE PATH [VALUE]  the JSON in a file has PATH (such as actions.0.fresh),
//	                        and there the JSON VALUE
//	up SOCKET               wait until a server answers on a control socket
//	desk DIR                make a desk without anything in it, as a first start does
//	lock DIR                hold the store of a data folder open until the script ends
//	flip FILE OFFSET        change one octet
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			e.Setenv("MXDESK_CONFIG", "")
			e.Setenv("TMPDIR", filepath.Join(e.WorkDir, "tmp"))
			return os.MkdirAll(filepath.Join(e.WorkDir, "tmp"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": scriptCode, "json": scriptJSON, "up": scriptUp, "desk": scriptDesk, "lock": scriptLock, "flip": scriptFlip,
		},
	})
}

func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND [ARG…]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if want := args[0]; strconv.Itoa(got) != want {
		ts.Fatalf("%s exits with %d, want %s", strings.Join(args[1:], " "), got, want)
	}
}

func scriptJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: json FILE PATH [VALUE]")
	}
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile(args[0])), &v); err != nil {
		ts.Fatalf("%s: %v", args[0], err)
	}
	got, err := lookup(v, args[1])
	if neg != (err != nil) {
		ts.Fatalf("%s in %s: %v, found %v", args[1], args[0], err, got)
	}
	if neg || len(args) < 3 {
		return
	}
	raw, _ := json.Marshal(got)
	var want any
	if err := json.Unmarshal([]byte(args[2]), &want); err != nil {
		ts.Fatalf("%s is not JSON: %v", args[2], err)
	}
	if w, _ := json.Marshal(want); !bytes.Equal(raw, w) {
		ts.Fatalf("%s in %s is %s, want %s", args[1], args[0], raw, w)
	}
}

// lookup follows a path of keys and indexes. "#" is the length of a list, and
// "keys" lists those of an object.
func lookup(v any, path string) (any, error) {
	for word := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			if word == "keys" {
				v = keysOf(x)
				continue
			}
			next, ok := x[word]
			if !ok {
				return nil, fmt.Errorf("there is no %q in %v", word, keysOf(x))
			}
			v = next
		case []any:
			if word == "#" {
				v = len(x)
				continue
			}
			i, err := strconv.Atoi(word)
			if err != nil || i < 0 || i >= len(x) {
				return nil, fmt.Errorf("there is no %q in a list of %d", word, len(x))
			}
			v = x[i]
		default:
			return nil, fmt.Errorf("%q of %v", word, v)
		}
	}
	return v, nil
}

func keysOf(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// scriptUp waits for a server. The bound is for a server that never comes.
func scriptUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: up SOCKET")
	}
	dir := filepath.Dir(ts.MkAbs(args[0]))
	for range 3000 {
		if c, err := api.Dial(context.Background(), dir); err == nil {
			var held []json.RawMessage
			if err = c.Get(context.Background(), "/v1/held", nil, &held); err == nil {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("no server answers on %s", args[0])
}

func scriptDesk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: desk DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	db, err := ticketstore.Open(dir, ticketstore.Options{})
	ts.Check(err)
	ts.Check(db.Close())
}

func scriptLock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lock DIR")
	}
	db, err := ticketstore.Open(ts.MkAbs(args[0]), ticketstore.Options{})
	ts.Check(err)
	ts.Defer(func() { ts.Check(db.Close()) })
}

func scriptFlip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET")
	}
	raw := []byte(ts.ReadFile(args[0]))
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	if at < 0 {
		at += len(raw)
	}
	raw[at] ^= 0xff
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), raw, 0o600))
}
