package service_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/service"
)

// Nest is a service that calls itself.
type Nest struct {
	_ service.Name `service:"nest"`

	Entrypoints struct {
		Deep   Trigger `trigger:"deep(n)"`
		Narrow Trigger `trigger:"narrow(n)" max_workers:"1"`
		Fast   Trigger `trigger:"fast"`
		Wait   Trigger `trigger:"wait" timeout:"1s"`
		Stray  Trigger `trigger:"stray"`
	}

	Call    func(ctx context.Context, method string, n int) (any, error)
	Release chan struct{}
	Gone    chan struct{}
}

func (s *Nest) deeper(ctx context.Context, method string, n int) (any, error) {
	if n == 0 {
		return "bottom", nil
	}
	defer service.Lend(ctx)()
	return s.Call(context.WithoutCancel(ctx), method, n-1)
}

func (s *Nest) Deep(ctx context.Context, n int) (any, error)   { return s.deeper(ctx, "deep", n) }
func (s *Nest) Narrow(ctx context.Context, n int) (any, error) { return s.deeper(ctx, "narrow", n) }
func (s *Nest) Fast(context.Context) error                     { return nil }

// Wait keeps waiting after its call has timed out.
func (s *Nest) Wait(ctx context.Context) error {
	defer close(s.Gone)
	defer service.Lend(ctx)()
	<-s.Release
	return nil
}

// Stray leaves a goroutine running that lends.
func (s *Nest) Stray(ctx context.Context) error {
	waiting := make(chan struct{})
	go func() {
		defer close(s.Gone)
		defer service.Lend(ctx)()
		close(waiting)
		<-s.Release
	}()
	<-waiting
	return nil
}

func startNest(t *testing.T, workers int) (*service.Container, triggers, *Nest) {
	nest := &Nest{Release: make(chan struct{}), Gone: make(chan struct{})}
	var all triggers
	nest.Call = func(ctx context.Context, method string, n int) (any, error) { return all.fire(ctx, "nest."+method, n) }
	c, all2 := start(t, service.Config{MaxWorkers: workers}, nest)
	all = all2
	return c, all, nest
}

func TestLend(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"deep", "narrow"} {
		for _, workers := range []int{1, 4} {
			t.Run(fmt.Sprint(method, workers), func(t *testing.T) {
				_, all, _ := startNest(t, workers)
				var wg sync.WaitGroup
				for range 10 {
					wg.Go(func() {
						if got, err := all.fire(t.Context(), "nest."+method, 20); got != "bottom" || err != nil {
							t.Errorf("got %v, %v, want bottom", got, err)
						}
					})
				}
				wg.Wait()
			})
		}
	}
}

func TestLendOutsideOfACall(t *testing.T) { service.Lend(t.Context())() }

// A call that timed out while it lent its worker still counts: Stop waits for it.
func TestLentCallThatIsOver(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"nest.wait", "nest.stray"} {
		synctest.Test(t, func(t *testing.T) {
			c, all, nest := startNest(t, 1)
			_, err := all.fire(t.Context(), method)
			if (method == "nest.wait") != errors.Is(err, service.ErrTimeout) {
				t.Errorf("%s: got %v", method, err)
			}
			if _, err := all.fire(t.Context(), "nest.fast"); err != nil {
				t.Errorf("%s: got %v while the worker is lent", method, err)
			}
			time.AfterFunc(time.Minute, func() { close(nest.Release) })
			if method == "nest.stray" { // Stop does not wait for a goroutine that the method has left running
				<-nest.Gone
			}
			if err := c.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			<-nest.Gone
		})
	}
}

