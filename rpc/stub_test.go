package rpc_test

import (
	"context"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Args are the parameters of methods by name.
type Args struct {
	A int     `json:"a"`
	B *string `json:"b"`
	C float64 `json:"c,omitempty"`
}

// VecEcho is a typed client of [Echo].
type VecEcho struct {
	_ rpc.Client `rpc:"vec_echo"`

	NoArgs   func(context.Context) (string, error)                                   `rpc:"noargs"`
	Sig      func(ctx context.Context, a, b, c any) ([]any, error)                   `rpc:"sig(a, b, c=3)"`
	Echo     func(context.Context, *int) (*int, error)                               `rpc:"echo"`
	Forget   func(context.Context, any) error                                        `rpc:"ret"`
	KwOnly   func(ctx context.Context, a, b int) ([2]int, error)                     `rpc:"kwonly(a, *, b=2)"`
	Fail     func(context.Context, string) (int, error)                              `rpc:"fail"`
	VarArgs  func(context.Context, []int, map[key]any) (map[string]any, error)       `rpc:"varargs(*args, **kwargs)"`
	NotThere func(ctx context.Context, a int, kw bool, opts map[string]string) error `rpc:"not_there(a, *, kw, **opts)"`
}

type key string

// sent has the bodies that calls of a typed client send.
type sent struct {
	_ rpc.Client `rpc:"backend"`

	None      func(context.Context) error                                   `rpc:"none"`
	Empty     func(context.Context) error                                   `rpc:"empty()"`
	One       func(context.Context, int) error                              `rpc:"one"`
	Two       func(context.Context, float64, []int) error                   `rpc:"two"`
	Struct    func(context.Context, Args) error                             `rpc:"struct"`
	Pointer   func(context.Context, *Args) error                            `rpc:"pointer"`
	Listed    func(context.Context, Args) error                             `rpc:"listed(args)"`
	Time      func(context.Context, time.Time) error                        `rpc:"time"`
	Big       func(context.Context, *big.Int) error                         `rpc:"big"`
	StructTwo func(context.Context, Args, int) error                        `rpc:"struct_two"`
	Variadic  func(context.Context, string, ...int) error                   `rpc:"variadic"`
	Rest      func(context.Context, string, ...int) error                   `rpc:"rest(a, *rest)"`
	All       func(context.Context, int, []int, bool, map[string]any) error `rpc:"all(a, *rest, key, **opts)"`
	Map       func(context.Context, map[string]any) error                   `rpc:"map"`
	Chan      func(context.Context, any) error                              `rpc:"chan"`
}

func TestStubSends(t *testing.T) {
	uri := brokertest.Embedded(t)
	peer := newPeer(t, uri)
	requests := peer.bind("backend.*")
	c, err := rpc.Bind[sent](dial(t, uri, rpc.Config{}, nil))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	b := "<b>"
	for _, tc := range []struct {
		call func(context.Context) error
		want string
	}{
		{c.None, `{"args": [], "kwargs": {}}`},
		{c.Empty, `{"args": [], "kwargs": {}}`},
		{func(ctx context.Context) error { return c.One(ctx, 1) }, `{"args": [1], "kwargs": {}}`},
		{func(ctx context.Context) error { return c.Two(ctx, 2, nil) }, `{"args": [2.0, []], "kwargs": {}}`},
		{func(ctx context.Context) error { return c.Struct(ctx, Args{A: 1, B: &b, C: 2}) }, `{"args": [], "kwargs": {"a": 1, "b": "<b>", "c": 2.0}}`},
		{func(ctx context.Context) error { return c.Pointer(ctx, &Args{A: 1}) }, `{"args": [], "kwargs": {"a": 1, "b": null}}`},
		{func(ctx context.Context) error { return c.Pointer(ctx, nil) }, `{"args": [], "kwargs": {}}`},
		{func(ctx context.Context) error { return c.Listed(ctx, Args{A: 1}) }, `{"args": [{"a": 1, "b": null}], "kwargs": {}}`},
		{func(ctx context.Context) error { return c.Time(ctx, at) }, `{"args": ["2024-01-02T03:04:05Z"], "kwargs": {}}`},
		{func(ctx context.Context) error { return c.Big(ctx, big.NewInt(7)) }, `{"args": [7], "kwargs": {}}`},
		{func(ctx context.Context) error { return c.StructTwo(ctx, Args{A: 1}, 2) }, `{"args": [{"a": 1, "b": null}, 2], "kwargs": {}}`},
		{func(ctx context.Context) error { return c.Variadic(ctx, "a") }, `{"args": ["a"], "kwargs": {}}`},
		{func(ctx context.Context) error { return c.Variadic(ctx, "a", 1, 2) }, `{"args": ["a", 1, 2], "kwargs": {}}`},
		{func(ctx context.Context) error { return c.Rest(ctx, "a", 1, 2) }, `{"args": ["a", 1, 2], "kwargs": {}}`},
		{func(ctx context.Context) error {
			return c.All(ctx, 1, []int{2}, true, map[string]any{"z": 1, "y": nil})
		}, `{"args": [1, 2], "kwargs": {"key": true, "y": null, "z": 1}}`},
		{func(ctx context.Context) error { return c.All(ctx, 1, nil, false, nil) }, `{"args": [1], "kwargs": {"key": false}}`},
		{func(ctx context.Context) error { return c.Map(ctx, map[string]any{"a": 1}) }, `{"args": [{"a": 1}], "kwargs": {}}`},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- tc.call(ctx) }()
		d := hosttest.Next(t, requests)
		if !brokertest.SameBody(d.Body, []byte(tc.want)) {
			t.Errorf("got %s, want %s", d.Body, tc.want)
		}
		cancel()
		if err := hosttest.Receive(t, "the call", done); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", tc.want, err, context.Canceled)
		}
	}
	for _, err := range []error{
		c.Chan(t.Context(), make(chan int)),
		c.All(t.Context(), 1, nil, true, map[string]any{"key": 1}),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "backend.") {
			t.Errorf("got %v, want an error about what cannot be sent", err)
		}
	}
}

