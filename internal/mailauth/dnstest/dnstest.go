// Package dnstest is a name server for tests: it listens on loopback, over UDP
// and TCP, and answers from records given as data. It can also be told to
// answer badly or not at all.
package dnstest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Zone holds the records of each name. Names may end in a dot, case does not
// matter. An IP address as a name stands for its name in the reverse tree. The
// name "*" stands for every name that is not listed.
type Zone map[string]Records

// Records are what one name has, or how asking for it goes wrong.
type Records struct {
	TXT  []string // of any length; split as RFC 1035 §3.3.14 demands
	MX   []string // "10 mail.example.com"
	A    []string // "192.0.2.1"
	AAAA []string // "2001:db8::1"
	PTR  []string // "mail.example.com"
	// CNAME is the name whose records are answered with, behind this alias.
	CNAME string
	Fail  Fail   // when set, the records above are not used
	Of    string // the type of record that Fail is about: "A"; none: all
}

// Fail is a way for a query to go wrong.
type Fail int

// What a name server can do instead of answering.
const (
	Answers  Fail = iota // nothing goes wrong
	ServFail             // the server says it failed
	NXDomain             // there is no such name, whatever stands beside or below it
	Refused              // the server will not answer
	Silent               // no reply at all: the asker waits
)

// Server is a running name server. It stops when its test ends.
type Server struct {
	// Addr is where it listens, as HOST:PORT.
	Addr string

	mu      sync.Mutex
	zone    map[string]Records
	queries []string
}

// New starts a server for the zone. It fails the test on a record that cannot
// be read.
func New(t testing.TB, zone Zone) *Server {
	t.Helper()
	s := &Server{zone: map[string]Records{}}
	for name, r := range zone {
		s.Set(name, r)
		if err := check(name, r); err != nil {
			t.Fatal(err)
		}
	}
	tcp, udp, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = tcp.Addr().String()
	conns := &connections{open: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() { s.serveUDP(udp) })
	wg.Go(func() { s.serveTCP(tcp, &wg, conns) })
	t.Cleanup(func() {
		tcp.Close()
		udp.Close()
		conns.close()
		wg.Wait()
	})
	return s
}

// Set replaces everything the server knows about a name.
func (s *Server) Set(name string, r Records) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone[key(name)] = r
}

// Queries are the questions asked so far, in order, each as "TXT example.com".
func (s *Server) Queries() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.queries...)
}

// listen takes the same port for both protocols.
func listen() (tcp net.Listener, udp net.PacketConn, err error) {
	for range 20 {
		if tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, nil, err
		}
		if udp, err = net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			return tcp, udp, nil
		}
		tcp.Close()
	}
	return nil, nil, err
}

// connections are the TCP connections to cut when the test ends.
type connections struct {
	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

func (c *connections) add(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.Close()
		return false
	}
	c.open[conn] = true
	return true
}

func (c *connections) remove(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, conn)
	conn.Close()
}

func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn := range c.open {
		conn.Close()
	}
}

func (s *Server) serveUDP(pc net.PacketConn) {
	buf := make([]byte, 4096)
	for {
		n, peer, err := pc.ReadFrom(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		if reply := s.reply(buf[:n], true); reply != nil {
			pc.WriteTo(reply, peer)
		}
	}
}

func (s *Server) serveTCP(l net.Listener, wg *sync.WaitGroup, conns *connections) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if conns.add(conn) {
			wg.Go(func() {
				defer conns.remove(conn)
				s.serveConn(conn)
			})
		}
	}
}

func (s *Server) serveConn(conn net.Conn) {
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		reply := s.reply(query, false)
		if reply == nil {
			continue
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

// reply makes the answer to one query, or nil for silence.
func (s *Server) reply(query []byte, udp bool) []byte {
	var q dnsmessage.Message
	if q.Unpack(query) != nil || len(q.Questions) != 1 {
		return nil
	}
	question := q.Questions[0]
	name := key(question.Name.String())
	rec, found := s.find(question, name)
	var aliases []dnsmessage.Resource
	for rec.CNAME != "" && rec.Fail == Answers {
		if len(aliases) == maxAliases {
			rec.Fail = ServFail
			break
		}
		alias, err := aliasOf(question.Name, rec.CNAME)
		if err != nil {
			return nil
		}
		aliases = append(aliases, alias)
		question.Name = alias.Body.(*dnsmessage.CNAMEResource).CNAME
		rec, found = s.find(question, key(rec.CNAME))
	}
	if rec.Fail == Silent {
		return nil
	}
	m := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: q.ID, Response: true, Authoritative: true,
			RecursionDesired: q.RecursionDesired, RecursionAvailable: true,
		},
		Questions: q.Questions,
	}
	switch {
	case rec.Fail == ServFail:
		m.RCode = dnsmessage.RCodeServerFailure
	case rec.Fail == Refused:
		m.RCode = dnsmessage.RCodeRefused
	case rec.Fail == NXDomain || !found:
		m.RCode = dnsmessage.RCodeNameError
	default:
		m.Answers, _ = answers(question, rec)
	}
	m.Answers = append(aliases, m.Answers...)
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	if udp && len(packed) > udpSize(q) {
		m.Answers, m.Truncated = nil, true
		packed, _ = m.Pack()
	}
	return packed
}

