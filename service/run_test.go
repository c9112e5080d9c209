package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/service"
)

// Work has a method that the test defines.
type Work struct {
	_ service.Name `service:"work"`

	Entrypoints struct {
		Do      Trigger `trigger:"do"`
		Limited Trigger `trigger:"limited" method:"Do" timeout:"5s"`
		Count   Trigger `trigger:"count(n)"`
	}

	Func    func(ctx context.Context) (any, error)
	Counter int
	Gift    Gift
}

func (w *Work) Do(ctx context.Context) (any, error) { return w.Func(ctx) }

// Count changes a field of its copy.
func (w *Work) Count(_ context.Context, n int) (int, error) {
	for range n {
		w.Counter++
		runtime.Gosched()
	}
	return w.Counter, nil
}

func TestEachCallHasItsOwnCopy(t *testing.T) {
	t.Parallel()
	proto := &Work{Counter: 1000}
	_, all := start(t, service.Config{}, proto)
	proto.Counter = -1 // the container has a copy
	var wg sync.WaitGroup
	for n := range 1000 {
		wg.Go(func() {
			got, err := all.fire(t.Context(), "work.count", n%50)
			if err != nil || got != 1000+n%50 {
				t.Errorf("got %v, %v, want %d", got, err, 1000+n%50)
			}
		})
	}
	wg.Wait()
}

// A label is a key of a context.
type label string

