package message

import (
	"encoding/base64"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// Base64 as mail has it, and text that programs put behind it.
func TestBase64(t *testing.T) {
	long := strings.Repeat("0123456789", 100)
	encode := base64.StdEncoding.EncodeToString
	lines := func(s string) string { return foldAt(encode([]byte(s)), 76) }
	const foot = "____________\r\nUsers mailing list\r\nhttps://lists.example.org/users\r\n"
	for name, c := range map[string]struct{ in, want, rest string }{
		"lines":                   {lines(long), long, ""},
		"lines of 64":             {foldAt(encode([]byte(long+long)), 64) + "--\r\n", long + long, "--\r\n"},
		"one line":                {encode([]byte(long)), long, ""},
		"no padding":              {strings.TrimRight(encode([]byte(long)), "="), long, ""},
		"pieces":                  {lines("a") + lines(long) + lines("b"), "a" + long + "b", ""},
		"pieces in a line":        {encode([]byte("a")) + encode([]byte(long)) + encode([]byte("bc")), "a" + long + "bc", ""},
		"odd lines":               {strings.Join(strings.SplitAfter(encode([]byte(long)), "M"), "\n"), long, ""},
		"stray marks":             {"> aGVs\r\n> bG8=\r\n", "hello", ""},
		"blanks between":          {"aG Vs\tbG 8=", "hello", ""},
		"blank lines at the end":  {"aGVsbG8=\r\n\r\n \r\n", "hello", ""},
		"the other alphabet":      {"--__\r\n-_-_\r\n", "", "--__\r\n-_-_\r\n"},
		"a foot":                  {lines("hello") + "\r\n" + foot, "hello", foot},
		"a foot without padding":  {lines("hello!") + "\r\n" + foot, "hello!", foot},
		"a scanner's words":       {lines("hello") + "-- \r\nScanned by a program\r\n", "hello", "-- \r\nScanned by a program\r\n"},
		"a signature, no padding": {lines("hello!") + "-- \r\nScanned by a program", "hello!", "-- \r\nScanned by a program"},
		"a long foot":             {"YQ==\n" + strings.Repeat("no base64\n", 1000), "a", strings.Repeat("no base64\n", 1000)[:maxRest]},
		"nothing":                 {"", "", ""},
	} {
		for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
			d := transferReader(r, "base64")
			got, err := io.ReadAll(d)
			if err != nil || string(got) != c.want || string(afterBase64(d)) != c.rest {
				t.Errorf("%s: %q, rest %q, %v", name, got, afterBase64(d), err)
			}
		}
	}
}

// foldAt breaks a text into lines of n octets.
func foldAt(s string, n int) string {
	var out strings.Builder
	for ; len(s) > n; s = s[n:] {
		out.WriteString(s[:n] + "\r\n")
	}
	return out.String() + s + "\r\n"
}

// Whole groups end exactly before the first octet that is none of theirs.
func TestWholeGroups(t *testing.T) {
	want := []byte("any octets at all: \x00\xff\xfe, thirty-three")
	text := base64.StdEncoding.EncodeToString(want)
	for i := range len(text) + 1 {
		for _, end := range []string{"", "=", "\r\n", "\x80AAAAAAAAAAA", "!AAA"} {
			out, n := wholeGroups([]byte("before "), []byte(text[:i]+end))
			if n != i/4*4 || string(out) != "before "+string(want[:n/4*3]) {
				t.Fatalf("%q: %d octets are %q", text[:i]+end, n, out)
			}
		}
	}
}

// TestFoot: what stands behind an encoded text is read with it, what stands
// behind an encoded file is no part of the file.
func TestFoot(t *testing.T) {
	m := read("From: a@x.org\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n\nUsers mailing list\n" +
		"--b\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nJVBERg==\n-- \nScanned\n--b--\n")
	if m.Text != "hello\nUsers mailing list" || len(m.Attachments) != 1 || m.Attachments[0].Size != 4 || len(m.Problems) != 2 {
		t.Errorf("%q, %+v, %q", m.Text, m.Attachments, m.Problems)
	}
}
