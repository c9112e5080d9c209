package runner

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/shell"
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
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
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
	conn, err := rpc.Dial(ctx, broker, s.rpc())
	if err != nil {
		return err
	}
	defer hangUp(conn)
	dispatcher, err := events.Dial(ctx, broker)
	if err != nil {
		return err
	}
	defer hangUp(dispatcher)
	sh := &shell.Shell{Conn: conn, Events: dispatcher, Config: s.cfg.Values, Broker: broker.String(), Stdout: c.out, Stderr: c.err}
	return run(sh, ctx)
}

// hangUp closes a connection, without waiting long for a broker that does not respond.
func hangUp(conn interface{ Close(context.Context) error }) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
