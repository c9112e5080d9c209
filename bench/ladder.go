package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// This file measures messages whose first attempt fails: they wait in a delay queue, and the second
// attempt succeeds.

// A Debtor fails to bill at the first attempt.
type Debtor struct {
	_ service.Name `service:"debtor"`

	Entrypoints struct {
		Bill messaging.Consumer `messaging:"bench-ladder" retry:"100ms"`
	}

	failed, billed func()
}

// The delay of the ladder, and the queue that the row of gomeko consumes.
const (
	ladderDelay = 100 * time.Millisecond
	ladderQueue = "bench-ladder"
)

var errNotYet = errors.New("not yet")

// Bill bills at the second attempt.
func (d *Debtor) Bill(ctx context.Context, text string) error {
	if service.FromContext(ctx).Attempt == 1 {
		d.failed()
		return errNotYet
	}
	d.billed()
	return nil
}

// startDebtor hosts a Debtor. Its row does not pause after failures, because all first attempts
// fail.
func startDebtor(ctx context.Context, uri string, failed, billed func()) error {
	c, err := service.New(service.Config{Logger: quiet}, &Debtor{failed: failed, billed: billed},
		service.Configure(transport.Config{URI: uri}), service.Configure(messaging.Config{PauseAfter: -1}))
	if err != nil {
		return err
	}
	return c.Start(ctx)
}

// rawQueues are the queues of the same topology by hand: the one that is published to, the delay
// queue, and the one that it dead-letters to.
const (
	rawQueue = "bench-raw-ladder"
	rawDelay = rawQueue + ".delay"
	rawRetry = rawQueue + ".retry"
)

// startRawDebtor is startDebtor by hand: the delayed copy is published mandatory and confirmed
// before the original is acknowledged.
func startRawDebtor(uri string, failed, billed func()) error {
	conn, err := amqp.Dial(uri)
	if err != nil {
		return err
	}
	publishing, err := amqp.Dial(uri)
	if err != nil {
		return err
	}
	ch, err := publishing.Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		return err
	}
	go func() {
		for range ch.NotifyReturn(make(chan amqp.Return, 1)) {
			panic("returned")
		}
	}()
	first, err := rawConsume(conn, rawQueue, nil)
	if err != nil {
		return err
	}
	second, err := rawConsume(conn, rawRetry, amqp.Table{"x-queue-type": "quorum"})
	if err != nil {
		return err
	}
	_, err = ch.QueueDeclare(rawDelay, true, false, false, false, amqp.Table{
		"x-queue-type":              "quorum",
		"x-message-ttl":             ladderDelay.Milliseconds(),
		"x-dead-letter-exchange":    "",
		"x-dead-letter-routing-key": rawRetry,
		"x-dead-letter-strategy":    "at-least-once",
		"x-overflow":                "reject-publish",
		"x-max-length":              100_000,
	})
	if err != nil {
		return err
	}
	for range workers {
		go func() {
			for d := range first {
				var text string
				must(json.Unmarshal(d.Body, &text))
				failed()
				must(delayRaw(ch, d))
				must(d.Ack(false))
			}
		}()
		go func() {
			for d := range second {
				var text string
				must(json.Unmarshal(d.Body, &text))
				billed()
				must(d.Ack(false))
			}
		}()
	}
	return nil
}

// rawConsume declares and consumes a queue.
func rawConsume(conn *amqp.Connection, queue string, args amqp.Table) (<-chan amqp.Delivery, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if _, err := ch.QueueDeclare(queue, true, false, false, false, args); err != nil {
		return nil, err
	}
	if err := ch.Qos(workers, 0, false); err != nil {
		return nil, err
	}
	return ch.Consume(queue, "", false, false, false, false, nil)
}

// delayRaw publishes a message to the delay queue, and returns when the broker has confirmed it.
func delayRaw(ch *amqp.Channel, d amqp.Delivery) error {
	confirm, err := ch.PublishWithDeferredConfirm("", rawDelay, true, false, amqp.Publishing{
		ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, DeliveryMode: amqp.Persistent, Body: d.Body,
		Headers: amqp.Table{"retry": amqp.Table{"exchange": d.Exchange, "key": d.RoutingKey, "attempt": int32(1), "first": time.Now()}},
	})
	if err == nil && !confirm.Wait() {
		err = errors.New("not confirmed")
	}
	return err
}

