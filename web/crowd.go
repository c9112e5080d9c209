package web

import (
	"cmp"
	"net/http"
	"sync/atomic"

	"github.com/gomeko/gomeko/service"
)

// A crowd is the requests of a service that are under way: each holds its arguments in memory, whether or not it has a worker.
type crowd struct {
	most int64
	now  atomic.Int64
}

var errCrowded = &Error{Status: http.StatusServiceUnavailable, Message: "too many requests wait; try again"}

// crowdOf returns the crowd of f's service. It is called while the application is made.
func (s *server) crowdOf(f *service.Field) *crowd {
	c := s.crowds[f.Service]
	if c == nil {
		workers := f.MaxWorkers()
		c = &crowd{most: int64(workers + cmp.Or(s.cfg.MaxWaiting, waitingPerWorker*workers))}
		s.crowds[f.Service] = c
	}
	return c
}

// enter counts a request, unless there are too many.
func (c *crowd) enter() bool {
	if c.now.Add(1) <= c.most {
		return true
	}
	c.leave()
	return false
}

func (c *crowd) leave() { c.now.Add(-1) }
