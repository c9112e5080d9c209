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
	// MaxWorkers limits how many calls of each service run at once. 0 means 100.
	MaxWorkers int

	// MaxLent limits how many more calls of a service an entrypoint accepts while its current ones
	// have lent their workers because they wait for other calls ([Lend]). 0 means ten times
	// MaxWorkers; a negative value means none.
	MaxLent int

	// ParentCallsTracked is how many ids of parent calls a call passes on with its own. 0 means 10,
	// Nameko's default; a negative value means none.
	ParentCallsTracked int

	// Middleware wraps every call of every service, around the middleware that modules pass to
	// [Configure]. The first is the outermost. The container recovers panics and logs the outcome
	// outside of all middleware.
	Middleware []Middleware

	// Lenient allows members of objects in arguments and payloads to be missing; their fields keep the
	// zero value, as in encoding/json. By default, a member is required unless its field has a
	// default, omitempty or omitzero, or is a pointer. The key lenient in a row's tag takes
	// precedence.
	Lenient bool

	// Only lists the rows whose entrypoints are started, such as "orders.GetOrder". Nil means all. The
	// other rows are still bound, so their mistakes are found and [Row.Run] can run them.
	Only []string

	// MaxStuck ends the container when this many methods are stuck, that is, still run 5 s after their
	// call has ended, for example because it timed out. The container then stops in order, waits for
	// the calls that are not stuck, and [Container.Wait] returns a [*StuckError]. 0 means never.
	MaxStuck int

	// Grace limits the time of a stop that is not given a ctx: after a Start that failed, after
	// [Row.Fail], and after Shutdown of the application's fx.Shutdowner. 0 means 25 s.
	Grace time.Duration

	// Instance is the name of this process, as [Host.Instance] and [Call].Instance have it. "" means
	// host/pid-xxxx, where xxxx is random for each container.
	Instance string

	// HealthInterval is the mean time between two checks of a [HealthChecker]; each interval varies
	// randomly by up to a quarter of it. 0 means 5 s. HealthTimeout limits one check. 0 means 3 s.
	HealthInterval, HealthTimeout time.Duration

	// PauseUnhealthy makes services that use a failing [HealthChecker] stop consuming events, messages
	// and jobs until it works again, so that other processes can handle the messages. Calls by RPC and
	// HTTP are refused meanwhile ([Row.Unavailable]).
	PauseUnhealthy bool

	// Logger logs the outcome of every call: success at DEBUG, expected errors and calls that the
	// caller gave up on at WARN, other errors at ERROR. Nil means slog.Default().
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
	shared        []*managed // in the order of creation: each comes after those it needs
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

// New returns a container of services, which are pointers to structs with a [Name]. Fx modules and
// options may be passed along with them. They provide the values that the structs need, more
// services ([Provide]), and the configuration of extensions ([Configure]). All of this forms one fx
// application. New calls its constructors; [Container.Start] and [Container.Stop] run its hooks.
//
// The error has one line for each mistake in any service, with the service, the field and the fix.
// New copies the services, so calls do not see later changes to them.
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
