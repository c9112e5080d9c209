package run

import (
	"context"
	"database/sql"
)

const (
	outdated = `DELETE FROM gomeko_panel_run WHERE seq IN (SELECT seq FROM gomeko_panel_run WHERE started_at < {now} - $1 AND open = 0 ORDER BY started_at LIMIT $2)`

	// endedOf selects by state instead of by open, because the index of a user's runs contains
	// states.
	endedOf = `FROM gomeko_panel_run WHERE actor = $1 AND state IN ('succeeded', 'failed', 'cancelled', 'lost')`

	surplus = `DELETE FROM gomeko_panel_run WHERE seq IN (SELECT seq ` + endedOf + ` ORDER BY seq LIMIT $2)`
)

// prune deletes runs that are too old, and the oldest runs of users who have too many.
func (r *Runs) prune(ctx context.Context) error {
	for r.cfg.Keep > 0 {
		deleted, err := r.exec(ctx, r.cfg.DB, outdated, r.cfg.Keep.Microseconds(), atOnce)
		if err != nil {
			return err
		}
		if !deleted {
			break
		}
	}
	for user := ""; r.cfg.Most > 0; {
		var next sql.NullString
		err := r.cfg.DB.QueryRowContext(ctx, `SELECT min(actor) FROM gomeko_panel_run WHERE actor > $1`, user).Scan(&next)
		if err != nil || !next.Valid {
			return err
		}
		user = next.String
		if err := r.pruneUser(ctx, user); err != nil {
			return err
		}
	}
	return nil
}

// pruneUser deletes the oldest runs of a user who has too many.
func (r *Runs) pruneUser(ctx context.Context, user string) error {
	var have int
	if err := r.cfg.DB.QueryRowContext(ctx, `SELECT count(*) `+endedOf, user).Scan(&have); err != nil {
		return err
	}
	for more := have - r.cfg.Most; more > 0; more -= atOnce {
		if _, err := r.exec(ctx, r.cfg.DB, surplus, user, min(more, atOnce)); err != nil {
			return err
		}
	}
	return nil
}
