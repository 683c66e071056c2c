package smtpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"mxdesk/ticketstore"
)

// Server is the door. It is made by [New] and of no use after Shutdown.
type Server struct {
	desk   Desk
	intake *Intake
	cfg    Config
	log    zerolog.Logger

	// Two servers of go-smtp: one for connections as they come in, one for
	// those under TLS, which offers no STARTTLS.
	plain, secure *handoff

	mails, rcpts *rate         // of each source
	parkAfter    time.Duration // see lobby.go
	parked       atomic.Int64  // connections in the lobby
	load         load
	memory       *budget // for content under way
	texts        *texts  // for what is read of it

	base   context.Context // of everything done for a client; ends when it is cut
	cut    context.CancelFunc
	start  sync.Once
	serves sync.WaitGroup // goroutines of the door itself

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	sources   map[netip.Prefix]int // connections by source
	networks  map[netip.Prefix]int // and by network
	evicting  int                  // of conns, those that were sent away
	working   int                  // calls of Data
	stopping  bool                 // guarded by mu
	stop      chan struct{}        // closed when the server stops
	drained   chan struct{}        // closed when it has stopped and nothing is left
	gone      bool                 // drained is closed
}

// New makes a server that asks auth about each mail and hands it to d. Nothing
// runs before Serve.
func New(d Desk, auth Authenticator, cfg Config) *Server {
	cfg = cfg.withDefaults()
	s := &Server{
		desk: d, intake: NewIntake(auth, cfg), cfg: cfg, log: cfg.Log,
		listeners: map[net.Listener]struct{}{},
		conns:     map[*conn]struct{}{},
		sources:   map[netip.Prefix]int{},
		networks:  map[netip.Prefix]int{},
		mails:     newRate(cfg.MailsPerMinute),
		rcpts:     newRate(cfg.RecipientsPerMinute),
		parkAfter: parkAfter,
		memory:    newBudget(cfg.ContentMemory),
		texts:     newTexts(cfg.ContentMemory / textsShare),
		stop:      make(chan struct{}),
		drained:   make(chan struct{}),
	}
	s.load.set(cfg)
	s.base, s.cut = context.WithCancel(context.Background())
	s.plain, s.secure = newHandoff(s, cfg.TLS != nil), newHandoff(s, false)
	return s
}

// way is how the clients of a listener come in.
type way struct {
	tls  bool // TLS from the first octet (RFC 8314 §3.3)
	lmtp bool // LMTP (RFC 2033)
}

// Serve accepts connections from l until Shutdown, then returns nil. It may be
// called for several listeners, and closes them.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, way{}) }

// ServeTLS is Serve for clients that speak TLS from the first octet (RFC 8314
// §3.3). It needs Config.TLS.
func (s *Server) ServeTLS(l net.Listener) error {
	if s.cfg.TLS == nil {
		return errors.Join(errors.New("TLS without a certificate"), l.Close())
	}
	return s.serve(l, way{tls: true})
}

// ServeLMTP is Serve for a mail server of the same site that hands mail over by
// LMTP (RFC 2033): each recipient of a mail has a reply of its own.
func (s *Server) ServeLMTP(l net.Listener) error { return s.serve(l, way{lmtp: true}) }

func (s *Server) serve(l net.Listener, w way) error {
	if !s.listen(l) {
		return l.Close()
	}
	defer s.serves.Done()
	s.start.Do(func() {
		s.serves.Go(s.plain.serve)
		s.serves.Go(s.secure.serve)
	})
	for wait := time.Duration(0); ; {
		raw, err := l.Accept()
		if err == nil {
			wait = 0
			s.admit(raw, w)
			continue
		}
		if !s.accepting() {
			return nil
		}
		if errors.Is(err, net.ErrClosed) || noRetry {
			return fmt.Errorf("accepting connections on %v: %w", l.Addr(), err)
		}
		wait = min(max(2*wait, 5*time.Millisecond), time.Second) // out of file descriptors, most likely
		s.log.Error().Str("event", EventTrouble).Str("error", err.Error()).Msg("accepting a connection")
		s.pause(wait)
	}
}

func (s *Server) listen(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.listeners[l] = struct{}{}
	s.serves.Add(1)
	return true
}

func (s *Server) accepting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.stopping
}

// offersTLS reports whether STARTTLS is offered now.
func (s *Server) offersTLS() bool {
	return s.cfg.TLS != nil && (s.cfg.OfferTLS == nil || s.cfg.OfferTLS())
}

// begin counts a call of Data, which may outlive its connection; it returns
// false when the server is gone.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return false
	}
	s.working++
	return true
}

func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.working--
	s.checkDrained()
}

// checkDrained is called with mu held.
func (s *Server) checkDrained() {
	if s.stopping && !s.gone && len(s.conns) == 0 && s.working == 0 {
		s.gone = true
		close(s.drained)
	}
}

// Shutdown stops the server in two phases. At once it closes the listeners and
// says 421 to every client that has no transaction open; the others finish
// theirs. When ctx ends first, they are cut, and its error is returned. Either
// way no goroutine of the server is left when it returns.
func (s *Server) Shutdown(ctx context.Context) error {
	s.beginStop()
	var err error
	select {
	case <-s.drained:
	case <-ctx.Done():
		err = fmt.Errorf("waiting for clients: %w", context.Cause(ctx))
	}
	s.cut()
	for _, c := range s.open() {
		c.cut()
	}
	<-s.drained
	s.plain.stop()
	s.secure.stop()
	s.serves.Wait()
	return err
}

func (s *Server) beginStop() {
	s.mu.Lock()
	if !s.stopping {
		s.stopping = true
		close(s.stop)
	}
	for l := range s.listeners {
		_ = l.Close() // closed already, at worst
	}
	s.checkDrained()
	s.mu.Unlock()
	for _, c := range s.open() {
		c.leave(farewell{event: EventStopped, reply: say(421, 4, 3, 2, "the server stops, please try again later")})
	}
}

func (s *Server) open() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		list = append(list, c)
	}
	return list
}

// pause waits for d and reports whether it did: a stopping server waits for
// nothing.
func (s *Server) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.stop:
		return false
	}
}

// maxMessage is the size of the largest mail that any mailbox takes now, in
// octets.
func (s *Server) maxMessage() int64 {
	if n := s.desk.MaxMessage(); n > 0 {
		return min(n, s.cfg.MaxMessage)
	}
	return s.cfg.MaxMessage
}

// roomOnDisk returns an error when a mail of that size would eat into the free
// disk that must stay.
func (s *Server) roomOnDisk(size int64) error {
	if s.cfg.FreeDisk == nil || s.cfg.MinFreeDisk <= 0 || noReserve {
		return nil
	}
	free, err := s.cfg.FreeDisk()
	if err != nil {
		return fmt.Errorf("asking for the free disk: %w", err)
	}
	if free-size < s.cfg.MinFreeDisk {
		return fmt.Errorf("%d octets of disk are free: %w", free, ticketstore.ErrFull)
	}
	return nil
}
