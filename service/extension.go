package service

import (
	"context"
	"log/slog"
	"reflect"
)

// An EntrypointType is the type of a row of a service's entrypoint table: rpc.Method, events.Handler.
// It is called once for each row, when the container is made; an error is a mistake of the service.
type EntrypointType interface {
	Entrypoint(f *Field) (Entrypoint, error)
}

// An Entrypoint makes calls: it begins to at Start and has stopped making them when Stop returns.
// The replies to calls that still run then are its business until they end.
// One value may serve several rows: it is started and stopped once.
//
// Optional, found by assertion: Setup(context.Context) error is called before any Start (declare queues
// there); Kill() when the container is killed.
type Entrypoint interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}

// A DependencyType is the type of a field, outside of the table, that the service is given: rpc.Client.
type DependencyType interface {
	// Dependency returns the value that the field holds in every call.
	Dependency(f *Field) (any, error)
}

// A Field is one field of a service as an extension sees it: a row of the table or a dependency.
type Field struct {
	Host    *Container
	Service string       // the service's name
	Name    string       // the field's name; for a row also the method's, unless method:"…" says otherwise
	Type    reflect.Type // the field's type
}

// Tag returns the value of a key of the field's tag, "" if it has none.
func (f *Field) Tag(key string) string { panic("sketch") }

// Keys returns an error for each key of the tag that is not among known, with the nearest one that is.
// The keys of every row, method and timeout, are known already.
func (f *Field) Keys(known ...string) error { panic("sketch") }

// Bind binds the row's method to the signature spec, "name" or "name(a, b=1, *rest, c, **opts)" as
// Python would write it, after ctx and the parameters of the types lead.
func (f *Field) Bind(spec string, lead ...reflect.Type) (*Signature, error) { panic("sketch") }

// Run runs one call of the row's method, on a fresh copy of the service, through the middleware, when one of the
// service's workers is free. It fills in call's Service, Method and ID. The error is a *[SignatureError] when args do not
// fit (the method was not run), a *[PanicError] when the method panicked, [ErrTimeout] when the row's timeout
// or ctx's deadline has passed (the method may still run, its result is dropped), [ErrStopped] when the container was killed, else the method's own.
func (f *Field) Run(ctx context.Context, call *Call, args Arguments, lead ...any) (any, error) {
	panic("sketch")
}

// Go runs fn in a goroutine that the container waits for when it stops; ctx ends when the container is killed
// or has stopped its entrypoints and calls.
func (f *Field) Go(fn func(ctx context.Context)) { panic("sketch") }

// Fail ends the whole container, in order, with err as its cause.
func (f *Field) Fail(err error) { panic("sketch") }

// Logger returns the container's logger with service and field.
func (f *Field) Logger() *slog.Logger { panic("sketch") }

// MaxWorkers is the number of calls the service runs at once: what to set as prefetch.
func (f *Field) MaxWorkers() int { panic("sketch") }