func TestCallTravelsInContext(t *testing.T) {
	t.Parallel()
	if call := service.FromContext(t.Context()); call != nil {
		t.Errorf("got %v outside of a call, want nil", call)
	}
	var got *service.Call
	_, all := start(t, service.Config{}, &Work{Func: func(ctx context.Context) (any, error) {
		got = service.FromContext(context.WithValue(ctx, label("k"), "v"))
		return nil, nil
	}})
	req := service.Request{Parents: []string{"a.b.c"}, Data: map[string]any{"language": "en"}}
	if _, err := all["work.do"].Run(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if got == nil || got.Data["language"] != "en" {
		t.Fatalf("got %v, want the call that was run", got)
	}
	if got.Service != "work" || got.Method != "do" || got.Attempt != 1 {
		t.Errorf("got %+v, want service work, method do, attempt 1", got)
	}
	if !regexp.MustCompile(`^work\.do\.[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(got.ID) {
		t.Errorf("got id %s, want work.do.<uuid4>", got.ID)
	}
	if stack := got.Stack(); !slices.Equal(stack, []string{"a.b.c", got.ID}) {
		t.Errorf("got stack %v, want the parent and the call", stack)
	}
}

func TestStackIsCapped(t *testing.T) {
	t.Parallel()
	parents := strings.Fields("1 2 3 4 5 6 7 8 9 10 11 12")
	call := &service.Call{ID: "me", Parents: parents}
	if got, want := strings.Join(call.Stack(), " "), "3 4 5 6 7 8 9 10 11 12 me"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for tracked, want := range map[int]string{2: "[11 12]", -1: "[]"} {
		_, all := start(t, service.Config{ParentCallsTracked: tracked}, &Work{Func: func(ctx context.Context) (any, error) {
			call := service.FromContext(ctx)
			stack := call.Stack()
			return stack[:len(stack)-1], nil
		}})
		got, err := all["work.do"].Run(t.Context(), service.Request{Parents: parents})
		if fmt.Sprint(got) != want || err != nil {
			t.Errorf("%d tracked: got %v, %v, want %s before its own", tracked, got, err, want)
		}
	}
}

type notFound struct{ error }

func (notFound) Expected() bool { return true }

func TestCallsAreLogged(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		do   func(context.Context) (any, error)
		want string
	}{
		{"done", func(context.Context) (any, error) { return 1, nil }, "level=DEBUG msg=\"call done\" service=work method=do\n"},
		{"expected", func(context.Context) (any, error) { return nil, fmt.Errorf("get: %w", notFound{io.EOF}) },
			"level=WARN msg=\"call failed\" service=work method=do err=\"get: EOF\"\n"},
		{"fault", func(context.Context) (any, error) { return nil, io.EOF },
			"level=ERROR msg=\"call failed\" service=work method=do err=EOF\n"},
		{"panic", func(context.Context) (any, error) { panic("at the disco") },
			"level=ERROR msg=\"call failed\" service=work method=do err=\"panic: at the disco\" stack=true\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out journal
			_, all := start(t, service.Config{Logger: out.logger()}, &Work{Func: tc.do})
			_, _ = all.fire(t.Context(), "work.do")
			if got := out.take(); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	var nilMap map[string]int
	for _, name := range []string{"work.do", "work.limited"} {
		_, all := start(t, service.Config{}, &Work{Func: func(context.Context) (any, error) {
			nilMap["x"] = 1
			return nil, nil
		}})
		_, err := all.fire(t.Context(), name)
		var p *service.PanicError
		if !errors.As(err, &p) || !strings.Contains(string(p.Stack), "run_test.go") {
			t.Fatalf("%s: got %v, want a *PanicError with its stack", name, err)
		}
		var fault runtime.Error
		if !errors.As(err, &fault) || err.Error() != "panic: assignment to entry in nil map" {
			t.Errorf("%s: got %v, want the runtime's error wrapped", name, err)
		}
	}
}

func TestWorkersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		_, all := start(t, service.Config{MaxWorkers: 3}, &Work{Func: func(context.Context) (any, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second) // in the bubble
			now.Add(-1)
			return nil, nil
		}})
		if got := all["work.do"].Workers(); got != 3 {
			t.Errorf("got %d workers, want 3", got)
		}
		began := time.Now()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { _, _ = all.fire(t.Context(), "work.do") })
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := all.fire(ctx, "work.do"); !errors.Is(err, service.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v of a call that found no worker, want ErrTimeout", err)
		}
		wg.Wait()
		if took := time.Since(began); most.Load() != 3 || took != 4*time.Second {
			t.Errorf("got %d at once in %v, want 3 in 4s", most.Load(), took)
		}
	})
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	cause := errors.New("the caller has gone")
	for _, tc := range []struct {
		name, row string
		ctx       func(context.Context) (context.Context, context.CancelFunc)
		after     time.Duration
		cause     error
	}{
		{"row", "work.limited", context.WithCancel, 5 * time.Second, context.DeadlineExceeded},
		{"deadline", "work.do", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 2*time.Second)
		}, 2 * time.Second, context.DeadlineExceeded},
		{"the smaller", "work.limited", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 10*time.Second)
		}, 5 * time.Second, context.DeadlineExceeded},
		{"cancel", "work.do", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Second, func() { cancel(cause) })
			return ctx, func() { cancel(nil) }
		}, time.Second, cause},
	} {
		for _, polite := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s polite=%v", tc.name, polite), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					_, all := start(t, service.Config{}, &Work{Func: func(ctx context.Context) (any, error) {
						<-ctx.Done()
						if polite {
							return nil, fmt.Errorf("waiting for users: %w", context.Cause(ctx))
						}
						time.Sleep(time.Second) // in the bubble
						return "late", nil
					}})
					ctx, cancel := tc.ctx(t.Context())
					defer cancel()
					began := time.Now()
					v, err := all.fire(ctx, tc.row)
					if v != nil || !errors.Is(err, service.ErrTimeout) || !errors.Is(err, tc.cause) {
						t.Errorf("got %v, %v, want ErrTimeout for %v", v, err, tc.cause)
					}
					if took := time.Since(began); took != tc.after {
						t.Errorf("got it after %v, want %v", took, tc.after)
					}
				})
			})
		}
	}
}

// TestStuckCall checks that a method that ignores its context keeps its worker until it returns, is
// logged once with its stack, and is waited for by Stop.
func TestStuckCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out journal
		c, all := start(t, service.Config{MaxWorkers: 1, Logger: out.logger()}, &Work{Func: stuckForAMinute})
		began := time.Now()
		if _, err := all.fire(t.Context(), "work.limited"); !errors.Is(err, service.ErrTimeout) {
			t.Errorf("got %v, want ErrTimeout", err)
		}
		out.take()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := all.fire(ctx, "work.do"); !errors.Is(err, service.ErrTimeout) {
			t.Errorf("got %v, want ErrTimeout: the worker is stuck", err)
		}
		want := "level=WARN msg=\"call stuck\" service=work method=limited stack=true\n" +
			"level=ERROR msg=\"call failed\" service=work method=do err=\"call timed out: context deadline exceeded\"\n"
		if got := out.take(); got != want {
			t.Errorf("got  %swant %s", got, want)
		}
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("got Stop after %v, want it to wait for the stuck call: 1m", took)
		}
	})
}

func stuckForAMinute(context.Context) (any, error) {
	time.Sleep(time.Minute) // in the bubble
	return nil, nil
}

func TestFieldLogger(t *testing.T) {
	t.Parallel()
	var out journal
	_, all := start(t, service.Config{Logger: out.logger()}, new(Work))
	all["work.do"].Logger().Info("hello")
	if got, want := out.take(), "level=INFO msg=hello service=work field=Do\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestContextEndsWithTheCall(t *testing.T) {
	t.Parallel()
	var inner context.Context
	_, all := start(t, service.Config{}, &Work{Func: func(ctx context.Context) (any, error) {
		inner = ctx
		return nil, ctx.Err()
	}})
	if _, err := all.fire(context.Background(), "work.do"); err != nil {
		t.Fatal(err)
	}
	if inner.Err() == nil {
		t.Error("the context of a call that has ended goes on")
	}
}

// Letters is a service whose rows of type Handler take an int before the arguments.
type Letters struct {
	_ service.Name `service:"letters"`

	Entrypoints struct {
		Write Led `led:"write(text)"`
	}

	Seal Seal `wax:"red"`
	stampless
}

type stampless struct {
	Stamp Seal `wax:"blue"`
}

// Led passes its row to the test.
type Led struct{}

func (Led) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	leds, _ := service.Lookup[map[string]*service.Row](r.Host)
	leds[r.Name] = r
	return &nop{}, second(r.Bind(r.Tag.Get("led"), intType, reflect.TypeFor[error]()))
}

// Seal is a dependency that knows its wax.
type Seal struct{ wax string }

func (*Seal) Dependency(f *service.Field) (any, error) {
	return Seal{f.Tag.Get("wax")}, f.Tag.Keys("wax")
}

func (l *Letters) Write(_ context.Context, page int, last error, text string) (string, error) {
	return fmt.Sprint(page, " ", last, " ", text, " ", l.Seal.wax, " ", l.Stamp.wax), nil
}

func TestLeadingAndDependencies(t *testing.T) {
	t.Parallel()
	leds := map[string]*service.Row{}
	start(t, service.Config{}, new(Letters), service.Configure(leds))
	got, err := leds["Write"].Run(t.Context(), service.Request{Arguments: arguments("hello"), Leading: []any{7, nil}})
	if got != "7 <nil> hello red blue" || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := leds["Write"].Run(t.Context(), service.Request{Arguments: arguments("hello")}); err == nil {
		t.Error("got nil from Run without the values that Bind was given, want an error")
	}
}
