package di

import (
	"context"
	"errors"

	"github.com/gomeko/gomeko/internal/inject"
)

// A Provider makes the value that one call finds in the fields of type T. It runs after the call's
// arguments were decoded. ctx is the call's: service.FromContext returns the call, and ctx ends at
// the call's deadline. The providers of a call run one after another, in the order of its fields;
// those of different calls run concurrently.
//
// The returned [Done] ends the value; it is nil if there is nothing to end. If the provider returns
// an error, the call fails with it: the method does not run, and the Done returned with the error
// is ignored.
type Provider[T any] func(ctx context.Context) (T, Done, error)

// A Done ends the value of one call after its method has returned. The Dones of a call run in the
// reverse order of its fields. err is the call's error so far: nil, the error of the method or of
// the Done that ran before, a *service.PanicError if the method panicked, service.ErrTimeout if it
// returned after its deadline, or service.ErrStopped if the container was killed. The error that
// Done returns replaces it, and the caller receives the last one.
//
// Done runs exactly once, even if ctx has ended. Work that must finish then needs
// context.WithoutCancel(ctx) with a timeout. If a call missed its deadline, its caller has already
// been answered when Done runs.
type Done func(err error) error

// An entrant is a Provider of any type.
type entrant interface {
	// entry returns the constructor that makes a func(T) inject.Source from the Provider[T] in fx's
	// graph. Package inject asks fx for that type because reflection can construct it from T, which it
	// cannot do with Provider[T].
	entry() any

	// lazyEntry is the entry of Lazy[T].
	lazyEntry() any
}

func (Provider[T]) entry() any {
	return func(p Provider[T]) (func(T) inject.Source, error) {
		if p == nil {
			return nil, errors.New("the provider is nil")
		}
		return func(T) inject.Source { return source[T](p) }, nil
	}
}

func (Provider[T]) lazyEntry() any {
	return func(p Provider[T]) (func(Lazy[T]) inject.Source, error) {
		if p == nil {
			return nil, errors.New("the provider is nil")
		}
		return func(Lazy[T]) inject.Source { return lazySource[T](p) }, nil
	}
}

// A source is the Provider as package inject calls it.
type source[T any] Provider[T]

// Provide implements [inject.Source].
func (s source[T]) Provide(ctx context.Context, dst any) (done func(error) error, err error) {
	v, done, err := s(ctx)
	if err != nil {
		return nil, err
	}
	*dst.(*T) = v
	return done, nil
}
