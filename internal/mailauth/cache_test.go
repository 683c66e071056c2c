package mailauth

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mxdesk/internal/mailauth/dnstest"
)

// scripted is a resolver whose TXT lookups are a function.
type scripted struct {
	Resolver
	asked atomic.Int64
	txt   func(ctx context.Context, name string) ([]string, error)
}

func (s *scripted) LookupTXT(ctx context.Context, name string) ([]string, error) {
	s.asked.Add(1)
	return s.txt(ctx, name)
}

func TestCacheKeepsAnswersForAWhile(t *testing.T) {
	found := func(context.Context, string) ([]string, error) { return []string{"x"}, nil }
	fails := func(de net.DNSError) func(context.Context, string) ([]string, error) {
		return func(context.Context, string) ([]string, error) { return nil, &de }
	}
	for _, tt := range []struct {
		name string
		txt  func(context.Context, string) ([]string, error)
		keep time.Duration
	}{
		{"found", found, keepFound},
		{"not found", fails(net.DNSError{IsNotFound: true}), keepNotFound},
		{"the server fails", fails(net.DNSError{IsTemporary: true}), 0},
		{"the server does not answer", fails(net.DNSError{IsTimeout: true}), 0},
		{"the server refuses", fails(net.DNSError{Err: "refused"}), 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &scripted{txt: tt.txt}
			c := newCache(r)
			ask := func(name string) int64 {
				v, err := c.LookupTXT(t.Context(), name)
				want, wantErr := tt.txt(t.Context(), name)
				if fmt.Sprint(v, err) != fmt.Sprint(want, wantErr) {
					t.Errorf("%s: %v, %v", tt.name, v, err)
				}
				if len(v) > 0 {
					v[0] = "changed by the caller"
				}
				return r.asked.Load()
			}
			ask("a.example.")
			again := int64(1)
			if tt.keep == 0 {
				again = 2
			}
			time.Sleep(tt.keep - 1)
			if n := ask("A.Example."); n != again {
				t.Errorf("%s: asked %d times", tt.name, n)
			}
			time.Sleep(time.Nanosecond)
			if n := ask("a.example."); n != again+1 {
				t.Errorf("%s: asked %d times after it expired", tt.name, n)
			}
		})
	}
}

func TestCacheSharesLookupsThatRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &scripted{txt: func(context.Context, string) ([]string, error) {
			time.Sleep(time.Second)
			return nil, &net.DNSError{IsTemporary: true}
		}}
		c := newCache(r)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := c.LookupTXT(t.Context(), "a.example."); err == nil {
					t.Error("no error")
				}
			})
		}
		wg.Wait()
		if n := r.asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestCacheSurvivesACallerThatGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &scripted{txt: func(ctx context.Context, name string) ([]string, error) {
			select {
			case <-time.After(3 * time.Second):
				return []string{"x"}, nil
			case <-ctx.Done():
				// Resolvers are known to call this "not found".
				return nil, &net.DNSError{IsNotFound: true, Name: name}
			}
		}}
		c := newCache(r)
		var wg sync.WaitGroup
		ask := func(limit time.Duration, good bool) {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				start := time.Now()
				v, err := c.LookupTXT(ctx, "a.example.")
				if (err == nil) != good || good != (len(v) == 1) || time.Since(start) > limit {
					t.Errorf("limit %s: %v, %v after %s", limit, v, err, time.Since(start))
				}
			})
			synctest.Wait() // so that they come in order
		}
		ask(time.Second, false)      // makes the lookup, and gives up
		ask(2*time.Second, false)    // one of these two takes over
		ask(10*time.Second, true)    // and waits for 3 s at most twice
		ask(time.Millisecond, false) // waits and gives up
		wg.Wait()
		if n := r.asked.Load(); n > 3 {
			t.Errorf("asked %d times", n)
		}
		if v, err := c.LookupTXT(t.Context(), "a.example."); err != nil || len(v) != 1 {
			t.Errorf("afterwards: %v, %v", v, err)
		}
	})
}

func TestCacheSurvivesAPanic(t *testing.T) {
	r := &scripted{txt: func(context.Context, string) ([]string, error) { panic("boom") }}
	c := newCache(r)
	func() {
		defer func() { recover() }()
		c.LookupTXT(t.Context(), "a.example.")
	}()
	r.txt = func(context.Context, string) ([]string, error) { return []string{"x"}, nil }
	if v, err := c.LookupTXT(t.Context(), "a.example."); err != nil || len(v) != 1 {
		t.Errorf("%v, %v", v, err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	long := strings.Repeat("x", 60_000)
	for _, tt := range []struct {
		name  string
		value string
		names int
	}{
		{"many names", "x", 3 * cacheEntries},
		{"long answers", long, 1000},
		{"one answer that is too long", strings.Repeat(long, 20), 3},
	} {
		c := newCache(&scripted{txt: func(context.Context, string) ([]string, error) { return []string{tt.value}, nil }})
		most := 0
		for i := range tt.names {
			if _, err := c.LookupTXT(t.Context(), fmt.Sprintf("%d.example.", i)); err != nil {
				t.Fatal(err)
			}
			size := 0
			if i%97 == 0 || i == tt.names-1 {
				for _, m := range []map[question]*answer{c.young, c.old} {
					for q, a := range m {
						size += len(q.name) + len(a.value.([]string)[0])
					}
				}
				most = max(most, len(c.young)+len(c.old))
			}
			if size > cacheOctets || most > cacheEntries || len(c.running) > 0 {
				t.Fatalf("%s: %d entries, %d octets", tt.name, most, size)
			}
		}
	}
}

// A check that is repeated asks nothing.
func TestCacheServesWholeChecks(t *testing.T) {
	s := dnstest.New(t, dnstest.Zone{
		"example.com":              {TXT: []string{"v=spf1 a mx ptr -all"}, A: []string{badIP}},
		"s._domainkey.example.com": {TXT: []string{edRecord("")}},
	})
	c := New(Config{Resolver: NewResolver([]string{s.Addr})})
	in := input(sign(t, simple("joe@example.com"), "example.com"), goodIP, "h", "joe@example.com")
	first := c.Check(t.Context(), in)
	asked := len(s.Queries())
	second := c.Check(t.Context(), in)
	if n := len(s.Queries()); asked < 6 || n != asked {
		t.Errorf("%d queries, then %d more", asked, n-asked)
	}
	if fmt.Sprint(first) != fmt.Sprint(second) || !second.Authenticated {
		t.Errorf("%+v\n%+v", first, second)
	}
}
