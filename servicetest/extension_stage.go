package servicetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/service"
)

// workers is how many calls a stage runs at once.
const workers = 2

var (
	errHangs = errors.New("has not ended")
	errWaits = errors.New("the client waits and gets no response")
)

// An act replaces the method of calls. A nil act returns immediately.
type act func(context.Context) error

// A stage is a container with the extension under test.
type stage struct {
	*service.Container
	trial *trial
	act   atomic.Pointer[act]
	count atomic.Int64
	begun chan struct{} // has an element when count has increased
}

// make binds the service with its options, and others.
func (tr *trial) make(others ...any) (s *stage, err error) {
	s = &stage{trial: tr, begun: make(chan struct{}, 1)}
	s.Container, err = service.New(service.Config{
		MaxWorkers: workers,
		Middleware: []service.Middleware{s.instead},
		Logger:     slog.New(slog.DiscardHandler),
	}, slices.Concat([]any{tr.proto}, tr.options, others)...)
	return s, err
}

func (tr *trial) start() (*stage, error) {
	s, err := tr.make()
	if err != nil {
		return nil, err
	}
	return s, finished("the start", async(func() error { return s.Start(tr.ctx) }))
}

// again makes a call in a new container.
func (tr *trial) again() error {
	s, err := tr.start()
	if err != nil {
		return err
	}
	defer s.Kill()
	return errors.Join(s.succeed(1), s.stop())
}

// instead is a middleware: it runs the act instead of the method.
func (s *stage) instead(service.Runner) service.Runner {
	return func(ctx context.Context) (any, error) {
		play := s.act.Load()
		s.count.Add(1)
		select {
		case s.begun <- struct{}{}:
		default:
		}
		if play == nil || *play == nil {
			return nil, nil
		}
		return nil, (*play)(ctx)
	}
}

// play sets the act of calls.
func (s *stage) play(a act) { s.act.Store(&a) }

// hold makes calls wait until open is called.
func (s *stage) hold() (open func()) {
	gate := make(chan struct{})
	s.play(func(context.Context) error { <-gate; return nil })
	return sync.OnceFunc(func() { close(gate) })
}

// calls returns how many calls have begun.
func (s *stage) calls() int { return int(s.count.Load()) }

// began waits until n calls have begun.
func (s *stage) began(n int) error {
	late := time.After(stepTimeout)
	for s.calls() < n {
		select {
		case <-s.begun:
		case <-late:
			return fmt.Errorf("got %d calls, want %d: no other began within %v", s.calls(), n, stepTimeout)
		}
	}
	return nil
}

// ran checks the number of calls.
func (s *stage) ran(want int) error {
	if got := s.calls(); got != want {
		return fmt.Errorf("%d provocations made %d calls", want, got)
	}
	return nil
}

// succeed provokes the nth call, which must succeed.
func (s *stage) succeed(n int) error {
	return errors.Join(s.trial.ask(stepTimeout).result(), s.began(n))
}

// stop stops the container. It returns an error if the container ended before.
func (s *stage) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*stepTimeout)
	defer cancel()
	return errors.Join(s.Stop(ctx), s.Wait())
}

// A peer is the client of one provoked call.
type peer struct {
	outcome chan error
	hangUp  context.CancelFunc
}

// ask provokes a call by a peer that waits for at most limit.
func (tr *trial) ask(limit time.Duration) *peer {
	ctx, cancel := context.WithTimeout(tr.ctx, limit)
	p := &peer{make(chan error, 1), cancel}
	go func() {
		err := tr.provoke(ctx)
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", errWaits, err)
		}
		p.outcome <- err
	}()
	return p
}

// result returns the error of provoke.
func (p *peer) result() error {
	defer p.hangUp()
	select {
	case err := <-p.outcome:
		if err != nil {
			return fmt.Errorf("provoke: %w", err)
		}
		return nil
	case <-time.After(4 * stepTimeout):
		return errors.New("provoke did not return after its context had ended")
	}
}

func async(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

// finished waits for a function that async has started.
func finished(what string, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-time.After(stepTimeout):
		return fmt.Errorf("%s %w after %v", what, errHangs, stepTimeout)
	}
}
