package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// A state is where a container is in its life.
type state int

const (
	made state = iota
	starting
	running
	stopping
	over
)

// Start sets up every extension, then starts what is shared, then entrypoints. When one fails, or ctx ends before all
// have started, what was started is stopped again and the error names service and field. A container starts once.
func (c *Container) Start(ctx context.Context) error {
	ctx, halt := context.WithCancelCause(ctx)
	defer halt(nil)
	if err := c.begin(halt); err != nil {
		return err
	}
	defer context.AfterFunc(c.life, func() { halt(ErrStopped) })()

	err := c.startAll(ctx)
	c.mu.Lock()
	killed := c.killed
	switch cause := context.Cause(ctx); {
	case killed:
		err = ErrStopped
	case err == nil || cause != ctx.Err(): // who halted it knows why
		err = cause
	}
	if err == nil {
		c.state = running
		c.mu.Unlock()
		return nil
	}
	c.enter(stopping)
	c.mu.Unlock()

	if !killed {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.grace())
		defer cancel()
		if failed := c.shutdown(ctx); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	c.finish(err)
	return err
}

// begin moves to starting. halt ends the start with a cause.
func (c *Container) begin(halt context.CancelCauseFunc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == over && c.cause == nil:
		return ErrStopped
	case c.state == over:
		return c.cause
	case c.state != made:
		return errors.New("the container is started already")
	}
	c.state, c.halt = starting, halt
	c.begun.Store(true)
	return nil
}

func (c *Container) startAll(ctx context.Context) error {
	all := slices.Concat(c.shared, c.entrypoints)
	for _, e := range all {
		if err := c.step(ctx, e, e.setup()); err != nil {
			return err
		}
	}
	for _, e := range all {
		if err := c.step(ctx, e, e.start()); err != nil {
			return err
		}
	}
	return nil
}

// step runs one step, nil to skip it, of e's start.
func (c *Container) step(ctx context.Context, e *managed, run func(context.Context) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if run == nil {
		return nil
	}
	if err := run(ctx); err != nil {
		return fmt.Errorf("%s: %w", e.owner, err)
	}
	c.mu.Lock()
	e.phase = max(e.phase, begun)
	if c.asked != nil {
		c.halt(c.asked)
	}
	late := c.killed
	c.mu.Unlock()
	if late { // Kill has passed it by
		c.killOne(e)
	}
	return nil
}

// Stop ends entrypoints, waits for the calls that run, their replies and acknowledgements,
// then stops what is shared, and logs how many calls have finished, were cut off while they ran, and were given back before
// they had begun. At the end of ctx it kills what is left and returns an error that says
// what was cut off. It may be called at any time: it ends a Start that is not through, and joins a Stop that runs;
// before Start, after a failed one or a Kill it returns at once.
func (c *Container) Stop(ctx context.Context) error {
	c.mu.Lock()
	was := c.state
	switch was {
	case starting:
		c.halt(ErrStopped)
	case running:
		c.enter(stopping)
	}
	c.mu.Unlock()

	switch was {
	case made:
		c.finish(nil)
	case running:
		err := c.stop(ctx)
		c.finish(nil)
		return err
	case starting, stopping:
		select {
		case <-c.ended:
		case <-ctx.Done():
			return c.cutShort(ctx)
		}
	}
	return nil
}

