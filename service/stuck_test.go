package service_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/service"
)

// TestMaxStuck checks that a container ends when MaxStuck methods are stuck, and waits only for the
// calls that are not.
func TestMaxStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out journal
		free := make(chan struct{})
		w := &Work{Func: func(ctx context.Context) (any, error) {
			if service.FromContext(ctx).Method == "do" {
				time.Sleep(15 * time.Second) // until after the container has begun to stop
				return nil, nil
			}
			<-free
			return nil, nil
		}}
		all := triggers{}
		c, err := service.New(service.Config{MaxStuck: 2, Logger: out.logger()}, w, service.Defaults(all))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		other := make(chan error, 1)
		for range 2 {
			if _, err := all.fire(t.Context(), "work.limited"); !errors.Is(err, service.ErrTimeout) {
				t.Errorf("got %v, want ErrTimeout", err)
			}
		}
		began := time.Now()
		go func() {
			_, err := all.fire(context.Background(), "work.do")
			other <- err
		}()
		err = c.Wait()
		if stuck := (*service.StuckError)(nil); !errors.As(err, &stuck) || stuck.Methods != 2 {
			t.Errorf("got %v, want two stuck methods", err)
		}
		if err := <-other; err != nil {
			t.Errorf("another call: %v", err)
		}
		if took := time.Since(began); took < 15*time.Second || took > 20*time.Second {
			t.Errorf("it took %s to stop, want 15 s, for the call that is not stuck", took)
		}
		if text := out.take(); strings.Count(text, "call stuck") != 2 || !strings.Contains(text, `msg="container failed" err="2 methods did not return`) {
			t.Errorf("got %s", text)
		}
		close(free)
	})
}

// TestStuckMethodReturns checks that a method that finally returns no longer counts.
func TestStuckMethodReturns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, all := start(t, service.Config{MaxStuck: 2}, &Work{Func: stuckForAMinute})
		for range 3 {
			if _, err := all.fire(t.Context(), "work.limited"); !errors.Is(err, service.ErrTimeout) {
				t.Errorf("got %v, want ErrTimeout", err)
			}
			time.Sleep(2 * time.Minute)
		}
		select {
		case <-c.Stopping():
			t.Error("the container has stopped")
		default:
		}
	})
}
