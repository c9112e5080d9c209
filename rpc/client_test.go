package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

func TestUnknownService(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		conn := dial(t, uri, rpc.Config{}, nil)
		for service, method := range map[string]string{"nobody": "hello", "vec_echo": "a.b"} {
			err := conn.Client(service).Call(t.Context(), method, nil)
			if want := "UnknownService: Unknown service `" + service + "`"; err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			if !errors.Is(err, rpc.ErrUnknownService) || errors.Is(err, rpc.ErrMethodNotFound) {
				t.Errorf("got %v, want ErrUnknownService", err)
			}
		}
	})
}

func TestRemoteError(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		client := dial(t, uri, rpc.Config{}, nil).Client("vec_echo")
		err := client.Call(t.Context(), "fail", nil, "value_error")
		var e *rpc.Error
		if !errors.As(err, &e) || e.Type != "ValueError" || e.Path != "builtins.ValueError" || len(e.Args) != 1 || e.Args[0] != "bad value" {
			t.Errorf("got %#v, want ValueError with its path and arguments", err)
		}
		if got, want := err.Error(), "ValueError: bad value"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		for method, want := range map[string]error{"nope": rpc.ErrMethodNotFound, "sig": rpc.ErrIncorrectSignature} {
			if err := client.Call(t.Context(), method, nil); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", method, err, want)
			}
		}
	})
}

// To a user of Nameko, a map at the end of the arguments looks like keywords.
func TestMapForKeywords(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		client := dial(t, uri, rpc.Config{}, nil).Client("vec_echo")
		keywords := map[string]any{"b": 2, "a": 1}
		call := client.Go(t.Context(), "noargs", keywords)
		for _, err := range []error{client.Call(t.Context(), "noargs", nil, keywords), call.Result(t.Context(), nil)} {
			want := `to send keywords, write rpc.Kwargs{"a", …, "b", …}`
			if !errors.Is(err, rpc.ErrIncorrectSignature) || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("got %v, want IncorrectSignature with %s", err, want)
			}
		}
		for _, args := range [][]any{{1}, {keywords, 1}, {map[string]any{}}, {rpc.Kwargs{"a", 1}}} {
			err := client.Call(t.Context(), "noargs", nil, args...)
			if !errors.Is(err, rpc.ErrIncorrectSignature) || strings.Contains(err.Error(), "to send keywords") {
				t.Errorf("%v: got %v, want IncorrectSignature alone", args, err)
			}
		}
	})
}

func TestTimeout(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		newPeer(t, uri).bind("mute.*")
		client := dial(t, uri, rpc.Config{Timeout: 50 * time.Millisecond}, nil).Client("mute")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		for _, ctx := range []context.Context{t.Context(), ctx, ctx} {
			err := client.Call(ctx, "ask", nil)
			if !errors.Is(err, rpc.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want ErrTimeout and context.DeadlineExceeded", err)
			}
			if text := fmt.Sprint(err); !strings.HasPrefix(text, "TimeoutError: mute.ask: ") || !strings.Contains(text, " after ") {
				t.Errorf("got %v, want who was waited for, and how long", err)
			}
		}
		if n := client.Waiting(); n != 0 {
			t.Errorf("got %d calls that wait, want 0", n)
		}
	})
}

func TestCancel(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		requests := newPeer(t, uri).bind("mute.*")
		client := dial(t, uri, rpc.Config{Timeout: -1}, nil).Client("mute")
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() { failed <- client.Call(ctx, "ask", nil) }()
		if request := hosttest.Next(t, requests); request.Expiration != "" {
			t.Errorf("got expiration %s, want none: no limit was asked for", request.Expiration)
		}
		cancel()
		if err := hosttest.Receive(t, "the call", failed); !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "mute.ask: ") {
			t.Errorf("got %v, want mute.ask: no reply: context canceled", err)
		}
		if err := client.Call(ctx, "ask", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v from a call whose ctx has ended, want context canceled", err)
		}
		if n := client.Waiting(); n != 0 {
			t.Errorf("got %d calls that wait, want 0", n)
		}
	})
}

