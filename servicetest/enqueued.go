package servicetest

import (
	"slices"

	"github.com/gomeko/gomeko/jobs"
)

// Enqueued returns the jobs that clients of the services have enqueued, in this order: those of the
// name job, as in "images.resize", or all if it is "".
//
//	got := h.Enqueued("images.resize")
//	if len(got) != 1 || got[0].Args != `["a.png"]` {
//
// It is independent of whether the jobs run: without a store of jobs they do not, and with
// jobs.Eager they have run already.
func (h *Host) Enqueued(job string) []jobs.Enqueued {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.enqueued), func(e jobs.Enqueued) bool {
		return job != "" && e.Service+"."+e.Name != job
	})
}

// noteJob notes a job that is enqueued.
func (h *Host) noteJob(e jobs.Enqueued) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.enqueued = append(h.enqueued, e)
}
