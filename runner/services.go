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
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/transport"
)

// fleetCommands are the commands that ask the processes of a fleet.
func (c *command) fleetCommands() []*cobra.Command {
	return []*cobra.Command{c.servicesCommand(), c.statsCommand(), c.healthCommand(), c.dumpCommand(), c.levelCommand(), c.broadcastCommand()}
}

func (c *command) servicesCommand() *cobra.Command {
	var s asking
	cmd := &cobra.Command{
		Use:   "services [SERVICE]",
		Short: "List the services that run, and their instances",
		Long: "List the services that run, and their instances.\n\n" +
			"Every process of gomeko is asked, and those that answer are listed: nobody registers anywhere. BUSY is how many\n" +
			"workers have a call, of how many; the calls per second are those of the last ten seconds, p99 is of the last minute,\n" +
			"and the errors, faults and timeouts, are those since the start.\n\n" +
			"The answers are compared with the consumers of the queues rpc-SERVICE. Consumers that belong to nobody who has\n" +
			"answered are listed apart: they are Nameko processes in Python, processes with gomeko.control: off, and processes\n" +
			"that the broker takes for connected although they cannot be reached.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.name(args)
			return c.survey(cmd.Context(), "stats", &s, func(a fleet.Answers) error {
				rows, err := instances(a, s.Service)
				if err != nil {
					return err
				}
				if s.json {
					return printLines(c.out, append(rows, others(a)...))
				}
				return c.printServices(rows, a)
			})
		},
	}
	s.addFlags(cmd)
	cmd.ValidArgsFunction = c.completeServices
	return cmd
}

// An asking is what a command asks, and how it prints the answers.
type asking struct {
	fleet.Question
	json bool
	must bool // no answer is an error
}

func (s *asking) addFlags(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&s.Wait, "wait", time.Second, "`DURATION` to wait for answers, at most")
	cmd.Flags().BoolVar(&s.json, "json", false, "print a JSON object on each line")
}

// name reads the argument SERVICE or SERVICE/INSTANCE.
func (s *asking) name(args []string) {
	if len(args) > 0 {
		s.Service, s.Instance, _ = strings.Cut(args[0], "/")
	}
}

// survey asks processes, prints their answers, and then prints to stderr how many of them answered.
func (c *command) survey(ctx context.Context, verb string, s *asking, print func(fleet.Answers) error) error {
	s.Verb = verb
	if s.Wait <= 0 {
		return usagef("--wait %s: must be positive", s.Wait)
	}
	return c.withBroker(ctx, "gomeko", func(ctx context.Context, conn *transport.Conn) error {
		answers, err := fleet.Survey(ctx, conn, s.Question)
		if err != nil {
			return err
		}
		if err := print(answers); err != nil {
			return err
		}
		return c.summarize(answers, s)
	})
}

// summarize says how many processes have answered, if the list may be incomplete. It returns an
// error if an instance was named and has not answered.
func (c *command) summarize(answers fleet.Answers, s *asking) error {
	missing := 0
	for _, count := range answers.Counts {
		missing += count.Others
	}
	n, failed := len(answers.Answers), 0
	for _, a := range answers.Answers {
		if a.Error != "" {
			failed++
			say(c.err, "%s: %s", printable.Text(a.Instance), printable.Text(a.Error))
		}
	}
	switch {
	case failed > 0 && failed == n:
		return fmt.Errorf("no instance has done what was asked: %d of %d refused or failed", failed, n)
	case n == 0 && s.Instance != "":
		return remoteError{fmt.Errorf("%s of the service %s has not answered: gomeko services lists the instances", s.Instance, s.Service)}
	case n == 0 && s.must:
		return remoteError{fmt.Errorf("nobody has answered for the service %s: gomeko services lists those that run", s.Service)}
	case n == 0 && missing == 0 && s.Service != "":
		say(c.err, "nobody has answered for the service %s", s.Service)
	case n == 0 && missing == 0:
		say(c.err, "nobody has answered: no services of gomeko run at this broker")
	case missing > 0:
		say(c.err, "%d of %d answered: the others consume requests, and are Nameko processes in Python, or do not answer", n, n+missing)
	}
	return nil
}

// An instance is a service in one process, as a row in the output of gomeko services.
type instance struct {
	Service  string    `json:"service"`
	Instance string    `json:"instance,omitempty"`
	Version  string    `json:"version,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	Host     string    `json:"host,omitempty"`
	URL      string    `json:"url,omitempty"`
	Busy     int64     `json:"busy"`
	Workers  int       `json:"workers"`
	Rate     float64   `json:"rate"` // calls a second
	Calls    uint64    `json:"calls"`
	Errors   uint64    `json:"errors"`
	P99      float64   `json:"p99"`              // seconds
	Jobs     any       `json:"jobs,omitempty"`   // the store of the process: its name and its id
	Others   int       `json:"others,omitempty"` // consumers that belong to no process that answered
}

// others returns a row for each service with consumers that belong to no process that answered.
func others(a fleet.Answers) (rows []instance) {
	for _, count := range a.Counts {
		if count.Others > 0 {
			rows = append(rows, instance{Service: count.Service, Others: count.Others})
		}
	}
	return rows
}

// instances returns the rows for the processes that answered.
func instances(answers fleet.Answers, only string) (rows []instance, err error) {
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
			row := instance{
				Service: s.Service, Instance: a.Instance, Version: versionOf(a, s.Service),
				Started: stats.Started, Host: stats.Host, URL: stats.URL, Workers: s.Workers, Jobs: stats.Jobs,
			}
			var all fleet.RowStats
			for i := range s.Rows {
				all.Add(&s.Rows[i])
			}
			row.Busy, row.Rate, row.Calls, row.Errors, row.P99 = all.Running, all.Rate, all.Calls(), all.Errors(), all.Quantile(0.99).Seconds()
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b instance) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Instance, b.Instance))
	})
	return rows, nil
}

// versionOf returns the version of a service in a process.
func versionOf(a fleet.Answer, service string) string {
	for _, s := range a.Services {
		if s.Name == service {
			return s.Version
		}
	}
	return ""
}

// printServices prints the instances, and separately the consumers of others.
func (c *command) printServices(rows []instance, a fleet.Answers) error {
	if len(rows) > 0 {
		t := newTable(c.out, "SERVICE", "INSTANCE", "VERSION", "UPTIME", "HOST", "HTTP", "BUSY", "CALLS/S", "ERRORS", "P99")
		for _, r := range rows {
			t.row(r.Service, r.Instance, r.Version, long(time.Since(r.Started)), r.Host, r.URL, fmt.Sprintf("%d/%d", r.Busy, r.Workers),
				number(r.Rate), strconv.FormatUint(r.Errors, 10), short(time.Duration(r.P99*float64(time.Second))))
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	apart := others(a)
	if len(apart) == 0 {
		return nil
	}
	if len(rows) > 0 {
		_, _ = fmt.Fprintln(c.out)
	}
	t := newTable(c.out, "SERVICE", "OTHER CONSUMERS")
	for _, r := range apart {
		t.row(r.Service, strconv.Itoa(r.Others))
	}
	return t.flush()
}
