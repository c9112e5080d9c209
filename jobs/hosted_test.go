package jobs_test

import (
	"context"
	"testing"

	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

// Sums has a job with any number of arguments.
type Sums struct {
	_ service.Name `service:"sums"`

	Entrypoints struct {
		Add jobs.Job `jobs:"add(*numbers)"`
	}
}

func (*Sums) Add(_ context.Context, numbers []int) (sum int, err error) {
	for _, n := range numbers {
		sum += n
	}
	return sum, nil
}

// Asker has a typed client, and a client of the same service.
type Asker struct {
	_ service.Name `service:"asker"`

	Entrypoints struct {
		Ask rpc.Method `rpc:"ask(*numbers)"`
	}

	Sums   SumJobs
	Client jobs.Client `jobs:"sums"`
}

// SumJobs is a typed client.
type SumJobs struct {
	_ jobs.Client `jobs:"sums"`

	Add func(ctx context.Context, numbers []int, o ...jobs.Option) (jobs.Ref[int], error) `jobs:"add(*numbers)"`
}

func (a *Asker) Ask(ctx context.Context, numbers []int) (int, error) {
	ref, err := a.Sums.Add(ctx, numbers)
	if err != nil {
		return 0, err
	}
	if ref, err = jobs.Find[int](ctx, a.Client, ref.ID()); err != nil {
		return 0, err
	}
	return ref.Wait(ctx)
}

// TestHostedClient enqueues a job in a method, waits there for the result, and passes a list on.
func TestHostedClient(t *testing.T) {
	t.Parallel()
	h := servicetest.New(t, new(Sums), new(Asker), service.Configure(jobs.Config{Store: openSQLite(t)}))
	if sum, err := h.Run(t.Context(), "asker.Ask", 1, 2, 3); err != nil || sum != 6 {
		t.Errorf("got %v, %v, want 6", sum, err)
	}
}
