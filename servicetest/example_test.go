package servicetest_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

type Greeting struct {
	_ service.Name `service:"greeting_service"`

	Entrypoints struct {
		Hello rpc.Method `rpc:"hello(name)"`
		Hang  rpc.Method `rpc:"hang"`
	}
}

func (*Greeting) Hello(_ context.Context, name string) (string, error) {
	return "Hello, " + name + "!", nil
}

func (*Greeting) Hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func ExampleNew() {
	t := new(recorder) // the test's *testing.T
	defer t.end()

	h := servicetest.New(t, new(Greeting))

	var got string
	err := h.Client("greeting_service").Call(t.Context(), "hello", &got, "Julio")
	fmt.Println(got, err)
	// Output: Hello, Julio! <nil>
}

// What a module provides is replaced by its type, what it makes for each call by the type of its provider, and a service that is
// called by another one of that name.
func ExampleNew_replace() {
	t := new(recorder) // the test's *testing.T
	defer t.end()

	perCall := func(context.Context) (Store, di.Done, error) { return new(database), nil, nil }
	h := servicetest.New(t,
		shop, new(FakeUsers), fx.Replace(fx.Annotate(shelf{"tea": 1}, fx.As(new(Stock)))),
		orders, fx.Replace(new(database), di.Provider[Store](perCall)),
	)

	fmt.Println(h.Run(t.Context(), "shop.Buy", 7, "tea"))
	fmt.Println(h.Run(t.Context(), "orders.Create", "tea"))
	// Output:
	// tea for Julius <nil>
	// <nil> <nil>
}

func ExampleNew_only() {
	t := new(recorder) // the test's *testing.T
	defer t.end()

	h := servicetest.New(t, new(Greeting), service.Config{Only: []string{"greeting_service.Hang"}})

	fmt.Println(h.Client("greeting_service").Call(t.Context(), "hello", nil, "Julio"))
	fmt.Println(h.Run(t.Context(), "greeting_service.Hello", "Julio"))
	// Output:
	// MethodNotFound: hello
	// Hello, Julio! <nil>
}

func ExampleCheck() {
	t := new(recorder) // the test's *testing.T
	defer t.end()

	servicetest.Check(t, new(Greeting), service.Config{Only: []string{"greeting_service.Helo"}})

	fmt.Println(t.failures[0])
	// Output:
	// mistakes in the services:
	// service.Config: Only[0] is "greeting_service.Helo", which is no row: did you mean greeting_service.Hello?
}

func ExampleHost_Client() {
	t := new(recorder) // the test's *testing.T
	defer t.end()

	h := servicetest.New(t, new(FakeUsers))

	var got string
	err := h.Client("users").Call(t.Context(), "get_name", &got, 7)
	fmt.Println(got, err)

	users, err := rpc.Bind[Users](h)
	if err != nil {
		t.Fatalf("%v", err)
	}
	fmt.Println(users.Name(t.Context(), 7))
	// Output:
	// Julius <nil>
	// Julius <nil>
}

func ExampleHost_Run() {
	t := new(recorder) // the test's *testing.T
	defer t.end()

	h := servicetest.New(t, new(FakeUsers))

	ctx := service.Language.With(t.Context(), "es")
	fmt.Println(h.Run(ctx, "users.Name", rpc.Kwargs{"id", 7}))
	// Output: Julio <nil>
}

func ExampleHost_Watch() {
	t := new(recorder) // the test's *testing.T
	defer t.end()

	h := servicetest.New(t, &Shop{Stock: shelf{}}, new(FakeUsers))

	sold := h.Watch("shop.Buy")
	_ = h.Client("shop").Call(t.Context(), "buy", nil, 7, "tea")
	got := sold()
	fmt.Println(got.Call.Method, got.Err)
	// Output: buy sold out
}

// A recorder is a testing.TB that keeps what goes wrong.
type recorder struct {
	testing.TB

	failures []string
	cleanups []func()
}

func (*recorder) Helper()                  {}
func (*recorder) Output() io.Writer        { return io.Discard }
func (*recorder) Context() context.Context { return context.Background() }
func (r *recorder) Cleanup(f func())       { r.cleanups = append(r.cleanups, f) }

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

// end does what the end of a test does.
func (r *recorder) end() {
	for _, f := range r.cleanups {
		f()
	}
}
