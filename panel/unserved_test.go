package panel_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// TestUnserved runs no worker for a row. Its page and the page of a run say since when. The job
// waits, and runs when a worker is started.
func TestUnserved(t *testing.T) {
	t.Parallel()
	uri, jobsStore := brokertest.Embedded(t), newStore(t, "sqlite")
	s, d, host := newDepot(t, uri, jobsStore)
	ann := s.as("ann")
	const count, stock = "/services/depot/Count", "/services/depot/Stock"
	const none, waits, fails = "No process of depot has answered since ", "A job waits until one runs.", "A call fails until one runs."
	ann.get(count).want(http.StatusOK, "").lacks(none)
	hosttest.Close(t, host.Stop)
	s.panel.Forget()
	ann.get("/").want(http.StatusOK, "Not running since ")
	ann.get(count).want(http.StatusOK, none).want(http.StatusOK, waits)
	ann.get(stock).want(http.StatusOK, none).want(http.StatusOK, fails)

	job := ann.post(count, "").started()
	const unserved = "No worker serves it since "
	ann.get(job).want(http.StatusOK, "Waiting").want(http.StatusOK, unserved).want(http.StatusOK, "The job waits until one does.")
	ann.get("/runs").want(http.StatusOK, "Waiting")
	events := ann.events(job + "/live")
	if first := hosttest.Next(t, events); first[0] != "run" || !strings.Contains(first[1], unserved) {
		t.Errorf("got %q", first)
	}
	startDepot(t, uri, jobsStore, d)
	hosttest.Next(t, d.begun)
	s.panel.Refresh(t.Context())
	ann.until(job, "Running").lacks(unserved)
	ann.get(count).want(http.StatusOK, "").lacks(none)
	d.release <- struct{}{}
	ann.until(job, "Succeeded It took ")
	for e := range events {
		if e[0] == "run" && strings.Contains(e[1], "Running") && strings.Contains(e[1], unserved) {
			t.Errorf("got %q", e)
		}
	}
}

// TestBrokerAway stops the broker. All pages and all actions that need the broker say so. A job
// that was started before is not lost.
func TestBrokerAway(t *testing.T) {
	t.Parallel()
	start := func(address string) (stop func(), bound string) {
		b := broker.New(broker.Config{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
		addr, err := b.Listen(address)
		if err != nil {
			t.Fatal(err)
		}
		stop = func() {
			if err := b.Close(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}
		return stop, addr.String()
	}
	stop, address := start("127.0.0.1:0")
	t.Cleanup(func() { stop() }) // when its clients have ended
	s, d, _ := newDepot(t, "amqp://guest:guest@"+address+"/", newStore(t, "sqlite"))
	ann, root := s.as("ann"), s.as("root")
	const notice = "The broker has been away since "
	job := ann.post("/services/depot/Count", "").started()
	hosttest.Next(t, d.begun)
	ann.get("/").want(http.StatusOK, "").lacks(notice)
	stop()
	ann.until("/", notice).want(http.StatusOK, "Nothing can be started until it is back.")
	for _, path := range []string{"/services/depot/Count", "/runs", job} {
		ann.get(path).want(http.StatusOK, notice)
	}
	for _, path := range []string{"/operations/queues", "/operations/services", "/operations/health"} {
		root.get(path).want(http.StatusServiceUnavailable, "The broker is away")
	}
	root.get("/operations/resources").want(http.StatusOK, notice).want(http.StatusOK, "Count depot Runs")
	stop, _ = start(address)
	hosttest.Eventually(t, "the broker is back", func() bool { return s.broker.Away().IsZero() })
	ann.get("/").want(http.StatusOK, "").lacks(notice)
	d.release <- struct{}{}
	ann.until(job, "Succeeded It took ")
}
