package jobs

import (
	"strings"

	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/transport"
)

// The names on the broker: see docs/wire/jobs.md.
const (
	exchangeName   = deadletter.Prefix + "jobs"          // messages with the routing key service.name
	unroutedName   = exchangeName + ".unrouted"          // exchange and queue of messages that no queue is bound for
	queuePrefix    = exchangeName + "."                  // of the queues, followed by the service
	runAtHeader    = deadletter.Prefix + "run_at"        // when a delayed job may run
	unknownHeader  = deadletter.Prefix + "unknown_since" // since when no worker knows its name, without a store
	storeHeader    = exchangeName + ".store"             // the id of the store of the process that wakes a worker
	resourcePrefix = deadletter.Prefix + "resource."     // of the queues of resources, without a store
	replyPrefix    = exchangeName + ".reply."            // of the queues of outcomes
)

// exchange returns the exchange that jobs are published to, and the queue that keeps messages for
// which no queue is bound yet. Everything that publishes or consumes jobs declares it first.
func exchange() transport.Topology {
	return transport.Topology{
		Exchanges: []transport.Exchange{
			{Name: unroutedName, Kind: "fanout", Durable: true},
			{Name: exchangeName, Kind: "topic", Durable: true, Args: transport.Table{"alternate-exchange": unroutedName}},
		},
		Queues: []transport.Queue{{
			Name: unroutedName, Durable: true, Kept: true, Unlimited: true, Args: transport.Table{"x-queue-type": "quorum"},
		}},
		Bindings: []transport.Binding{{Queue: unroutedName, Exchange: unroutedName}},
	}
}

// queueName returns the queue of a service's jobs. queue is the rows' key queue, or "".
func queueName(service, queue string) string {
	if queue == "" {
		return queuePrefix + service
	}
	return queuePrefix + service + "." + queue
}

// resourceQueue returns the queue of a resource without a store.
func resourceQueue(service, resource string) string { return resourcePrefix + service + "." + resource }

// routingKey returns the key that a job is published with.
func routingKey(service, name string) string { return service + "." + name }

// splitKey returns the service and the name of a routing key. A service's name may contain dots, a
// job's may not.
func splitKey(key string) (service, name string, ok bool) {
	dot := strings.LastIndexByte(key, '.')
	if dot <= 0 || dot == len(key)-1 {
		return "", "", false
	}
	return key[:dot], key[dot+1:], true
}
