package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// Front is a service that calls others.
type Front struct {
	_ service.Name `service:"front"`

	Entrypoints struct {
		Relay rpc.Method `rpc:"relay(service, method)"`
		Wrap  rpc.Method `rpc:"wrap(service, method)"`
	}

	Backend rpc.Client `rpc:"backend"`
	Echo    rpc.Client `rpc:"vec_echo"`
	Self    rpc.Client `rpc:"front"`
	Nobody  rpc.Client `rpc:"nobody"`
}

func (f *Front) Relay(ctx context.Context, service, method string) (result any, err error) {
	clients := map[string]rpc.Client{"backend": f.Backend, "vec_echo": f.Echo, "front": f.Self, "nobody": f.Nobody}
	if to, then, ok := strings.Cut(service, "/"); ok { // through another service
		return result, clients[to].Call(ctx, "relay", &result, then, method)
	}
	var args []any
	if name, arg, ok := strings.Cut(method, ":"); ok {
		method, args = name, []any{arg}
	}
	err = clients[service].Call(ctx, method, &result, args...)
	return result, err
}

func (f *Front) Wrap(ctx context.Context, service, method string) (any, error) {
	_, err := f.Relay(ctx, service, method)
	return nil, fmt.Errorf("front: %w", err)
}

// Worker does what it is asked to do, badly.
type Worker struct {
	_ service.Name `service:"worker"`

	Entrypoints struct {
		Fault        rpc.Method `rpc:"fault"`
		Panic        rpc.Method `rpc:"panic"`
		Wrapped      rpc.Method `rpc:"wrapped"`
		Slow         rpc.Method `rpc:"slow" timeout:"20ms"`
		Budget       rpc.Method `rpc:"budget"`
		Channel      rpc.Method `rpc:"channel"`
		Cycle        rpc.Method `rpc:"cycle"`
		PanicsLater  rpc.Method `rpc:"panics_later"`
		Huge         rpc.Method `rpc:"huge"`
		HugeError    rpc.Method `rpc:"huge_error"`
		Hold         rpc.Method `rpc:"hold"`
		Nothing      rpc.Method `rpc:"nothing"`
		NilPointer   rpc.Method `rpc:"nil_pointer"`
		BrokenErrors rpc.Method `rpc:"broken_error" method:"BrokenError"`
	}

	Held    chan *service.Call // gets each call of hold
	Release chan struct{}      // lets hold continue
}

var errWorker = rpc.NewError("worker.Unwilling", "will not")

func (*Worker) Fault(context.Context) error   { return errors.New("disk on fire") }
func (*Worker) Panic(context.Context) error   { panic("at the disco") }
func (*Worker) Wrapped(context.Context) error { return fmt.Errorf("job 7: %w, ever", errWorker) }

func (*Worker) Slow(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Budget returns the time left for the call, in milliseconds.
func (*Worker) Budget(ctx context.Context) (int64, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return -1, nil
	}
	return time.Until(deadline).Milliseconds(), nil
}

func (*Worker) Channel(context.Context) (any, error) { return make(chan int), nil }

func (*Worker) Cycle(context.Context) (any, error) {
	cycle := map[string]any{}
	cycle["self"] = cycle
	return cycle, nil
}

func (*Worker) PanicsLater(context.Context) (panicsLater, error) { return panicsLater{}, nil }

type panicsLater struct{}

func (panicsLater) MarshalJSON() ([]byte, error) { panic("late") }

func (*Worker) Huge(context.Context) (string, error) { return strings.Repeat("x", maxMessage), nil }

func (*Worker) HugeError(context.Context) error { return errors.New(strings.Repeat("x", maxMessage)) }

