package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"mxdesk/internal/address"
	"mxdesk/internal/api"
	"mxdesk/internal/config"
	"mxdesk/internal/desk"
	"mxdesk/internal/mailauth"
	"mxdesk/internal/message"
	"mxdesk/smtpd"
	"mxdesk/ticketstore"
)

// ErrRestart: a configuration changes what only a new start can change.
var ErrRestart = errors.New("this cannot change while the desk runs")

// works are the parts that a running desk takes from its configuration. They
// are replaced as a whole; who has begun with one goes on with it.
type works struct {
	cfg  *config.Config
	desk *desk.Desk
	auth *mailauth.Checker
	api  http.Handler
}

// works makes the parts of a configuration that fits the store.
func (a *App) works(cfg *config.Config) (*works, error) {
	boxes, err := mailboxes(cfg)
	if err != nil {
		return nil, err
	}
	if err := a.checkMailboxes(cfg); err != nil {
		return nil, err
	}
	w := &works{cfg: cfg, auth: checker(cfg, cfg.DNS.Servers)}
	w.desk = desk.New(a.store, desk.Config{
		Hostname: cfg.Hostname, Rules: Rules(cfg, a.keys), Mailboxes: boxes, AutoMailPerDay: cfg.Limits.AutoMailPerDay, Files: a.files,
	})
	inspection := a.door
	inspection.Limits.SkipHTML = false
	w.api = api.New(api.Config{
		Desk: w.desk, Keeper: a.store, Requests: a.requests, Reader: smtpd.NewIntake(w.auth, a.door),
		Inspector: func(dns []string) api.Reader {
			if len(dns) == 0 {
				dns = cfg.DNS.Servers
			}
			return smtpd.NewIntake(checker(cfg, dns), inspection)
		},
		DefaultRecipient: cfg.Mailboxes()[0].AddressList()[0],
	})
	return w, nil
}

// Reload takes mailboxes, rules, templates, name servers and the bound on
// automatic mail from a configuration read anew, and looks at the certificate.
// It is all or nothing: on an error, which is also in the log, all stays as it
// was. One call at a time.
func (a *App) Reload(load func() (*config.Config, error)) error {
	err := a.reload(load)
	if err != nil {
		a.log.Error().Str("event", EventReloadRefused).Err(err).Msg("the configuration was not taken; the old one stays")
		return err
	}
	a.log.Info().Str("event", EventReloaded).Msg("the configuration was read again and is in use")
	return nil
}

func (a *App) reload(load func() (*config.Config, error)) error {
	cfg, err := load()
	if err != nil {
		return err
	}
	keys := append(fixed(a.cfg, cfg), lost(a.current.Load().cfg, cfg)...)
	if len(keys) > 0 {
		return fmt.Errorf("%w, restart it: %s", ErrRestart, strings.Join(keys, ", "))
	}
	w, err := a.works(cfg)
	if err != nil {
		return err
	}
	if a.cert != nil {
		a.cert.lookNow()
	}
	a.current.Store(w)
	return nil
}

// loose are the keys that may change while the desk runs. Whatever is not named
// here may not: a key that is forgotten costs a restart, and nothing else.
var loose = map[string]bool{"mailbox": true, "rule": true, "dns": true, "limits.automatic_mail_per_day": true}

// lost lists the mailboxes that are missing. A mail that is under way may open a
// ticket in one after it was looked whether there is any.
func lost(old, now *config.Config) (keys []string) {
	for _, m := range old.Mailboxes() {
		if _, ok := now.Mailbox[m.Key]; !ok {
			keys = append(keys, "mailbox."+m.Key+" removed")
		}
	}
	return keys
}

// fixed lists the keys that differ and must not.
func fixed(old, now *config.Config) []string {
	return differing("", reflect.ValueOf(old).Elem(), reflect.ValueOf(now).Elem())
}

func differing(prefix string, old, now reflect.Value) (keys []string) {
	for i := range old.NumField() {
		key := prefix + old.Type().Field(i).Tag.Get("toml")
		x, y := old.Field(i), now.Field(i)
		switch {
		case loose[key], x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0:
		case x.Kind() == reflect.Struct:
			keys = append(keys, differing(key+".", x, y)...)
		case !reflect.DeepEqual(x.Interface(), y.Interface()):
			keys = append(keys, key)
		}
	}
	return keys
}

// serveAPI answers a request by the parts of now.
func (a *App) serveAPI(w http.ResponseWriter, r *http.Request) { a.current.Load().api.ServeHTTP(w, r) }

// currentDesk is the desk of now, for the door.
type currentDesk struct{ a *App }

// Recipient is part of smtpd.Desk.
func (c currentDesk) Recipient(ctx context.Context, to address.Address, size int64) error {
	return c.a.current.Load().desk.Recipient(ctx, to, size)
}

// MaxMessage is part of smtpd.Desk.
func (c currentDesk) MaxMessage() int64 { return c.a.current.Load().desk.MaxMessage() }

// Accept is part of smtpd.Desk.
func (c currentDesk) Accept(ctx context.Context, in desk.Inbound) (desk.Receipt, error) {
	return c.a.current.Load().desk.Accept(ctx, in)
}

// currentAuth computes what is known of a sender by the name servers of now.
type currentAuth struct{ a *App }

// Check is part of smtpd.Authenticator.
func (c currentAuth) Check(ctx context.Context, in mailauth.Input) ticketstore.Verdict {
	return c.a.current.Load().auth.Check(ctx, in)
}

// Distrusted is part of smtpd.Authenticator.
func (c currentAuth) Distrusted(in mailauth.Input) []message.Field {
	return c.a.current.Load().auth.Distrusted(in)
}
