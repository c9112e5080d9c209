package di

import (
	"context"
	"errors"
)

// A Provider makes the value that one call has in the fields of type T, when its arguments have been decoded. ctx is the
// call's: service.FromContext tells which, and its end is the end of the call's time. The providers of a call run in
// the order of its fields, one after the other; those of other calls run at the same time.
//
// The [Done] that it returns ends the value; nil if there is nothing to end. An error is the error of the
// call: the method is not run, and the Done beside the error is not used.
type Provider[T any] func(ctx context.Context) (T, Done, error)

// A Done ends the value of one call, when its method has returned; those of a call run in the reverse order of
// its fields. err is the call's error so far: nil, the method's, what an earlier Done made of it, *service.PanicError
// when the method panicked, service.ErrTimeout when it returned after its time, service.ErrStopped when the
// container was killed meanwhile. What Done returns takes its place, and is what the caller gets.
//
// Done runs exactly once, also when ctx has ended: what is still to be done then needs context.WithoutCancel(ctx), with
// a limit of its own. The caller of a call that is over its time has its answer by then.
type Done func(err error) error

// A source is a Provider of whatever type.
type source interface {
	// provide stores the value where dst, a *T, points.
	provide(ctx context.Context, dst any) (Done, error)

	// entry returns the constructor that makes func(T) source of a Provider[T]: a type that is made of T by
	// reflection, which Provider[T] cannot be, and so what the fields of type T ask fx for.
	entry() any
}

func (p Provider[T]) provide(ctx context.Context, dst any) (Done, error) {
	v, done, err := p(ctx)
	if err != nil {
		return nil, err
	}
	*dst.(*T) = v
	return done, nil
}

func (Provider[T]) entry() any {
	return func(p Provider[T]) (func(T) source, error) {
		if p == nil {
			return nil, errors.New("the provider is nil")
		}
		return func(T) source { return p }, nil
	}
}
