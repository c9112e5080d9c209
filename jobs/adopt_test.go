package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Slow has a row with a separate queue.
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

// TestClientsDoNotKnowQueues enqueues jobs in a process that does not have the row, whose queue is
// separate: at once, delayed, cancelled, and while the broker is down.
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

// A resizer has the methods of three versions of a service. In each version, the row has another
// queue.
type resizer struct{ ended chan jobs.Outcome }

func (*resizer) Resize(_ context.Context, url string) (Image, error) { return Image{len(url)}, nil }

func (r *resizer) Resized(_ context.Context, o jobs.Outcome) error {
	r.ended <- o
	return nil
}

type inSlow struct {
	_ service.Name `service:"images"`

	Entrypoints struct {
		Resize jobs.Job `jobs:"resize(url)" queue:"slow" done:"Resized"`
	}
	resizer
}

type inFast struct {
	_ service.Name `service:"images"`

	Entrypoints struct {
		Resize jobs.Job `jobs:"resize(url)" queue:"fast" done:"Resized"`
	}
	resizer
}

type inCommon struct {
	_ service.Name `service:"images"`

	Entrypoints struct {
		Resize jobs.Job `jobs:"resize(url)" done:"Resized"`
	}
	resizer
}

// TestQueueChanges deploys these versions. Jobs that wait in the old queue, in the store and on the
// broker, run, and the old queue gets no more messages.
func TestQueueChanges(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		r := resizer{make(chan jobs.Outcome, 10)}
		former, older := "", ""
		for _, version := range []struct {
			queue   string
			service any
		}{
			{"gomeko.jobs.images.slow", &inSlow{resizer: r}},
			{"gomeko.jobs.images.fast", &inFast{resizer: r}},
			{"gomeko.jobs.images", &inCommon{resizer: r}},
		} {
			want := map[string]bool{}
			if former != "" {
				for state, in := range map[string]time.Duration{"queued": 0, "scheduled": 10 * time.Millisecond, "cancelled": time.Hour} {
					id := state + " in " + former
					want[id] = true
					insert(t, s, id, "resize", `["a"]`, func(n *store.New) { n.Queue, n.In = former, in })
				}
				if _, err := s.Cancel(t.Context(), "cancelled in "+former); err != nil {
					t.Fatal(err)
				}
				publish(t, uri, "images.resize", "waits in "+former, `{"args":["a"],"kwargs":{}}`)
				want["waits in "+former] = true
			}
			if older != "" {
				if n := brokertest.Depth(t, uri, older); n > 0 {
					t.Errorf("%s has %d messages, though no row has it", older, n)
				}
			}
			h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, version.service, service.Configure(jobs.Config{Store: s}))
			publish(t, uri, "images.resize", "published to "+version.queue, `{"args":["a"],"kwargs":{}}`)
			want["published to "+version.queue] = true
			for len(want) > 0 {
				o := hosttest.Next(t, r.ended)
				if !want[o.ID] {
					t.Errorf("%s has ended, want one of %v", o.ID, want)
				}
				delete(want, o.ID)
			}
			hosttest.Close(t, h.Stop)
			former, older = version.queue, former
		}
	})
}

// Apart is a service whose rows all have separate queues.
type Apart struct {
	_ service.Name `service:"apart"`

	Entrypoints struct {
		Left  jobs.Job `jobs:"left" queue:"left" method:"Run"`
		Right jobs.Job `jobs:"right" queue:"right" method:"Run"`
	}
}

func (*Apart) Run(context.Context) error { return nil }

// ApartLater is a later version of Apart.
type ApartLater struct {
	_ service.Name `service:"apart"`

	Entrypoints struct {
		Left  jobs.Job `jobs:"left" queue:"left" method:"Run"`
		Right jobs.Job `jobs:"right" queue:"right" method:"Run"`
		Third jobs.Job `jobs:"third" queue:"third" method:"Run"`
	}
}

func (*ApartLater) Run(context.Context) error { return nil }

// TestUnknownApart enqueues a job whose name no row has, for a service without a common queue. It
// fails after a while, or runs in a later version that knows its name.
func TestUnknownApart(t *testing.T) {
	t.Parallel()
	ran := map[string]bool{} // the later version, by broker
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		later := ran[uri]
		ran[uri] = true
		client := newEnqueuer(t, uri, jobs.Config{Store: s}).Client("apart")
		for _, name := range []string{"lift", "third"} {
			if _, err := client.Enqueue(t.Context(), name, jobs.ID(name)); err != nil {
				t.Fatal(err)
			}
		}
		first := startWorker(t, uri, jobs.Config{Store: s}, 1, new(Apart))
		reach(t, s, "lift", store.Scheduled)
		if !later { // otherwise the later version's queue has its message
			reach(t, s, "third", store.Scheduled)
		}
		hosttest.Close(t, first.Stop)
		for _, id := range []string{"lift", "third"} { // so that they are due now
			if _, err := s.Cancel(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Retry(t.Context(), id, nil); err != nil {
				t.Fatal(err)
			}
		}
		startWorker(t, uri, jobs.Impatient(jobs.Config{Store: s}), 1, new(ApartLater))
		reach(t, s, "third", store.Succeeded)
		reach(t, s, "lift", store.Failed)
	})
}
