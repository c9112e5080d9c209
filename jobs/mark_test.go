package jobs_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// refuseStart checks that a worker does not start while another one with another store runs.
func refuseStart(t *testing.T, uri string, s, other *store.Store) {
	t.Helper()
	h, err := hosttest.New(t, hosttest.Config{Broker: transport.Config{URI: uri}}, &Images{Script: newScript()},
		service.Configure(jobs.Config{Store: s}))
	if err != nil {
		t.Fatal(err)
	}
	err = h.Container.Start(t.Context())
	for _, part := range []string{"queue gomeko.jobs.images: ", s.Name(), storeID(t, s), storeID(t, other), "use PostgreSQL"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Fatalf("got %v, want an error with %q", err, part)
		}
	}
}

func storeID(t *testing.T, s *store.Store) string {
	t.Helper()
	id, err := s.ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestOtherStore checks that the workers of a queue must have the same store, even after a lost
// connection, and that another store may be used when the last of them has stopped.
func TestOtherStore(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		s, other := openSQLite(t), openSQLite(t)
		var tap brokertest.Tap
		script := newScript()
		first := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri, Dial: tap.Dial}}, &Images{Script: script},
			service.Configure(jobs.Config{Store: s}))
		second := startWorker(t, uri, jobs.Config{Store: s}, 1, &Images{Script: newScript()})
		refuseStart(t, uri, other, s)
		hosttest.Close(t, second.Stop)
		tap.Cut()
		publish(t, uri, "images.wait", "again", `{"args":["a"],"kwargs":{}}`)
		hosttest.Next(t, script.calls)
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		hosttest.Eventually(t, "the worker consumes the mark again", func() bool {
			_, consumers, err := conn.Inspect(t.Context(), "gomeko.jobs-store.images")
			return err == nil && consumers == 1
		})
		refuseStart(t, uri, other, s)
		hosttest.Close(t, first.Stop)
		third := startWorker(t, uri, jobs.Config{Store: other}, 1, &Images{Script: newScript()})
		refuseStart(t, uri, s, other)
		hosttest.Close(t, third.Stop)
	})
}

// TestMarkLeft starts a worker whose queue has a mark of another store, which nobody consumes.
func TestMarkLeft(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		err := conn.Declare(t.Context(), transport.Topology{Queues: []transport.Queue{{
			Name: "gomeko.jobs-store.images", Durable: true, AutoDelete: true,
			Args: transport.Table{"x-queue-type": "classic", "x-expires": 60000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "left"},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		hosttest.Close(t, conn.Close) // so it is not declared again
		startWorker(t, uri, jobs.Config{Store: openSQLite(t)}, 1, &Images{Script: newScript()})
	})
}

// TestNudgeOfOtherStore reports a message of a worker with another store that the mark did not
// stop.
func TestNudgeOfOtherStore(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		h := startWorker(t, uri, jobs.Config{Store: openSQLite(t)}, 1, &Images{Script: newScript()})
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		for range 2 {
			err := conn.Publish(context.Background(), transport.Publishing{Key: "gomeko.jobs.images", Mandatory: true, Body: []byte("wait"), Properties: transport.Properties{
				Type: "gomeko.jobs.nudge", Headers: transport.Table{"gomeko.jobs.store": "elsewhere"},
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
		h.Log.Wait(t, 1, "another worker of this queue has another store", "use PostgreSQL", "elsewhere")
	})
}

// TestStoreIsTold asks a worker for its store.
func TestStoreIsTold(t *testing.T) {
	t.Parallel()
	uri, s := brokertest.Embedded(t), openSQLite(t)
	h := startWorker(t, uri, jobs.Config{Store: s}, 1, &Images{Script: newScript()}, service.Configure[service.Extension](fleet.Control(fleet.ControlConfig{})))
	conn := hosttest.Dial(t, transport.Config{URI: uri})
	for _, verb := range []string{"info", "stats"} {
		answers, err := fleet.Survey(t.Context(), conn, fleet.Question{Verb: verb, Wait: hosttest.Timeout, Service: "images", Instance: h.Host().Instance()})
		if err != nil || len(answers.Answers) != 1 {
			t.Fatalf("%s: got %+v, %v", verb, answers, err)
		}
		want := `"jobs":{"id":"` + storeID(t, s) + `","store":"` + s.Name() + `"}`
		if got := string(answers.Answers[0].Answer); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want in it %s", verb, got, want)
		}
	}
}
