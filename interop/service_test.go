package interop_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// GoPeer is peer/peer.py in Go: the same methods, signatures, values and errors.
type GoPeer struct {
	_ service.Name `service:"go_peer"`

	Entrypoints struct {
		Hello    rpc.Method `rpc:"hello(name)"`
		Echo     rpc.Method `rpc:"echo(value)"`
		Make     rpc.Method `rpc:"make(name)"`
		Sig      rpc.Method `rpc:"sig(a, b=2, *, c=3)"`
		Pair     rpc.Method `rpc:"pair(a, b)"`
		Keyword  rpc.Method `rpc:"keyword(a, *, b)"`
		Nothing  rpc.Method `rpc:"nothing()"`
		Fail     rpc.Method `rpc:"fail(name)"`
		Find     rpc.Method `rpc:"find(order_id)"`
		Caused   rpc.Method `rpc:"caused()"`
		Relay    rpc.Method `rpc:"relay(path, method, args)"`
		Hop      rpc.Method `rpc:"hop(path)"`
		Announce rpc.Method `rpc:"announce(value)"`
		Mark     rpc.Method `rpc:"mark(text)"`
		Marked   rpc.Method `rpc:"marked()"`
		CountUp  rpc.Method `rpc:"count_up(n)"`
		AddUp    rpc.Method `rpc:"add_up(numbers)"`
	}

	Python   rpc.Client `rpc:"python_peer"`
	Self     rpc.Client `rpc:"go_peer"`
	Nobody   rpc.Client `rpc:"nobody"`
	Dispatch events.Dispatcher

	marks chan string
}

func newGoPeer() *GoPeer { return &GoPeer{marks: make(chan string, 10)} }

var errNotFound = rpc.NewError("peer.NotFound", "no such order")

// failures are the exceptions that peer/peer.py raises.
var failures = map[string]error{
	"text":         rpc.NewError("builtins.ValueError", "bad value"),
	"no arguments": &rpc.Error{Type: "ValueError", Path: "builtins.ValueError"},
	"number":       &rpc.Error{Type: "ValueError", Path: "builtins.ValueError", Args: list(42), Value: "42"},
	"None":         &rpc.Error{Type: "ValueError", Path: "builtins.ValueError", Args: list(nil), Value: "None"},
	"several": &rpc.Error{Type: "ValueError", Path: "builtins.ValueError",
		Args:  list("one", 2, 3.5, true, nil, dict{"k": 1}, list(1, "x"), []byte("ab"), opaque{}),
		Value: "('one', 2, 3.5, True, None, {'k': 1}, [1, 'x'], b'ab', <Opaque>)"},
	"unicode":            rpc.NewError("builtins.ValueError", "héllo 🚀"),
	"KeyError":           &rpc.Error{Type: "KeyError", Path: "builtins.KeyError", Args: list("missing"), Value: "'missing'"},
	"nested":             rpc.NewError("peer.Nested", "nested"),
	"coded":              &rpc.Error{Type: "Coded", Path: "peer.Coded", Args: list(12, "boom"), Value: "code=12 detail=boom"},
	"mute":               &rpc.Error{Type: "Mute", Path: "peer.Mute", Args: list("x"), Value: "[__unicode__ failed]"},
	"OSError":            &rpc.Error{Type: "FileNotFoundError", Path: "builtins.FileNotFoundError", Args: list(2, "No such file or directory"), Value: "[Errno 2] No such file or directory: 'thing.txt'"},
	"fault":              errors.New("it broke"),
	"MethodNotFound":     rpc.NewError("nameko.exceptions.MethodNotFound", "from user code"),
	"MalformedRequest":   rpc.NewError("nameko.exceptions.MalformedRequest", "from user code"),
	"IncorrectSignature": rpc.NewError("nameko.exceptions.IncorrectSignature", "from user code"),
	"BadRequest":         rpc.NewError("nameko.exceptions.BadRequest", "from user code"),
	"ConnectionNotFound": rpc.NewError("nameko.exceptions.ConnectionNotFound", "from user code"),
	"RpcTimeout":         rpc.NewError("nameko.exceptions.RpcTimeout", "from user code"),
	"UnknownService": &rpc.Error{Type: "UnknownService", Path: "nameko.exceptions.UnknownService", Args: list("from user code"),
		Value: "Unknown service `from user code`"},
	"RemoteError": rpc.NewError("nameko.exceptions.RemoteError", "NotFound from user code"),
}

