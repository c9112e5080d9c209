package connection_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Front consumes events and calls a service.
type Front struct {
	_ service.Name `service:"front"`

	Entrypoints struct {
		Handle events.Handler     `events:"back.done"`
		Take   messaging.Consumer `messaging:"front"`
		Serve  rpc.Method         `rpc:"serve"`
	}

	Back     rpc.Client `rpc:"back"`
	Dispatch events.Dispatcher

	handled chan error // receives the outcome of a call for each event
}

func (f *Front) Handle(ctx context.Context, _ string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := f.Back.Call(ctx, "work", nil)
	f.handled <- err
	return err
}

func (*Front) Take(context.Context, string) error { return nil }
func (*Front) Serve(context.Context) error        { return nil }

// TestStartInAlarm makes RabbitMQ run low on memory before anything connects. A service with a
// client and a program that makes calls start nevertheless. Consumed messages are handled, calls
// end at their limit with the reason, and the service stops within its grace period.
func TestStartInAlarm(t *testing.T) {
	t.Parallel()
	node := brokertest.StartNode(t)
	broker := transport.Config{URI: node.URI()}
	hosttest.Close(t, hosttest.Start(t, hosttest.Config{Broker: broker}, &Front{}).Stop) // it declares the queues
	peer := hosttest.Dial(t, broker)
	for _, p := range []transport.Publishing{
		{Exchange: "back.events", Key: "done", Mandatory: true},
		{Key: "rpc-front", Mandatory: true}, // the reply must be published, so it waits
	} {
		p.ContentType, p.ContentEncoding, p.Body = "application/json", "utf-8", []byte(`"event"`)
		if err := peer.Publish(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	node.Control("set_vm_memory_high_watermark", "0.00001")

	front := &Front{handled: make(chan error, 1)}
	h := hosttest.Start(t, hosttest.Config{Broker: broker}, front)
	blocked := func(err error) bool {
		return errors.Is(err, rpc.ErrTimeout) && strings.Contains(err.Error(), "the broker blocks publishing (low on memory)")
	}
	if err := hosttest.Receive(t, "the event", front.handled); !blocked(err) {
		t.Errorf("a call in a service: got %v, want a timeout with the reason", err)
	}

	conn, err := transport.Dial(t.Context(), broker)
	if err != nil {
		t.Fatal(err)
	}
	caller, err := rpc.NewCaller(t.Context(), conn, rpc.Config{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Client("back").Call(t.Context(), "work", nil); !blocked(err) {
		t.Errorf("a call of a program: got %v, want a timeout with the reason", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = caller.Close(ended), conn.Close(ended)

	began := time.Now()
	grace, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := h.Stop(grace); err == nil {
		t.Log("stopped in order")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the stop took %s, want about 3s", took)
	}
	node.Control("set_vm_memory_high_watermark", "0.6") // lets the peer close its connection properly
}
