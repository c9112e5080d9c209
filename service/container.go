package service

import (
	"cmp"
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/internal/inject"
)

// Config configures a [Container]. The zero value works.
type Config struct {
	// MaxWorkers limits how many calls of each service run at once. 0 is 100.
	MaxWorkers int

	// MaxLent limits how many further calls of a service an entrypoint takes on while the ones that
	// it has do not need their workers, because they wait for other calls ([Lend]). 0 is ten times
	// MaxWorkers, negative is none.
	MaxLent int

	// ParentCallsTracked is how many ids of parent calls a call passes on with its own. 0 is 10,
	// Nameko's default, and negative is none.
	ParentCallsTracked int

	// Middleware wraps every call of every service, around the middleware that modules pass to
	// [Configure]. The first is the outermost. The container recovers from panics, and logs the
	// outcome, around all of it.
	Middleware []Middleware

	// Lenient lets members of objects in arguments and payloads be missing: they are the zero value
	// then, as in encoding/json. By default a member is required unless its field has a default,
	// omitempty, omitzero, or is a pointer. The tag key lenient of a row has precedence.
	Lenient bool

	// Only are the rows whose entrypoints are started, as in "orders.GetOrder"; nil is all. The
	// others are bound, so that their mistakes are found, and [Row.Run] runs them.
	Only []string

	// MaxStuck ends the container when so many methods are stuck: they still run 5 s after their
	// call has ended, for instance by its time limit. It then stops in order, waits for the calls
	// that are not stuck, and [Container.Wait] returns a [*StuckError]. 0 is never.
	MaxStuck int

	// Grace limits the time of a stop for which there is no ctx: after a Start that failed, after
	// [Row.Fail], and after Shutdown of the application's fx.Shutdowner. 0 is 25 s.
	Grace time.Duration

	// Instance is the name of this process, which [Host.Instance] and [Call].Instance return. ""
	// is host/pid-xxxx, where xxxx is random for each container.
	Instance string

	// HealthInterval is the mean time between two checks of a [HealthChecker]; a quarter of it more
	// or less is random. 0 is 5 s. HealthTimeout limits one check. 0 is 3 s.
	HealthInterval, HealthTimeout time.Duration

	// PauseUnhealthy pauses the consumers of events, messages and jobs of services that use a failing
	// [HealthChecker] until it works again: other processes may still handle the messages. Calls by
	// RPC and HTTP are refused meanwhile ([Row.Unavailable]).
	PauseUnhealthy bool

	// Logger logs the outcome of every call: success at DEBUG, expected errors and calls that the
	// caller gave up at WARN, other errors at ERROR. Nil is slog.Default().
	Logger *slog.Logger
}

const (
	defaultMaxWorkers = 100
	defaultStuckAfter = 5 * time.Second

	defaultGrace = 25 * time.Second
)

// A Container hosts the services of a process: it starts and stops them, and runs their calls. Its
// methods may be called concurrently.
type Container struct {
	cfg        Config
	logger     *slog.Logger
	stuckAfter time.Duration // how long a method may run after its call has ended, before it is logged
	stacks     stacks
	stuck      atomic.Int64 // methods

	observers Observers
	guard     Guard // nil if there is none

	hosted        []*hosted
	host          *Host
	configuration configuration
	binding       string // the service whose extension is called; "" if none is
	health        *health
	bound         bool       // New has returned: nothing more is shared
	shared        []*managed // in the order in which they were made, so that each comes after those it needs
	entrypoints   []*managed
	rows          []*Row
	fields        []*Field

	app        *application
	life       context.Context // ends when the container does
	endLife    context.CancelCauseFunc
	begun      atomic.Bool // Start was called
	drain      drain
	pool       pool
	goroutines activity // of Host.Go
	stopping   chan struct{}
	leaving    sync.WaitGroup // of leave
	ended      chan struct{}

	mu sync.Mutex

	state  state
	cause  error                   // why the container ended, for Wait
	halt   context.CancelCauseFunc // ends a Start that runs
	asked  *ShutdownError          // the application called Shutdown of its fx.Shutdowner
	killed bool
}

// lifeKey is the key of the container in the context of its life.
type lifeKey struct{}

// A hosted is one service.
type hosted struct {
	name    string
	proto   reflect.Value // the struct, with its dependencies; each call gets a copy
	workers *semaphore
	target  *inject.Target // the fields that fx sets
	plan    inject.Plan    // the fields that each call sets
	outbox  bool           // a field sends after the call

	unavailable atomic.Pointer[UnavailableError] // nil unless Config.PauseUnhealthy and a dependency fails
	docs        Docs
	allow       string // the key allow of its name
}

// Names returns the names of the services in the order given to [New]. Those of fx modules come
// first.
func (c *Container) Names() []string {
	names := make([]string, len(c.hosted))
	for i, h := range c.hosted {
		names[i] = h.name
	}
	return names
}

// Rows returns the rows of all services, in the order of Names and of their tables.
func (c *Container) Rows() []*Row { return slices.Clone(c.rows) }

// Logger returns the Logger of [Config], or what slog.Default() was when [New] was called.
func (c *Container) Logger() *slog.Logger { return c.logger }

// Host returns the container as its extensions see it.
func (c *Container) Host() *Host { return c.host }

// workers returns how many calls each service runs at once.
func (c *Container) workers() int { return max(1, cmp.Or(c.cfg.MaxWorkers, defaultMaxWorkers)) }

// New returns a container of services: pointers to structs with a [Name]. Fx modules and options
// may stand beside them. They provide what the structs need, further services ([Provide]), and the
// configuration of extensions ([Configure]). All of this is one fx application. New calls its
// constructors; [Container.Start] and [Container.Stop] run its hooks.
//
// The error has a line for every mistake in every service, with the service, the field and the
// remedy. New copies the services, so calls do not see later changes to them.
func New(cfg Config, services ...any) (*Container, error) {
	c := &Container{
		cfg:        cfg,
		logger:     cfg.Logger,
		stuckAfter: defaultStuckAfter,
		stopping:   make(chan struct{}),
		ended:      make(chan struct{}),
	}
	if c.logger == nil {
		c.logger = slog.Default()
	}
	if c.cfg.Instance == "" {
		c.cfg.Instance = id.Instance()
	}
	c.observers.logger = c.logger
	c.life, c.endLife = context.WithCancelCause(context.WithValue(context.Background(), lifeKey{}, c))
	c.host, c.health = newHost(c), new(health)
	c.app = newApplication(services, &c.configuration, c.shutDown)
	b := &binder{container: c, unstarted: newHost(c)}
	if err := b.bind(c.app); err != nil {
		c.endLife(ErrStopped)
		return nil, err
	}
	c.bound = true
	c.observers.bound(c.host)
	// A value that is both shared and an entrypoint starts and stops as an entrypoint.
	c.shared = slices.DeleteFunc(c.host.shared, func(s *managed) bool {
		return slices.ContainsFunc(c.entrypoints, s.same)
	})
	if len(c.health.checks) > 0 {
		c.shared = append(c.shared, &managed{value: c.health, owner: "health"})
	}
	return c, nil
}
