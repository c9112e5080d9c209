package service

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
)

// A managed is an entrypoint or a shared value that the container starts and stops.
type managed struct {
	value any
	owner string // for errors: service orders: GetOrder
	use   *use   // of a shared value; nil for an entrypoint
	phase phase  // guarded by the mutex of the container
}

type phase int

const (
	idle phase = iota
	begun
	ending
	ended
)

// same reports whether both have the same value.
func (e *managed) same(other *managed) bool {
	return reflect.TypeOf(e.value).Comparable() && e.value == other.value
}

// parts returns the shared values and the entrypoints.
func (c *Container) parts() []*managed { return slices.Concat(c.shared, c.entrypoints) }

// addEntrypoint adds e, unless another row already has it.
func (c *Container) addEntrypoint(e *managed) {
	if !slices.ContainsFunc(c.entrypoints, e.same) {
		c.entrypoints = append(c.entrypoints, e)
	}
}

// setup returns the Setup of e, nil if it has none.
func (e *managed) setup() func(context.Context) error {
	if s, ok := e.value.(interface{ Setup(context.Context) error }); ok {
		return s.Setup
	}
	return nil
}

// start returns the Start of e. A value without one counts as started, so that its Stop is called.
func (e *managed) start() func(context.Context) error {
	if s, ok := e.value.(interface{ Start(context.Context) error }); ok {
		return s.Start
	}
	return func(context.Context) error { return nil }
}

// stopOne stops e in a goroutine, if it has begun and has not ended.
func (c *Container) stopOne(ctx context.Context, e *managed) <-chan error {
	done := make(chan error, 1)
	s, ok := e.value.(interface{ Stop(context.Context) error })
	if !ok || !c.advance(e, begun, ending) {
		done <- nil
		return done
	}
	go func() {
		err := ErrExited // unless Stop returns
		defer func() {
			c.advance(e, ending, ended)
			done <- err
		}()
		err = s.Stop(ctx)
	}()
	return done
}

// within waits until e has stopped or ctx ends.
func within(ctx context.Context, stopped <-chan error, e *managed) error {
	select {
	case err := <-stopped:
		if err != nil {
			return fmt.Errorf("%s: %w", e.owner, err)
		}
	case <-ctx.Done():
	}
	return nil
}

// killOne kills e, if it has begun and has not ended.
func (c *Container) killOne(e *managed) {
	if k, ok := e.value.(interface{ Kill() }); ok {
		if c.advance(e, begun, ended) || c.advance(e, ending, ended) {
			k.Kill()
		}
		return
	}
	if err := <-c.stopOne(c.life, e); err != nil { // Kill returns no error
		c.logger.LogAttrs(c.life, slog.LevelDebug, "stop failed", slog.String("owner", e.owner), slog.Any("err", err))
	}
}

// advance moves e from one phase to another, if it is in the first.
func (c *Container) advance(e *managed, from, to phase) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.phase != from {
		return false
	}
	e.phase = to
	return true
}