func TestUnsendable(t *testing.T) {
	tests := []struct {
		args []any
		want string
	}{
		{[]any{make(chan int)}, "chan int"},
		{[]any{"\xff"}, `"\xff" is not valid UTF-8: use []byte for bytes`},
		{[]any{rpc.Kwargs{"name"}}, "the last name, name, has no value"},
		{[]any{rpc.Kwargs{1, 2}}, "1 (int) is not a name"},
		{[]any{rpc.Kwargs{"a", 1, "a", 2}}, "a is given twice"},
		{[]any{rpc.Kwargs{"a", func() {}}}, "a: "},
		{[]any{strings.Repeat("x", maxMessage)}, "is over max_message, 1048576"},
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		var tap tap
		client := dial(t, uri, rpc.Config{}, &tap).Client("vec_echo")
		for _, test := range tests {
			err := client.Call(t.Context(), "varargs", nil, test.args...)
			if err == nil || !strings.HasPrefix(err.Error(), "vec_echo.varargs: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want vec_echo.varargs: …%s", err, test.want)
			}
		}
		if sent := tap.published(t); len(sent) != 0 {
			t.Errorf("got %d requests sent, want none", len(sent))
		}
		if n := client.Waiting(); n != 0 {
			t.Errorf("got %d calls that wait, want 0", n)
		}
	})
}

// A deadline beyond the largest expiration does not make a call fail.
func TestFarDeadline(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		ctx, cancel := context.WithTimeout(t.Context(), 1000*24*time.Hour)
		defer cancel()
		if err := dial(t, uri, rpc.Config{}, nil).Client("vec_echo").Call(ctx, "echo", nil); err != nil {
			t.Error(err)
		}
	})
}

func TestUnbound(t *testing.T) {
	err := rpc.Client{}.Call(t.Context(), "hello", nil)
	if err == nil || !strings.Contains(err.Error(), "Caller.Client") {
		t.Errorf("got %v, want where a Client comes from", err)
	}
}

func TestLarge(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		client := dial(t, uri, rpc.Config{}, nil).Client("vec_echo")
		for _, size := range []int{100_000, 300_000} { // one body frame, and several
			want, got := strings.Repeat("x", size), ""
			if err := client.Call(t.Context(), "echo", &got, want); err != nil || got != want {
				t.Errorf("got %d bytes, %v, want %d", len(got), err, size)
			}
		}
	})
}

func TestManyCalls(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		client := dial(t, uri, rpc.Config{}, nil).Client("vec_echo")
		var calls sync.WaitGroup
		for i := range 200 {
			calls.Go(func() {
				var got int
				if err := client.Call(t.Context(), "echo", &got, i); err != nil || got != i {
					t.Errorf("got %d, %v, want %d", got, err, i)
				}
			})
		}
		calls.Wait()
		if n := client.Waiting(); n != 0 {
			t.Errorf("got %d calls that wait, want 0", n)
		}
	})
}

// TestReplies reads replies in forms that a foreign service may write.
func TestReplies(t *testing.T) {
	tests := []struct{ contentType, body, want string }{
		{"application/json", `{"result": 5, "error": null}`, "5 <nil>"},
		{"", `{"error": {}, "result": 5}`, "5 <nil>"},
		{"application/json; charset=UTF-8", `{"result": 5, "error": null}`, "5 <nil>"},
		{"application/json; charset=utf-16", `{}`, `0 odd.ask: reply has content_type "application/json; charset=utf-16", want application/json`},
		{"application/json", `{"result": 5}`, "5 <nil>"},
		{"application/json", `{"result": 2.5, "error": null}`, "0 odd.ask: result does not fit *int: "},
		{"application/json", `{"error": null}`, "0 odd.ask: reply has neither result nor error"},
		{"application/json", `[5]`, "0 odd.ask: reply: "},
		{"application/json", ``, "0 odd.ask: reply: "},
		{"application/json", `{"error": 5}`, "0 odd.ask: reply: error: "},
		{"application/x-what", `{}`, `0 odd.ask: reply has content_type "application/x-what", want application/json`},
		{"application/json", `{"error": {"exc_type": "Odd"}}`, "0 Odd"},
		{"application/json", `{"error": {"odd": 1}}`, "0 error without type and text"},
		{"application/json", `{"error": {"exc_type": "Odd", "exc_path": "", "exc_args": null, "value": "v"}, "result": 1}`, "0 Odd: v"},
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		peer := newPeer(t, uri)
		requests := peer.bind("odd.*")
		client := dial(t, uri, rpc.Config{}, nil).Client("odd")
		for _, test := range tests {
			ended := make(chan string)
			go func() {
				var got int
				err := client.Call(t.Context(), "ask", &got)
				ended <- fmt.Sprint(got, " ", err)
			}()
			request := hosttest.Next(t, requests)
			peer.publish(request.ReplyTo, amqp.Publishing{
				ContentType: test.contentType, CorrelationId: request.CorrelationId, Body: []byte(test.body),
			})
			if got := hosttest.Receive(t, "the call", ended); !strings.HasPrefix(got, test.want) {
				t.Errorf("%s: got %s, want %s", test.body, got, test.want)
			}
		}
	})
}

