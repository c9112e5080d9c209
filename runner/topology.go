package runner

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/transport"
)

// topologyFlags are the flags of the commands about queues.
type topologyFlags struct {
	management string
	wait       time.Duration
	json       bool
	all        bool
	yes        bool
}

// topologyCommand lists gomeko's queues at the broker. permissions is its subcommand, which differs
// between gomeko and programs.
func (c *command) topologyCommand(permissions *cobra.Command) *cobra.Command {
	var f topologyFlags
	cmd := &cobra.Command{
		Use:   "topology",
		Short: "List gomeko's queues that no running service uses",
		Long: "List gomeko's queues that no running service uses.\n\n" +
			"These are the queues whose names begin with gomeko., as the broker's management API lists them, without those\n" +
			"that a running service has declared, consumes or would use for messages that fail. What waits in them waits for\n" +
			"a service that is started again, or for gomeko dead.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withTopology(cmd.Context(), f, func(_ context.Context, _ *transport.Conn, t *brokerTopology) error {
				return c.printTopology(t, f)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "print a JSON object for each queue")
	cmd.Flags().BoolVar(&f.all, "all", false, "list the queues that services use, too")
	cmd.AddCommand(c.pruneCommand(), permissions)
	return cmd
}

func (f *topologyFlags) add(cmd *cobra.Command) {
	addManagement(cmd, &f.management)
	cmd.Flags().DurationVar(&f.wait, "wait", time.Second, "`DURATION` to wait for answers of services")
}

func (c *command) pruneCommand() *cobra.Command {
	var f topologyFlags
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete gomeko's queues that are empty and that no running service uses",
		Long: "Delete gomeko's queues that are empty and that no running service uses, after asking.\n\n" +
			"A queue is deleted if its name begins with gomeko., it has no consumers, and the management API counts no\n" +
			"messages in it twice, 6 seconds apart. That count includes messages that wait for a missing queue, which a\n" +
			"client cannot see.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withTopology(cmd.Context(), f, func(ctx context.Context, conn *transport.Conn, t *brokerTopology) error {
				return c.prune(ctx, conn, t, f.yes)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.yes, "yes", false, "delete without asking")
	return cmd
}

// A brokerTopology is what exists at a broker, and what running services use.
type brokerTopology struct {
	api   management
	vhost string
	used  []string // names of queues
	read  time.Time
	ours  []listedQueue // the queues whose names begin with gomeko.
}

// A listedQueue is a queue in the output.
type listedQueue struct {
	managedQueue
	Used bool `json:"used"` // by a running service
}

// withTopology reads what exists and calls do with it.
func (c *command) withTopology(ctx context.Context, f topologyFlags, do func(context.Context, *transport.Conn, *brokerTopology) error) error {
	api, named, err := managementOf(f.management)
	if err != nil {
		return err
	}
	if !named {
		return usagef("topology: needs the broker's management API, which alone counts all messages: add --management, as in --management %s", exampleManagement)
	}
	return c.withBroker(ctx, "gomeko topology", func(ctx context.Context, conn *transport.Conn) error {
		t := &brokerTopology{api: api, vhost: conn.VHost()}
		var instances []string
		if t.used, instances, err = fleet.Queues(ctx, conn, f.wait); err != nil {
			return err
		}
		say(c.err, "processes that have answered: %d", len(instances))
		if err := t.list(ctx); err != nil {
			return err
		}
		return do(ctx, conn, t)
	})
}

// list reads the queues of the broker.
func (t *brokerTopology) list(ctx context.Context) error {
	all, err := t.api.queues(ctx, t.vhost)
	if err != nil {
		return err
	}
	t.ours, t.read = nil, time.Now()
	for _, q := range all {
		if strings.HasPrefix(q.Name, deadletter.Prefix) && !q.Exclusive {
			t.ours = append(t.ours, listedQueue{q, t.uses(q.Name)})
		}
	}
	slices.SortFunc(t.ours, func(a, b listedQueue) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// uses reports whether a running service uses a queue, or would if a message failed.
func (t *brokerTopology) uses(name string) bool {
	return slices.ContainsFunc(t.used, func(used string) bool { return used == name || deadletter.Owns(used, name) })
}

// prunable returns the queues that may be deleted.
func (t *brokerTopology) prunable() (names []string) {
	for _, q := range t.ours {
		if !q.Used && q.Messages != nil && *q.Messages == 0 && q.Consumers != nil && *q.Consumers == 0 {
			names = append(names, q.Name)
		}
	}
	return names
}

// printTopology prints a table, or one JSON object per line.
func (c *command) printTopology(t *brokerTopology, f topologyFlags) error {
	var shown []listedQueue
	for _, q := range t.ours {
		if f.all || !q.Used {
			shown = append(shown, q)
		}
	}
	if f.json {
		lines := json.NewEncoder(printable.NewWriter(c.out, printable.JSON))
		for _, q := range shown {
			if err := lines.Encode(q); err != nil {
				return err
			}
		}
		return nil
	}
	if len(shown) == 0 {
		say(c.err, "every queue of gomeko is used by a running service")
		return nil
	}
	out := newTable(c.out, "QUEUE", "TYPE", "MESSAGES", "CONSUMERS", "USED")
	for _, q := range shown {
		used := "no"
		if q.Used {
			used = "yes"
		}
		out.row(q.Name, q.Type, count(q.Messages), count(q.Consumers), used)
	}
	return out.flush()
}

// statisticsTime is long enough for RabbitMQ to update its queue counts, which it does every 5 s.
const statisticsTime = 6 * time.Second

// prune deletes empty, unused queues after the user has agreed.
func (c *command) prune(ctx context.Context, conn *transport.Conn, t *brokerTopology, yes bool) error {
	names := t.prunable()
	if len(names) == 0 {
		say(c.err, "no queue of gomeko is empty and unused")
		return nil
	}
	for _, name := range names {
		say(c.err, "%s", name)
	}
	if !yes {
		agreed, err := c.ask("delete these queues?")
		if err != nil || !agreed {
			return err
		}
	}
	select {
	case <-time.After(time.Until(t.read.Add(cmp.Or(c.statistics, statisticsTime)))):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := t.list(ctx); err != nil {
		return err
	}
	again := t.prunable()
	for _, name := range names {
		if err := c.pruneQueue(ctx, conn, name, slices.Contains(again, name)); err != nil {
			return err
		}
	}
	return nil
}

// pruneQueue deletes a queue if it is still empty and without consumers.
func (c *command) pruneQueue(ctx context.Context, conn *transport.Conn, name string, empty bool) error {
	if empty {
		messages, consumers, err := conn.Inspect(ctx, name)
		if err != nil {
			return err
		}
		empty = messages == 0 && consumers == 0
	}
	if !empty {
		say(c.err, "%s is kept: it is used again", name)
		return nil
	}
	if err := conn.Delete(ctx, name); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.out, "deleted %s\n", printable.Text(name))
	return err
}

// ask asks the user a question, and reports whether the answer is yes.
func (c *command) ask(question string) (bool, error) {
	say(c.err, "%s [y/N]", question)
	answer, err := bufio.NewReader(c.in).ReadString('\n')
	if err != nil {
		return false, usagef("nobody answers: write --yes to delete without asking")
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}
