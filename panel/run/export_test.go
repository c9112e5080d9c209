package run

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// SetTimes sets how often a process looks, and how long it holds a run.
func (c *Config) SetTimes(tick, poll, lease time.Duration) {
	c.times = times{tick: tick, poll: poll, lease: lease, prune: time.Hour}
}

// SetStep sets a func to call at each step of a run.
func (r *Runs) SetStep(f func(step, id string)) { r.step = f }

// Statement returns the statement of a page in the dialect of the database.
func (r *Runs) Statement(ctx context.Context, f Filter) (query string, args []any, err error) {
	first, end, err := r.bounds(ctx, f)
	query, args = f.statement(first, end)
	return r.text(query), args, err
}

// DB returns the database.
func (r *Runs) DB() *sql.DB { return r.cfg.DB }

// Prune deletes old runs.
func (r *Runs) Prune(ctx context.Context) error { return r.prune(ctx) }

// Find returns the func that finds services.
func (r *Runs) Find() func(context.Context, string) (Service, error) { return r.cfg.Find }

// Follow settles runs of processes that have died, and follows jobs.
func (r *Runs) Follow(ctx context.Context) error { return errors.Join(r.settle(ctx), r.follow(ctx)) }