// Close ends the pending calls and deletes the reply queue. A reply that is sent after that does no
// harm.
func TestClose(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		peer := newPeer(t, uri)
		requests := peer.bind("mute.*")
		w := newWorker()
		server := start(t, uri, w)
		var tap tap
		conn := dial(t, uri, rpc.Config{}, &tap)
		late := conn.Client("worker").Go(t.Context(), "hold")
		hosttest.Receive(t, "the call that is answered late", w.Held)
		failed := make(chan error)
		go func() { failed <- conn.Client("mute").Call(t.Context(), "ask", nil) }()
		hosttest.Next(t, requests)
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := hosttest.Receive(t, "the call", failed); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("got %v from the call that waited, want %v", err, transport.ErrClosed)
		}
		if err := conn.Client("mute").Call(t.Context(), "ask", nil); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("got %v from a later call, want %v", err, transport.ErrClosed)
		}
		for _, m := range tap.Declared(t) {
			if queue := replyQueue(m); queue != "" {
				var refused *amqp.Error
				if _, err := newPeer(t, uri).ch.QueueDeclarePassive(queue, true, false, false, false, nil); !errors.As(err, &refused) || refused.Code != amqp.NotFound {
					t.Errorf("got %v of the reply queue, want it to be gone", err)
				}
			}
		}
		if err := late.Result(t.Context(), nil); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("got %v from the call that is answered late, want %v", err, transport.ErrClosed)
		}
		w.Release <- struct{}{}
		server.stop(t)
		if n := brokertest.Depth(t, uri, "rpc-worker"); n != 0 {
			t.Errorf("got %d requests left in the queue, want 0: the one answered late is done", n)
		}
		if lines := server.Log.Lines("level=ERROR"); len(lines) > 0 {
			t.Errorf("got %q logged by the service, want nothing", lines)
		}
	})
}

// Close ends all calls even while the broker is away: one that waits for its reply, one that waits
// to be sent, and one that its caller has given up, whose service cannot be told.
func TestCloseWhileAway(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		requests := newPeer(t, uri).bind("mute.*")
		var tap tap
		conn := dial(t, uri, rpc.Config{Timeout: -1}, &tap)
		client := conn.Client("mute")
		waits := client.Go(t.Context(), "ask")
		ctx, giveUp := context.WithCancel(t.Context())
		givenUp := client.Go(ctx, "ask")
		hosttest.Next(t, requests)
		hosttest.Next(t, requests)
		tap.Confirmed(t, 2)
		tap.away.Store(true)
		tap.Cut()
		giveUp()
		hosttest.Receive(t, "the call that was given up", givenUp.Done())
		unsent := make(chan error)
		go func() { unsent <- client.Call(t.Context(), "ask", nil) }()
		for client.Waiting() < 2 {
			runtime.Gosched()
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
		hosttest.Receive(t, "the call that waited", waits.Done())
		if err := waits.Result(t.Context(), nil); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("got %v from the call that waited, want %v", err, transport.ErrClosed)
		}
		if err := hosttest.Receive(t, "the call that was not sent", unsent); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("got %v from the call that was not sent, want %v", err, transport.ErrClosed)
		}
		if err := givenUp.Result(t.Context(), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v from the call that was given up, want %v", err, context.Canceled)
		}
	})
}
