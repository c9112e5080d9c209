package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gomeko/gomeko/transport"
)

// An intake is the consumers of a service's queue. The first holds as many deliveries as the service has workers. Those
// among them that are idle leave workers free that nothing comes for, and may wait for calls that are behind them in the
// queue: then there are further consumers, smaller ones, each on a channel of its own.
//
// When the process stops there is none, unless a call that runs in it waits for one that the queue has: that would wait
// until it is cut off. Then there are helpers, which take one request at a time until nobody waits.
type intake struct {
	server *server
	first  int // deliveries of the first consumer
	more   int // of each further one
	most   int // further ones

	end   context.CancelFunc
	ended chan struct{} // closed when run has ended
	wake  chan struct{} // holds a token when run is to look whether there are too few

	mu sync.Mutex

	held      int // deliveries that are not acknowledged
	idle      int // those of them that are
	peak      int // of idle, since the last look whether there are too many
	consumers []*consumer
	leaving   []*consumer // which get no more deliveries, and have some to be answered
	stopped   bool        // there are helpers only
	helpers   int
}

// A consumer is one of an intake's.
type consumer struct {
	*transport.Consumer               // nil if it could not be opened; read it after opened
	opened              chan struct{} // closed by open
	helper              bool
	jobs                int // deliveries that are not answered; guarded by the intake
}

// linger is how long a further consumer is kept that is not needed.
const linger = time.Second

// start opens the consumer that is always there.
func (in *intake) start(ctx context.Context, s *server) error {
	in.server, in.first = s, s.hub.host.Workers()
	lent := s.hub.host.Lent()
	in.more = max(1, min((in.first+3)/4, lent))
	in.most = lent / in.more
	in.ended, in.wake = make(chan struct{}), make(chan struct{}, 1)
	if err := in.open(ctx, in.first, false); err != nil {
		return err
	}
	ctx, in.end = context.WithCancel(context.Background())
	s.hub.host.Go(func(life context.Context) {
		defer close(in.ended)
		defer context.AfterFunc(life, in.end)()
		in.run(ctx)
	})
	return nil
}

// stop ends the deliveries; those that were taken may still be answered.
func (in *intake) stop(ctx context.Context) error {
	if in.end == nil {
		return nil
	}
	in.end()
	select {
	case <-in.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err := each(in.all(), func(c *consumer) error { return c.Cancel(ctx) })
	in.mu.Lock()
	in.stopped = true
	in.mu.Unlock()
	in.help(ctx) // who waits already
	return err
}

// close lets the last acknowledgements out.
func (in *intake) close(ctx context.Context) error {
	return each(in.all(), func(c *consumer) error { return c.Close(ctx) })
}

func (in *intake) all() []*consumer {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Concat(in.leaving, in.consumers)
}

// help opens helpers, one for each call that is waited for, if the process stops. It is called by who waits, or begins to.
func (in *intake) help(ctx context.Context) {
	for in.tooFewHelpers() {
		if err := in.open(ctx, 1, true); err != nil {
			in.mu.Lock()
			in.helpers--
			in.mu.Unlock()
			if ctx.Err() == nil {
				in.failed(err)
			}
			return
		}
	}
}

// tooFewHelpers counts one more if that is so.
func (in *intake) tooFewHelpers() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	few := in.stopped && in.helpers < in.server.awaited()
	if few {
		in.helpers++
	}
	return few
}

// leave ends the helper c, and gives back what it has got, if nobody waits any more.
func (in *intake) leave(ctx context.Context, c *consumer, d *transport.Delivery) bool {
	if !c.helper || in.server.awaited() > 0 {
		return false
	}
	<-c.opened // a delivery may be ahead of that
	if c.Consumer == nil {
		d.Reject(true)
		return true // help has counted it
	}
	if err := c.Cancel(ctx); err != nil {
		in.failed(err)
	}
	d.Reject(true)
	in.mu.Lock()
	in.helpers--
	in.mu.Unlock()
	return true
}

func (in *intake) failed(err error) {
	in.server.hub.log.Warn("further consumer failed", "service", in.server.service, "err", err)
}

