package runner

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/service"
)

// Main is the main function of a program of services. It runs the command line, which by default
// runs the services of opts, and exits the process with its status. The package comment describes
// the commands, flags and signals. A program with other flags or its own logger calls [Run]
// instead.
func Main(opts ...fx.Option) {
	c := &command{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	os.Exit(c.execute(c.program(opts), os.Args[1:]))
}

// Gomeko is the main function of the command gomeko.
func Gomeko() {
	c := &command{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	os.Exit(c.execute(c.gomeko(), os.Args[1:]))
}

// Exit statuses.
const (
	exitFailed = 1
	exitUsage  = 2
)

// execute runs a command line and returns the exit status.
func (c *command) execute(root *cobra.Command, args []string) int {
	root.SetArgs(args)
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.CompletionOptions.HiddenDefaultCmd = true
	ran, err := root.ExecuteContextC(context.Background())
	var usage usageError
	var asked *service.ShutdownError
	switch {
	case err == nil:
		return 0
	case !c.begun, errors.As(err, &usage): // only the command line can fail before a command begins
		fmt.Fprintf(c.err, "%v\nsee %s --help\n", err, ran.CommandPath())
		return exitUsage
	}
	if !errors.Is(err, errShown) {
		fmt.Fprintln(c.err, err)
	}
	if errors.As(err, &asked) && asked.ExitCode != 0 {
		return asked.ExitCode
	}
	return exitFailed
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
