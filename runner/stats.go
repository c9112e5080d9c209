package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/transport"
)

// watchInterval is how often gomeko stats --watch asks.
const watchInterval = time.Second

func (c *command) statsCommand() *cobra.Command {
	var s asking
	var watch bool
	cmd := &cobra.Command{
		Use:   "stats [SERVICE]",
		Short: "Print how many calls the methods of services have, and how fast they are",
		Long: "Print how many calls the methods of services have, and how fast they are.\n\n" +
			"Each row is a method in all instances that answer. The calls per second are those of the last ten seconds, p50 and\n" +
			"p99 are of the last minute, and the calls and errors, faults and timeouts, are those since the instances started.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.name(args)
			if !watch {
				return c.survey(cmd.Context(), "stats", &s, func(a fleet.Answers) error { return c.printStats(a, &s) })
			}
			return c.watchStats(cmd.Context(), &s)
		},
	}
	s.addFlags(cmd)
	cmd.ValidArgsFunction = c.completeServices
	cmd.Flags().BoolVar(&watch, "watch", false, "print the table each second, until Ctrl-C")
	return cmd
}

// watchStats prints the table repeatedly. On a terminal, each replaces the previous one.
func (c *command) watchStats(ctx context.Context, s *asking) error {
	s.Verb = "stats"
	return c.withBroker(ctx, "gomeko", func(ctx context.Context, conn *transport.Conn) error {
		tick := time.NewTicker(watchInterval)
		defer tick.Stop()
		for first := true; ; first = false {
			answers, err := fleet.Survey(ctx, conn, s.Question)
			if ctx.Err() != nil { // Ctrl-C
				return nil //nolint:nilerr // it is how a watch ends
			}
			if err != nil {
				return err
			}
			switch {
			case s.json:
			case isTerminal(c.out):
				_, _ = fmt.Fprint(c.out, "\x1b[H\x1b[2J")
			case !first:
				_, _ = fmt.Fprintln(c.out)
			}
			if err := c.printStats(answers, s); err != nil {
				return err
			}
			if err := c.summarize(answers, s); err != nil {
				return err
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// A methodStats is a row of gomeko stats: one row in all instances.
type methodStats struct {
	Service   string  `json:"service"`
	Instances int     `json:"instances"`
	P50       float64 `json:"p50"` // seconds
	P99       float64 `json:"p99"` // seconds
	fleet.RowStats
}

// printStats prints the statistics of the methods.
func (c *command) printStats(answers fleet.Answers, s *asking) error {
	rows, err := methods(answers, s.Service)
	if err != nil {
		return err
	}
	if s.json {
		return printLines(c.out, rows)
	}
	if len(rows) == 0 {
		return nil
	}
	t := newTable(c.out, "SERVICE", "METHOD", "KIND", "INSTANCES", "CALLS/S", "CALLS", "ERRORS", "RUNNING", "WAITING", "P50", "P99")
	for _, r := range rows {
		t.row(r.Service, r.Method, r.Kind, strconv.Itoa(r.Instances), number(r.Rate), strconv.FormatUint(r.Calls(), 10), strconv.FormatUint(r.Errors(), 10),
			strconv.FormatInt(r.Running, 10), strconv.FormatInt(r.Waiting, 10), short(r.Quantile(0.5)), short(r.Quantile(0.99)))
	}
	return t.flush()
}

// methods sums the statistics of each row over all processes.
func methods(answers fleet.Answers, only string) ([]methodStats, error) {
	var rows []methodStats
	places := map[[2]string]int{}
	for _, a := range answers.Answers {
		if a.Error != "" {
			continue
		}
		var stats fleet.Stats
		if err := json.Unmarshal(a.Answer, &stats); err != nil {
			return nil, remoteError{fmt.Errorf("the answer of %s cannot be read: %w", a.Instance, err)}
		}
		for _, s := range stats.Services {
			if only != "" && s.Service != only {
				continue
			}
			for i := range s.Rows {
				r := &s.Rows[i]
				key := [2]string{s.Service, r.Row}
				at, known := places[key]
				if !known {
					at = len(rows)
					places[key] = at
					rows = append(rows, methodStats{Service: s.Service, RowStats: fleet.RowStats{Row: r.Row, Method: r.Method, Kind: r.Kind}})
				}
				rows[at].Instances++
				rows[at].Add(r)
			}
		}
	}
	for i := range rows {
		rows[i].P50, rows[i].P99 = rows[i].Quantile(0.5).Seconds(), rows[i].Quantile(0.99).Seconds()
	}
	slices.SortFunc(rows, func(a, b methodStats) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Row, b.Row))
	})
	return rows, nil
}
