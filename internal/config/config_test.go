package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mxdesk/internal/address"
	"mxdesk/internal/tag"
)

// same compares configurations by what a file can say.
func same() cmp.Options {
	return cmp.Options{cmpopts.IgnoreUnexported(Mailbox{}, Rule{}, Capture{}, Relay{}), cmpopts.EquateEmpty()}
}

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("test.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Each testdata/conf.<case>.toml has the problems that conf.<case>.want lists,
// one a line, all of them at once.
func TestParse(t *testing.T) {
	files, err := filepath.Glob("testdata/conf.*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(name, "testdata/conf."), ".toml"), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(name, ".toml") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			c, err := Parse(filepath.Base(name), data)
			if err != nil {
				got = err.Error() + "\n"
			}
			if (c == nil) == (err == nil) {
				t.Errorf("configuration %v with error %v", c, err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if strings.Contains(got, "hunter2") {
				t.Error("a message shows a secret")
			}
		})
	}
}

func TestParseFull(t *testing.T) {
	data, err := os.ReadFile("testdata/conf.full.toml")
	if err != nil {
		t.Fatal(err)
	}
	c := parse(t, string(data))
	support, sales := c.Mailbox["support"], c.Mailbox["sales"]
	checks := []struct {
		name      string
		got, want any
	}{
		{"hostname in wire form", c.Hostname, "desk.example.com"},
		{"authserv-id", c.AuthservID, "mx.example.com"},
		{"decimal size", c.Limits.MessageSize, Size(50_000_000)},
		{"plain size", c.Limits.MemorySpool, Size(65536)},
		{"duration", time.Duration(c.Limits.IdleTimeout), 90 * time.Second},
		{"days", time.Duration(c.Outbound.MaxAge), 120 * time.Hour},
		{"default beside set keys", time.Duration(c.Limits.DataTimeout), 10 * time.Minute},
		{"capture folder follows the data folder", c.Outbound.CaptureDir, "/var/lib/mxdesk/outgoing"},
		{"key", support.Key, "support"},
		{"addresses", texts(support.AddressList()), []string{"support@example.com", "Hilfe@example.com", "help@xn--bcher-kva.example"}},
		{"agents", texts(support.AgentList()), []string{"ann@example.com", "bob@example.org"}},
		{"form senders", texts(support.FormSenderList()), []string{"www@example.com"}},
		{"From by default", support.FromMailbox().String(), "Example Support <support@example.com>"},
		{"From", sales.FromMailbox().String(), "sales <noreply@example.com>"},
		{"tag", support.Tag(), tag.Pair{Start: "[Example #", End: "]"}},
		{"retired tags", support.RetiredPairs(), []tag.Pair{{Start: "[ID:", End: "]"}, {Start: "[Old desk #-", End: "]"}}},
		{"default tag end", sales.TagEnd, "}"},
		{"all pairs, current first", c.TagPairs(), []tag.Pair{{Start: "{SALES-", End: "}"}, {Start: "[Example #", End: "]"}, {Start: "[ID:", End: "]"}, {Start: "[Old desk #-", End: "]"}}},
		{"mailboxes in order", []string{c.Mailboxes()[0].Key, c.Mailboxes()[1].Key}, []string{"sales", "support"}},
		{"condition", c.Rule[0].Conditions().From.MatchString("x@SHOP.example"), true},
		{"no condition", c.Rule[0].Conditions().Subject == nil, true},
		{"capture expression", c.Rule[0].Capture[0].Expression().FindStringSubmatch("a\nOrder 17\nb")[1], "17"},
		{"capture by marks", c.Rule[0].Capture[1].Expression() == nil, true},
		{"capture in the body by default", c.Rule[0].Capture[1].In, "body"},
		{"fields", c.Rule[0].Fields, map[string]string{"channel": "shop"}},
		{"rules keep their order", c.Rule[1].Capture[0].In, "subject"},
	}
	for _, tt := range checks {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func texts(list []address.Address) (out []string) {
	for _, a := range list {
		out = append(out, a.String())
	}
	return out
}

func TestParseTakesEditorsHabits(t *testing.T) {
	c := parse(t, "\ufeffhostname = \"desk.example.com\"\r\n[mailbox.support]\r\naddresses = [\"a@example.com\"]\r\n")
	if c.Hostname != "desk.example.com" {
		t.Errorf("hostname is %q", c.Hostname)
	}
}

// What the accessors hand out can be changed without changing the frozen
// configuration.
func TestAccessorsCopy(t *testing.T) {
	m := Default().Mailbox["support"]
	m.AddressList()[0] = address.Address{}
	if got := m.AddressList()[0].String(); got != "support@localhost" {
		t.Errorf("the mailbox's address is %q now", got)
	}
}

func TestDefault(t *testing.T) {
	c := Default()
	m := c.Mailbox["support"]
	want := parse(t, "smtp.trust_loopback = true\ndns.servers = []\nmailbox.support.addresses = [\"support@localhost\"]")
	if diff := cmp.Diff(want, c, same()); diff != "" {
		t.Errorf("not what the file says (-file +built in):\n%s", diff)
	}
	if !c.SMTP.TrustLoopback || c.SMTP.Listen[0] != "127.0.0.1:2525" || len(c.DNS.Servers) != 0 ||
		c.Outbound.Route != "capture" || c.Hostname != "localhost" || len(c.Mailbox) != 1 {
		t.Errorf("got %+v", c)
	}
	if got := m.FromMailbox().String(); got != "support <support@localhost>" {
		t.Errorf("From is %q", got)
	}
	if got := m.Tag().Format(2139); got != "[ID:0002139]" {
		t.Errorf("tag is %q", got)
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	Default().SMTP.Listen[0] = "0.0.0.0:25"
	if got := Default().SMTP.Listen[0]; got != "127.0.0.1:2525" {
		t.Errorf("the default is %q now", got)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	good, bad, large := filepath.Join(dir, "good.toml"), filepath.Join(dir, "bad.toml"), filepath.Join(dir, "large.toml")
	for name, text := range map[string]string{
		good:  "[mailbox.support]\naddresses = [\"a@example.com\"]\n",
		bad:   "nonsense = 1\n",
		large: strings.Repeat("# comment\n", maxFile/10+1),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := Load(good); err != nil || len(c.Mailbox) != 1 {
		t.Errorf("good: %v, %v", c, err)
	}
	var problems *Error
	if _, err := Load(bad); !errors.As(err, &problems) || problems.Problems[0].File != bad || len(problems.Problems) != 2 {
		t.Errorf("bad: %v", err)
	}
	if _, err := Load(filepath.Join(dir, "missing.toml")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "missing.toml") {
		t.Errorf("missing: %v", err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("folder: %v", err)
	}
	if _, err := Load(large); err == nil || !strings.Contains(err.Error(), "larger than 1MiB") {
		t.Errorf("large: %v", err)
	}
}

func TestShowReadsBack(t *testing.T) {
	for _, name := range []string{"minimal", "full"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile("testdata/conf." + name + ".toml")
			if err != nil {
				t.Fatal(err)
			}
			want := parse(t, string(data))
			got := parse(t, want.Show())
			if diff := cmp.Diff(want, got, same()); diff != "" {
				t.Errorf("(-before +after):\n%s", diff)
			}
			if want.Show() != got.Show() {
				t.Error("Show differs the second time")
			}
		})
	}
}

func TestReference(t *testing.T) {
	ref := Reference()
	want := parse(t, "[mailbox.support]\naddresses = [\"support@localhost\"]")
	if diff := cmp.Diff(want, parse(t, ref), same()); diff != "" {
		t.Errorf("the reference is not the default (-default +reference):\n%s", diff)
	}
	uncommented := regexp.MustCompile(`(?m)^#(\S)`).ReplaceAllString(ref, "$1")
	c := parse(t, uncommented)
	if len(c.Rule) != 1 || len(c.Rule[0].Capture) != 1 || len(c.Rule[0].Fields) != 1 {
		t.Errorf("the example rule is %+v", c.Rule)
	}
	if len(c.Relay) != 1 || len(c.Relay[0].NetworkList()) != 1 {
		t.Errorf("the example relay is %+v", c.Relay)
	}
	for line := range strings.Lines(ref) {
		if len([]rune(line)) > 80 {
			t.Errorf("long line: %s", line)
		}
	}
	plain := strings.Join(strings.Fields(strings.ReplaceAll(ref, "\n# ", " ")), " ")
	eachField(reflect.TypeFor[Config](), func(f field) {
		doc := strings.Join(strings.Fields(f.Tag.Get("doc")), " ")
		if !strings.Contains(plain, doc) {
			t.Errorf("%s: the explanation is missing", f.key)
		}
		pattern := `(?m)^#?` + f.key + ` = `
		if f.kind() != kindValue {
			pattern = `(?m)^#?\[+([a-z_]+\.)*` + f.key + `[\].]`
		}
		if !regexp.MustCompile(pattern).MatchString(ref) {
			t.Errorf("%s is missing", f.key)
		}
	})
}

// eachField visits every key of every table.
func eachField(t reflect.Type, visit func(field)) {
	for _, f := range fields(t) {
		visit(f)
		switch f.kind() {
		case kindTable:
			eachField(f.Type, visit)
		case kindTables:
			eachField(f.Type.Elem(), visit)
		}
	}
}

// The struct tags can be read: what setDefaults and within rely on.
func TestTags(t *testing.T) {
	eachField(reflect.TypeFor[Config](), func(f field) {
		doc := f.Tag.Get("doc")
		if f.key == "" || doc == "" || !strings.HasSuffix(doc, ".") {
			t.Errorf("%s: key %q, explanation %q", f.Name, f.key, doc)
		}
		text, ok := f.Tag.Lookup("default")
		least, greatest := f.bounds()
		if f.Type.Kind() == reflect.Int || f.Type.Kind() == reflect.Int64 {
			n, err := parseNumber(f.Type, text)
			if !ok || err != nil || !within(f.Type, n, least, greatest) {
				t.Errorf("%s: default %q, from %q to %q: %v", f.key, text, least, greatest, err)
			}
			for _, bound := range []string{least, greatest} {
				if _, err := parseNumber(f.Type, bound); err != nil {
					t.Errorf("%s: bound %q: %v", f.key, bound, err)
				}
			}
		}
		if f.Type.Kind() == reflect.Bool && text != "true" && text != "false" {
			t.Errorf("%s: default %q", f.key, text)
		}
		if words := f.words(); ok && len(words) > 0 && !strings.Contains(" "+strings.Join(words, " ")+" ", " "+text+" ") {
			t.Errorf("%s: default %q is none of %q", f.key, text, words)
		}
	})
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/conf.*.toml")
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add(Reference())
	f.Add("a.b.c.d.e.f.g.h.i.j = [[[[[[[[[[1]]]]]]]]]]")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("fuzz.toml", []byte(text))
		if err == nil {
			again, err := Parse("show.toml", []byte(c.Show()))
			if err != nil {
				t.Fatalf("Show cannot be read: %v\n%s", err, c.Show())
			}
			if diff := cmp.Diff(c, again, same()); diff != "" {
				t.Fatalf("Show says something else:\n%s", diff)
			}
			return
		}
		problems, ok := err.(*Error)
		if !ok || c != nil || len(problems.Problems) == 0 {
			t.Fatalf("got %v, %v", c, err)
		}
		for _, p := range problems.Problems {
			if p.Line > strings.Count(text, "\n")+1 || (p.Line > 0) != (p.Column > 0) || p.Text == "" {
				t.Errorf("%+v", p)
			}
		}
	})
}
