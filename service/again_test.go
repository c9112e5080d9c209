package service_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/service"
)

// ladder returns a next function of RunAgain for these delays.
func ladder(delays ...time.Duration) func(int, error) (time.Duration, bool) {
	return func(attempt int, _ error) (time.Duration, bool) {
		if attempt > len(delays) {
			return 0, false
		}
		return delays[attempt-1], true
	}
}

// A call that fails twice runs three times, with new values each time, and its worker is free in
// between.
func TestRunAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		var attempts []int
		var retried []service.Failure
		observer := service.Observer{Retried: func(_ context.Context, f service.Failure) { retried = append(retried, f) }}
		_, all := start(t, service.Config{MaxWorkers: 1}, service.Configure(observer), &Work{Func: func(ctx context.Context) (any, error) {
			at = append(at, time.Since(begin))
			attempts = append(attempts, service.FromContext(ctx).Attempt)
			if len(attempts) < 3 {
				return nil, errors.New("not yet")
			}
			return "done", nil
		}})
		do, watcher := all["work.do"], &watched{}
		req := service.Request{Watcher: watcher}
		_, err := do.Run(t.Context(), req)
		time.AfterFunc(time.Second/2, func() { // while the call waits
			if n, err := all.fire(t.Context(), "work.count", 1); n != 1 || err != nil {
				t.Errorf("got %v, %v, want 1 from a copy of the service: the worker is free", n, err)
			}
		})
		result, err := do.RunAgain(t.Context(), req, err, ladder(time.Second, time.Minute, time.Hour))
		if result != "done" || err != nil {
			t.Errorf("got %v, %v, want done", result, err)
		}
		if want := []time.Duration{0, time.Second, time.Second + time.Minute}; !slices.Equal(at, want) {
			t.Errorf("got runs at %v, want %v", at, want)
		}
		if want := []int{1, 2, 3}; !slices.Equal(attempts, want) {
			t.Errorf("got attempts %v, want %v", attempts, want)
		}
		if len(retried) != 2 || retried[1].Attempt != 2 || retried[1].After != time.Minute || retried[1].Err == nil || retried[1].Entry != do {
			t.Errorf("got %+v, want that an observer is told of two retries", retried)
		}
		if idle, busy := watcher.idle.Load(), watcher.busy.Load(); idle != 2 || busy != 2 {
			t.Errorf("got %d times idle and %d busy, want 2 and 2: once for each wait", idle, busy)
		}
	})
}

// The caller's deadline limits the retries: a delay that would end after it is not started.
func TestRunAgainWithinTheLimit(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limit  time.Duration
		cancel time.Duration // when the caller gives up; 0 means never
		delays []time.Duration
		runs   int
		took   time.Duration
	}{
		"no delay":                 {time.Minute, 0, nil, 1, 0},
		"ladder ends":              {time.Minute, 0, []time.Duration{time.Second, time.Second}, 3, 2 * time.Second},
		"limit is as long":         {time.Second, 0, []time.Duration{time.Second}, 1, 0},
		"limit is longer":          {time.Second + 1, 0, []time.Duration{time.Second}, 2, time.Second},
		"second is over":           {3 * time.Second, 0, []time.Duration{time.Second, 2 * time.Second}, 2, time.Second},
		"cancelled while it waits": {time.Minute, time.Second, []time.Duration{10 * time.Second}, 1, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				runs, begin := 0, time.Now()
				_, all := start(t, service.Config{}, &Work{Func: func(context.Context) (any, error) {
					runs++
					return nil, fmt.Errorf("failure %d", runs)
				}})
				ctx, cancel := context.WithTimeout(t.Context(), test.limit)
				defer cancel()
				if test.cancel > 0 {
					time.AfterFunc(test.cancel, cancel)
				}
				do := all["work.do"]
				_, err := do.Run(ctx, service.Request{})
				_, err = do.RunAgain(ctx, service.Request{}, err, ladder(test.delays...))
				if took := time.Since(begin); runs != test.runs || took != test.took {
					t.Errorf("got %d runs in %v, want %d in %v", runs, took, test.runs, test.took)
				}
				if want := fmt.Sprintf("failure %d", runs); err == nil || err.Error() != want {
					t.Errorf("got %v, want %s", err, want)
				}
			})
		})
	}
}

// A container that stops ends calls that wait for a retry, so their input is given back. Calls that
// fail later are not retried.
func TestRunAgainWhileStopping(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		busy time.Duration // how long the method runs
		kill bool
		want error
	}{
		"waits":             {0, false, service.ErrStopped},
		"waits, and killed": {0, true, service.ErrStopped},
		"runs":              {time.Minute, false, errBusy},
		"runs, and killed":  {time.Minute, true, errBusy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, all := start(t, service.Config{Grace: time.Hour}, &Work{Func: func(context.Context) (any, error) {
					time.Sleep(test.busy)
					return nil, errBusy
				}})
				do, ended := all["work.do"], make(chan error, 1)
				do.Go(func(ctx context.Context) {
					_, err := do.Run(ctx, service.Request{})
					_, err = do.RunAgain(ctx, service.Request{}, err, ladder(24*time.Hour))
					ended <- err
				})
				synctest.Wait()
				begin := time.Now()
				if test.kill {
					c.Kill()
				} else if err := c.Stop(t.Context()); err != nil {
					t.Error(err)
				}
				if err := <-ended; !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
				if took := time.Since(begin); took > test.busy {
					t.Errorf("the stop took %v, want %v", took, test.busy)
				}
			})
		})
	}
}

var errBusy = errors.New("busy")