func (w *Worker) Hold(ctx context.Context) (string, error) {
	w.Held <- service.FromContext(ctx)
	select {
	case <-w.Release:
		return "held", nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (*Worker) Nothing(context.Context) error            { return nil }
func (*Worker) NilPointer(context.Context) (*int, error) { return nil, nil }
func (*Worker) BrokenError(context.Context) error        { return (*brokenError)(nil) }

type brokenError struct{ text string }

func (e *brokenError) Error() string { return e.text }

func newWorker() *Worker {
	return &Worker{Held: make(chan *service.Call, 10), Release: make(chan struct{})}
}

// TestOutcomes checks the replies to calls as they are sent.
func TestOutcomes(t *testing.T) {
	exception := func(class, path, text string) string {
		return fmt.Sprintf(`{"result":null,"error":{"exc_type":%q,"exc_path":%q,"exc_args":[%q],"value":%[3]q}}`, class, path, text)
	}
	unserializable := func(value string) string {
		return fmt.Sprintf(`{"result":null,"error":{"exc_type":"UnserializableValueError",`+
			`"exc_path":"nameko.exceptions.UnserializableValueError","exc_args":[],"value":%q}}`, "Unserializable value: `"+value)
	}
	tests := map[string]string{
		"nothing":      `{"result":null,"error":null}`,
		"nil_pointer":  `{"result":null,"error":null}`,
		"fault":        exception("Exception", "builtins.Exception", "disk on fire"),
		"wrapped":      exception("Unwilling", "worker.Unwilling", "job 7: will not, ever"),
		"panic":        exception("RuntimeError", "builtins.RuntimeError", "panic: at the disco"),
		"slow":         exception("TimeoutError", "builtins.TimeoutError", ""),
		"channel":      unserializable("chan int: "),
		"cycle":        unserializable("map[string]interface {}: "),
		"panics_later": unserializable("rpc_test.panicsLater: panic: late"),
		"huge":         unserializable("string: body of "),
		"huge_error":   `{"result":null,"error":{"exc_type":"Exception","exc_path":"builtins.Exception","exc_args":["xxxx`,
		"broken_error": unserializable("*rpc_test.brokenError: panic: "),
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, newWorker())
		peer := newPeer(t, uri)
		for method, want := range tests {
			peer.publish("worker."+method, amqp.Publishing{
				ContentType: "application/json", ReplyTo: replyKey, Body: []byte(`{"args": [], "kwargs": {}}`),
			})
			got := string(hosttest.Next(t, peer.replies).Body)
			if text := `"],"value":"`; method == "slow" { // the container's text
				want, _, _ = strings.Cut(want, text)
				got = strings.Replace(got, `"exc_args":["`, `"exc_args":["`, 1)[:len(want)]
			}
			if strings.Contains(want, "Unserializable") {
				want = strings.TrimSuffix(want, `"}}`)
			}
			if !strings.HasPrefix(got, want) {
				t.Errorf("%s:\ngot  %.400s\nwant %s", method, got, want)
			}
		}
	})
}

// An error that another service returned stays the same error across any number of Go services.
func TestErrorsHandedOn(t *testing.T) {
	tests := []struct{ method, service, call, want string }{
		{"relay", "vec_echo", "fail:custom", "CustomError vec_services.CustomError [custom message] custom message"},
		{"relay", "front/vec_echo", "fail:custom", "CustomError vec_services.CustomError [custom message] custom message"},
		{"wrap", "vec_echo", "fail:custom", "CustomError vec_services.CustomError [front: custom message] front: custom message"},
		{"relay", "vec_echo", "no_such_method", "MethodNotFound nameko.exceptions.MethodNotFound [no_such_method] no_such_method"},
		{"relay", "nobody", "anything", "UnknownService nameko.exceptions.UnknownService [nobody] Unknown service `nobody`"},
		{"wrap", "nobody", "anything", "UnknownService nameko.exceptions.UnknownService [front: Unknown service `nobody`] front: Unknown service `nobody`"},
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Front), new(Echo))
		client := dial(t, uri, rpc.Config{}, nil).Client("front")
		for _, test := range tests {
			err := client.Call(t.Context(), test.method, nil, test.service, test.call)
			var e *rpc.Error
			if !errors.As(err, &e) {
				t.Errorf("%s: got %v, want an *rpc.Error", test.call, err)
				continue
			}
			if got := fmt.Sprint(e.Type, " ", e.Path, " ", e.Args, " ", e.Value); got != test.want {
				t.Errorf("%s %s.%s: got %s, want %s", test.method, test.service, test.call, got, test.want)
			}
		}
	})
}

