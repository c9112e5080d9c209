package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
)

// A Spec is what a row of a service says about its jobs. The processes that have the row write it,
// and whoever enqueues jobs reads it, to compute their [Terms]. The store does not know what is in
// it.
type Spec struct {
	Service string
	Name    string // of the job
	Text    string // "" says nothing: there is no such row in the store
	Version string // names Text; set by the store
}

// version returns the version of a text.
func version(text string) string {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// Specs returns what the rows of a service say. Rows that say nothing are left out.
func (s *Store) Specs(ctx context.Context, service string) (all []Spec, err error) {
	err = s.read(func(c conn) error {
		return each(ctx, c, func(rows *sql.Rows) error {
			var x Spec
			err := rows.Scan(&x.Service, &x.Name, &x.Text, &x.Version)
			all = append(all, x)
			return err
		}, `SELECT service, name, spec, version FROM gomeko_row WHERE service = $1 ORDER BY name`, service)
	})
	return all, err
}

const (
	saying = `INSERT INTO gomeko_row (service, name, spec, version, changed_at) VALUES ($1, $2, $3, $4, {now})
ON CONFLICT (service, name) DO UPDATE SET spec = excluded.spec, version = excluded.version, changed_at = excluded.changed_at
WHERE gomeko_row.version <> excluded.version`

	silencing = `DELETE FROM gomeko_row WHERE service = $1 AND name = $2`
)

// SetSpec writes what a row says, and returns it with its version. From then on, a job with another
// version is not inserted. What is there already must be prepared: see [Store.Unprepared].
func (s *Store) SetSpec(ctx context.Context, x Spec) (Spec, error) {
	var err error
	if x.Version = version(x.Text); x.Text == "" {
		_, err = s.exec(ctx, silencing, x.Service, x.Name)
	} else {
		_, err = s.exec(ctx, saying, x.Service, x.Name, x.Text, x.Version)
	}
	return x, err
}

const unprepared = `SELECT {columns} FROM gomeko_job WHERE service = $1 AND name = $2 AND state IN ('scheduled', 'queued')
	AND coalesce(version, '') <> $3 AND seq > $4 ORDER BY seq LIMIT $5`

// Unprepared returns jobs that wait whose terms were not computed by this version of a row's
// [Spec]: those with a Seq after a number, in the order of Seq, at most limit. They are for
// [Store.Prepare].
func (s *Store) Unprepared(ctx context.Context, x Spec, after int64, limit int) (found []Job, err error) {
	err = s.read(func(c conn) (err error) {
		found, err = jobs(ctx, c, s.text(unprepared), x.Service, x.Name, x.Version, after, limit)
		return err
	})
	return found, err
}

// A Prepared has new terms of a job.
type Prepared struct {
	Job Job // as it was claimed, or returned by [Store.Unprepared]
	Terms
}

const (
	// prepareAny sets the terms of a job. One whose key another one holds gets none.
	prepareAny = `UPDATE gomeko_job SET version = nullif($2, ''), resource = nullif($5, ''), pass = $6,
	unique_key = CASE WHEN EXISTS (SELECT 1 FROM gomeko_job AS o WHERE o.seq <> $1
			AND o.service = gomeko_job.service AND o.name = gomeko_job.name AND o.unique_key = $3
			AND o.unique_key IS NOT NULL AND (o.finished_at IS NULL OR o.unique_until IS NOT NULL))
		THEN NULL ELSE nullif($3, '') END,
	unique_until = CASE WHEN $4 > 0 THEN {in CAST($4 AS bigint)} END`

	prepareWaiting = prepareAny + ` WHERE seq = $1 AND state IN ('scheduled', 'queued')`

	// prepareClaimed also gives a claimed job back.
	prepareClaimed = prepareAny + `, state = 'queued', attempt = attempt - 1, started_at = NULL, sweep_at = {now}, nudges = 0
WHERE seq = $1 AND state = 'running' AND owner = $7 AND attempt = $8`
)

// Prepare sets the terms of jobs that wait, and of jobs that were claimed: these are given back, to
// be claimed again, and their attempt is not counted. Jobs that have changed meanwhile are left as
// they are. A job whose key another one holds already gets no key: it was enqueued when that was
// allowed.
func (s *Store) Prepare(ctx context.Context, all ...Prepared) error {
	return s.transact(ctx, func(c conn) error {
		for _, p := range all {
			t := p.row()
			args := []any{p.Job.Seq, t.Version, t.Key, t.For, t.Resource, t.Pass}
			statement := prepareWaiting
			if p.Job.State == Running {
				statement, args = prepareClaimed, append(args, p.Job.Owner, p.Job.Attempt)
			}
			if _, err := c.ExecContext(ctx, s.text(statement), args...); err != nil {
				return err
			}
		}
		return nil
	})
}
