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

// A Claim says which jobs a worker takes, and for how long.
type Claim struct {
	Owner string // the process; random for each start of it
	Host  string // the name of its machine
	Queue string
	// Names are the jobs' names to take. The default is all, which is also the fastest: the best job
	// of the whole queue is taken.
	Names []string
	// Except are names not to take. It is ignored if there are Names.
	Except []string
	Limit  int           // at most so many jobs, from 1 to 500
	Lease  time.Duration // how long no other worker takes them, unless it is renewed
	// Deaths, if it is not 0, divides jobs by how many workers have died with them: [Store.Claim]
	// takes those with fewer, [Store.ClaimSuspects] the others.
	Deaths int
}

// check returns what is wrong with a claim.
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
	// best selects the best jobs of a queue. %s limits it to a name, and to deaths.
	best = `SELECT seq, priority, run_at FROM gomeko_job WHERE queue = $1 AND state = 'queued'%s ORDER BY priority DESC, run_at, seq LIMIT $2{skip}`

	claiming = `WITH best AS MATERIALIZED (%s)
UPDATE gomeko_job SET state = 'running', attempt = attempt + 1, started_at = {now}, sweep_at = {in CAST($3 AS bigint)}, owner = $4, host = $5,
	progress = NULL, progress_text = ''
WHERE seq {among SELECT seq FROM best} RETURNING {columns}`

	// waiting selects the names of queued jobs: it steps through an index from name to name.
	waiting = `WITH RECURSIVE step(name) AS (
	SELECT (SELECT name FROM gomeko_job WHERE queue = $1 AND state = 'queued' ORDER BY name LIMIT 1)
	UNION ALL
	SELECT (SELECT j.name FROM gomeko_job AS j WHERE j.queue = $1 AND j.state = 'queued' AND j.name > step.name ORDER BY j.name LIMIT 1)
	FROM step WHERE step.name IS NOT NULL)
SELECT name FROM step WHERE name IS NOT NULL`

	// first is the number of the parameter with the first name.
	first = 6
)

// widest is how many parts a statement has at most, for one name or kind of jobs each.
const widest = 100

// Claim takes jobs that are queued: those with the highest Priority first, then those with the
// oldest RunAt, then those with the lowest Seq. It sets their state to running, counts an attempt,
// and returns them in this order. No two claims take the same job. No job and no error says that
// none is queued.
func (s *Store) Claim(ctx context.Context, c Claim) ([]Job, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(c.Names) == 0 && len(c.Except) == 0 {
		return s.claim(ctx, c, nil)
	}
	names := c.Names
	if len(names) != 1 {
		var err error
		if names, err = s.waiting(ctx, c); err != nil || len(names) == 0 {
			return nil, err
		}
	}
	claimed, err := s.claim(ctx, c, names)
	if err != nil || len(claimed) == c.Limit || len(names) == 1 || s.dialect.single {
		return claimed, err
	}
	// Another worker may have locked more than it took: it looks for its limit of each name.
	rest := c
	rest.Limit -= len(claimed)
	if names, err = s.waiting(ctx, c); err != nil || len(names) == 0 {
		return claimed, err
	}
	more, err := s.claim(ctx, rest, names)
	return append(claimed, more...), err
}

// waiting returns the names of the claim that jobs in its queue have.
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

// claim takes jobs of names, or of all names if there are none.
func (s *Store) claim(ctx context.Context, c Claim, names []string) (claimed []Job, err error) {
	args := []any{c.Queue, c.Limit, micros(c.Lease), c.Owner, c.Host}
	for _, name := range names {
		args = append(args, name)
	}
	statement := s.text(fmt.Sprintf(claiming, selection(len(names), c.Deaths)))
	err = s.write(ctx, func(conn conn) (err error) {
		claimed, err = jobs(ctx, conn, statement, args...)
		return err
	})
	slices.SortFunc(claimed, func(a, b Job) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.RunAt.Compare(b.RunAt), cmp.Compare(a.Seq, b.Seq))
	})
	return claimed, err
}

// selection selects the best jobs of so many names; of all if there are none. Of several names it
// selects the best of each, and the best of these. If deaths is not 0, they have fewer.
func selection(names, deaths int) string {
	fewer := ""
	if deaths > 0 {
		fewer = fmt.Sprintf(" AND deaths < %d", deaths)
	}
	if names == 0 {
		return fmt.Sprintf(best, fewer)
	}
	parts := make([]string, names)
	for i := range parts {
		parts[i] = fmt.Sprintf("SELECT * FROM ("+best+") AS n%d", fmt.Sprintf(" AND name = $%d", first+i)+fewer, i)
	}
	all := strings.Join(parts, " UNION ALL ")
	if names == 1 {
		return all
	}
	return `SELECT seq FROM (` + all + `) AS n ORDER BY priority DESC, run_at, seq LIMIT $2`
}

// suspects selects queued jobs with at least so many deaths. The first condition is that of the
// index.
const suspects = `SELECT seq FROM gomeko_job{by gomeko_job_suspect} WHERE queue = $1 AND state = 'queued' AND deaths > 0 AND deaths >= %d%s
	ORDER BY priority DESC, run_at, seq LIMIT $2{skip}`

// ClaimSuspects is [Store.Claim] for the jobs with at least Deaths deaths. To find out that there
// are none costs little.
func (s *Store) ClaimSuspects(ctx context.Context, c Claim) (claimed []Job, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	only, args := c.only()
	err = s.write(ctx, func(conn conn) (err error) {
		claimed, err = jobs(ctx, conn, s.text(fmt.Sprintf(claiming, fmt.Sprintf(suspects, c.Deaths, only))), args...)
		return err
	})
	return claimed, err
}

// only returns the condition for the names of a claim, and the parameters of the statement.
func (c Claim) only() (condition string, args []any) {
	args = []any{c.Queue, c.Limit, micros(c.Lease), c.Owner, c.Host}
	switch {
	case len(c.Names) > 0:
		return ` AND name {items $6}`, append(args, object(c.Names))
	case len(c.Except) > 0:
		return ` AND NOT name {items $6}`, append(args, object(c.Except))
	}
	return "", args
}

const claimingHooks = `WITH best AS MATERIALIZED (
	SELECT seq FROM gomeko_job WHERE queue = $1 AND hook = 'due'%s ORDER BY seq LIMIT $2{skip})
UPDATE gomeko_job SET hook = 'running', sweep_at = {in CAST($3 AS bigint)}, owner = $4, host = $5
WHERE seq {among SELECT seq FROM best} RETURNING {columns}`

// ClaimHooks takes jobs that have ended and whose hook is due, oldest first. Their state does not
// change. The worker calls [Store.HookRan] when the hook has run, or if the job has none.
func (s *Store) ClaimHooks(ctx context.Context, c Claim) (claimed []Job, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	only, args := c.only()
	err = s.write(ctx, func(conn conn) (err error) {
		claimed, err = jobs(ctx, conn, s.text(fmt.Sprintf(claimingHooks, only)), args...)
		return err
	})
	slices.SortFunc(claimed, func(a, b Job) int { return cmp.Compare(a.Seq, b.Seq) })
	return claimed, err
}
