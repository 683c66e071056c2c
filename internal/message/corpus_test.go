package message

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpusDir is a folder of the developer corpus, which is not part of the
// project: the tests over it are skipped where it is absent.
func corpusDir(t *testing.T, folder string) string {
	t.Helper()
	root := os.Getenv("MXDESK_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	dir := filepath.Join(root, folder)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("developer corpus not here (MXDESK_CORPUS): %v", err)
	}
	return dir
}

// corpusFiles lists the files of a folder with an ending.
func corpusFiles(t *testing.T, folder, ending string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpusDir(t, folder), "*"+ending))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s files in %s: %v", ending, folder, err)
	}
	return files
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// expected reads the file with the expectations of a corpus file; false when
// it has none.
func expected(t *testing.T, file string, into any) bool {
	t.Helper()
	b, err := os.ReadFile(strings.TrimSuffix(file, filepath.Ext(file)) + ".expected.json")
	if os.IsNotExist(err) {
		return false
	}
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
	return true
}

func caseName(file string) string {
	return strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
}

func readAll(b []byte) *Message {
	c := bytes.NewReader(b)
	return Read(c, ReadHeader(c, Limits{}), Limits{})
}

// score counts what a folder's cases give and compares the misses with those
// that are known: a new miss fails, and so does a known one that passes.
type score struct {
	known map[string]string // case: why it misses
	total int
	pass  int
}

func (s *score) result(t *testing.T, name, diff string) {
	t.Helper()
	s.total++
	why, known := s.known[name]
	switch {
	case diff == "" && known:
		t.Errorf("%s passes now; take it off the list of known misses (%s)", name, why)
	case diff == "":
		s.pass++
	case !known:
		t.Errorf("%s: %s", name, diff)
	}
}

func (s *score) report(t *testing.T, floor int) {
	t.Helper()
	t.Logf("%d of %d pass", s.pass, s.total)
	if s.pass < floor {
		t.Errorf("%d pass, at least %d did before", s.pass, floor)
	}
}