// An opaque value has a text, and nothing that can be sent.
type opaque struct{ Nothing chan int }

func (opaque) String() string { return "<Opaque>" }

func (p *GoPeer) Hello(_ context.Context, name string) (string, error) {
	return "Hello, " + name + "!", nil
}

func (p *GoPeer) Echo(_ context.Context, value any) (any, error) { return value, nil }

func (p *GoPeer) Make(_ context.Context, name string) (any, error) {
	for _, v := range values {
		if v.name == name {
			return v.value, nil
		}
	}
	return nil, fmt.Errorf("no value is called %q", name)
}

func (p *GoPeer) Sig(_ context.Context, a, b, c any) ([]any, error) { return []any{a, b, c}, nil }

func (p *GoPeer) Pair(_ context.Context, a, b any) ([]any, error) { return []any{a, b}, nil }

func (p *GoPeer) Keyword(_ context.Context, a, b any) ([]any, error) { return []any{a, b}, nil }

func (p *GoPeer) Nothing(context.Context) error { return nil }

// Hidden has no row.
func (p *GoPeer) Hidden(context.Context) error { return errors.New("called without a row") }

func (p *GoPeer) Fail(_ context.Context, name string) error {
	if name == "panic" {
		panic("it broke")
	}
	return failures[name]
}

func (p *GoPeer) Find(_ context.Context, _ int) error { return errNotFound }

func (p *GoPeer) Caused(context.Context) error {
	return &rpc.Error{Type: "NotFound", Path: "peer.NotFound", Args: list("no such order"), Value: "no such order"}
}

func (p *GoPeer) client(service string) rpc.Client {
	return map[string]rpc.Client{"python_peer": p.Python, "go_peer": p.Self, "nobody": p.Nobody}[service]
}

// Relay calls the method by way of other services; the error of the next one becomes this call's.
func (p *GoPeer) Relay(ctx context.Context, path []string, method string, args []any) (result any, err error) {
	next := p.client(path[0])
	if len(path) > 1 {
		method, args = "relay", list(path[1:], method, args)
	}
	err = next.Call(ctx, method, &result, args...)
	return result, err
}

// A stop is what a call knows of those before it.
type stop struct {
	Stack []string       `json:"stack"`
	Data  map[string]any `json:"data"`
	Known []*string      `json:"known"` // what Nameko has keys for
}

// Hop goes through the services of path, and has each tell what it knows.
func (p *GoPeer) Hop(ctx context.Context, path []string) ([]stop, error) {
	call := service.FromContext(ctx)
	told := stop{Stack: call.Stack(), Data: maps.Clone(call.Data)}
	for _, key := range []service.Key[string]{service.Language, service.UserID, service.UserAgent, service.AuthToken} {
		var known *string
		if value, ok := key.Get(ctx); ok {
			known = &value
		}
		told.Known = append(told.Known, known)
	}
	var following []stop
	if len(path) > 0 {
		if err := p.client(path[0]).Call(ctx, "hop", &following, path[1:]); err != nil {
			return nil, err
		}
	}
	return slices.Concat([]stop{told}, following), nil
}

func (p *GoPeer) Announce(ctx context.Context, value any) error {
	return p.Dispatch(ctx, "announced", value)
}

func (p *GoPeer) Mark(_ context.Context, text string) error { p.marks <- text; return nil }

func (p *GoPeer) Marked(ctx context.Context) (string, error) {
	select {
	case text := <-p.marks:
		return text, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// X shares its queue with an instance in Python.
type X struct {
	_ service.Name `service:"x"`

	Entrypoints struct {
		Double rpc.Method `rpc:"double(n)"`
	}

	ran *ran
}

// A ran is what was run.
type ran struct {
	mu      sync.Mutex
	numbers []int
}

// A double is a doubled number, and the service that doubled it.
type double struct {
	By string `json:"by"`
	N  int    `json:"n"`
}

func (x *X) Double(_ context.Context, n int) (double, error) {
	x.ran.mu.Lock()
	defer x.ran.mu.Unlock()
	x.ran.numbers = append(x.ran.numbers, n)
	return double{"go", 2 * n}, nil
}
