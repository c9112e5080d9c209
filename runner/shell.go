package runner

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/shell"
	"github.com/gomeko/gomeko/transport"
)

func (c *command) shellCommand() *cobra.Command {
	var data dataFlag
	cmd := &cobra.Command{
		Use:   "shell [FILE [ARG…]]",
		Short: "Call services from Starlark: in a terminal, or with a script in FILE or on standard input",
		Long: "Call services from Starlark: in a terminal, or with a script in FILE or on standard input.\n\n" +
			"The script has the ARGs as the list argv; write -- before those that begin with a dash. FILE may be - for standard input.\n" +
			"load(\"lib.star\", \"f\") takes f from a file beside it. help() in the shell says what else there is.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := data.values()
			if err != nil {
				return err
			}
			if len(args) == 0 && shell.Terminal() {
				// The shell handles Ctrl-C.
				ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM)
				defer stop()
				return c.interact(ctx, given)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), stopSignals()...)
			defer stop()
			name, src := "stdin", io.Reader(c.in)
			if len(args) > 0 && args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				name, src = args[0], file
			}
			argv := args[min(1, len(args)):]
			return c.shell(ctx, given, argv, func(s *shell.Shell, ctx context.Context) error { return s.Script(ctx, name, src) })
		},
	}
	data.add(cmd)
	return cmd
}

// shell connects to the broker and runs a shell, with context data and the arguments of a script.
func (c *command) shell(ctx context.Context, data map[string]any, argv []string, run func(*shell.Shell, context.Context) error) error {
	l, err := c.dial(ctx, "gomeko shell")
	if err != nil {
		return err
	}
	defer l.hangUp()
	return run(&shell.Shell{
		Caller: l.caller, Conn: l.conn, Config: l.masked, Data: data, Args: argv, Broker: l.broker.String(), Stdout: c.out, Stderr: c.err,
	}, ctx)
}

// interact runs a shell in the terminal. Log output is held back while a line is typed.
func (c *command) interact(ctx context.Context, data map[string]any) error {
	errs, notes := c.err, &shell.Notes{W: c.err}
	c.err = notes // configuration sets up the log with it
	defer func() { c.err = errs }()
	return c.shell(ctx, data, nil, func(s *shell.Shell, ctx context.Context) error {
		s.Stderr, s.Notes = errs, notes
		return s.Interact(ctx)
	})
}

// A line is a connection to the broker over which services can be called.
type line struct {
	broker transport.Config
	masked map[string]any // the configuration
	conn   *transport.Conn
	caller *rpc.Caller
}

// dial connects to the broker for the command called name.
func (c *command) dial(ctx context.Context, name string) (*line, error) {
	s, err := c.configuration()
	if err != nil {
		return nil, err
	}
	l := &line{masked: s.cfg.Masked()}
	if l.broker, err = c.reach(s, name); err != nil {
		return nil, err
	}
	if l.conn, err = transport.Dial(ctx, l.broker); err != nil {
		return nil, err
	}
	if l.caller, err = rpc.NewCaller(ctx, l.conn, s.rpc()); err != nil {
		hangUp(l.conn)
		return nil, err
	}
	return l, nil
}

// hangUp closes the line.
func (l *line) hangUp() { hangUp(l.conn, l.caller) }

// hangUp closes the callers and their connection. It does not wait long for a broker that does not
// respond, and not at all for one that blocks the connection.
func hangUp(conn *transport.Conn, callers ...*rpc.Caller) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if conn.Blocked() != nil {
		cancel()
	}
	for _, caller := range callers {
		_ = caller.Close(ctx)
	}
	_ = conn.Close(ctx)
}
