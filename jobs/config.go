package jobs

import (
	"context"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// Config configures jobs. It is given to services with [service.Configure], and to a program that
// hosts none with [NewEnqueuer]. The zero value works, without a store.
type Config struct {
	// Store keeps a row for each job. Nil is none, unless there is Open. Whoever has opened it closes
	// it.
	Store *store.Store

	// Open opens the store when services start that have jobs or clients of jobs. It is closed when
	// they have stopped. It is not called if there is Store.
	Open func(ctx context.Context) (*store.Store, error)

	// Keep is how long a job is kept after its end. 0 is 7 days; negative is without end.
	Keep time.Duration

	// Wait limits [Ref.Wait] if its ctx has no deadline. 0 is an hour; negative is no limit.
	Wait time.Duration

	// Enqueued is called with each job that a client enqueues, before it is sent. Package servicetest
	// sets it.
	Enqueued func(Enqueued)
}

// hasStore reports whether there is a store, or will be when the services start.
func (c Config) hasStore() bool { return c.Store != nil || c.Open != nil }
