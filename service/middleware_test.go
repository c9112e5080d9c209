package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/service"
)

func TestMiddleware(t *testing.T) {
	t.Parallel()
	var said []string
	made := 0
	say := func(name string) service.Middleware {
		return func(next service.Runner) service.Runner {
			made++
			return func(ctx context.Context) (any, error) {
				said = append(said, name+" before "+service.FromContext(ctx).Method)
				v, err := next(context.WithValue(ctx, label(name), true))
				said = append(said, name+" after")
				return fmt.Sprint(v, " ", name), err
			}
		}
	}
	_, all := start(t, service.Config{Middleware: []service.Middleware{say("outer"), say("inner")}},
		&Work{Func: func(ctx context.Context) (any, error) {
			return ctx.Value(label("outer")) == true && ctx.Value(label("inner")) == true, nil
		}})
	if made != 6 {
		t.Errorf("got %d calls of the middleware, want 2 for each of 3 rows", made)
	}
	got, err := all.fire(t.Context(), "work.do")
	if got != "true inner outer" || err != nil {
		t.Errorf("got %v, %v, want the result through both", got, err)
	}
	if want := []string{"outer before do", "inner before do", "inner after", "outer after"}; !slices.Equal(said, want) {
		t.Errorf("got %v, want %v", said, want)
	}
}

func TestMiddlewareThatMisbehaves(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		middleware service.Middleware
		want       string
	}{
		{"panic", func(service.Runner) service.Runner {
			return func(context.Context) (any, error) { panic("mine") }
		}, "panic: mine"},
		{"other context", func(next service.Runner) service.Runner {
			return func(context.Context) (any, error) { return next(context.Background()) }
		}, "a middleware must derive its context from the one it got"},
		{"no call", func(service.Runner) service.Runner {
			return func(context.Context) (any, error) { return nil, io.EOF }
		}, "EOF"},
		{"twice", func(next service.Runner) service.Runner {
			return func(ctx context.Context) (any, error) { _, _ = next(ctx); return next(ctx) }
		}, "call 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := 0
			_, all := start(t, service.Config{Middleware: []service.Middleware{tc.middleware}},
				&Work{Func: func(context.Context) (any, error) { n++; return nil, fmt.Errorf("call %d", n) }})
			for range 2 { // the worker came back
				n = 0
				if _, err := all.fire(t.Context(), "work.do"); err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("got %v, want %s", err, tc.want)
				}
			}
		})
	}
}

// A middleware may call next after the call has ended. The method is then not run, and no worker is
// released twice.
func TestMiddlewareThatIsLate(t *testing.T) {
	next := make(chan func() error, 1)
	late := func(run service.Runner) service.Runner {
		return func(ctx context.Context) (any, error) {
			next <- func() error { _, err := run(ctx); return err }
			return nil, nil
		}
	}
	c, all := start(t, service.Config{MaxWorkers: 1, Middleware: []service.Middleware{late}},
		&Work{Func: func(context.Context) (any, error) { t.Error("the method has run"); return nil, nil }})
	for _, name := range []string{"work.do", "work.limited"} {
		for _, ctx := range []context.Context{c.Host().Context(), t.Context()} {
			if _, err := all.fire(ctx, name); err != nil {
				t.Error(err)
			}
			if err := (<-next)(); !errors.Is(err, service.ErrTimeout) || !strings.Contains(err.Error(), "method has returned") {
				t.Errorf("%s: got %v, want that the call has ended", name, err)
			}
		}
	}
	if err := c.Stop(t.Context()); err != nil { // it waits for workers that are held
		t.Error(err)
	}
}

// A middleware may run the method again while the first attempt still runs. The result of the first
// attempt is dropped.
func TestMiddlewareThatTriesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		again := func(next service.Runner) service.Runner {
			return func(ctx context.Context) (any, error) {
				if v, err := next(ctx); !errors.Is(err, service.ErrTimeout) {
					return v, err
				}
				return next(ctx)
			}
		}
		var n atomic.Int64
		_, all := start(t, service.Config{Middleware: []service.Middleware{again}}, &Work{Func: func(context.Context) (any, error) {
			if n.Add(1) == 1 {
				time.Sleep(7 * time.Second) // in the bubble, over the limit
				return "first", nil
			}
			time.Sleep(4 * time.Second)
			return "second", nil
		}})
		if v, err := all.fire(t.Context(), "work.limited"); v != "second" || err != nil {
			t.Errorf("got %v, %v, want the second's", v, err)
		}
	})
}

// The middleware of modules wraps the calls of all services, inside that of the container.
func TestMiddlewareOfModules(t *testing.T) {
	t.Parallel()
	say := func(name string) func(service.Runner) service.Runner {
		return func(next service.Runner) service.Runner {
			return func(ctx context.Context) (any, error) {
				result, err := next(ctx)
				return fmt.Sprint(result, " ", name), err
			}
		}
	}
	needs := func(name string) service.Middleware { return say(name) }
	_, all := start(t, service.Config{Middleware: []service.Middleware{say("container")}},
		&Work{Func: func(context.Context) (any, error) { return "work", nil }},
		service.Configure(say("program")),
		fx.Module("first", fx.Supply(fx.Private, "of the module"), fx.Provide(needs, fx.Private), service.Configure[service.Middleware]()),
		fx.Module("second", service.Configure(say("a"), say("b"))),
		fx.Module("third", fx.Supply(fx.Private, "third"), fx.Provide(needs, fx.Private), service.Configure[service.Middleware]()))
	got, err := all.fire(t.Context(), "work.do")
	if want := "work program third b a of the module container"; got != want || err != nil {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
}
