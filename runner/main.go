package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/service"
)

// Main is the main function of a program of services. It runs the command line, which by default
// runs the services of opts, and exits the process with its status. The package comment describes
// the commands, flags and signals. A program with its own flags or logger calls [Run] instead.
func Main(opts ...fx.Option) {
	c := &command{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	os.Exit(c.execute(c.program(opts), commandArguments()))
}

// Gomeko is the main function of the command gomeko.
func Gomeko() {
	c := &command{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	os.Exit(c.execute(c.gomeko(), commandArguments()))
}

// Exit statuses.
const (
	exitFailed = 1
	exitUsage  = 2
	exitUnable = 3 // gomeko doctor could not examine something
	exitStuck  = 4 // methods have not returned: see gomeko.max_stuck
)

// execute runs a command line and returns the exit status. Its output on stderr contains no
// terminal escapes.
func (c *command) execute(root *cobra.Command, args []string) int {
	c.err = printable.NewWriter(c.err, printable.Lines)
	c.args = args
	root.SetArgs(args)
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SilenceErrors = true
	root.SilenceUsage = true
	ran, err := root.ExecuteContextC(context.Background())
	var usage usageError
	var asked *service.ShutdownError
	var unable unableError
	var stuck *service.StuckError
	switch {
	case err == nil:
		return 0
	case !c.begun, errors.As(err, &usage): // only the command line can fail before a command begins
		c.complain(err, "see "+ran.CommandPath()+" --help")
		return exitUsage
	}
	if c.parent != nil {
		c.parent.Fail(errors.New(secret.Mask(err.Error())))
	}
	if !errors.Is(err, errShown) {
		c.complain(err, "")
	}
	switch {
	case errors.As(err, &asked) && asked.ExitCode != 0:
		return asked.ExitCode
	case errors.As(err, &unable):
		return exitUnable
	case errors.As(err, &stuck):
		return exitStuck
	}
	return exitFailed
}

// complain prints the error of a command, and the remedy unless that is "". If the log is JSON, the
// error is a log line.
func (c *command) complain(err error, remedy string) {
	text := secret.Mask(err.Error())
	switch {
	case !c.begun && c.logFormat == "json":
		c.logTo(slog.LevelInfo, c.logFormat)
		fallthrough
	case c.json:
		attrs := []any{"err", text}
		if remedy != "" {
			attrs = append(attrs, "remedy", remedy)
		}
		slog.Error("command failed", attrs...)
	default:
		fmt.Fprintln(c.people(), strings.TrimSuffix(text+"\n"+remedy, "\n"))
	}
}

// A remoteError is an error whose text comes from elsewhere. It is printed on one line, so it
// cannot imitate lines of our output.
type remoteError struct{ error }

func (e remoteError) Error() string { return printable.Text(e.error.Error()) }
func (e remoteError) Unwrap() error { return e.error }

// usageError is a mistake in the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
