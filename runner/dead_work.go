package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/parked"
	"github.com/gomeko/gomeko/transport"
)

func (c *command) deadRetryCommand() *cobra.Command {
	var d deadFlags
	cmd := &cobra.Command{
		Use:   "retry QUEUE [ID…|--all|--error TEXT]",
		Short: "Have parked messages tried again",
		Long: "Have parked messages tried again, in their order.\n\n" +
			"A message goes to the retry queue of its queue, which Go services consume beside the queue itself, and its\n" +
			"attempts are counted anew. Each one is confirmed before it leaves the dead queue: if the command is killed, at\n" +
			"most one is tried twice. Messages that are parked meanwhile are not tried.",
		Args: queueArgument(true),
		RunE: func(cmd *cobra.Command, args []string) error { return c.deadRetry(cmd.Context(), args, d) },
	}
	d.addWork(cmd)
	cmd.Flags().StringVar(&d.rate, "rate", "50/s", "how many messages are tried, as `NUMBER/UNIT` with the unit s, m or h; none is as fast as it goes")
	cmd.Flags().BoolVar(&d.edit, "edit", false, "edit each message's body first, in $VISUAL or $EDITOR: an empty file leaves the message parked")
	return cmd
}

func (c *command) deadDropCommand() *cobra.Command {
	var d deadFlags
	cmd := &cobra.Command{
		Use:   "drop QUEUE [ID…|--all|--error TEXT]",
		Short: "Delete parked messages",
		Long:  "Delete parked messages. Those that are parked meanwhile stay.",
		Args:  queueArgument(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := d.work(args[1:])
			if err != nil {
				return err
			}
			return c.withDesk(cmd.Context(), args[0], func(ctx context.Context, desk *parked.Desk) error {
				w.Do = desk.Drop
				return c.take(ctx, desk, w, "dropped")
			}, stopping...)
		},
	}
	d.addWork(cmd)
	return cmd
}

// addWork adds the flags that select the messages to work on.
func (d *deadFlags) addWork(cmd *cobra.Command) {
	d.addSelection(cmd)
	cmd.Flags().BoolVar(&d.all, "all", false, "all messages that are parked now")
}

// work returns the work that arguments and flags ask for. They must select messages: by ID, by
// error, or all.
func (d *deadFlags) work(ids []string) (w parked.Work, err error) {
	named := 0
	for _, isNamed := range []bool{len(ids) > 0, d.all, d.text != ""} {
		if isNamed {
			named++
		}
	}
	if named != 1 {
		return w, usagef("which messages? Name their IDs, or write --all, or --error TEXT: one of these")
	}
	if w.Selection, err = d.selection(ids); err != nil {
		return w, err
	}
	w.Rate, err = rateOf(d.rate)
	return w, err
}

// rateOf parses "50/s" or "none" as messages per second; 0 means no limit.
func rateOf(text string) (float64, error) {
	if text == "" || text == "none" {
		return 0, nil
	}
	number, unit, _ := strings.Cut(text, "/")
	seconds := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || seconds == 0 || !(n > 0) || n > 1e6 || n/seconds < 1e-4 {
		return 0, usagef("--rate %q: must be a number of messages and a unit, such as 50/s, 10/m or 5/h, or none", text)
	}
	return n / seconds, nil
}

// deadRetry replays the messages that args and d select.
func (c *command) deadRetry(ctx context.Context, args []string, d deadFlags) error {
	w, err := d.work(args[1:])
	if err != nil {
		return err
	}
	signals := stopping
	if d.edit { // the editor handles Ctrl-C
		signals = []os.Signal{syscall.SIGTERM}
		defer ignoreInterrupts()()
	}
	return c.withDesk(ctx, args[0], func(ctx context.Context, desk *parked.Desk) error {
		consumers, err := desk.Prepare(ctx)
		if err != nil {
			return err
		}
		if consumers == 0 {
			say(c.err, "warning: nobody consumes the retry queue of %s now: what is replayed waits there until a Go service "+
				"runs, or its row is no longer paused (gomeko health says so)", desk.Queue)
		}
		e := edit{command: c, desk: desk}
		w.Do = desk.Replay
		if d.edit {
			w.Edit, w.Do = e.change, e.replay
		}
		return e.explain(c.take(ctx, desk, w, "replayed"))
	}, signals...)
}

// reportTime is how often long work reports its progress.
const reportTime = 2 * time.Second

// take does the work, reports its progress, and prints the result.
func (c *command) take(ctx context.Context, desk *parked.Desk, w parked.Work, done string) error {
	next := time.Now().Add(reportTime)
	w.Progress = func(n, of int) {
		if now := time.Now(); now.After(next) && n < of {
			next = now.Add(reportTime)
			say(c.err, "%s %d of %d", done, n, of)
		}
	}
	r, err := desk.Take(ctx, w)
	if _, printErr := fmt.Fprintf(c.out, "%s %d\n", done, r.Taken); err == nil {
		err = printErr
	}
	if r.Skipped > 0 {
		say(c.err, "%d stay parked: they were skipped", r.Skipped)
	}
	c.sayUnseen(desk.Queue, parked.MaxMessages, r.Unseen)
	if ctx.Err() != nil {
		return errors.New("interrupted: the other messages stay parked")
	}
	if returned := (*transport.Returned)(nil); errors.As(err, &returned) {
		return fmt.Errorf("%w: the retry queue was deleted: run the command again", err)
	}
	if err != nil {
		return fmt.Errorf("queue %s: %w", desk.Queue, err)
	}
	return nil
}
