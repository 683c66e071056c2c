// Package app builds a desk from a configuration, runs it and stops it in two
// phases: first nothing new is taken, then what is under way is finished or,
// after a while, cut. It is the only place where all parts meet.
package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"mxdesk/internal/api"
	"mxdesk/internal/config"
	"mxdesk/internal/desk"
	"mxdesk/internal/mailauth"
	"mxdesk/internal/message"
	"mxdesk/internal/outbox"
	"mxdesk/internal/remote"
	"mxdesk/internal/router"
	"mxdesk/internal/token"
	"mxdesk/smtpd"
	"mxdesk/templates"
	"mxdesk/ticketstore"
)

// ErrConfig: the configuration does not fit what is in the data folder.
var ErrConfig = errors.New("the configuration does not fit the data folder")

// App is a desk that has been built: its store is open.
type App struct {
	cfg     *config.Config // as it was at the start
	log     zerolog.Logger
	store   *ticketstore.DB
	keys    *token.Keyring
	door    smtpd.Config
	cert    certificates // nil without TLS
	current atomic.Pointer[works]
	failed  chan error
	// Memory for the files that agents send on, and for what commands bring.
	files, requests *desk.Room
}

// roomShare is the part of limits.memory that each of the two may take: three of
// so many.
const roomShare = 16

// Open opens the data folder of a configuration, made when there is none, and
// builds the desk on it. A folder that holds other things is refused. Nothing
// listens yet. The caller closes it.
func Open(cfg *config.Config, log zerolog.Logger) (*App, error) {
	share := int64(cfg.Limits.Memory) / roomShare * 3
	a := &App{cfg: cfg, log: log, failed: make(chan error, 1), files: desk.NewRoom(share), requests: desk.NewRoom(share)}
	if err := makeFolder(cfg); err != nil {
		return nil, err
	}
	minFree := int64(cfg.Limits.MinFreeDisk)
	if minFree == 0 {
		minFree = -1 // to the store, 0 is its default
	}
	var err error
	a.store, err = ticketstore.Open(cfg.DataDir, ticketstore.Options{
		MinFree: minFree,
		Beside:  []string{keysName},
		OnFail: func(err error) {
			select {
			case a.failed <- err:
			default:
			}
		},
	})
	if err != nil {
		return nil, err
	}
	if err := a.build(); err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	return a, nil
}

// Close closes the store.
func (a *App) Close() error { return a.store.Close() }

// Client speaks to the desk in this process.
func (a *App) Client() *api.Client { return api.InProcess(http.HandlerFunc(a.serveAPI)) }

// build puts the parts together, from the store outwards.
func (a *App) build() (err error) {
	if a.keys, err = a.loadKeys(); err != nil {
		return err
	}
	if a.cert, err = findCertificates(a.cfg, a.log); err != nil {
		return err
	}
	if a.door, err = door(a.cfg, a.log); err != nil {
		return err
	}
	if a.cert != nil {
		a.door.TLS, a.door.OfferTLS = tlsConfig(a.cert), a.cert.there
	}
	w, err := a.works(a.cfg)
	if err != nil {
		return err
	}
	a.current.Store(w)
	return nil
}

// keysName is the file of the signing keys in the data folder.
const keysName = "keys.json"

