package rpc_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Nest is a service that calls itself.
type Nest struct {
	_ service.Name `service:"nest"`

	Entrypoints struct {
		Deep   rpc.Method `rpc:"deep(n)"`
		Narrow rpc.Method `rpc:"narrow(n)" max_workers:"1"`
		Hold   rpc.Method `rpc:"hold" max_workers:"1"`
		Late   rpc.Method `rpc:"late(n)"`
		Fast   rpc.Method `rpc:"fast"`
	}

	Self rpc.Client `rpc:"nest"`

	Held    chan struct{}
	Release chan struct{}
}

func newNest() *Nest { return &Nest{Held: make(chan struct{}, 1000), Release: make(chan struct{})} }

func (s *Nest) Deep(ctx context.Context, n int) (depth int, err error) {
	if n > 0 {
		err = s.Self.Call(ctx, "deep", &depth, n-1)
	}
	return depth + 1, err
}

func (s *Nest) Narrow(ctx context.Context, n int) (depth int, err error) {
	if n > 0 {
		err = s.Self.Call(ctx, "narrow", &depth, n-1)
	}
	return depth + 1, err
}

func (s *Nest) Hold(ctx context.Context) error {
	s.Held <- struct{}{}
	select {
	case <-s.Release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Late calls itself when the test lets it.
func (s *Nest) Late(ctx context.Context, n int) (int, error) {
	if err := s.Hold(ctx); err != nil {
		return 0, err
	}
	return s.Deep(ctx, n)
}

func (s *Nest) Fast(context.Context) error { return nil }

// A service that calls itself deeper than it has workers does not deadlock.
func TestSelfCall(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		server := startWorkers(t, 4, uri, newNest())
		client := dial(t, uri, rpc.Config{}, nil).Client("nest")
		for _, method := range []string{"deep", "narrow"} {
			var wg sync.WaitGroup
			for range 2 { // the two of them do not block each other's workers for good
				wg.Go(func() {
					var depth int
					if err := client.Call(t.Context(), method, &depth, 19); err != nil || depth != 20 {
						t.Errorf("%s: got %d, %v, want a depth of 20", method, depth, err)
					}
				})
			}
			wg.Wait()
		}
		server.stop(t)
		if n := brokertest.Depth(t, uri, "rpc-nest"); n != 0 {
			t.Errorf("got %d requests left in the queue, want 0", n)
		}
	})
}