// Calls that take their worker back have priority over calls that have not begun.
func TestReturningCallsGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := true
		var order []string
		lent, release := make(chan struct{}), make(chan struct{})
		_, all := start(t, service.Config{MaxWorkers: 1}, &Work{Func: func(ctx context.Context) (any, error) {
			if first {
				first = false
				back := service.Lend(ctx)
				<-lent
				back()
				order = append(order, "returned")
				return nil, nil
			}
			if len(order) == 0 {
				order = append(order, "second")
				<-release
				return nil, nil
			}
			order = append(order, "new")
			return nil, nil
		}})
		var wg sync.WaitGroup
		for range 3 { // the first lends its worker to the second; the third waits
			wg.Go(func() { _, _ = all.fire(t.Context(), "work.do") })
			synctest.Wait()
		}
		close(lent)
		synctest.Wait()
		close(release)
		wg.Wait()
		if got := fmt.Sprint(order); got != "[second returned new]" {
			t.Errorf("got %s, want the one that returned before the new one", got)
		}
	})
}

// A watched is a Watcher that counts.
type watched struct {
	began, idle, busy atomic.Int32
	refusal           error // of Began
}

func (w *watched) Began(context.Context) error {
	w.began.Add(1)
	return w.refusal
}

func (w *watched) Idle(on bool) {
	if on {
		w.idle.Add(1)
	} else {
		w.busy.Add(1)
	}
}

func (w *watched) String() string {
	return fmt.Sprint(w.began.Load(), w.idle.Load(), w.busy.Load())
}

func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, all, nest := startNest(t, 2)
		var wait, fast, narrow, never watched
		fire := func(ctx context.Context, name string, w *watched, args ...any) {
			_, _ = all["nest."+name].Run(ctx, service.Request{Watcher: w, Arguments: arguments(args...)})
		}
		fire(t.Context(), "fast", &fast)
		fire(t.Context(), "narrow", &narrow, 1) // waits for itself
		expect := func(name string, w *watched, want string) {
			if got := w.String(); got != want {
				t.Errorf("%s: got %s, want %s: began, times idle, times no longer", name, got, want)
			}
		}
		expect("fast", &fast, "1 0 0")
		expect("narrow", &narrow, "1 1 1")

		fire(t.Context(), "wait", &wait) // timed out while its worker was lent: no call has that any more
		expect("wait", &wait, "1 1 1")
		close(nest.Release)
		<-nest.Gone

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		fire(ctx, "narrow", &never, 1)
		expect("cancelled", &never, "0 0 0")

		refused := watched{refusal: errors.New("not now")}
		if _, err := all["nest.fast"].Run(t.Context(), service.Request{Watcher: &refused}); !errors.Is(err, refused.refusal) {
			t.Errorf("refused: got %v, want %v: what Began says", err, refused.refusal)
		}
	})
}

// A row with max_workers does not hold back other rows, even if their calls come later.
func TestRowIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		release := make(chan struct{})
		_, all := start(t, service.Config{MaxWorkers: 2}, &Bounded{Func: func() {
			most.Store(max(most.Load(), now.Add(1)))
			<-release
			now.Add(-1)
		}})
		var wg sync.WaitGroup
		watchers := make([]watched, 5)
		for i := range watchers {
			wg.Go(func() {
				_, _ = all["bounded.slow"].Run(t.Context(), service.Request{Watcher: &watchers[i]})
			})
		}
		synctest.Wait()
		for range 10 {
			if _, err := all.fire(t.Context(), "bounded.fast"); err != nil {
				t.Errorf("got %v beside a row that has reached its bound", err)
			}
		}
		idle := 0
		for i := range watchers {
			idle += int(watchers[i].idle.Load())
		}
		if idle != 4 {
			t.Errorf("got %d calls that are said to wait for their row, want 4", idle)
		}
		close(release)
		wg.Wait()
		if most.Load() != 1 {
			t.Errorf("got %d at once, want 1", most.Load())
		}
	})
}

// Bounded has one row with max_workers.
type Bounded struct {
	_ service.Name `service:"bounded"`

	Entrypoints struct {
		Slow Trigger `trigger:"slow" max_workers:"1"`
		Fast Trigger `trigger:"fast"`
	}

	Func func()
}

func (b *Bounded) Slow(context.Context) error { b.Func(); return nil }
func (b *Bounded) Fast(context.Context) error { return nil }
