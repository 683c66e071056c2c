package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// trusting is the configuration of a desk that believes what comes from this
// machine.
const trusting = `hostname = "mx.desk.example"
log_level = "warn"
[smtp]
listen = ["127.0.0.1:0"]
trust_loopback = true
[dns]
servers = []
[mailbox.support]
addresses = ["support@desk.example"]
`

// TestLargeMailsAtOnce has forty clients in the middle of a large mail, twice as
// many as there is memory for: the first twenty are taken, the others put off,
// and the memory stays within its limit, which the kernel holds the server to
// where that can be had. MXDESK_LARGE is the size of each mail in MiB.
func TestLargeMailsAtOnce(t *testing.T) {
	const fit, more = 20, 20
	size := envNumber(t, "MXDESK_LARGE", 5) << 20
	d := install(t, trusting)
	confined := !raced() && confine(t, d, 256<<20)
	server := d.start()
	before := server.memory(t, "VmRSS")
	clients := make([]*wire, fit+more)
	for i := range clients {
		w := mustConnect(t, server.addr, fmt.Sprintf("127.0.0.%d", 2+i))
		w.want(t, 250, "MAIL FROM:<ann@customer.example>")
		w.want(t, 250, "RCPT TO:<support@desk.example>")
		w.want(t, 354, "DATA")
		clients[i] = w
	}
	line := bytes.Repeat([]byte("x"), 74)
	line = append(line, "\r\n"...)
	content := func(w io.Writer, octets int) error {
		block := bytes.Repeat(line, 1+(64<<10)/len(line))
		for ; octets > 0; octets -= len(block) {
			if _, err := w.Write(block); err != nil {
				return err
			}
		}
		return nil
	}
	for i, w := range clients {
		if _, err := fmt.Fprintf(w.conn, "From: <ann@customer.example>\r\nSubject: large %d\r\nMessage-ID: <%d@customer.example>\r\n\r\n", i, i); err != nil {
			t.Fatal(err)
		}
		if err := content(w.conn, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	codes := make([]int, len(clients))
	var wg sync.WaitGroup
	for i, w := range clients {
		wg.Go(func() {
			if err := content(w.conn, size-1<<20); err != nil {
				t.Error(err)
			}
			if _, err := io.WriteString(w.conn, ".\r\n"); err != nil {
				t.Error(err)
			}
			codes[i] = w.answer().code
		})
	}
	wg.Wait()
	count := tally(t, codes)
	most := server.memory(t, "VmHWM")
	t.Logf("%d mails of %d MiB at once: %v; memory %d MiB before, %d MiB at most; held to its limit by the kernel: %v", len(clients), size>>20, count, before>>10, most>>10, confined)
	// A client whose mail is done early makes room for one that comes late.
	if count[250] < fit || count[452] == 0 || count[250]+count[452] != len(clients) {
		t.Errorf("answered %v", count)
	}
	if most > 256<<10 && !raced() {
		t.Errorf("the memory went beyond its limit, to %d MiB", most>>10)
	}
	if len(server.events(t, "smtp-no-memory")) != count[452] {
		t.Errorf("%d events", len(server.events(t, "smtp-no-memory")))
	}
	server.stop(t)
	d.check()
}

// 160 mails whose text is nine times as large as they are come at once. They are
// read in their turn, within the limit of memory.
func TestMailsThatGrowAtOnce(t *testing.T) {
	d := install(t, `hostname = "mx.desk.example"
log_level = "warn"
[smtp]
listen = ["127.0.0.1:0"]
trust_loopback = true
[dns]
servers = []
[limits]
memory = "64MiB"
[mailbox.support]
addresses = ["support@desk.example"]
`)
	confined := !raced() && confine(t, d, 64<<20)
	server := d.start()
	body := strings.Repeat("<blockquote>", 40) + strings.Repeat("a<br>", 19_800)
	codes := make([]int, 160)
	clients := make([]*wire, len(codes))
	for i := range clients {
		w := mustConnect(t, server.addr, fmt.Sprintf("127.0.0.%d", 2+i%10))
		w.want(t, 250, "MAIL FROM:<ann@customer.example>")
		w.want(t, 250, "RCPT TO:<support@desk.example>")
		w.want(t, 354, "DATA")
		head := fmt.Sprintf("From: <ann@customer.example>\r\nSubject: growing %[1]d\r\nMessage-ID: <g%[1]d@customer.example>\r\nContent-Type: text/html\r\n\r\n", i)
		if _, err := io.WriteString(w.conn, head+body); err != nil {
			t.Fatal(err)
		}
		clients[i] = w
	}
	var wg sync.WaitGroup
	for i, w := range clients {
		wg.Go(func() {
			if _, err := io.WriteString(w.conn, "\r\n.\r\n"); err == nil {
				codes[i] = w.answer().code
			}
		})
	}
	wg.Wait()
	count := tally(t, codes)
	most := server.memory(t, "RssAnon")
	t.Logf("%d mails: %v; memory %d MiB behind them; held to its limit by the kernel: %v", len(codes), count, most>>10, confined)
	if count[250]+count[452] != len(codes) || count[250] < len(codes)/2 {
		t.Errorf("answered %v", count)
	}
	if most > 64<<10 && !raced() {
		t.Errorf("the memory went beyond its limit, to %d MiB", most>>10)
	}
	server.stop(t)
	d.check()
}

// An agent answers 26 times at once with a file of 16 MiB. The files are sent on in
// their turn: what they take in memory does not grow with their number.
func TestAgentsFilesAtOnce(t *testing.T) {
	const agent = "bob@agents.example"
	d := install(t, trusting)
	server := d.start()
	d.must("contact", "add", agent, "--kind", "agent")
	if got := deliver(server.addr, "", "ann@customer.example", "support@desk.example", []byte("From: <ann@customer.example>\r\nSubject: x\r\n\r\nx\r\n")); got.code != 250 {
		t.Fatal(got)
	}
	file := strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 16<<20/57)
	codes := make([]int, 26)
	var wg sync.WaitGroup
	for i := range codes {
		wg.Go(func() {
			mail := fmt.Sprintf("From: <%s>\r\nSubject: [ID:0000001] x\r\nMessage-ID: <%d@agents.example>\r\nMIME-Version: 1.0\r\n"+
				"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nNumber %d\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n"+
				"Content-Transfer-Encoding: base64\r\n\r\n%s--b--\r\n", agent, i, i, file)
			for codes[i] != 250 && codes[i]/100 != 5 { // some are put off: there is no more memory for large mails
				codes[i] = deliver(server.addr, "", agent, "support@desk.example", []byte(mail)).code
			}
		})
	}
	wg.Wait()
	most := server.memory(t, "VmHWM")
	t.Logf("%d mails: %v; memory %d MiB at most", len(codes), tally(t, codes), most>>10)
	sent := 0
	for _, a := range d.ticket(1).Actions {
		for _, item := range a.Deliveries {
			if item.Template == "agent-reply" {
				sent++
			}
		}
	}
	if sent != len(codes) {
		t.Errorf("%d of %d answers were sent on", sent, len(codes))
	}
	if most > 300<<10 && !raced() { // the limit, and what of the database is mapped
		t.Errorf("the memory went beyond its limit, to %d MiB", most>>10)
	}
	server.stop(t)
	d.check()
}

// tally counts the answers of clients, each of which must have had one.
func tally(t *testing.T, codes []int) map[int]int {
	t.Helper()
	count := map[int]int{}
	for _, c := range codes {
		count[c]++
	}
	if count[0] > 0 {
		t.Fatalf("%d connections broke off, as they do when the memory went beyond its limit", count[0])
	}
	return count
}

// The large mails find a server that takes as many as come, and one that keeps
// all of them in memory.
func TestLargeMailsFindFaults(t *testing.T) {
	if raced() {
		t.Skip("memory is judged without the race detector")
	}
	findsFault(t, "TestLargeMailsAtOnce", "no-budget", "answered map[250:40]", "MXDESK_LARGE=1")
	findsFault(t, "TestMailsThatGrowAtOnce", "no-budget", "the memory went beyond its limit")
	findsFault(t, "TestLargeMailsAtOnce", "no-spool", "the memory went beyond its limit", "MXDESK_LARGE=16")
}

// confine starts serve in a control group with so much memory and not an octet
// more. It reports whether there can be one.
func confine(t *testing.T, d *installation, octets int) bool {
	t.Helper()
	for _, g := range []struct{ root, limit string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
		{"/sys/fs/cgroup", "memory.max"},
	} {
		dir, err := os.MkdirTemp(g.root, "mxdesk-test")
		if err != nil {
			continue
		}
		t.Cleanup(func() {
			eventually(t, "the control group is empty", func() bool { return os.Remove(dir) == nil })
		})
		f, err := os.OpenFile(filepath.Join(dir, g.limit), os.O_WRONLY, 0) // is there in a real group
		if err != nil {
			continue
		}
		if _, err = fmt.Fprint(f, octets); errors.Join(err, f.Close()) != nil {
			continue
		}
		d.manage = func(serve *exec.Cmd) {
			serve.Args = append([]string{"sh", "-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(dir, "cgroup.procs")}, serve.Args...)
			serve.Path = "/bin/sh"
		}
		return true
	}
	return false
}
