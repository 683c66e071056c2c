package smtpd

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// TestDialogues plays the transcripts in testdata/dialogue; see the README
// there for their form. Time is fake, so waiting costs nothing.
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/dialogue/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg := testConfig(t)
			cert := testTLS(t)
			synctest.Test(t, func(t *testing.T) {
				(&script{t: t, file: file, cfg: cfg, cert: cert}).run(string(b))
			})
		})
	}
}

type script struct {
	t     *testing.T
	file  string
	cfg   Config
	cert  *tls.Config
	way   way
	limit int64 // of the largest mailbox
	log   bytes.Buffer
	d     *door
	c     *client
	said  []string
}

func (s *script) run(text string) {
	defer s.end()
	for i, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, arg, _ := strings.Cut(line, " ")
		if err := s.step(word, arg); err != nil {
			s.t.Fatalf("%s:%d: %s\n%v", s.file, i+1, line, err)
		}
	}
	if s.said = append(s.said, s.c.replies()...); len(s.said) > 0 {
		s.t.Errorf("%s: said beyond the script: %q", s.file, s.said)
	}
}

func (s *script) end() {
	if s.c != nil {
		s.c.close()
		s.d.shut()
	}
}

func (s *script) step(word, arg string) error {
	if word == "SET" {
		return s.set(arg)
	}
	if s.c == nil {
		s.cfg.Log = zerolog.New(zerolog.SyncWriter(&s.log))
		s.d = openDoorFor(s.t, s.cfg, s.way)
		s.d.desk.limit = s.limit
		s.c = s.d.dial()
	}
	switch word {
	case "C:":
		s.c.send(arg + "\r\n")
	case "RAW":
		raw, err := strconv.Unquote(arg)
		s.c.send(raw)
		return err
	case "REPEAT":
		return s.repeat(arg)
	case "S:":
		return s.expect(arg)
	case "SILENCE":
		if s.said = append(s.said, s.c.replies()...); len(s.said) > 0 {
			return fmt.Errorf("said %q", s.said)
		}
	case "WAIT":
		d, err := time.ParseDuration(arg)
		time.Sleep(d)
		return err
	case "TLS":
		return s.c.startTLS(&tls.Config{InsecureSkipVerify: true})
	case "CLOSED":
		if !s.c.closed() {
			return fmt.Errorf("the connection is open")
		}
	case "LOGGED":
		return s.logged(arg)
	case "UNLOGGED":
		if synctest.Wait(); strings.Contains(strings.ToLower(s.log.String()), strings.ToLower(arg)) {
			return fmt.Errorf("it is in the log:\n%s", s.log.String())
		}
	case "RECONNECT":
		s.c.close()
		s.c = s.d.dial()
	default:
		return s.check(word, arg)
	}
	return nil
}

// logged compares how often an event is in the log: "event n".
func (s *script) logged(arg string) error {
	event, want, _ := strings.Cut(arg, " ")
	synctest.Wait()
	if got := strings.Count(s.log.String(), fmt.Sprintf(`"event":%q`, event)); strconv.Itoa(got) != want {
		return fmt.Errorf("%d such events; the log:\n%s", got, s.log.String())
	}
	return nil
}

// check compares what the desk took with what the script says.
func (s *script) check(word, arg string) error {
	synctest.Wait()
	mails := s.d.desk.taken()
	if word == "MAILS" {
		if got := strconv.Itoa(len(mails)); got != arg {
			return fmt.Errorf("%s mails were taken", got)
		}
		return nil
	}
	if len(mails) == 0 {
		return fmt.Errorf("no mail was taken, or the word %s is not known", word)
	}
	last := mails[len(mails)-1]
	env := last.in.Envelope
	var got string
	switch word {
	case "CONTENT":
		got = strconv.Quote(last.content)
	case "SIZE":
		got = strconv.Itoa(len(last.content))
	case "FROM":
		got = "<" + env.From.String() + ">"
	case "TO":
		var to []string
		for _, a := range env.Recipients {
			to = append(to, a.String())
		}
		got = strings.Join(to, " ")
	case "HELO":
		got = env.Helo
	case "IP":
		got = env.ClientIP
	case "RELAY":
		got = env.Relay
	case "WITH":
		got = env.Protocol
	case "SUBJECT":
		got = last.in.Message.Subject
	default:
		return fmt.Errorf("the word %s is not known", word)
	}
	if got != arg {
		return fmt.Errorf("got %s", got)
	}
	return nil
}

func (s *script) expect(prefix string) error {
	if s.said = append(s.said, s.c.replies()...); len(s.said) == 0 {
		return fmt.Errorf("nothing was said")
	}
	line := s.said[0]
	s.said = s.said[1:]
	if rest, ok := strings.CutPrefix(prefix, "*"); ok { // any line that holds it, others are skipped
		for !strings.Contains(line, rest) {
			if len(s.said) == 0 {
				return fmt.Errorf("no line holds it; the last was %q", line)
			}
			line, s.said = s.said[0], s.said[1:]
		}
		return nil
	}
	if !strings.HasPrefix(line, prefix) {
		return fmt.Errorf("said %q", line)
	}
	return nil
}

func (s *script) repeat(arg string) error {
	n, quoted, _ := strings.Cut(arg, " ")
	times, err := strconv.Atoi(n)
	if err != nil {
		return err
	}
	raw, err := strconv.Unquote(quoted)
	for range times {
		s.c.send(raw)
	}
	return err
}

func (s *script) set(arg string) error {
	key, value, _ := strings.Cut(arg, " ")
	n, _ := strconv.ParseInt(value, 10, 64)
	d, _ := time.ParseDuration(value)
	switch key {
	case "tls":
		s.cfg.TLS = s.cert
	case "lmtp":
		s.way = way{lmtp: true}
	case "relay": // the client is one
		s.cfg.Relays = []Relay{{
			Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")},
			XClient:  value == "xclient", Proxy: value == "proxy",
		}}
	case "mailbox-size":
		s.limit = n
	case "content-memory":
		s.cfg.ContentMemory = n
	case "max-per-ip":
		s.cfg.MaxPerIP = int(n)
	case "mails-per-minute":
		s.cfg.MailsPerMinute = int(n)
	case "max-message":
		s.cfg.MaxMessage = n
	case "memory-spool":
		s.cfg.MemorySpool = n
	case "min-data-rate":
		s.cfg.MinDataRate = n
	case "max-errors":
		s.cfg.MaxErrors = int(n)
	case "free-disk":
		s.cfg.MinFreeDisk = 1000
		s.cfg.FreeDisk = func() (int64, error) { return n, nil }
	case "idle":
		s.cfg.Idle = d
	case "session":
		s.cfg.Session = d
	case "data":
		s.cfg.Data = d
	default:
		return fmt.Errorf("no such setting")
	}
	return nil
}
