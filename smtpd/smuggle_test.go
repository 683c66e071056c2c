package smtpd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	opening = "EHLO client.example\r\nMAIL FROM:<ann@client.example>\r\nRCPT TO:<support@desk.example>\r\n"
	inner   = "MAIL FROM:<eve@evil.example>\r\nRCPT TO:<support@desk.example>\r\nDATA\r\nSubject: two\r\n\r\nx\r\n.\r\n"
)

// pacing is fake time in which a server that slows a client down gets through
// all of its errors.
const pacing = 45 * time.Second

// play sends the parts one after the other, each when the server has nothing
// left to do, and returns what was accepted as "sender: content".
func play(t *testing.T, cfg Config, parts ...string) (mails, said []string) {
	d := openDoor(t, cfg)
	c := d.dial()
	for _, p := range parts {
		c.send(p)
		time.Sleep(pacing)
		said = append(said, c.replies()...)
	}
	c.close()
	synctest.Wait()
	for _, m := range d.desk.taken() {
		mails = append(mails, m.in.Envelope.From.String()+": "+m.content)
	}
	d.shut()
	return mails, said
}

// lineEnds are what servers have been made to disagree about.
var lineEnds = map[string]string{"CRLF": "\r\n", "LF": "\n", "CR": "\r", "CRCRLF": "\r\r\n", "LFCR": "\n\r", "NUL": "\x00", "none": ""}

// Only CR LF . CR LF ends content: with any other pair of line ends around the
// dot, what follows is content too, or the mail is refused; it is never a
// second mail. The same octets give the same result however they are cut.
func TestNoSecondMailFromOneData(t *testing.T) {
	cfg := testConfig(t)
	for before, a := range lineEnds {
		for after, b := range lineEnds {
			body := "Subject: one\r\n\r\nbody" + a + "." + b + inner
			whole := opening + "DATA\r\n" + body + "\r\n.\r\nQUIT\r\n"
			want := 1
			if before == "CRLF" && after == "CRLF" {
				want = 2 // that is how a second mail is sent
			}
			t.Run(before+"-dot-"+after, func(t *testing.T) {
				var first []string
				synctest.Test(t, func(t *testing.T) { first, _ = play(t, cfg, whole) })
				if len(first) > want || want == 1 && strings.Contains(strings.Join(first, "\n"), "eve@evil.example: ") {
					t.Fatalf("accepted %q", first)
				}
				if a == "\n" && b == "\n" && len(first) != 1 {
					t.Fatalf("bare LF is allowed, accepted %q", first)
				}
				if before != "CRLF" && before != "CR" && before != "CRCRLF" && after != "CRLF" {
					return // splits of the pairs that matter are enough
				}
				for i := strings.Index(whole, "body"); i < strings.Index(whole, "MAIL FROM:<eve")+6; i++ {
					synctest.Test(t, func(t *testing.T) {
						mails, _ := play(t, cfg, whole[:i], whole[i:])
						if diff := cmp.Diff(first, mails); diff != "" {
							t.Errorf("cut at %d (-whole +cut):\n%s", i, diff)
						}
					})
				}
			})
		}
	}
}

// A chunk is counted, so nothing in it can end it.
func TestNoSecondMailFromOneChunk(t *testing.T) {
	cfg := testConfig(t)
	for before, a := range lineEnds {
		for after, b := range lineEnds {
			body := "Subject: one\r\n\r\nbody" + a + "." + b + inner
			t.Run(before+"-dot-"+after, func(t *testing.T) {
				for i := 0; i <= len(body); i += 7 {
					synctest.Test(t, func(t *testing.T) {
						mails, _ := play(t, cfg, opening+
							fmt.Sprintf("BDAT %d\r\n%s", i, body[:i]), fmt.Sprintf("BDAT %d LAST\r\n%s", len(body)-i, body[i:]))
						want := []string{"ann@client.example: " + body}
						if strings.ReplaceAll(body, "\r\n", "") != strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", ""), "\r", "") {
							want = nil // a lone CR
						}
						if diff := cmp.Diff(want, mails); diff != "" {
							t.Errorf("chunks cut at %d (-want +got):\n%s", i, diff)
						}
					})
				}
			})
		}
	}
}

