// Package store keeps jobs in a database: SQLite or PostgreSQL.
//
// A [Store] has one row for each job, and moves it from state to state:
//
//	scheduled ──▶ queued ──▶ running ──▶ succeeded, failed, cancelled
//	    ▲           ▲           │
//	    └───────────┴───────────┘  after a fault, an orderly stop, or the death of the worker
//
// [Store.Insert] inserts rows. A worker takes queued rows with [Store.Claim] and holds each with a
// lease, which it renews with [Store.Renew] while the job runs. [Store.Finish] records the end of
// an attempt, unless another worker has taken the job by then. [Store.Sweep] queues jobs that are
// due and jobs whose worker has died. It returns the jobs for which workers should be woken.
//
// Only the clock of the database is used: processes pass durations. Differences between the clocks
// of machines can therefore neither end a lease early nor start a job early.
//
// Services do not use this package. They use package jobs, with a store from package jobs/sqlite or
// jobs/postgres:
//
//	s, err := sqlite.Open(ctx, "jobs.db")
//
// This package imports no driver. It works on the *sql.DB that these two open.
package store
