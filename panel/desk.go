package panel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/parked"
	"github.com/gomeko/gomeko/transport"
)

const (
	// deskPause is the time between two attempts to open a dead queue that another process has
	// open.
	deskPause = 50 * time.Millisecond

	// maxDesks limits the dead queues that are open at once. Each may take [parked.MaxBytes] of
	// memory.
	maxDesks = 4
)

// desks tracks which dead queues are open. The broker keeps other processes from opening a dead
// queue, but not other requests on the same connection.
type desks struct {
	life context.Context // for work that outlives its request
	stop context.CancelFunc
	work sync.WaitGroup

	mu    sync.Mutex
	open  map[string]bool  // by queue
	tasks map[string]*task // by queue: running work, and some that has ended
}

// newDesks returns desks. Work that outlives its request uses the values of ctx.
func newDesks(ctx context.Context) *desks {
	d := &desks{open: map[string]bool{}, tasks: map[string]*task{}}
	d.life, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	return d
}

// close stops the work, and waits until it has ended. Messages that were not handled yet stay
// parked.
func (d *desks) close() {
	d.stop()
	d.work.Wait()
}

// at waits until it can open the dead queue of queue, and calls do.
func (d *desks) at(ctx context.Context, conn *transport.Conn, queue string, do func(*parked.Desk) error) error {
	if err := d.enter(ctx, queue); err != nil {
		return err
	}
	defer d.leave(queue)
	desk, err := parked.Open(ctx, conn, queue)
	for errors.Is(err, parked.ErrBusy) && pause(ctx) {
		desk, err = parked.Open(ctx, conn, queue)
	}
	if err != nil {
		return err
	}
	defer func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), brokerTime)
		defer cancel()
		_ = desk.Close(limited) // it also closes with the connection
	}()
	return do(desk)
}

// pause waits for deskPause. It returns false if ctx ends.
func pause(ctx context.Context) bool {
	select {
	case <-time.After(deskPause):
		return true
	case <-ctx.Done():
		return false
	}
}

// enter waits until no other request has the queue open.
func (d *desks) enter(ctx context.Context, queue string) error {
	for {
		d.mu.Lock()
		free := !d.open[queue] && len(d.open) < maxDesks
		if free {
			d.open[queue] = true
		}
		d.mu.Unlock()
		if free {
			return nil
		}
		if !pause(ctx) {
			return fmt.Errorf("queue %s: %w", queue, parked.ErrBusy)
		}
	}
}

func (d *desks) leave(queue string) {
	d.mu.Lock()
	delete(d.open, queue)
	d.mu.Unlock()
}

// A task is work on the dead letters of a queue. It continues when its request has ended.
type task struct {
	Queue string
	Doing string // what it does, such as Retrying
	User  string // the user who started it
	Began time.Time

	// work returns what to do with the messages; finish is called at the end.
	work   func(*parked.Desk) (parked.Work, error)
	finish func(parked.Result, error)

	stop  context.CancelFunc
	ended chan struct{}

	mu       sync.Mutex
	done, of int // messages
}

// Progress returns how many messages of how many were handled.
func (t *task) Progress() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("%d of %d", t.done, t.of)
}

func (t *task) progress(done, of int) {
	t.mu.Lock()
	t.done, t.of = done, of
	t.mu.Unlock()
}

// running reports whether the task is running.
func (t *task) running() bool {
	select {
	case <-t.ended:
		return false
	default:
		return true
	}
}

// task returns the running task of a queue, or nil if there is none.
func (d *desks) task(queue string) *task {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.tasks[queue]; t != nil && t.running() {
		return t
	}
	return nil
}

// begin starts a task. It returns false if another one is running on the same queue.
func (d *desks) begin(conn *transport.Conn, t *task) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.tasks, func(_ string, other *task) bool { return !other.running() })
	if d.tasks[t.Queue] != nil || d.life.Err() != nil {
		return false
	}
	d.tasks[t.Queue] = t
	ctx, stop := context.WithCancel(d.life)
	t.stop, t.Began, t.ended = stop, time.Now(), make(chan struct{})
	d.work.Go(func() {
		defer close(t.ended)
		defer stop()
		var result parked.Result
		err := d.at(ctx, conn, t.Queue, func(desk *parked.Desk) error {
			w, err := t.work(desk)
			if err != nil {
				return err
			}
			w.Progress = t.progress
			result, err = desk.Take(ctx, w)
			return err
		})
		t.finish(result, err)
	})
	return true
}