// Kill ends the container at once: contexts of calls are cancelled, nothing more is
// acknowledged, connections are cut; the broker gets back what was not done. It may be called at any time, more than once,
// and during Start and Stop.
func (c *Container) Kill() {
	c.mu.Lock()
	if c.killed || c.state == over {
		c.mu.Unlock()
		return
	}
	c.killed = true
	c.cut()
	c.mu.Unlock()

	c.endLife(ErrStopped)
	for _, e := range c.entrypoints {
		c.killOne(e)
	}
	for _, e := range slices.Backward(c.shared) {
		c.killOne(e)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(nil)
}

// Wait blocks until the container has ended and returns the reason: nil after Stop or Kill, the error of a Start that failed,
// the error of the extension that ended the container ([Row.Fail]), or a [*ShutdownError] if the application asked its
// fx.Shutdowner to end it. Before Start it returns an error.
func (c *Container) Wait() error {
	c.mu.Lock()
	was := c.state
	c.mu.Unlock()
	if was == made {
		return errors.New("the container is not started")
	}
	<-c.ended
	c.leaving.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Stopping returns a channel that is closed when the container begins to stop, whatever the reason. Wait returns when it has
// stopped.
func (c *Container) Stopping() <-chan struct{} { return c.stopping }

// fail ends the container because an extension failed.
func (c *Container) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil || c.state > running {
		return
	}
	c.logger.LogAttrs(c.life, slog.LevelError, "container failed", slog.Any("err", err))
	switch c.state {
	case made:
		c.end(err)
	case starting:
		c.halt(err)
	case running:
		c.leave(err)
	}
}

// shutDown ends the container because the application asked its fx.Shutdowner to.
func (c *Container) shutDown(exitCode int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked != nil || c.cause != nil || c.state > running {
		return
	}
	c.logger.LogAttrs(c.life, slog.LevelInfo, "shutdown requested", slog.Int("exit_code", exitCode))
	c.asked = &ShutdownError{exitCode}
	switch {
	case c.state == made:
		c.end(c.asked)
	case c.state == running:
		c.leave(c.asked)
	case c.shared[0].phase >= begun:
		c.halt(c.asked)
	default: // The application's start hooks run: fx would skip the stop hooks if ctx ended. step halts after them.
	}
}

// leave stops a running container for a reason that Wait returns, in a goroutine that Wait waits for. It is called with mu
// held.
func (c *Container) leave(reason error) {
	c.cause = reason
	c.enter(stopping)
	requested := reason == error(c.asked)
	c.leaving.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), c.grace())
		defer cancel()
		err := c.stop(ctx)
		if requested && err != nil {
			c.mu.Lock()
			c.cause = errors.Join(reason, err)
			c.mu.Unlock()
		}
		c.finish(nil)
	})
}

func (c *Container) grace() time.Duration { return cmp.Or(c.cfg.Grace, defaultGrace) }

// stop stops a running container in order, and logs what became of its calls.
func (c *Container) stop(ctx context.Context) error {
	since := time.Now()
	c.drain.stopping.Store(true)
	err := c.shutdown(ctx)
	c.drained(since)
	return err
}

// shutdown stops what was begun, in order.
func (c *Container) shutdown(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.life, func() { cancel(ErrStopped) })()

	var failed []error
	stops := make([]<-chan error, len(c.entrypoints))
	for i, e := range c.entrypoints {
		stops[i] = c.stopOne(ctx, e)
	}
	for i, e := range c.entrypoints {
		failed = append(failed, within(ctx, stops[i], e))
	}
	if c.goroutines.wait(ctx) == nil {
		for _, h := range c.hosted {
			h.workers.close(ctx)
		}
	}
	for _, e := range slices.Backward(c.shared) {
		if ctx.Err() == nil && c.life.Err() == nil {
			failed = append(failed, within(ctx, c.stopOne(ctx, e), e))
		}
	}
	if ctx.Err() != nil || c.life.Err() != nil {
		failed = append(failed, c.cutShort(ctx))
	}
	return errors.Join(failed...)
}

// cutShort kills what has not ended with ctx, and says how many calls that were.
func (c *Container) cutShort(ctx context.Context) error {
	cause := context.Cause(ctx)
	if cause == nil { // it ends in a moment: Kill was called
		cause = ErrStopped
	}
	c.Kill()
	c.mu.Lock()
	calls := c.drain.cutOff
	c.mu.Unlock()
	return fmt.Errorf("stop was cut short, %s cut off: %w", plural(calls, "call"), cause)
}

// finish ends the container with the first cause; when it is being killed, Kill does.
func (c *Container) finish(cause error) {
	c.mu.Lock()
	killed := c.killed
	if !killed {
		c.end(cause)
	}
	c.mu.Unlock()
	if killed {
		<-c.ended
	}
}

// end is called with mu held.
func (c *Container) end(cause error) {
	if c.state == over {
		return
	}
	c.enter(over)
	if c.cause == nil {
		c.cause = cause
	}
	c.endLife(ErrStopped)
	c.pool.close()
	close(c.ended)
}

// enter moves to a state, unless the container is beyond it. It is called with mu held.
func (c *Container) enter(s state) {
	if s >= stopping && c.state < stopping {
		close(c.stopping)
	}
	c.state = max(c.state, s)
}
