package talk_test

import (
	"testing"
	"time"

	talk "github.com/gomeko/gomeko/examples/jobs"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/timer"
)

// TestPeriodicJobs runs the jobs of a tick in the night on which the clock in Madrid goes from
// 02:00 to 03:00.
func TestPeriodicJobs(t *testing.T) {
	h := servicetest.New(t, new(talk.Night), jobs.Eager)
	if _, err := h.Run(t.Context(), "night.Dummy"); err != nil {
		t.Error(err)
	}
	tick := timer.Tick{Nominal: time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)}
	if date, err := h.Run(t.Context(), "night.Date", tick, 1); date != "2026-03-28" || err != nil {
		t.Errorf("got %v, %v", date, err)
	}
}
