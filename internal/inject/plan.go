package inject

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// A Plan is what each call needs done around its method: compiled by [Target.Bind], then run by any number of
// goroutines. The zero value has nothing to do.
type Plan struct {
	// Panic makes the error of a call of what was recovered in a provider, in the method or in a Done.
	Panic func(value any) error

	steps []step
}

// A step fills one field.
type step struct {
	name   string
	index  []int
	source Source
}

// A Source makes the values of one type for calls: it is a di.Provider.
type Source interface {
	// Provide stores the value of a call in dst, a *T. done ends it; it may be nil.
	Provide(ctx context.Context, dst any) (done func(error) error, err error)
}

// errExited is what Done gets when the method ended its goroutine, as t.FailNow does.
var errExited = errors.New("the method ended its goroutine: runtime.Goexit")

// Empty reports whether a call has no value of its own.
func (p *Plan) Empty() bool { return len(p.steps) == 0 }

// Run gives each field of v, a copy of the plan's struct, its value, in the order of fields, runs method, then each
// Done in reverse, and returns the error that is left. When a provider fails, method is not run, and what was
// made before is ended with its error.
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
		err = errExited // unless it returns
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

// recovered makes an error of a panic; it is deferred itself.
func (p *Plan) recovered(err *error) {
	if value := recover(); value != nil {
		*err = p.Panic(value)
	}
}
