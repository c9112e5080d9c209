package crew_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/examples/crew"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestFast calls the method on a struct, with each error with which a task may end.
func TestFast(t *testing.T) {
	t.Parallel()
	fault := errors.New("disk full")
	for name, c := range map[string]struct {
		err    error
		status int
		body   any
	}{
		"the task takes too long":         {rpc.ErrTimeout, http.StatusGatewayTimeout, "Timeout\n"},
		"all workers have stopped":        {rpc.ErrNoConsumers, http.StatusServiceUnavailable, "All workers are gone\n"},
		"no worker was ever started":      {rpc.ErrUnknownService, http.StatusServiceUnavailable, "All workers are gone\n"},
		"the task has an error of itself": {fault, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &crew.Web{Tasks: crew.Tasks{Dead: func(context.Context) (string, error) { return "", fmt.Errorf("dead: %w", c.err) }}}
			got, err := w.Fast(t.Context())
			if c.body == nil {
				if !errors.Is(err, fault) {
					t.Errorf("got %v, want the error of the task", err)
				}
			} else if err != nil || got.Status != c.status || got.Body != c.body {
				t.Errorf("got %d %q, %v, want %d %q", got.Status, got.Body, err, c.status, c.body)
			}
		})
	}
}

// TestParallel lets one of two tasks fail. The other is cancelled, and the error is returned.
func TestParallel(t *testing.T) {
	t.Parallel()
	fault := errors.New("disk full")
	w := &crew.Web{Tasks: crew.Tasks{
		Test: func(ctx context.Context) (crew.Answer, error) {
			<-ctx.Done()
			return crew.Answer{}, ctx.Err()
		},
		Stat: func(context.Context) (string, error) { return "", fault },
	}}
	if _, err := w.Parallel(t.Context()); !errors.Is(err, fault) {
		t.Errorf("got %v, want the error of the task that has failed", err)
	}
}

// TestPublish publishes the request's body, with a worker and without one.
func TestPublish(t *testing.T) {
	t.Parallel()
	var published []string
	broadcast := func(_ context.Context, channel, event string, data any) error {
		published = append(published, fmt.Sprint(channel, " ", event, " ", data))
		return nil
	}
	worker, w := crew.NewWorker(), crew.NewWeb()
	worker.Hub.Broadcast, w.Hub.Broadcast = broadcast, broadcast
	w.Tasks.Publish = worker.Publish
	for i, publish := range []func(context.Context, *http.Request) error{w.Publish, w.Publish2} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(fmt.Sprint("Neo ", i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := publish(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	if got, want := fmt.Sprint(published), "[test published Neo 0 test published Neo 1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestCounter serves tasks concurrently. The count misses none of them.
func TestCounter(t *testing.T) {
	t.Parallel()
	h := servicetest.New(t, crew.NewWorker())
	tasks, err := rpc.Bind[crew.Tasks](h)
	if err != nil {
		t.Fatal(err)
	}
	const n = 50
	for _, err := range rpc.Parallel(t.Context(), 0, make([]struct{}, n), func(ctx context.Context, _ struct{}) (crew.Answer, error) {
		return tasks.Test(ctx)
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := tasks.Stat(t.Context())
	if want := fmt.Sprintf("And I serve %d tasks", n+1); err != nil || !strings.HasSuffix(text, want) {
		t.Errorf("got %q, %v, want %s", text, err, want)
	}
}
