package soak_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
)

// A job that takes longer than RabbitMQ's consumer_timeout runs once.
func TestSoakLongJob(t *testing.T) {
	limit, long := 3*time.Second, 7*time.Second
	if whole() {
		limit, long = time.Minute, 5*time.Minute
	}
	node := brokertest.StartNode(t, fmt.Sprintf("{consumer_timeout, %d}", limit.Milliseconds()), "{channel_tick_interval, 500}")
	s, url := makeStore(t, "")
	l := newLabors(1)
	p := laborer(t, node.URI(), "5s 3 "+url, l.tell)
	p.wait()
	began := time.Now()
	ref, err := newEnqueuer(t, node.URI(), s).Client("labor").Enqueue(t.Context(), "work", 1, long.Milliseconds(), jobs.ID("1"))
	if err != nil {
		t.Fatal(err)
	}
	refused := hold(t, node.URI())
	if got := hosttest.Receive(t, "the broker closes a consumer that waits", refused); got == nil || got.Code != amqp.PreconditionFailed {
		t.Errorf("got %v, want that RabbitMQ ends a consumer after %s", got, limit)
	}
	ctx, cancel := context.WithTimeout(t.Context(), long+hosttest.Timeout)
	defer cancel()
	if _, err := ref.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	j := final(t, s, "1")
	if took := time.Since(began); j.State != store.Succeeded || j.Attempt != 1 || j.Deaths != 0 || l.attempts(1) != 1 || took < long {
		t.Errorf("got %+v after %s, worked %d times, want one attempt of %s", j, took, l.attempts(1), long)
	}
	p.stop()
}

// hold consumes a message without acknowledging it. The returned channel receives the error with
// which the broker closes the AMQP channel.
func hold(t *testing.T, uri string) <-chan *amqp.Error {
	t.Helper()
	ch := brokertest.Channel(t, uri)
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err == nil {
		_, err = ch.Consume(q.Name, "", false, true, false, false, nil)
	}
	if err == nil {
		err = ch.PublishWithContext(t.Context(), "", q.Name, false, false, amqp.Publishing{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return ch.NotifyClose(make(chan *amqp.Error, 1))
}

// While a service of an earlier version without jobs is running, a client of the next version
// enqueues a job. The first process of that version runs it, and the client gets its outcome.
func TestRollingDeploy(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		const unrouted = "gomeko.jobs.unrouted"
		earlier := start(t, "unemployed", uri, func(string) {})
		earlier.wait()
		client := newEnqueuer(t, uri, nil).Client("labor")
		lines := make(chan string, 100)
		var refs []jobs.Ref[json.RawMessage]
		for range 3 {
			ref, err := client.Enqueue(t.Context(), "hello")
			if err != nil {
				t.Fatal(err)
			}
			refs = append(refs, ref)
		}
		if _, err := newEnqueuer(t, uri, nil).Client("others").Enqueue(t.Context(), "work"); err != nil {
			t.Fatal(err)
		}
		hosttest.Eventually(t, "the messages are kept", func() bool { return brokertest.Depth(t, uri, unrouted) == 4 })
		_, url := makeStore(t, "")
		next := laborer(t, uri, "5s 3 "+url, func(line string) { lines <- line })
		for _, ref := range refs {
			result, err := ref.Wait(t.Context())
			if err != nil || string(result) != `"hello"` {
				t.Errorf("got %s, %v", result, err)
			}
		}
		for range refs {
			hosttest.Next(t, lines)
		}
		hosttest.Eventually(t, "only the job of another service is left", func() bool { return brokertest.Depth(t, uri, unrouted) == 1 })
		earlier.stop()
		next.wait()
		next.stop()
		select {
		case line := <-lines:
			t.Errorf("got %q too", line)
		default:
		}
	})
}
