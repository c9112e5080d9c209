package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Claim describes which jobs a worker takes, and for how long.
type Claim struct {
	Owner string // the process; random for each start
	Host  string // the name of its machine
	Queue string
	// Names are the names of the jobs to take. The default is all names, which is also the fastest.
	Names []string
	// Except are names of jobs not to take. It is ignored if Names is set.
	Except []string
	Limit  int           // maximum number of jobs, from 1 to 500
	Lease  time.Duration // how long the worker holds the jobs, unless it renews the lease
	// Resources must be set if the queue may have jobs with a resource. Otherwise these are not
	// taken.
	Resources bool
	// Deaths, if not 0, divides jobs by how many workers have died while running them.
	// [Store.Claim] takes jobs with fewer deaths, [Store.ClaimSuspects] the others.
	Deaths int
}

// check returns the mistake in a claim.
func (c Claim) check() error {
	switch {
	case c.Owner == "" || c.Queue == "":
		return errors.New("jobs/store: a claim needs an Owner and a Queue")
	case c.Limit < 1 || c.Limit > batch:
		return fmt.Errorf("jobs/store: a claim of %d jobs: Limit must be from 1 to %d", c.Limit, batch)
	case c.Lease <= 0:
		return fmt.Errorf("jobs/store: a claim for %v: Lease must be positive", c.Lease)
	case c.Deaths < 0:
		return fmt.Errorf("jobs/store: a claim of jobs with fewer than %d deaths: Deaths must not be negative", c.Deaths)
	}
	return nil
}

// The parts of a claim. The first parameters of all are the queue and the limit.
const (
	// best selects the best jobs of a queue. %s restricts it to a name, and by deaths.
	best = `SELECT seq, priority, run_at FROM gomeko_job WHERE queue = $1 AND state = 'queued' AND resource IS NULL%s ORDER BY priority DESC, run_at, seq LIMIT $2{skip}`

	// claiming takes the jobs selected by the second %s, which may use tables from the first.
	claiming = `WITH %sbest AS MATERIALIZED (%s)
UPDATE gomeko_job SET state = 'running', attempt = attempt + 1, started_at = {now}, sweep_at = {in CAST($3 AS bigint)}, owner = $4, host = $5,
	progress = NULL, progress_text = ''
WHERE seq {among SELECT seq FROM best} RETURNING {columns}`

	// waiting selects the names of queued jobs: it steps through an index from name to name.
	waiting = `WITH RECURSIVE step(name) AS (
	SELECT (SELECT name FROM gomeko_job WHERE queue = $1 AND state = 'queued' AND resource IS NULL ORDER BY name LIMIT 1)
	UNION ALL
	SELECT (SELECT j.name FROM gomeko_job AS j WHERE j.queue = $1 AND j.state = 'queued' AND j.resource IS NULL AND j.name > step.name ORDER BY j.name LIMIT 1)
	FROM step WHERE step.name IS NOT NULL)
SELECT name FROM step WHERE name IS NOT NULL`
)

// widest limits the parts of a statement, one for each name or kind of job.
const widest = 100

// Claim takes queued jobs: those with the highest Priority first, then the oldest RunAt, then the
// lowest Seq. It sets their state to running, counts an attempt, and returns them in this order. No
// two claims take the same job. If no job is queued, Claim returns neither jobs nor an error.
//
// A job with a resource is taken only if no job of the resource is running, and none with a lower
// Seq is queued or waits for its next attempt. A job that lets others pass while it waits does not
// count, nor does one that is scheduled for its first attempt.
func (s *Store) Claim(ctx context.Context, c Claim) ([]Job, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(c.Names) == 0 && len(c.Except) == 0 {
		claimed, err := s.claim(ctx, c, selection{all: true})
		if err != nil || len(claimed) == c.Limit || !c.Resources || s.dialect.single {
			return claimed, err
		}
		return s.claimRest(ctx, c, claimed, selection{all: true})
	}
	names := c.Names
	if len(names) != 1 {
		var err error
		if names, err = s.waiting(ctx, c); err != nil || len(names) == 0 && !c.Resources {
			return nil, err
		}
	}
	claimed, err := s.claim(ctx, c, selection{names: names})
	if err != nil || len(claimed) == c.Limit || len(names) == 1 && !c.Resources || s.dialect.single {
		return claimed, err
	}
	if names, err = s.waiting(ctx, c); err != nil {
		return claimed, err
	}
	return s.claimRest(ctx, c, claimed, selection{names: names})
}

// claimRest claims once more, up to the limit. Another worker may have locked more jobs than it
// took, because it locks up to its limit in each part of a selection.
func (s *Store) claimRest(ctx context.Context, c Claim, claimed []Job, from selection) ([]Job, error) {
	if !from.all && len(from.names) == 0 && !c.Resources {
		return claimed, nil
	}
	c.Limit -= len(claimed)
	more, err := s.claim(ctx, c, from)
	return append(claimed, more...), err
}

