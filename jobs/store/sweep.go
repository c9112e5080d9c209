package store

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// A Sweep configures [Store.Sweep].
type Sweep struct {
	Deaths int           // a job fails as a suspect after this many deaths; 0 means never
	Batch  int           // maximum number of jobs of each kind; the default is 500
	Again  time.Duration // the time before a worker is asked for again; the default is [Again]
}

// Swept is the result of [Store.Sweep].
type Swept struct {
	// Nudge are the jobs for which a worker should be woken: queued jobs, and ended ones whose hook
	// is due. They have no Payload, Headers or Result.
	Nudge []Job
	// Suspects are the jobs that failed because too many workers died while running them. Their
	// hooks are due, so Nudge contains them too.
	Suspects []Job
	// Killed is how many leases of running jobs had expired, including those of Suspects.
	Killed int
	// Next is the time until the next job is due, or 0 if none is known. It is a nanosecond if more
	// jobs are due already.
	Next time.Duration
	// Busy is set if another process was sweeping, and nothing was done.
	Busy bool
}

// The statements of a sweep. In those that change rows, $2 is the time until the next nudge. It
// doubles each time, up to 128 times the first.
const (
	due = `SELECT {light} FROM gomeko_job WHERE sweep_at <= {now} AND state <> 'queued' ORDER BY sweep_at LIMIT $1{skip}`

	queueing = `UPDATE gomeko_job SET state = 'queued', nudges = 1, sweep_at = {in CAST($2 AS bigint)}
WHERE seq {numbers $1} RETURNING {light}`

	killed = `INSERT INTO gomeko_attempt (job, number, owner, host, started_at, ended_at, kind, error, stack)
SELECT seq, attempt, owner, host, started_at, {now}, 'killed', $2, '' FROM gomeko_job WHERE seq {numbers $1}
ON CONFLICT (job, number) DO NOTHING`

	// burying queues the jobs that a worker held when it died, except those that are cancelled, and
	// suspects: those with $3 deaths.
	burying = `UPDATE gomeko_job SET deaths = deaths + 1, owner = '', host = '', nudges = 1, sweep_at = {in CAST($2 AS bigint)},
	state = CASE WHEN cancel THEN 'cancelled' WHEN deaths + 1 >= $3 THEN 'failed' ELSE 'queued' END,
	finished_at = CASE WHEN cancel OR deaths + 1 >= $3 THEN {now} END,
	hook = CASE WHEN cancel OR deaths + 1 >= $3 THEN 'due' ELSE 'none' END,
	error_type = CASE WHEN NOT cancel AND deaths + 1 >= $3 THEN 'suspect' ELSE error_type END,
	error = CASE WHEN NOT cancel AND deaths + 1 >= $3 THEN $4 ELSE error END
WHERE seq {numbers $1} RETURNING {light}`

	hooking = `UPDATE gomeko_job SET hook = 'due', nudges = nudges + 1, sweep_at = {in CAST($2 AS bigint) * {power}}
WHERE seq {numbers $1} RETURNING {light}`

	nudged     = `SELECT seq FROM gomeko_job WHERE sweep_at <= {now} AND state = 'queued' AND resource IS NULL ORDER BY sweep_at LIMIT $1{skip}`
	nudgedLine = `SELECT seq FROM gomeko_job WHERE sweep_at <= {now} AND sweep_at IS NOT NULL AND state = 'queued' AND resource IS NOT NULL
	ORDER BY sweep_at LIMIT $1{skip}`

	nudging = `UPDATE gomeko_job SET nudges = nudges + 1, sweep_at = {in CAST($2 AS bigint) * {power}} WHERE seq {numbers $1} RETURNING {light}`

	upcoming = `SELECT {until min(sweep_at)} FROM gomeko_job WHERE state <> 'queued' AND sweep_at IS NOT NULL`
)

// The errors of attempts and jobs whose workers died.
const (
	killedError  = "the lease ended: the worker died, hung, or lost the database"
	suspectError = "too many workers died with this job: find out why, then retry it"
)

// never is a number of deaths that no job reaches.
const never = 1 << 30

