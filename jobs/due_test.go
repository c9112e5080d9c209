package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Gallery is a service that enqueues jobs of Images.
type Gallery struct {
	_ service.Name `service:"gallery"`

	Images jobs.Client `jobs:"images"`

	Entrypoints struct {
		Fill jobs.Job `jobs:"fill"`
	}
}

func (g *Gallery) Fill(ctx context.Context) error {
	_, in := g.Images.Enqueue(ctx, "wait", "in", jobs.ID("in"), jobs.In(20*time.Millisecond))
	_, at := g.Images.Enqueue(ctx, "wait", "at", jobs.ID("at"), jobs.At(time.Now().Add(30*time.Millisecond)))
	return errors.Join(in, at)
}

// TestDue checks that jobs which a process schedules run when they are due, without a regular
// sweep.
func TestDue(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		script := newScript()
		script.wait = func(ctx context.Context, url string) error {
			switch c := service.FromContext(ctx); {
			case url == "asks" && c.Attempt < 4:
				return service.RetryAfter(10*time.Millisecond, errors.New("busy"))
			case url == "fails" && c.Attempt < 3:
				return errors.New("not yet")
			}
			return nil
		}
		startWorker(t, uri, jobs.Hourly(jobs.Config{Store: s}), 10, &Images{Script: script}, &Gallery{})
		publish(t, uri, "images.alone", "asks", `{"args":["asks"],"kwargs":{}}`)
		publish(t, uri, "images.wait", "fails", `{"args":["fails"],"kwargs":{}}`)
		publish(t, uri, "gallery.fill", "fill", `{"args":[],"kwargs":{}}`)
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		if err := conn.Publish(t.Context(), transport.Publishing{
			Exchange: "gomeko.jobs", Key: "images.wait", Mandatory: true, Body: []byte(`{"args":["message"],"kwargs":{}}`),
			Properties: transport.Properties{ContentType: "application/json", MessageID: "message",
				Headers: transport.Table{"gomeko.run_at": time.Now().Add(20 * time.Millisecond).UTC().Format(time.RFC3339Nano)}},
		}); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"asks", "fails", "in", "at", "message"} {
			reach(t, s, id, store.Succeeded)
		}
	})
}