func ladderGomeko(ctx context.Context, r *role, args []string) error {
	return startDebtor(ctx, args[0], func() {}, func() { r.handled.Add(1) })
}

func ladderAMQP(_ context.Context, r *role, args []string) error {
	return startRawDebtor(args[0], func() {}, func() { r.handled.Add(1) })
}

// publishLadder publishes to the queue that its second argument names, and waits for each confirm.
func publishLadder(_ context.Context, r *role, args []string) error {
	send, err := senderTo(args[0], args[1])
	r.call = send
	return err
}

// senderTo returns a function that publishes to a queue and waits for the confirm.
func senderTo(uri, queue string) (func(ctx context.Context, text string) error, error) {
	conn, err := amqp.Dial(uri)
	if err != nil {
		return nil, err
	}
	ch, err := conn.Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	return func(ctx context.Context, text string) error {
		body, err := json.Marshal(text)
		if err != nil {
			return err
		}
		return publish(ctx, ch, "", queue, amqp.Publishing{
			ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: amqp.Persistent, Body: body,
		})
	}, err
}

// serveNothing is the server of contestants whose client does everything.
func serveNothing(context.Context, *role, []string) error { return nil }

// lateGomeko measures how late the second attempts are while nothing else happens.
func lateGomeko(ctx context.Context, r *role, args []string) error {
	failed, billed := make(chan time.Time, 1), make(chan time.Time, 1)
	err := startDebtor(ctx, args[0], func() { failed <- time.Now() }, func() { billed <- time.Now() })
	if err != nil {
		return err
	}
	return r.late(args[0], ladderQueue, failed, billed)
}

// lateAMQP is lateGomeko by hand.
func lateAMQP(_ context.Context, r *role, args []string) error {
	failed, billed := make(chan time.Time, 1), make(chan time.Time, 1)
	if err := startRawDebtor(args[0], func() { failed <- time.Now() }, func() { billed <- time.Now() }); err != nil {
		return err
	}
	return r.late(args[0], rawQueue, failed, billed)
}

// late publishes one message after the other. What it reports is not how long each took, but by how
// much the time between its two attempts exceeded the delay.
func (r *role) late(uri, queue string, failed, billed <-chan time.Time) error {
	send, err := senderTo(uri, queue)
	r.load = func(o order, l *latencies) report {
		l.calls.Store(0)
		began := time.Now()
		for l.calls.Load() == 0 || time.Since(began) < o.Duration {
			if err := send(context.Background(), o.text()); err != nil {
				return report{Error: err.Error()}
			}
			first := <-failed
			l.add((<-billed).Sub(first) - ladderDelay)
		}
		return l.report(time.Since(began))
	}
	return err
}

func ladderGroups() []*group {
	const throughput, idle = "ladder/throughput", "ladder/lateness"
	return []*group{{
		title: "Retries",
		unit:  "messages",
		about: "Messages that fail once, wait 100 ms in a delay queue and succeed. 64 publishers wait for the confirm of each. Beside it, the same queues by hand: quorum queues, dead-lettering at least once, and a mandatory, confirmed copy before each acknowledgement.",
		contestants: []contestant{
			{name: raw, broker: rabbitMQ, server: []string{"amqp091 ladder"}, client: []string{"ladder publisher", rawQueue}, copies: 1},
			{name: "gomeko", broker: rabbitMQ, server: []string{"gomeko ladder"}, client: []string{"ladder publisher", ladderQueue}, copies: 1},
			{name: "gomeko, embedded broker", broker: embedded, server: []string{"gomeko ladder"}, client: []string{"ladder publisher", ladderQueue}, copies: 1},
		},
		scenarios: []scenario{{throughput, order{Callers: 64, Size: 50}}},
		claims:    []claim{{throughput, "gomeko", raw, rate, 0.8}},
	}, {
		title: "Retries: lateness",
		unit:  "messages",
		about: "One message at a time, whose first attempt fails. p50 and p99 are by how much the time between the two attempts exceeds the delay of 100 ms.",
		contestants: []contestant{
			{name: raw, broker: rabbitMQ, server: []string{"nothing"}, client: []string{"amqp091 lateness"}},
			{name: "gomeko", broker: rabbitMQ, server: []string{"nothing"}, client: []string{"gomeko lateness"}},
			{name: "gomeko, embedded broker", broker: embedded, server: []string{"nothing"}, client: []string{"gomeko lateness"}},
		},
		scenarios: []scenario{{idle, order{Callers: 1, Size: 50}}},
	}}
}
