package periodic

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/gomeko/gomeko/internal/ticks"
	"github.com/gomeko/gomeko/jobs/store"
)

const (
	// lookEvery is how often a process checks whether a row has been resumed or its schedule
	// changed.
	lookEvery = 5 * time.Second

	// waitEvery is how often a process checks whether the job that delays the next tick has ended.
	waitEvery = time.Second

	// awayMin and awayMax bound the time between two attempts to reach a store that does not
	// answer.
	awayMin, awayMax = 250 * time.Millisecond, 5 * time.Second
)

// A Beat inserts the jobs of rows at their ticks. Each process of a fleet has one for its rows.
type Beat struct {
	Store *store.Store
	Rows  []store.Periodic // as this process declares them
	Log   *slog.Logger

	// Inserted is called when this process has inserted jobs of a row, or skipped some of its
	// ticks.
	Inserted func(row store.Periodic, t store.Tick)

	// Look is how often to check for changes that other processes have made. 0 means 5 s.
	Look time.Duration

	plans map[[4]string]planned
}

// A planned is a schedule that has been parsed, or the error.
type planned struct {
	plan ticks.Plan
	err  error
}

// Run registers the rows, and inserts their jobs until ctx ends.
func (b *Beat) Run(ctx context.Context) {
	if b.Look == 0 {
		b.Look = lookEvery
	}
	b.plans = map[[4]string]planned{}
	registered := false
	for delay := awayMin; ; {
		pause, err := b.Look, error(nil)
		if registered {
			pause, err = b.beat(ctx)
		} else if err = b.register(ctx); err == nil {
			registered, pause = true, 0
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if delay == awayMin {
				b.Log.Warn("jobs: periodic jobs are late: the store does not answer", "err", err)
			}
			pause, delay = delay, min(2*delay, awayMax)
		} else {
			delay = awayMin
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// register records the rows of this process in the store. Before it does so, it inserts the jobs
// that are due by the previous schedule, which a change must not lose.
func (b *Beat) register(ctx context.Context) error {
	known, err := b.known(ctx)
	if err != nil {
		return err
	}
	for _, r := range b.Rows {
		if p, ok := known[r.Service+"."+r.Name]; ok {
			if _, _, err := b.tick(ctx, p); err != nil {
				return err
			}
		}
		if err := b.Store.Register(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// known returns the rows of this process from the store.
func (b *Beat) known(ctx context.Context) (map[string]store.Periodic, error) {
	var services []string
	for _, r := range b.Rows {
		if !slices.Contains(services, r.Service) {
			services = append(services, r.Service)
		}
	}
	all, err := b.Store.Periodics(ctx, services...)
	if err != nil {
		return nil, err
	}
	rows := make(map[string]store.Periodic, len(all))
	for _, p := range all {
		rows[p.Service+"."+p.Name] = p
	}
	return rows, nil
}

// beat inserts the jobs that are due, and returns the time until the next one may be.
func (b *Beat) beat(ctx context.Context) (pause time.Duration, err error) {
	known, err := b.known(ctx)
	if err != nil {
		return 0, err
	}
	read := time.Now()
	wake := read.Add(b.Look)
	for _, r := range b.Rows {
		p, ok := known[r.Service+"."+r.Name]
		if !ok { // the row has been deleted
			if err := b.Store.Register(ctx, r); err != nil {
				return 0, err
			}
			return 0, nil
		}
		after, asked, err := b.tick(ctx, p)
		if err != nil {
			return 0, err
		}
		at := read.Add(after)
		if asked {
			at = time.Now().Add(after)
		}
		if at.Before(wake) {
			wake = at
		}
	}
	return max(time.Until(wake), 0), nil
}

// tick inserts the jobs of a row that are due, and returns the time until the next one may be.
// asked is true if that time counts from now, because the store was asked again.
func (b *Beat) tick(ctx context.Context, p store.Periodic) (after time.Duration, asked bool, err error) {
	plan, unknown := b.plan(p)
	if unknown != nil { // it has been logged
		return b.Look, false, nil
	}
	if after := b.until(plan, p); after > 0 {
		return after, false, nil
	}
	p, done, err := b.Store.Tick(ctx, p.Service, p.Name, func(p store.Periodic) store.Tick {
		plan, err := b.plan(p)
		if err != nil {
			return store.Tick{}
		}
		return Decide(plan, p)
	})
	switch {
	case errors.Is(err, store.ErrNotPeriodic): // it will be registered again
		return 0, true, nil
	case err != nil:
		return 0, true, err
	}
	if len(done.Jobs) > 0 {
		b.Inserted(p, done)
	}
	if plan, unknown = b.plan(p); unknown != nil {
		return b.Look, true, nil
	}
	return b.until(plan, p), true, nil
}

// until returns the time until a job of a row may be due, or 0 if one is.
func (b *Beat) until(plan ticks.Plan, p store.Periodic) time.Duration {
	if p.Paused {
		return b.Look
	}
	at, _ := plan.Due(p.Last, p.Now)
	after := max(at.Sub(p.Now), 0)
	if after == 0 && plan.Overlap == ticks.OverlapSkip && p.Waiting() {
		return waitEvery
	}
	return after
}

// plan parses the schedule of a row, which the last process that registered the row has set.
func (b *Beat) plan(p store.Periodic) (ticks.Plan, error) {
	key := [4]string{p.Schedule, p.Zone, p.Missed, p.Overlap}
	known, ok := b.plans[key]
	if !ok {
		known.plan, known.err = PlanOf(p)
		b.plans[key] = known
		if known.err != nil {
			b.Log.Error("jobs: this process cannot read the schedule of a row that another process has registered: it does not tick here",
				"service", p.Service, "row", p.Field, "schedule", p.Schedule, "zone", p.Zone, "err", known.err)
		}
	}
	return known.plan, known.err
}
