package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/parked"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/transport"
)

// deadCommand groups the commands about parked messages.
func (c *command) deadCommand() *cobra.Command {
	var d deadFlags
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "Show the messages that failed for good, and replay or drop them",
		Long: "Show the messages that failed for good, and replay or drop them.\n\n" +
			"A message that failed as often as its row allows is parked in a dead queue, with its error. Without a further\n" +
			"command, dead prints what is parked, grouped by queue and error. It asks the running services for their queues,\n" +
			"or reads the broker's with --management. A queue is named as the one that its messages failed in.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withBroker(cmd.Context(), "gomeko dead", func(ctx context.Context, conn *transport.Conn) error {
				return c.deadGroups(ctx, conn, d)
			})
		},
	}
	addManagement(cmd, &d.management)
	cmd.Flags().DurationVar(&d.wait, "wait", time.Second, "`DURATION` to wait for answers of services")
	cmd.Flags().BoolVar(&d.json, "json", false, "print a JSON object for each group")
	cmd.AddCommand(c.deadListCommand(), c.deadShowCommand(), c.deadRetryCommand(), c.deadDropCommand(), c.deadExportCommand(), c.deadImportCommand())
	return cmd
}

// deadFlags are the flags of the commands about parked messages. Each command has some of them.
type deadFlags struct {
	management string
	wait       time.Duration
	json       bool
	text       string // --error
	since      string
	all        bool
	rate       string
	edit       bool
}

// addSelection adds the flags that select messages.
func (d *deadFlags) addSelection(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.text, "error", "", "only messages with this `TEXT` in their error, as in the list of gomeko dead")
	cmd.Flags().StringVar(&d.since, "since", "", "only messages that failed within this `DURATION`, such as 2h or 3d")
}

// selection returns the messages selected by arguments and flags.
func (d *deadFlags) selection(ids []string) (s parked.Selection, err error) {
	s = parked.Selection{IDs: ids, Error: d.text}
	if d.since != "" {
		age, err := ageOf(d.since)
		if err != nil {
			return s, usagef("--since %q: must be a duration such as 2h or 3d", d.since)
		}
		s.Since = time.Now().Add(-age)
	}
	for _, id := range ids {
		if id == "" {
			return s, usagef("an ID is empty: write the beginning of one that gomeko dead ls prints")
		}
	}
	return s, nil
}

// ageOf parses a duration, which may be in days.
func ageOf(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	age, err := time.ParseDuration(text)
	if err == nil && age < 0 {
		err = errors.New("negative")
	}
	return age, err
}

// queueArgument requires a queue, and accepts IDs only if more is set.
func queueArgument(more bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 || args[0] == "" || !more && len(args) > 1 {
			return usagef("%s: name the queue that the messages failed in, as in gomeko dead %s bills; gomeko dead lists them", cmd.Name(), cmd.Name())
		}
		return nil
	}
}

// withDesk opens the dead queue of a queue and calls do. If nothing is parked, it says so.
func (c *command) withDesk(ctx context.Context, queue string, do func(context.Context, *parked.Desk) error, signals ...os.Signal) error {
	s, err := c.configuration()
	if err != nil {
		return err
	}
	return c.withBrokerOf(ctx, s, "gomeko dead", func(ctx context.Context, conn *transport.Conn) error {
		desk, err := parked.Open(ctx, conn, queue)
		if errors.Is(err, parked.ErrNone) {
			if _, dead := deadletter.OfDead(queue); dead {
				return usagef("%s is a dead queue: name the queue that its messages failed in, as gomeko dead prints it", queue)
			}
			if _, _, unknown := conn.Inspect(ctx, queue); unknown != nil {
				return fmt.Errorf("queue %s: does not exist, and nothing is parked for it: gomeko dead lists the queues", queue)
			}
			say(c.err, "nothing is parked for queue %s", queue)
			return nil
		}
		if err != nil {
			return err
		}
		defer func() { _ = desk.Close(context.WithoutCancel(ctx)) }() // closing the connection ends it, too
		return do(ctx, desk)
	}, signals...)
}

// stopping are the signals that end a command.
var stopping = []os.Signal{os.Interrupt, syscall.SIGTERM}

