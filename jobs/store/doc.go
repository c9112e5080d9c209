// Package store keeps jobs in a database: SQLite or PostgreSQL.
//
// A [Store] has one row for each job, and moves it from state to state:
//
//	scheduled ──▶ queued ──▶ running ──▶ succeeded, failed, cancelled
//	    ▲           ▲           │
//	    └───────────┴───────────┘  after a fault, an orderly stop, or the death of the worker
//
// Rows are inserted with [Store.Insert]. A worker takes queued rows with [Store.Claim] and holds
// each by a lease, which it renews with [Store.Renew] while the job runs. [Store.Finish] records
// what has become of the job, unless another worker has it by then. [Store.Sweep] queues what is
// due, and what a worker held when it died. It returns the jobs for which workers should be woken.
//
// Only the clock of the database is used: processes pass durations. So clocks that differ between
// machines can neither end a lease early nor start a job early.
//
// Services do not use this package. They use package jobs, with a store from package jobs/sqlite or
// jobs/postgres:
//
//	s, err := sqlite.Open(ctx, "jobs.db")
//
// This package links no driver. It works on the *sql.DB that these two open.
package store
