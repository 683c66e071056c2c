package mailauth

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxdesk/internal/mailauth/dnstest"
	"mxdesk/internal/message"
	"mxdesk/ticketstore"
)

// corpus is the folder with other people's signed mails.
func corpus(t testing.TB) string {
	t.Helper()
	root := os.Getenv("MXDESK_CORPUS")
	if root == "" {
		root = "../../../shared/corpus"
	}
	dir := filepath.Join(root, "auth")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the mail corpus is not here: ", err)
	}
	return dir
}

func readJSON(t testing.TB, file string, into any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// corpusZone turns the corpus's zone file into ours: name -> type -> records
// -> strings.
func corpusZone(t testing.TB, dir string) dnstest.Zone {
	var raw map[string]map[string][][]string
	readJSON(t, filepath.Join(dir, "zone.json"), &raw)
	zone := dnstest.Zone{}
	for name, types := range raw {
		var r dnstest.Records
		for typ, list := range types {
			if typ != "TXT" {
				t.Fatalf("%s: %s records are not known here", name, typ)
			}
			for _, parts := range list {
				r.TXT = append(r.TXT, strings.Join(parts, ""))
			}
		}
		zone[name] = r
	}
	return zone
}

func corpusCheck(t testing.TB, c *Checker, file string) ticketstore.Verdict {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	content := strings.NewReader(strings.ReplaceAll(string(raw), "\r\n", "\n"))
	return c.Check(t.Context(), Input{
		Header: message.ReadHeader(content, message.Limits{}), Content: content,
		Now: time.Date(2025, 1, 27, 0, 0, 0, 0, time.UTC),
	})
}

// TestCorpusSignatures compares with what the suite that the mails come from
// says of each signature: pass, or anything but a pass.
func TestCorpusSignatures(t *testing.T) {
	dir := corpus(t)
	s := dnstest.New(t, corpusZone(t, dir))
	c := New(Config{Resolver: NewResolver([]string{s.Addr})})
	files, err := filepath.Glob(filepath.Join(dir, "*.expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	cases, agreed := 0, 0
	for _, file := range files {
		var want struct{ Signatures []string }
		readJSON(t, file, &want)
		name := strings.TrimSuffix(filepath.Base(file), ".expected.json")
		v := corpusCheck(t, c, filepath.Join(dir, name+".eml"))
		cases++
		// Two cases list one signature twice, as that suite verifies it twice.
		same := len(v.DKIM) > 0 && len(v.DKIM) <= len(want.Signatures)
		for i := range min(len(v.DKIM), len(want.Signatures)) {
			same = same && (v.DKIM[i].Result == "pass") == (want.Signatures[i] == "pass")
		}
		if same {
			agreed++
		}
		if !same {
			t.Errorf("%s: want %v, got %+v", name, want.Signatures, v.DKIM)
		}
	}
	if cases < 22 || agreed < 22 {
		t.Errorf("%d of %d cases as expected; there were 22 of 22", agreed, cases)
	}
}

// TestCorpusAuthors asks what an agent's mail would be taken for.
func TestCorpusAuthors(t *testing.T) {
	dir := corpus(t)
	s := dnstest.New(t, corpusZone(t, dir))
	c := New(Config{Resolver: NewResolver([]string{s.Addr})})
	for name, want := range map[string]ticketstore.Auth{
		"rfc6376-A.2":                            "aligned",
		"rfc8463-A.3":                            "aligned",
		"dkim-alignment-signed_by_parent_domain": "aligned",
		"dkim-header_with_non_ascii_char":        "aligned",
		"dkim-alignment-from_not_in_sdid":        "none",
		"dkim-added_header-from":                 "none",
		"rfc6376-A.2-body_modified":              "none",
		"ill_formed-from":                        "none",
		"fakePayPal":                             "fail",
		"original-Fastmail_from_CNN_-_Thanks_for_subscribing_to_5_Things":  "aligned",
		"original-Fastmail_from_Fastmail_-_How_to_keep_your_email_private": "none", // the signature expired in 2023
		"original-Fastmail_from_Amazon_-_Verify_your_new_Amazon_account":   "aligned",
	} {
		v := corpusCheck(t, c, filepath.Join(dir, name+".eml"))
		if v.Auth != want {
			t.Errorf("%s: %s, want %s: %+v", name, v.Auth, want, v)
		}
	}
}

// TestCorpusForgedResults: every mail that claims to have been checked by the
// host it names must lose that claim at that host, and keep the others.
func TestCorpusForgedResults(t *testing.T) {
	dir := corpus(t)
	files, err := filepath.Glob(filepath.Join(dir, "arh-*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	fields, claims := 0, 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		h := message.ReadHeader(strings.NewReader(string(raw)), message.Limits{})
		for _, v := range h.All("Authentication-Results") {
			fields++
			id, ok := readID(v)
			if !ok {
				continue
			}
			claims++
			if len(distrustedBy(strings.ToUpper(id), h)) == 0 {
				t.Errorf("%s: the claim of %q stays", filepath.Base(file), id)
			}
		}
		all, foreign := len(h.All("Authentication-Results")), len(distrustedBy("nobody.example", h))
		if foreign > all {
			t.Errorf("%s: %d of %d", filepath.Base(file), foreign, all)
		}
	}
	if fields < 25 || claims < 20 {
		t.Errorf("%d fields, %d claims", fields, claims)
	}
}
