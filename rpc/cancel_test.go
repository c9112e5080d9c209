package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Patient waits until its call is over, and reports why.
type Patient struct {
	_ service.Name `service:"patient"`

	Entrypoints struct {
		Wait    rpc.Method `rpc:"wait"`
		Nothing rpc.Method `rpc:"nothing"`
	}

	Waits chan struct{} // gets a token for each wait
	Ended chan error    // why ctx ended
}

func (p *Patient) Wait(ctx context.Context) error {
	p.Waits <- struct{}{}
	<-ctx.Done()
	p.Ended <- context.Cause(ctx)
	return ctx.Err()
}

func (*Patient) Nothing(context.Context) error { return nil }

func newPatient() *Patient {
	return &Patient{Waits: make(chan struct{}, 10), Ended: make(chan error, 10)}
}

// However a caller gives up a call, the method's ctx ends in the other process, and the call is
// answered and acknowledged.
func TestCancellation(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := newPatient()
		server := start(t, uri, p)
		client := dial(t, uri, rpc.Config{Timeout: time.Second}, nil).Client("patient")
		replies := newPeer(t, uri)
		tests := map[string]struct {
			opts []rpc.Option
			call func(context.Context) error
			want error
		}{
			"cancelled":    {[]rpc.Option{rpc.Timeout(-1)}, func(ctx context.Context) error { return client.Call(ctx, "wait", nil) }, context.Canceled},
			"go cancelled": {[]rpc.Option{rpc.Timeout(-1)}, func(ctx context.Context) error { return client.Go(ctx, "wait").Result(t.Context(), nil) }, context.Canceled},
			"timed out":    {[]rpc.Option{rpc.Expiration(0)}, func(ctx context.Context) error { return client.Call(ctx, "wait", nil) }, rpc.ErrTimeout},
			"go timed out": {[]rpc.Option{rpc.Timeout(time.Second), rpc.Expiration(0)}, func(ctx context.Context) error { return client.Go(ctx, "wait").Result(t.Context(), nil) }, rpc.ErrTimeout},
		}
		for name, test := range tests {
			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error)
			go func() { failed <- test.call(rpc.With(ctx, test.opts...)) }()
			hosttest.Receive(t, "the method", p.Waits)
			if test.want == context.Canceled {
				cancel()
			}
			if err := hosttest.Receive(t, "the call", failed); !errors.Is(err, test.want) {
				t.Errorf("%s: got %v, want %v", name, err, test.want)
			}
			if cause := hosttest.Receive(t, "the end of the method's ctx", p.Ended); cause.Error() != "CancelledError: cancelled by the caller" {
				t.Errorf("%s: got cause %v, want that its caller has cancelled it", name, cause)
			}
			cancel()
		}
		// Each of the methods has returned ctx's error, which is not logged as a fault.
		replies.publish("patient.nothing", amqp.Publishing{ReplyTo: replyKey, Body: []byte(`{"args": [], "kwargs": {}}`)})
		hosttest.Next(t, replies.replies)
		server.stop(t)
		if given, faults := server.Log.Lines("level=WARN", "call failed"), server.Log.Lines("level=ERROR"); len(given) != len(tests) || len(faults) > 0 {
			t.Errorf("got %d calls logged at WARN and %q at ERROR, want %d and none", len(given), faults, len(tests))
		}
		if n := brokertest.Depth(t, uri, "rpc-patient"); n != 0 {
			t.Errorf("got %d requests left in the queue, want 0", n)
		}
	})
}

