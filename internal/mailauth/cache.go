package mailauth

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// How long answers are kept, and how many. The resolver does not say how long
// an answer may live, so the times are short: a record that was put right
// counts a few minutes later.
const (
	keepFound    = 5 * time.Minute
	keepNotFound = time.Minute
	cacheEntries = 20_000
	cacheOctets  = 8 << 20 // of names and answers, about
	entryOctets  = 128     // that an entry costs beside its text
)

// cache is a Resolver that remembers the answers of another. Of equal lookups
// at the same time one is made and shared; when its caller gives up, another
// one takes over. Trouble is never remembered. It may be used by several
// goroutines at once.
type cache struct {
	r Resolver

	mu      sync.Mutex
	running map[question]*answer
	// New answers go to young until that holds half of what may be kept; then
	// they are old, and what was old is gone.
	young, old map[question]*answer
	octets     int // in young
}

// question is a lookup: the kind of record, and the name in lower case.
type question struct{ kind, name string }

// answer is what a lookup gave. It is written before done is closed.
type answer struct {
	done    chan struct{}
	value   any
	err     error
	gaveUp  bool // the caller's time ran out, so this says nothing
	expires time.Time
}

func newCache(r Resolver) *cache {
	return &cache{r: r, running: map[question]*answer{}, young: map[question]*answer{}}
}

// LookupTXT is part of Resolver.
func (c *cache) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return cached(ctx, c, question{"TXT", name}, c.r.LookupTXT, textSize)
}

// LookupMX is part of Resolver.
func (c *cache) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	return cached(ctx, c, question{"MX", name}, c.r.LookupMX, func(v []*net.MX) int { return 300 * len(v) })
}

// LookupNetIP is part of Resolver.
func (c *cache) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	lookup := func(ctx context.Context, host string) ([]netip.Addr, error) {
		return c.r.LookupNetIP(ctx, network, host)
	}
	return cached(ctx, c, question{network, host}, lookup, func(v []netip.Addr) int { return 32 * len(v) })
}

// LookupAddr is part of Resolver.
func (c *cache) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	return cached(ctx, c, question{"PTR", addr}, c.r.LookupAddr, textSize)
}

func textSize(v []string) (n int) {
	for _, s := range v {
		n += len(s) + 16
	}
	return n
}

// cached answers a question from the cache, from a lookup that runs already,
// or by its own lookup. The caller may change the slice it gets.
func cached[T any](ctx context.Context, c *cache, q question,
	lookup func(context.Context, string) ([]T, error), size func([]T) int,
) ([]T, error) {
	name := q.name
	q.name = strings.ToLower(q.name)
	for {
		a, mine := c.find(q)
		if mine {
			func() {
				defer c.finish(q, a) // even if the lookup panics
				a.gaveUp = true
				v, err := lookup(ctx, name)
				a.value, a.err, a.gaveUp = v, err, err != nil && ctx.Err() != nil
				c.keep(q, a, len(q.name)+size(v))
			}()
			v, _ := a.value.([]T)
			return slices.Clone(v), a.err
		}
		select {
		case <-a.done:
		case <-ctx.Done():
			return nil, &net.DNSError{Err: ctx.Err().Error(), Name: name, IsTimeout: true, IsTemporary: true}
		}
		if !a.gaveUp {
			v, _ := a.value.([]T)
			return slices.Clone(v), a.err
		}
	}
}

// kept returns an answer that is remembered, or nil. It is called with mu held.
func (c *cache) kept(q question) *answer {
	for _, m := range [...]map[question]*answer{c.young, c.old} {
		if a, ok := m[q]; ok && time.Now().Before(a.expires) {
			return a
		}
	}
	return nil
}

// find returns the answer to a question; mine says that the caller is to look
// it up and to call finish.
func (c *cache) find(q question) (a *answer, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.kept(q); a != nil {
		return a, false
	}
	if a, ok := c.running[q]; ok {
		return a, false
	}
	a = &answer{done: make(chan struct{})}
	c.running[q] = a
	return a, true
}

// keep remembers an answer that is one.
func (c *cache) keep(q question, a *answer, size int) {
	switch {
	case a.err == nil:
		a.expires = time.Now().Add(keepFound)
	case notFound(a.err) && !a.gaveUp:
		a.expires = time.Now().Add(keepNotFound)
	default:
		return
	}
	if size += entryOctets; size > cacheOctets/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= cacheEntries/2 || c.octets+size > cacheOctets/2 {
		c.old, c.young, c.octets = c.young, map[question]*answer{}, 0
	}
	c.young[q] = a
	c.octets += size
}

func (c *cache) finish(q question, a *answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.running, q)
	close(a.done)
}
