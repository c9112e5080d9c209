package rpc

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gomeko/gomeko/transport"
)

// consumers are the consumers of a service's request queue. The first one's prefetch is the number
// of the service's workers. A delivery that is idle leaves its worker free, and may wait for a call
// that is behind it in the queue. So while deliveries are idle, further consumers with a smaller
// prefetch are opened, each on its own channel.
//
// stop closes them all. After that, a call that still runs in this process may wait for another one
// in the queue, and would wait until it is cut off. For such calls, helpers are opened: consumers
// that take one request at a time, until nobody waits.
type consumers struct {
	server     *server
	workers    int // prefetch of the first consumer
	step       int // prefetch of each further one
	maxFurther int // how many further ones

	cancel context.CancelFunc // of adapt
	ended  chan struct{}      // closed when adapt has returned
	halted chan struct{}      // closed when stop has cancelled all consumers, or has given up
	wake   chan struct{}      // has a token when adapt must check whether there are too few

	mu sync.Mutex

	held    int // deliveries that are not yet acknowledged
	idle    int // those of them whose calls are idle
	peak    int // the largest idle since the last shrink
	open    []*consumer
	leaving []*consumer // cancelled, with deliveries still to answer
	stopped bool        // from now on there are helpers only
	helpers int
}

// A consumer is one of a service's consumers.
type consumer struct {
	*transport.Consumer               // nil if it could not be opened; read it after opened is closed
	all                 *consumers    // the set that it belongs to
	opened              chan struct{} // closed by add
	helper              bool
	suspect             bool // it consumes the suspects
	direct              bool // it takes the requests to this instance, which arrive on the control queue
	requests            int  // deliveries that are not yet answered; guarded by consumers.mu
}

// idleTime is how long a further consumer is kept when it is not needed.
const idleTime = time.Second

// start opens the first consumer.
func (cs *consumers) start(ctx context.Context, s *server) error {
	host := s.shared.host
	cs.server, cs.workers = s, host.Workers()
	lent := host.Lent()
	cs.step = max(1, min((cs.workers+3)/4, lent))
	cs.maxFurther = lent / cs.step
	cs.ended, cs.halted, cs.wake = make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	if err := cs.add(ctx, cs.workers, false); err != nil {
		return err
	}
	ctx, cs.cancel = context.WithCancel(context.Background())
	host.Go(func(life context.Context) {
		defer close(cs.ended)
		defer context.AfterFunc(life, cs.cancel)()
		cs.adapt(ctx)
	})
	return nil
}

// add opens a consumer.
func (cs *consumers) add(ctx context.Context, prefetch int, helper bool) (err error) {
	c := &consumer{all: cs, helper: helper, opened: make(chan struct{})}
	defer close(c.opened)
	cfg := transport.Consume{
		Queue:    queueOf(cs.server.service),
		Prefetch: prefetch,
		Resume:   true,
		Handle:   c.take,
	}
	if cs.server.suspects.queue != "" && !helper {
		cfg.Unhandled = c.take // a return would make it a suspect
	}
	c.Consumer, err = cs.server.shared.conn.Consume(ctx, cfg)
	if err != nil {
		return err
	}
	cs.mu.Lock()
	cs.open = append(cs.open, c)
	cs.mu.Unlock()
	cs.check() // it may be full already
	return nil
}

// take starts a goroutine, which the container waits for, to answer a delivery.
func (c *consumer) take(d *transport.Delivery) {
	cs := c.all
	cs.mu.Lock()
	c.requests++
	cs.mu.Unlock()
	cs.adjust(1, 0)
	cs.server.shared.host.Go(func(ctx context.Context) {
		if c.helper && cs.endHelper(ctx, c, d) {
			c.done(&request{})
			return
		}
		cs.server.answer(ctx, d, c)
	})
}

// done is called when r has been answered or requeued.
func (c *consumer) done(r *request) {
	r.mu.Lock()
	acked := r.acked
	r.mu.Unlock()
	if !acked {
		c.all.adjust(-1, 0)
	}
	c.all.mu.Lock()
	c.requests--
	c.all.mu.Unlock()
}

// adjust changes the numbers of deliveries that are held and idle.
func (cs *consumers) adjust(held, idle int) {
	cs.mu.Lock()
	cs.held += held
	cs.idle += idle
	cs.peak = max(cs.peak, cs.idle)
	cs.mu.Unlock()
	if held+idle > 0 {
		cs.check()
	}
}

// check wakes adapt if there are too few consumers.
func (cs *consumers) check() {
	if !cs.tooFew() {
		return
	}
	select {
	case cs.wake <- struct{}{}:
	default:
	}
}

