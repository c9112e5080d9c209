package servicetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

// Each watch receives every later outcome once, in order.
func TestWatchOrder(t *testing.T) {
	t.Parallel()
	h := servicetest.New(t, new(Greeting))
	hello := func(name string) {
		if err := h.Client("greeting_service").Call(t.Context(), "hello", nil, name); err != nil {
			t.Error(err)
		}
	}
	hello("nobody")
	one, other := h.Watch("greeting_service.Hello"), h.Watch("greeting_service.Hello")
	hello("Ana")
	hello("Julio")
	for _, next := range []func() servicetest.Outcome{one, other} {
		for _, want := range []string{"Hello, Ana!", "Hello, Julio!"} {
			if got := next(); got.Result != want || got.Err != nil {
				t.Errorf("got %v, %v, want %s", got.Result, got.Err, want)
			}
		}
	}
}

// A watch receives the outcome that the test's middleware returns, or its panic.
func TestWatchMiddleware(t *testing.T) {
	t.Parallel()
	denied := errors.New("denied")
	guard := func(next service.Runner) service.Runner {
		return func(ctx context.Context) (any, error) {
			switch language, _ := service.Language.Get(ctx); language {
			case "es":
				return nil, denied
			case "eo":
				panic("kia lingvo?")
			}
			return next(ctx)
		}
	}
	h := servicetest.New(t, new(Greeting), service.Configure(guard))
	next := h.Watch("greeting_service.Hello")
	for _, tc := range []struct{ language, want string }{
		{"de", ""},
		{"es", "denied"},
		{"eo", "a middleware panicked or called runtime.Goexit"},
	} {
		_, _ = h.Run(service.Language.With(t.Context(), tc.language), "greeting_service.Hello", "Julio")
		got := next().Err
		if (got == nil) != (tc.want == "") || got != nil && got.Error() != tc.want {
			t.Errorf("%s: got %v, want %s", tc.language, got, tc.want)
		}
	}
}

// The test fails if no call ends in time, or if there is no such row.
func TestWatchFails(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ row, want string }{
		{"greeting_service.Hello", "greeting_service.Hello: no call has ended within 30s"},
		{"greeting_service.hello", "Watch: no such row greeting_service.hello: the rows are greeting_service.Hello, greeting_service.Hang"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := new(recorder)
			defer r.end()
			defer func() {
				if p := recover(); p != any(r) || len(r.failures) != 1 || r.failures[0] != tc.want {
					t.Errorf("got %q, panic %v, want %s", r.failures, p, tc.want)
				}
			}()
			servicetest.New(r, new(Greeting)).Watch(tc.row)()
		})
	}
}
