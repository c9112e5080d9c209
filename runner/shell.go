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
	return &cobra.Command{
		Use:   "shell [FILE]",
		Short: "Call services from Starlark: in a terminal, or with a script in FILE or on standard input",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && shell.Terminal() {
				// The shell handles Ctrl-C.
				ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM)
				defer stop()
				return c.shell(ctx, (*shell.Shell).Interact)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), stopSignals()...)
			defer stop()
			name, src := "stdin", io.Reader(c.in)
			if len(args) == 1 {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				name, src = args[0], file
			}
			return c.shell(ctx, func(s *shell.Shell, ctx context.Context) error { return s.Script(ctx, name, src) })
		},
	}
}

// shell connects to the broker and runs a shell.
func (c *command) shell(ctx context.Context, run func(*shell.Shell, context.Context) error) error {
	s, err := c.configuration()
	if err != nil {
		return err
	}
	broker, err := c.reach(s, "gomeko shell")
	if err != nil {
		return err
	}
	conn, caller, err := dial(ctx, broker, s.rpc())
	if err != nil {
		return err
	}
	defer hangUp(conn, caller)
	sh := &shell.Shell{Caller: caller, Conn: conn, Config: s.cfg.Masked(), Broker: broker.String(), Stdout: c.out, Stderr: c.err}
	return run(sh, ctx)
}

// dial connects to the broker, to call services and to dispatch events.
func dial(ctx context.Context, broker transport.Config, cfg rpc.Config) (*transport.Conn, *rpc.Caller, error) {
	conn, err := transport.Dial(ctx, broker)
	if err != nil {
		return nil, nil, err
	}
	caller, err := rpc.NewCaller(ctx, conn, cfg)
	if err != nil {
		hangUp(conn)
		return nil, nil, err
	}
	return conn, caller, nil
}

// hangUp closes the callers and their connection, without waiting long for a broker that does not
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