// A small session is cut, or stalls, behind every one of its octets: a mail is
// there when its last octet was, and not before, and what comes after a stall
// is not looked at.
func TestCutAndStallAtEveryOctet(t *testing.T) {
	cfg := testConfig(t)
	cfg.Idle = time.Minute
	for name, content := range map[string]string{
		"DATA": "DATA\r\nSubject: one\r\n\r\n" + "RSET\r\n.\r\n",
		"BDAT": "BDAT 20\r\nSubject: one\r\n\r\nRSET" + "BDAT 2 LAST\r\n\r\n",
	} {
		whole := opening + content
		for i := range len(whole) {
			for _, stall := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/stall=%v", name, i, stall), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { breakAt(t, cfg, whole, i, stall) })
				})
			}
		}
		t.Run(name+"/whole", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if mails, said := play(t, cfg, whole); len(mails) != 1 {
					t.Fatalf("accepted %q, said %q", mails, said)
				}
			})
		})
	}
}

func breakAt(t *testing.T, cfg Config, whole string, i int, stall bool) {
	d := openDoor(t, cfg)
	defer d.shut()
	c := d.dial()
	c.send(whole[:i])
	if stall {
		time.Sleep(cfg.Idle + time.Second)
		said := c.replies()
		if !c.closed() || !strings.HasPrefix(said[len(said)-1], "421 4.4.2") {
			t.Errorf("after a stall: closed %v, said %q", c.closed(), said)
		}
		c.send(whole[i:] + whole)
		if more := c.replies(); len(more) > 0 {
			t.Errorf("answered behind the end: %q", more)
		}
	}
	c.close()
	synctest.Wait()
	if mails := d.desk.taken(); len(mails) > 0 {
		t.Errorf("accepted %q", mails[0].content)
	}
}

// FuzzSession feeds a connection any octets. Whatever they are: the server
// lives, the result does not depend on how they are cut into packets (but for what
// comes together with a DATA that is refused), a
// connection that ends early has given the first of the mails of the whole,
// and there are no more mails than ends of content.
func FuzzSession(f *testing.F) {
	f.Add([]byte(opening+"DATA\r\nSubject: one\r\n\r\nbody\r\n.\r\n"+inner+"QUIT\r\n"), uint16(70))
	f.Add([]byte(opening+"BDAT 3\r\nabcBDAT 4 LAST\r\n\r\n\r\nRSET\r\n"+inner), uint16(95))
	f.Add([]byte(opening+"BDAT 0\r\nRSET\r\n"+inner), uint16(10))
	f.Add([]byte(opening+"DATA\r\nbody\r\r\n.\r\n"+inner), uint16(100))
	f.Add([]byte("EHLO x\r\nDATA\r\n"+opening+"DATA\r\nbody\r\n.\r\n"), uint16(14))
	f.Add([]byte("GET / HTTP/1.1\r\n"), uint16(2))
	f.Add([]byte("HELO x\nSTARTTLS\nMAIL FROM:<> SIZE=1 BODY=8BITMIME\nRCPT TO:<Postmaster>\nDATA\n"), uint16(9))
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		if len(b) > 8<<10 {
			return
		}
		cfg := testConfig(t)
		text, i := string(b), min(int(at), len(b))
		var whole, cut, early, said []string
		synctest.Test(t, func(t *testing.T) { whole, said = play(t, cfg, text) })
		synctest.Test(t, func(t *testing.T) { cut, _ = play(t, cfg, text[:i], text[i:]) })
		synctest.Test(t, func(t *testing.T) { early, _ = play(t, cfg, text[:i]) })
		if slices.Contains(said, "503 5.5.1 the content was not asked for, closing") {
			cut = cut[:min(len(cut), len(whole))] // what waits for the answer to DATA goes on
		}
		if diff := cmp.Diff(whole, cut, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("depends on packets (-whole +cut):\n%s", diff)
		}
		if len(early) > len(whole) || !slices.Equal(whole[:len(early)], early) {
			t.Errorf("whole gives %q, its beginning %q", whole, early)
		}
		ends := strings.Count(text, ".\r\n") + strings.Count(strings.ToUpper(text), "LAST")
		if len(whole) > ends {
			t.Errorf("%d mails from %d ends of content", len(whole), ends)
		}
	})
}
