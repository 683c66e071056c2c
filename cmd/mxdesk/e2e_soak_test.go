package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mxdesk/internal/api"
)

// soakMail is one of a mixed load: short texts, text with HTML, files of up to
// 150 KiB, answers by machines.
func soakMail(n int) []byte {
	head := fmt.Sprintf("From: User %[1]d <user%[1]d@load.example>\r\nTo: <%[2]s>\r\nSubject: Soak %[3]d\r\nMessage-ID: <soak.%[3]d@load.example>\r\nMIME-Version: 1.0\r\n", n%997, desk, n)
	text := strings.Repeat(fmt.Sprintf("Line of mail %d, with some words to read.\r\n", n), 10+n%40)
	switch n % 4 {
	case 0:
		return []byte(head + "\r\n" + text)
	case 1:
		return []byte(head + "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n" + text +
			"--b\r\nContent-Type: text/html\r\n\r\n<p>" + text + "</p>\r\n--b--\r\n")
	case 2:
		line := strings.Repeat("QUJD", 19) + "\r\n"
		return []byte(head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + text +
			"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			strings.Repeat(line, 100+n%20*100) + "--b--\r\n")
	}
	return []byte(head + "Auto-Submitted: auto-replied\r\n\r\n" + text)
}

// TestSoak sends a mixed load over 64 connections: every mail is accounted for,
// memory, goroutines and descriptors stay what they were, and the files hold
// little more than raw mails and texts.
func TestSoak(t *testing.T) {
	n := envNumber(t, "MXDESK_SOAK", 800)
	d := harness(t)
	d.manage = func(serve *exec.Cmd) { serve.Env = append(serve.Env, "GOGC=10") } // what is kept shows, and not garbage
	server := d.start()
	d.manage = nil
	descriptors := server.descriptors(t)
	var payload int64
	var anon []int64
	const parts = 10
	for part := range parts {
		median := server.watchMemory(t)
		payload += soakPart(t, server.addr, part*n/parts, (part+1)*n/parts)
		anon = append(anon, median())
	}
	seen := map[string]int{}
	var texts int64
	for _, tk := range read[[]api.Ticket](d, "ticket", "list") {
		seen[tk.Subject]++
	}
	for i := range n {
		if name := fmt.Sprint("Soak ", i); seen[name] != 1 {
			t.Errorf("%s is %d times in the store", name, seen[name])
		}
		texts += int64(len(fmt.Sprintf("Line of mail %d, with some words to read.\r\n", i)) * (10 + i%40))
	}
	stored := d.check().Octets                                     // raw mails, and texts of mails that were sent
	segments, err := os.ReadDir(filepath.Join(d.data, "segments")) // each stays open, to be read
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the descriptors are back", func() bool { return server.descriptors(t) <= descriptors+8+len(segments) })
	goroutines, idle := server.goroutines(t), idleGoroutines(t)
	if len(goroutines) > len(idle) {
		for _, g := range idle {
			if i := slices.Index(goroutines, g); i >= 0 {
				goroutines = slices.Delete(goroutines, i, i+1)
			}
		}
		t.Errorf("goroutines are left that a server that has done nothing does not have: %q", goroutines[:min(len(goroutines), 20)])
	}
	server = d.start() // the count was its end
	d.check()
	server.stop(t)
	database, raw := used(t, filepath.Join(d.data, "desk.db")), used(t, filepath.Join(d.data, "segments"))
	files := database + raw
	ratio := float64(files) / float64(stored+texts)
	grown := growth(anon[parts/5:]) * 10_000 / float64(n/parts)
	t.Logf("%d mails, %d octets of raw mail, %d with what was sent, %d of text; files %d (database %d, segments %d), %.2f times that; anonymous memory in KiB, the median of each tenth, %v, %.0f KiB per 10,000 mails; %d descriptors, %d goroutines at the end",
		n, payload, stored, texts, files, database, raw, ratio, anon, grown, descriptors, len(goroutines))
	// Memory goes up and down by a few MiB all the same: a short run shows growth
	// that is beyond any doubt, and only long ones a little.
	if n >= 2_000 && ratio > 1.4 || n >= 100_000 && grown > 1024 || growth(anon[parts/5:])*parts > 32<<10 {
		t.Error("files or memory grow too much")
	}
}

// The soak finds a server that leaves a goroutine, a descriptor or memory behind
// with each connection, or writes its records twice.
func TestSoakFindsFaults(t *testing.T) {
	const small = "MXDESK_SOAK=100"
	findsFault(t, "TestSoak", "leaked-goroutine", "goroutines are left", small)
	findsFault(t, "TestSoak", "leaked-descriptor", "waiting until the descriptors are back", small, "MXDESK_PATIENCE=5")
	findsFault(t, "TestSoak", "leaked-memory", "files or memory grow too much", small)
	findsFault(t, "TestSoak", "written-twice", "files or memory grow too much", "MXDESK_SOAK=2000")
}

// soakPart sends mails over 64 connections; it returns the octets of them.
func soakPart(t *testing.T, addr string, from, to int) (octets int64) {
	t.Helper()
	next := make(chan int)
	sent := make(chan int64)
	for c := range killClients {
		go func() {
			var sum int64
			defer func() { sent <- sum }()
			w, err := connect(addr, fmt.Sprintf("127.0.1.%d", c+1))
			if err != nil {
				t.Error(err)
				for range next {
				}
				return
			}
			defer w.close()
			w.say("EHLO client.example")
			for i := range next {
				raw := soakMail(i)
				got := w.send(fmt.Sprintf("user%d@load.example", i%997), desk, raw)
				for end := time.Now().Add(patience); got.code/100 == 4 && time.Now().Before(end); time.Sleep(pollPause) {
					got = w.send(fmt.Sprintf("user%d@load.example", i%997), desk, raw) // put off
				}
				if got.code != 250 {
					t.Errorf("mail %d: %s", i, got)
				}
				sum += int64(len(raw))
			}
		}()
	}
	for i := from; i < to; i++ {
		next <- i
	}
	close(next)
	for range killClients {
		octets += <-sent
	}
	return octets
}

// watchMemory looks at the anonymous memory of the process until the median of it
// is asked for, in KiB: garbage makes it go up and down.
func (p *process) watchMemory(t *testing.T) (median func() int64) {
	t.Helper()
	seen := []int64{p.status(t, "RssAnon")}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * pollPause):
				seen = append(seen, p.status(t, "RssAnon"))
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-ended
		slices.Sort(seen)
		return seen[len(seen)/2]
	}
}

