package service

import (
	"context"
	"reflect"
	"slices"
)

// A Runner runs one call, the one that [FromContext] returns for ctx. It returns a panic of the
// method as a *[PanicError].
type Runner func(ctx context.Context) (any, error)

// A Middleware wraps every call of a container: it may act before and after the call, change its
// result, or not run next at all. [Configure] adds it to the container. [New] calls it once for
// each row. The [Runner] that it returns is called by many goroutines at once, and must pass next a
// context derived from its own.
type Middleware func(next Runner) Runner

var middlewareType = reflect.TypeFor[Middleware]()

// chain returns the row's method wrapped in the middleware.
func (r *Row) chain(middleware []Middleware) Runner {
	next := Runner(r.limited)
	r.wrapped = len(middleware) > 0
	for _, m := range slices.Backward(middleware) {
		next = m(next)
	}
	return next
}
