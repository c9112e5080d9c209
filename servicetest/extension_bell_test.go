package servicetest_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/gomeko/gomeko/service"
)

// A bell is rung by clients, and one container at a time hears it.
type bell struct {
	fault string // which rule its extension breaks
	rings chan chan error
	taken atomic.Bool
	over  chan struct{} // ends the goroutines that a fault leaves running
}

func newBell(fault string) *bell {
	return &bell{fault: fault, rings: make(chan chan error), over: make(chan struct{})}
}

// ring makes one call and returns its error.
func (b *bell) ring(ctx context.Context) error {
	if !b.taken.Load() {
		return errors.New("nobody hears the bell")
	}
	answer := make(chan error, 2)
	select {
	case b.rings <- answer:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take reserves the bell for one container.
func (b *bell) take() error {
	if !b.taken.CompareAndSwap(false, true) {
		return errors.New("the bell is taken")
	}
	return nil
}

type Belfry struct {
	_ service.Name `service:"belfry"`

	Entrypoints struct {
		Toll Ring `ring:"toll"`
	}
}

func (*Belfry) Toll(context.Context) error { return nil }

// Ring is a row whose method is called when the bell rings.
type Ring struct{}

func (Ring) Entrypoint(row *service.Row) (service.Entrypoint, error) {
	b, _ := service.Lookup[*bell](row.Host)
	r := &ringer{bell: b, row: row, stop: make(chan struct{}), ended: make(chan struct{})}
	_, err := row.Bind(row.Tag.Get("ring"))
	switch {
	case b.fault == "knows every key", b.fault == "looks at keys when all else is right" && err != nil:
		return r, err
	case b.fault == "takes at bind":
		return r, errors.Join(row.Tag.Keys("ring"), err, b.take())
	}
	return r, errors.Join(row.Tag.Keys("ring"), err)
}

type ringer struct {
	*bell
	row     *service.Row
	started bool
	stop    chan struct{}
	stopped sync.Once
	ended   chan struct{} // closed when it no longer hears
	running atomic.Int32
	first   chan error // the answer to the first ring

	stopping atomic.Bool
}

func (r *ringer) Setup(context.Context) error {
	if r.fault == "takes at bind" {
		return nil
	}
	return r.take()
}

func (r *ringer) Start(context.Context) error {
	r.started = true
	r.row.Go(r.hear)
	if r.fault == "leaves a goroutine" {
		go func() { <-r.over }()
	}
	return nil
}

func (r *ringer) Stop(context.Context) error {
	switch {
	case r.fault == "waits for a start":
		r.end()
		select {
		case <-r.ended:
		case <-r.over:
		}
	case r.fault == "complains of no start" && !r.started:
		r.end()
		return errors.New("it was not started")
	case r.fault == "gives back only what it started" && !r.started:
		return nil
	case r.fault == "hears on while a call runs" && r.running.Load() > 0:
		r.stopping.Store(true) // call ends it
		return nil
	case r.fault == "cuts calls off" && r.running.Load() > 0:
		r.first <- errors.New("cut off")
	}
	r.end()
	return nil
}

func (r *ringer) Kill() {
	switch r.fault {
	case "has an empty Kill":
		return
	case "waits in Kill":
		<-r.over
	}
	r.end()
}

func (r *ringer) end() {
	r.stopped.Do(func() {
		close(r.stop)
		r.taken.Store(false)
	})
}

func (r *ringer) hear(ctx context.Context) {
	defer close(r.ended)
	for {
		select {
		case <-r.stop:
			return
		case <-r.over:
			return
		case answer := <-r.rings:
			if r.first == nil {
				r.first = answer
			}
			n := r.running.Add(1)
			if r.fault == "drops when busy" && int(n) > r.row.Workers() {
				r.running.Add(-1)
				answer <- errors.New("busy")
				continue
			}
			r.row.Go(func(ctx context.Context) { r.call(ctx, answer) })
		}
	}
}

func (r *ringer) call(ctx context.Context, answer chan<- error) {
	_, err := r.row.Run(ctx, service.Request{})
	if r.fault == "runs a call twice" {
		_, err = r.row.Run(ctx, service.Request{})
	}
	left := r.running.Add(-1)
	switch {
	case r.fault == "hears on while a call runs" && left == 0 && r.stopping.Load():
		r.end()
	case err == nil:
	case r.fault == "ends at a failure":
		r.end()
	case r.fault == "ends the container at a failure":
		r.row.Fail(err)
	case r.fault == "says nothing of failures":
		return
	}
	answer <- err
}
