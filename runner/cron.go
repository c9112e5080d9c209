package runner

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/timer/cron"
)

// cronCommand groups the commands about schedules.
func (c *command) cronCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cron",
		Short: "Work with cron expressions",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("cron: which command? Try gomeko cron next '30 2 * * *'")
		},
	}
	cmd.AddCommand(c.cronNextCommand())
	return cmd
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
		Example: "  gomeko cron next '30 2 * * *' --tz Europe/Madrid\n" +
			"  gomeko cron next '*/15 9-17 * * MON-FRI' -n 3 --json",
		Args: cobra.ExactArgs(1),
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

// printTicks prints the ticks after at, one on each line.
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
