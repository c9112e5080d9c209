package broker_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
)

func TestQueueOfServersName(t *testing.T) {
	ch := open(t, start(t, broker.Config{}))
	a, b := declare(t, ch), declare(t, ch)
	if !strings.HasPrefix(a, "amq.gen-") || a == b {
		t.Errorf("got the names %q and %q", a, b)
	}
	if err := ch.QueueBind("", "", "amq.direct", false, nil); err != nil { // the last one, by its name
		t.Fatal(err)
	}
	if err := ch.PublishWithContext(t.Context(), "amq.direct", b, false, false, amqp.Publishing{}); err != nil {
		t.Fatal(err)
	}
	if got := length(t, ch, b); got != 1 {
		t.Errorf("got %d messages, want 1", got)
	}
}

func TestPurgeAndDelete(t *testing.T) {
	b := start(t, broker.Config{})
	ch := open(t, b)
	q := declare(t, ch)
	publish(t, ch, q, "1", "2", "3")
	length(t, ch, q) // all three have arrived
	deliveries := consume(t, channelWithPrefetch(t, b, 1), q)
	expect(t, deliveries, "1")
	if got := b.Messages(); got != 3 {
		t.Errorf("the broker holds %d messages, want 3", got)
	}
	if n, err := ch.QueuePurge(q, false); n != 2 || err != nil {
		t.Errorf("purged %d, %v, want the 2 that are ready", n, err)
	}
	publish(t, ch, q, "4")
	if n, err := ch.QueueDelete(q, false, false, false); n != 1 || err != nil {
		t.Errorf("deleted with %d, %v, want 1", n, err)
	}
	if d, open := <-deliveries; open { // cancelled by the broker
		t.Errorf("got %q from a deleted queue", d.Body)
	}
	if got := b.Messages(); got != 0 {
		t.Errorf("the broker holds %d messages, want 0", got)
	}
}

// channelWithPrefetch opens a channel on a new connection.
func channelWithPrefetch(t *testing.T, b *broker.Broker, n int) *amqp.Channel {
	t.Helper()
	ch := open(t, b)
	if err := ch.Qos(n, 0, false); err != nil {
		t.Fatal(err)
	}
	return ch
}

// However a connection ends, exclusive queues are deleted and others stay.
func TestEndOfConnection(t *testing.T) {
	ends := map[string]func(*amqp.Connection, *wireConn){
		"closed": func(c *amqp.Connection, _ *wireConn) { c.Close() },
		"lost":   func(_ *amqp.Connection, w *wireConn) { w.Close() },
		"failed": func(c *amqp.Connection, _ *wireConn) {
			ch, _ := c.Channel()
			ch.Flow(false) // refused with 540, as by RabbitMQ
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			b := start(t, broker.Config{})
			conn, w := dialWire(t, b)
			ch := channel(t, conn)
			for _, q := range []struct {
				name                  string
				autoDelete, exclusive bool
			}{{"stays", false, false}, {"exclusive", false, true}, {"autodelete", true, false}, {"unused", true, false}} {
				if _, err := ch.QueueDeclare(q.name, true, q.autoDelete, q.exclusive, false, nil); err != nil {
					t.Fatal(err)
				}
			}
			publish(t, ch, "stays", "1", "2")
			expect(t, consume(t, ch, "stays"), "1", "2")
			consume(t, ch, "autodelete")
			other := dial(t, b)
			end(conn, w)

			left := consume(t, channel(t, other), "stays")
			for _, d := range expect(t, left, "1", "2") { // once the broker has noticed the end
				if !d.Redelivered {
					t.Errorf("message %s is not marked as redelivered", d.Body)
				}
			}
			for name, want := range map[string]bool{"exclusive": false, "autodelete": false, "unused": true} {
				_, err := channel(t, other).QueueDeclarePassive(name, true, false, false, false, nil)
				if exists := err == nil; exists != want {
					t.Errorf("queue %s exists: %v, want %v", name, exists, want)
				}
			}
		})
	}
}

func TestExpiration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, broker.Config{})
		ch := open(t, b)
		q := declare(t, ch)
		for body, ms := range []int{100, 500, 100, 0} { // 2 is after one that expires later
			msg := amqp.Publishing{Expiration: strconv.Itoa(ms), Body: []byte(strconv.Itoa(body))}
			if err := ch.PublishWithContext(t.Context(), "", q, false, false, msg); err != nil {
				t.Fatal(err)
			}
		}
		publish(t, ch, q, "never")
		length(t, ch, q)
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{0, 5}, {99, 5}, {2, 4}, {398, 4}, {2, 1}, {3_600_000, 1}} {
			time.Sleep(step.wait * time.Millisecond)
			synctest.Wait()
			if got := b.Messages(); got != step.want {
				t.Errorf("got %d messages after another %d ms, want %d", got, step.wait, step.want)
			}
		}
		expect(t, consume(t, ch, q), "never")
	})
}

// A message with a time to live of 0 reaches a consumer only if the consumer is waiting.
func TestExpirationZero(t *testing.T) {
	ch := open(t, start(t, broker.Config{}))
	q := declare(t, ch)
	msg := amqp.Publishing{Expiration: "0"}
	send := func(body string) {
		t.Helper()
		msg.Body = []byte(body)
		if err := ch.PublishWithContext(t.Context(), "", q, false, false, msg); err != nil {
			t.Fatal(err)
		}
	}
	send("too early")
	deliveries := consume(t, ch, q)
	send("in time")
	expect(t, deliveries, "in time")
}

func TestExpirationOfReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, broker.Config{})
		ch := open(t, b)
		q := declare(t, ch)
		msg := amqp.Publishing{Expiration: "100"}
		if err := ch.PublishWithContext(t.Context(), "", q, false, false, msg); err != nil {
			t.Fatal(err)
		}
		d, ok, err := ch.Get(q, false)
		if !ok || err != nil {
			t.Fatalf("got %v, %v, want a message", ok, err)
		}
		time.Sleep(time.Second)
		if got := b.Messages(); got != 1 {
			t.Errorf("got %d messages, want 1: who has it may take longer", got)
		}
		d.Nack(false, true)
		if got := length(t, ch, q); got != 0 {
			t.Errorf("got %d messages, want 0", got)
		}
	})
}

func TestExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, broker.Config{})
		ch := open(t, b)
		args := amqp.Table{"x-expires": 1000}
		declare := func() {
			t.Helper()
			if _, err := ch.QueueDeclare("q", true, false, false, false, args); err != nil {
				t.Fatal(err)
			}
		}
		used := []func(){
			declare,
			declare,
			func() { ch.Get("q", true) },
			func() {
				if _, err := ch.Consume("q", "tag", true, false, false, false, nil); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				ch.Cancel("tag", false)
			},
		}
		for _, use := range used {
			use()
			publish(t, ch, "q", "message") // does not count as use
			time.Sleep(900 * time.Millisecond)
		}
		if got := length(t, ch, "q"); got != 1 {
			t.Errorf("got %d messages, want 1", got)
		}
		time.Sleep(1001 * time.Millisecond) // a passive declaration counts as use
		synctest.Wait()
		if _, err := ch.QueueDeclarePassive("q", true, false, false, false, args); err == nil {
			t.Error("the queue is still there")
		}
	})
}
