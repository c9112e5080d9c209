package jobs_test

import (
	"context"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// TestOnlyPartOfQueue checks that a process must run all rows of a queue, or none.
func TestOnlyPartOfQueue(t *testing.T) {
	_, err := service.New(service.Config{Only: []string{"images.Resize", "images.Wait", "images.Alone"}}, &Images{Script: newScript()},
		service.Configure(transport.Config{URI: "amqp://"}), service.Configure(jobs.Config{}))
	want := `service images: Short: is left out, but other rows of its queue gomeko.jobs.images are run: ` +
		`run it too, or give it a queue of its own, as in queue:"short"`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// Halves has two rows, each with a queue, and records who runs them.
type Halves struct {
	_ service.Name `service:"halves"`

	Entrypoints struct {
		Left  jobs.Job `jobs:"left" queue:"left" method:"Run"`
		Right jobs.Job `jobs:"right" method:"Run"`
	}

	process string
	ran     chan string
}

func (h *Halves) Run(ctx context.Context) error {
	h.ran <- service.FromContext(ctx).Method + " in " + h.process
	return nil
}

// TestOnlyQueue runs two rows with separate queues, each in a process. Each job runs in the process
// of its row, even if its client inserts it into the store.
func TestOnlyQueue(t *testing.T) {
	t.Parallel()
	halves := func(t *testing.T, uri string, s *store.Store) {
		ran := make(chan string, 10)
		for _, row := range []string{"Left", "Right"} {
			hosttest.Start(t, hosttest.Config{Service: service.Config{Only: []string{"halves." + row}}, Broker: transport.Config{URI: uri}},
				&Halves{process: row, ran: ran}, service.Configure(jobs.Config{Store: s}))
		}
		client := newEnqueuer(t, uri, jobs.Config{Store: s}).Client("halves")
		for range 3 {
			for name, want := range map[string]string{"left": "left in Left", "right": "right in Right"} {
				publish(t, uri, "halves."+name, "", `{"args":[],"kwargs":{}}`)
				if got := hosttest.Next(t, ran); got != want {
					t.Errorf("published: got %s, want %s", got, want)
				}
				if _, err := client.Enqueue(t.Context(), name); err != nil {
					t.Fatal(err)
				}
				if got := hosttest.Next(t, ran); got != want {
					t.Errorf("enqueued: got %s, want %s", got, want)
				}
			}
		}
	}
	eachServer(t, halves)
	brokertest.Each(t, func(t *testing.T, uri string) { halves(t, uri, nil) })
}
