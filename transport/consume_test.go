package transport_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// TestReplyBeforeAck checks the order on the wire: each reply comes before the acknowledgement of
// its request, whichever handler finishes first.
func TestReplyBeforeAck(t *testing.T) {
	p := newProxy(t, brokertest.Embedded(t))
	c := dial(t, p.uri)
	declare(t, c, queue("requests"))
	const n = 300
	for i := range n {
		publish(t, c, "requests", fmt.Sprint(i))
	}
	replies := make(chan error, n)
	consumer, err := c.Consume(limit(t), transport.Consume{Queue: "requests", Prefetch: 100, Handle: func(d *transport.Delivery) {
		go func() {
			err := d.Reply(limit(t), transport.Publishing{Key: "nobody", Properties: transport.Properties{CorrelationID: string(d.Body)}})
			d.Ack()
			d.Ack() // the second is ignored
			replies <- err
		}()
	}})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if err := <-replies; err != nil {
			t.Fatal(err)
		}
	}
	if err := consumer.Close(limit(t)); err != nil {
		t.Fatal(err)
	}

	replied := map[uint64]bool{}
	open := map[uint64]bool{}
	for tag := range uint64(n) {
		open[tag+1] = true
	}
	var channel uint16
	frames := 0
	for _, m := range p.methods() {
		switch {
		case m.class == 60 && m.method == 20: // consume
			channel = m.channel
		case channel == 0 || m.channel != channel:
		case m.class == 60 && m.method == 0: // content header: flags are headers, delivery mode, priority, correlation id
			id := m.payload[8+2+4+1+1+1:]
			var i uint64
			fmt.Sscan(string(id), &i)
			replied[i+1] = true
		case m.class == 60 && m.method == 80: // ack
			frames++
			tag, multiple := binary.BigEndian.Uint64(m.payload), m.payload[8] == 1
			if !open[tag] {
				t.Errorf("ack of %d, which is none or acknowledged", tag)
			}
			for at := range open {
				if at == tag || multiple && at < tag {
					delete(open, at)
					if !replied[at] {
						t.Errorf("delivery %d is acknowledged before its reply", at)
					}
				}
			}
		}
	}
	if len(open) > 0 || len(replied) != n {
		t.Errorf("got %d deliveries without an ack and %d replies, want 0 and %d", len(open), len(replied), n)
	}
	t.Logf("%d acks in %d frames", n, frames)
}

// TestAcksBehindAGap leaves the first delivery unsettled while the prefetch count is small: later
// deliveries still arrive.
func TestAcksBehindAGap(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		for i := range 20 {
			publish(t, c, "q", fmt.Sprint(i))
		}
		consumer, deliveries := consume(t, c, "q", 4)
		first := hosttest.Next(t, deliveries)
		for i := 1; i < 20; i++ {
			d := hosttest.Next(t, deliveries)
			if got := string(d.Body); got != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", got, i)
			}
			if i == 7 {
				d.Reject(false)
			}
			d.Ack()
		}
		first.Ack()
		publish(t, c, "q", "again")
		last := hosttest.Next(t, deliveries)
		last.Reject(true)
		if d := hosttest.Next(t, deliveries); string(d.Body) != "again" || !d.Redelivered {
			t.Errorf("got %s, redelivered %t, want again, true", d.Body, d.Redelivered)
		}
		if err := consumer.Close(limit(t)); err != nil {
			t.Fatal(err)
		}
		if got := brokertest.Depth(t, uri, "q"); got != 1 {
			t.Errorf("got %d messages, want 1: what was not settled goes back", got)
		}
	})
}

func TestConsumeRefused(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		_, err := c.Consume(limit(t), transport.Consume{Queue: "nope", Handle: func(*transport.Delivery) {}})
		var refusal *transport.Error
		if !errors.As(err, &refusal) || refusal.Code != 404 || !strings.Contains(err.Error(), `consume queue "nope": broker: 404`) {
			t.Errorf("got %v, want the broker's 404", err)
		}
		declare(t, c, queue("q"))
		err = c.Declare(limit(t), transport.Topology{Queues: []transport.Queue{{Name: "q"}}})
		if !errors.As(err, &refusal) || refusal.Code != 406 || !strings.HasPrefix(err.Error(), `queue "q": broker: 406`) {
			t.Errorf("got %v, want the broker's 406", err)
		}
		err = c.Declare(limit(t), transport.Topology{Bindings: []transport.Binding{{Queue: "q", Exchange: "nope"}}})
		if !errors.As(err, &refusal) || refusal.Code != 404 {
			t.Errorf("got %v, want the broker's 404", err)
		}
		if err := c.Wait(limit(t)); err != nil {
			t.Error(err)
		}
	})
}

// TestCancel cancels a consumer while Handle runs. The delivery being handled can still be settled;
// prefetched ones return to the queue.
func TestCancel(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		declare(t, c, queue("replies"))
		for i := range 10 {
			publish(t, c, "q", fmt.Sprint(i))
		}
		handling, release := make(chan *transport.Delivery), make(chan struct{})
		consumer, err := c.Consume(limit(t), transport.Consume{Queue: "q", Handle: func(d *transport.Delivery) {
			handling <- d
			<-release
		}})
		if err != nil {
			t.Fatal(err)
		}
		d := <-handling
		cause := errors.New("no time")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, cause)
		defer cancel()
		if err := consumer.Cancel(ctx); !errors.Is(err, cause) {
			t.Errorf("got %v while Handle runs, want %v", err, cause)
		}
		close(release)
		if err := consumer.Cancel(limit(t)); err != nil {
			t.Fatal(err)
		}
		hosttest.Eventually(t, "9 messages are back", func() bool { return brokertest.Depth(t, uri, "q") == 9 })
		if err := d.Reply(limit(t), transport.Publishing{Key: "replies"}); err != nil {
			t.Fatal(err)
		}
		d.Ack()
		if err := consumer.Close(limit(t)); err != nil {
			t.Fatal(err)
		}
		if q, r := brokertest.Depth(t, uri, "q"), brokertest.Depth(t, uri, "replies"); q != 9 || r != 1 {
			t.Errorf("got %d requests and %d replies, want 9 and 1", q, r)
		}
	})
}

