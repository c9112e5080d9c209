package rpc_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Which reports which instance has run a call.
type Which struct {
	_ service.Name `service:"which"`

	Entrypoints struct {
		One  rpc.Method `rpc:"one"`
		Each rpc.Method `rpc:"each(n)"`
		Wait rpc.Method `rpc:"wait"`
	}

	Waits chan struct{}
	Ended chan error
}

func (*Which) One(ctx context.Context) (string, error) {
	return service.FromContext(ctx).Instance, nil
}

func (*Which) Each(ctx context.Context, n int) (iter.Seq2[string, error], error) {
	return func(yield func(string, error) bool) {
		for range n {
			if !yield(service.FromContext(ctx).Instance, nil) {
				return
			}
		}
	}, nil
}

func (w *Which) Wait(ctx context.Context) error {
	w.Waits <- struct{}{}
	<-ctx.Done()
	w.Ended <- context.Cause(ctx)
	return ctx.Err()
}

// Calls reach the instance that they name, and no other.
func TestAt(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		services := map[string]*Which{}
		var first *process
		for _, name := range []string{"vm1.example.org/1-a", "vm1.example.org/1-ab"} {
			services[name] = &Which{Waits: make(chan struct{}, 10), Ended: make(chan error, 10)}
			p := startOn(t, service.Config{Instance: name}, transport.Config{URI: uri}, services[name])
			if first == nil {
				first = p
			}
		}
		client := dial(t, uri, rpc.Config{}, nil).Client("which")
		for name, s := range services {
			ctx, cancel := context.WithCancel(rpc.With(t.Context(), rpc.At(name)))
			for range 5 {
				var got string
				if err := client.Call(ctx, "one", &got); err != nil || got != name {
					t.Errorf("got the instance %s, %v, want %s", got, err, name)
				}
			}
			for got, err := range rpc.Stream[string](ctx, client, "each", 50) {
				if err != nil || got != name {
					t.Fatalf("stream: got the instance %s, %v, want %s", got, err, name)
				}
			}
			if err := client.Call(ctx, "two", nil); !errors.Is(err, rpc.ErrMethodNotFound) {
				t.Errorf("got %v, want that the method does not exist", err)
			}
			failed := make(chan error)
			go func() { failed <- client.Call(ctx, "wait", nil) }()
			hosttest.Receive(t, "the method", s.Waits)
			cancel()
			if err := hosttest.Receive(t, "the call", failed); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want that it was cancelled", err)
			}
			if cause := hosttest.Receive(t, "the end of the method", s.Ended); cause.Error() != "CancelledError: cancelled by the caller" {
				t.Errorf("got the cause %v", cause)
			}
		}
		for _, name := range []string{"vm1.example.org/1", "*", "#", strings.Repeat("x", 300)} {
			err := client.Call(rpc.With(t.Context(), rpc.At(name), rpc.Timeout(10*time.Second)), "one", nil)
			if len(name) > 255 {
				if err == nil || errors.Is(err, rpc.ErrUnknownService) {
					t.Errorf("got %v, want that the name is too long", err)
				}
			} else if want := "UnknownService: Unknown service `which`: it has no instance " + name; !errors.Is(err, rpc.ErrUnknownService) || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		first.stop(t)
		if err := client.Call(rpc.With(t.Context(), rpc.At("vm1.example.org/1-a")), "one", nil); !errors.Is(err, rpc.ErrUnknownService) {
			t.Errorf("got %v of an instance that has stopped", err)
		}
	})
}

// More direct calls than the control queue takes at once do not delay cancellations, and a stopping
// process refuses new direct calls.
func TestAtMany(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	s := &Which{Waits: make(chan struct{}, 1000), Ended: make(chan error, 1000)}
	p := startOn(t, service.Config{Instance: "vm1/1-a", MaxWorkers: 2}, transport.Config{URI: uri}, s)
	client := dial(t, uri, rpc.Config{}, nil).Client("which")
	const calls = 50
	cancels, failed := make([]context.CancelFunc, calls), make(chan error, calls)
	for i := range calls {
		var ctx context.Context
		ctx, cancels[i] = context.WithCancel(rpc.With(t.Context(), rpc.At("vm1/1-a"), rpc.Timeout(-1)))
		go func() { failed <- client.Call(ctx, "wait", nil) }()
	}
	for range 2 {
		hosttest.Receive(t, "the methods", s.Waits)
	}
	for _, cancel := range cancels[:calls/2] {
		cancel()
	}
	for range calls / 2 {
		if err := hosttest.Receive(t, "a call", failed); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		p.stop(t)
	}()
	hosttest.Eventually(t, "a refusal", func() bool {
		err := client.Call(rpc.With(t.Context(), rpc.At("vm1/1-a"), rpc.Timeout(100*time.Millisecond)), "one", nil)
		return errors.Is(err, rpc.ErrUnavailable)
	})
	for _, cancel := range cancels {
		cancel()
	}
	for range calls / 2 {
		if err := hosttest.Receive(t, "a call", failed); !errors.Is(err, context.Canceled) && !errors.Is(err, rpc.ErrUnavailable) {
			t.Errorf("got %v, want that it was cancelled, or refused because it waited for a worker", err)
		}
	}
	hosttest.Receive(t, "the stop", stopped)
}

// Only a key with exactly one word after the instance reaches it.
func TestAtKeys(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	startOn(t, service.Config{Instance: "vm1/1-a"}, transport.Config{URI: uri}, &Which{})
	ch := brokertest.Channel(t, uri)
	returned := ch.NotifyReturn(make(chan amqp.Return, 1))
	for _, key := range []string{"gomeko.at.which.vm1/1-a", "gomeko.at.which.vm1/1-a.one.two", "gomeko.at.other.vm1/1-a.one"} {
		if err := ch.Publish("nameko-rpc", key, true, false, amqp.Publishing{}); err != nil {
			t.Fatal(err)
		}
		hosttest.Receive(t, "the return of "+key, returned)
	}
}
