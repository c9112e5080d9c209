package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// million is how many messages of 100 bytes are queued.
const million = 1_000_000

// fillQueue is a publisher that an order has fill the queue.
func fillQueue(_ context.Context, r *role, args []string) error {
	conn, err := amqp.Dial(args[0])
	if err != nil {
		return err
	}
	r.load = func(o order, _ *latencies) report {
		began := time.Now()
		must(fill(conn, million, o.Size))
		return report{Calls: million, Elapsed: time.Since(began)}
	}
	return nil
}

// drainQueue is a consumer that an order has empty it, as far as it gets.
func drainQueue(_ context.Context, r *role, args []string) error {
	conn, err := amqp.Dial(args[0])
	if err != nil {
		return err
	}
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := ch.Qos(1000, 0, false); err != nil {
		return err
	}
	r.load = func(o order, _ *latencies) report {
		began := time.Now()
		deliveries, err := ch.Consume(queueOf(0), "", false, false, false, false, nil)
		must(err)
		n := 0
		for n < million && time.Since(began) < o.Duration {
			if d := <-deliveries; n%100 == 99 {
				must(d.Ack(true))
			}
			n++
		}
		return report{Calls: n, Elapsed: time.Since(began)}
	}
	return nil
}

// memoryGroup has no rounds: it takes long enough.
func memoryGroup() *group {
	return &group{
		title:     "Broker: 1,000,000 queued messages",
		about:     "Transient messages of 100 bytes in one queue, by amqp091-go: what the broker's process takes for each, and how fast they come and go.",
		scenarios: []scenario{{name: "broker/memory"}},
		own: func(s *session) (string, error) {
			var b strings.Builder
			b.WriteString("| | bytes a message | in, a second | out, a second |\n|---|--:|--:|--:|\n")
			for _, name := range []string{rabbitMQ, embedded} {
				if err := s.memory(&b, name); err != nil {
					return "", fmt.Errorf("%s: %w", name, err)
				}
			}
			return b.String(), nil
		},
	}
}

func (s *session) memory(b *strings.Builder, broker string) error {
	t, err := s.start(contestant{broker: broker, server: []string{"queues", "depth"}, client: []string{"queue filler"}})
	if err != nil {
		return err
	}
	defer t.stop()
	before, err := resident(t.brokerPID)
	if err != nil {
		return err
	}
	in, err := t.client.do(order{Callers: 1, Size: 100})
	if err != nil {
		return err
	}
	after, err := resident(t.brokerPID)
	if err != nil {
		return err
	}
	drain, err := s.play(t.contestant, []string{"queue drainer"}, t.uri, "")
	if err != nil {
		return err
	}
	defer drain.stop()
	out, err := drain.do(order{Callers: 1, Duration: 5 * s.duration})
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "| %s | %d | %.0f | %.0f |\n", broker, (after-before)/million,
		million/in.Elapsed.Seconds(), float64(out.Calls)/out.Elapsed.Seconds())
	return nil
}
