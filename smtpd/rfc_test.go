package smtpd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
)

// TestRFCTable holds docs/rfc.md to its word: each row says yes, partial or no,
// and names tests that exist.
func TestRFCTable(t *testing.T) {
	b, err := os.ReadFile("../docs/rfc.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || cells[1] == "--" || strings.Contains(line, "| shown by |") {
			continue
		}
		rows++
		if !regexp.MustCompile(`^ (yes|partial: .+|yes; .+|no: .+) $`).MatchString(cells[3]) {
			t.Errorf("not yes, partial or no: %s", line)
		}
		names := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[4], -1)
		if len(names) == 0 {
			t.Errorf("nothing shows it: %s", line)
		}
		for _, n := range names {
			if !shown(t, n[1]) {
				t.Errorf("no test is called %s", n[1])
			}
		}
	}
	if rows < 50 {
		t.Errorf("%d rows were read", rows)
	}
	if shown(t, "TestNothing") || shown(t, "dialogue/nothing") || shown(t, "internal/address.TestNothing") {
		t.Error("any name is taken for a test")
	}
}

// shown reports whether a test of that name exists.
func shown(t *testing.T, name string) bool {
	if d, ok := strings.CutPrefix(name, "dialogue/"); ok {
		_, err := os.Stat("testdata/dialogue/" + d + ".txt")
		return err == nil
	}
	folder := "."
	if dir, test, ok := strings.Cut(name, "."); ok {
		folder, name = "../"+dir, test
	}
	files, err := filepath.Glob(folder + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "\nfunc "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}

func TestWhatIsNotOfferedIsRefused(t *testing.T) {
	cfg := testConfig(t)
	for _, tt := range []struct{ name, line, want string }{
		{"BINARYMIME", "MAIL FROM:<ann@client.example> BODY=BINARYMIME", "555 5.5.4 "},
		{"DSN of MAIL", "MAIL FROM:<ann@client.example> RET=HDRS", "555 5.5.4 "},
		{"AUTH", "AUTH PLAIN AGFubgBzZWNyZXQ=", "502 5.5.1 "},
		{"unknown parameter", "MAIL FROM:<ann@client.example> X-SECRET=1", "555 5.5.4 "},
		{"AUTH of MAIL", "MAIL FROM:<ann@client.example> AUTH=<>", "555 5.5.4 "},
		{"size without number", "MAIL FROM:<ann@client.example> SIZE=", "501 5.5.4 "},
		{"size with sign", "MAIL FROM:<ann@client.example> SIZE=-1", "501 5.5.4 "},
		{"size of 21 digits", "MAIL FROM:<ann@client.example> SIZE=000000000000000000001", "501 5.5.4 "},
		{"two sizes", "MAIL FROM:<ann@client.example> SIZE=1 SIZE=2", "501 5.5.4 "},
		{"no name", "MAIL FROM:<ann@client.example> =1", "501 5.5.4 "},
		{"unknown body", "MAIL FROM:<ann@client.example> BODY=9BIT", "501 5.5.4 "},
		{"SMTPUTF8 with a value", "MAIL FROM:<ann@client.example> SMTPUTF8=1", "501 5.5.4 "},
		{"DSN of RCPT", "RCPT TO:<support@desk.example> NOTIFY=NEVER", "555 5.5.4 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := openDoor(t, cfg)
				defer d.shut()
				c := d.dial()
				defer c.close()
				c.cmd("EHLO client.example")
				if strings.HasPrefix(tt.line, "RCPT") {
					c.cmd("MAIL FROM:<ann@client.example>")
				}
				if got := c.cmd(tt.line); !strings.HasPrefix(got, tt.want) {
					t.Errorf("said %q, want %s", got, tt.want)
				}
			})
		})
	}
}

// Octets above 127 arrive as they were sent, with BODY=8BITMIME and without.
func TestEightBitContentIsKept(t *testing.T) {
	cfg := testConfig(t)
	for _, param := range []string{"", " BODY=8BITMIME", " BODY=7BIT"} {
		synctest.Test(t, func(t *testing.T) {
			d := openDoor(t, cfg)
			defer d.shut()
			c := d.dial()
			defer c.close()
			const content = "Subject: x\r\n\r\n\xe4\xff caf\xc3\xa9\r\n"
			c.send("EHLO client.example\r\nMAIL FROM:<ann@client.example>" + param + "\r\nRCPT TO:<support@desk.example>\r\nDATA\r\n")
			c.replies()
			if got := c.cmd(content + "."); !strings.HasPrefix(got, "250 ") {
				t.Fatalf("%q: said %q", param, got)
			}
			if got := d.desk.taken()[0].content; got != content {
				t.Errorf("%q: kept %q", param, got)
			}
		})
	}
}
