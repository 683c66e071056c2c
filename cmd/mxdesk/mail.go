package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"mxdesk/internal/api"
	"mxdesk/internal/app"
)

// maxMail bounds a mail from a pipe or a file, in octets.
const maxMail = 100 << 20

// envelopeFlags say where a mail that did not come by SMTP came from.
type envelopeFlags struct {
	Rcpt     []string `help:"Recipient; may be given more than once." placeholder:"ADDRESS" sep:"none"`
	MailFrom *string  `help:"Envelope sender; empty or <>: the null reverse-path. None: what the mail's Return-Path says, else its author." placeholder:"ADDRESS"`
	IP       string   `help:"Address of the client that handed it in; none: unauthenticated by address." placeholder:"IP"`
	Helo     string   `help:"Name the client gave." placeholder:"NAME"`
}

func (f *envelopeFlags) query() url.Values {
	q := url.Values{"rcpt": f.Rcpt}
	if f.MailFrom != nil {
		q.Set("mail_from", *f.MailFrom)
	}
	for k, v := range map[string]string{"ip": f.IP, "helo": f.Helo} {
		if v != "" {
			q.Set(k, v)
		}
	}
	return q
}

func (e *env) readMail(name string) ([]byte, error) { return e.read(name, "the mail", maxMail) }

type deliverCmd struct {
	envelopeFlags
	File string `arg:"" optional:"" help:"File with the mail; none: standard input."`
}

// Exit codes of deliver, from sysexits.h: an MTA that pipes a mail into it acts
// on them.
const (
	exUsage       = 64 // the MTA's configuration is wrong
	exNoUser      = 67
	exTempFail    = 75 // try again later
	exUnavailable = 69
)

func (c *deliverCmd) Run(e *env) error {
	if len(c.Rcpt) == 0 {
		return &exitError{exUsage, errors.New("name the recipient with --rcpt")}
	}
	raw, err := e.readMail(c.File)
	if err != nil {
		return &exitError{exTempFail, err}
	}
	// A mistyped folder must not become a desk that takes mail and nobody reads.
	err = e.withDesk(false, func(cl *api.Client) error {
		var r api.Receipt
		if err := cl.PostRaw(e.ctx, "/v1/deliver", c.query(), bytes.NewReader(raw), &r); err != nil {
			return err
		}
		return e.result(r, func() { fmt.Fprintf(e.stdout, "%d %s %s\n", r.SMTP.Code, r.SMTP.Enhanced, r.SMTP.Text) })
	})
	return sysexit(err)
}

// sysexit gives an error the exit code that an MTA understands; in any doubt,
// the one that keeps the mail.
func sysexit(err error) error {
	if err == nil {
		return nil
	}
	var no *api.Error
	if errors.As(err, &no) {
		switch {
		case no.Kind == "refused" && strings.HasPrefix(no.Text, "5"):
			if strings.Contains(no.Text, " 5.1.1 ") {
				return &exitError{exNoUser, err}
			}
			return &exitError{exUnavailable, err}
		case no.Kind == "invalid":
			return &exitError{exUsage, err}
		}
	}
	return &exitError{exTempFail, err}
}

type inspectCmd struct {
	envelopeFlags
	DNS   []string `help:"Name server to ask, HOST:PORT, instead of the configuration's." placeholder:"HOST:PORT"`
	Now   string   `help:"Time to decide at, as in 2026-03-01T12:00:00Z." placeholder:"TIME"`
	Files []string `arg:"" optional:"" name:"file" help:"Files with mails; none: standard input."`
}

func (c *inspectCmd) Run(e *env) error {
	q := c.query()
	if len(c.DNS) > 0 {
		q["dns"] = c.DNS
	}
	if c.Now != "" {
		q.Set("now", c.Now)
	}
	files := c.Files
	if len(files) == 0 {
		files = []string{"-"}
	}
	return e.withInspector(func(cl *api.Client) error {
		for _, name := range files {
			raw, err := e.readMail(name)
			if err != nil {
				return err
			}
			var in api.Inspection
			if err := cl.PostRaw(e.ctx, "/v1/inspect", q, bytes.NewReader(raw), &in); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if len(files) > 1 {
				in.File = name
			}
			if err := e.inspection(&in, len(files) > 1); err != nil {
				return err
			}
		}
		return nil
	})
}

