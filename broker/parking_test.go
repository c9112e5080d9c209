package broker_test

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/frame"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// fill publishes messages of 100 kB to a queue until the broker blocks their connection.
func fill(t *testing.T, b *broker.Broker, queue string) (published int) {
	t.Helper()
	conn := dial(t, b)
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	ch := channel(t, conn)
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	for {
		confirm, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", queue, false, false,
			amqp.Publishing{Body: make([]byte, 100_000)})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-confirm.Done():
			published++
		case <-blocked:
			return published
		}
	}
}

// During the memory alarm, a client publishes replies on the channel on which it acknowledges
// deliveries. It must get through all of them, whether or not it waits for the confirms of its
// replies, and whether or not they are consumed.
func TestAlarmAndAnswers(t *testing.T) {
	for _, confirmed := range []bool{false, true} {
		for _, answers := range []string{"consumed", "kept", "dropped"} {
			t.Run(fmt.Sprintf("confirmed=%v/%s", confirmed, answers), func(t *testing.T) {
				b := start(t, broker.Config{MaxMemory: 4 << 20})
				ch := open(t, b)
				work := declare(t, ch)
				to := "nowhere"
				if answers != "dropped" {
					to = declare(t, ch)
				}
				if answers == "consumed" {
					consume(t, open(t, b), to)
				}
				n := fill(t, b, work)
				if err := ch.Qos(10, 0, false); err != nil {
					t.Fatal(err)
				}
				if confirmed {
					if err := ch.Confirm(false); err != nil {
						t.Fatal(err)
					}
				}
				deliveries := consume(t, ch, work)
				for range n {
					d := hosttest.Next(t, deliveries)
					confirm, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", to, false, false,
						amqp.Publishing{Body: make([]byte, 50_000)})
					if err != nil {
						t.Fatal(err)
					}
					if confirmed {
						<-confirm.Done()
					}
					if err := d.Ack(false); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// A client whose publishings wait may do everything else: on the channel of the publishing,
// acknowledge and cancel; on other channels, anything.
func TestAlarmAndOtherMethods(t *testing.T) {
	b := start(t, broker.Config{MaxMemory: 4 << 20})
	conn := dial(t, b)
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	ch := channel(t, conn)
	q := declare(t, ch)
	publish(t, ch, q, "held")
	d := hosttest.Next(t, consume(t, ch, q))
	small := declare(t, ch)
	publish(t, ch, small, "first")
	tag := "tag"
	if _, err := ch.Consume(small, tag, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	heap := declare(t, ch)
	fill(t, b, heap)
	for range 3 { // more than it holds
		publish(t, ch, heap, string(make([]byte, 60_000)))
	}
	if got := hosttest.Next(t, blocked); !got.Active {
		t.Fatalf("got %+v, want blocked", got)
	}
	if err := d.Ack(false); err != nil {
		t.Fatal(err)
	}
	if err := ch.Cancel(tag, false); err != nil {
		t.Fatal(err)
	}
	other := channel(t, conn)
	if got := consumers(t, other, small); got != 0 {
		t.Errorf("got %d consumers after the cancel, want 0", got)
	}
	if n := length(t, other, q); n != 0 {
		t.Errorf("got %d messages, want 0", n)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := channel(t, dial(t, b)).QueuePurge(heap, false); err != nil {
		t.Fatal(err)
	}
	if got := hosttest.Next(t, blocked); got.Active {
		t.Errorf("got %+v, want unblocked", got)
	}
}

func consumers(t *testing.T, ch *amqp.Channel, queue string) int {
	t.Helper()
	q, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return q.Consumers
}

// Waiting publishings are handled in their order, together with what follows them on their channel.
func TestAlarmKeepsOrder(t *testing.T) {
	b := start(t, broker.Config{MaxMemory: 4 << 20})
	ch, heap := open(t, b), "heap"
	if _, err := ch.QueueDeclare(heap, false, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	n := fill(t, b, heap)
	w := plug(t, b)
	w.open(0)
	w.write(frames(func(b *frame.Buffer) {
		b.Method(1, &frame.BasicPublish{RoutingKey: heap})
		b.Content(1, frame.ClassBasic, frame.Properties{0, 0}, make([]byte, 6000), frame.MinSize)
		b.Method(1, &frame.QueueDelete{Queue: heap})
		b.Method(1, &frame.BasicPublish{RoutingKey: "none", Mandatory: true})
		b.Content(1, frame.ClassBasic, frame.Properties{0, 0}, []byte("x"), frame.MinSize)
	}))
	for range 7 { // so that an eighth of the limit is free
		if _, ok, err := ch.Get(heap, true); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	m, ok := w.read().(*frame.QueueDeleteOk)
	if least := uint32(n - 7 + 1); !ok || m.MessageCount < least {
		t.Errorf("got %+v, want a deletion of %d messages at least", m, least)
	}
	if m, ok := w.read().(*frame.BasicReturn); !ok {
		t.Errorf("got %T, want basic.return", m)
	}
}

// A connection is closed even though its publishings wait, if confirms tell its client what was
// accepted. Otherwise the close waits, as in RabbitMQ.
func TestAlarmAndClientsClose(t *testing.T) {
	for _, confirming := range []bool{true, false} {
		t.Run(fmt.Sprintf("confirming=%v", confirming), func(t *testing.T) {
			b := start(t, broker.Config{MaxMemory: 4 << 20})
			ch := open(t, b)
			heap := declare(t, ch)
			n := fill(t, b, heap)
			conn := dial(t, b)
			blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
			publisher := channel(t, conn)
			if confirming {
				if err := publisher.Confirm(false); err != nil {
					t.Fatal(err)
				}
			}
			publish(t, publisher, heap, "waits")
			hosttest.Next(t, blocked)
			closed := make(chan error, 1)
			go func() { closed <- conn.Close() }()
			want := 0
			if confirming {
				if err := hosttest.Next(t, closed); err != nil {
					t.Fatal(err)
				}
			} else {
				want = 1
			}
			for range n {
				if _, ok, err := ch.Get(heap, true); !ok || err != nil {
					t.Fatal(ok, err)
				}
			}
			if !confirming {
				if err := hosttest.Next(t, closed); err != nil {
					t.Fatal(err)
				}
			}
			want++ // the one that blocked fill
			if got := length(t, ch, heap); got != want {
				t.Errorf("got %d messages, want %d", got, want)
			}
		})
	}
}

// A waiting reply is not lost with its client, if the client has acknowledged the delivery that it
// answers.
func TestAlarmAndAnswersOfLostClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, broker.Config{MaxMemory: 4 << 20})
		ch := open(t, b)
		work, heap := declare(t, ch), declare(t, ch)
		publish(t, ch, work, "request")
		n := fill(t, b, heap)
		w := plug(t, b)
		w.open(0)
		w.send(1, &frame.BasicConsume{Queue: work})
		w.read() // basic.consume-ok
		w.read() // basic.deliver
		w.content()
		w.write(frames(func(b *frame.Buffer) {
			for range 2 { // the second waits
				b.Method(1, &frame.BasicPublish{RoutingKey: heap})
				b.Content(1, frame.ClassBasic, frame.Properties{0, 0}, make([]byte, 70_000), 128<<10)
				n++
			}
			b.Method(1, &frame.BasicAck{DeliveryTag: 1})
		}))
		synctest.Wait()
		w.conn.Close()
		synctest.Wait()
		if got := length(t, ch, heap); got != n {
			t.Errorf("got %d messages, want %d", got, n)
		}
	})
}

// What a blocked client sends stays in its socket, apart from a small amount.
func TestAlarmBoundsParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, broker.Config{MaxMemory: 4 << 20})
		heap := declare(t, open(t, b))
		fill(t, b, heap)
		w := plug(t, b)
		w.open(0)
		w.conn.SetWriteDeadline(time.Now().Add(time.Minute))
		sent := 0
		for {
			n, err := w.conn.Write(frames(func(b *frame.Buffer) {
				b.Method(1, &frame.BasicPublish{RoutingKey: heap})
				b.Content(1, frame.ClassBasic, frame.Properties{0, 0}, make([]byte, 1000), frame.MinSize)
			}))
			if sent += n; err != nil {
				if !os.IsTimeout(err) {
					t.Fatal(err)
				}
				break
			}
		}
		if sent > 256<<10 {
			t.Errorf("the broker took %d bytes of a blocked client", sent)
		}
	})
}
