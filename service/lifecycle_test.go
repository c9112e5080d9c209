package service_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/service"
)

// A script defines what the actors of a container do in each step, and records the steps.
type script struct {
	mu   sync.Mutex
	did  []string
	acts map[string]func(context.Context) error // by "name step"
}

func (s *script) act(ctx context.Context, step string) error {
	s.mu.Lock()
	s.did = append(s.did, step)
	act := s.acts[step]
	s.mu.Unlock()
	if act != nil {
		return act(ctx)
	}
	return nil
}

func (s *script) steps() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.did, ", ")
}

// An actor is an entrypoint, or a shared value, with every step. A row of type Stage makes one.
type actor struct {
	*script
	name string
	row  *service.Row
}

func (a *actor) Setup(ctx context.Context) error { return a.act(ctx, a.name+" setup") }
func (a *actor) Start(ctx context.Context) error { return a.act(ctx, a.name+" start") }
func (a *actor) Stop(ctx context.Context) error  { return a.act(ctx, a.name+" stop") }
func (a *actor) Kill()                           { _ = a.act(context.Background(), a.name+" kill") }

// base and pool are shared: the pool needs the base.
type (
	sharedBase struct{ actor }
	sharedPool struct{ actor }
)

// Stage is an entrypoint with a script.
type Stage struct{}

func (Stage) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	s, _ := service.Lookup[*script](r.Host)
	if _, err := service.Shared(r.Host, newPool); err != nil {
		return nil, err
	}
	if _, err := r.Bind("do"); err != nil {
		return nil, err
	}
	return &actor{s, r.Name, r}, nil
}

func newPool(h *service.Host) (*sharedPool, error) {
	s, _ := service.Lookup[*script](h)
	_, err := service.Shared(h, func(*service.Host) (*sharedBase, error) {
		return &sharedBase{actor{script: s, name: "base"}}, nil
	})
	return &sharedPool{actor{script: s, name: "pool"}}, err
}

type stages struct {
	_ service.Name `service:"stages"`

	Entrypoints struct {
		One Stage   `method:"Do"`
		Two Stage   `method:"Do"`
		Do  Trigger `trigger:"do"`
	}

	Func func(context.Context) (any, error)
}

func (s *stages) Do(ctx context.Context) (any, error) { return s.Func(ctx) }

func newStages(t *testing.T, acts map[string]func(context.Context) error, do func(context.Context) (any, error)) (*service.Container, *script, *service.Row) {
	t.Helper()
	s, all, log := &script{acts: acts}, triggers{}, &journal{}
	c, err := service.New(service.Config{Logger: log.logger()}, &stages{Func: do}, service.Configure(s), service.Configure(all))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	return c, s, all["stages.do"]
}

const started = "base setup, pool setup, One setup, Two setup, base start, pool start, One start, Two start"

