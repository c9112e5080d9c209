package servicetest

import (
	"slices"

	"github.com/gomeko/gomeko/jobs"
)

// Enqueued returns the jobs that clients of the services have enqueued, in order: those with the
// name job, such as "images.resize", or all if job is "".
//
//	got := h.Enqueued("images.resize")
//	if len(got) != 1 || got[0].Args != `["a.png"]` {
//
// It lists jobs whether or not they run: without a job store they do not, and with jobs.Eager they
// have already run.
func (h *Host) Enqueued(job string) []jobs.Enqueued {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.enqueued), func(e jobs.Enqueued) bool {
		return job != "" && e.Service+"."+e.Name != job
	})
}

// noteJob records a job that is enqueued.
func (h *Host) noteJob(e jobs.Enqueued) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.enqueued = append(h.enqueued, e)
}
