// Command mxdesk is a help desk that is its own mail server. This package reads
// arguments and prints results; everything it does to a desk goes through the
// API, of the running server or, when none runs, in this process.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"mxdesk/internal/api"
	"mxdesk/internal/app"
	"mxdesk/internal/config"
	"mxdesk/ticketstore"
)

// Exit codes, a contract with scripts. "deliver" uses those of sysexits.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitConflict    = 4
	exitUnreachable = 6
	exitProblems    = 7
	exitTryAgain    = 75 // what is on disk is unknown: a supervisor starts it again
	exitConfig      = 78
)

// cli is the command line: a noun, then a verb.
type cli struct {
	Config string `help:"Configuration file; none: a desk on loopback." placeholder:"FILE" env:"MXDESK_CONFIG"`
	Data   string `help:"Data folder, instead of the configuration's." placeholder:"DIR"`
	Output string `short:"o" help:"text or json; a command that prints no data, or only text, refuses json." enum:"text,json" default:"text" placeholder:"FORMAT"`

	Serve    serveCmd    `cmd:"" help:"Run the mail server."`
	Deliver  deliverCmd  `cmd:"" help:"Take one mail from a pipe or a file, as if it came by SMTP."`
	Inspect  inspectCmd  `cmd:"" help:"Say what would happen to a mail, and why; changes nothing."`
	Ticket   ticketCmd   `cmd:"" help:"Work on tickets."`
	Contact  contactCmd  `cmd:"" help:"Agents, users and suppliers."`
	Outbox   outboxCmd   `cmd:"" help:"What leaves, and what the other side said."`
	Held     heldCmd     `cmd:"" help:"Mail that waits for a person's decision."`
	Template templateCmd `cmd:"" help:"Templates of outgoing mail."`
	Tag      tagCmd      `cmd:"" help:"Subject tags."`
	Conf     configCmd   `cmd:"" name:"config" help:"Check, show and explain the configuration."`
	Store    storeCmd    `cmd:"" help:"The store."`
}

// env is what a command runs with.
type env struct {
	ctx    context.Context
	hurry  <-chan struct{} // closed when a stop was asked for twice
	cli    *cli
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	ctx, stop := context.WithCancel(context.Background())
	hurry := make(chan struct{})
	go func() { // ends with the process
		<-signals
		stop()
		<-signals
		close(hurry)
	}()
	os.Exit(run(ctx, hurry, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run carries out one command line and returns the exit code. When ctx ends, the
// command stops in order; when hurry is closed, it waits for nobody any more.
func run(ctx context.Context, hurry <-chan struct{}, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c cli
	done := -1
	parser, err := kong.New(&c,
		kong.Name("mxdesk"),
		kong.Description("A help desk that is its own mail server."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) {
			if done < 0 {
				done = code
			}
		}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "mxdesk:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if done >= 0 {
		return done // --help
	}
	if err != nil {
		command := commandOf(err)
		fmt.Fprintf(stderr, "mxdesk: %s\nRun \"%s --help\" for help.\n", complaint(err), strings.TrimSpace("mxdesk "+command))
		if command == "deliver" {
			return exUsage // an MTA reads it
		}
		return exitUsage
	}
	err = k.Run(&env{ctx: ctx, hurry: hurry, cli: &c, stdin: stdin, stdout: stdout, stderr: stderr})
	if err == nil {
		return exitOK
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(stderr, "mxdesk:", text)
	}
	return exitCode(err)
}

// noNumber is what kong says about a value that is to be a number. To one with a
// minus before it, it advises what it then refuses.
var noNumber = regexp.MustCompile(`^(\S+): expected (?:uint value|a valid \d+ bit uint) but got ("[^"]*").*$`)

// complaint is what is wrong with a command line, in kong's words where they help.
func complaint(err error) string {
	text := noNumber.ReplaceAllString(err.Error(), "$1: $2 is not a number from 0 up")
	var wrong *kong.ParseError
	if word, ok := strings.CutPrefix(text, "unexpected argument "); ok && errors.As(err, &wrong) && takesCommand(wrong.Context) {
		word, hint, ok := strings.Cut(word, ", did you mean")
		text = fmt.Sprintf("%s is no command of %q", word, strings.TrimSpace("mxdesk "+commandOf(err)))
		if ok {
			text += "; did you mean" + hint
		}
	}
	return text
}

// takesCommand reports whether a command was to come next.
func takesCommand(c *kong.Context) bool {
	node := c.Selected()
	return node == nil || len(node.Children) > 0
}

// commandOf names the command, as far as it was understood, whose arguments are
// wrong.
func commandOf(err error) string {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) {
		return ""
	}
	var words []string
	for _, p := range wrong.Context.Path {
		if p.Command != nil {
			words = append(words, p.Command.Name)
		}
	}
	return strings.Join(words, " ")
}

func exitCode(err error) int {
	var own *exitError
	var conf *config.Error
	var no *api.Error
	switch {
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &conf), errors.Is(err, app.ErrConfig), errors.Is(err, app.ErrSockets):
		return exitConfig
	case errors.Is(err, api.ErrUnreachable):
		return exitUnreachable
	case errors.Is(err, ticketstore.ErrFailed):
		return exitTryAgain
	case errors.Is(err, ticketstore.ErrDamaged):
		return exitProblems
	case errors.Is(err, ticketstore.ErrNotFound):
		return exitNotFound
	case errors.Is(err, ticketstore.ErrLocked), errors.Is(err, ticketstore.ErrRefused):
		return exitConflict
	case errors.As(err, &no):
		switch no.Kind {
		case "not-found":
			return exitNotFound
		case "conflict":
			return exitConflict
		case "invalid":
			return exitUsage
		}
	}
	return exitFailed
}
