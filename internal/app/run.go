package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"mxdesk/internal/api"
	"mxdesk/internal/systemd"
	"mxdesk/smtpd"
)

// grace is how long transactions under way may go on after a stop was asked
// for.
const grace = 30 * time.Second

// What ends the wait for transactions under way.
var (
	errGrace = fmt.Errorf("not finished within %v, so they were cut", grace)
	errHurry = errors.New("cut, because a stop was asked for twice")
)

// Options are what [App.Run] takes from around it. All of them are optional.
type Options struct {
	// Sockets are handed-over sockets; they are closed in any case, by Run.
	Sockets []systemd.Socket
	// Ready is called once everything listens, with the addresses of the door.
	Ready func([]Entrance)
	// Stopping is called when it begins to stop.
	Stopping func()
	// Hurry ends the grace of a stop: clients in a transaction are cut.
	Hurry <-chan struct{}
}

// Run listens and serves until ctx ends, or until something fails so that it
// must not go on.
func (a *App) Run(ctx context.Context, o Options) error {
	entrances, err := a.entrances(o.Sockets)
	if err != nil {
		return err
	}
	deliver, err := a.outbox()
	if err != nil {
		return errors.Join(err, closeAll(entrances))
	}
	control, err := api.Listen(a.cfg.DataDir)
	if err != nil {
		return errors.Join(fmt.Errorf("opening the control socket: %w", err), closeAll(entrances))
	}
	r := &run{
		App: a, hurry: o.Hurry, door: smtpd.New(currentDesk{a}, currentAuth{a}, a.door),
		http: &http.Server{Handler: http.HandlerFunc(a.serveAPI), ReadHeaderTimeout: time.Minute},
	}
	r.sending, r.stopSending = context.WithCancel(context.WithoutCancel(ctx))
	defer r.stopSending()
	for _, e := range entrances {
		r.start("the SMTP listener", func() error { return r.serve(e) })
	}
	r.start("the control socket", func() error { return r.http.Serve(control) })
	if a.cert != nil {
		r.start("the certificate", func() error { return a.cert.run(r.sending) })
	}
	r.start("the outbox", func() error { return deliver(r.sending) })
	if o.Ready != nil {
		o.Ready(entrances)
	}
	var cause error
	select {
	case <-ctx.Done():
	case cause = <-a.failed:
	}
	if o.Stopping != nil {
		o.Stopping()
	}
	return errors.Join(cause, r.stop())
}

// run is what goes on while a desk serves.
type run struct {
	*App
	hurry       <-chan struct{}
	door        *smtpd.Server
	http        *http.Server
	sending     context.Context
	stopSending context.CancelFunc
	wg          sync.WaitGroup
}

// start runs a part; its end before a stop is a failure of the whole.
func (r *run) start(what string, part func() error) {
	r.wg.Go(func() {
		err := part()
		if err == nil || errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
			return
		}
		select {
		case r.failed <- fmt.Errorf("%s: %w", what, err):
		default:
		}
	})
}

// serve serves one listener of the door.
func (r *run) serve(e Entrance) error {
	switch e.Kind {
	case SMTPS:
		return r.door.ServeTLS(e.listener)
	case LMTP:
		return r.door.ServeLMTP(e.listener)
	}
	return r.door.Serve(e.listener)
}

// stop ends everything in order: no new mail, then no new delivery, then no
// more commands. Who has not finished when the grace is over is cut.
func (r *run) stop() error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), grace, errGrace)
	defer cancel()
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	r.wg.Go(func() {
		select {
		case <-r.hurry:
			cut(errHurry)
		case <-ctx.Done():
		}
	})
	err := r.door.Shutdown(ctx)
	r.stopSending()
	if e := r.http.Shutdown(ctx); e != nil {
		if ctx.Err() != nil {
			e = context.Cause(ctx)
		}
		err = errors.Join(err, fmt.Errorf("waiting for commands: %w", e), r.http.Close())
	}
	cut(nil)
	r.wg.Wait()
	return err
}