// withInspector is withDesk, but an inspection makes no desk: where there is
// none, it uses an empty one that is thrown away.
func (e *env) withInspector(fn func(*api.Client) error) error {
	cfg, err := e.config()
	if err != nil {
		return err
	}
	has, err := hasStore(cfg.DataDir)
	if err != nil {
		return closedOff(cfg.DataDir, err)
	}
	if has {
		return e.withDesk(false, fn)
	}
	dir, err := os.MkdirTemp("", "mxdesk-inspect-")
	if err != nil {
		return fmt.Errorf("making a folder for the inspection: %w", err)
	}
	defer os.RemoveAll(dir)
	cfg.DataDir = dir
	a, err := app.Open(cfg, e.logger("warn"))
	if err != nil {
		return err
	}
	return errors.Join(fn(a.Client()), a.Close())
}

// inspection prints one result: with several, one JSON object a line.
func (e *env) inspection(in *api.Inspection, several bool) error {
	if e.json() && several {
		enc := json.NewEncoder(e.stdout)
		enc.SetEscapeHTML(false)
		return enc.Encode(in)
	}
	return e.result(in, func() { e.explain(in) })
}

func (e *env) explain(in *api.Inspection) {
	p := func(label, format string, args ...any) {
		fmt.Fprintf(e.stdout, "%-12s %s\n", label, safe(fmt.Sprintf(format, args...)))
	}
	if in.File != "" {
		p("File", "%s", in.File)
	}
	d, m, v := &in.Decision, &in.Message, &in.Verdict
	p("From", "%s", m.From)
	p("Subject", "%s", m.Subject)
	p("Machine", "%s %s", m.Machine.Class, strings.Join(m.Machine.Reasons, "; "))
	p("SPF", "%s %s %s", v.SPF.Result, v.SPF.Domain, v.SPF.Reason)
	for _, k := range v.DKIM {
		p("DKIM", "%s %s %s %s", k.Result, k.Domain, k.Selector, k.Reason)
	}
	if len(v.DKIM) == 0 {
		p("DKIM", "none: the mail is not signed")
	}
	p("DMARC", "%s %s %s", v.DMARC.Result, v.DMARC.Domain, v.DMARC.Reason)
	p("ARC", "%s %s", v.ARC.Result, v.ARC.Reason)
	p("Auth", "%s: %s", v.Auth, v.Reason)
	p("Who", "%s %s <%s>, token %s, belongs %v", d.Who.Kind, d.Who.Name, d.Who.Address, d.Who.Token, d.Who.Belongs)
	p("Match", "%s: %s", d.Match.By, d.Match.Reason)
	for _, r := range d.Match.Rejected {
		p("  rejected", "%s %s: %s", r.By, r.Ticket, r.Reason)
	}
	p("Outcome", "%s %s", d.Outcome, d.Tag)
	if d.Action.Outcome != "" {
		p("Action", "%s, %s; status %s", d.Action.Outcome, d.Action.Visibility, d.Status)
	}
	for _, k := range slices.Sorted(maps.Keys(d.Captured)) {
		p("Captured", "%s = %s", k, d.Captured[k])
	}
	for _, r := range d.Replies {
		if r.Suppressed != "" {
			p("No mail", "%s: %s", r.Template, r.Suppressed)
		} else {
			p("Mail", "%s to %s", r.Template, r.To)
		}
	}
	for _, t := range d.Trace {
		p("Trace", "%s", t)
	}
	for _, t := range m.Problems {
		p("Problem", "%s", t)
	}
	p("SMTP", "%d %s %s", d.SMTP.Code, d.SMTP.Enhanced, d.SMTP.Text)
}
