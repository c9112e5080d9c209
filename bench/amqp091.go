package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"
)

// This file has RPC written by hand on amqp091-go, in gomeko's shape: the same exchange, queues,
// properties, prefetch, workers and connections; mandatory requests whose confirms are tracked; an
// acknowledgement after each reply; a limit for each call.

const (
	exchange = "nameko-rpc"
	workers  = 100
	limit    = 30 * time.Second
)

type request struct {
	Args   []string          `json:"args"`
	Kwargs map[string]string `json:"kwargs"`
}

type reply struct {
	Result string  `json:"result"`
	Error  *string `json:"error"`
}

// modeOf returns the delivery mode that a role is started with.
func modeOf(args []string) uint8 {
	if len(args) > 1 && args[1] == "transient" {
		return amqp.Transient
	}
	return amqp.Persistent
}

// open returns a channel of a connection, with the exchange declared.
func open(uri string) (*amqp.Connection, *amqp.Channel, error) {
	conn, err := amqp.Dial(uri)
	if err != nil {
		return nil, nil, err
	}
	ch, err := conn.Channel()
	if err != nil {
		return nil, nil, err
	}
	return conn, ch, ch.ExchangeDeclare(exchange, "topic", true, false, false, false, nil)
}

// listen consumes a queue that is bound by key.
func listen(ch *amqp.Channel, queue, key string, prefetch int) (<-chan amqp.Delivery, error) {
	if _, err := ch.QueueDeclare(queue, true, false, false, false, nil); err != nil {
		return nil, err
	}
	if err := ch.QueueBind(queue, key, exchange, false, nil); err != nil {
		return nil, err
	}
	if err := ch.Qos(prefetch, 0, false); err != nil {
		return nil, err
	}
	return ch.Consume(queue, "", false, false, false, false, nil)
}

func serveAMQP(ctx context.Context, _ *role, args []string) error {
	_, ch, err := open(args[0])
	if err != nil {
		return err
	}
	requests, err := listen(ch, "rpc-bench", "bench.*", workers)
	if err != nil {
		return err
	}
	mode := modeOf(args)
	for range workers {
		go func() {
			for d := range requests {
				if err := answer(ctx, ch, d, mode); err != nil {
					panic(err)
				}
			}
		}()
	}
	return nil
}

func answer(ctx context.Context, ch *amqp.Channel, d amqp.Delivery, mode uint8) error {
	var q request
	if err := json.Unmarshal(d.Body, &q); err != nil {
		return err
	}
	body, err := json.Marshal(reply{Result: q.Args[0]})
	if err != nil {
		return err
	}
	err = ch.PublishWithContext(ctx, exchange, d.ReplyTo, false, false, amqp.Publishing{
		ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: mode,
		CorrelationId: d.CorrelationId, Body: body,
	})
	if err != nil {
		return err
	}
	return d.Ack(false)
}

// A caller makes calls.
type caller struct {
	ch      *amqp.Channel
	mode    uint8
	replyTo string

	mu      sync.Mutex
	pending map[string]chan amqp.Delivery
}

func callAMQP(_ context.Context, r *role, args []string) error {
	c := &caller{mode: modeOf(args), replyTo: uuid.NewString(), pending: map[string]chan amqp.Delivery{}}
	conn, ch, err := open(args[0])
	if err != nil {
		return err
	}
	if err := ch.Confirm(false); err != nil {
		return err
	}
	c.ch = ch
	go func() {
		for r := range ch.NotifyReturn(make(chan amqp.Return, 1)) {
			panic(fmt.Sprintf("returned: %+v", r))
		}
	}()
	in, err := conn.Channel()
	if err != nil {
		return err
	}
	replies, err := listen(in, "rpc.reply-bench-"+c.replyTo, c.replyTo, 0)
	if err != nil {
		return err
	}
	go c.receive(replies)
	r.call = c.call
	return nil
}

func (c *caller) receive(replies <-chan amqp.Delivery) {
	for d := range replies {
		c.mu.Lock()
		waiting := c.pending[d.CorrelationId]
		delete(c.pending, d.CorrelationId)
		c.mu.Unlock()
		waiting <- d
		if err := d.Ack(false); err != nil {
			panic(err)
		}
	}
}

func (c *caller) call(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	body, err := json.Marshal(request{Args: []string{text}, Kwargs: map[string]string{}})
	if err != nil {
		return err
	}
	id := uuid.NewString()
	waiting := make(chan amqp.Delivery, 1)
	c.mu.Lock()
	c.pending[id] = waiting
	c.mu.Unlock()
	_, err = c.ch.PublishWithDeferredConfirmWithContext(ctx, exchange, "bench.echo", true, false, amqp.Publishing{
		ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: c.mode,
		CorrelationId: id, ReplyTo: c.replyTo, Body: body,
		Headers: amqp.Table{"nameko.call_id_stack": []any{"bench.call." + c.replyTo}},
	})
	if err != nil {
		return err
	}
	select {
	case d := <-waiting:
		var r reply
		return json.Unmarshal(d.Body, &r)
	case <-ctx.Done():
		return ctx.Err()
	}
}