// TestQueueDeleted deletes the queue of a consumer, which declares it and consumes again.
func TestQueueDeleted(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		_, deliveries := consume(t, c, "q", 10)
		publish(t, c, "q", "lost with the queue")
		stale := hosttest.Next(t, deliveries)
		other, err := amqp.Dial(uri)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		ch, err := other.Channel()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ch.QueueDelete("q", false, false, false); err != nil {
			t.Fatal(err)
		}
		hosttest.Eventually(t, "the queue is there again", func() bool {
			return c.Publish(limit(t), transport.Publishing{Key: "q", Mandatory: true, Body: []byte("new")}) == nil
		})
		if d := hosttest.Next(t, deliveries); string(d.Body) != "new" {
			t.Errorf("got %s, want new", d.Body)
		}
		stale.Ack()
		if err := stale.Reply(limit(t), transport.Publishing{Key: "q", Body: []byte("reply")}); err != nil {
			t.Error(err)
		}
		if d := hosttest.Next(t, deliveries); string(d.Body) != "reply" || c.Epoch() != 1 {
			t.Errorf("got %s in epoch %d, want the reply in 1", d.Body, c.Epoch())
		}
	})
}

// TestReplyThatClosesTheChannel replies to an exchange that does not exist. Other replies still
// reach their queues.
func TestReplyThatClosesTheChannel(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		declare(t, c, queue("replies"))
		_, deliveries := consume(t, c, "q", 10)
		publish(t, c, "q", "1")
		d := hosttest.Next(t, deliveries)
		if err := d.Reply(limit(t), transport.Publishing{Exchange: "nope"}); err != nil {
			t.Fatal(err)
		}
		again := hosttest.Next(t, deliveries)
		if !again.Redelivered {
			t.Errorf("got %+v, want the request again", again)
		}
		d.Ack() // without effect: its channel is closed
		if err := d.Reply(limit(t), transport.Publishing{Key: "replies"}); err != nil {
			t.Fatal(err)
		}
		again.Ack()
		hosttest.Eventually(t, "the reply is there", func() bool { return brokertest.Depth(t, uri, "replies") == 1 })
		if c.Epoch() != 1 {
			t.Errorf("got epoch %d, want 1", c.Epoch())
		}
	})
}

// TestLargeReplyThatIsRefused has the broker refuse a confirmed reply: Reply returns the refusal,
// and the channel stays open.
func TestLargeReplyThatIsRefused(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		consumer, deliveries := consume(t, c, "q", 10)
		publish(t, c, "q", "1")
		d := hosttest.Next(t, deliveries)
		err := d.Reply(limit(t), transport.Publishing{Exchange: "nope", Body: make([]byte, 2<<20)})
		if refusal := new(transport.Error); !errors.As(err, &refusal) || refusal.Code != 404 {
			t.Errorf("got %v, want the broker's 404", err)
		}
		d.Ack()
		if err := consumer.Close(limit(t)); err != nil {
			t.Fatal(err)
		}
		if got := brokertest.Depth(t, uri, "q"); got != 0 {
			t.Errorf("got %d messages, want 0: it was acknowledged", got)
		}
	})
}

// TestReplyIsAsTransient sends persistent replies to a persistent and to a transient message: the
// second reply is transient too.
func TestReplyIsAsTransient(t *testing.T) {
	c := dial(t, brokertest.Embedded(t))
	declare(t, c, queue("requests"))
	declare(t, c, queue("replies"))
	_, requests := consume(t, c, "requests", 0)
	_, replies := consume(t, c, "replies", 0)
	for _, persistent := range []bool{true, false} {
		request := transport.Publishing{Key: "requests", Properties: transport.Properties{Persistent: persistent}}
		if err := c.Publish(limit(t), request); err != nil {
			t.Fatal(err)
		}
		d := hosttest.Next(t, requests)
		err := d.Reply(limit(t), transport.Publishing{Key: "replies", Properties: transport.Properties{Persistent: true}})
		if err != nil {
			t.Fatal(err)
		}
		if got := hosttest.Next(t, replies).Persistent; got != persistent {
			t.Errorf("to a message with Persistent %t: got %t", persistent, got)
		}
	}
}

// TestCloseWhileReplying closes consumers while replies are written: no frame comes between those
// of a reply, so the connection stays open.
func TestCloseWhileReplying(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		declare(t, c, queue("replies"))
		const rounds, repliers = 100, 4
		for range repliers {
			publish(t, c, "q", "1")
		}
		for range rounds {
			consumer, deliveries := consume(t, c, "q", repliers)
			var replying sync.WaitGroup
			stop := make(chan struct{})
			for range repliers {
				d := hosttest.Next(t, deliveries)
				replying.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						if err := d.Reply(limit(t), transport.Publishing{Key: "replies", Body: make([]byte, 10)}); err != nil {
							t.Errorf("got %v from a reply", err)
							return
						}
					}
				})
			}
			if err := consumer.Close(limit(t)); err != nil {
				t.Fatal(err)
			}
			close(stop)
			replying.Wait()
		}
		if err := c.Wait(limit(t)); err != nil || c.Epoch() != 1 {
			t.Errorf("got epoch %d, %v, want 1: the connection lives", c.Epoch(), err)
		}
	})
}
