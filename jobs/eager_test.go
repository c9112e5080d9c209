package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

// Adder has the job of the SQJobs talk, and one that fails.
type Adder struct {
	_ service.Name `service:"adder"`

	Entrypoints struct {
		Add   jobs.Job `jobs:"adder_job(*args)"`
		Retry jobs.Job `jobs:"retried(until)" retry:"1h*3" done:"Ended"`
	}

	ended *[]string
}

// AdderJobs is the client of Adder.
type AdderJobs struct {
	_ jobs.Client `jobs:"adder"`

	Add     func(ctx context.Context, args ...int) (jobs.Ref[int], error)                 `jobs:"adder_job(*args)"`
	Retried func(ctx context.Context, until int, o ...jobs.Option) (jobs.Ref[int], error) `jobs:"retried"`
	Missing func(ctx context.Context) error                                               `jobs:"missing"`
}

func (a *Adder) Add(_ context.Context, args ...int) (sum int, _ error) {
	for _, n := range args {
		sum += n
	}
	return sum, nil
}

// Retry fails until its call number until.
func (a *Adder) Retry(ctx context.Context, until int) (int, error) {
	n := service.FromContext(ctx).Attempt
	if until < 0 {
		return 0, errTeapot
	}
	if n < until {
		return 0, errors.New("not yet")
	}
	return n, nil
}

// Ended is the done hook.
func (a *Adder) Ended(_ context.Context, o jobs.Outcome) error {
	*a.ended = append(*a.ended, fmt.Sprintf("%s %s %d %s", o.Name, o.State, o.Attempts, o.Result()))
	return nil
}

// Totals enqueues jobs in its calls. It has one worker.
type Totals struct {
	_ service.Name `service:"totals"`

	Entrypoints struct {
		Sum   rpc.Method `rpc:"sum(*numbers)"`
		Retry rpc.Method `rpc:"retry(until)"`
		Miss  rpc.Method `rpc:"miss"`
	}

	Adder AdderJobs
}

func (s *Totals) Sum(ctx context.Context, numbers ...int) (int, error) {
	ref, err := s.Adder.Add(ctx, numbers...)
	if err != nil {
		return 0, err
	}
	return ref.Wait(ctx)
}

func (s *Totals) Retry(ctx context.Context, until int) (int, error) {
	ref, err := s.Adder.Retried(ctx, until, jobs.In(time.Hour), jobs.Priority(7))
	if err != nil {
		return 0, err
	}
	return ref.Wait(ctx)
}

func (s *Totals) Miss(ctx context.Context) error { return s.Adder.Missing(ctx) }

// TestEager runs the eager sample of the SQJobs talk, with the result 6, and jobs that fail.
func TestEager(t *testing.T) {
	t.Parallel()
	var ended []string
	h := servicetest.New(t, &Adder{ended: &ended}, new(Totals), jobs.Eager, service.Config{MaxWorkers: 1})
	sums := h.Client("totals")
	var got int
	if err := sums.Call(t.Context(), "sum", &got, 1, 2, 3); err != nil || got != 6 {
		t.Errorf("got %d, %v, want 6", got, err)
	}
	if err := sums.Call(t.Context(), "retry", &got, 3); err != nil || got != 3 {
		t.Errorf("got %d, %v, want 3", got, err)
	}
	var remote *rpcerror.Error
	if err := sums.Call(t.Context(), "retry", &got, 5); !errors.As(err, &remote) || !strings.Contains(err.Error(), "failed after 4 attempts: not yet") {
		t.Errorf("got %v", err)
	}
	if err := sums.Call(t.Context(), "retry", &got, -1); !errors.As(err, &remote) || !strings.Contains(err.Error(), "failed: short and stout") {
		t.Errorf("got %v", err)
	}
	if err := sums.Call(t.Context(), "miss", nil); err == nil || !strings.Contains(err.Error(), "there are: adder.adder_job, adder.retried") {
		t.Errorf("got %v", err)
	}
	want := []string{"retried succeeded 3 3", "retried failed 4 ", "retried failed 1 "}
	if !slices.Equal(ended, want) {
		t.Errorf("got %q of the done hook, want %q", ended, want)
	}
	enqueued := h.Enqueued("adder.adder_job")
	if len(enqueued) != 1 || enqueued[0].Args != "[1,2,3]" || enqueued[0].Kwargs != "{}" || enqueued[0].ID == "" {
		t.Errorf("got %+v", enqueued)
	}
	if all := h.Enqueued(""); len(all) != 5 || all[1].In != time.Hour || all[1].Priority != 7 {
		t.Errorf("got %+v", all)
	}
}

// TestEagerWithoutBroker binds services that need neither a broker nor a store.
func TestEagerWithoutBroker(t *testing.T) {
	t.Parallel()
	type Shop struct {
		_     service.Name `service:"shop"`
		Adder AdderJobs
	}
	var ended []string
	hosttest.Start(t, hosttest.Config{}, &Adder{ended: &ended}, new(Shop), jobs.Eager)
}
