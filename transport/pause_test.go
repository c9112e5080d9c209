package transport_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// A paused consumer gives back what the broker has sent to it, and settles deliveries that are
// being handled. It continues with the next message.
func TestPause(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		for i := range 3 {
			publish(t, c, "q", fmt.Sprint(i))
		}
		handled, goOn := make(chan *transport.Delivery), make(chan struct{})
		consumer, err := c.Consume(limit(t), transport.Consume{Queue: "q", Prefetch: 10, Handle: func(d *transport.Delivery) {
			handled <- d
			<-goOn
		}})
		if err != nil {
			t.Fatal(err)
		}
		first := hosttest.Next(t, handled)
		late, cancel := context.WithCancel(t.Context())
		cancel()
		if err := consumer.Pause(late); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that Handle still runs", err)
		}
		goOn <- struct{}{}
		if err := consumer.Pause(limit(t)); err != nil {
			t.Fatal(err)
		}
		hosttest.Eventually(t, "the others are in the queue", func() bool { return brokertest.Depth(t, uri, "q") == 2 })
		if err := first.AckNow(limit(t)); err != nil {
			t.Errorf("got %v, want that a delivery is acknowledged during a pause", err)
		}
		consumer.Resume()
		for range 2 {
			d := hosttest.Next(t, handled)
			if string(d.Body) == "0" {
				t.Error("the acknowledged message was delivered again")
			}
			d.Ack()
			goOn <- struct{}{}
		}
	})
}

// Deliveries that the broker has sent to a consumer that pauses or is cancelled do not return to
// the queue if there is an Unhandled.
func TestUnhandled(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		handled, unhandled, goOn := make(chan *transport.Delivery), make(chan *transport.Delivery, 10), make(chan struct{})
		consumer, err := c.Consume(limit(t), transport.Consume{Queue: "q", Prefetch: 3, Resume: true,
			Handle:    func(d *transport.Delivery) { handled <- d; <-goOn },
			Unhandled: func(d *transport.Delivery) { unhandled <- d },
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, stop := range []func(context.Context) error{consumer.Pause, consumer.Cancel} {
			consumer.Resume()
			for range 3 {
				publish(t, c, "q", "")
			}
			hosttest.Eventually(t, "the broker has sent all", func() bool { return brokertest.Depth(t, uri, "q") == 0 })
			hosttest.Next(t, handled).Ack()
			late, cancel := context.WithCancel(t.Context())
			cancel()
			if err := stop(late); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want that Handle still runs", err)
			}
			goOn <- struct{}{}
			if err := stop(limit(t)); err != nil {
				t.Fatal(err)
			}
			if len(unhandled) != 2 {
				t.Fatalf("stop %d: got %d deliveries, want 2", i, len(unhandled))
			}
			for range 2 {
				if d := <-unhandled; d.Redelivered {
					t.Error("got a delivery that was returned")
				} else if err := d.AckNow(limit(t)); err != nil {
					t.Error(err)
				}
			}
		}
		if err := consumer.Close(limit(t)); err != nil {
			t.Fatal(err)
		}
		if n := brokertest.Depth(t, uri, "q"); n != 0 {
			t.Errorf("got %d messages, want 0", n)
		}
	})
}

// A consumer stays paused when its connection is lost and comes back.
func TestPauseReconnect(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := newProxy(t, uri)
		c, other := dial(t, p.uri), dial(t, uri)
		declare(t, c, queue("q"))
		publish(t, other, "q", "held")
		deliveries := make(chan *transport.Delivery, 10)
		consumer, err := c.Consume(limit(t), transport.Consume{Queue: "q", Prefetch: 10, Resume: true,
			Handle: func(d *transport.Delivery) { deliveries <- d }})
		if err != nil {
			t.Fatal(err)
		}
		held := hosttest.Next(t, deliveries)
		if err := consumer.Pause(limit(t)); err != nil {
			t.Fatal(err)
		}
		for range 2 { // with a channel from before the loss, and without one
			p.cut()
			hosttest.Eventually(t, "it has reconnected", func() bool { return c.Declare(limit(t), queue("q")) == nil })
			publish(t, other, "q", "later")
		}
		hosttest.Eventually(t, "all are in the queue", func() bool { return brokertest.Depth(t, uri, "q") == 3 })
		held.Ack() // the broker delivers it again, and it is not handled twice
		select {
		case d := <-deliveries:
			t.Fatalf("got %s during the pause", d.Body)
		default:
		}
		consumer.Resume()
		for range 2 {
			d := hosttest.Next(t, deliveries)
			if string(d.Body) != "later" {
				t.Errorf("got %s, want later", d.Body)
			}
			d.Ack()
		}
		hosttest.Eventually(t, "the queue is empty", func() bool { return brokertest.Depth(t, uri, "q") == 0 })
	})
}

