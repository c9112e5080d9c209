package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Slow has a row with a queue of its own.
type Slow struct {
	_ service.Name `service:"images"`

	Entrypoints struct {
		Resize jobs.Job `jobs:"resize(url)" queue:"slow" done:"Resized"`
		Listed jobs.Job `jobs:"listed(url, width=200)"`
	}

	ended chan jobs.Outcome
}

func (s *Slow) Resize(_ context.Context, url string) (Image, error) { return Image{len(url)}, nil }

func (s *Slow) Resized(_ context.Context, o jobs.Outcome) error {
	s.ended <- o
	return nil
}

func (s *Slow) Listed(_ context.Context, _ string, width int) (Image, error) {
	return Image{width}, nil
}

// TestClientsDoNotKnowQueues enqueues jobs in another process than that of the row, which has a
// queue of its own: at once, delayed, cancelled, and while the broker is away.
func TestClientsDoNotKnowQueues(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		slow := &Slow{ended: make(chan jobs.Outcome, 10)}
		cfg := jobs.Config{Store: s}
		e := newEnqueuer(t, uri, cfg)
		alone, err := jobs.NewEnqueuer(t.Context(), nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer hosttest.Close(t, alone.Close)
		client, err := jobs.Bind[ImageJobs](e)
		if err != nil {
			t.Fatal(err)
		}
		withoutBroker, err := jobs.Bind[ImageJobs](alone)
		if err != nil {
			t.Fatal(err)
		}
		cancelled, err := client.Resize(t.Context(), "a", jobs.In(time.Hour))
		if err == nil {
			err = cancelled.Cancel(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, slow, service.Configure(cfg))
		if o := hosttest.Next(t, slow.ended); o.State != store.Cancelled {
			t.Errorf("got %+v", o)
		}
		for name, enqueue := range map[string]func() (jobs.Ref[Image], error){
			"at once": func() (jobs.Ref[Image], error) { return client.Resize(t.Context(), "abc") },
			"delayed": func() (jobs.Ref[Image], error) {
				return client.Resize(t.Context(), "abc", jobs.In(10*time.Millisecond))
			},
			"without a broker": func() (jobs.Ref[Image], error) { return withoutBroker.Resize(t.Context(), "abc") },
			"another row":      func() (jobs.Ref[Image], error) { return client.Listed(t.Context(), "abc", 3) },
		} {
			ref, err := enqueue()
			if err != nil {
				t.Fatal(err)
			}
			if img, err := ref.Wait(t.Context()); err != nil || img.Width != 3 {
				t.Errorf("%s: got %v, %v", name, img, err)
			}
			if status, err := ref.Status(t.Context()); err != nil || status.State != store.Succeeded || status.Attempt != 1 {
				t.Errorf("%s: got %+v, %v", name, status, err)
			}
			found, err := jobs.Find[Image](t.Context(), e.Client("images"), ref.ID())
			if err != nil {
				t.Fatal(err)
			}
			if img, err := found.Wait(t.Context()); err != nil || img.Width != 3 {
				t.Errorf("%s: got %v, %v", name, img, err)
			}
		}
	})
}
