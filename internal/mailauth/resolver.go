package mailauth

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
)

// Resolver looks names up. [net.Resolver] is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// NewResolver returns a resolver that asks the given servers, each HOST:PORT,
// and changes to the next one when a server does not answer. The one entry
// "system" is the machine's own resolver. No servers at all give nil: no DNS.
// It remembers answers for a few minutes, in at most some 10 MB.
func NewResolver(servers []string) Resolver {
	switch {
	case len(servers) == 0:
		return nil
	case servers[0] == "system":
		return newCache(net.DefaultResolver)
	}
	r := &rotation{servers: servers}
	return newCache(&net.Resolver{PreferGo: true, Dial: r.dial})
}

// rotation stays with one server until that one fails.
type rotation struct {
	servers []string
	current atomic.Uint64
}

func (r *rotation) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	var d net.Dialer
	at := r.current.Load()
	conn, err := d.DialContext(ctx, network, r.servers[at%uint64(len(r.servers))])
	if err != nil {
		r.failed(at)
		return nil, err
	}
	if udp, ok := conn.(*net.UDPConn); ok {
		return &watchedConn{udp, func() { r.failed(at) }}, nil
	}
	return conn, nil
}

// failed moves on from the server that was current at the time at; of several
// lookups that fail together only the first moves.
func (r *rotation) failed(at uint64) { r.current.CompareAndSwap(at, at+1) }

// watchedConn notices that a server does not answer. It stays a
// [net.PacketConn], by which net.Resolver knows how to frame its queries.
type watchedConn struct {
	*net.UDPConn
	failed func()
}

func (c *watchedConn) Read(b []byte) (int, error) {
	n, err := c.UDPConn.Read(b)
	if err != nil {
		c.failed()
	}
	return n, err
}

// dns asks a Resolver in the one way that is right for mail: names are
// absolute, so that the machine's search list never adds a domain, and every
// error is a bare *net.DNSError that is either "there is no such record" or
// temporary. A server that refuses or talks nonsense is trouble on our side
// and must not become a verdict about the sender.
type dns struct{ r Resolver }

// together runs functions that ask, side by side unless no answer is waited for.
func (d dns) together(fns ...func()) {
	if _, ok := d.r.(*recall); ok {
		for _, fn := range fns {
			if !d.missed() {
				fn()
			}
		}
		return
	}
	var wg sync.WaitGroup
	for _, fn := range fns {
		wg.Go(fn)
	}
	wg.Wait()
}

// missed reports whether what was found out counts for nothing; see recall.
func (d dns) missed() bool {
	r, ok := d.r.(*recall)
	return ok && r.missed
}

func (d dns) LookupTXT(ctx context.Context, name string) ([]string, error) {
	v, err := d.r.LookupTXT(ctx, absolute(name))
	return v, classify(ctx, name, err)
}

func (d dns) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	v, err := d.r.LookupMX(ctx, absolute(name))
	return v, classify(ctx, name, err)
}

// LookupNetIP asks for the addresses of one network: "ip4", "ip6", or "ip" for
// both.
func (d dns) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	v, err := d.r.LookupNetIP(ctx, network, absolute(host))
	return v, classify(ctx, host, err)
}

func (d dns) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	v, err := d.r.LookupAddr(ctx, addr)
	return v, classify(ctx, addr, err)
}

func absolute(name string) string {
	if strings.HasSuffix(name, ".") {
		return name
	}
	return name + "."
}

func classify(ctx context.Context, name string, err error) error {
	if err == nil {
		return nil
	}
	var de *net.DNSError
	if !errors.As(err, &de) {
		de = &net.DNSError{Err: err.Error(), Name: name}
	}
	if de.IsNotFound && ctx.Err() == nil {
		return de
	}
	out := *de
	out.IsNotFound, out.IsTemporary = false, true
	return &out
}

// notFound reports whether err says that there is no such record.
func notFound(err error) bool {
	var de *net.DNSError
	return errors.As(err, &de) && de.IsNotFound
}

// dnsTrouble says in words what went wrong with a lookup.
func dnsTrouble(err error) string {
	var de *net.DNSError
	if !errors.As(err, &de) {
		return err.Error()
	}
	name := strings.TrimSuffix(de.Name, ".")
	if de.IsTimeout || errors.Is(err, context.DeadlineExceeded) {
		return "DNS did not answer in time for " + name
	}
	return "DNS failed for " + name + ": " + de.Err
}
