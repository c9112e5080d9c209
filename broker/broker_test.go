package broker_test

import (
	"log/slog"
	"net"
	"os"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/hosttest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		serveChild()
		return
	}
	goleak.VerifyTestMain(m)
}

// start returns a broker that is closed when the test ends.
func start(t testing.TB, cfg broker.Config) *broker.Broker {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	b := broker.New(cfg)
	t.Cleanup(func() { hosttest.Close(t, b.Close) })
	return b
}

// dial connects amqp091-go to a broker in memory. The connection is closed when the test ends.
func dial(t *testing.T, b *broker.Broker) *amqp.Connection {
	t.Helper()
	conn, err := amqp.DialConfig("amqp://guest:guest@memory/", amqp.Config{
		Dial: func(string, string) (net.Conn, error) { return b.Dial(t.Context()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// connect connects to a broker at a URI. The connection is closed when the test ends.
func connect(t *testing.T, uri string) *amqp.Connection {
	t.Helper()
	conn, err := amqp.Dial(uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// open opens a channel on a new connection.
func open(t *testing.T, b *broker.Broker) *amqp.Channel {
	t.Helper()
	return channel(t, dial(t, b))
}

func channel(t *testing.T, conn *amqp.Connection) *amqp.Channel {
	t.Helper()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// declare creates a queue that the server names.
func declare(t *testing.T, ch *amqp.Channel) string {
	t.Helper()
	q, err := ch.QueueDeclare("", false, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return q.Name
}

// publish sends bodies to a queue.
func publish(t *testing.T, ch *amqp.Channel, queue string, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if err := ch.PublishWithContext(t.Context(), "", queue, false, false, amqp.Publishing{Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
}

func consume(t *testing.T, ch *amqp.Channel, queue string) <-chan amqp.Delivery {
	t.Helper()
	deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return deliveries
}

// expect waits for deliveries with these bodies, in this order.
func expect(t *testing.T, deliveries <-chan amqp.Delivery, bodies ...string) []amqp.Delivery {
	t.Helper()
	var got []amqp.Delivery
	for _, want := range bodies {
		d := hosttest.Next(t, deliveries)
		if string(d.Body) != want {
			t.Fatalf("got the message %q, want %q", d.Body, want)
		}
		got = append(got, d)
	}
	return got
}

func TestRoundTrip(t *testing.T) {
	b := start(t, broker.Config{})
	addr, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := amqp.Dial("amqp://guest:guest@" + addr.String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	for name, conn := range map[string]*amqp.Connection{"tcp": tcp, "memory": dial(t, b)} {
		t.Run(name, func(t *testing.T) {
			ch := channel(t, conn)
			queue := declare(t, ch)
			deliveries := consume(t, ch, queue)
			sent := amqp.Publishing{
				Headers:       amqp.Table{"nameko.call_id_stack": []any{"a", "b"}, "n": int64(7)},
				ContentType:   "application/json",
				CorrelationId: "id", ReplyTo: "reply", Priority: 3,
				Body: make([]byte, 300_000),
			}
			if err := ch.PublishWithContext(t.Context(), "", queue, true, false, sent); err != nil {
				t.Fatal(err)
			}
			d := hosttest.Next(t, deliveries)
			if d.CorrelationId != "id" || d.Priority != 3 || d.Headers["n"] != int64(7) || len(d.Body) != 300_000 {
				t.Errorf("got %+v, want %+v", d, sent)
			}
			if err := d.Ack(false); err != nil {
				t.Fatal(err)
			}
		})
	}
}