// tooFew reports whether all consumers are full while there are workers for one more.
func (cs *consumers) tooFew() bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	further := len(cs.open) - 1
	free := cs.workers - (cs.held - cs.idle)
	return further < cs.maxFurther && cs.held >= cs.workers+further*cs.step && free >= cs.step
}

// adapt opens further consumers when there are too few, and closes those that are no longer needed.
func (cs *consumers) adapt(ctx context.Context) {
	tick := time.NewTicker(idleTime)
	tick.Stop() // until there is a further consumer
	defer tick.Stop()
	for {
		var err error
		select {
		case <-cs.wake:
			if cs.tooFew() {
				err = cs.add(ctx, cs.step, false)
				tick.Reset(idleTime)
			}
		case <-tick.C:
			if err = cs.shrink(ctx); len(cs.open)+len(cs.leaving) == 1 {
				tick.Stop()
			}
		case <-ctx.Done():
			return
		}
		if err != nil && ctx.Err() == nil {
			cs.logFailed(err)
		}
	}
}

// shrink cancels the consumers that were not needed since the last shrink, and closes the cancelled
// ones that have answered all their deliveries.
func (cs *consumers) shrink(ctx context.Context) error {
	cs.mu.Lock()
	if need := 1 + (cs.peak+cs.step-1)/cs.step; need < len(cs.open) {
		cs.leaving = append(cs.leaving, cs.open[need:]...)
		cs.open = cs.open[:need]
	}
	cs.peak = cs.idle
	cs.mu.Unlock()
	err := each(cs.leaving, func(c *consumer) error { return c.Cancel(ctx) })
	if err != nil {
		return err
	}
	var done []*consumer
	cs.mu.Lock()
	cs.leaving = slices.DeleteFunc(cs.leaving, func(c *consumer) bool {
		if c.requests == 0 {
			done = append(done, c)
		}
		return c.requests == 0
	})
	cs.mu.Unlock()
	return each(done, func(c *consumer) error { return c.Close(ctx) })
}

// stop cancels all consumers. Deliveries that they have taken may still be answered.
func (cs *consumers) stop(ctx context.Context) error {
	if cs.cancel == nil {
		return nil
	}
	defer close(cs.halted)
	cs.cancel()
	select {
	case <-cs.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err := each(append(cs.all(), cs.server.suspects.all()...), func(c *consumer) error { return c.Cancel(ctx) })
	cs.mu.Lock()
	cs.stopped = true
	cs.mu.Unlock()
	cs.help(ctx) // for the calls that wait already
	return err
}

// help opens a helper for each goroutine that waits for a call of this service, if the consumers
// are stopped. It is called when a goroutine begins to wait, and by stop.
func (cs *consumers) help(ctx context.Context) {
	for cs.needHelper() {
		if err := cs.add(ctx, 1, true); err != nil {
			cs.mu.Lock()
			cs.helpers--
			cs.mu.Unlock()
			if ctx.Err() == nil {
				cs.logFailed(err)
			}
			return
		}
	}
}

// needHelper reports whether there are too few helpers, and counts one more if so.
func (cs *consumers) needHelper() bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	few := cs.stopped && cs.helpers < cs.server.awaited()
	if few {
		cs.helpers++
	}
	return few
}

// endHelper ends the helper c and requeues its delivery if nobody waits any more.
func (cs *consumers) endHelper(ctx context.Context, c *consumer, d *transport.Delivery) bool {
	if cs.server.awaited() > 0 {
		return false
	}
	<-c.opened // a delivery may arrive before that
	if c.Consumer == nil {
		d.Reject(true)
		return true // help has lowered the count
	}
	if err := c.Cancel(ctx); err != nil {
		cs.logFailed(err)
	}
	d.Reject(true)
	cs.mu.Lock()
	cs.helpers--
	cs.mu.Unlock()
	return true
}

// close sends the last acknowledgements and closes the consumers.
func (cs *consumers) close(ctx context.Context) error {
	if cs.server == nil { // it did not start
		return nil
	}
	return each(append(cs.all(), cs.server.suspects.all()...), func(c *consumer) error { return c.Close(ctx) })
}

// count returns how many consumers the service has, as the broker counts them.
func (cs *consumers) count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.stopped {
		return cs.helpers
	}
	return len(cs.open)
}

func (cs *consumers) all() []*consumer {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return slices.Concat(cs.leaving, cs.open)
}

func (cs *consumers) logFailed(err error) {
	cs.server.shared.log.Warn("further consumer failed", "service", cs.server.service, "err", err)
}

// each calls do for each consumer and joins the errors.
func each(all []*consumer, do func(*consumer) error) error {
	var errs []error
	for _, c := range all {
		errs = append(errs, do(c))
	}
	return errors.Join(errs...)
}
