package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"mxdesk/internal/api"
	"mxdesk/smtpd"
)

// grace is how long transactions under way may go on after a stop was asked
// for.
const grace = 30 * time.Second

// Run listens and serves until ctx ends, or until something fails so that it
// must not go on. ready is called once everything listens, with the addresses
// of the SMTP listeners, those of smtp.listen_tls last.
func (a *App) Run(ctx context.Context, ready func([]net.Addr)) error {
	plain := len(a.cfg.SMTP.Listen)
	listeners, err := listen(slices.Concat(a.cfg.SMTP.Listen, a.cfg.SMTP.ListenTLS))
	if err != nil {
		return err
	}
	out, err := a.outbox()
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	control, err := api.Listen(a.cfg.DataDir)
	if err != nil {
		return errors.Join(fmt.Errorf("opening the control socket: %w", err), closeAll(listeners))
	}
	r := &run{App: a, door: smtpd.New(currentDesk{a}, currentAuth{a}, a.door), http: &http.Server{Handler: http.HandlerFunc(a.serveAPI), ReadHeaderTimeout: time.Minute}}
	r.sending, r.stopSending = context.WithCancel(context.WithoutCancel(ctx))
	defer r.stopSending()
	for i, l := range listeners {
		serve := r.door.Serve
		if i >= plain {
			serve = r.door.ServeTLS
		}
		r.start("the SMTP listener", func() error { return serve(l) })
	}
	r.start("the control socket", func() error { return r.http.Serve(control) })
	r.start("the outbox", func() error { return out.Run(r.sending) })
	addrs := make([]net.Addr, len(listeners))
	for i, l := range listeners {
		addrs[i] = l.Addr()
	}
	ready(addrs)
	var cause error
	select {
	case <-ctx.Done():
	case cause = <-a.failed:
	}
	return errors.Join(cause, r.stop())
}

// run is what goes on while a desk serves.
type run struct {
	*App
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

// stop ends everything in order: no new mail, then no new delivery, then no
// more commands.
func (r *run) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := r.door.Shutdown(ctx)
	r.stopSending()
	err = errors.Join(err, r.http.Shutdown(ctx))
	r.wg.Wait()
	return err
}

// listen opens all SMTP listeners, or none.
func listen(addrs []string) (list []net.Listener, err error) {
	for _, a := range addrs {
		l, err := net.Listen("tcp", a)
		if err != nil {
			var op *net.OpError
			if errors.As(err, &op) {
				err = op.Err
			}
			var sys *os.SyscallError
			if errors.As(err, &sys) {
				err = sys.Err
			}
			return nil, errors.Join(fmt.Errorf("cannot listen on %s: %w; stop what uses it or set smtp.listen or smtp.listen_tls to another address", a, err), closeAll(list))
		}
		list = append(list, l)
	}
	return list, nil
}

func closeAll(list []net.Listener) error {
	var errs []error
	for _, l := range list {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
