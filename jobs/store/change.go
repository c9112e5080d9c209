package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

const cancelling = `UPDATE gomeko_job SET cancel = true,
	state = CASE state WHEN 'running' THEN state ELSE 'cancelled' END,
	finished_at = CASE state WHEN 'running' THEN finished_at ELSE {now} END,
	sweep_at = CASE state WHEN 'running' THEN sweep_at ELSE {now} END,
	hook = CASE state WHEN 'running' THEN hook ELSE 'due' END,
	nudges = 0
WHERE id = $1 AND state IN ('scheduled', 'queued', 'running') RETURNING {columns}`

// Cancel cancels a job. A job that waits never runs: it is returned as Cancelled, with its hook
// due. If the job runs, Cancel sets [Job.Cancel], and its worker notices within a second. A job
// that has been cancelled before is returned unchanged. For one that has ended otherwise, the error
// is a [StateError].
func (s *Store) Cancel(ctx context.Context, id string) (Job, error) {
	j, changed, err := s.change(ctx, id, cancelling, id)
	if err != nil || changed || j.State == Cancelled {
		return j, err
	}
	return j, &StateError{Job: j, Verb: "cancel", Why: fmt.Sprintf("it has %s already", j.State)}
}

// retrying does not queue a job whose key another job holds. If the payload is replaced, the terms
// of the job are unknown, and the worker that claims it computes them.
const (
	edited   = `CAST($2 AS {bytes}) IS NOT NULL`
	retrying = `UPDATE gomeko_job SET state = 'queued', run_at = {now}, sweep_at = {now}, nudges = 0, started_at = NULL, finished_at = NULL,
	owner = '', host = '', earlier = attempt, deaths = 0, cancel = false, progress = NULL, progress_text = '', result = NULL,
	error_type = '', error = '', hook = 'none', payload = coalesce(CAST($2 AS {bytes}), payload),
	version = CASE WHEN ` + edited + ` THEN NULL ELSE version END, resource = CASE WHEN ` + edited + ` THEN NULL ELSE resource END,
	unique_key = CASE WHEN ` + edited + ` THEN NULL ELSE unique_key END, unique_until = CASE WHEN ` + edited + ` THEN NULL ELSE unique_until END
WHERE id = $1 AND state IN ('succeeded', 'failed', 'cancelled') AND hook <> 'running'
	AND (` + edited + ` OR NOT EXISTS (` + rival + `)) RETURNING {columns}`

	// rival selects the other job that holds the key of a job, unless its time has expired.
	rival = `SELECT o.id FROM gomeko_job AS o, gomeko_job AS k WHERE k.id = $1 AND o.seq <> k.seq
	AND o.service = k.service AND o.name = k.name AND o.unique_key = k.unique_key
	AND o.unique_key IS NOT NULL AND (o.finished_at IS NULL OR o.unique_until IS NOT NULL)
	AND (o.finished_at IS NULL OR o.unique_until > {now})`

	// yielding takes the key of a job from another one that has ended and whose time has expired.
	yielding = `UPDATE gomeko_job SET unique_until = NULL
WHERE ` + mayHold + ` AND finished_at IS NOT NULL AND unique_until <= {now} AND id <> $1
	AND service = (SELECT service FROM gomeko_job WHERE id = $1) AND name = (SELECT name FROM gomeko_job WHERE id = $1)
	AND unique_key = (SELECT unique_key FROM gomeko_job WHERE id = $1)`
)

// Retry queues an ended job again, with payload as its payload unless that is nil. It clears the
// job's result, error and deaths. Attempts keep their numbers (see [Job.Earlier]), and the job
// keeps its place in the line of its resource. If the job has not ended, its hook is running, or
// another job holds its unique key, Retry returns the job with a [StateError]. With payload, the
// worker that claims the job computes its terms, and the job gets its unique key only if no other
// one holds it.
func (s *Store) Retry(ctx context.Context, id string, payload []byte) (Job, error) {
	if !possible(id) {
		return Job{}, noSuch(id)
	}
	if _, err := s.exec(ctx, yielding, id); err != nil {
		return Job{}, err
	}
	j, changed, err := s.change(ctx, id, retrying, id, payload)
	switch {
	case err != nil || changed:
		return j, err
	case j.State.Final() && j.Hook == HookRunning:
		return j, &StateError{Job: j, Verb: "retry", Why: "its done hook runs at this moment: try again later"}
	case j.State.Final():
		other, err := s.rival(ctx, id)
		if err != nil {
			return j, err
		}
		return j, &StateError{Job: j, Verb: "retry", Why: fmt.Sprintf("job %s has its unique key %s: wait until that one has ended", other, j.UniqueKey)}
	default:
		return j, &StateError{Job: j, Verb: "retry", Why: fmt.Sprintf("it is %s: only a job that has ended can be retried", j.State)}
	}
}

// rival returns the job that holds the key of another one.
func (s *Store) rival(ctx context.Context, id string) (other string, err error) {
	err = s.read(func(c conn) error {
		found, err := texts(ctx, c, s.text(rival), id)
		other = strings.Join(found, ", ")
		return err
	})
	return other, err
}

// change runs a statement that changes one row, and reports whether it did. If not, it returns the
// current row.
func (s *Store) change(ctx context.Context, id, statement string, args ...any) (j Job, changed bool, err error) {
	if !possible(id) {
		return j, false, noSuch(id)
	}
	err = s.transact(ctx, func(c conn) error {
		changed = true
		rows, err := jobs(ctx, c, s.text(statement), args...)
		if err == nil && len(rows) == 0 {
			changed = false
			rows, err = jobs(ctx, c, s.text(`SELECT {columns} FROM gomeko_job WHERE id = $1`), id)
		}
		switch {
		case err != nil:
			return err
		case len(rows) == 0:
			return fmt.Errorf("job %s: %w", id, ErrNotFound)
		}
		if j = rows[0]; changed && j.State.Final() { // the next sweep wakes a worker
			_, err = s.wake(ctx, c, []string{j.Resource}, 0)
		}
		return err
	})
	return j, changed, err
}

