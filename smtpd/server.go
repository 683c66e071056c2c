package smtpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"
)

// maxLine is the longest line of content, in octets.
const maxLine = 1 << 20

// Server is the door. It is made by [New] and of no use after Shutdown.
type Server struct {
	desk   Desk
	intake *Intake
	cfg    Config
	log    zerolog.Logger

	// Two servers of go-smtp: one for connections as they come in, one for
	// those under TLS, which offers no STARTTLS.
	plain, secure *handoff

	mails, rcpts *rate // of each source

	base   context.Context // of everything done for a client; ends when it is cut
	cut    context.CancelFunc
	start  sync.Once
	serves sync.WaitGroup // goroutines of the door itself

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	sources   map[netip.Prefix]int // connections by source
	networks  map[netip.Prefix]int // and by network
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
		stop:      make(chan struct{}),
		drained:   make(chan struct{}),
	}
	s.base, s.cut = context.WithCancel(context.Background())
	s.plain, s.secure = newHandoff(s, cfg.TLS != nil), newHandoff(s, false)
	return s
}

// Serve accepts connections from l until Shutdown, then returns nil. It may be
// called for several listeners, and closes them.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, s.admit) }

// ServeTLS is Serve for clients that speak TLS from the first octet (RFC 8314
// §3.3). It needs Config.TLS.
func (s *Server) ServeTLS(l net.Listener) error {
	if s.cfg.TLS == nil {
		return errors.Join(errors.New("TLS without a certificate"), l.Close())
	}
	return s.serve(l, s.admitTLS)
}

func (s *Server) serve(l net.Listener, admit func(net.Conn)) error {
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
			admit(raw)
			continue
		}
		if !s.accepting() {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
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

// admit starts a connection, or turns it away with a word.
func (s *Server) admit(raw net.Conn) {
	c := newConn(s, raw, clientIP(raw))
	if event, why := s.count(c); why != "" {
		c.log.Info().Str("event", event).Str("reason", why).Msg("connection turned away")
		s.serves.Go(func() {
			defer c.cut()
			_ = raw.SetDeadline(time.Now().Add(min(5*time.Second, s.cfg.Idle)))
			_, _ = fmt.Fprintf(raw, "421 4.7.0 %s, please try again later\r\n", why)
		})
		return
	}
	c.log.Debug().Str("event", EventConnected).Msg("connection opened")
	if !s.plain.hand(&stage{conn: c}) {
		_ = c.close()
	}
}

// admitTLS starts a connection with a handshake. There is no word for one too
// many: its client would read it as broken TLS.
func (s *Server) admitTLS(raw net.Conn) {
	c := newConn(s, raw, clientIP(raw))
	if event, why := s.count(c); why != "" {
		c.log.Info().Str("event", event).Str("reason", why).Msg("connection turned away")
		c.cut()
		return
	}
	c.log.Debug().Str("event", EventConnected).Msg("connection opened")
	s.serves.Go(func() {
		if !c.secure() || !s.secure.hand(&stage{conn: c}) {
			_ = c.close()
		}
	})
}

// count registers a connection unless that is one too many; it then says why,
// and which event that is.
func (s *Server) count(c *conn) (event, why string) {
	src, wide := source(c.ip), network(c.ip)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return EventTooMany, "the server stops"
	case len(s.conns) >= s.cfg.MaxConnections:
		return EventTooMany, "too many connections"
	case c.ip.IsValid() && s.sources[src] >= s.cfg.MaxPerIP:
		return EventTooMany, "too many connections from your address"
	case s.cfg.MaxPerNetwork > 0 && !exempt(c.ip) && s.networks[wide] >= s.cfg.MaxPerNetwork:
		return EventNetwork, "too many connections from your network"
	}
	s.conns[c] = struct{}{}
	s.sources[src]++
	s.networks[wide]++
	return "", ""
}

// forget takes a closed connection off the books.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	leave(s.sources, source(c.ip))
	leave(s.networks, network(c.ip))
	s.checkDrained()
}

// leave takes one away from a count, which keeps no zeros.
func leave(counts map[netip.Prefix]int, p netip.Prefix) {
	if counts[p]--; counts[p] <= 0 {
		delete(counts, p)
	}
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
		c.stopSoon()
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

// roomOnDisk returns an error when a mail of that size would eat into the free
// disk that must stay.
func (s *Server) roomOnDisk(size int64) error {
	if s.cfg.FreeDisk == nil || s.cfg.MinFreeDisk <= 0 {
		return nil
	}
	free, err := s.cfg.FreeDisk()
	if err != nil {
		return fmt.Errorf("asking for the free disk: %w", err)
	}
	if free-size < s.cfg.MinFreeDisk {
		return fmt.Errorf("%d octets of disk are free", free)
	}
	return nil
}

// clientIP is the address of the other side, invalid when it has none.
func clientIP(raw net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(raw.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// source is what connections are counted by: an IPv6 client has a whole /64.
func source(ip netip.Addr) netip.Prefix {
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // the zero prefix for no address
	return p
}

// handoff is a go-smtp server with the listener that feeds it.
type handoff struct {
	server *smtp.Server
	conns  chan net.Conn
	done   chan struct{}
	once   sync.Once
}

func newHandoff(s *Server, offerTLS bool) *handoff {
	h := &handoff{conns: make(chan net.Conn), done: make(chan struct{})}
	h.server = smtp.NewServer(smtp.BackendFunc(s.newSession))
	h.server.Domain = s.cfg.Hostname
	h.server.MaxRecipients = s.cfg.MaxRecipients
	h.server.MaxMessageBytes = 0 // go-smtp would refuse its exact limit; ours is enforced by us
	h.server.MaxLineLength = 0   // go-smtp would break off in the line; the stage bounds commands, lineScan content
	h.server.EnableSMTPUTF8 = true
	h.server.ErrorLog = errorLog{s.log}
	if offerTLS {
		h.server.TLSConfig = s.cfg.TLS
	}
	return h
}

// serve runs the go-smtp server until stop.
func (h *handoff) serve() { _ = h.server.Serve(h) }

// hand gives a connection to the go-smtp server, and reports whether it could.
func (h *handoff) hand(c net.Conn) bool {
	select {
	case h.conns <- c:
		return true
	case <-h.done:
		return false
	}
}

// stop waits until the go-smtp server has ended every connection.
func (h *handoff) stop() {
	_ = h.Close() // go-smtp may not know the listener yet
	_ = h.server.Shutdown(context.Background())
}

// Accept is part of net.Listener.
func (h *handoff) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close is part of net.Listener.
func (h *handoff) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr is part of net.Listener.
func (h *handoff) Addr() net.Addr { return &net.UnixAddr{Name: "handoff", Net: "unix"} }

// newSession is called by go-smtp at the first HELO of a stage.
func (s *Server) newSession(c *smtp.Conn) (smtp.Session, error) {
	st, ok := c.Conn().(*stage)
	if !ok {
		return nil, trouble("no stage")
	}
	st.session = &session{srv: s, st: st}
	return st.session, nil
}

// errorLog takes go-smtp's own messages, all of them about trouble.
type errorLog struct{ log zerolog.Logger }

// Printf logs a message.
func (l errorLog) Printf(format string, v ...any) {
	l.log.Error().Str("event", EventTrouble).Str("error", fmt.Sprintf(format, v...)).Msg("trouble in the dialogue")
}

// Println logs a message.
func (l errorLog) Println(v ...any) {
	l.log.Error().Str("event", EventTrouble).Str("error", fmt.Sprint(v...)).Msg("trouble in the dialogue")
}
