package main

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"mxdesk/internal/api"
)

// plainDesk is a desk that asks no DNS. The verb is the address to listen on.
const plainDesk = `hostname = "mx.desk.example"
[smtp]
listen = [%q]
[dns]
servers = []
[mailbox.support]
addresses = ["support@desk.example"]
`

// TestServeRefusals: a server that cannot start says why in one line, and with
// the exit code that its supervisor knows.
func TestServeRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free := install(t, fmt.Sprintf(plainDesk, "127.0.0.1:0"))
	running := free.start()
	at := func(listen, data string) *installation {
		d := *free
		d.config, d.data = write(t, filepath.Join(t.TempDir(), "mxdesk.toml"), fmt.Sprintf(plainDesk, listen)), data
		return &d
	}
	file := write(t, filepath.Join(t.TempDir(), "file"), "x")
	for _, test := range []struct {
		name string
		desk *installation
		code int
		says []string
	}{
		{"port taken", at(taken.Addr().String(), filepath.Join(t.TempDir(), "data")), exitFailed, []string{"cannot listen on " + taken.Addr().String(), "already in use"}},
		{"folder cannot be made", at("127.0.0.1:0", filepath.Join(file, "data")), exitFailed, []string{file, "not a directory"}},
		{"folder is a file", at("127.0.0.1:0", file), exitFailed, []string{file, "not a directory"}},
		{"folder of something else", at("127.0.0.1:0", "/proc/self"), exitConfig, []string{"/proc/self holds no desk but other things"}},
		{"folder on a file system that takes none", at("127.0.0.1:0", "/proc/self/data"), exitFailed, []string{"/proc/self/data"}},
		{"folder in use", at("127.0.0.1:0", free.data), exitConflict, []string{"another mxdesk serves the desk in " + free.data}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.desk.run("serve")
			if got.code != test.code {
				t.Errorf("exit code %d, want %d", got.code, test.code)
			}
			if n := strings.Count(got.stderr, "\n"); n != 1 || !strings.HasPrefix(got.stderr, "mxdesk: ") {
				t.Errorf("want one line on stderr, got:\n%s", got.stderr)
			}
			contains(t, got.stderr, test.says...)
		})
	}
	if got := deliver(running.addr, "", "ann@customer.example", desk, []byte("Subject: still here\r\n\r\nx\r\n")); got.code != 250 {
		t.Errorf("the first server, after the others: %s", got)
	}
	running.stop(t)
}

// TestStopDuringMail: a server that is asked to stop takes the mail that is on
// its way, sends idle clients away, and ends well.
func TestStopDuringMail(t *testing.T) {
	d := install(t, fmt.Sprintf(plainDesk, "127.0.0.1:0"))
	server := d.start()
	idle, open, busy := mustConnect(t, server.addr, ""), mustConnect(t, server.addr, ""), mustConnect(t, server.addr, "")
	open.want(t, 250, "MAIL FROM:<ann@customer.example>")
	busy.want(t, 250, "MAIL FROM:<ann@customer.example>")
	busy.want(t, 250, "RCPT TO:<"+desk+">")
	busy.want(t, 354, "DATA")
	if _, err := io.WriteString(busy.conn, "Subject: half\r\n\r\nfirst half,\r\n"); err != nil {
		t.Fatal(err)
	}
	server.terminate(t)
	if got := idle.answer(); got.code != 421 {
		t.Errorf("an idle client hears %s, want 421", got)
	}
	if w, err := connect(server.addr, ""); err == nil {
		w.close()
		t.Error("a stopping server takes new connections")
	}
	if _, err := io.WriteString(busy.conn, "second half\r\n.\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := busy.answer(); got.code != 250 {
		t.Errorf("the mail on its way: %s, want 250", got)
	}
	if got := busy.say("NOOP"); got.code != 421 && got.code != 0 {
		t.Errorf("after its mail, a client hears %s, want 421", got)
	}
	if got := open.say("RSET"); got.code == 0 {
		t.Errorf("a client with a transaction open is cut off: %s", got)
	}
	open.close()
	server.wait(t)
	if server.code() != 0 {
		t.Errorf("exit code %d, want 0", server.code())
	}
	list := read[[]api.Ticket](d, "ticket", "list")
	if len(list) != 1 || list[0].Subject != "half" {
		t.Errorf("tickets after the stop: %+v", list)
	}
	d.check()
}
