package jobs

import (
	"context"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// Config configures jobs. Pass it to services with [service.Configure]; a program that hosts none
// passes it to [NewEnqueuer]. The zero value works, without a store.
type Config struct {
	// Store keeps a row for each job. If Store and Open are nil, jobs run without a store: see
	// Without a store in the package comment. The program that opened the store closes it.
	Store *store.Store

	// Open opens the store when services that have jobs or clients of jobs start. The store is
	// closed when they have stopped. Open is not called if Store is set.
	Open func(ctx context.Context) (*store.Store, error)

	// Keep is how long a job is kept after its end. 0 means 7 days, a negative number forever.
	Keep time.Duration

	// Lease is how long a lease on a job lasts; its worker renews it three times in this time. If
	// the worker dies, another one runs the job when the lease has expired. A worker that cannot
	// reach the database cancels its job before that. 0 means a minute; the minimum is a second.
	Lease time.Duration

	// Deaths is how many workers may die while running a job before it fails as a suspect. 0 means
	// 3, a negative number no limit. Of the jobs that have one death left, a process runs one at a
	// time. With 1, a job fails when the first worker dies, though another job may have killed that
	// worker.
	Deaths int

	// Wait limits [Ref.Wait] if its ctx has no deadline. 0 means an hour, a negative number no
	// limit.
	Wait time.Duration

	// Enqueued is called with each job that a client enqueues, before it is sent. Package servicetest
	// sets it.
	Enqueued func(Enqueued)

	times times
}

// times are the intervals that tests change; 0 means the default.
type times struct {
	sweep        time.Duration // between two regular sweeps
	unknownFor   time.Duration // how long a job waits for a worker that has a row of its name
	unknownAgain time.Duration // how long it waits between two such workers
	look         time.Duration // between two checks whether periodic rows have changed
}

// hasStore reports whether there is a store, or will be when the services start.
func (c Config) hasStore() bool { return c.Store != nil || c.Open != nil }
