package servicetest_test

import (
	"context"
	"fmt"
	"io"
	"testing"

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
