package smtpd

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"
)

// maxLine is the longest line of content, in octets.
const maxLine = 1 << 20

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
		return nil, trouble()
	}
	st.session = &session{srv: s, st: st}
	return st.session, nil
}

// dialogue is the go-smtp server for a connection as it is now.
func (s *Server) dialogue(c *conn) *handoff {
	if c.tls != "" {
		return s.secure
	}
	return s.plain
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
