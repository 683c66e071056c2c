package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
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

// writeReading names the file that the scores are written to; see make corpus.
var writeReading = flag.String("reading", "", "write the scores of the corpus into this file")

// scored are the scores of the folders, by the test's name.
var scored = map[string]score{}

func TestMain(m *testing.M) {
	code := m.Run()
	if *writeReading != "" && code == 0 {
		if err := updateReading(*writeReading); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

const beginScores, endScores = "<!-- made by make corpus -->\n", "<!-- end -->\n"

// updateReading replaces the table and the exceptions in the document.
func updateReading(name string) error {
	if len(scored) == 0 {
		return errors.New("no corpus is here (MXDESK_CORPUS): the scores stay as they are")
	}
	doc, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(doc), beginScores)
	_, after, ok2 := strings.Cut(rest, endScores)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the scores", name)
	}
	return os.WriteFile(name, []byte(before+beginScores+scoreTable()+endScores+after), 0o644)
}

// scoreTable is the scores as Markdown.
func scoreTable() string {
	var table, reasons strings.Builder
	table.WriteString("\n| folder | as the suite wants | read in another way, argued below | cases |\n|--|--|--|--|\n")
	for _, folder := range slices.Sorted(maps.Keys(scored)) {
		s := scored[folder]
		fmt.Fprintf(&table, "| %s | %d | %d | %d |\n", strings.ToLower(folder), s.pass, s.total-s.pass, s.total)
		if len(s.known) > 0 {
			fmt.Fprintf(&reasons, "\n**%s**\n\n", strings.ToLower(folder))
		}
		for _, name := range slices.Sorted(maps.Keys(s.known)) {
			fmt.Fprintf(&reasons, "* `%s`: %s\n", name, s.known[name])
		}
	}
	return table.String() + reasons.String() + "\n"
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
	s.reportAs(t, strings.TrimPrefix(t.Name(), "TestCorpus"), floor)
}

// reportAs reports under another name than the test's.
func (s *score) reportAs(t *testing.T, name string, floor int) {
	t.Helper()
	t.Logf("%s: %d of %d pass", name, s.pass, s.total)
	scored[name] = *s
	if s.pass < floor {
		t.Errorf("%d pass, at least %d did before", s.pass, floor)
	}
}