// growth is by how much values grow from each to the next: the slope of the line
// that fits them best.
func growth(values []int64) float64 {
	var x, y, xy, xx float64
	n := float64(len(values))
	for i, v := range values {
		x, y, xy, xx = x+float64(i), y+float64(v), xy+float64(i)*float64(v), xx+float64(i*i)
	}
	return (n*xy - x*y) / (n*xx - x*x)
}

// status reads a size in KiB from what the kernel says of the process.
func (p *process) status(t *testing.T, field string) (kib int64) {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(raw), field+":")
	if _, scanErr := fmt.Sscan(rest, &kib); err != nil || scanErr != nil {
		t.Errorf("the process is not what it was: %v, %v", err, scanErr)
	}
	return kib
}

func (p *process) descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// goroutines are those of the process, each by the line that began it, but for
// those of connections over HTTP, which end a moment after a command has its
// answer. The process ends with that: it prints them when it is told to quit.
func (p *process) goroutines(t *testing.T) (began []string) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	p.wait(t)
	last := ""
	for line := range strings.Lines(p.stderr()) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "goroutine 0 "): // a thread's own stack, shown when nothing else runs on it
		case strings.HasPrefix(line, "goroutine ") && strings.Contains(line, " ["):
			began = append(began, "")
		case strings.HasPrefix(last, "created by ") && len(began) > 0:
			began[len(began)-1], _, _ = strings.Cut(line, " ")
		}
		last = line
	}
	if len(began) == 0 {
		t.Errorf("no goroutine is shown:\n%s", tail(p.stderr(), 5))
	}
	return slices.DeleteFunc(began, func(g string) bool { return strings.Contains(g, "/net/http/") })
}

// idleGoroutines are those of a server that was asked for nothing but its tickets.
func idleGoroutines(t *testing.T) []string {
	t.Helper()
	d := harness(t)
	server := d.start()
	d.must("ticket", "list")
	return server.goroutines(t)
}

// used is how much of the disk a file, or what is in a folder, takes.
func used(t *testing.T, path string) (octets int64) {
	t.Helper()
	err := filepath.Walk(path, func(_ string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		octets += info.Sys().(*syscall.Stat_t).Blocks * 512
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return octets
}
