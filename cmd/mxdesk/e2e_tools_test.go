package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The end-to-end tests run the program as an operator has it: built, started as
// a process of its own, spoken to over SMTP and by its command line. They wait
// for what they see, never for time to pass.

// patience is how long a test waits for something that must come. It is no
// measure of speed: a test that runs into it hangs.
const patience = 2 * time.Minute

// pollPause lies between two looks at something that gives no sign when it
// changes, such as a folder that another program writes to.
const pollPause = 10 * time.Millisecond

// programs are the builds of mxdesk of this run, each made when it is first
// asked for, in a folder that ends with the run. The runs that are to find faults
// share that of the run that looks at them, which MXDESK_PROGRAMS names.
var programs struct {
	sync.Mutex
	dir string
}

// programsDir is the folder of the programs. It is called with those locked.
func programsDir(t *testing.T) string {
	t.Helper()
	if programs.dir == "" {
		programs.dir = os.Getenv("MXDESK_PROGRAMS")
	}
	if programs.dir == "" {
		var err error
		if programs.dir, err = os.MkdirTemp("", "mxdesk-program"); err != nil {
			t.Fatal(err)
		}
	}
	return programs.dir
}

// program is the path of mxdesk, built with the race detector or without. What
// is killed, cut and started again many times is built without, and so are the
// commands, which take ten times as long to start with it: it looks for other
// things.
func program(t *testing.T, race bool) string {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	args := []string{"build", "-buildvcs=false"}
	path := filepath.Join(programsDir(t), "mxdesk")
	if os.Getenv("MXDESK_FAULT") != "" {
		path += "-faulty"
		args = append(args, "-tags", "faulty")
	}
	if race {
		path += "-raced"
		args = append(args, "-race")
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if out, err := exec.Command("go", append(args, "-o", path, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("building mxdesk: %v\n%s", err, out)
	}
	return path
}

// withPrograms runs the tests and removes what was built for them.
type withPrograms struct{ *testing.M }

func (m withPrograms) Run() int {
	if os.Getenv("MXDESK_PROGRAMS") == "" {
		defer func() { _ = os.RemoveAll(programs.dir) }() // a folder for temporary files
	}
	return m.M.Run()
}

// raced reports whether this test was built with the race detector, so that
// the program is, too.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" && s.Value == "true" {
			return true
		}
	}
	return false
}

// need skips the test when one of the tools is not installed.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, tool+" is not installed")
		}
	}
}

// needRoot skips the test when it is not run by root.
func needRoot(t *testing.T, why string) {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "not run by root: "+why)
	}
}

// missing skips the test by a named reason. Where the surroundings are promised
// to be complete (MXDESK_REQUIRE_TOOLS=1) that is a failure: a skip would hide
// that nothing was tested.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("MXDESK_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s, and MXDESK_REQUIRE_TOOLS=1", why)
	}
	t.Skip(why)
}

// findsFault runs a test of durability once more, on a program that breaks a
// rule on purpose, and wants the test to fail with these words: one that cannot
// fail shows nothing.
func findsFault(t *testing.T, test, fault, words string, env ...string) {
	t.Helper()
	if os.Getenv("MXDESK_FAULT") != "" {
		t.Skip("this is such a run")
	}
	programs.Lock()
	env = append(env, "MXDESK_FAULT="+fault, "MXDESK_PROGRAMS="+programsDir(t))
	programs.Unlock()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	switch {
	case strings.Contains(string(out), "--- SKIP"):
		t.Skip(test + " does not run here")
	case err == nil:
		t.Errorf("%s passes on a program with the fault %s:\n%s", test, fault, tail(string(out), 20))
	case !strings.Contains(string(out), words):
		t.Errorf("%s fails on a program with the fault %s, but not with %q:\n%s", test, fault, words, tail(string(out), 40))
	default:
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, words) {
				t.Logf("%s is found: %s", fault, strings.TrimSpace(line))
				return
			}
		}
	}
}

// envNumber reads a number from the environment.
func envNumber(t *testing.T, name string, fallback int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return fallback
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number from 1", name, s)
	}
	return n
}

// eventually waits until fn says that what it waits for is there. MXDESK_PATIENCE
// is for how many seconds, in a run that is to wait in vain.
func eventually(t *testing.T, what string, fn func() bool) {
	t.Helper()
	wait := time.Duration(envNumber(t, "MXDESK_PATIENCE", int(patience/time.Second))) * time.Second
	for end := time.Now().Add(wait); !fn(); time.Sleep(pollPause) {
		if time.Now().After(end) {
			t.Fatalf("in vain: waiting until %s", what)
		}
	}
}

// write writes a file and returns its path.
func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