// When the only instance stops, the calls in flight finish even if they call the service itself. Of
// other requests, the instance takes only those that precede these calls in the queue.
func TestSelfCallWhileStopping(t *testing.T) {
	for _, test := range []struct {
		name    string
		cfg     service.Config
		method  string
		waiting int // self-calls in the queue at the time of the stop
	}{
		{"later", service.Config{MaxWorkers: 4}, "late", 0},
		{"already", service.Config{MaxWorkers: 1, MaxLent: -1}, "deep", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			brokertest.Each(t, func(t *testing.T, uri string) {
				nest := newNest()
				server := startOn(t, test.cfg, transport.Config{URI: uri}, nest)
				client := dial(t, uri, rpc.Config{Timeout: -1}, nil).Client("nest")
				call := client.Go(t.Context(), test.method, 9)
				if test.waiting == 0 {
					hosttest.Receive(t, "the call", nest.Held)
				}
				depth(t, uri, "rpc-nest", test.waiting)
				stopped := make(chan error)
				go func() { stopped <- server.Stop(context.WithoutCancel(t.Context())) }()
				if test.waiting == 0 {
					consumed(t, uri, "rpc-nest", 0)
				}
				close(nest.Release)
				hosttest.Receive(t, "the end of the call", call.Done())
				var got int
				if err := call.Result(t.Context(), &got); err != nil || got != 10 {
					t.Errorf("got %d, %v, want a depth of 10", got, err)
				}
				if err := hosttest.Receive(t, "the stop", stopped); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// depth waits until a queue has n ready messages.
func depth(t *testing.T, uri, queue string, n int) {
	t.Helper()
	hosttest.Eventually(t, fmt.Sprintf("%s has %d messages", queue, n), func() bool { return brokertest.Depth(t, uri, queue) == n })
}

// A slow call at the head of the queue, and more calls of its row than may run, do not delay a
// thousand fast ones.
func TestSlowCallHoldsNobodyBack(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		nest := newNest()
		startWorkers(t, 4, uri, nest)
		client := dial(t, uri, rpc.Config{}, nil).Client("nest")
		const slow, fast, callers = 10, 1000, 20
		var held sync.WaitGroup
		held.Go(func() {
			if err := client.Call(t.Context(), "hold", nil); err != nil {
				t.Error(err)
			}
		})
		hosttest.Receive(t, "the slow call", nest.Held)
		replies := make([]*rpc.Reply, slow) // more than the prefetch, all sent before the fast ones
		for i := range replies {
			replies[i] = client.Go(t.Context(), "hold")
		}
		var left atomic.Int64
		left.Store(fast)
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for left.Add(-1) >= 0 {
					if err := client.Call(t.Context(), "fast", nil); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		close(nest.Release)
		held.Wait()
		for _, r := range replies {
			if err := r.Result(t.Context(), nil); err != nil {
				t.Error(err)
			}
		}
	})
}

// Batch is a service whose jobs must not run twice.
type Batch struct {
	_ service.Name `service:"batch"`

	Entrypoints struct {
		Once rpc.Method `rpc:"once" ack:"before"`
		Do   rpc.Method `rpc:"do(id)"`
	}

	Held chan struct{}
	Ran  func(id int)
}

func (b *Batch) Once(ctx context.Context) error {
	b.Held <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

func (b *Batch) Do(_ context.Context, id int) (int, error) {
	b.Ran(id)
	return id, nil
}

// A request that is acknowledged before it runs never runs twice.
func TestAckBefore(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		batch := &Batch{Held: make(chan struct{}, 2)}
		server := start(t, uri, batch)
		client := dial(t, uri, rpc.Config{}, nil).Client("batch")
		reply := client.Go(t.Context(), "once")
		hosttest.Receive(t, "the call", batch.Held)
		server.Kill()
		if err := server.Wait(); err != nil {
			t.Error(err)
		}
		start(t, uri, &Batch{Held: batch.Held, Ran: func(int) {}})
		if err := client.Call(t.Context(), "do", nil, 1); err != nil { // behind the first request, in case that came back
			t.Error(err)
		}
		select {
		case <-batch.Held:
			t.Error("got a second run")
		case <-reply.Done():
			t.Error("got a reply of a call that was cut off")
		default:
		}
	})
}

// Two instances under load are stopped and replaced in turn: every call runs once and is answered.
func TestStopRunsNothingTwice(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		const calls, callers = 3000, 20
		runs := make([]atomic.Int64, calls)
		ran := make(chan struct{}, calls)
		batch := &Batch{Ran: func(id int) {
			runs[id].Add(1)
			ran <- struct{}{}
		}}
		start(t, uri, batch)
		second := start(t, uri, batch)
		client := dial(t, uri, rpc.Config{}, nil).Client("batch")
		var next atomic.Int64
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for {
					id := int(next.Add(1)) - 1
					if id >= calls {
						return
					}
					var got int
					if err := client.Call(t.Context(), "do", &got, id); err != nil || got != id {
						t.Errorf("call %d: got %d, %v", id, got, err)
					}
				}
			})
		}
		for stop := 1; stop <= 4; stop++ {
			for range calls / 6 {
				hosttest.Receive(t, "a call", ran)
			}
			second.stop(t)
			second = start(t, uri, batch)
		}
		wg.Wait()
		for id := range runs {
			if n := runs[id].Load(); n != 1 {
				t.Errorf("call %d: got %d runs, want 1", id, n)
			}
		}
		if n := brokertest.Depth(t, uri, "rpc-batch"); n != 0 {
			t.Errorf("got %d requests left in the queue, want 0", n)
		}
	})
}