func TestOrder(t *testing.T) {
	t.Parallel()
	stopTwo := make(chan struct{})
	c, s, _ := newStages(t, map[string]func(context.Context) error{
		"One stop": func(context.Context) error { <-stopTwo; return nil },
		"Two stop": func(context.Context) error { close(stopTwo); return nil }, // at the same time as One
	}, nil)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.steps(); got != started {
		t.Errorf("got  %s\nwant %s", got, started)
	}
	if err := c.Start(t.Context()); err == nil {
		t.Error("got nil from a second Start, want an error")
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	got := s.steps()[len(started):]
	if got = strings.Replace(got, "Two stop, One stop", "One stop, Two stop", 1); got != ", One stop, Two stop, pool stop, base stop" {
		t.Errorf("got %s", got)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("got %v from Wait, want nil", err)
	}
	if err := errors.Join(c.Stop(t.Context())); err != nil {
		t.Errorf("got %v from a second Stop, want nil", err)
	}
	if err := c.Start(t.Context()); !errors.Is(err, service.ErrStopped) {
		t.Errorf("got %v from Start after Stop, want ErrStopped", err)
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	fails := func(context.Context) error { return io.EOF }
	for _, tc := range []struct{ step, err, stops string }{
		{"base setup", "service_test: EOF", ""},
		{"pool setup", "service_test: EOF", "base stop"},
		{"Two setup", "service stages: Two: EOF", "One stop, pool stop, base stop"},
		{"One start", "service stages: One: EOF", "One stop, Two stop, pool stop, base stop"},
		{"Two start", "service stages: Two: EOF", "One stop, Two stop, pool stop, base stop"},
	} {
		t.Run(tc.step, func(t *testing.T) {
			c, s, _ := newStages(t, map[string]func(context.Context) error{tc.step: fails}, nil)
			err := c.Start(t.Context())
			if !errors.Is(err, io.EOF) || err.Error() != tc.err {
				t.Errorf("got %v, want %s", err, tc.err)
			}
			_, got, _ := strings.Cut(s.steps(), tc.step)
			got = strings.TrimPrefix(strings.Replace(got, "Two stop, One stop", "One stop, Two stop", 1), ", ")
			if got != tc.stops {
				t.Errorf("got %q after it, want %q", got, tc.stops)
			}
			if waited := c.Wait(); waited != err {
				t.Errorf("got %v from Wait, want what Start returned", waited)
			}
			if err := c.Stop(t.Context()); err != nil {
				t.Errorf("got %v from Stop, want nil", err)
			}
		})
	}
}

func TestNeverStarted(t *testing.T) {
	t.Parallel()
	c, s, do := newStages(t, nil, func(context.Context) (any, error) { return nil, nil })
	if err := c.Wait(); err == nil {
		t.Error("got nil from Wait, want an error")
	}
	if _, err := do.Run(t.Context(), service.Request{}); err == nil || !strings.Contains(err.Error(), "not started") {
		t.Errorf("got %v from Run, want that it is not started", err)
	}
	if got := c.Names(); !slices.Equal(got, []string{"stages"}) {
		t.Errorf("got names %v", got)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Errorf("got %v from Stop, want nil", err)
	}
	c.Kill()
	if err := c.Wait(); err != nil {
		t.Errorf("got %v from Wait after Stop, want nil", err)
	}
	if s.steps() != "" {
		t.Errorf("got %s, want nothing", s.steps())
	}
}

// TestStopWaits checks that Stop waits for running calls and for goroutines of entrypoints, and
// that no call begins after that.
func TestStopWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s, do := newStages(t, nil, func(context.Context) (any, error) {
			time.Sleep(time.Minute) // in the bubble
			return "done", nil
		})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		replied := false
		do.Go(func(ctx context.Context) {
			v, err := do.Run(ctx, service.Request{})
			time.Sleep(time.Second) // in the bubble: the reply leaves
			replied = v == "done" && err == nil && ctx.Err() == nil
		})
		synctest.Wait()
		began := time.Now()
		if err := c.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 61*time.Second || !replied {
			t.Errorf("got Stop after %v, replied %v, want it after the reply, 1m1s", took, replied)
		}
		if got := s.steps(); !strings.HasSuffix(got, "pool stop, base stop") {
			t.Errorf("got %s", got)
		}
		if _, err := do.Run(t.Context(), service.Request{}); !errors.Is(err, service.ErrStopped) {
			t.Errorf("got %v from Run after Stop, want ErrStopped", err)
		}
	})
}

func TestStopIsCutShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c, s, do := newStages(t, nil, func(context.Context) (any, error) { <-release; return nil, nil })
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			do.Go(func(ctx context.Context) { _, _ = do.Run(ctx, service.Request{}) })
		}
		synctest.Wait()
		joined := make(chan error)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			joined <- c.Stop(ctx)
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		err := c.Stop(ctx)
		if want := "stop was cut short, 3 calls cut off: context deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if err := <-joined; !errors.Is(err, service.ErrStopped) || !strings.Contains(err.Error(), "3 calls") {
			t.Errorf("got %v from the Stop that was joined, want it cut short by the kill", err)
		}
		if got := s.steps(); !strings.HasSuffix(got, ", One kill, Two kill, pool kill, base kill") &&
			!strings.HasSuffix(got, "pool kill, base kill") {
			t.Errorf("got %s, want who was not stopped killed", got)
		}
		close(release)
	})
}

// TestKill checks that Kill cancels the contexts of calls, may be called at any time, and is
// idempotent.
func TestKill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s, do := newStages(t, nil, func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() })
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		errs := make(chan error, 2)
		do.Go(func(ctx context.Context) {
			_, err := do.Run(ctx, service.Request{})
			errs <- err
		})
		go func() { // not in a context of the container
			_, err := do.Run(context.Background(), service.Request{})
			errs <- err
		}()
		synctest.Wait()
		c.Kill()
		c.Kill()
		for range 2 {
			if err := <-errs; !errors.Is(err, service.ErrStopped) {
				t.Errorf("got %v, want ErrStopped", err)
			}
		}
		if got, want := s.steps(), started+", One kill, Two kill, pool kill, base kill"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if err := errors.Join(c.Wait(), c.Stop(t.Context())); err != nil {
			t.Errorf("got %v after Kill, want nil", err)
		}
	})
}

func TestKillDuringStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s, _ := newStages(t, map[string]func(context.Context) error{
			"pool start": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		}, nil)
		go func() {
			synctest.Wait()
			c.Kill()
		}()
		if err := c.Start(t.Context()); !errors.Is(err, service.ErrStopped) {
			t.Errorf("got %v, want ErrStopped", err)
		}
		c.Kill()
		if got := s.steps(); strings.Contains(got, "stop") || !strings.HasSuffix(got, "One kill, Two kill, pool kill, base kill") {
			t.Errorf("got %s, want them killed", got)
		}
	})
}

func TestStopDuringStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s, _ := newStages(t, map[string]func(context.Context) error{
			"pool start": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		}, nil)
		stopped := make(chan error)
		go func() {
			synctest.Wait()
			stopped <- c.Stop(context.Background())
		}()
		if err := c.Start(t.Context()); !errors.Is(err, service.ErrStopped) {
			t.Errorf("got %v, want ErrStopped", err)
		}
		if err := <-stopped; err != nil {
			t.Errorf("got %v from Stop, want nil", err)
		}
		if got := s.steps(); !strings.HasSuffix(got, "pool stop, base stop") || strings.Contains(got, "One start") {
			t.Errorf("got %s, want what was begun stopped", got)
		}
	})
}

func TestKillDuringStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _, do := newStages(t, nil, func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() })
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		do.Go(func(ctx context.Context) { _, _ = do.Run(ctx, service.Request{}) })
		go func() {
			synctest.Wait()
			c.Kill()
		}()
		if err := c.Stop(t.Context()); !errors.Is(err, service.ErrStopped) || !strings.Contains(err.Error(), "cut short") {
			t.Errorf("got %v, want that Stop was cut short", err)
		}
	})
}

func TestFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s, do := newStages(t, nil, func(context.Context) (any, error) {
			time.Sleep(time.Second) // in the bubble
			return "done", nil
		})
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		var result any
		do.Go(func(ctx context.Context) { result, _ = do.Run(ctx, service.Request{}) })
		do.Go(func(context.Context) {
			do.Fail(io.EOF)
			do.Fail(io.ErrUnexpectedEOF) // the first counts
		})
		err := c.Wait()
		if !errors.Is(err, io.EOF) || err.Error() != "service stages: Do: EOF" {
			t.Errorf("got %v, want service stages: Do: EOF", err)
		}
		if result != "done" {
			t.Errorf("got %v from the call that ran, want done", result)
		}
		if got := s.steps(); !strings.HasSuffix(got, "pool stop, base stop") {
			t.Errorf("got %s, want all stopped in order", got)
		}
		if err := c.Stop(t.Context()); err != nil {
			t.Errorf("got %v from Stop, want nil", err)
		}
	})
}

func TestFailBeforeAndDuringStart(t *testing.T) {
	t.Parallel()
	c, _, do := newStages(t, nil, nil)
	do.Fail(io.EOF)
	if err := c.Start(t.Context()); !errors.Is(err, io.EOF) || !errors.Is(c.Wait(), io.EOF) {
		t.Errorf("got %v from Start, %v from Wait, want EOF", err, c.Wait())
	}

	var fail func(error)
	c, s, do := newStages(t, map[string]func(context.Context) error{
		"pool start": func(context.Context) error { fail(io.EOF); return nil },
	}, nil)
	fail = do.Fail
	if err := c.Start(t.Context()); !errors.Is(err, io.EOF) || !errors.Is(c.Wait(), io.EOF) {
		t.Errorf("got %v from Start, %v from Wait, want EOF", err, c.Wait())
	}
	if got := s.steps(); strings.Contains(got, "One start") || !strings.HasSuffix(got, "pool stop, base stop") {
		t.Errorf("got %s", got)
	}
}

func TestStopErrors(t *testing.T) {
	t.Parallel()
	fails := func(context.Context) error { return io.EOF }
	c, s, _ := newStages(t, map[string]func(context.Context) error{"One stop": fails, "pool stop": fails}, nil)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := c.Stop(t.Context())
	if want := "service stages: One: EOF\nservice_test: EOF"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if got := s.steps(); !strings.HasSuffix(got, "base stop") {
		t.Errorf("got %s, want all stopped in spite of it", got)
	}
}
