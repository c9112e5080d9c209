package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/deadletter"
)

const (
	mostDelays  = 500 // more delay queues than this are a warning
	mostListed  = 20  // the most leftovers that are listed individually
	replyPrefix = "rpc.reply-"
	delayPrefix = deadletter.Prefix + "delay."
)

// delayQueues checks whether there are too many delay queues.
func (x *examination) delayQueues(all []queue) {
	n := 0
	for _, q := range all {
		if strings.HasPrefix(q.Name, delayPrefix) {
			n++
		}
	}
	if n > mostDelays {
		x.add(Warning, "delay-queues", "virtual host "+x.vhost, "%d delay queues: each delay of each queue has one, and the broker starts slowly with many", n).
			remedy("round the times that services pass to service.RetryAfter, then run gomeko topology prune --management URI")
	}
}

// leftovers finds queues of gomeko that nobody uses.
func (x *examination) leftovers(ctx context.Context, all []queue, consumers map[string]int) {
	wait := cmp.Or(x.Wait, time.Second)
	limited, cancel := context.WithTimeout(ctx, wait+requestTime)
	defer cancel()
	used, instances, err := fleet.Queues(limited, x.conn, wait)
	if err != nil {
		if ctx.Err() == nil {
			x.add(Warning, "leftover", "virtual host "+x.vhost, "running services cannot be asked which queues they use: %v", err).
				remedy("grant the user of the broker what gomeko services needs: docs/wire/control.md")
		}
		return
	}
	x.add(Info, "services", "virtual host "+x.vhost, "processes that have answered: %d", len(instances))
	for _, p := range x.Plans {
		for _, q := range p.Topology.Queues {
			used = append(used, q.Name)
		}
		used = append(used, p.Consumes...)
	}
	var left []queue
	for _, q := range all {
		if consumers[q.Name] == 0 && q.leftover() && !slices.ContainsFunc(used, func(name string) bool { return name == q.Name || deadletter.Owns(name, q.Name) }) {
			left = append(left, q)
		}
	}
	slices.SortFunc(left, func(a, b queue) int { return strings.Compare(a.Name, b.Name) })
	for _, q := range left[:min(len(left), mostListed)] {
		x.leftover(&q)
	}
	if n := len(left) - mostListed; n > 0 {
		x.add(Warning, "leftover", "virtual host "+x.vhost, "%d further queues of gomeko that no running service uses", n).remedy("gomeko topology --management URI")
	}
}

// leftover reports whether a queue without consumers is a queue of gomeko that stays although
// nobody uses it.
func (q *queue) leftover() bool {
	switch {
	case strings.HasPrefix(q.Name, fleet.HubExchange+"-"):
		return true // its process consumes it as long as it is connected
	case q.temporary():
		return false
	}
	return strings.HasPrefix(q.Name, deadletter.Prefix) || strings.HasPrefix(q.Name, replyPrefix)
}

// leftover adds a finding for a queue.
func (x *examination) leftover(q *queue) {
	what := "no running service uses this queue"
	if q.Messages != nil && *q.Messages > 0 {
		what = fmt.Sprintf("no running service uses this queue; messages in it: %d", *q.Messages)
	}
	e := x.add(Warning, "leftover", "queue "+q.Name, "%s", what)
	switch dead, isDead := deadletter.OfDead(q.Name); {
	case strings.HasPrefix(q.Name, fleet.HubExchange+"-"):
		e.What = "this queue of a hub has no consumer: its process is connected and does not read it"
		e.remedy("restart the process that has declared it, or close its connection: rabbitmqctl list_queues -p %s name owner_pid", x.vhost)
	case strings.HasPrefix(q.Name, replyPrefix):
		e.remedy("rabbitmqctl delete_queue --if-unused -p %s %s", x.vhost, q.Name)
	case isDead && q.Messages != nil && *q.Messages > 0:
		e.remedy("gomeko dead ls %s", dead)
	default:
		e.remedy("start its service, or delete it if it is empty: gomeko topology prune --management URI")
	}
}
