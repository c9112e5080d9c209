package jobs_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
)

// Printery is a service whose jobs take arguments with constraints.
type Printery struct {
	_ service.Name `service:"printery"`

	Entrypoints struct {
		Print jobs.Job `jobs:"print" retry:"1h*3"`
	}
}

func (*Printery) Print(_ context.Context, args struct {
	Paper  string `json:"paper" enum:"a4,a5"`
	Copies int    `json:"copies" default:"1" min:"1"`
}) error {
	return errors.New("the method ran")
}

// TestValidation checks that a job whose arguments break constraints fails at once, without a
// retry.
func TestValidation(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		s := openSQLite(t)
		startWorker(t, uri, jobs.Config{Store: s}, 1, new(Printery))
		publish(t, uri, "printery.print", "bad", `{"args": [], "kwargs": {"copies": 0, "paper": "a3"}}`)
		j := reach(t, s, "bad", store.Failed)
		const want = `/paper must be one of "a4", "a5"; /copies must be at least 1`
		if j.Attempt != 1 || j.ErrorType != "gomeko.ValidationError" || j.Error != want {
			t.Errorf("recorded %+v, want %s", j, want)
		}
		publish(t, uri, "printery.print", "good", `{"args": ["a4"], "kwargs": {}}`)
		if j := reach(t, s, "good", store.Scheduled); !strings.Contains(j.Error, "the method ran") {
			t.Errorf("recorded %+v", j)
		}
	})
}

// TestValidationWithoutStore checks that without a store, such a job is parked.
func TestValidationWithoutStore(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		h := startWorker(t, uri, jobs.Config{}, 1, new(Printery))
		publish(t, uri, "printery.print", "bad", `{"args": ["a3"], "kwargs": {}}`)
		h.Log.Wait(t, 1, "message parked", "reason=expected", "must be one of")
		if n := brokertest.Depth(t, uri, "gomeko.dead.gomeko.jobs.printery"); n != 1 {
			t.Errorf("got %d parked messages, want 1", n)
		}
	})
}
