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

	"github.com/gomeko/gomeko/internal/inject"
)

// Config configures a [Container]. The zero value works.
type Config struct {
	// MaxWorkers is the number of calls that one service runs at once; 0 is 100.
	MaxWorkers int

	// MaxLent is how many calls of one service an entrypoint takes on beyond MaxWorkers while all that it has taken on wait for
	// calls of their own ([Lend]), or for their rows; 0 is ten times MaxWorkers, negative is none.
	MaxLent int

	// ParentCallsTracked is how many call ids of callers a call hands on beside its own;
	// 0 is 10, Nameko's default, and negative is none.
	ParentCallsTracked int

	// Middleware wraps every call of every service, outermost first,
	// inside of the container's own recover and log.
	Middleware []Middleware

	// Only are the rows whose entrypoints are started, as in "orders.GetOrder"; nil is all. The others are bound, so that
	// their mistakes are found, and [Row.Run] runs them, but nothing else reaches them.
	Only []string

	// Grace is how long the container takes to stop in order when nobody calls Stop: after a Start that failed, a
	// [Row.Fail], or a request to the application's fx.Shutdowner. 0 is 25 s.
	Grace time.Duration

	// Logger gets the outcome of every call (done at DEBUG, expected errors and given up at WARN, others at ERROR) and what
	// goes wrong around them; nil is slog.Default().
	Logger *slog.Logger
}

const (
	defaultMaxWorkers = 100
	defaultStuckAfter = 5 * time.Second

	defaultGrace = 25 * time.Second
)

// A Container hosts the services of a process: it binds them once, starts and stops
// them in order, and runs their calls. Its methods may be called by any goroutine.
type Container struct {
	cfg        Config
	logger     *slog.Logger
	stuckAfter time.Duration // how long after its time a call is logged as stuck
	stacks     stacks

	hosted        []*hosted
	host          *Host
	configuration configuration
	bound         bool       // New is through: nothing more is shared
	shared        []*managed // in the order made, which is the order of need
	entrypoints   []*managed
	rows          []*Row

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
	halt   context.CancelCauseFunc // ends a Start that is not through
	asked  *ShutdownError          // what the application asked its fx.Shutdowner for
	killed bool
}

// lifeKey is the key of the container in its life.
type lifeKey struct{}

// A hosted is one service.
type hosted struct {
	name    string
	proto   reflect.Value // the struct, with its dependencies set; calls get copies
	workers *semaphore
	target  *inject.Target // what fx has for its fields
	plan    inject.Plan    // what each call is given anew
}

// Names returns the names of the services, in the order given to [New]; those of fx modules come first.
func (c *Container) Names() []string {
	names := make([]string, len(c.hosted))
	for i, h := range c.hosted {
		names[i] = h.name
	}
	return names
}

// Rows returns the rows of all services, in the order of Names and of their tables: what [Row.Run] runs by hand.
func (c *Container) Rows() []*Row { return slices.Clone(c.rows) }

// Logger returns [Config].Logger, or slog.Default() as it was at [New].
func (c *Container) Logger() *slog.Logger { return c.logger }

// Host returns the container as its extensions see it.
func (c *Container) Host() *Host { return c.host }

// workers returns how many calls each service runs at once.
func (c *Container) workers() int { return max(1, cmp.Or(c.cfg.MaxWorkers, defaultMaxWorkers)) }

// New binds services: pointers to structs with a [Name], and fx modules and options with what
// the structs need, and with further services ([Provide]). All of them are one fx application, whose constructors are called
// here, and whose hooks are run by [Container.Start] and [Container.Stop].
//
// Every mistake of every service is reported at once, a line each, with service, field and remedy.
// The services are copied: what is changed in them later is not seen by calls.
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
	c.life, c.endLife = context.WithCancelCause(context.WithValue(context.Background(), lifeKey{}, c))
	c.host = newHost(c)
	c.app = newApplication(services, &c.configuration, c.shutDown)
	b := &binder{container: c, unstarted: newHost(c)}
	if err := b.bind(c.app); err != nil {
		c.endLife(ErrStopped)
		return nil, err
	}
	c.bound = true
	// What is both shared and an entrypoint starts and stops as an entrypoint.
	c.shared = slices.DeleteFunc(c.host.shared, func(s *managed) bool {
		return slices.ContainsFunc(c.entrypoints, s.same)
	})
	return c, nil
}
