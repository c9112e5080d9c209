package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/parked"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/transport"
)

// deadGroups prints the parked messages of all queues in groups.
func (c *command) deadGroups(ctx context.Context, conn *transport.Conn, d deadFlags) error {
	queues, err := c.deadQueues(ctx, conn, d)
	if err != nil {
		return err
	}
	var groups []parked.Group
	var busy []error
	for _, queue := range queues {
		found, err := c.groupsOf(ctx, conn, queue)
		switch {
		case errors.Is(err, parked.ErrNone):
		case errors.Is(err, parked.ErrBusy):
			busy = append(busy, err)
		case err != nil:
			return err
		}
		groups = append(groups, found...)
	}
	if err := c.printGroups(groups, d.json); err != nil || busy != nil {
		return errors.Join(append(busy, err)...)
	}
	if len(groups) == 0 {
		say(c.err, "nothing is parked; queues that were looked at: %d", len(queues))
	}
	return nil
}

// groupsOf returns the groups of a queue.
func (c *command) groupsOf(ctx context.Context, conn *transport.Conn, queue string) ([]parked.Group, error) {
	desk, err := parked.Open(ctx, conn, queue)
	if err != nil {
		return nil, err
	}
	defer func() { _ = desk.Close(context.WithoutCancel(ctx)) }()
	look, err := desk.Look(ctx)
	c.sayUnseen(queue, len(look.Messages), look.Unseen)
	return parked.Groups(look.Messages), err
}

// printGroups prints a table, or one JSON object per line.
func (c *command) printGroups(groups []parked.Group, asJSON bool) error {
	if asJSON {
		lines := json.NewEncoder(printable.NewWriter(c.out, printable.JSON))
		for _, g := range groups {
			if err := lines.Encode(g); err != nil {
				return err
			}
		}
		return nil
	}
	if len(groups) == 0 {
		return nil
	}
	t := newTable(c.out, "QUEUE", "ERROR", "COUNT", "FIRST", "LAST")
	for _, g := range groups {
		t.row(g.Queue, shortened(g.Error), strconv.Itoa(g.Count), local(g.First, ""), local(g.Last, ""))
	}
	return t.flush()
}

// deadQueues returns the queues that may have parked messages, sorted.
func (c *command) deadQueues(ctx context.Context, conn *transport.Conn, d deadFlags) (queues []string, err error) {
	api, named, err := managementOf(d.management)
	if err != nil {
		return nil, err
	}
	if !named {
		return c.askedQueues(ctx, conn, d.wait)
	}
	all, err := api.queues(ctx, conn.VHost())
	for _, q := range all {
		if queue, ok := deadletter.OfDead(q.Name); ok {
			queues = append(queues, queue)
		}
	}
	slices.Sort(queues)
	return queues, err
}

// askedQueues returns the queues of running services that may have parked messages.
func (c *command) askedQueues(ctx context.Context, conn *transport.Conn, wait time.Duration) ([]string, error) {
	all, instances, err := fleet.Queues(ctx, conn, wait)
	if err != nil {
		return nil, err
	}
	if len(instances) == 0 {
		return nil, fmt.Errorf("no running service has answered: name the broker's management API, as in --management %s, or a queue, as in gomeko dead ls QUEUE", exampleManagement)
	}
	return parked.Queues(all), nil
}
