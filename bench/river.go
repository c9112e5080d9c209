package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// riverArgs are the arguments of River's job.
type riverArgs struct {
	Text string `json:"text"`
}

// Kind is the name of the job.
func (riverArgs) Kind() string { return "work" }

// openRiver opens a database with as many connections as a store of gomeko has, and makes the
// tables.
func openRiver(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 8
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: quiet})
	if err == nil {
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	return pool, err
}

// hostRiver runs River's jobs in the database that args name.
func hostRiver(ctx context.Context, args []string, begun func()) (*pgxpool.Pool, *river.Client[pgx.Tx], error) {
	pool, err := openRiver(ctx, args[1])
	if err != nil {
		return nil, nil, err
	}
	known := river.NewWorkers()
	river.AddWorker(known, river.WorkFunc(func(context.Context, *river.Job[riverArgs]) error {
		begun()
		return nil
	}))
	config := &river.Config{
		Logger: quiet, Workers: known, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
	}
	if len(args) < 3 || args[2] != "defaults" {
		config.FetchCooldown, config.FetchPollInterval = 2*time.Millisecond, 20*time.Millisecond
	}
	client, err := river.NewClient(riverpgxv5.New(pool), config)
	if err != nil {
		return nil, nil, err
	}
	return pool, client, client.Start(ctx)
}

// riverEnqueuer returns what enqueues River's job.
func riverEnqueuer(client *river.Client[pgx.Tx]) func(ctx context.Context, text string) error {
	return func(ctx context.Context, text string) error {
		_, err := client.Insert(ctx, riverArgs{text}, nil)
		return err
	}
}

// runRiver is runJobs with River.
func runRiver(ctx context.Context, r *role, args []string) error {
	pool, _, err := hostRiver(ctx, args, func() { r.handled.Add(1) })
	r.settled = func() int64 {
		n, running := r.handled.Load(), int64(0)
		must(pool.QueryRow(ctx, "SELECT count(*) FROM river_job WHERE state = 'running'").Scan(&running))
		return n - running
	}
	return err
}

// enqueueRiver is enqueueJobs with River.
func enqueueRiver(ctx context.Context, r *role, args []string) error {
	pool, err := openRiver(ctx, args[1])
	if err != nil {
		return err
	}
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: quiet})
	if err != nil {
		return err
	}
	r.call = riverEnqueuer(client)
	return nil
}

// startRiver is startJobs with River.
func startRiver(ctx context.Context, r *role, args []string) error {
	begun := make(chan time.Time, 1)
	_, client, err := hostRiver(ctx, args, func() { begun <- time.Now() })
	if err != nil {
		return err
	}
	r.soon(riverEnqueuer(client), begun)
	return nil
}
