package main

import (
	"errors"
	"fmt"

	"mxdesk/internal/config"
	"mxdesk/internal/tag"
	"mxdesk/templates"
)

type configCmd struct {
	Check     configCheckCmd     `cmd:"" help:"Check the configuration; exit 78 and every problem when it is wrong."`
	Show      configShowCmd      `cmd:"" help:"Show the configuration in effect; secrets are left out."`
	Reference configReferenceCmd `cmd:"" help:"Print a whole configuration file with every key explained."`
}

type configCheckCmd struct{}

func (configCheckCmd) Run(e *env) error {
	if err := e.textOnly(); err != nil {
		return err
	}
	cfg, err := e.config()
	if err != nil {
		return err
	}
	for _, m := range cfg.Mailboxes() {
		if _, err := templates.Load(m.Templates, m.Language); err != nil {
			return &exitError{exitConfig, fmt.Errorf("templates of mailbox %s: %w", m.Key, err)}
		}
	}
	fmt.Fprintln(e.stderr, "The configuration is good.")
	return nil
}

type configShowCmd struct{}

func (configShowCmd) Run(e *env) error {
	if err := e.textOnly(); err != nil {
		return err
	}
	cfg, err := e.config()
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(e.stdout, cfg.Show())
	return err
}

type configReferenceCmd struct{}

func (configReferenceCmd) Run(e *env) error {
	if err := e.textOnly(); err != nil {
		return err
	}
	_, err := fmt.Fprint(e.stdout, config.Reference())
	return err
}

type tagCmd struct {
	Check tagCheckCmd `cmd:"" help:"Is this tag pair safe? Exit 7 and the reasons when not."`
}

type tagCheckCmd struct {
	Start string `arg:"" help:"What stands before the number."`
	End   string `arg:"" help:"What stands after it."`
}

// Run checks the pair alone and, with a configuration, against its mailboxes.
func (c *tagCheckCmd) Run(e *env) error {
	pair := tag.Pair{Start: c.Start, End: c.End}
	reasons := tag.Check(pair)
	if e.cli.Config != "" && len(reasons) == 0 {
		cfg, err := e.config()
		if err != nil {
			return err
		}
		reasons = append(reasons, against(cfg, pair)...)
	}
	type result struct {
		Tag     string   `json:"tag"`
		OK      bool     `json:"ok"`
		Reasons []string `json:"reasons"`
	}
	r := result{Tag: pair.Format(2139), OK: len(reasons) == 0, Reasons: append([]string{}, reasons...)}
	err := e.result(r, func() {
		if r.OK {
			fmt.Fprintf(e.stdout, "Good: tickets will look like %s\n", r.Tag)
		}
		for _, why := range reasons {
			fmt.Fprintln(e.stdout, safe(why))
		}
	})
	if err == nil && !r.OK {
		return &exitError{exitProblems, errors.New("this tag pair is not safe")}
	}
	return err
}

// against checks a pair beside those of the configuration.
func against(cfg *config.Config, pair tag.Pair) (reasons []string) {
	var named []tag.Named
	for _, m := range cfg.Mailboxes() {
		named = append(named, tag.Named{Name: "mailbox " + m.Key, Pair: m.Tag()})
		for _, p := range m.RetiredPairs() {
			named = append(named, tag.Named{Name: "mailbox " + m.Key + ", retired", Pair: p})
		}
	}
	named = append(named, tag.Named{Name: "this pair", Pair: pair}) // last: problems name the earlier one
	for _, p := range tag.CheckAll(named) {
		reasons = append(reasons, p.Text)
	}
	return reasons
}

type templateCmd struct {
	List   templateListCmd   `cmd:"" help:"List the templates of each mailbox."`
	Render templateRenderCmd `cmd:"" help:"Render a template with sample values."`
	Lint   templateLintCmd   `cmd:"" help:"Look for mistakes; exit 7 when there are any."`
}

// templateFlags choose the templates.
type templateFlags struct {
	Mailbox string `help:"Mailbox; none: the first." placeholder:"KEY"`
}

func (f *templateFlags) mailbox(e *env) (config.Mailbox, error) {
	cfg, err := e.config()
	if err != nil {
		return config.Mailbox{}, err
	}
	for _, m := range cfg.Mailboxes() {
		if f.Mailbox == "" || f.Mailbox == m.Key {
			return m, nil
		}
	}
	return config.Mailbox{}, &exitError{exitNotFound, fmt.Errorf("there is no mailbox %q", f.Mailbox)}
}

type templateListCmd struct{}

func (templateListCmd) Run(e *env) error {
	cfg, err := e.config()
	if err != nil {
		return err
	}
	type row struct {
		Mailbox  string `json:"mailbox"`
		Template string `json:"template"`
		Language string `json:"language"`
		Folder   string `json:"folder"`
	}
	rows := []row{}
	for _, m := range cfg.Mailboxes() {
		for _, event := range templates.Events() {
			rows = append(rows, row{m.Key, event, m.Language, m.Templates})
		}
	}
	return e.result(rows, func() {
		for _, r := range rows {
			fmt.Fprintf(e.stdout, "%-16s %-18s %s %s\n", r.Mailbox, r.Template, r.Language, r.Folder)
		}
	})
}

type templateRenderCmd struct {
	templateFlags
	Event string `arg:"" help:"acknowledgement, agent-reply, user-update or supplier-request."`
	HTML  bool   `help:"Print the HTML part."`
}

func (c *templateRenderCmd) Run(e *env) error {
	m, err := c.mailbox(e)
	if err != nil {
		return err
	}
	set, err := templates.Load(m.Templates, m.Language)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	data := templates.Sample()
	data.Ticket.Tag = m.Tag().Format(2139)
	if c.Event != templates.UserUpdate {
		data.Marker = "" // only mail to agents has it
	}
	mail, err := set.Render(c.Event, data)
	if errors.Is(err, templates.ErrEvent) {
		return &exitError{exitNotFound, err}
	}
	if err != nil {
		return err
	}
	type result struct {
		Subject  string   `json:"subject"`
		Text     string   `json:"text"`
		HTML     string   `json:"html"`
		Warnings []string `json:"warnings"`
	}
	for _, w := range mail.Warnings {
		fmt.Fprintln(e.stderr, "warning:", w)
	}
	return e.result(result{mail.Subject, mail.Text, mail.HTML, append([]string{}, mail.Warnings...)}, func() {
		if c.HTML {
			fmt.Fprint(e.stdout, mail.HTML)
			return
		}
		fmt.Fprintf(e.stdout, "Subject: %s\n\n%s", mail.Subject, mail.Text)
	})
}

type templateLintCmd struct{}

func (templateLintCmd) Run(e *env) error {
	cfg, err := e.config()
	if err != nil {
		return err
	}
	type remark struct {
		Mailbox string `json:"mailbox"`
		templates.Problem
	}
	remarks := []remark{}
	for _, m := range cfg.Mailboxes() {
		for _, p := range templates.Lint(m.Templates, m.Language) {
			remarks = append(remarks, remark{m.Key, p})
		}
	}
	err = e.result(remarks, func() {
		for _, r := range remarks {
			fmt.Fprintf(e.stdout, "mailbox %s: %s\n", r.Mailbox, safe(r.Error()))
		}
	})
	if err != nil {
		return err
	}
	if n := len(remarks); n > 0 {
		return &exitError{exitProblems, errors.New(count(n, "remark") + " on templates")}
	}
	fmt.Fprintln(e.stderr, "The templates are good.")
	return nil
}