func TestStubs(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		c, err := rpc.Bind[VecEcho](dial(t, uri, rpc.Config{}, nil))
		if err != nil {
			t.Fatal(err)
		}
		ctx, seven := t.Context(), 7
		if got, err := c.NoArgs(ctx); got != "noargs" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if got, err := c.Sig(ctx, 1, "two", nil); len(got) != 3 || got[2] != nil || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		if got, err := c.Echo(ctx, &seven); got == nil || *got != 7 || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		if got, err := c.Echo(ctx, nil); got != nil || err != nil {
			t.Errorf("got %v, %v, want nil", got, err)
		}
		if err := c.Forget(ctx, "dict"); err != nil {
			t.Error(err)
		}
		if got, err := c.KwOnly(ctx, 1, 5); got != [2]int{1, 5} || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		if got, err := c.VarArgs(ctx, []int{1}, map[key]any{"x": 2}); got["kwargs"] == nil || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		if got, err := c.Fail(ctx, "custom"); got != 0 || !errors.Is(err, rpc.NewError("vec_services.CustomError", "")) {
			t.Errorf("got %v, %v, want 0 and the error of the method", got, err)
		}
		if err := c.NotThere(ctx, 1, true, nil); !errors.Is(err, rpc.ErrMethodNotFound) {
			t.Errorf("got %v, want %v", err, rpc.ErrMethodNotFound)
		}
		if _, err := c.KwOnly(service.Language.With(ctx, "en"), 1, 5); err != nil {
			t.Error(err)
		}
	})
}

// Desk makes calls with a typed client.
type Desk struct {
	_ service.Name `service:"desk"`

	Entrypoints struct {
		Ask rpc.Method `rpc:"ask()"`
	}

	Echo VecEcho
}

func (d *Desk) Ask(ctx context.Context) ([]any, error) {
	answer, err := d.Echo.NoArgs(ctx)
	if err != nil {
		return nil, err
	}
	pair, err := d.Echo.KwOnly(ctx, 1, 2)
	return []any{answer, pair}, err
}