// A probe takes one message, now or later, and then the consumer is paused again. Resume ends a
// probe that waits.
func TestProbe(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		consumer, deliveries := consume(t, c, "q", 10)
		if err := consumer.Pause(limit(t)); err != nil {
			t.Fatal(err)
		}
		consumer.Probe()
		for i := range 4 {
			publish(t, c, "q", fmt.Sprint(i))
		}
		hosttest.Next(t, deliveries).Ack()
		hosttest.Eventually(t, "the others are in the queue", func() bool { return brokertest.Depth(t, uri, "q") == 3 })
		consumer.Probe()
		hosttest.Next(t, deliveries).Ack()
		hosttest.Eventually(t, "the others are in the queue", func() bool { return brokertest.Depth(t, uri, "q") == 2 })
		if err := consumer.Pause(limit(t)); err != nil {
			t.Fatal(err)
		}
		consumer.Resume()
		for i := 2; i < 4; i++ {
			d := hosttest.Next(t, deliveries)
			if string(d.Body) != fmt.Sprint(i) || d.Redelivered {
				t.Errorf("got %s, redelivered %t, want %d, which was not given back", d.Body, d.Redelivered, i)
			}
			d.Ack()
		}
		if err := consumer.Pause(limit(t)); err != nil {
			t.Fatal(err)
		}
		consumer.Probe()
		consumer.Resume()
		for range 20 {
			publish(t, c, "q", "many")
		}
		for range 10 {
			hosttest.Next(t, deliveries) // at once, although none is acknowledged
		}
	})
}

// A consumer that is paused, probed and resumed under load, always with unsettled deliveries, loses
// neither its connection nor a message, and handles none twice.
func TestPauseUnderLoad(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"classic", "quorum"} {
		t.Run(kind, func(t *testing.T) {
			brokertest.Each(t, func(t *testing.T, uri string) {
				log := new(hosttest.Log)
				c, publisher := dialConfig(t, transport.Config{URI: uri, Logger: log.Logger()}), dial(t, uri)
				load := transport.Topology{Queues: []transport.Queue{{Name: "load", Durable: true, Args: transport.Table{"x-queue-type": kind}}}}
				declare(t, c, load)
				handled := make(chan *transport.Delivery, 1000)
				consumer, err := c.Consume(limit(t), transport.Consume{Queue: "load", Prefetch: 50, Resume: true,
					Handle: func(d *transport.Delivery) { handled <- d }})
				if err != nil {
					t.Fatal(err)
				}
				stop := publishUntil(t, publisher, "load")
				seen, held := map[string]int{}, []*transport.Delivery(nil)
				handle := func() {
					d := hosttest.Next(t, handled)
					seen[string(d.Body)]++
					if held = append(held, d); len(held) > 20 {
						held[0].Ack()
						held = held[1:]
					}
				}
				for range 50 {
					for range 30 {
						handle()
					}
					if err := consumer.Pause(limit(t)); err != nil {
						t.Fatal(err)
					}
					consumer.Probe()
					handle()
					consumer.Resume()
				}
				published := stop()
				for len(seen) < published {
					handle()
				}
				for _, d := range held {
					d.Ack()
				}
				if err := consumer.Close(limit(t)); err != nil {
					t.Fatal(err)
				}
				for body, n := range seen {
					if n != 1 {
						t.Errorf("message %s was handled %d times", body, n)
					}
				}
				if n := brokertest.Depth(t, uri, "load") + len(handled); n != 0 {
					t.Errorf("got %d messages more than %d", n, published)
				}
				if lost := append(log.Lines("connection lost"), log.Lines("consumer stopped")...); len(lost) > 0 {
					t.Errorf("got %q, want no losses", lost)
				}
			})
		})
	}
}

// publishUntil publishes to a queue, four messages at a time, until stop is called. stop returns
// how many there were.
func publishUntil(t *testing.T, c *transport.Conn, queue string) (stop func() int) {
	var published atomic.Int64
	var stopped atomic.Bool
	var wg sync.WaitGroup
	ctx := limit(t)
	for range 4 {
		wg.Go(func() {
			for !stopped.Load() {
				body := fmt.Append(nil, published.Add(1))
				if err := c.Publish(ctx, transport.Publishing{Key: queue, Mandatory: true, Body: body}); err != nil {
					t.Errorf("publish: %v", err)
					return
				}
			}
		})
	}
	stop = func() int {
		stopped.Store(true)
		wg.Wait()
		return int(published.Load())
	}
	t.Cleanup(func() { stop() })
	return stop
}

// A paused consumer is cancelled and closed like any other, and so is its connection.
func TestPauseAndClose(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := newProxy(t, uri)
		c := dial(t, p.uri)
		declare(t, c, queue("q"))
		publish(t, c, "q", "held")
		consumer, deliveries := consume(t, c, "q", 1)
		held := hosttest.Next(t, deliveries)
		if err := consumer.Pause(limit(t)); err != nil {
			t.Fatal(err)
		}
		if err := consumer.Cancel(limit(t)); err != nil {
			t.Fatal(err)
		}
		held.Ack()
		if err := consumer.Close(limit(t)); err != nil {
			t.Fatal(err)
		}
		if got := brokertest.Depth(t, uri, "q"); got != 0 {
			t.Errorf("got %d messages, want 0: it was acknowledged before Close", got)
		}
		last, _ := consume(t, c, "q", 1)
		if err := last.Pause(limit(t)); err != nil {
			t.Fatal(err)
		}
		p.cut()
		if err := c.Close(limit(t)); err != nil { // it waits for the consumers
			t.Fatal(err)
		}
		if err := last.Pause(limit(t)); err != nil {
			t.Errorf("got %v, want nil: there is nothing to pause", err)
		}
	})
}