// The ids and the data of a call are sent with the calls that it makes.
func TestContext(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		server, peer := start(t, uri, new(Front)), newPeer(t, uri)
		requests := peer.bind("backend.*")
		peer.publish("front.relay", amqp.Publishing{
			ContentType: "application/json", ReplyTo: replyKey, Body: []byte(`{"args": ["backend", "m"], "kwargs": {}}`),
			Headers: amqp.Table{
				"nameko.call_id_stack": []any{"a.b.1"}, "nameko.language": "fr", "x-request-id": "r1",
				"nameko.n": int32(5), "nameko.none": nil, "nameko.list": []any{"a", int32(1), true, nil, 2.5},
			},
		})
		request := hosttest.Next(t, requests)
		stack, _ := request.Headers["nameko.call_id_stack"].([]any)
		if len(stack) != 2 || stack[0] != "a.b.1" || !strings.HasPrefix(fmt.Sprint(stack[1]), "front.relay.") {
			t.Errorf("got stack %v, want [a.b.1 front.relay.<id>]", stack)
		}
		delete(request.Headers, "nameko.call_id_stack")
		want := "map[nameko.language:fr nameko.list:[a 1 true <nil> 2.5] nameko.n:5 nameko.x-request-id:r1]"
		if got := fmt.Sprint(request.Headers); got != want {
			t.Errorf("got headers %s, want %s", got, want)
		}
		if sent := server.tap.published(t); fmt.Sprint(sent[0].Types["nameko.n"], sent[0].Types["nameko.list"]) != "I[A [S I t V d]]" {
			t.Errorf("got header types %v, want those that came", sent[0].Types)
		}
		peer.publish(request.ReplyTo, amqp.Publishing{
			ContentType: "application/json", CorrelationId: request.CorrelationId, Body: []byte(`{"result": null, "error": null}`),
		})
		hosttest.Next(t, peer.replies)
	})
}

// A call may take the time that its request has left.
func TestBudget(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, newWorker())
		for timeout, most := range map[time.Duration]int64{time.Minute: 60_000, -1: -1} {
			var got int64
			err := dial(t, uri, rpc.Config{Timeout: timeout}, nil).Client("worker").Call(t.Context(), "budget", &got)
			if err != nil || got > most || got < most-30_000 {
				t.Errorf("got %d ms, %v, want %d or little less", got, err, most)
			}
		}
	})
}

// A stop lets running calls end, and sends their replies.
func TestStop(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		w := newWorker()
		server := start(t, uri, w)
		client := dial(t, uri, rpc.Config{}, nil).Client("worker")
		var got string
		ended := make(chan error)
		go func() { ended <- client.Call(t.Context(), "hold", &got) }()
		hosttest.Receive(t, "the call", w.Held)
		stopped := make(chan struct{})
		go func() { defer close(stopped); server.stop(t) }()
		w.Release <- struct{}{}
		if err := hosttest.Receive(t, "the reply", ended); err != nil || got != "held" {
			t.Errorf("got %q, %v, want the reply of the call that ran", got, err)
		}
		hosttest.Receive(t, "the stop", stopped)
		if n := brokertest.Depth(t, uri, "rpc-worker"); n != 0 {
			t.Errorf("got %d requests left in the queue, want 0", n)
		}
	})
}

