package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Quorum consumes two quorum queues: one that it declares, and one that exists.
type Quorum struct {
	_ service.Name `service:"quorum"`

	Entrypoints struct {
		Mine   messaging.Consumer `messaging:"mine" requeue:"true" method:"Fail"`
		Theirs messaging.Consumer `messaging:"theirs" declare:"false" method:"On"`
	}

	Push messaging.Publisher `queue:"mine"`

	listener
}

// Fail records how often a message was delivered before.
func (q *Quorum) Fail(_ context.Context, m messaging.Message, payload string) error {
	q.heard <- fmt.Sprint(payload, " ", m.Headers["x-delivery-count"])
	return errors.New("again")
}

// TestQuorumQueues declares a quorum queue, and consumes another that exists. The broker drops a
// message that was delivered too often.
func TestQuorumQueues(t *testing.T) {
	uri := brokertest.RabbitMQ(t)
	quorum := amqp.Table{"x-queue-type": "quorum"}
	peer := brokertest.Channel(t, uri)
	if _, err := peer.QueueDeclare("theirs", true, false, false, false, quorum); err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 10)
	start(t, uri, &Quorum{listener: listener{heard}}, messaging.Declare(messaging.Queue{
		Name: "mine", Type: messaging.Quorum, Arguments: map[string]any{"x-delivery-limit": 2},
		Bindings: []messaging.Binding{{Exchange: "amq.topic", Key: "a.#"}},
	}))
	quorum["x-delivery-limit"] = int64(2)
	if _, err := peer.QueueDeclare("mine", true, false, false, false, quorum); err != nil {
		t.Errorf("it is declared otherwise: %v", err)
	}
	for _, m := range []struct{ exchange, key, body string }{{"amq.topic", "a.b", `"x"`}, {"", "theirs", `"y"`}} {
		if err := peer.PublishWithContext(t.Context(), m.exchange, m.key, true, false, amqp.Publishing{Body: []byte(m.body)}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for range 4 {
		got = append(got, hosttest.Receive(t, "three deliveries, and one", heard))
	}
	slices.Sort(got)
	if want := []string{"x 1", "x 2", "x <nil>", "y"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Reader reads a stream from its beginning, from now on, and from an offset.
type Reader struct {
	_ service.Name `service:"reader"`

	Entrypoints struct {
		All  messaging.Consumer `messaging:"audit" from:"first"`
		New  messaging.Consumer `messaging:"audit"`
		Rest messaging.Consumer `messaging:"audit" from:"2"`
		Add  rpc.Method         `rpc:"add(entry)"`
	}

	Entry messaging.Publisher `queue:"audit"`

	all, later, rest chan int
}

func (r *Reader) All(_ context.Context, n int) error  { r.all <- n; return nil }
func (r *Reader) New(_ context.Context, n int) error  { r.later <- n; return nil }
func (r *Reader) Rest(_ context.Context, n int) error { r.rest <- n; return nil }

func (r *Reader) Add(ctx context.Context, n int) error { return r.Entry(ctx, n) }

// TestStreams declares a stream, which several rows read from different positions. After a lost
// connection, each continues where it was.
func TestStreams(t *testing.T) {
	uri := brokertest.RabbitMQ(t)
	r := &Reader{all: make(chan int, 100), later: make(chan int, 100), rest: make(chan int, 100)}
	read := func(what string, from <-chan int, want ...int) {
		t.Helper()
		var got []int
		for range want {
			got = append(got, hosttest.Receive(t, what, from))
		}
		slices.Sort(got) // calls run concurrently
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	add := func(from, to int) {
		t.Helper()
		client := caller(t, uri).Client("reader")
		for i := from; i < to; i++ {
			if err := client.Call(t.Context(), "add", nil, i); err != nil {
				t.Fatal(err)
			}
		}
	}
	audit := messaging.Declare(messaging.Queue{Name: "audit", Type: messaging.Stream, Arguments: map[string]any{"x-max-age": "1h"}})
	first := start(t, uri, r, audit)
	add(0, 5)
	read("all", r.all, 0, 1, 2, 3, 4)
	read("new", r.later, 0, 1, 2, 3, 4)
	read("rest", r.rest, 2, 3, 4)
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	second, peer := start(t, uri, r, audit), brokertest.Channel(t, uri)
	read("all, again", r.all, 0, 1, 2, 3, 4)
	add(5, 8)
	read("all, what came then", r.all, 5, 6, 7)
	read("new, what came then", r.later, 5, 6, 7)
	read("rest, again", r.rest, 2, 3, 4, 5, 6, 7)

	second.tap.Cut()
	if err := peer.PublishWithContext(t.Context(), "", "audit", true, false, amqp.Publishing{Body: []byte("8")}); err != nil {
		t.Fatal(err)
	}
	add(9, 10)
	for what, from := range map[string]<-chan int{"all": r.all, "new": r.later, "rest": r.rest} {
		for missing := []int{8, 9}; len(missing) > 0; {
			n := hosttest.Receive(t, what+", what came without a connection", from)
			if n < 2 { // the most recent ones may be delivered twice
				t.Fatalf("%s: got %d, want it to go on", what, n)
			}
			missing = slices.DeleteFunc(missing, func(m int) bool { return m == n })
		}
	}
}

// Full publishes to a queue that holds one message.
type Full struct {
	_ service.Name `service:"full"`

	Entrypoints struct {
		Push rpc.Method `rpc:"push(payload)"`
	}

	Send messaging.Publisher `queue:"small"`
}

func (f *Full) Push(ctx context.Context, payload string) error {
	err := f.Send(ctx, payload)
	if errors.Is(err, transport.ErrNacked) {
		return rpc.NewError("full.Nacked", err.Error())
	}
	return err
}

// TestNacked publishes to a full queue: that is an error, and the next message may be accepted.
func TestNacked(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, &Full{}, messaging.Declare(messaging.Queue{
			Name: "small", Arguments: map[string]any{"x-max-length": 1, "x-overflow": "reject-publish"},
		}))
		full, peer := caller(t, uri).Client("full"), brokertest.Channel(t, uri)
		for range 2 {
			if err := full.Call(t.Context(), "push", nil, "fits"); err != nil {
				t.Error(err)
			}
			err := full.Call(t.Context(), "push", nil, "does not")
			if want := "Nacked: message to /small: refused by the broker (basic.nack)"; err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			if _, ok, err := peer.Get("small", true); !ok || err != nil {
				t.Fatalf("got %t, %v, want the message that fits", ok, err)
			}
		}
	})
}
