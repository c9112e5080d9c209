package servicetest_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/timer"
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

// fx.Replace replaces a value of a module, or the provider of a per-call value, by its type. A fake
// of a called service has its name.
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
	// service.Config: Only[0]: no such row "greeting_service.Helo": did you mean greeting_service.Hello?
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

func ExampleHost_Dispatcher() {
	t := new(recorder) // the test's *testing.T
	defer t.end()

	h := servicetest.New(t, &Newsletter{Readers: map[int]string{7: "Julio"}})

	unsubscribed := h.Watch("newsletter.Unsubscribe")
	fmt.Println(h.Dispatcher("users")(t.Context(), "user_deleted", Deleted{ID: 7}))
	got := unsubscribed()
	fmt.Println(got.Call.Method, got.Err)

	err := h.Dispatcher("users")(t.Context(), "user_delted", Deleted{ID: 7})
	fmt.Println(err)
	// Output:
	// <nil>
	// unsubscribe <nil>
	// event user_delted of users: exchange "users.events", key "user_delted": returned by the broker: 312 NO_ROUTE
}

// Run works for rows of all types. The event of a handler, or the tick of a timer, is the first
// argument.
func ExampleHost_Run_events() {
	t := new(recorder) // the test's *testing.T
	defer t.end()

	h := servicetest.New(t, new(Diary))

	fmt.Println(h.Run(t.Context(), "diary.Note", events.Event{Service: "users", Type: "user_deleted"}, Deleted{ID: 7}))
	fmt.Println(h.Run(t.Context(), "diary.Turn", timer.Tick{Nominal: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}))
	// Output:
	// users user_deleted: {7}
	// <nil> <nil>
	// a new page: Jan 1
	// <nil> <nil>
}

// A Diary has a page for each day.
type Diary struct {
	_ service.Name `service:"diary"`

	Entrypoints struct {
		Note events.Handler `events:"users #"`
		Turn timer.Interval `timer:"24h"`
	}
}

func (*Diary) Note(_ context.Context, event events.Event, payload any) error {
	fmt.Printf("%s %s: %v\n", event.Service, event.Type, payload)
	return nil
}

func (*Diary) Turn(_ context.Context, tick timer.Tick) error {
	fmt.Println("a new page:", tick.Nominal.Format("Jan 2"))
	return nil
}

// A recorder is a testing.TB that records failures.
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

// end runs the cleanups, as the end of a test does.
func (r *recorder) end() {
	for _, f := range r.cleanups {
		f()
	}
}
