package service

import "context"

// An EntrypointType is the type of a row in a service's table of entrypoints, such as rpc.Method.
type EntrypointType interface {
	// Entrypoint returns the entrypoint of a row. [New] calls it once for each row. It must bind the
	// row's method with [Row.Bind], and check the row's tag with Tag.Keys. An error is reported as a
	// mistake in the service; errors joined by errors.Join are reported one by one.
	Entrypoint(r *Row) (Entrypoint, error)
}

// An Entrypoint turns input from outside (a delivery, a request, a tick) into calls of its rows'
// methods, with [Row.Run].
//
// Start begins to accept input. Stop stops accepting it and returns; calls already started keep
// running, and the container waits for them and for every goroutine started with [Row.Go], which
// send the replies. One value may serve several rows; it is then started and stopped once.
// Entrypoints are started one after the other, and stopped at the same time.
//
// Two methods are optional. Setup(context.Context) error is called before any Start: declare queues
// and open sockets there. Kill() is called when the container is killed, even while Stop runs.
// Without a Kill method, Stop is called with a cancelled context and must return immediately.
//
// Stop is called once if Setup or Start was called and did not fail.
//
// servicetest.TestEntrypoint tests an entrypoint against these rules.
type Entrypoint interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}

// A DependencyType is the type of a field outside of the table whose value comes from an extension,
// such as rpc.Client.
//
// It also creates the values of structs that have a blank field of the type: a struct with the
// field _ rpc.Client `rpc:"users"` is a typed client. In that case, the Field's Type is the struct,
// and its Tag is that of the blank field.
type DependencyType interface {
	// Dependency returns the value that the field holds in every call. [New] calls it once.
	Dependency(f *Field) (any, error)
}
