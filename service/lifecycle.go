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

// A state is a stage in the life of a container.
type state int

const (
	made state = iota
	starting
	running
	stopping
	over
)

// startLimit limits a start whose ctx has no deadline.
const startLimit = time.Minute

// Start sets up every extension, then starts the shared values, then the entrypoints. If one fails,
// or ctx ends before all have started, Start stops those that have; the error names the service and
// the field. If ctx has no deadline, Start has one minute. A container can be started only once.
func (c *Container) Start(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, startLimit)
		defer cancel()
	}
	ctx, halt := context.WithCancelCause(ctx)
	defer halt(nil)
	if err := c.begin(halt); err != nil {
		return err
	}
	defer context.AfterFunc(c.life, func() { halt(ErrStopped) })()

	c.warnUnguarded()
	c.noteIsolation()
	err := c.startAll(ctx)
	c.mu.Lock()
	killed := c.killed
	switch cause := context.Cause(ctx); {
	case killed:
		err = ErrStopped
	case err == nil || cause != ctx.Err(): // the start was halted, and this is why
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

// begin moves to the state starting. halt ends the start with a cause.
func (c *Container) begin(halt context.CancelCauseFunc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == over && c.cause == nil:
		return ErrStopped
	case c.state == over:
		return c.cause
	case c.state != made:
		return errors.New("the container was started before")
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

// step runs one step of starting e; run may be nil.
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
	if late { // Kill came before e had begun
		c.killOne(e)
	}
	return nil
}

// Stop stops the entrypoints, waits for the running calls with their replies and acknowledgements,
// and then stops the shared values. It logs how many calls finished, were cut off while they ran,
// and were given back to the broker before they began. When ctx ends, it kills the rest and returns
// an error with the number of calls that were cut off.
//
// Stop may be called at any time. It interrupts a Start that has not returned, and waits for a Stop
// that is running. Before Start, after a Start that failed and after Kill, it returns immediately.
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

// Kill ends the container immediately: it cancels the contexts of calls, acknowledges nothing more,
// and closes connections, so the broker requeues unacknowledged messages. It may be called at any
// time, even during Start and Stop, and more than once.
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

// Wait blocks until the container has ended and returns the reason: nil after Stop or Kill, the
// error of a Start that failed, the error of the extension that ended the container ([Row.Fail]),
// or a [*ShutdownError] if the application called Shutdown of its fx.Shutdowner. Before Start it
// returns an error.
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

// Stopping returns a channel that is closed when the container begins to stop, for whatever reason.
// Wait returns when it has stopped.
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

// shutDown ends the container because the application called Shutdown of its fx.Shutdowner.
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
	default: // The start hooks run: step halts after them.
	}
}

// leave stops a running container, in a goroutine that Wait waits for, and makes Wait return the
// reason. The caller holds mu.
func (c *Container) leave(reason error) {
	c.cause = reason
	c.enter(stopping)
	requested := reason == error(c.asked)
	c.leaving.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), c.grace())
		defer cancel()
		if _, stuck := reason.(*StuckError); stuck { //nolint:errorlint // it is not wrapped
			go c.untilStuck(ctx, cancel)
		}
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

// stop stops a running container in order, and logs how its calls ended.
func (c *Container) stop(ctx context.Context) error {
	since := time.Now()
	c.drain.stopping.Store(true)
	err := c.shutdown(ctx)
	c.drained(since)
	return err
}

// shutdown stops what has begun, in order.
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

// cutShort kills what is still running when ctx ends. Its error says how many calls were cut off.
func (c *Container) cutShort(ctx context.Context) error {
	cause := context.Cause(ctx)
	if cause == nil { // Kill was called, and ctx is about to end
		cause = ErrStopped
	}
	c.Kill()
	c.mu.Lock()
	calls := c.drain.cutOff
	c.mu.Unlock()
	return fmt.Errorf("stop was cut short, %s cut off: %w", plural(calls, "call"), cause)
}

// finish ends the container, or waits for the Kill that is ending it. The first cause counts.
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

// end ends the container. The caller holds mu.
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

// enter moves to a state, unless the container is in a later one. The caller holds mu.
func (c *Container) enter(s state) {
	if s >= stopping && c.state < stopping {
		close(c.stopping)
	}
	c.state = max(c.state, s)
}
