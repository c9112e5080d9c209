package service

import (
	"context"
	"sync"
)

// Lend lends the worker of the call that ctx belongs to, whose method is about to wait for somebody else, and returns what
// ends that: defer service.Lend(ctx)(). Another call runs meanwhile: without it, services that call themselves or one another
// deeper than they have workers would wait for ever. A call that comes back gets a worker ahead of those that have not
// begun, and waits until there is one, but for a call that is over.
//
// A method that waits in several goroutines at once lends its worker until the last of them has gone on. Outside of a call Lend
// does nothing. It is for what waits on a method's behalf, such as rpc.Client, which calls it by itself.
func Lend(ctx context.Context) (back func()) {
	r, ok := ctx.Value(runKey{}).(*run)
	if !ok {
		return func() {}
	}
	r.lend()
	return r.back
}

// A Watcher is told how a call goes that an entrypoint has taken on ([Call.Watch]), in any goroutine.
type Watcher interface {
	// Began is called when the call has its worker: its method is about to run, unless there is an error, which is the call's.
	// ctx is the call's.
	Began(ctx context.Context) error

	// Idle must not block. It is called with true when the call begins to wait and keeps no worker from others: it has lent its own ([Lend]), or
	// its row runs as many calls as it may. It is called with false when that is over, be it because the call is.
	Idle(on bool)
}

// A stage is what a run has of its workers: its service's, and its row's if that is bounded.
type stage uint8

const (
	without stage = iota
	holding
	lent
	returning // lent, and waiting to have them again
)

// tenure is a run's hold on its workers.
type tenure struct {
	mu sync.Mutex

	holds int32 // who needs the workers: Run, and each goroutine of the method
	waits int32 // how many of the method's goroutines are in Lend
	stage stage
	idle  bool // the watcher was told so
	over  bool // Run has returned: what is left of the method is no call any more
}

// take takes the workers of a call that begins, the row's first, so that who waits for that keeps none of the service's.
func (r *run) take() bool {
	all := r.field.workers
	for i, s := range all {
		if s.try() {
			continue
		}
		row := i < len(all)-1
		if row {
			r.setIdle(true)
		}
		r.field.Host.drain.waiting.Add(1)
		ok := s.take(r.Done())
		r.field.Host.drain.waiting.Add(-1)
		if row {
			r.setIdle(false)
		}
		if !ok {
			for _, s := range all[:i] {
				s.give()
			}
			return false
		}
	}
	r.mu.Lock()
	r.stage, r.holds = holding, 1
	r.mu.Unlock()
	return true
}

// hold keeps the workers until one more release.
func (r *run) hold() {
	r.mu.Lock()
	r.holds++
	r.mu.Unlock()
}

// release gives the workers back when the last one has no need of them.
func (r *run) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holds--
	if r.holds > 0 || r.stage == returning { // who returns gives them back
		return
	}
	for _, s := range r.field.workers {
		if r.stage == lent {
			s.forgo()
		} else {
			s.give()
		}
	}
	r.stage = without
}

func (r *run) lend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits++
	if r.stage == holding {
		r.lendAll()
	}
}

func (r *run) back() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits--
	if r.waits > 0 || r.stage != lent {
		return
	}
	r.stage = returning
	r.tell(false)
	r.mu.Unlock()
	for _, s := range r.field.workers {
		s.takeBack(r.Done())
	}
	r.mu.Lock()
	switch {
	case r.holds == 0: // the method has not waited for this goroutine
		for _, s := range r.field.workers {
			s.give()
		}
		r.stage = without
	case r.waits > 0:
		r.lendAll()
	default:
		r.stage = holding
	}
}

// lendAll is called with mu held, and so is tell.
func (r *run) lendAll() {
	for _, s := range r.field.workers {
		s.lend()
	}
	r.stage = lent
	r.tell(true)
}

func (r *run) tell(idle bool) {
	if w := r.call.watcher; w != nil && r.idle != idle && !r.over {
		r.idle = idle
		w.Idle(idle)
	}
}

func (r *run) setIdle(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell(on)
}

// end is called when Run returns.
func (r *run) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell(false)
	r.over = true
}