const (
	getting = `SELECT {columns} FROM gomeko_job WHERE id {items $1}`
	looking = `SELECT {light} FROM gomeko_job WHERE id {items $1}`
)

// Get returns the jobs with these ids, in this order. It omits ids that are not in the store.
func (s *Store) Get(ctx context.Context, ids ...string) (found []Job, err error) {
	return s.find(ctx, getting, ids)
}

// Look is [Store.Get] without Payload, Headers or Result.
func (s *Store) Look(ctx context.Context, ids ...string) (found []Job, err error) {
	return s.find(ctx, looking, ids)
}

// find returns the jobs with these ids, using the given statement.
func (s *Store) find(ctx context.Context, statement string, ids []string) (found []Job, err error) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !possible(id) })
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []Job
	err = s.read(func(c conn) (err error) {
		rows, err = jobs(ctx, c, s.text(statement), object(ids))
		return err
	})
	byID := make(map[string]Job, len(rows))
	for _, j := range rows {
		byID[j.ID] = j
	}
	for _, id := range ids {
		if j, ok := byID[id]; ok {
			found = append(found, j)
		}
	}
	return found, err
}

// Attempts returns the attempts of a job that did not succeed, oldest first.
func (s *Store) Attempts(ctx context.Context, id string) (all []Attempt, err error) {
	if !possible(id) {
		return nil, nil
	}
	err = s.read(func(c conn) error {
		return each(ctx, c, func(rows *sql.Rows) error {
			var a Attempt
			err := rows.Scan(&a.Number, &a.Owner, &a.Host, (*moment)(&a.Started), (*moment)(&a.Ended), &a.Kind, &a.Error, &a.Stack)
			all = append(all, a)
			return err
		}, `SELECT number, owner, host, started_at, ended_at, kind, error, stack FROM gomeko_attempt
			WHERE job = (SELECT seq FROM gomeko_job WHERE id = $1) ORDER BY number`, id)
	})
	return all, err
}

const (
	moving = `UPDATE gomeko_job SET queue = $2 WHERE seq {among %s}`

	// waits selects the jobs of a name in a state, in the order of an index. Locked rows are left
	// for the next call.
	waits = `SELECT * FROM (SELECT seq FROM gomeko_job WHERE service = $3 AND queue = $1 AND name = $%d AND state = '%s'
	ORDER BY seq LIMIT $4{skip}) AS %s%d`

	waitsForHook = `SELECT seq FROM gomeko_job{by gomeko_job_hook} WHERE hook = 'due' AND queue = $1 AND service = $3 AND name {items $5}
	ORDER BY seq LIMIT $4{skip}`
)

// selectWaiting returns the statement that selects the waiting jobs of this many names.
func selectWaiting(names int) string {
	var parts []string
	for i := range names {
		for _, state := range []State{Scheduled, Queued} {
			parts = append(parts, fmt.Sprintf(waits, i+5, state, state, i))
		}
	}
	return `SELECT seq FROM (` + strings.Join(parts, " UNION ALL ") + `) AS n`
}

// Move moves jobs with these names to another queue of the service, and returns how many it moved.
// It moves jobs that are scheduled or queued, and those that have ended and whose hook is due. Jobs
// can be in a queue other than that of their row if the row's queue was changed, or if a client
// that does not know it has used the default queue of the service.
func (s *Store) Move(ctx context.Context, service, from, to string, names ...string) (n int, err error) {
	args := []any{from, to, service, batch}
	move := func(selection string, args []any) error {
		for {
			moved, err := s.exec(ctx, fmt.Sprintf(moving, selection), args...)
			if n += moved; err != nil || moved < batch {
				return err
			}
		}
	}
	for part := range slices.Chunk(names, widest/2) {
		all := slices.Clone(args)
		for _, name := range part {
			all = append(all, name)
		}
		if err := move(selectWaiting(len(part)), all); err != nil {
			return n, err
		}
	}
	return n, move(waitsForHook, append(args, object(names)))
}

const (
	pruned = `SELECT seq FROM gomeko_job WHERE finished_at < {in CAST($1 AS bigint)} AND hook IN ('none', 'ran')
	AND (unique_until IS NULL OR unique_until <= {now}) ORDER BY finished_at LIMIT $2{skip}`

	forgetting = `DELETE FROM gomeko_attempt WHERE job {numbers $1}`
	pruning    = `DELETE FROM gomeko_job WHERE seq {numbers $1}`
)

// Prune deletes jobs that ended more than keep ago, at most limit of them, and returns how many. It
// keeps jobs whose hook has not run and jobs that still hold their unique key.
func (s *Store) Prune(ctx context.Context, keep time.Duration, limit int) (n int, err error) {
	err = s.transact(ctx, func(c conn) error {
		all, err := seqs(ctx, c, s.text(pruned), -micros(keep), limit)
		if n = len(all); err != nil || n == 0 {
			return err
		}
		for _, statement := range []string{forgetting, pruning} {
			if _, err := c.ExecContext(ctx, s.text(statement), object(all)); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// seqs runs a statement that returns the Seq of rows.
func seqs(ctx context.Context, c conn, query string, args ...any) (all []int64, err error) {
	err = each(ctx, c, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		all = append(all, n)
		return err
	}, query, args...)
	return all, err
}
