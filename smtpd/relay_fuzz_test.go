package smtpd

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// FuzzProxy: whatever the header says, no octet behind it is eaten, and its
// address is one without a zone.
func FuzzProxy(f *testing.F) {
	f.Add([]byte("PROXY TCP4 203.0.113.9 198.51.100.7 4711 25\r\n"))
	f.Add([]byte("PROXY TCP6 2001:db8::9 2001:db8::1 4711 25\r\n"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add([]byte("PROXY TCP4 203.0.113.9 198.51.100.7 4711 25\n\r\n"))
	f.Add(append(bytes.Clone(proxy2), 0x21, 0x11, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 2))
	f.Add(append(bytes.Clone(proxy2), 0x20, 0, 0, 0))
	f.Add(append(bytes.Clone(proxy2), 0x21, 0x21, 255, 255))
	f.Fuzz(func(t *testing.T, header []byte) {
		const behind = "EHLO client.example\r\n"
		r := strings.NewReader(string(header) + behind)
		ip, err := readProxy(r)
		if err != nil {
			return
		}
		if ip.IsValid() && ip.Zone() != "" {
			t.Errorf("the address has a zone: %v", ip)
		}
		rest, _ := io.ReadAll(r)
		used := len(header) + len(behind) - len(rest)
		if used < 15 || used > max(maxProxy1, 16+maxProxy2) {
			t.Errorf("%d octets were taken for a header", used)
		}
		if used > len(header) && !bytes.HasPrefix(header, []byte("PROXY ")) && !bytes.HasPrefix(header, proxy2) {
			t.Errorf("the header is none: %q", header)
		}
		if again, err := readProxy(bytes.NewReader(append(bytes.Clone(header), behind...)[:used])); err != nil || again != ip {
			t.Errorf("the header alone is read as %v, %v", again, err)
		}
	})
}

// FuzzXClient: what is read can be written in a log and a Received field, and
// only whole attributes count.
func FuzzXClient(f *testing.F) {
	f.Add("NAME=client.example ADDR=203.0.113.9 HELO=client+2Eexample")
	f.Add("ADDR=IPV6:2001:db8::9")
	f.Add("ADDR=[UNAVAILABLE] PROTO=ESMTP")
	f.Add("HELO=+0D+0A")
	f.Add("ADDR=127.0.0.1+")
	f.Fuzz(func(t *testing.T, arg string) {
		x, ok := parseXClient(arg)
		if !ok {
			if x != (xclient{}) {
				t.Errorf("%q is refused, and yet says %+v", arg, x)
			}
			return
		}
		if strings.ContainsFunc(x.helo, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			t.Errorf("the name holds what is no name: %q", x.helo)
		}
		if x.ip.IsValid() && (!x.addr || x.ip.Zone() != "" || x.ip.Is4In6()) {
			t.Errorf("the address is %v", x.ip)
		}
	})
}
