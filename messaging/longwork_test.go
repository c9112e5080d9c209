package messaging_test

import (
	"context"
	"errors"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Long has handlers that run until the test ends them.
type Long struct {
	_ service.Name `service:"long"`

	Entrypoints struct {
		Work   messaging.Consumer `messaging:"long"`
		Return messaging.Consumer `messaging:"long-requeued" requeue:"true" method:"Work"`
		Call   rpc.Method         `rpc:"call(text)"`
	}

	begun chan string
	end   chan error
}

func (l *Long) Work(_ context.Context, text string) error {
	l.begun <- text
	return <-l.end
}

func (l *Long) Call(_ context.Context, text string) (string, error) {
	l.begun <- text
	return text, <-l.end
}

func newLong() *Long { return &Long{begun: make(chan string, 100), end: make(chan error)} }

func send(t *testing.T, uri, queue, text string) {
	t.Helper()
	m := amqp.Publishing{ContentType: "application/json", Body: []byte(`"` + text + `"`)}
	if err := brokertest.Channel(t, uri).PublishWithContext(t.Context(), "", queue, true, false, m); err != nil {
		t.Fatal(err)
	}
}

// again is logged when a redelivered message is not handled twice.
const again = "delivered again while it is handled"

// A message whose connection is lost while it is handled is not handled a second time: the
// redelivery is settled with the outcome of the first delivery, even if its connection is lost too.
func TestCutWhileHandled(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		l := newLong()
		p := startOn(t, transport.Config{URI: uri}, l)
		for range 2 { // two messages with the same content
			send(t, uri, "long", "twin")
			hosttest.Receive(t, "the message", l.begun)
		}
		send(t, uri, "long-requeued", "failing")
		hosttest.Receive(t, "the message", l.begun)
		for n := range 2 {
			p.tap.Cut()
			p.Log.Wait(t, 3*(n+1), again)
		}
		for range 2 {
			l.end <- nil
		}
		l.end <- errors.New("failed") // returned to the queue, so handled again
		if got := hosttest.Receive(t, "the message that was given back", l.begun); got != "failing" {
			t.Errorf("got %s again", got)
		}
		l.end <- nil
		hosttest.Close(t, p.Stop)
		for _, queue := range []string{"long", "long-requeued"} {
			if n := brokertest.Depth(t, uri, queue); n != 0 || len(l.begun) > 0 {
				t.Errorf("%s: got %d messages left, and %d handled again, want none", queue, n, len(l.begun))
			}
		}
	})
}

// A message whose handler ends while the connection is lost is not handled a second time.
func TestDoneWhileCut(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		l := newLong()
		p := startOn(t, transport.Config{URI: uri}, l)
		send(t, uri, "long", "once")
		hosttest.Receive(t, "the message", l.begun)
		p.tap.Cut()
		p.Log.Wait(t, 1, "connection to the broker lost")
		l.end <- nil
		p.Log.Wait(t, 1, again)
		hosttest.Close(t, p.Stop)
		if n := brokertest.Depth(t, uri, "long"); n != 0 || len(l.begun) > 0 {
			t.Errorf("got %d messages left, and %d handled again, want none", n, len(l.begun))
		}
	})
}

// A handler that takes longer than RabbitMQ's consumer_timeout runs once, and a warning is logged.
func TestConsumerTimeout(t *testing.T) {
	node := brokertest.StartNode(t)
	node.Control("eval", "application:set_env(rabbit, consumer_timeout, 2000), application:set_env(rabbit, channel_tick_interval, 300).")
	l := newLong()
	p := startOn(t, transport.Config{URI: node.URI()}, l)
	replied := make(chan error)
	go func() {
		var got string
		err := caller(t, node.URI()).Client("long").Call(rpc.With(t.Context(), rpc.Timeout(-1)), "call", &got, "call")
		if err == nil && got != "call" {
			err = errors.New("got the reply " + got)
		}
		replied <- err
	}()
	send(t, node.URI(), "long", "message")
	for range 2 {
		hosttest.Receive(t, "the message and the call", l.begun)
	}
	p.Log.Wait(t, 2, "level=WARN", "consumer_timeout=2s", "queue=long", "unsettled=1", "remedy=")
	p.Log.Wait(t, 1, "level=WARN", "consumer_timeout=2s", "queue=rpc-long")
	p.Log.Wait(t, 4, again) // both twice: the next time is two seconds away
	for range 2 {
		l.end <- nil
	}
	if err := hosttest.Receive(t, "the reply", replied); err != nil {
		t.Error(err)
	}
	hosttest.Close(t, p.Stop)
	for _, queue := range []string{"long", "rpc-long"} {
		if n := brokertest.Depth(t, node.URI(), queue); n != 0 || len(l.begun) > 0 {
			t.Errorf("%s: got %d messages left, and %d handled again, want none", queue, n, len(l.begun))
		}
	}
}
