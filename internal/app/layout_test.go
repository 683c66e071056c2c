package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// allowed are the edges between the packages of mxdesk: who may import whom.
// A new edge is a decision; it belongs into the architecture first.
var allowed = map[string][]string{
	"cmd/mxdesk":       {"internal/address", "internal/api", "internal/app", "internal/config", "internal/systemd", "internal/tag", "templates", "ticketstore"},
	"internal/app":     {"internal/address", "internal/api", "internal/config", "internal/desk", "internal/issuer", "internal/mailauth", "internal/message", "internal/outbox", "internal/remote", "internal/router", "internal/systemd", "internal/token", "smtpd", "templates", "ticketstore"},
	"internal/api":     {"internal/address", "internal/desk", "internal/message", "internal/router", "templates", "ticketstore"},
	"smtpd":            {"internal/address", "internal/desk", "internal/mailauth", "internal/message", "ticketstore"},
	"internal/desk":    {"internal/address", "internal/message", "internal/router", "internal/tag", "internal/token", "templates", "ticketstore"},
	"internal/router":  {"internal/address", "internal/message", "internal/tag", "internal/token", "ticketstore"},
	"internal/outbox":  {"internal/remote", "ticketstore"},
	"internal/remote":  {"internal/address"},
	"internal/config":  {"internal/address", "internal/tag"},
	"internal/token":   {"internal/address", "ticketstore"},
	"internal/message": {"internal/address"},
	"internal/address": {},
	"internal/tag":     {},
	"internal/issuer":  {},
	"internal/growth":  {"internal/address", "ticketstore"},
	"internal/systemd": {},
	"templates":        {},
	"ticketstore":      {"internal/address"},

	"internal/mailauth":          {"internal/address", "internal/message", "ticketstore"},
	"internal/mailauth/dnstest":  {},
	"internal/remote/remotetest": {},
	"ticketstore/storetest":      {"internal/address", "ticketstore"},
}

// owners are the packages that alone may import a library, by its prefix. The
// rest of the code could be moved to another one without a change elsewhere.
var owners = map[string][]string{
	"github.com/emersion/go-smtp":        {"smtpd"},
	"go.etcd.io/bbolt":                   {"ticketstore"},
	"github.com/emersion/go-msgauth":     {},
	"golang.org/x/crypto/acme":           {"internal/issuer"},
	"blitiri.com.ar/go/spf":              {"internal/mailauth"},
	"github.com/alecthomas/kong":         {"cmd/mxdesk"},
	"github.com/pelletier/go-toml":       {"internal/config"},
	"github.com/microcosm-cc/bluemonday": {"internal/message"},
	"github.com/rogpeppe/go-internal":    {},
	"github.com/google/go-cmp":           {"ticketstore/storetest"},
	"pgregory.net/rapid":                 {"ticketstore/storetest"},
	"go.uber.org/goleak":                 {},
	"mxdesk/ticketstore/storetest":       {},
	"mxdesk/internal/mailauth/dnstest":   {},
	"mxdesk/internal/remote/remotetest":  {},
	"testing":                            {"ticketstore/storetest", "internal/mailauth/dnstest", "internal/remote/remotetest"},
}

// pkg is what "go list" says of a package.
type pkg struct {
	ImportPath, Dir, Doc string
	Imports              []string
	GoFiles              []string
}

func (p *pkg) name() string { return strings.TrimPrefix(p.ImportPath, "mxdesk/") }

func packages(t *testing.T) (list []pkg) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,Imports,GoFiles", "mxdesk/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("the go command is not on the path")
	}
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 10 {
		t.Fatalf("go list names %d packages only", len(list))
	}
	return list
}

func TestDependencyDirection(t *testing.T) {
	for _, p := range packages(t) {
		edges, known := allowed[p.name()]
		if !known {
			t.Errorf("package %s has no place in the architecture: add it to allowed", p.name())
			continue
		}
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, "mxdesk/"); ok && !slices.Contains(edges, own) {
				t.Errorf("%s must not import %s", p.name(), own)
			}
			for lib, by := range owners {
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && !slices.Contains(by, p.name()) {
					t.Errorf("%s must not import %s: only %v may", p.name(), imp, by)
				}
			}
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("package %s has no comment", p.name())
		}
	}
}

// What grows beyond these does a second thing that should stand elsewhere.
const (
	maxFile     = 500 // lines, of a file that is no test
	maxFunction = 70  // lines, of a function that is no test
)

func TestFilesAndFunctionsStaySmall(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			seen++
			small(t, path)
		}
	}
	if seen < 100 {
		t.Errorf("only %d files were measured", seen)
	}
}

func small(t *testing.T, path string) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return
	}
	line := func(p token.Pos) int { return fset.Position(p).Line }
	test := strings.HasSuffix(path, "_test.go")
	if n := line(f.FileEnd); n > maxFile && !test {
		t.Errorf("%s has %d lines, over %d", path, n, maxFile)
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || test {
			continue
		}
		if n := line(fn.End()) - line(fn.Pos()) + 1; n > maxFunction {
			t.Errorf("%s: %s has %d lines, over %d", path, fn.Name.Name, n, maxFunction)
		}
	}
}

// TestMakeTargets: what the Makefile lists as targets, and what the README and
// the docs tell to make, has a rule.
func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(makefile), "\n.PHONY:")
	phony, _, _ := strings.Cut(rest, "\n")
	targets := strings.Fields(phony)
	told := regexp.MustCompile("(?:`|    )make ([a-z-]+)")
	for _, name := range append(docs, "../../README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range told.FindAllStringSubmatch(string(text), -1) {
			targets = append(targets, m[1])
		}
	}
	if len(targets) < 20 {
		t.Fatalf("%q were read", targets)
	}
	for _, target := range targets {
		if !strings.Contains(string(makefile), "\n"+target+":") {
			t.Errorf("the Makefile has no rule for %s", target)
		}
	}
}
