package issuer

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

const (
	// maxAskers bounds the connections of those who ask for an answer, each of
	// which may last askTime and say maxQuestion octets.
	maxAskers   = 64
	askTime     = 10 * time.Second
	maxQuestion = 8 << 10
)

// door answers the authority's challenges over HTTP, and nothing else.
type door struct {
	server *http.Server
	addr   net.Addr
	served sync.WaitGroup

	mu      sync.Mutex
	answers map[string]string // by path
}

func openDoor(addr string) (*door, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening for challenges: %w", err)
	}
	d := &door{addr: l.Addr(), answers: map[string]string{}}
	d.server = &http.Server{
		Handler: d, ReadTimeout: askTime, WriteTimeout: askTime, MaxHeaderBytes: maxQuestion,
		ErrorLog: log.New(io.Discard, "", 0), // what strangers do wrong here is no news
	}
	d.server.SetKeepAlivesEnabled(false)
	d.served.Go(func() { _ = d.server.Serve(netutil.LimitListener(l, maxAskers)) }) // until close
	return d, nil
}

// close cuts whoever is connected, and waits.
func (d *door) close() {
	_ = d.server.Close()
	d.served.Wait()
}

// expect sets the answer to a challenge.
func (d *door) expect(path, answer string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[path] = answer
}

// ServeHTTP says the answer to a challenge that is expected; all else is 404.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	answer, ok := d.answers[r.URL.Path]
	d.mu.Unlock()
	if !ok || r.Method != http.MethodGet {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, answer)
}