// After a kill, the broker gets back the unfinished calls, and another process runs them.
func TestKill(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		w := newWorker()
		server := start(t, uri, w)
		client := dial(t, uri, rpc.Config{}, nil).Client("worker")
		var got string
		ended := make(chan error)
		go func() { ended <- client.Call(t.Context(), "hold", &got) }()
		hosttest.Receive(t, "the call", w.Held)
		server.Kill()
		if err := server.Wait(); err != nil {
			t.Errorf("got %v from the killed container, want nil", err)
		}
		next := newWorker()
		start(t, uri, next)
		if call := hosttest.Receive(t, "the call, again", next.Held); !call.Redelivered {
			t.Error("got a call that is not said to be redelivered")
		}
		next.Release <- struct{}{}
		if err := hosttest.Receive(t, "the reply", ended); err != nil || got != "held" {
			t.Errorf("got %q, %v, want the reply of the second worker", got, err)
		}
	})
}

type Wrong struct {
	_ service.Name `service:"wrong"`

	Entrypoints struct {
		One    rpc.Method `rpc:"one"`
		Same   rpc.Method `rpc:"one" method:"One"`
		Dotted rpc.Method `rpc:"a.b" method:"One"`
		Typo   rpc.Method `rpc:"two" method:"One" timeuot:"5s"`
		Arity  rpc.Method `rpc:"three(a, b)" method:"One"`
		Typed  rpc.Method `rpc:"typed(a, b, *c)"`
		Fields rpc.Method `rpc:"fields"`
	}

	Unnamed rpc.Client
	Typo2   rpc.Client `rpc:"users" retry:"3"`
	Spaced  rpc.Client `rpc:"all users"`
}

func (*Wrong) One(context.Context) error { return nil }

type Watched struct{ Done chan int }

func (*Wrong) Typed(context.Context, *Watched, func(), []fmt.Stringer) ([]Watched, error) {
	return nil, nil
}

func (*Wrong) Fields(context.Context, struct{ Watched []Watched }) error { return nil }

// All mistakes are reported at once.
func TestMistakes(t *testing.T) {
	_, err := service.New(service.Config{}, new(Wrong), service.Configure(transport.Config{URI: "amqp://127.0.0.1"}))
	text := fmt.Sprint(err)
	for _, want := range []string{
		`Same: method "one" is taken by the row One: give one of them another name`,
		`Dotted: method "a.b" contains a dot, and the binding wrong.* matches one word: write "a_b"`,
		`Typo: `, `timeuot`,
		`Arity: `,
		`Typed: parameter a.Done is a chan int, which cannot be decoded: tag it json:"-"`,
		`Typed: parameter b is a func(), which cannot be decoded: use a type that holds data`,
		`Typed: parameter c is a []fmt.Stringer, an interface with methods, which cannot be decoded: use any, or a type that is not an interface`,
		`Typed: result Watched.Done is a chan int, which cannot be encoded: tag it json:"-"`,
		`Fields: parameter Watched.Done is a chan int, which cannot be decoded: tag it json:"-"`,
		`Unnamed: the tag must name the service to call, as in rpc:"users"`,
		`Typo2: `, `retry`,
		`Spaced: "all users" cannot be the name of a service, since it contains ' ': write a name such as all_users`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got no %q in\n%s", want, text)
		}
	}
	_, err = service.New(service.Config{}, new(Echo))
	if want := "add service.Configure(transport.Config{URI: …}) to the services"; !strings.Contains(fmt.Sprint(err), want) {
		t.Errorf("got %v without a broker, want %q", err, want)
	}
}

func TestNewError(t *testing.T) {
	err := rpc.NewError("orders.exceptions.NotFound", "order not found")
	if err.Type != "NotFound" || !service.Expected(fmt.Errorf("order 7: %w", err)) {
		t.Errorf("got %#v, want an expected error of type NotFound", err)
	}
	body, encoding := json.Marshal(err)
	if want := `{"exc_type":"NotFound","exc_path":"orders.exceptions.NotFound","exc_args":["order not found"],"value":"order not found"}`; string(body) != want || encoding != nil {
		t.Errorf("got %s, %v, want %s", body, encoding, want)
	}
	if errors.Is(&rpc.Error{Value: "a"}, &rpc.Error{Value: "b"}) {
		t.Error("got errors without a path that are the same")
	}
}