// A request that is cancelled while it is in the queue is answered and not run. The cancellation
// has its reply_to and its correlation_id.
func TestCancelledInTheQueue(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := newPatient()
		startWorkers(t, 1, uri, p)
		peer := newPeer(t, uri)
		cancellations := brokertest.Bind(t, peer.ch, "gomeko.control", "cancel.patient")
		client := dial(t, uri, rpc.Config{Timeout: -1}, nil).Client("patient")
		first, cancelFirst := context.WithCancel(t.Context())
		running := client.Go(first, "wait")
		hosttest.Receive(t, "the method", p.Waits)

		second, cancelSecond := context.WithCancel(rpc.With(t.Context(), rpc.CorrelationID("second")))
		queued := client.Go(second, "wait")
		cancelSecond()
		hosttest.Receive(t, "the call", queued.Done())
		var body map[string]string
		message := hosttest.Next(t, cancellations)
		if err := json.Unmarshal(message.Body, &body); err != nil || len(body) != 2 || body["correlation_id"] != "second" || body["reply_to"] == "" {
			t.Errorf("got %s, %v, want reply_to and correlation_id", message.Body, err)
		}
		peer.publish("patient.wait", amqp.Publishing{ // again, as after a lost connection, and to be seen
			ReplyTo: replyKey, CorrelationId: "third", Body: []byte(`{"args": [], "kwargs": {}}`),
		})
		peer.publishTo("gomeko.control", "cancel.patient", amqp.Publishing{Body: []byte(`{"reply_to": "` + replyKey + `", "correlation_id": "third"}`)})
		for _, odd := range []string{"", "5", "{}", `{"reply_to": 5}`, `{"correlation_id": "\ud800"}`} {
			peer.publishTo("gomeko.control", "cancel.patient", amqp.Publishing{Body: []byte(odd)})
		}
		for range 6 {
			hosttest.Next(t, cancellations) // so all of these precede the next one
		}
		cancelFirst()
		hosttest.Receive(t, "the call", running.Done())
		hosttest.Receive(t, "the end of the first", p.Ended)
		if reply := hosttest.Next(t, peer.replies); reply.CorrelationId != "third" {
			t.Errorf("got a reply to %q, want one to third", reply.CorrelationId)
		}
		if err := client.Call(t.Context(), "nothing", nil); err != nil {
			t.Error(err)
		}
		if n := len(p.Waits); n != 0 {
			t.Errorf("got %d cancelled requests run, want none", n)
		}
	})
}

// Nothing is cancelled without a listener, or by a limit that nobody asked for.
func TestCancellationDropped(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		requests := newPeer(t, uri).bind("mute.*")
		client := dial(t, uri, rpc.Config{Timeout: time.Second}, nil).Client("mute")
		if err := client.Call(t.Context(), "ask", nil); !errors.Is(err, rpc.ErrTimeout) {
			t.Errorf("got %v, want ErrTimeout", err)
		}
		hosttest.Next(t, requests)

		w := newWorker()
		start(t, uri, w)
		r := dial(t, uri, rpc.Config{Timeout: time.Second}, nil).Client("worker").Go(t.Context(), "hold")
		hosttest.Receive(t, "the method", w.Held)
		if err := r.Result(t.Context(), nil); !errors.Is(err, rpc.ErrTimeout) {
			t.Errorf("got %v, want ErrTimeout", err)
		}
		select {
		case w.Release <- struct{}{}: // only a call that still holds takes it
		case <-time.After(hosttest.Timeout):
			t.Error("the work of a detached call was cancelled")
		}
	})
}

// A user with permissions for Nameko's names only can call and serve as before: nothing is
// cancelled, and the log says so.
func TestCancellationRefused(t *testing.T) {
	uri := brokertest.RabbitMQ(t)
	w := newWorker()
	names := "^(nameko-rpc|rpc[.-].*)$"
	user := brokertest.NewUser(t, uri)
	user.Grant(names, names, names)
	server := start(t, user.URI("secret"), w)
	if lines := server.Log.Lines("level=WARN", "calls that their callers cancel run on", "gomeko.control"); len(lines) != 1 {
		t.Errorf("got %q, want one warning", lines)
	}

	conn := dial(t, user.URI("secret"), rpc.Config{}, nil)
	user.Grant(names+"|^gomeko.*$", names, names) // may declare but not publish
	declares := dial(t, user.URI("secret"), rpc.Config{}, nil)
	for _, conn := range []*rpc.Caller{conn, declares, declares} {
		ctx, cancel := context.WithCancel(t.Context())
		r := conn.Client("worker").Go(ctx, "hold")
		hosttest.Receive(t, "the method", w.Held)
		cancel()
		if err := r.Result(t.Context(), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context canceled", err)
		}
		w.Release <- struct{}{}
	}
}