// maxAliases is how many aliases are followed for one question.
const maxAliases = 8

func aliasOf(name dnsmessage.Name, target string) (dnsmessage.Resource, error) {
	to, err := dnsmessage.NewName(rooted(target))
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: name, Type: dnsmessage.TypeCNAME, Class: dnsmessage.ClassINET, TTL: 60},
		Body:   &dnsmessage.CNAMEResource{CNAME: to},
	}, err
}

// udpSize is the longest reply that the asker takes by UDP (RFC 6891 §6.2.3).
func udpSize(q dnsmessage.Message) int {
	for _, r := range q.Additionals {
		if r.Header.Type == dnsmessage.TypeOPT {
			return max(512, int(r.Header.Class))
		}
	}
	return 512
}

// find looks a name up and notes the question. A name that has others below it
// exists, even without records (RFC 8020).
func (s *Server) find(q dnsmessage.Question, name string) (Records, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	typ := strings.TrimPrefix(q.Type.String(), "Type")
	s.queries = append(s.queries, typ+" "+name)
	if r, ok := s.zone[name]; ok {
		if r.Of != "" && r.Of != typ {
			r.Fail = Answers
		}
		return r, true
	}
	if r, ok := s.zone["*"]; ok {
		return r, true
	}
	for other := range s.zone {
		if strings.HasSuffix(other, "."+name) {
			return Records{}, true
		}
	}
	return Records{}, false
}

func check(name string, r Records) error {
	for _, typ := range []dnsmessage.Type{
		dnsmessage.TypeTXT, dnsmessage.TypeMX, dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypePTR,
	} {
		if _, err := answers(dnsmessage.Question{Type: typ}, r); err != nil {
			return fmt.Errorf("zone, %s: %w", name, err)
		}
	}
	return nil
}

// answers makes the resources of a name that match the question.
func answers(q dnsmessage.Question, r Records) (list []dnsmessage.Resource, err error) {
	values, body := r.TXT, txtBody
	switch q.Type {
	case dnsmessage.TypeTXT:
	case dnsmessage.TypeMX:
		values, body = r.MX, mxBody
	case dnsmessage.TypeA:
		values, body = r.A, aBody
	case dnsmessage.TypeAAAA:
		values, body = r.AAAA, aaaaBody
	case dnsmessage.TypePTR:
		values, body = r.PTR, ptrBody
	default:
		return nil, nil
	}
	for _, v := range values {
		b, err := body(v)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", v, err)
		}
		list = append(list, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET, TTL: 60},
			Body:   b,
		})
	}
	return list, nil
}

func txtBody(v string) (dnsmessage.ResourceBody, error) {
	var parts []string
	for len(v) > 255 {
		parts, v = append(parts, v[:255]), v[255:]
	}
	return &dnsmessage.TXTResource{TXT: append(parts, v)}, nil
}

func mxBody(v string) (dnsmessage.ResourceBody, error) {
	pref, host, ok := strings.Cut(v, " ")
	n, err := strconv.ParseUint(pref, 10, 16)
	if !ok || err != nil {
		return nil, errors.New(`want "PREFERENCE HOST"`)
	}
	name, err := dnsmessage.NewName(rooted(host))
	return &dnsmessage.MXResource{Pref: uint16(n), MX: name}, err
}

func aBody(v string) (dnsmessage.ResourceBody, error) {
	ip, err := netip.ParseAddr(v)
	if err != nil || !ip.Is4() {
		return nil, errors.New("not an IPv4 address")
	}
	return &dnsmessage.AResource{A: ip.As4()}, nil
}

func aaaaBody(v string) (dnsmessage.ResourceBody, error) {
	ip, err := netip.ParseAddr(v)
	if err != nil || !ip.Is6() {
		return nil, errors.New("not an IPv6 address")
	}
	return &dnsmessage.AAAAResource{AAAA: ip.As16()}, nil
}

func ptrBody(v string) (dnsmessage.ResourceBody, error) {
	name, err := dnsmessage.NewName(rooted(v))
	return &dnsmessage.PTRResource{PTR: name}, err
}

func rooted(name string) string { return strings.TrimSuffix(name, ".") + "." }

// key is the form in which names are compared.
func key(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if ip, err := netip.ParseAddr(name); err == nil {
		return reverse(ip)
	}
	return name
}

// reverse is the name of an address in the reverse tree (RFC 1035 §3.5, RFC
// 3596 §2.5).
func reverse(ip netip.Addr) string {
	var labels []string
	if ip.Is4() {
		b := ip.As4()
		for _, c := range b {
			labels = append([]string{strconv.Itoa(int(c))}, labels...)
		}
		return strings.Join(labels, ".") + ".in-addr.arpa"
	}
	for _, c := range ip.As16() {
		labels = append([]string{strconv.FormatUint(uint64(c&15), 16), strconv.FormatUint(uint64(c>>4), 16)}, labels...)
	}
	return strings.Join(labels, ".") + ".ip6.arpa"
}
