package service

import "context"

// An EntrypointType is the type of a row of a service's entrypoint table: rpc.Method, events.Handler.
// It is called once for each row, by [New]; it must bind the row's method with [Field.Bind].
// An error is a mistake of the service; one of errors.Join is a line for each.
type EntrypointType interface {
	Entrypoint(f *Field) (Entrypoint, error)
}

// An Entrypoint makes calls with [Field.Run]: it begins to at Start, and takes on no further ones when Stop has returned.
// What it took on before is run, and the replies are its business until they have left: goroutines of [Field.Go] are waited for.
// servicetest.TestEntrypoint tests all that is said here.
// One value may serve several rows: it is started and stopped once. Entrypoints are started one after the other, and
// stopped all at once.
//
// Optional, found by assertion: Setup(context.Context) error is called before any Start (declare queues
// there); Kill() when the container is killed, also while Stop runs. Who has no Kill gets a Stop with an ended context, and is to return at once.
// Stop is called once for what was set up or started, and not when that itself failed.
type Entrypoint interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}

// A DependencyType is the type of a field, outside of the table, that the service is given: rpc.Client.
//
// It also makes values of the structs that it marks, by a blank field with the tag: a struct of the user's own with
// _ rpc.Client `rpc:"users"` in it is a typed client. Field.Type is the struct then, [Fields] tells its fields.
type DependencyType interface {
	// Dependency returns the value that the field holds in every call. It is called once, by [New].
	Dependency(f *Field) (any, error)
}
