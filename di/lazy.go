package di

import (
	"context"
	"errors"
	"sync"
)

// A Lazy makes the value of a call when the call first uses it, with the [Provider] of T. It is the
// type of a service's field. Calls that do not use it make no value:
//
//	Tx di.Lazy[*sql.Tx] `inject:""`
//
//	tx, err := o.Tx(ctx)
//
// Every use in a call returns the same value, or the same error. If the value was made, its [Done]
// is called after the method, like all Dones in the reverse order of the fields. In a test, any
// func of this type is a Lazy.
//
// The value lives from its first use to the end of the call. While a transaction is open, the
// method holds a database connection and, with some databases, a lock, so call other services
// before the first use if you can. A called service that writes to the same rows, or to the same
// SQLite file, waits for its caller's transaction until its deadline.
type Lazy[T any] func(ctx context.Context) (T, error)

// A lazySource gives each call a Lazy.
type lazySource[T any] Provider[T]

// Provide implements inject.Source. The value is made with the call's ctx, because it outlives a
// context that the method derives for a part of its work.
func (s lazySource[T]) Provide(ctx context.Context, dst any) (done func(error) error, err error) {
	v := &lazyValue[T]{ctx: ctx, provider: Provider[T](s)}
	*dst.(*Lazy[T]) = v.get
	return v.end, nil
}

// A lazyValue is the value of one call.
type lazyValue[T any] struct {
	ctx      context.Context // of the call
	provider Provider[T]

	mu    sync.Mutex
	made  bool
	value T
	done  Done
	err   error
	over  bool
}

var errOver = errors.New("di.Lazy is used after its call has ended")

func (v *lazyValue[T]) get(context.Context) (T, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over && !v.made {
		return v.value, errOver
	}
	if !v.made {
		value, done, err := v.provider(v.ctx)
		if v.made, v.err = true, err; err == nil {
			v.value, v.done = value, done
		}
	}
	return v.value, v.err
}

// end is the call's Done.
func (v *lazyValue[T]) end(err error) error {
	v.mu.Lock()
	v.over = true
	done := v.done
	v.mu.Unlock()
	if done == nil {
		return err
	}
	return done(err)
}
