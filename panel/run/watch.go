package run

import (
	"context"
	"reflect"
	"sync"
	"time"
)

// watched holds the runs that goroutines of the process watch. One goroutine polls all of them, as
// long as there are any.
type watched struct {
	wake chan struct{} // holds a token when there is something to look at

	mu      sync.Mutex
	all     map[string]map[*watcher]struct{} // by the id of the run
	running bool
	closed  bool
	looks   sync.WaitGroup
}

// A watcher watches one run.
type watcher struct {
	out  chan *Run // holds the latest state until it is received
	last *Run
}

func (w *watched) init() { w.wake, w.all = make(chan struct{}, 1), map[string]map[*watcher]struct{}{} }

// look makes the goroutine look now.
func (w *watched) look() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// close rejects further watchers.
func (w *watched) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

// Watch returns a channel that receives a run, first at once and then whenever it has changed. The
// channel is closed when the run has ended or ctx ends. A slow receiver gets only the latest state.
// The error is that of [Runs.Get].
func (r *Runs) Watch(ctx context.Context, who Who, id string) (<-chan *Run, error) {
	x, err := r.Get(ctx, who, id)
	if err != nil {
		return nil, err
	}
	w := &watcher{out: make(chan *Run, 1), last: x}
	w.out <- x
	if x.State.Final() {
		close(w.out)
		return w.out, nil
	}
	if !r.addWatcher(id, w) {
		return nil, ErrClosed
	}
	context.AfterFunc(ctx, func() { r.removeWatcher(id, w) })
	return w.out, nil
}

// Wait returns a run when it has ended. If ctx ends first, it returns the current state, without an
// error.
func (r *Runs) Wait(ctx context.Context, who Who, id string) (*Run, error) {
	states, err := r.Watch(ctx, who, id)
	if err != nil {
		return nil, err
	}
	var last *Run
	for x := range states {
		last = x
	}
	return last, nil
}

func (r *Runs) addWatcher(id string, w *watcher) bool {
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	if r.watch.closed {
		return false
	}
	if r.watch.all[id] == nil {
		r.watch.all[id] = map[*watcher]struct{}{}
	}
	r.watch.all[id][w] = struct{}{}
	if !r.watch.running {
		r.watch.running = true
		r.watch.looks.Go(r.lookAtWatched)
	}
	return true
}

// removeWatcher closes the channel of a watcher, once.
func (r *Runs) removeWatcher(id string, w *watcher) {
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	r.watch.remove(id, w)
}

func (w *watched) remove(id string, one *watcher) {
	if _, ok := w.all[id][one]; !ok {
		return
	}
	close(one.out)
	if delete(w.all[id], one); len(w.all[id]) == 0 {
		delete(w.all, id)
	}
}

// lookAtWatched polls the watched runs as long as there are any.
func (r *Runs) lookAtWatched() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-r.watch.wake:
		case <-r.life.Done():
			r.watch.endAll()
			return
		}
		ids := r.watch.ids()
		if ids == nil {
			return
		}
		r.doing("read runs that people watch", func(ctx context.Context) error { return r.tell(ctx, ids) })
		timer.Reset(r.cfg.times.poll)
	}
}

// ids returns the ids of the watched runs. If there are none, the goroutine no longer runs.
func (w *watched) ids() (ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.all {
		ids = append(ids, id)
	}
	w.running = ids != nil
	return ids
}

func (w *watched) endAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, watchers := range w.all {
		for one := range watchers {
			w.remove(id, one)
		}
	}
}

// tell reads runs, and sends changes to their watchers.
func (r *Runs) tell(ctx context.Context, ids []string) error {
	found, err := r.load(ctx, ids...)
	if err != nil {
		return err
	}
	if err := r.renewed(ctx, found); err != nil {
		return err
	}
	byID := make(map[string]*Run, len(found))
	for _, x := range found {
		byID[x.ID] = x
	}
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	for _, id := range ids {
		x := byID[id] // nil if it was deleted
		for w := range r.watch.all[id] {
			if x != nil && !reflect.DeepEqual(x, w.last) {
				w.last = x
				select { // drop the previous state, if it was not received
				case <-w.out:
				default:
				}
				w.out <- x
			}
			if x == nil || x.State.Final() {
				r.watch.remove(id, w)
			}
		}
	}
	return nil
}
