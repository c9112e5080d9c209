//go:build unix

package soak_test

import (
	"syscall"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
)

// A process is paused until its lease expires, and continues when another one has done its job. By
// then the ctx of its method has ended, and its outcome is not recorded.
func TestPausedProcess(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store, url string) {
		uri := brokertest.Embedded(t)
		lines := make(chan string, 100)
		paused := laborer(t, uri, "1s 3 "+url, func(line string) { lines <- "paused " + line })
		paused.wait()
		if _, err := newEnqueuer(t, uri, s).Client("labor").Enqueue(t.Context(), "hold", jobs.ID("held")); err != nil {
			t.Fatal(err)
		}
		if got := hosttest.Next(t, lines); got != "paused began 1" {
			t.Fatalf("got %q, want that the job began", got)
		}
		paused.Signal(syscall.SIGSTOP)
		other := laborer(t, uri, "1s 3 "+url, func(line string) { lines <- "other " + line })
		if got := hosttest.Next(t, lines); got != "other began 2" {
			t.Fatalf("got %q, want that the other process runs the job", got)
		}
		before := final(t, s, "held")
		paused.Signal(syscall.SIGCONT)
		if got := hosttest.Next(t, lines); got != "paused ended 1 true" {
			t.Errorf("got %q, want that ctx has ended because the lease was lost", got)
		}
		paused.Line("the outcome of a job is not recorded: another worker has it")
		after := final(t, s, "held")
		if after.State != store.Succeeded || after.Owner != before.Owner || after.Attempt != 2 || after.Deaths != 1 || string(after.Result) != "2" {
			t.Errorf("got %+v with the result %s, want that of the second attempt", after, after.Result)
		}
		other.stop()
		paused.stop()
		select {
		case line := <-lines:
			t.Errorf("got %q too", line)
		default:
		}
	})
}
