package service

import (
	"errors"
	"slices"
	"sync/atomic"
)

// A Reservation is a worker that is held for a call that has not begun, with the row's own worker
// if the row has max_workers. [Row.Reserve] and [Row.TryReserve] make it. Hand it to [Row.Run] as
// [Request].Reserved, or release it: until then nobody else has the worker.
type Reservation struct {
	workers []*semaphore
	spent   atomic.Bool // by a call, or by Release
}

// errSpent is the error of a second call with the same reservation.
var errSpent = errors.New("Request.Reserved was used by another call, or released")

// Reserve waits for a free worker of the row, behind the calls that wait already, and holds it. It
// is for entrypoints that choose their next input only when a worker is free. It returns nil if
// done is closed before, or the container has stopped its calls.
//
// The entrypoint must release what it holds when it stops: a container waits for reserved workers
// as for calls.
func (r *Row) Reserve(done <-chan struct{}) *Reservation {
	for i, s := range r.workers {
		if !s.acquire(done, nil) {
			release(r.workers[:i])
			return nil
		}
	}
	return &Reservation{workers: r.workers}
}

// TryReserve holds a worker of the row if one is free now. It returns nil otherwise.
func (r *Row) TryReserve() *Reservation {
	for i, s := range r.workers {
		if !s.tryAcquire() {
			release(r.workers[:i])
			return nil
		}
	}
	return &Reservation{workers: r.workers}
}

// Release gives the worker back. It does nothing if v is nil, or Run has been given v.
func (v *Reservation) Release() {
	if v != nil && v.spend() {
		release(v.workers)
	}
}

// Fits reports whether a call of r may use v: v is of r itself, or of another row of its service,
// if neither has max_workers.
func (v *Reservation) Fits(r *Row) bool { return slices.Equal(v.workers, r.workers) }

// spend ends the reservation. It returns false if it is over already.
func (v *Reservation) spend() bool { return v.spent.CompareAndSwap(false, true) }

// release releases workers for good.
func release(workers []*semaphore) {
	for _, s := range workers {
		s.release()
	}
}