// A typed client in a service's struct literal can be called without a broker. When the service is
// hosted, the client keeps the funcs of the literal.
func TestStubsInService(t *testing.T) {
	fake := VecEcho{
		NoArgs: func(context.Context) (string, error) { return "fake", nil },
		KwOnly: func(_ context.Context, a, b int) ([2]int, error) { return [2]int{a, b}, nil },
	}
	desk := &Desk{Echo: fake}
	if got, err := desk.Ask(t.Context()); err != nil || got[0] != "fake" {
		t.Errorf("got %v, %v, want what the literal has", got, err)
	}
	desk.Echo.KwOnly = nil

	uri := brokertest.Embedded(t)
	start(t, uri, desk, new(Echo), service.Configure(rpc.Config{Fakes: true})) // Echo has no method not_there
	var got []any
	err := dial(t, uri, rpc.Config{}, nil).Client("desk").Call(t.Context(), "ask", &got)
	if err != nil || got[0] != "fake" || len(got[1].([]any)) != 2 {
		t.Errorf("got %v, %v, want the literal's answer and the service's", got, err)
	}
}

// A typed client of a service in the same process calls only methods that the service has.
func TestStubsOfMissingMethods(t *testing.T) {
	broker := service.Configure(transport.Config{URI: "amqp://127.0.0.1"})
	for _, tc := range []struct {
		name     string
		services []any
		want     string
	}{
		{"elsewhere", []any{new(Desk), broker}, ""},
		{"fakes", []any{new(Desk), new(Echo), broker, service.Configure(rpc.Config{Fakes: true})}, ""},
		{"here", []any{new(Desk), new(Echo), broker}, "service desk: Echo: NotThere: the service vec_echo of this process has no method not_there: it has "},
		{"a literal's", []any{&Desk{Echo: VecEcho{NotThere: func(context.Context, int, bool, map[string]string) error { return nil }}}, new(Echo), broker}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := service.New(service.Config{Only: []string{"desk.Ask"}}, tc.services...)
			if (err == nil) != (tc.want == "") || err != nil && !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

type (
	wrongFuncs struct {
		_ rpc.Client `rpc:"users" rcp:"users"`

		Get     func(context.Context, int) error          `rpc:"get_user"`
		Again   func(context.Context) error               `rpc:"get_user(a=1)"`
		Twice   func(context.Context) error               `rpc:"get_user"`
		Untold  func(context.Context) error               ``
		Typo    func(context.Context) error               `rcp:"typo"`
		Key     func(context.Context) error               `rpc:"key" rpcs:"1s" x:"y"`
		Dot     func(context.Context) error               `rpc:"a.b"`
		List    func(context.Context, int) error          `rpc:"list(a, *)"`
		NoCtx   func(int, ...string) (int, error)         `rpc:"no_ctx"`
		LateCtx func(int, context.Context)                `rpc:"late_ctx"`
		NoError func(context.Context) int                 `rpc:"no_error"`
		Three   func(context.Context) (a, b int, _ error) `rpc:"three"`
		Order   func(context.Context) (error, int)        `rpc:"order"`
		Few     func(context.Context, int, bool) error    `rpc:"few(a)"`
		Rest    func(context.Context, int) error          `rpc:"rest(*a)"`
		Opts    func(context.Context, map[int]int) error  `rpc:"opts(**a)"`
		Last    func(context.Context, ...int) error       `rpc:"last(a)"`
		Value   int                                       `rpc:"value"`
		hidden  func(context.Context) error               `rpc:"hidden"` //nolint:unused // it is wrong on purpose
		Raw     rpc.Client                                `rpc:"raw"`
	}
	nameless struct {
		_ rpc.Client

		Get func(context.Context) error `rpc:"get_user"`
	}
	wrongUser struct {
		_ service.Name `service:"wrong"`

		Users    wrongFuncs
		Nameless nameless
		Plain    rpc.Client
	}
)

type typedFuncs struct {
	_ rpc.Client `rpc:"users"`

	Listed  func(context.Context, chan int, Watched) (func(), error)       `rpc:"listed(a, b)"`
	Ordered func(context.Context, int, chan int) (*Watched, error)         `rpc:"ordered"`
	Fields  func(context.Context, *Watched) (any, error)                   `rpc:"fields"`
	Sound   func(context.Context, error, ...any) (map[string][]any, error) `rpc:"sound"`
}

// The types in a typed client must be possible to encode and decode.
func TestStubTypes(t *testing.T) {
	caller := dial(t, brokertest.Embedded(t), rpc.Config{}, nil)
	_, err := rpc.Bind[typedFuncs](caller)
	equalLines(t, err, `
rpc_test.typedFuncs: Listed: parameter a is a chan int, which cannot be encoded: use a type that holds data
rpc_test.typedFuncs: Listed: parameter b.Done is a chan int, which cannot be encoded: tag it json:"-"
rpc_test.typedFuncs: Listed: result is a func(), which cannot be decoded: use a type that holds data
rpc_test.typedFuncs: Ordered: parameter is a chan int, which cannot be encoded: use a type that holds data
rpc_test.typedFuncs: Ordered: result Watched.Done is a chan int, which cannot be decoded: tag it json:"-"
rpc_test.typedFuncs: Fields: parameter Watched.Done is a chan int, which cannot be encoded: tag it json:"-"`)
}

const wrongText = `
Users: unknown key rcp in its tag: did you mean rpc?
Users: Again: get_user(a=1) does not match func(context.Context) error: write one name for each parameter after ctx
Users: Twice: Get already calls get_user: remove one of them
Users: Untold: the tag must name the method to call, as in rpc:"get_user"
Users: Typo: unknown key rcp in its tag: did you mean rpc?
Users: Typo: the tag must name the method to call, as in rpc:"get_user"
Users: Key: unknown key rpcs in its tag: did you mean rpc?
Users: Key: unknown key x in its tag: known keys: rpc
Users: Dot: method "a.b" contains a dot, and the binding users.* matches one word: write "a_b"
Users: List: signature "list(a, *)": a bare * must be followed by a parameter
Users: NoCtx: its first parameter is not context.Context: write func(context.Context, int, ...string) (int, error)
Users: LateCtx: it does not return (T, error) or error: write func(context.Context, int) error
Users: NoError: it does not return (T, error) or error: write func(context.Context) (int, error)
Users: Three: it does not return (T, error) or error: write func(context.Context) (int, error)
Users: Order: it does not return (T, error) or error: write func(context.Context) (int, error)
Users: Few: few(a) does not match func(context.Context, int, bool) error: write one name for each parameter after ctx
Users: Rest: parameter *a is int: make it a slice, such as []int
Users: Opts: parameter **a is map[int]int: make it a map by string, such as map[string]any
Users: Last: parameter a is ...int: write *a in the tag, or make it []int
Users: Value: is int: the fields of a typed client must be funcs, except for one blank rpc.Client
Users: hidden: is not exported and cannot be set: start its name with a capital letter
Users: Raw: is rpc.Client: the fields of a typed client must be funcs, except for one blank rpc.Client
Nameless: the tag must name the service to call, as in rpc:"users"
Plain: the tag must name the service to call, as in rpc:"users"`

// service.New and Bind report all mistakes in typed clients at once.
func TestStubMistakes(t *testing.T) {
	broker := transport.Config{URI: "amqp://nowhere"}
	_, err := service.New(service.Config{}, new(wrongUser), service.Configure(broker))
	equalLines(t, err, strings.ReplaceAll(wrongText, "\n", "\nservice wrong: "))

	var lines []string
	for line := range strings.Lines(wrongText) {
		if rest, ok := strings.CutPrefix(line, "Users: "); ok {
			lines = append(lines, "rpc_test.wrongFuncs: "+rest)
		}
	}
	conn := new(rpc.Caller)
	_, err = rpc.Bind[wrongFuncs](conn)
	equalLines(t, err, strings.Join(lines, ""))
	_, err = rpc.Bind[struct{ X int }](conn)
	equalLines(t, err, "struct { X int } does not name its service: add a field _ rpc.Client `rpc:\"users\"`")
	_, err = rpc.Bind[*VecEcho](conn)
	equalLines(t, err, "*rpc_test.VecEcho must be a struct of funcs")
}

func equalLines(t *testing.T, err error, want string) {
	t.Helper()
	var got string
	if err != nil {
		got = err.Error()
	}
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
