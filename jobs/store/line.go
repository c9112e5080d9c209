package store

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// The line of a resource consists of its jobs that are queued, that run, or that wait for another
// attempt without letting others pass, in the order of Seq. The first one runs; when it has ended,
// the next one does.
const (
	// inLine is the condition that a job j is in a line. It is also the condition of the index.
	inLine = `j.resource IS NOT NULL AND j.seq > 0 AND (j.state IN ('queued', 'running') OR (j.state = 'scheduled' AND j.attempt > j.earlier AND NOT j.pass))`

	// headOf and headEnd select the first job of the line of the resource that stands between them.
	headOf  = `(SELECT j.seq FROM gomeko_job AS j WHERE ` + inLine + ` AND j.resource = `
	headEnd = ` ORDER BY j.seq LIMIT 1)`

	// heldBy and heldEnd enclose a resource; together they are the condition that a job of it runs.
	// This job is not the first in the line if that one has let others pass.
	heldBy  = `EXISTS (SELECT 1 FROM gomeko_job AS j WHERE j.state = 'running' AND j.resource IS NOT NULL AND j.resource = `
	heldEnd = `)`

	// heads selects the first jobs of those lines in a queue of which no job runs. It steps through
	// an index from one name and resource to the next, so its time does not grow with the number of
	// waiting jobs.
	heads = `step(seq) AS (
	SELECT (SELECT seq FROM gomeko_job WHERE queue = $1 AND state = 'queued' AND resource IS NOT NULL ORDER BY name, resource LIMIT 1)
	UNION ALL
	SELECT coalesce(
		(SELECT j.seq FROM gomeko_job AS j WHERE j.queue = $1 AND j.state = 'queued' AND j.resource IS NOT NULL
			AND j.name = k.name AND j.resource > k.resource ORDER BY j.resource LIMIT 1),
		(SELECT j.seq FROM gomeko_job AS j WHERE j.queue = $1 AND j.state = 'queued' AND j.resource IS NOT NULL
			AND j.name > k.name ORDER BY j.name, j.resource LIMIT 1))
	FROM step {row step.seq}),
lines AS (SELECT DISTINCT (SELECT k.resource FROM gomeko_job AS k WHERE k.seq = step.seq) AS resource FROM step WHERE seq IS NOT NULL),
heads AS MATERIALIZED (SELECT ` + headOf + `lines.resource` + headEnd + ` AS seq FROM lines WHERE NOT ` + heldBy + `lines.resource` + heldEnd + `)`

	// bestHead selects the best of these jobs. %s restricts it by name and deaths.
	bestHead = `SELECT seq, priority, run_at FROM gomeko_job WHERE seq {among SELECT seq FROM heads} AND queue = $1 AND state = 'queued'%s
	ORDER BY priority DESC, run_at, seq LIMIT $2{skip}`

	// firsts selects the first job of each line of $1, a list of resources, unless a job of the
	// line runs.
	firsts = `SELECT ` + headOf + `eresource` + headEnd + ` FROM {rows eresource text} WHERE NOT ` + heldBy + `eresource` + heldEnd

	// waking makes the sweeper ask for workers for them soon, unless workers have taken them by
	// then.
	waking = `WITH next AS MATERIALIZED (SELECT seq FROM gomeko_job WHERE seq {among ` + firsts + `} AND state = 'queued'{skip})
UPDATE gomeko_job SET nudges = 0, sweep_at = {in CAST($3 AS bigint)} WHERE seq {among SELECT seq FROM next} RETURNING {light}`
)

// wakeAfter is how long the sweeper waits before it asks for a worker for the next job of a
// resource. The process in which the previous job has ended wakes a worker at once.
const wakeAfter = 500 * time.Millisecond

// A resourceRow is a resource as the parameter of a statement.
type resourceRow struct {
	Resource string `json:"eresource"`
}

