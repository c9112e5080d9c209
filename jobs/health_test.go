package jobs_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Darkroom is a service whose jobs need a dependency.
type Darkroom struct {
	_ service.Name `service:"darkroom"`

	Entrypoints struct {
		Develop jobs.Job `jobs:"develop(film)" done:"Developed"`
	}

	Lamp  *hosttest.Dependency
	Calls chan string
}

func (d *Darkroom) Develop(_ context.Context, film string) error {
	d.Calls <- film
	return nil
}

func (d *Darkroom) Developed(_ context.Context, o jobs.Outcome) error {
	d.Calls <- "hook of " + o.ID
	return nil
}

// TestPauseUnhealthy pauses the jobs of a service while its dependency fails.
func TestPauseUnhealthy(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		s, lamp, calls, script := openSQLite(t), new(hosttest.Dependency), make(chan string, 10), newScript()
		lamp.Set(nil)
		h := hosttest.Start(t, hosttest.Config{
			Broker:  transport.Config{URI: uri},
			Service: service.Config{PauseUnhealthy: true, HealthInterval: 20 * time.Millisecond},
		}, &Darkroom{Lamp: lamp, Calls: calls}, &Images{Script: script}, service.Configure(jobs.Config{Store: s}))
		lamp.Set(errors.New("broken"))
		h.Log.Wait(t, 1, "queue paused", "gomeko.jobs.darkroom")
		all := h.Host().Pauses()
		if len(all) != 1 || all[0].Queue != "gomeko.jobs.darkroom" || strings.Join(all[0].Reasons, " ") != "hosttest.Dependency is failing" {
			t.Errorf("paused: %+v", all)
		}
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		hosttest.Eventually(t, "nobody consumes the queue", func() bool {
			_, consumers, err := conn.Inspect(t.Context(), "gomeko.jobs.darkroom")
			return err == nil && consumers == 0
		})
		publish(t, uri, "darkroom.develop", "message", `{"args":["message"],"kwargs":{}}`)
		for _, id := range []string{"row", "cancelled"} {
			insert(t, s, id, "develop", `["`+id+`"]`, func(j *store.New) { j.Service, j.Queue = "darkroom", "gomeko.jobs.darkroom" })
		}
		if _, err := s.Cancel(t.Context(), "cancelled"); err != nil {
			t.Fatal(err)
		}
		publish(t, uri, "images.wait", "other", `{"args":["other"],"kwargs":{}}`)
		reach(t, s, "other", store.Succeeded)
		if n := brokertest.Depth(t, uri, "gomeko.jobs.darkroom"); len(calls) > 0 || n == 0 {
			t.Errorf("%d calls and %d messages during the pause", len(calls), n)
		}
		lamp.Set(nil)
		got := map[string]bool{}
		for range 5 {
			got[hosttest.Next(t, calls)] = true
		}
		for _, want := range []string{"message", "hook of message", "row", "hook of row", "hook of cancelled"} {
			if !got[want] {
				t.Errorf("no call %q in %v", want, got)
			}
		}
		h.Log.Wait(t, 1, "queue resumed", "gomeko.jobs.darkroom")
		if all := h.Host().Pauses(); len(all) != 0 {
			t.Errorf("paused: %+v", all)
		}
	})
}
