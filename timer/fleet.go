package timer

import (
	"context"
	"time"

	"github.com/gomeko/gomeko/service"
)

// A Fleet lets a row tick in one process of a fleet at a time: in the process that holds the row's
// token. Package runner and package servicetest configure the one of package fleet, which keeps the
// tokens in queues; other programs add service.Configure(fleet.Timers()) to their services.
//
// It is called for the row r when the container is made, and returns the row's membership. Whenever
// this process holds the token, lead is called. Its ctx ends when the token is lost, or when the
// container is killed. If lead returns after Stop was called, the token is passed on.
type Fleet func(r *service.Row, info Info, lead func(ctx context.Context, t Token)) (Member, error)

// A Member is the entrypoint of a row that takes part in passing a token on.
type Member interface {
	service.Entrypoint

	// Setup declares what Start needs.
	Setup(ctx context.Context) error
}

// Info describes a row's ticks, for the list of a fleet's timers.
type Info struct {
	Schedule string         // the interval or the cron expression
	Zone     *time.Location // nil for an interval
}

// A Token has the state of a timer. One process of the fleet holds it at a time.
type Token interface {
	// State returns the state.
	State() State

	// Changed receives a value when somebody else has changed the state, for example to pause the
	// timer.
	Changed() <-chan struct{}

	// Update changes the state, and returns once the next holder of the token is certain to have the
	// new one. It returns an error if ctx ends first.
	Update(ctx context.Context, change func(*State)) error
}

// A State is what is known about the ticks of a timer.
type State struct {
	// Last is the nominal time of the last tick that was called or skipped. The next tick is the
	// first one after it. The zero time means that the timer has never run.
	Last time.Time

	// Next is when the next tick is due, for display.
	Next time.Time

	// Paused says that no ticks are due until somebody resumes the timer.
	Paused bool

	// Asked says that somebody has asked for one call now.
	Asked bool
}
