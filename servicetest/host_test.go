package servicetest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestUnknownService(t *testing.T) {
	t.Parallel()
	err := servicetest.New(t, new(Greeting)).Client("nobody").Call(t.Context(), "hello", nil)
	if want := "UnknownService: Unknown service `nobody`"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

type Wrong struct {
	_ service.Name `service:"wrong"`

	Entrypoints struct {
		Missing rpc.Method `rpc:"missing"`
		Typo    rpc.Method `rpc:"typo" timeuot:"1s"`
	}
}

// The test fails with all mistakes, and nothing is left running.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		services []any
		want     []string
	}{
		{[]any{new(Wrong)}, []string{"wrong: Missing: ", "wrong: Typo: ", "timeuot"}},
		{[]any{new(Greeting), service.Config{Only: []string{"greeting_service.Helo"}}}, []string{"did you mean greeting_service.Hello?"}},
		{[]any{new(Greeting), service.Config{}, service.Config{}}, []string{"service.Config: 2 values: combine them into one"}},
	} {
		checked := new(recorder)
		servicetest.Check(checked, tc.services...)
		checked.reported(t, tc.want...)

		r := new(recorder)
		func() {
			defer r.end()
			defer func() {
				if p := recover(); p != any(r) {
					t.Errorf("got panic %v, want that of Fatalf", p)
				}
			}()
			servicetest.New(r, tc.services...)
		}()
		r.reported(t, tc.want...)
	}
}

// reported checks that there was one failure, and that it contains all of want.
func (r *recorder) reported(t *testing.T, want ...string) {
	t.Helper()
	if len(r.failures) != 1 {
		t.Fatalf("got %d failures, want 1: %q", len(r.failures), r.failures)
	}
	for _, w := range want {
		if !strings.Contains(r.failures[0], w) {
			t.Errorf("got %s, want %q in it", r.failures[0], w)
		}
	}
}

// Check starts nothing, so it does not report what would fail at start.
func TestCheck(t *testing.T) {
	t.Parallel()
	r := new(recorder)
	started := fx.Invoke(func(life fx.Lifecycle) {
		life.Append(fx.StartHook(func() { t.Error("a hook was run") }))
	})
	servicetest.Check(r, new(Greeting), started)
	if len(r.failures) > 0 {
		t.Errorf("got %q, want no failure", r.failures)
	}
}

// The test fails if a service ends before it.
func TestFailed(t *testing.T) {
	t.Parallel()
	r := new(recorder)
	b := newBell("ends the container at a failure")
	servicetest.New(r, new(Belfry), service.Config{
		Middleware: []service.Middleware{func(service.Runner) service.Runner {
			return func(context.Context) (any, error) { return nil, errors.New("cracked") }
		}},
	}, service.Configure(b))
	if err := b.ring(t.Context()); err == nil {
		t.Error("got no error from the call")
	}
	r.end()
	r.reported(t, "service belfry: Toll: cracked")
}

// A transport.Config without a URI configures connections to the broker in memory.
func TestCodec(t *testing.T) {
	t.Parallel()
	broker := transport.Config{Codec: msgpack.Codec, MaxMessage: 1000}
	h := servicetest.New(t, new(Greeting), service.Configure(broker))
	var got string
	if err := h.Client("greeting_service").Call(t.Context(), "hello", &got, "Julio"); err != nil || got != "Hello, Julio!" {
		t.Errorf("got %q, %v", got, err)
	}
	large := (*codec.TooLarge)(nil)
	err := h.Client("greeting_service").Call(t.Context(), "hello", nil, strings.Repeat("x", 1000))
	if !errors.As(err, &large) || large.Limit != 1000 {
		t.Errorf("got %v, want a *codec.TooLarge", err)
	}
}

// A call that does not end fails the test, which still ends.
func TestHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := new(recorder)
		h := servicetest.New(r, new(Greeting))
		hung := make(chan error)
		go func() { hung <- h.Client("greeting_service").Call(t.Context(), "hang", nil) }()
		synctest.Wait()
		ended := make(chan struct{})
		go func() { defer close(ended); r.end() }()
		if err := <-hung; !errors.Is(err, transport.ErrClosed) {
			t.Errorf("got %v from the call, want %v", err, transport.ErrClosed)
		}
		<-ended
		r.reported(t, "1 call cut off")
	})
}
