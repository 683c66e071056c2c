package smtpd

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// received gives p to an unstuffer in pieces of the given sizes, over and over.
func received(p string, sizes []int) (content string, used int, ended bool) {
	content, used, u := unstuffed(p, sizes)
	return content, used, u.ended
}

func unstuffed(p string, sizes []int) (content string, used int, u unstuffer) {
	u.scan = new(lineScan)
	var b strings.Builder
	keep := func(c []byte) { b.Write(c) }
	for i := 0; used < len(p) && !u.ended; i++ {
		piece := p[used:min(len(p), used+sizes[i%len(sizes)])]
		used += u.take([]byte(piece), keep)
	}
	return b.String(), used, u
}

// What content in proper lines comes to, said in another way than unstuffer
// does: lines up to the first that is a dot, each without the dot it begins with.
func properly(p string) (content string, used int, ended bool) {
	lines := strings.SplitAfter(p, "\r\n")
	for i, line := range lines {
		used += len(line)
		if line == ".\r\n" {
			return content, used, true
		}
		if i < len(lines)-1 || line != "." && line != ".\r" { // that might become the end
			content += strings.TrimPrefix(line, ".")
		}
	}
	return content, used, false
}

func TestUnstuffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"\r\n", ".", "a", "\n", "\x00", "\r\n.\r\n", "\r\n..", "ab.c"}), 0, 30).Draw(t, "parts")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 9), 1, 5).Draw(t, "sizes")
		text := strings.Join(parts, "")
		wantContent, wantUsed, wantEnded := properly(text)
		content, used, ended := received(text, sizes)
		if content != wantContent || used != wantUsed || ended != wantEnded {
			t.Fatalf("%q: got %q, %d octets, ended %v; want %q, %d octets, ended %v", text, content, used, ended, wantContent, wantUsed, wantEnded)
		}
	})
}

// With CRs anywhere the content is refused, but where it ends still matters: for
// what comes behind it.
func TestUnstufferAmongLoneCRs(t *testing.T) {
	end := regexp.MustCompile(`(?:^|[^\r])\r\n\.\r\n`)
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"\r", "\n", ".", "a", "\r\n", "\r\n.\r\n"}), 0, 30).Draw(t, "parts")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 9), 1, 5).Draw(t, "sizes")
		text := strings.Join(parts, "")
		want := len(text)
		at := end.FindStringIndex("\r\n" + text)
		if at != nil {
			want = at[1] - len("\r\n")
		}
		content, used, ended := received(text, sizes)
		if used != want || ended != (at != nil) {
			t.Fatalf("%q: %d octets, ended %v; want %d", text, used, ended, want)
		}
		if whole, _, _ := received(text, []int{len(text) + 1}); content != whole {
			t.Fatalf("%q depends on how it is cut: %q and %q", text, content, whole)
		}
	})
}

// What is wrong with lines is found behind DATA as it is in chunks, however they
// are cut.
func TestLinesAreSeenOnTheWay(t *testing.T) {
	long := strings.Repeat("a", maxLine/2)
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"\r\n", "\r\n", "\r", "\n", ".", "a", "\r\n.", long, long[1:], long[2:]}), 0, 20).Draw(t, "parts")
		sizes := rapid.SliceOfN(rapid.SampledFrom([]int{1, 2, 3, maxLine/2 - 1, maxLine / 2, maxLine, 2 * maxLine}), 1, 5).Draw(t, "sizes")
		text := strings.Join(parts, "") + "\r\na\r\n.\r\n"
		_, used, u := unstuffed(text, sizes)
		var want lineScan
		want.see([]byte(text[:used]))
		if !u.ended || u.scan.long != want.long || u.scan.lone != want.lone {
			t.Fatalf("%q: got %+v, ended %v; want %+v", text[:used], *u.scan, u.ended, want)
		}
	})
}

// A client that does not read the 354 is not told either what became of its
// mail, so the mail is not taken.
func TestContentBehindAnAnswerThatIsNotReadIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openDoor(t, testConfig(t))
		defer d.shut()
		deaf := &client{t: t, conn: d.l.dial("198.51.100.7:4711")}
		defer deaf.conn.Close()
		hear := func() {
			if _, err := deaf.conn.Read(make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		hear()
		for _, command := range []string{"EHLO client.example", "MAIL FROM:<ann@client.example>", "RCPT TO:<support@desk.example>"} {
			deaf.send(command + "\r\n")
			hear()
		}
		deaf.send("DATA\r\n")
		deaf.send("Subject: x\r\n\r\nx\r\n.\r\n") // taken up once the answer was given up
		synctest.Wait()
		if n := len(d.desk.taken()); n != 0 || len(d.srv.open()) != 0 {
			t.Errorf("%d mails were taken, %d connections are left", n, len(d.srv.open()))
		}
	})
}