func (c *command) deadListCommand() *cobra.Command {
	var d deadFlags
	cmd := &cobra.Command{
		Use:   "ls QUEUE [ID…]",
		Short: "List the parked messages of a queue",
		Long:  "List the parked messages of a queue, the oldest first. At most 10,000 messages, or 64 MiB, are looked at.",
		Args:  queueArgument(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.deadLook(cmd.Context(), args, d, c.printDeadList)
		},
	}
	d.addSelection(cmd)
	cmd.Flags().BoolVar(&d.json, "json", false, "print a JSON object for each message, without its content")
	return cmd
}

func (c *command) deadShowCommand() *cobra.Command {
	var d deadFlags
	cmd := &cobra.Command{
		Use:   "show QUEUE [ID…]",
		Short: "Show parked messages with their bodies, headers and stacks",
		Long: "Show parked messages with their bodies, headers and stacks.\n\n" +
			"What looks like a secret is masked. Content of rows with sensitive arguments is not shown.",
		Args: queueArgument(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.deadLook(cmd.Context(), args, d, c.printDead)
		},
	}
	d.addSelection(cmd)
	cmd.Flags().BoolVar(&d.json, "json", false, "print a JSON object for each message")
	return cmd
}

// deadLook reads the messages that args and d select, and prints them.
func (c *command) deadLook(ctx context.Context, args []string, d deadFlags, print func(context.Context, *parked.Desk, []*parked.Message, bool) error) error {
	selection, err := d.selection(args[1:])
	if err != nil {
		return err
	}
	return c.withDesk(ctx, args[0], func(ctx context.Context, desk *parked.Desk) error {
		look, err := desk.Look(ctx)
		if err != nil {
			return err
		}
		picked, err := selection.Pick(look.Messages)
		c.sayUnseen(desk.Queue, len(look.Messages), look.Unseen)
		if err != nil {
			return fmt.Errorf("queue %s: %w", desk.Queue, err)
		}
		if len(picked) == 0 {
			say(c.err, "no parked message of queue %s matches", desk.Queue)
			return nil
		}
		return print(ctx, desk, picked, d.json)
	}, stopping...)
}

// sayUnseen says how many messages were not looked at.
func (c *command) sayUnseen(queue string, seen, unseen int) {
	if unseen > 0 {
		say(c.err, "queue %s: looked at the %d oldest messages only: %d more are behind them", queue, seen, unseen)
	}
}

// printDeadList prints a table, or one JSON object per line.
func (c *command) printDeadList(ctx context.Context, desk *parked.Desk, messages []*parked.Message, asJSON bool) error {
	if asJSON {
		return c.printJSON(ctx, desk, messages, false)
	}
	t := newTable(c.out, "ID", "LAST", "ATTEMPTS", "REASON", "ERROR")
	size := idSize(messages)
	for _, m := range messages {
		line, _, _ := strings.Cut(m.Failure(), "\n")
		t.row(m.ID[:min(len(m.ID), size)], local(m.Last, ""), strconv.Itoa(m.Attempts), string(m.Reason), shortened(line))
	}
	return t.flush()
}

// idSize returns how many characters are needed to distinguish the messages' IDs, at least 8.
func idSize(messages []*parked.Message) int {
	size := 8
	for ; size < 36; size += 4 {
		seen := make(map[string]string, len(messages))
		same := false
		for _, m := range messages {
			short := m.ID[:min(len(m.ID), size)]
			same = same || seen[short] != "" && seen[short] != m.ID
			seen[short] = m.ID
		}
		if !same {
			break
		}
	}
	return size
}

// printJSON prints one JSON object per line.
func (c *command) printJSON(ctx context.Context, desk *parked.Desk, messages []*parked.Message, content bool) error {
	lines := json.NewEncoder(printable.NewWriter(c.out, printable.JSON))
	lines.SetEscapeHTML(false)
	for _, m := range messages {
		if err := lines.Encode(desk.View(ctx, m, content)); err != nil {
			return err
		}
	}
	return nil
}

// printDead prints messages for people, or one JSON object per line.
func (c *command) printDead(ctx context.Context, desk *parked.Desk, messages []*parked.Message, asJSON bool) error {
	if asJSON {
		return c.printJSON(ctx, desk, messages, true)
	}
	out := printable.NewWriter(c.out, printable.Lines)
	for i, m := range messages {
		if i > 0 {
			if _, err := fmt.Fprintln(out, strings.Repeat("─", 80)); err != nil {
				return err
			}
		}
		if err := printView(out, desk.View(ctx, m, true)); err != nil {
			return err
		}
	}
	return nil
}
