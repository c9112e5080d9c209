package talk

import (
	"context"
	"errors"
	"net/http"

	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Page is a web application that enqueues sums and shows their state.
type Page struct {
	_ service.Name `service:"page"`

	Entrypoints struct {
		Add  web.Route `web:"POST /sums"`
		Show web.Route `web:"GET /sums/{id}"`
	}

	Jobs TalkJobs
	Talk jobs.Client `jobs:"talk"`
}

// TalkJobs is a client of the jobs of [Talk].
type TalkJobs struct {
	_ jobs.Client `jobs:"talk"`

	Add func(ctx context.Context, args []int, o ...jobs.Option) (jobs.Ref[int], error)        `jobs:"adder_job(*args)" queue:"my_queue"`
	Log func(ctx context.Context, failures int, o ...jobs.Option) (jobs.Ref[struct{}], error) `jobs:"logger_job(failures)"`
}

// SumArgs is the body of a request.
type SumArgs struct {
	Numbers []int `json:"numbers"`
}

// A Sum is what the page shows about a job.
type Sum struct {
	ID    string      `json:"id"`
	State store.State `json:"state"`
	Sum   *int        `json:"sum,omitempty"`
	Error string      `json:"error,omitempty"`
}

// Add enqueues a job and answers at once.
func (p *Page) Add(ctx context.Context, args SumArgs) (web.Response, error) {
	ref, err := p.Jobs.Add(ctx, args.Numbers)
	if err != nil {
		return web.Response{}, err
	}
	return web.Response{Status: http.StatusAccepted, Body: Sum{ID: ref.ID(), State: store.Queued}}, nil
}

// Show shows the job with the ID.
func (p *Page) Show(ctx context.Context, id string) (*Sum, error) {
	ref, err := jobs.Find[int](ctx, p.Talk, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, web.Status(http.StatusNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	status, err := ref.Status(ctx)
	if err != nil {
		return nil, err
	}
	sum := &Sum{ID: id, State: status.State, Error: status.Error}
	if status.State == store.Succeeded {
		n, err := ref.Wait(ctx) // does not block, because the job has ended
		if err != nil {
			return nil, err
		}
		sum.Sum = &n
	}
	return sum, nil
}