// resourceRows returns the rows of the resources, without duplicates.
func resourceRows(resources []string) []resourceRow {
	slices.Sort(resources)
	var rows []resourceRow
	for _, r := range slices.Compact(resources) {
		if r != "" {
			rows = append(rows, resourceRow{r})
		}
	}
	return rows
}

// wake returns the next jobs of the resources, for which workers must be woken.
func (s *Store) wake(ctx context.Context, c conn, resources []string, after time.Duration) ([]Job, error) {
	rows := resourceRows(resources)
	if len(rows) == 0 {
		return nil, nil
	}
	return jobs(ctx, c, s.text(waking), object(rows), len(rows), micros(after))
}

// unblocked returns the jobs for which a worker has something to do: those without a resource,
// those that have ended, and the first of each line.
func (s *Store) unblocked(ctx context.Context, c conn, all []Job) ([]Job, error) {
	var resources []string
	for _, j := range all {
		if j.State == Queued {
			resources = append(resources, j.Resource)
		}
	}
	rows := resourceRows(resources)
	if len(rows) == 0 {
		return all, nil
	}
	next := map[int64]bool{}
	err := each(ctx, c, func(rows *sql.Rows) error {
		var seq *int64
		err := rows.Scan(&seq)
		if seq != nil {
			next[*seq] = true
		}
		return err
	}, s.text(firsts), object(rows), len(rows))
	return slices.DeleteFunc(all, func(j Job) bool { return j.State == Queued && j.Resource != "" && !next[j.Seq] }), err
}

// A Line describes which job holds a resource, and how many wait for it.
type Line struct {
	Resource string
	// First is the job that runs or, if none does, the next one, which waits for a worker or for
	// its next attempt. It has no Payload, Headers or Result.
	First   Job
	Waiting int64 // number of further jobs
}

const (
	lined = `SELECT j.resource, count(*) FROM gomeko_job AS j WHERE ` + inLine + ` GROUP BY j.resource ORDER BY j.resource`

	holders = `SELECT {light} FROM gomeko_job WHERE seq {among SELECT coalesce(
	(SELECT j.seq FROM gomeko_job AS j WHERE j.state = 'running' AND j.resource IS NOT NULL AND j.resource = eresource), ` +
		headOf + `eresource` + headEnd + `) FROM {rows eresource text}}`

	inOrder = `SELECT {light} FROM gomeko_job AS j WHERE j.resource = $1 AND ` + inLine + ` ORDER BY CASE j.state WHEN 'running' THEN 0 ELSE 1 END, j.seq LIMIT $2`
)

// Lines returns the lines of all resources for which jobs run or wait, ordered by Resource.
func (s *Store) Lines(ctx context.Context) (all []Line, err error) {
	err = s.read(func(c conn) error {
		err := each(ctx, c, func(rows *sql.Rows) error {
			var l Line
			err := rows.Scan(&l.Resource, &l.Waiting)
			l.Waiting--
			all = append(all, l)
			return err
		}, s.text(lined))
		if err != nil {
			return err
		}
		for part := range slices.Chunk(all, batch) {
			rows := make([]resourceRow, len(part))
			for i, l := range part {
				rows[i].Resource = l.Resource
			}
			first, err := jobs(ctx, c, s.text(holders), object(rows), len(rows))
			if err != nil {
				return err
			}
			for _, j := range first {
				i := slices.IndexFunc(part, func(l Line) bool { return l.Resource == j.Resource })
				part[i].First = j
			}
		}
		return nil
	})
	// A line has no first job if its jobs have ended since it was read.
	return slices.DeleteFunc(all, func(l Line) bool { return l.First.ID == "" }), err
}

// Line returns the jobs in a resource's line, at most limit: the one that runs, then those that
// wait, in order. They have no Payload, Headers or Result.
func (s *Store) Line(ctx context.Context, resource string, limit int) (found []Job, err error) {
	err = s.read(func(c conn) (err error) {
		found, err = jobs(ctx, c, s.text(inOrder), resource, limit)
		return err
	})
	return found, err
}
