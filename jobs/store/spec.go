package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
)

// A Spec describes the jobs of a row of a service. Processes that have the row write it, and
// clients read it to compute the [Terms] of jobs. The store does not interpret it.
type Spec struct {
	Service string
	Name    string // of the job
	Text    string // "" if there is nothing to say: then the store has no such row
	Version string // identifies Text; set by the store
}

// version returns the version of a text.
func version(text string) string {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// Specs returns the specs of the rows of a service, except empty ones.
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

// SetSpec writes the spec of a row, and returns it with its version. From then on, a job with
// another version is not inserted. Jobs that are in the store already must be prepared: see
// [Store.Unprepared].
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

// Unprepared returns waiting jobs whose terms were not computed from this version of a row's
// [Spec]: those with a Seq above after, in the order of Seq, at most limit. Pass them to
// [Store.Prepare].
func (s *Store) Unprepared(ctx context.Context, x Spec, after int64, limit int) (found []Job, err error) {
	err = s.read(func(c conn) (err error) {
		found, err = jobs(ctx, c, s.text(unprepared), x.Service, x.Name, x.Version, after, limit)
		return err
	})
	return found, err
}

// A Prepared is a job with its new terms.
type Prepared struct {
	Job Job // as claimed, or as returned by [Store.Unprepared]
	Terms
}

const (
	// prepareAny sets the terms of a job. It gets no key if another job holds it.
	prepareAny = `UPDATE gomeko_job SET version = nullif($2, ''), resource = nullif($5, ''), pass = $6,
	unique_key = CASE WHEN EXISTS (SELECT 1 FROM gomeko_job AS o WHERE o.seq <> $1
			AND o.service = gomeko_job.service AND o.name = gomeko_job.name AND o.unique_key = $3
			AND o.unique_key IS NOT NULL AND (o.finished_at IS NULL OR o.unique_until IS NOT NULL))
		THEN NULL ELSE nullif($3, '') END,
	unique_until = CASE WHEN $4 > 0 THEN {in CAST($4 AS bigint)} END`

	prepareWaiting = prepareAny + ` WHERE seq = $1 AND state IN ('scheduled', 'queued')`

	// prepareClaimed also gives back a claimed job.
	prepareClaimed = prepareAny + `, state = 'queued', attempt = attempt - 1, started_at = NULL, sweep_at = {now}, nudges = 0
WHERE seq = $1 AND state = 'running' AND owner = $7 AND attempt = $8`
)

// Prepare sets the terms of jobs that wait or were claimed. It gives claimed jobs back, without
// counting the attempt, to be claimed again. It skips jobs that have changed since they were read.
// A job whose key another one holds gets no key, because it was enqueued when that was allowed.
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
