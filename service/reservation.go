package service

import (
	"errors"
	"slices"
	"sync/atomic"
)

// A Reservation holds a worker for a call that has not begun, including one of the row if the row
// has max_workers. [Row.Reserve] and [Row.TryReserve] return it. Pass it to [Row.Run] as
// [Request].Reserved, or release it; until then no other call has the worker.
type Reservation struct {
	workers []*semaphore
	spent   atomic.Bool // by a call, or by Release
}

// errSpent is the error of a second call with the same reservation.
var errSpent = errors.New("Request.Reserved was used by another call, or released")

// Reserve waits for a free worker of the row, behind the calls that are already waiting, and
// reserves it. It is for entrypoints that choose their next input only when a worker is free. It
// returns nil if done is closed first. Close done when the entrypoint stops: a container that has
// stopped its calls gives out no workers, and Reserve would wait forever.
//
// The entrypoint must release its reservations when it stops, because a container waits for
// reserved workers as it does for calls.
func (r *Row) Reserve(done <-chan struct{}) *Reservation {
	for i, s := range r.workers {
		if !s.acquire(done, nil) {
			release(r.workers[:i])
			return nil
		}
	}
	return &Reservation{workers: r.workers}
}

// TryReserve reserves a worker of the row if one is free now, and returns nil otherwise.
func (r *Row) TryReserve() *Reservation {
	for i, s := range r.workers {
		if !s.tryAcquire() {
			release(r.workers[:i])
			return nil
		}
	}
	return &Reservation{workers: r.workers}
}

// Release gives the worker back. It does nothing if v is nil or was passed to Run.
func (v *Reservation) Release() {
	if v != nil && v.spend() {
		release(v.workers)
	}
}

// Fits reports whether a call of r may use v: whether v was reserved for r or, if neither has
// max_workers, for another row of its service.
func (v *Reservation) Fits(r *Row) bool { return slices.Equal(v.workers, r.workers) }

// spend ends the reservation. It returns false if it is over already.
func (v *Reservation) spend() bool { return v.spent.CompareAndSwap(false, true) }

// release releases workers for good.
func release(workers []*semaphore) {
	for _, s := range workers {
		s.release()
	}
}
