package jobs

import (
	"context"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// Config configures jobs. It is given to services with [service.Configure], and to a program that
// hosts none with [NewEnqueuer]. The zero value works, without a store.
type Config struct {
	// Store keeps a row for each job. Nil is none, unless there is Open: see Without a store in the
	// package comment. Whoever has opened it closes it.
	Store *store.Store

	// Open opens the store when services start that have jobs or clients of jobs. It is closed when
	// they have stopped. It is not called if there is Store.
	Open func(ctx context.Context) (*store.Store, error)

	// Keep is how long a job is kept after its end. 0 is 7 days; negative is without end.
	Keep time.Duration

	// Lease is how long the job of a worker that has died waits until another one runs it, and how
	// long a worker without the database may go on. It is renewed three times as often. 0 is a minute;
	// the shortest is a second.
	Lease time.Duration

	// Deaths is how many workers may die with a job, before it fails as a suspect that kills them. 0
	// is 3; a negative number means no limit. Of the jobs that have one death left, a process runs one
	// at a time. With 1, a job fails with the first worker that dies, though another job may have
	// killed that one.
	Deaths int

	// Wait limits [Ref.Wait] if its ctx has no deadline. 0 means an hour, a negative number no limit.
	Wait time.Duration

	// Enqueued is called with each job that a client enqueues, before it is sent. Package servicetest
	// sets it.
	Enqueued func(Enqueued)

	times times
}

// These times are shorter or longer in tests; 0 is the default.
type times struct {
	sweep        time.Duration // between two regular sweeps
	unknownFor   time.Duration // how long a job waits for a worker that knows its name
	unknownAgain time.Duration // how long it waits between two workers
	look         time.Duration // between two looks whether periodic rows have changed
}

// hasStore reports whether there is a store, or will be when the services start.
func (c Config) hasStore() bool { return c.Store != nil || c.Open != nil }
