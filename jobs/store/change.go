package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const cancelling = `UPDATE gomeko_job SET cancel = true,
	state = CASE state WHEN 'running' THEN state ELSE 'cancelled' END,
	finished_at = CASE state WHEN 'running' THEN finished_at ELSE {now} END,
	sweep_at = CASE state WHEN 'running' THEN sweep_at ELSE {now} END,
	hook = CASE state WHEN 'running' THEN hook ELSE 'due' END,
	nudges = 0
WHERE id = $1 AND state IN ('scheduled', 'queued', 'running') RETURNING {columns}`

// Cancel cancels a job. One that waits never runs: it is returned as Cancelled, its hook due. For
// one that runs, [Job.Cancel] is set, which its worker sees within a second. A job that is
// cancelled already is returned as it is, and one that has ended otherwise with a [StateError].
func (s *Store) Cancel(ctx context.Context, id string) (Job, error) {
	j, changed, err := s.change(ctx, id, cancelling, id)
	if err != nil || changed || j.State == Cancelled {
		return j, err
	}
	return j, &StateError{Job: j, Verb: "cancel", Why: fmt.Sprintf("it has %s already", j.State)}
}

const retrying = `UPDATE gomeko_job SET state = 'queued', run_at = {now}, sweep_at = {now}, nudges = 0, started_at = NULL, finished_at = NULL,
	owner = '', host = '', earlier = attempt, deaths = 0, cancel = false, progress = NULL, progress_text = '', result = NULL,
	error_type = '', error = '', hook = 'none', payload = coalesce(CAST($2 AS {bytes}), payload)
WHERE id = $1 AND state IN ('succeeded', 'failed', 'cancelled') AND hook <> 'running' RETURNING {columns}`

// Retry queues a job that has ended once more, with payload if that is not nil. Its result, its
// error and its deaths are cleared. Its attempts keep their numbers: see [Job.Earlier]. A job that
// has not ended, or whose hook runs now, is returned with a [StateError].
func (s *Store) Retry(ctx context.Context, id string, payload []byte) (Job, error) {
	j, changed, err := s.change(ctx, id, retrying, id, payload)
	switch {
	case err != nil || changed:
		return j, err
	case j.State.Final():
		return j, &StateError{Job: j, Verb: "retry", Why: "its done hook runs at this moment: try again later"}
	default:
		return j, &StateError{Job: j, Verb: "retry", Why: fmt.Sprintf("it is %s: only a job that has ended can be retried", j.State)}
	}
}

// change runs a statement that changes one row, and reports whether it did. If not, it returns the
// row as it is.
func (s *Store) change(ctx context.Context, id, statement string, args ...any) (j Job, changed bool, err error) {
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
		j = rows[0]
		return nil
	})
	return j, changed, err
}

const getting = `SELECT {columns} FROM gomeko_job WHERE id {items $1}`

// Get returns the jobs of these ids, in this order. Ids that the store does not have are left out.
func (s *Store) Get(ctx context.Context, ids ...string) (found []Job, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []Job
	err = s.read(func(c conn) (err error) {
		rows, err = jobs(ctx, c, s.text(getting), object(ids))
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

// Attempts returns the attempts of a job that did not end in success, oldest first.
func (s *Store) Attempts(ctx context.Context, id string) (all []Attempt, err error) {
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

// Two statements, because each has an index of its own.
const (
	moving     = `UPDATE gomeko_job SET queue = $2 WHERE state = 'queued' AND queue = $1 AND name {items $3}`
	movingDone = `UPDATE gomeko_job SET queue = $2 WHERE hook = 'due' AND queue = $1 AND name {items $3}`
)

// Move moves jobs of these names to another queue: those that are queued, and those that have ended
// and whose hook is due. It returns how many. A client that does not know in which queue a job's
// worker looks for it inserts it with the one that the service's rows have by default.
func (s *Store) Move(ctx context.Context, from, to string, names ...string) (n int, err error) {
	err = s.write(ctx, func(c conn) error {
		n = 0
		for _, statement := range []string{moving, movingDone} {
			result, err := c.ExecContext(ctx, s.text(statement), from, to, object(names))
			if err != nil {
				return err
			}
			moved, err := result.RowsAffected()
			if err != nil {
				return err
			}
			n += int(moved)
		}
		return nil
	})
	return n, err
}

const (
	pruned = `SELECT seq FROM gomeko_job WHERE finished_at < {in CAST($1 AS bigint)} AND hook IN ('none', 'ran') ORDER BY finished_at LIMIT $2{skip}`

	forgetting = `DELETE FROM gomeko_attempt WHERE job {numbers $1}`
	pruning    = `DELETE FROM gomeko_job WHERE seq {numbers $1}`
)

// Prune deletes jobs that ended more than keep ago, at most limit of them, and returns how many.
// Those whose hook has not run yet are kept.
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

// seqs runs a statement that returns numbers of rows.
func seqs(ctx context.Context, c conn, query string, args ...any) (all []int64, err error) {
	err = each(ctx, c, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		all = append(all, n)
		return err
	}, query, args...)
	return all, err
}