// run is the goroutine that opens and closes further consumers.
func (in *intake) run(ctx context.Context) {
	tick := time.NewTicker(linger)
	tick.Stop() // until there is one
	defer tick.Stop()
	for {
		var err error
		select {
		case <-in.wake:
			if in.tooFew() {
				err = in.open(ctx, in.more, false)
				tick.Reset(linger)
			}
		case <-tick.C:
			if err = in.shrink(ctx); len(in.consumers)+len(in.leaving) == 1 {
				tick.Stop()
			}
		case <-ctx.Done():
			return
		}
		if err != nil && ctx.Err() == nil {
			in.failed(err)
		}
	}
}

// tooFew reports whether nothing more is delivered although there are workers for what one more consumer would hold.
func (in *intake) tooFew() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	further := len(in.consumers) - 1
	free := in.first - (in.held - in.idle)
	return further < in.most && in.held >= in.first+further*in.more && free >= in.more
}

// open adds a consumer.
func (in *intake) open(ctx context.Context, prefetch int, helper bool) (err error) {
	c := &consumer{helper: helper, opened: make(chan struct{})}
	defer close(c.opened)
	c.Consumer, err = in.server.hub.conn.Consume(ctx, transport.Consume{
		Queue:    in.server.queue(),
		Prefetch: prefetch,
		Handle:   func(d *transport.Delivery) { in.take(c, d) },
	})
	if err != nil {
		return err
	}
	in.mu.Lock()
	in.consumers = append(in.consumers, c)
	in.mu.Unlock()
	in.look() // it may be full already
	return nil
}

// shrink ends deliveries to the consumers that were not needed since the last time, and closes those that have left.
func (in *intake) shrink(ctx context.Context) error {
	in.mu.Lock()
	if need := 1 + (in.peak+in.more-1)/in.more; need < len(in.consumers) {
		in.leaving = append(in.leaving, in.consumers[need:]...)
		in.consumers = in.consumers[:need]
	}
	in.peak = in.idle
	in.mu.Unlock()
	err := each(in.leaving, func(c *consumer) error { return c.Cancel(ctx) })
	if err != nil {
		return err
	}
	var done []*consumer
	in.mu.Lock()
	in.leaving = slices.DeleteFunc(in.leaving, func(c *consumer) bool {
		if c.jobs == 0 {
			done = append(done, c)
		}
		return c.jobs == 0
	})
	in.mu.Unlock()
	return each(done, func(c *consumer) error { return c.Close(ctx) })
}

// take has a delivery answered.
func (in *intake) take(c *consumer, d *transport.Delivery) {
	in.mu.Lock()
	c.jobs++
	in.mu.Unlock()
	in.count(1, 0)
	in.server.hub.host.Go(func(ctx context.Context) {
		j := &job{Delivery: d, intake: in}
		if !in.leave(ctx, c, d) {
			in.server.answer(ctx, j)
		}
		if !j.acked {
			in.count(-1, 0)
		}
		in.mu.Lock()
		c.jobs--
		in.mu.Unlock()
	})
}

// count counts deliveries that are held and idle from now on, or no longer.
func (in *intake) count(held, idle int) {
	in.mu.Lock()
	in.held += held
	in.idle += idle
	in.peak = max(in.peak, in.idle)
	in.mu.Unlock()
	if held+idle > 0 {
		in.look()
	}
}

// look wakes run if there is something to do.
func (in *intake) look() {
	if !in.tooFew() {
		return
	}
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

func each(consumers []*consumer, do func(*consumer) error) error {
	var errs []error
	for _, c := range consumers {
		errs = append(errs, do(c))
	}
	return errors.Join(errs...)
}

// A job is a delivery until it is answered. It is the [service.Watcher] of its call.
type job struct {
	*transport.Delivery
	intake   *intake
	ackFirst bool // ack:"before"
	acked    bool // and it was
}

// errNotAcked ends a call that was to be acknowledged ahead of it, and may not have been.
var errNotAcked = errors.New("not acknowledged, and so not run")

// Began implements [service.Watcher].
func (j *job) Began(ctx context.Context) error {
	if !j.ackFirst {
		return nil
	}
	if err := j.AckNow(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotAcked, err)
	}
	j.acked = true
	j.intake.count(-1, 0)
	return nil
}

// Idle implements [service.Watcher].
func (j *job) Idle(on bool) {
	switch {
	case j.acked: // the broker does not count it
	case on:
		j.intake.count(0, 1)
	default:
		j.intake.count(0, -1)
	}
}
