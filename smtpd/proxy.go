package smtpd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// The header of the PROXY protocol (its specification, version 2.0, sections
// 2.1 and 2.2) stands in front of a connection and names the client that a relay
// speaks for. It is read octet by octet where its length is not known: what
// stands behind it may be TLS.

const (
	maxProxy1 = 107     // octets of a header of version 1, line end included
	maxProxy2 = 2 << 10 // octets behind the fixed part of version 2
)

var (
	errProxy = errors.New("no PROXY header")
	proxy2   = []byte("\r\n\r\n\x00\r\nQUIT\n")
)

// readProxy reads a header. The address is invalid when the header names none:
// the relay speaks for itself, or does not know. The error is io.EOF when nothing
// came at all.
func readProxy(r io.Reader) (ip netip.Addr, err error) {
	var first [12]byte
	if _, err := io.ReadFull(r, first[:]); err != nil {
		return netip.Addr{}, err
	}
	switch {
	case bytes.Equal(first[:], proxy2):
		ip, err = readProxy2(r)
	case bytes.HasPrefix(first[:], []byte("PROXY ")):
		ip, err = readProxy1(first[:], r)
	default:
		err = errProxy
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return ip, err
}

func readProxy1(start []byte, r io.Reader) (netip.Addr, error) {
	line := bytes.Clone(start)
	for !bytes.HasSuffix(line, []byte("\r\n")) {
		if len(line) == maxProxy1 {
			return netip.Addr{}, fmt.Errorf("%w: the line is too long", errProxy)
		}
		var b [1]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return netip.Addr{}, err
		}
		line = append(line, b[0])
	}
	return parseProxy1(strings.TrimSuffix(string(line), "\r\n"))
}

// parseProxy1 reads "PROXY TCP4 192.0.2.1 192.0.2.25 4711 25".
func parseProxy1(line string) (netip.Addr, error) {
	f := strings.Split(line, " ")
	if len(f) >= 2 && f[0] == "PROXY" && f[1] == "UNKNOWN" {
		return netip.Addr{}, nil
	}
	if len(f) != 6 || f[0] != "PROXY" || f[1] != "TCP4" && f[1] != "TCP6" {
		return netip.Addr{}, fmt.Errorf("%w: %s", errProxy, printable(line, maxProxy1))
	}
	ip, err := netip.ParseAddr(f[2])
	if err != nil || ip.Zone() != "" || ip.Is4() != (f[1] == "TCP4") {
		return netip.Addr{}, fmt.Errorf("%w: %s is no address of %s", errProxy, printable(f[2], 50), f[1])
	}
	return ip.Unmap(), nil
}

func readProxy2(r io.Reader) (netip.Addr, error) {
	var fixed [4]byte // version and command, family, length
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return netip.Addr{}, err
	}
	n := binary.BigEndian.Uint16(fixed[2:])
	if n > maxProxy2 {
		return netip.Addr{}, fmt.Errorf("%w: %d octets are too long", errProxy, n)
	}
	rest := make([]byte, n)
	if _, err := io.ReadFull(r, rest); err != nil {
		return netip.Addr{}, err
	}
	return parseProxy2(fixed[0], fixed[1], rest)
}

func parseProxy2(command, family byte, rest []byte) (netip.Addr, error) {
	switch command {
	case 0x20: // LOCAL: the relay itself, a health check for one
		return netip.Addr{}, nil
	case 0x21: // PROXY
	default:
		return netip.Addr{}, fmt.Errorf("%w: version and command %#x", errProxy, command)
	}
	switch {
	case family == 0x11 && len(rest) >= 12:
		ip, _ := netip.AddrFromSlice(rest[:4])
		return ip, nil
	case family == 0x21 && len(rest) >= 36:
		ip, _ := netip.AddrFromSlice(rest[:16])
		return ip.Unmap(), nil
	case family == 0x11, family == 0x21:
		return netip.Addr{}, fmt.Errorf("%w: the addresses are cut off", errProxy)
	}
	return netip.Addr{}, nil // not TCP: no address that would say anything
}
