package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // cron expressions work on machines without time zones

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/timer/cron"
	"github.com/gomeko/gomeko/transport"
)

// A cronCommand holds what the commands about timers and periodic jobs share.
type cronCommand struct {
	jobsCommand
}

// cronCommand groups the commands about timers and periodic jobs.
func (c *command) cronCommand() *cobra.Command {
	k := &cronCommand{jobsCommand{command: c}}
	cmd := &cobra.Command{
		Use:   "cron",
		Short: "List, pause and run the timers and periodic jobs of a fleet, and try cron expressions",
		Long: "List, pause and run the timers and periodic jobs of a fleet, and try cron expressions.\n\n" +
			"The timers are those that tick once in the fleet: rows of timer.Cron, and of timer.Interval with once:\"fleet\". The\n" +
			"periodic jobs are rows of jobs.Job with the key cron. They are in the store of jobs: that of --store, else\n" +
			storeVariable + " of the environment, else gomeko.jobs.store of the configuration, else the file\n" +
			storeFile + " beside the configuration. Without a store, they are listed with the timers.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usagef("cron: name a command, as in gomeko cron ls")
		},
	}
	cmd.PersistentFlags().StringVar(&k.store, "store", "", storeUsage)
	cmd.AddCommand(k.listCommand(), c.cronNextCommand(),
		k.verbCommand(fleet.Run, "Call a timer's method once, now, in one process, or enqueue a job of a periodic row"),
		k.verbCommand(fleet.Pause, "Pause a timer or periodic row in all processes, until it is resumed"),
		k.verbCommand(fleet.Resume, "Resume a paused timer or periodic row"), k.forgetCommand())
	return cmd
}

func (k *cronCommand) listCommand() *cobra.Command {
	var within time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the timers that tick once in the fleet, and the periodic jobs",
		Long: "List the timers that tick once in the fleet, and the periodic jobs.\n\n" +
			"The process that holds a timer's token answers for it. Timers without a running process are not listed, but\n" +
			"periodic jobs are, which the store has.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows, err := k.periodics(cmd.Context())
			if err != nil {
				return err
			}
			err = k.withBroker(cmd.Context(), "gomeko cron", func(ctx context.Context, conn *transport.Conn) error {
				timers, err := fleet.List(ctx, conn, within)
				for _, t := range timers {
					rows = append(rows, cronRow{Timer: t})
				}
				return err
			})
			if err != nil && len(rows) > 0 {
				say(k.err, "warning: timers are not listed: %v", err)
			} else if err != nil {
				return err
			}
			slices.SortFunc(rows, func(a, b cronRow) int {
				return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Row, b.Row))
			})
			return k.print(rows, asJSON)
		},
	}
	cmd.Flags().DurationVar(&within, "wait", time.Second, "`DURATION` to wait for answers")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each timer")
	return cmd
}

// print prints a table, or one JSON object per line.
func (k *cronCommand) print(rows []cronRow, asJSON bool) error {
	if asJSON {
		return printLines(k.out, rows)
	}
	if len(rows) == 0 {
		say(k.err, "no process with timers has answered, and there are no periodic jobs")
		return nil
	}
	t := newTable(k.out, "TIMER", "SCHEDULE", "ZONE", "LAST", "NEXT", "HOLDER", "JOB")
	for _, r := range rows {
		next := local(r.Next, r.Zone)
		if r.Paused {
			next = "paused"
		}
		t.row(r.Service+"."+r.Row, r.Schedule, r.Zone, local(r.Last, r.Zone), next, r.Holder, r.Job.String())
	}
	return t.flush()
}

// local converts a time to a zone, if this machine knows the zone.
func local(t time.Time, zone string) string {
	if t.IsZero() {
		return "-"
	}
	location, err := time.LoadLocation(zone) // "" is UTC
	if err != nil {
		location = time.UTC
	}
	return t.In(location).Format("2006-01-02 15:04:05 MST")
}

func (k *cronCommand) verbCommand(verb fleet.Verb, short string) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   string(verb) + " SERVICE.ROW",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			service, name, err := splitRow(args[0])
			if err != nil {
				return err
			}
			if row, found, err := k.change(cmd.Context(), service, name, verb); err != nil || found {
				if err == nil {
					err = k.print([]cronRow{row}, false)
				}
				return err
			}
			return k.withBroker(cmd.Context(), "gomeko cron", func(ctx context.Context, conn *transport.Conn) error {
				ctx, cancel := context.WithTimeout(ctx, timeout)
				defer cancel()
				t, err := fleet.Ask(ctx, conn, service, name, verb)
				if errors.Is(err, fleet.ErrUnknownTimer) {
					return fmt.Errorf("%w: gomeko cron ls lists them", err)
				}
				if err != nil {
					return err
				}
				return k.print([]cronRow{{Timer: t}}, false)
			})
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Second, "`DURATION` to wait for the answer of a timer's process")
	return cmd
}

// splitRow splits the name of a row, such as reports.Nightly.
func splitRow(text string) (service, row string, err error) {
	dot := strings.LastIndex(text, ".")
	if dot <= 0 || dot == len(text)-1 {
		return "", "", usagef("%q: must be SERVICE.ROW, as in reports.Nightly", text)
	}
	return text[:dot], text[dot+1:], nil
}

func (c *command) cronNextCommand() *cobra.Command {
	var zone, from string
	var count int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "next EXPR",
		Short: "Print the next times at which a cron expression ticks",
		Long: "Print the next times at which a cron expression ticks.\n\n" +
			"EXPR has five fields, minute hour day month weekday, or six with seconds first. A fixed time runs once for each\n" +
			"local date: if the clock skips it, at the end of the gap; if it occurs twice, at the first. An expression with * in\n" +
			"the minute or the hour runs whenever the clock shows a matching time.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("cron next: write one expression in quotes, as in gomeko cron next '30 2 * * *'")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			location, err := time.LoadLocation(zone)
			if err != nil {
				return usagef("--tz %q: is not a time zone: write a name such as Europe/Madrid", zone)
			}
			s, err := cron.Parse(args[0], location)
			if err != nil {
				return usagef("%v", err)
			}
			at := time.Now()
			if from != "" {
				if at, err = time.Parse(time.RFC3339, from); err != nil {
					return usagef("--from %q: is not a time: write it as 2026-03-28T00:00:00Z", from)
				}
			}
			if count < 1 {
				return usagef("-n %d: must be at least 1", count)
			}
			return c.printTicks(s, at, count, asJSON)
		},
	}
	cmd.Flags().StringVar(&zone, "tz", "UTC", "time `ZONE` of the expression, such as Europe/Madrid")
	cmd.Flags().StringVar(&from, "from", "", "`TIME` after which to begin, as in RFC 3339 (default: now)")
	cmd.Flags().IntVarP(&count, "count", "n", 5, "`NUMBER` of ticks to print")
	cmd.Flags().BoolVar(&asJSON, "json", false, `print a JSON object for each tick: {"time": …}, in UTC`)
	return cmd
}

// printTicks prints the ticks after at, one per line.
func (c *command) printTicks(s *cron.Schedule, at time.Time, count int, asJSON bool) error {
	lines := json.NewEncoder(c.out)
	for range count {
		var err error
		if at = s.Next(at); asJSON {
			err = lines.Encode(map[string]string{"time": at.UTC().Format(time.RFC3339)})
		} else {
			_, err = fmt.Fprintln(c.out, at.Format("Mon 2006-01-02 15:04:05 -07:00 MST"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