// loadKeys loads the signing keys. Where tickets are and no keys, they were lost:
// new ones made in silence would turn every answer to a signed address away.
func (a *App) loadKeys() (*token.Keyring, error) {
	path := filepath.Join(a.cfg.DataDir, keysName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		err := a.store.View(context.Background(), func(v ticketstore.View) error {
			for range v.Mailboxes() {
				return fmt.Errorf("%w: %s is missing, but there are tickets; restore it from a backup. If it is lost for good, make an empty file of that name: new keys are made, and signed addresses in mail already sent no longer count", ErrConfig, path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return token.Load(path)
}

// checkMailboxes refuses a configuration that has lost a mailbox with tickets:
// nobody could answer them, and answers to them would open new ones.
func (a *App) checkMailboxes(cfg *config.Config) error {
	return a.store.View(context.Background(), func(v ticketstore.View) error {
		for key, first := range v.Mailboxes() {
			if _, ok := cfg.Mailbox[key]; !ok {
				return fmt.Errorf("%w: mailbox %q has tickets (the first is %s) and is missing; a mailbox that has tickets cannot be removed, only closed: keep it and set closed = true", ErrConfig, key, first)
			}
		}
		return nil
	})
}

func checker(cfg *config.Config, dns []string) *mailauth.Checker {
	return mailauth.New(mailauth.Config{
		AuthservID: authservID(cfg), Resolver: mailauth.NewResolver(dns),
		Budget: time.Duration(cfg.DNS.Budget), TrustLoopback: cfg.SMTP.TrustLoopback,
		Relays: relays(cfg),
	})
}

// relays are those that write header fields: a proxy passes octets on, so what
// stands on top of its mail is the sender's own.
func relays(cfg *config.Config) (list []mailauth.Relay) {
	for _, r := range cfg.Relay {
		if !r.Proxy {
			list = append(list, mailauth.Relay{Networks: r.NetworkList(), Unix: r.Unix(), AuthservID: r.AuthservID})
		}
	}
	return list
}

func authservID(cfg *config.Config) string {
	if cfg.AuthservID != "" {
		return cfg.AuthservID
	}
	return cfg.Hostname
}

// Rules compiles what decisions rest on.
func Rules(cfg *config.Config, keys *token.Keyring) *router.Rules {
	r := &router.Rules{Hostname: cfg.Hostname, Keys: keys}
	for _, m := range cfg.Mailboxes() {
		r.Mailboxes = append(r.Mailboxes, router.Mailbox{
			Key: m.Key, Addresses: m.AddressList(), Agents: m.AgentList(), Tag: m.Tag(), Retired: m.RetiredPairs(),
			Type: m.Type, Priority: m.Priority, Acknowledge: m.Acknowledge, Unknown: m.Unknown, Failed: m.Failed, MaxMessage: int64(m.MessageSize),
			ClosedAfter: time.Duration(m.ClosedAfter), FormSenders: m.FormSenderList(), Closed: m.Closed,
		})
	}
	for _, c := range cfg.Rule {
		when := c.Conditions()
		rule := router.CaptureRule{
			Name: c.Name, Mailbox: c.Mailbox, From: when.From, To: when.To, Subject: when.Subject, Body: when.Body,
			Type: c.Type, Priority: c.Priority, Set: c.Fields, Stop: c.Stop,
		}
		for _, f := range c.Capture {
			rule.Fields = append(rule.Fields, router.CaptureField{
				Field: f.Field, InSubject: f.In == "subject", Start: f.Start, End: f.End, Regex: f.Expression(),
			})
		}
		r.Capture = append(r.Capture, rule)
	}
	return r
}

func mailboxes(cfg *config.Config) (list []desk.Mailbox, err error) {
	for _, m := range cfg.Mailboxes() {
		set, err := templates.Load(m.Templates, m.Language)
		if err != nil {
			return nil, fmt.Errorf("templates of mailbox %s: %w", m.Key, err)
		}
		list = append(list, desk.Mailbox{Key: m.Key, From: m.FromMailbox(), Signature: m.Signature, Templates: set})
	}
	return list, nil
}

// door configures the SMTP server, but for its certificate.
func door(cfg *config.Config, log zerolog.Logger) (smtpd.Config, error) {
	spool := filepath.Join(cfg.DataDir, "spool")
	if err := os.MkdirAll(spool, 0o700); err != nil {
		return smtpd.Config{}, fmt.Errorf("making the spool folder: %w", err)
	}
	c := smtpd.Config{
		Hostname: cfg.Hostname, AuthservID: authservID(cfg),
		MaxRecipients: cfg.SMTP.MaxRecipients, MaxConnections: cfg.SMTP.MaxConnections, MaxPerIP: cfg.SMTP.PerIP, MaxPerNetwork: cfg.SMTP.PerNetwork,
		MailsPerMinute: cfg.Limits.MailRate, RecipientsPerMinute: cfg.Limits.RecipientRate, MinDataRate: int64(cfg.Limits.MinDataRate),
		FreeErrors: cfg.Limits.FreeErrors, MaxErrors: cfg.Limits.MaxErrors, FreeIdle: cfg.Limits.FreeIdle,
		ContentMemory: int64(cfg.Limits.Memory) / 4 * 3, MaxMessage: int64(cfg.Limits.MessageSize), MemorySpool: int64(cfg.Limits.MemorySpool),
		MinFreeDisk: int64(cfg.Limits.MinFreeDisk), SpoolDir: spool, Log: log,
		Idle: time.Duration(cfg.Limits.IdleTimeout), Session: time.Duration(cfg.Limits.SessionTimeout), Data: time.Duration(cfg.Limits.DataTimeout),
		Limits:   message.Limits{SkipHTML: true, HeaderBytes: int(cfg.Limits.HeaderSize)},
		FreeDisk: func() (int64, error) { return ticketstore.FreeDisk(cfg.DataDir) },
	}
	for _, r := range cfg.Relay {
		c.Relays = append(c.Relays, smtpd.Relay{Networks: r.NetworkList(), Unix: r.Unix(), Proxy: r.Proxy, XClient: r.XClient})
	}
	return c, nil
}

// deliveryTimeout bounds one delivery. After a crash a mail that was under way
// is tried again a little later than this, or later still (see [outbox.Config]).
const deliveryTimeout = 10 * time.Minute

// route is the way out. Its connections are closed by the function that comes
// with it.
func route(cfg *config.Config) (r outbox.Route, end func(), err error) {
	o := &cfg.Outbound
	if o.Route == "capture" {
		return remote.Capture{Dir: o.CaptureDir}, func() {}, nil
	}
	mode, err := remote.ParseMode(o.TLS)
	if err != nil {
		return nil, nil, err
	}
	s := &remote.Smarthost{
		Addr: o.Smarthost, Hello: cfg.Hostname, TLS: mode, Username: o.Username,
		Timeouts: remote.Timeouts{Total: deliveryTimeout}, Keep: o.Concurrency,
	}
	if o.PasswordFile != "" {
		s.Password = func() (string, error) {
			b, err := os.ReadFile(o.PasswordFile)
			return strings.TrimRight(string(b), "\r\n"), err
		}
	}
	if s.RootCAs, err = o.Authorities(); err != nil {
		return nil, nil, fmt.Errorf("the smarthost's authorities in %s: %w", o.CAFile, err)
	}
	return s, s.Close, nil
}

// outbox delivers what is due until its context ends.
func (a *App) outbox() (run func(context.Context) error, err error) {
	r, end, err := route(a.cfg)
	if err != nil {
		return nil, err
	}
	runner := outbox.New(a.store, r, outbox.Config{
		Concurrency: a.cfg.Outbound.Concurrency, MaxAge: time.Duration(a.cfg.Outbound.MaxAge), Timeout: deliveryTimeout, Log: a.log,
	})
	return func(ctx context.Context) error {
		defer end()
		return runner.Run(ctx)
	}, nil
}