// Sweep queues jobs whose time has come, and jobs and hooks whose leases have expired. It also
// returns queued jobs and due hooks that no worker has taken for some time. Every process calls it
// about once a second; one of them sweeps, and the others return at once.
func (s *Store) Sweep(ctx context.Context, w Sweep) (swept Swept, err error) {
	w.Batch = cmp.Or(w.Batch, batch)
	w.Again = cmp.Or(w.Again, Again)
	w.Deaths = cmp.Or(w.Deaths, never)
	err = s.transact(ctx, func(c conn) error {
		swept = Swept{}
		if s.dialect.sweeping != "" {
			var locked bool
			if err := c.QueryRowContext(ctx, s.dialect.sweeping).Scan(&locked); err != nil || !locked {
				swept.Busy = true
				return err
			}
		}
		return s.sweep(ctx, c, w, &swept)
	})
	return swept, err
}

// sweep sweeps in a transaction.
func (s *Store) sweep(ctx context.Context, c conn, w Sweep, swept *Swept) error {
	all, err := jobs(ctx, c, s.text(due), w.Batch)
	if err != nil {
		return err
	}
	var scheduled, running, hooks []int64
	for _, j := range all {
		switch {
		case j.State == Scheduled:
			scheduled = append(scheduled, j.Seq)
		case j.State == Running:
			running = append(running, j.Seq)
		default:
			hooks = append(hooks, j.Seq)
		}
	}
	again, err := seqs(ctx, c, s.text(nudged), w.Batch)
	if err != nil {
		return err
	}
	line, err := seqs(ctx, c, s.text(nudgedLine), w.Batch)
	if err != nil {
		return err
	}
	if len(running) > 0 {
		if _, err := c.ExecContext(ctx, s.text(killed), object(running), killedError); err != nil {
			return err
		}
	}
	swept.Killed = len(running)
	var ended []string // resources
	for _, step := range []struct {
		statement string
		seqs      []int64
		more      []any
	}{
		{burying, running, []any{w.Deaths, suspectError}},
		{queueing, scheduled, nil},
		{hooking, hooks, nil},
		{nudging, append(again, line...), nil},
	} {
		if len(step.seqs) == 0 {
			continue
		}
		changed, err := jobs(ctx, c, s.text(step.statement), append([]any{object(step.seqs), micros(w.Again)}, step.more...)...)
		if err != nil {
			return err
		}
		slices.SortFunc(changed, func(a, b Job) int { return cmp.Compare(a.Seq, b.Seq) })
		swept.Nudge = append(swept.Nudge, changed...)
		if step.statement == burying {
			ended = endedResources(changed)
			swept.Suspects = slices.DeleteFunc(slices.Clone(changed), func(j Job) bool { return j.State != Failed })
		}
	}
	if err := s.sweepLines(ctx, c, w, ended, swept); err != nil {
		return err
	}
	return s.next(ctx, c, len(all) == w.Batch, swept)
}

// endedResources returns the resources of the jobs that have ended.
func endedResources(all []Job) (resources []string) {
	for _, j := range all {
		if j.State.Final() {
			resources = append(resources, j.Resource)
		}
	}
	return resources
}

// sweepLines removes from swept.Nudge the jobs that are not next in the line of their resource, and
// adds the next jobs of the resources in ended.
func (s *Store) sweepLines(ctx context.Context, c conn, w Sweep, ended []string, swept *Swept) (err error) {
	if swept.Nudge, err = s.unblocked(ctx, c, swept.Nudge); err != nil {
		return err
	}
	next, err := s.wake(ctx, c, ended, w.Again)
	for _, j := range next {
		if !slices.ContainsFunc(swept.Nudge, func(k Job) bool { return k.Seq == j.Seq }) {
			swept.Nudge = append(swept.Nudge, j)
		}
	}
	return err
}

// next sets the time until the next sweep has something to do.
func (s *Store) next(ctx context.Context, c conn, more bool, swept *Swept) error {
	if more {
		swept.Next = 1
		return nil
	}
	var until *int64
	if err := c.QueryRowContext(ctx, s.text(upcoming)).Scan(&until); err != nil {
		return err
	}
	switch {
	case until == nil:
	case *until > 0:
		swept.Next = time.Duration(*until) * time.Microsecond
	default: // another process is changing it
		swept.Next = 50 * time.Millisecond
	}
	return nil
}
