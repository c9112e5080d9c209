package inject

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// A Plan sets the fields for each call, and ends their values after the method. [Target.Bind] adds
// its steps. After that, any number of goroutines may run it. The zero value has no steps.
type Plan struct {
	// Panic converts a value that was recovered from a provider, the method or a Done to an error.
	Panic func(value any) error

	steps []step
}

// A step sets one field.
type step struct {
	name   string
	index  []int
	source Source
}

// A Source provides the values of one type for calls. Every di.Provider is one.
type Source interface {
	// Provide stores the value for a call in dst, a *T. done is called when the call ends; it may
	// be nil.
	Provide(ctx context.Context, dst any) (done func(error) error, err error)
}

// errExited is the error that a Done receives if the method ended its goroutine, as t.FailNow does.
var errExited = errors.New("the method called runtime.Goexit")

// Empty reports whether the plan has no steps.
func (p *Plan) Empty() bool { return len(p.steps) == 0 }

// Run sets the fields of v, a copy of the target's struct, in order. It then calls method, and
// after that each Done in reverse order. It returns the error of the last Done, or that of the
// method if there is none. If a provider fails, Run does not call method, and ends the values
// provided so far with the error.
func (p *Plan) Run(ctx context.Context, v reflect.Value, method func() error) error {
	return p.run(ctx, v, p.steps, method)
}

func (p *Plan) run(ctx context.Context, v reflect.Value, steps []step, method func() error) (err error) {
	if len(steps) == 0 {
		return p.call(method)
	}
	done, err := p.provide(ctx, v, &steps[0])
	if err != nil {
		return fmt.Errorf("%s: %w", steps[0].name, err)
	}
	if done != nil {
		err = errExited // replaced if run returns
		defer func() { err = p.done(done, err) }()
	}
	return p.run(ctx, v, steps[1:], method)
}

func (p *Plan) provide(ctx context.Context, v reflect.Value, s *step) (done func(error) error, err error) {
	defer p.recovered(&err)
	return s.source.Provide(ctx, v.FieldByIndex(s.index).Addr().Interface())
}

func (p *Plan) call(method func() error) (err error) {
	defer p.recovered(&err)
	return method()
}

func (p *Plan) done(done func(error) error, was error) (err error) {
	defer p.recovered(&err)
	return done(was)
}

// recovered sets err to the error of a panic. It must be deferred directly.
func (p *Plan) recovered(err *error) {
	if value := recover(); value != nil {
		*err = p.Panic(value)
	}
}