// waiting returns those names of the claim for which jobs are queued.
func (s *Store) waiting(ctx context.Context, c Claim) (names []string, err error) {
	err = s.read(func(conn conn) (err error) {
		names, err = texts(ctx, conn, s.text(waiting), c.Queue)
		return err
	})
	names = slices.DeleteFunc(names, func(name string) bool {
		if len(c.Names) > 0 {
			return !slices.Contains(c.Names, name)
		}
		return slices.Contains(c.Except, name)
	})
	return names[:min(len(names), widest)], err
}

// claim takes the jobs of a selection.
func (s *Store) claim(ctx context.Context, c Claim, from selection) (claimed []Job, err error) {
	statement, args := c.statement(from)
	err = s.write(ctx, func(conn conn) (err error) {
		claimed, err = jobs(ctx, conn, s.text(statement), args...)
		return err
	})
	slices.SortFunc(claimed, func(a, b Job) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.RunAt.Compare(b.RunAt), cmp.Compare(a.Seq, b.Seq))
	})
	return claimed, err
}

// A selection describes which jobs without a resource a claim takes.
type selection struct {
	all   bool     // jobs of every name
	names []string // else those with these names
}

// statement returns the statement of a claim and its parameters. If it has several parts, it
// selects the best jobs of each, and then the best of these.
func (c Claim) statement(from selection) (text string, args []any) {
	fewer := ""
	if c.Deaths > 0 {
		fewer = fmt.Sprintf(" AND deaths < %d", c.Deaths)
	}
	args = []any{c.Queue, c.Limit, micros(c.Lease), c.Owner, c.Host}
	var parts []string
	tables := ""
	if from.all {
		parts = append(parts, fmt.Sprintf(best, fewer))
	}
	for _, name := range from.names {
		args = append(args, name)
		parts = append(parts, fmt.Sprintf(best, fmt.Sprintf(" AND name = $%d", len(args))+fewer))
	}
	if c.Resources {
		tables = "RECURSIVE " + heads + ", "
		only := ""
		only, args = c.only(args)
		parts = append(parts, fmt.Sprintf(bestHead, only+fewer))
	}
	if len(parts) == 1 {
		return fmt.Sprintf(claiming, tables, parts[0]), args
	}
	for i, part := range parts {
		parts[i] = fmt.Sprintf("SELECT * FROM (%s) AS n%d", part, i)
	}
	all := `SELECT seq FROM (` + strings.Join(parts, " UNION ALL ") + `) AS n ORDER BY priority DESC, run_at, seq LIMIT $2`
	return fmt.Sprintf(claiming, tables, all), args
}

// suspects selects queued jobs with at least this many deaths. The first condition is that of the
// index.
const suspects = `SELECT seq FROM gomeko_job{by gomeko_job_suspect} WHERE queue = $1 AND state = 'queued' AND deaths > 0 AND deaths >= %d%s
	AND (resource IS NULL OR seq = ` + headOf + `gomeko_job.resource` + headEnd + ` AND NOT ` + heldBy + `gomeko_job.resource` + heldEnd + `)
	ORDER BY priority DESC, run_at, seq LIMIT $2{skip}`

// ClaimSuspects is [Store.Claim] for jobs with at least Deaths deaths. It costs little if there are
// none.
func (s *Store) ClaimSuspects(ctx context.Context, c Claim) (claimed []Job, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	only, args := c.only([]any{c.Queue, c.Limit, micros(c.Lease), c.Owner, c.Host})
	err = s.write(ctx, func(conn conn) (err error) {
		claimed, err = jobs(ctx, conn, s.text(fmt.Sprintf(claiming, "", fmt.Sprintf(suspects, c.Deaths, only))), args...)
		return err
	})
	return claimed, err
}

// only returns the condition for the names of a claim, and the statement's parameters including
// them.
func (c Claim) only(args []any) (condition string, all []any) {
	names, not := c.Names, ""
	switch {
	case len(c.Names) > 0:
	case len(c.Except) > 0:
		names, not = c.Except, "NOT "
	default:
		return "", args
	}
	args = append(args, object(names))
	return fmt.Sprintf(" AND %sname {items $%d}", not, len(args)), args
}

const claimingHooks = `WITH best AS MATERIALIZED (
	SELECT seq FROM gomeko_job WHERE queue = $1 AND hook = 'due'%s ORDER BY seq LIMIT $2{skip})
UPDATE gomeko_job SET hook = 'running', sweep_at = {in CAST($3 AS bigint)}, owner = $4, host = $5
WHERE seq {among SELECT seq FROM best} RETURNING {columns}`

// ClaimHooks takes jobs that have ended and whose hook is due, oldest first. Their state does not
// change. The worker calls [Store.HookRan] when the hook has run, and also if the job has no hook.
func (s *Store) ClaimHooks(ctx context.Context, c Claim) (claimed []Job, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	only, args := c.only([]any{c.Queue, c.Limit, micros(c.Lease), c.Owner, c.Host})
	err = s.write(ctx, func(conn conn) (err error) {
		claimed, err = jobs(ctx, conn, s.text(fmt.Sprintf(claimingHooks, only)), args...)
		return err
	})
	slices.SortFunc(claimed, func(a, b Job) int { return cmp.Compare(a.Seq, b.Seq) })
	return claimed, err
}