// Vault has a row whose argument must not be logged.
type Vault struct {
	_ service.Name `service:"vault"`

	Entrypoints struct {
		Open rpc.Method `rpc:"open(pin)" sensitive:"pin" timeout:"45m"`
		Done rpc.Method `rpc:"done" timeout:"45m" ack:"before"`
		Long rpc.Method `rpc:"long" method:"Done" timeout:"30m"`
	}
}

func (*Vault) Open(context.Context, int) error { return nil }
func (*Vault) Done(context.Context) error      { return nil }

// Whatever is wrong with a request, no sensitive value gets into the log.
func TestSensitive(t *testing.T) {
	uri := brokertest.Embedded(t)
	server := start(t, uri, new(Vault))
	peer := newPeer(t, uri)
	for _, test := range []struct{ key, body string }{
		{"vault.open", `{"args": ["hunter2"], "kwargs": {}}`},
		{"vault.open", `{"args": ["hunter2"]}`},
		{"vault.open", `{"args": [hunter2], "kwargs": {}}`},
		{"vault.open", `{} hunter2`},
		{"vault.opem", `{"args": ["hunter2"], "kwargs": {}}`},
	} {
		peer.publish(test.key, amqp.Publishing{ContentType: "application/json", ReplyTo: replyKey, Body: []byte(test.body)})
		hosttest.Next(t, peer.replies)
	}
	if lines := server.Log.Lines("hunter2"); len(lines) > 0 {
		t.Errorf("got the secret in the log:\n%s", strings.Join(lines, ""))
	}
	if lines := server.Log.Lines("bad request", service.Redacted); len(lines) != 4 {
		t.Errorf("got %d lines of bad requests, want 4", len(lines))
	}
}

// A time limit that is longer than the broker's timeout is logged as a warning.
func TestConsumerTimeout(t *testing.T) {
	server := start(t, brokertest.Embedded(t), new(Vault))
	if lines := server.Log.Lines("consumer_timeout", "level=WARN"); len(lines) != 1 || !strings.Contains(lines[0], "field=Open") {
		t.Errorf("got %q, want one warning, of Open", lines)
	}
}

// The further consumers, opened while calls waited, are closed when none waits.
func TestFurtherConsumersAreClosed(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		startWorkers(t, 4, uri, newNest())
		client := dial(t, uri, rpc.Config{}, nil).Client("nest")
		if err := client.Call(t.Context(), "deep", nil, 19); err != nil {
			t.Fatal(err)
		}
		most := consumed(t, uri, "rpc-nest", 1)
		if most < 2 {
			t.Errorf("got %d consumers at most, want further ones", most)
		}
		if err := client.Call(t.Context(), "deep", nil, 19); err != nil {
			t.Errorf("got %v from calls after that", err)
		}
	})
}

// However many calls wait, at most max_lent are taken in addition to those for the workers.
func TestMaxLent(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		for _, test := range []struct{ workers, lent, taken int }{{4, 3, 7}, {10, 4, 13}, {4, -1, 4}} {
			nest := newNest()
			server := startOn(t, service.Config{MaxWorkers: test.workers, MaxLent: test.lent}, transport.Config{URI: uri}, nest)
			client := dial(t, uri, rpc.Config{}, nil).Client("nest")
			replies := make([]*rpc.Reply, 20)
			for i := range replies {
				replies[i] = client.Go(t.Context(), "hold") // one of them runs at once
			}
			hosttest.Receive(t, "the call", nest.Held)
			depth(t, uri, "rpc-nest", len(replies)-test.taken)
			close(nest.Release)
			for _, r := range replies {
				if err := r.Result(t.Context(), nil); err != nil {
					t.Error(err)
				}
			}
			server.stop(t)
		}
	})
}
