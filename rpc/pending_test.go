package rpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

func TestGo(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		client := dial(t, uri, rpc.Config{}, nil).Client("vec_echo")
		replies := make([]*rpc.Reply, 50)
		for i := range replies {
			replies[i] = client.Go(t.Context(), "echo", rpc.Kwargs{"value", i})
		}
		for i, r := range replies {
			for range 2 {
				var got int
				if err := r.Result(t.Context(), &got); err != nil || got != i {
					t.Errorf("got %d, %v, want %d", got, err, i)
				}
			}
			hosttest.Receive(t, "Done", r.Done())
		}
		for method, want := range map[string]error{"nope": rpc.ErrMethodNotFound, "sig": rpc.ErrIncorrectSignature} {
			if err := client.Go(t.Context(), method).Result(t.Context(), nil); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", method, err, want)
			}
		}
		if n := client.Waiting(); n != 0 {
			t.Errorf("got %d calls that wait, want 0", n)
		}
	})
}

// Arguments that cannot be sent are reported as an error of the Reply.
func TestGoUnsendable(t *testing.T) {
	conn := dial(t, brokertest.Embedded(t), rpc.Config{}, nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := map[string]struct {
		reply *rpc.Reply
		want  string
	}{
		"unbound": {rpc.Client{}.Go(t.Context(), "ask"), "Caller.Client"},
		"unknown": {conn.Client("nobody").Go(t.Context(), "ask"), "UnknownService: Unknown service `nobody`"},
		"args":    {conn.Client("nobody").Go(t.Context(), "ask", make(chan int)), "nobody.ask: "},
		"ctx":     {conn.Client("nobody").Go(ended, "ask"), "nobody.ask: not sent: context canceled"},
	}
	for name, test := range tests {
		if err := test.reply.Result(t.Context(), nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want …%s…", name, err, test.want)
		}
	}
}

// A Reply that nobody reads ends with its ctx, its limit or its connection. Waiting for it does not
// end it.
func TestGoEnds(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		requests := newPeer(t, uri).bind("mute.*")
		conn := dial(t, uri, rpc.Config{Timeout: time.Second}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		r := conn.Client("mute").Go(ctx, "ask")
		if request := hosttest.Next(t, requests); request.Expiration != "" {
			t.Errorf("got expiration %s, want none: nobody asked for a limit", request.Expiration)
		}
		if err := r.Result(t.Context(), nil); !errors.Is(err, rpc.ErrTimeout) {
			t.Errorf("got %v, want ErrTimeout", err)
		}
		cancel()

		conn = dial(t, uri, rpc.Config{}, nil)
		ctx, cancel = context.WithCancel(t.Context())
		r = conn.Client("mute").Go(ctx, "ask")
		hosttest.Next(t, requests)
		waiting, giveUp := context.WithCancel(t.Context())
		giveUp()
		if err := r.Result(waiting, nil); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "no reply yet") {
			t.Errorf("got %v, want mute.ask: no reply yet: context canceled", err)
		}
		if n := conn.Client("mute").Waiting(); n != 1 {
			t.Errorf("got %d calls that wait, want 1", n)
		}
		cancel()
		hosttest.Receive(t, "the end of ctx", r.Done())
		if err := r.Result(t.Context(), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context canceled", err)
		}

		limited, cancel := context.WithTimeout(t.Context(), hosttest.Timeout)
		defer cancel()
		r = conn.Client("mute").Go(limited, "ask")
		if request := hosttest.Next(t, requests); request.Expiration == "" {
			t.Error("got no expiration, want ctx's")
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := r.Result(t.Context(), nil); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("got %v, want %v", err, transport.ErrClosed)
		}
	})
}

// Starter makes calls without waiting for them.
type Starter struct {
	_ service.Name `service:"starter"`

	Entrypoints struct {
		Begin rpc.Method `rpc:"begin"`
	}
	Worker rpc.Client `rpc:"worker"`
}

func (s *Starter) Begin(ctx context.Context) error {
	s.Worker.Go(ctx, "hold")
	return nil
}

// The work of a call goes on after the method that made it has returned, although its ctx has
// ended.
func TestGoOutlivesItsMethod(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		w := newWorker()
		start(t, uri, w)
		start(t, uri, new(Starter))
		conn := dial(t, uri, rpc.Config{}, nil)
		if err := conn.Client("starter").Go(t.Context(), "begin").Result(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		hosttest.Receive(t, "the work", w.Held)
		select {
		case w.Release <- struct{}{}: // only a call that still holds takes it
		case <-time.After(hosttest.Timeout):
			t.Error("the work was given up")
		}
	})
}
