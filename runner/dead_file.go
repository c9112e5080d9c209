package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/parked"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/transport"
)

func (c *command) deadExportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export QUEUE",
		Short: "Write parked messages to standard output, a JSON object on each line",
		Long: "Write parked messages to standard output, a JSON object on each line, for gomeko dead import.\n\n" +
			"The messages stay parked. Nothing is masked: the output has what the messages have, sensitive arguments too.\n" +
			"At most 10,000 messages, or 64 MiB, are written; if more are parked, the exit status is 1.",
		Args: queueArgument(false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDesk(cmd.Context(), args[0], c.export, stopping...)
		},
	}
}

// export writes the parked messages.
func (c *command) export(ctx context.Context, desk *parked.Desk) error {
	look, err := desk.Look(ctx)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(printable.NewWriter(c.out, printable.JSON))
	for _, m := range look.Messages {
		line, err := m.Export()
		if err == nil {
			_, err = out.Write(append(line, '\n'))
		}
		if err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	say(c.err, "exported %d", len(look.Messages))
	if look.Unseen > 0 {
		return fmt.Errorf("queue %s: %d more messages are parked, and not exported: drop or retry those that are, and export again", desk.Queue, look.Unseen)
	}
	return nil
}

func (c *command) deadImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import",
		Short: "Park the messages that gomeko dead export has written",
		Long: "Park the messages that gomeko dead export has written, from standard input.\n\n" +
			"Each is parked in the dead queue of the queue that it failed in. What is parked already is parked once more.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := c.configuration()
			if err != nil {
				return err
			}
			return c.withBrokerOf(cmd.Context(), s, "gomeko dead", func(ctx context.Context, conn *transport.Conn) error {
				next := time.Now().Add(reportTime)
				n, err := parked.Import(ctx, conn, c.in, deadletter.Queues{MaxDead: s.cfg.DeadSize, Keep: s.cfg.DeadKeep}, func(n int) {
					if now := time.Now(); now.After(next) {
						next = now.Add(reportTime)
						say(c.err, "imported %d", n)
					}
				})
				if _, printErr := fmt.Fprintf(c.out, "imported %d\n", n); err == nil {
					err = printErr
				}
				if ctx.Err() != nil {
					return errors.New("interrupted: the messages that were imported are parked")
				}
				return err
			}, os.Interrupt, syscall.SIGTERM)
		},
	}
}
