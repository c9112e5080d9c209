package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// This file measures brokers alone, with amqp091-go over TCP as the client.

// fanOut is how many queues a message of the scenario fan-out goes to.
const fanOut = 8

// topics is how many bindings the scenario of topics has, and topicQueues how many queues they lead
// to.
const (
	topics      = 10_000
	topicQueues = 100
)

// serveQueues declares what a scenario, its second argument, publishes to, and counts what comes
// out.
func serveQueues(_ context.Context, r *role, args []string) error {
	conn, err := amqp.Dial(args[0])
	if err != nil {
		return err
	}
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	queues := 1
	switch args[1] {
	case "fanout":
		queues = fanOut
	case "topics":
		queues = topicQueues
	}
	for i := range queues {
		if _, err := ch.QueueDeclare(queueOf(i), true, false, false, false, nil); err != nil {
			return err
		}
	}
	switch args[1] {
	case "confirms", "depth": // nobody consumes
		return nil
	case "fanout":
		for i := range queues {
			if err := ch.QueueBind(queueOf(i), "", "amq.fanout", false, nil); err != nil {
				return err
			}
		}
	case "topics":
		for i := range topics {
			last := i == topics-1 // whose answer is waited for
			if err := ch.QueueBind(queueOf(i%queues), fmt.Sprintf("orders.%d.*.created", i), "amq.topic", !last, nil); err != nil {
				return err
			}
		}
	}
	for i := range queues {
		deliveries, err := ch.Consume(queueOf(i), "", true, false, false, false, nil)
		if err != nil {
			return err
		}
		go func() {
			for range deliveries {
				r.handled.Add(1)
			}
		}()
	}
	return nil
}

func queueOf(i int) string { return "bench-" + strconv.Itoa(i) }

// publishQueues publishes, and waits for each confirm.
func publishQueues(_ context.Context, r *role, args []string) error {
	conn, err := amqp.Dial(args[0])
	if err != nil {
		return err
	}
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := ch.Confirm(false); err != nil {
		return err
	}
	p := amqp.Publishing{DeliveryMode: amqp.Transient}
	exchange, key := "", func() string { return queueOf(0) }
	switch args[1] {
	case "confirms":
		p.DeliveryMode = amqp.Persistent
	case "depth":
		return r.deepen(conn, args[2])
	case "fanout":
		exchange = "amq.fanout"
	case "topics":
		exchange, key = "amq.topic", func() string { return fmt.Sprintf("orders.%d.eu.created", rand.IntN(topics)) }
	}
	call := func(text string) error {
		p := p
		p.Body = []byte(text)
		return publish(context.Background(), ch, exchange, key(), p)
	}
	r.load = func(o order, l *latencies) report {
		answer := closedLoop(o, l, call)
		if args[1] == "confirms" {
			if _, err := ch.QueuePurge(queueOf(0), false); err != nil {
				answer.Error = err.Error()
			}
		}
		return answer
	}
	return nil
}

// deepen fills the queue to a depth, at which each call puts a message in and takes one out.
func (r *role) deepen(conn *amqp.Connection, depth string) error {
	n, err := strconv.Atoi(depth)
	if err != nil {
		return err
	}
	if err := fill(conn, n, 22); err != nil {
		return err
	}
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	r.call = func(ctx context.Context, text string) error {
		mu.Lock()
		defer mu.Unlock()
		if err := ch.PublishWithContext(ctx, "", queueOf(0), false, false, amqp.Publishing{Body: []byte(text)}); err != nil {
			return err
		}
		_, _, err := ch.Get(queueOf(0), true)
		return err
	}
	return nil
}

// fill puts n messages of a size into the queue, and returns when the broker has confirmed them.
func fill(conn *amqp.Connection, n, size int) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	if err := ch.Confirm(false); err != nil {
		return err
	}
	const batch = 1000 // confirmed together
	body := make([]byte, size)
	for n > 0 {
		var last *amqp.DeferredConfirmation
		for range min(n, batch) {
			if last, err = ch.PublishWithDeferredConfirm("", queueOf(0), false, false, amqp.Publishing{Body: body}); err != nil {
				return err
			}
		}
		n -= batch
		last.Wait()
	}
	return nil
}

func brokerGroups() []*group {
	teams := func(server, client []string, copies int) []contestant {
		return []contestant{
			{name: rabbitMQ, broker: rabbitMQ, server: server, client: client, copies: copies},
			{name: "embedded broker", broker: embedded, server: server, client: client, copies: copies},
		}
	}
	at := func(name string, callers int) scenario {
		return scenario{"broker/" + name, order{Callers: callers, Size: 100}}
	}
	ours := func(name string) claim { return claim{"broker/" + name, "embedded broker", rabbitMQ, rate, 3} }
	const about = "The broker alone, with amqp091-go on TCP as its client. "
	return []*group{{
		title: "Broker: RPC", about: about + "Requests and replies are transient.",
		contestants: teams([]string{"amqp091 service", "transient"}, []string{"amqp091 client", "transient"}, 0),
		scenarios:   []scenario{at("rpc/1", 1), at("rpc/64", 64)},
		claims:      []claim{ours("rpc/64")},
	}, {
		title: "Broker: confirms", unit: "messages", about: about + "Persistent messages to a durable queue; each of 64 publishers waits for its confirm.",
		contestants: teams([]string{"queues", "confirms"}, []string{"queues publisher", "confirms"}, 0),
		scenarios:   []scenario{at("confirms", 64)},
		claims:      []claim{ours("confirms")},
	}, {
		title: "Broker: fan-out", unit: "messages", about: about + "Each message goes to 8 queues, each with a consumer; rates are of deliveries.",
		contestants: teams([]string{"queues", "fanout"}, []string{"queues publisher", "fanout"}, fanOut),
		scenarios:   []scenario{at("fanout", 64)},
		claims:      []claim{ours("fanout")},
	}, {
		title: "Broker: topics", unit: "messages", about: about + "Each message is routed through one of 10,000 bindings of a topic exchange.",
		contestants: teams([]string{"queues", "topics"}, []string{"queues publisher", "topics"}, 1),
		scenarios:   []scenario{at("topics", 64)},
		claims:      []claim{ours("topics")},
	}}
}
