package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// A Renewed describes a job that the owner still holds, as returned by [Store.Renew].
type Renewed struct {
	Attempt int  // a job that the same owner has lost and claimed again has a higher one
	Cancel  bool // the job was cancelled, and its worker must stop it
}

const (
	holding = `owner = $1 AND (state = 'running' OR hook = 'running')`

	renewing = `UPDATE gomeko_job SET sweep_at = {in CAST($2 AS bigint)} WHERE ` + holding + ` AND %s RETURNING id, attempt, cancel`

	// free selects the rows of $3 that no other transaction is changing.
	free = `seq {among SELECT seq FROM gomeko_job WHERE ` + holding + ` AND id {items $3}{skip}}`

	held = `SELECT id FROM gomeko_job WHERE ` + holding + ` AND id {items $2}`
)

// Renew extends the leases of jobs that owner runs, or whose hook it runs: they now expire after
// lease. One statement renews all jobs except those that are being changed, such as by
// [Store.Finish]. It waits for these one at a time, because two statements that each lock several
// rows could deadlock. A job whose id is missing from the result is lost: its lease expired and was
// swept, or it has ended. Its worker must stop.
func (s *Store) Renew(ctx context.Context, owner string, lease time.Duration, ids []string) (map[string]Renewed, error) {
	renewed := make(map[string]Renewed, len(ids))
	for len(ids) > 0 {
		if err := s.renew(ctx, fmt.Sprintf(renewing, free), renewed, owner, micros(lease), object(ids)); err != nil {
			return nil, err
		}
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { _, ok := renewed[id]; return ok })
		if len(ids) == 0 {
			break
		}
		err := s.read(func(c conn) (err error) {
			ids, err = texts(ctx, c, s.text(held), owner, object(ids))
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(ids) > 0 { // otherwise the remaining ones are lost
			if err := s.renew(ctx, fmt.Sprintf(renewing, `id = $3`), renewed, owner, micros(lease), ids[0]); err != nil {
				return nil, err
			}
			ids = ids[1:]
		}
	}
	return renewed, nil
}

// renew runs a statement that renews leases, and adds them to renewed.
func (s *Store) renew(ctx context.Context, statement string, renewed map[string]Renewed, args ...any) error {
	return s.write(ctx, func(c conn) error {
		return each(ctx, c, func(rows *sql.Rows) error {
			var id string
			var r Renewed
			err := rows.Scan(&id, &r.Attempt, &r.Cancel)
			renewed[id] = r
			return err
		}, s.text(statement), args...)
	})
}

const cancelled = `SELECT id FROM gomeko_job WHERE owner = $1 AND state = 'running' AND cancel`

// Cancelled returns the ids of jobs that owner runs and that were cancelled.
func (s *Store) Cancelled(ctx context.Context, owner string) (ids []string, err error) {
	err = s.read(func(c conn) (err error) {
		ids, err = texts(ctx, c, cancelled, owner)
		return err
	})
	return ids, err
}

const progressing = `UPDATE gomeko_job SET progress = $4, progress_text = $5
WHERE id = $1 AND owner = $2 AND attempt = $3 AND state = 'running'`

// SetProgress records how far a running job has come: a fraction from 0 to 1, and a text, which is
// truncated to 255 bytes. It returns [ErrLost] if owner does not run this attempt.
func (s *Store) SetProgress(ctx context.Context, id, owner string, attempt int, fraction float64, text string) error {
	if !(fraction >= 0 && fraction <= 1) {
		return fmt.Errorf("job %s: progress %v: must be from 0 to 1", id, fraction)
	}
	return s.one(ctx, id, progressing, id, owner, attempt, fraction, clean(text, 255))
}

// HookRan records that owner has run the hook of a job. It returns [ErrLost] if owner does not hold
// the job.
func (s *Store) HookRan(ctx context.Context, id, owner string) error {
	return s.one(ctx, id, `UPDATE gomeko_job SET hook = 'ran', sweep_at = NULL WHERE id = $1 AND owner = $2 AND hook = 'running'`, id, owner)
}

// one runs a statement that changes the row of a job that a worker holds.
func (s *Store) one(ctx context.Context, id, statement string, args ...any) error {
	return s.write(ctx, func(c conn) error {
		result, err := c.ExecContext(ctx, s.text(statement), args...)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			err = fmt.Errorf("job %s: %w", id, ErrLost)
		}
		return err
	})
}
