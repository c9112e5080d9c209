package service

import (
	"context"
	"log/slog"
)

// Config configures a [Container]. The zero value works.
type Config struct {
	// MaxWorkers is the number of calls that one service runs at once; 0 is 100.
	MaxWorkers int

	// ParentCallsTracked is how many call ids of callers a call hands on beside its own;
	// 0 is 10, Nameko's default.
	ParentCallsTracked int

	// Middleware wraps every call of every service, outermost first,
	// inside of the container's own recover and log.
	Middleware []Middleware

	// Logger gets starts, stops, calls that failed; nil is slog.Default().
	Logger *slog.Logger

	// Values are found by extensions by their type, with [Lookup]:
	// a transport.Config says where the broker is, an rpc.Config how calls are made.
	Values []any
}

// A Container hosts the services of a process: it binds them once, starts and stops
// them in order, and runs their calls.
type Container struct{}

// New binds services, each a pointer to a struct with a [Name]. Every mistake of every
// service is reported at once, a line each, with service, field and remedy.
func New(cfg Config, services ...any) (*Container, error) { panic("sketch") }

// Names returns the names of the services, in the order given to [New].
func (c *Container) Names() []string { panic("sketch") }

// Start sets up every extension, then starts dependencies, then entrypoints. When one fails, what was
// started is stopped again and the error names service and field.
func (c *Container) Start(ctx context.Context) error { panic("sketch") }

// Stop ends entrypoints, waits for the calls that run, their replies and acknowledgements,
// then stops what is shared. At the end of ctx it kills what is left and returns an error that says
// what was cut off. After a failed Start or a Kill it returns at once.
func (c *Container) Stop(ctx context.Context) error { panic("sketch") }

// Kill ends the container at once: contexts of calls are cancelled, nothing more is
// acknowledged, connections are cut; the broker gets back what was not done. It may be called during Stop.
func (c *Container) Kill() { panic("sketch") }

// Wait returns when the container has ended: nil after Stop or Kill, or the fatal error of the
// extension that ended it ([Field.Fail]).
func (c *Container) Wait() error { panic("sketch") }

// Lookup returns the value of type T of [Config].Values.
func Lookup[T any](c *Container) (T, bool) { panic("sketch") }

// Shared returns what all extensions of a container share by type: the first call makes
// it, later ones get the same. If it has Setup, Start, Stop or Kill (see [Entrypoint]), they are called: set up and started
// before the entrypoints, stopped after every call has ended.
func Shared[T any](c *Container, make func(*Container) (T, error)) (T, error) { panic("sketch") }
